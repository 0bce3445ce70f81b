"""Whether one provider's trouble slows another: bets of Swipe over HTTP beside the same bets in peace.

The trouble is of two kinds:

- the launch API of Hub88 hangs while players launch its games all the time;
- Hub88 floods us with copies of one bet, ten times as many as the throttle of its routes lets through.

A sandbox of its own is started. Blocks in peace and in trouble take turns, so that whatever else the machine does falls on both.
Here both providers' functions, the emulator's gateway and its tables share the processors of one machine, and the gateway and the
tables one process of it; so Hub88's throttle is set to what this machine serves beside its neighbour without being full, and what a
flood costs its neighbour where they are machines apart is less.
"""

import argparse
import json
import statistics
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.progress import track

from benchmarks.flood import Flooded, flood
from sandbox import aws, run
from sandbox.faulty_server import Fault
from sandbox.player import PlayerApi
from sandbox.provider import hub88, swipe
from sandbox.provider.guest import Guest, newcomer
from sandbox.provider.line import Outcome, exchange
from sandbox.provider.table import Seat, Turn
from sandbox.screen import Screen
from sandbox.stack import Stack
from sandbox.wire import NoAnswerError, send

HERE: Final = Path(__file__).resolve().parent
LAUNCHERS: Final = 4
"""Front-ends that launch a hanging game, one after another each."""

THROTTLE: Final = 5
"""Requests a second that each route of Hub88 lets through while it floods, and as many at one moment."""

TIMES: Final = 10
RATIO_MAX: Final = 1.2
_PORT: Final = 4797


def main() -> int:
    """Measure and show; 1 when a ratio of the 99th percentiles is above RATIO_MAX."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.isolation", description=__doc__)
    parser.add_argument("--blocks", type=int, default=12, help="blocks of each kind")
    parser.add_argument("--bets", type=int, default=50, help="bets in a block")
    asked = parser.parse_args()
    console = Console()
    with (
        tempfile.TemporaryDirectory() as folder,
        run.running(run.Settings(_PORT, Path(folder)), Screen()) as stack,
    ):
        guest = newcomer(stack, "1000.00")
        seat = guest.launch("swipe", swipe.GAMES)
        hanging = _while_hanging(stack, guest, seat, asked.blocks, asked.bets)
        flooding = _while_flooding(stack, seat, asked.blocks, asked.bets)
    result = {"hanging": hanging, "flooding": flooding}
    (HERE / "isolation.json").write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    console.print_json(data=result)
    return 0 if all(one["p99_ratio"] <= RATIO_MAX for one in result.values()) else 1


def _while_hanging(stack: Stack, guest: Guest, seat: Seat, blocks: int, bets: int) -> dict[str, Any]:
    hanging = next(game["game_id"] for game in guest.api.games() if game["name"] in hub88.GAMES)
    others = [newcomer(stack).api for _ in range(LAUNCHERS)]
    launches = 0

    @contextmanager
    def trouble() -> Iterator[None]:
        nonlocal launches
        with _hanging(stack, others, hanging) as counted:
            yield
        launches += len(counted)

    return {**_compare(seat, blocks, bets, trouble), "hanging_launches": launches}


def _while_flooding(stack: Stack, seat: Seat, blocks: int, bets: int) -> dict[str, Any]:
    theirs = newcomer(stack, "1000.00").launch("hub88", hub88.GAMES)
    copies = hub88.SPEAKER.bet(theirs, Turn(str(uuid.uuid4()), str(uuid.uuid4()), Decimal("1.00")))
    whole = Flooded()
    _throttle(stack, "hub88")
    exchange(copies)

    @contextmanager
    def trouble() -> Iterator[None]:
        with flood(copies, TIMES * THROTTLE) as came:
            yield
        whole.add(came)

    return {
        **_compare(seat, blocks, bets, trouble),
        "throttle_per_s": THROTTLE,
        "asked_per_s": round(sum(whole.statuses.values()) / whole.seconds, 1),
        "answers": {str(status): count for status, count in sorted(whole.statuses.items())},
        "held_back": whole.held_back,
    }


def _throttle(stack: Stack, provider: str) -> None:
    """Set the throttle of all routes of a provider, those of the others staying as they are."""
    apis = aws.client("apigatewayv2", stack.endpoint)
    (api,) = [one["ApiId"] for one in apis.get_apis()["Items"] if one["Name"].endswith("-provider")]
    (stage,) = apis.get_stages(ApiId=api)["Items"]
    theirs = [route for route in stage["RouteSettings"] if f"/v1/{provider}" in route]
    narrow = {"ThrottlingRateLimit": THROTTLE, "ThrottlingBurstLimit": THROTTLE}
    apis.update_stage(ApiId=api, StageName=stage["StageName"], RouteSettings=stage["RouteSettings"] | dict.fromkeys(theirs, narrow))


def _compare(seat: Seat, blocks: int, bets: int, trouble: Callable[[], AbstractContextManager[None]]) -> dict[str, Any]:
    """Place blocks of bets in peace and in trouble by turns."""
    for _ in range(bets):  # whatever is cold is warm after these
        _bet(seat)
    quiet: list[float] = []
    troubled: list[float] = []
    for _ in track(range(blocks), description="blocks of bets"):
        quiet += [_bet(seat) for _ in range(bets)]
        with trouble():
            troubled += [_bet(seat) for _ in range(bets)]
    return {
        "bets_each": len(quiet),
        "quiet_ms": _figures(quiet),
        "troubled_ms": _figures(troubled),
        "p99_ratio": round(_p99(troubled) / _p99(quiet), 3),
    }


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
