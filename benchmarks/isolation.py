"""Whether one provider's trouble slows another: bets of Swipe over HTTP while the launch API of Hub88 hangs, beside bets in peace.

A sandbox of its own is started. Blocks in peace and in trouble take turns, so that whatever else the machine does falls on both.
What this cannot show: a flood. The emulator's HTTP APIs do not throttle, and all functions share the processors of one machine;
that each provider has its own function, concurrency and throttle is asserted on the templates instead.
"""

import argparse
import json
import statistics
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.progress import track

from sandbox import run
from sandbox.player import PlayerApi
from sandbox.provider import hub88, swipe
from sandbox.provider.guest import newcomer
from sandbox.provider.launch_server import Fault
from sandbox.provider.line import Outcome, exchange
from sandbox.provider.table import Seat, Turn
from sandbox.screen import Screen
from sandbox.stack import Stack
from sandbox.wire import NoAnswerError, send

HERE: Final = Path(__file__).resolve().parent
LAUNCHERS: Final = 4
"""Front-ends that launch a hanging game, one after another each."""

RATIO_MAX: Final = 1.2
_PORT: Final = 4797


def main() -> int:
    """Measure and show; 1 when the ratio of the 99th percentiles is above RATIO_MAX."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.isolation", description=__doc__)
    parser.add_argument("--blocks", type=int, default=12, help="blocks of each kind")
    parser.add_argument("--bets", type=int, default=50, help="bets in a block")
    asked = parser.parse_args()
    console = Console()
    with (
        tempfile.TemporaryDirectory() as folder,
        run.running(run.Settings(_PORT, Path(folder)), Screen()) as stack,
    ):
        quiet, troubled, launches = _measure(stack, asked.blocks, asked.bets)
    ratio = round(_p99(troubled) / _p99(quiet), 3)
    result = {
        "bets_each": len(quiet),
        "hanging_launches": launches,
        "quiet_ms": _figures(quiet),
        "troubled_ms": _figures(troubled),
        "p99_ratio": ratio,
    }
    (HERE / "isolation.json").write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    console.print_json(data=result)
    return 0 if ratio <= RATIO_MAX else 1


def _measure(stack: Stack, blocks: int, bets: int) -> tuple[list[float], list[float], int]:
    guest = newcomer(stack, "1000.00")
    seat = guest.launch("swipe", swipe.GAMES)
    hanging = next(game["game_id"] for game in guest.api.games() if game["name"] in hub88.GAMES)
    others = [newcomer(stack).api for _ in range(LAUNCHERS)]
    for _ in range(bets):  # whatever is cold is warm after these
        _bet(seat)
    quiet: list[float] = []
    troubled: list[float] = []
    launches = 0
    for _ in track(range(blocks), description="blocks of bets"):
        quiet += [_bet(seat) for _ in range(bets)]
        with _hanging(stack, others, hanging) as counted:
            troubled += [_bet(seat) for _ in range(bets)]
        launches += len(counted)
    return quiet, troubled, launches


def _bet(seat: Seat) -> float:
    """Place a bet of a cent; give the milliseconds to its answer."""
    turn = Turn(str(uuid.uuid4()), str(uuid.uuid4()), Decimal("0.10"))
    speaker = swipe.Swipe()
    message = speaker.bet(seat, turn)
    began = time.perf_counter()
    answer = exchange(message).answer
    took = (time.perf_counter() - began) * 1000
    if speaker.read(seat, answer).outcome is not Outcome.STANDS:
        raise RuntimeError(f"a bet was answered with {answer.status} {answer.body[:200]!r}")
    return took


@contextmanager
def _hanging(stack: Stack, others: list[PlayerApi], game_id: str) -> Iterator[list[int]]:
    """Let Hub88's launch API hang, and players launch there all the time; give the statuses as they come."""
    statuses: list[int] = []
    over = threading.Event()

    def launch(api: PlayerApi) -> None:
        while not over.is_set():
            try:
                statuses.append(api.raw("POST", f"/v1/games/{game_id}/sessions", b"{}").status)
            except NoAnswerError:
                statuses.append(0)
            over.wait(1.0)  # a refusal of an open circuit comes at once, and a person does not click faster

    _fault(stack, Fault.HANG, 1_000)
    threads = [threading.Thread(target=launch, args=(api,)) for api in others]
    for thread in threads:
        thread.start()
    time.sleep(0.5)  # until they all hang
    try:
        yield statuses
    finally:
        over.set()
        _fault(stack, None, 1)
        for thread in threads:
            thread.join(60)


def _fault(stack: Stack, fault: Fault | None, times: int) -> None:
    body = json.dumps({"fault": fault, "times": times}).encode()
    answer = send("PUT", f"{stack.launch_api}/hub88/fault", body=body, headers={"Content-Type": "application/json"})
    if answer.status != 200:  # noqa: PLR2004 - OK
        raise RuntimeError(f"the launch API did not take a fault: {answer.status}")


def _p99(took: list[float]) -> float:
    return statistics.quantiles(took, n=100)[98]


def _figures(took: list[float]) -> dict[str, float]:
    return {"p50": round(statistics.median(took), 1), "p99": round(_p99(took), 1)}


if __name__ == "__main__":
    sys.exit(main())
