"""Whether one provider's trouble slows another: bets of Swipe over HTTP, alone, beside Hub88 in peace, and beside it in trouble.

The trouble is of two kinds; what the same neighbour costs without it is shown beside it:

- players launch Hub88's games all the time, and its launch API hangs;
- Hub88 sends ten times as many requests as the throttle of its routes lets through; in peace, as many as that.

A sandbox of its own is started. Blocks of the three kinds take turns, so that whatever else the machine does falls on all of them.
Here both providers' functions, the emulator's gateway and its tables share the processors of one machine, and the gateway and the
tables one process of it: so Hub88's work costs its neighbour something in peace already, and its throttle is set to what such a
machine serves besides.
"""

import argparse
import json
import statistics
import sys
import tempfile
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
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
from sandbox.provider.guest import newcomer
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
SETTLE_S: Final = 1.0
"""How long a neighbour is at it before anything is measured: its throttle lets a first rush through at once."""

RATIO_MAX: Final = 1.2
_PORT: Final = 4797


def main() -> int:
    """Measure and show; 1 when beside a neighbour in trouble a 99th percentile is more than RATIO_MAX times that of bets alone."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.isolation", description=__doc__)
    parser.add_argument("--blocks", type=int, default=12, help="blocks of each kind")
    parser.add_argument("--bets", type=int, default=100, help="bets in a block")
    asked = parser.parse_args()
    console = Console()
    with (
        tempfile.TemporaryDirectory() as folder,
        run.running(run.Settings(_PORT, Path(folder)), Screen()) as stack,
    ):
        seat = newcomer(stack, "1000.00").launch("swipe", swipe.GAMES)
        hanging = _while_hanging(stack, seat, asked.blocks, asked.bets)
        flooding = _while_flooding(stack, seat, asked.blocks, asked.bets)
    result = {"hanging": hanging, "flooding": flooding}
    (HERE / "isolation.json").write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    console.print_json(data=result)
    return 0 if all(one["p99_ratio"] <= RATIO_MAX for one in result.values()) else 1


def _while_hanging(stack: Stack, seat: Seat, blocks: int, bets: int) -> dict[str, Any]:
    api = newcomer(stack).api
    game_id = next(game["game_id"] for game in api.games() if game["name"] in hub88.GAMES)
    others = [newcomer(stack).api for _ in range(LAUNCHERS)]
    statuses: Counter[int] = Counter()

    @contextmanager
    def trouble() -> Iterator[None]:
        _fault(stack, Fault.HANG, 1_000)
        try:
            with _launching(others, game_id) as came:
                yield
        finally:
            _fault(stack, None, 1)
        statuses.update(came)

    def peace() -> AbstractContextManager[object]:
        return _launching(others, game_id)

    return {**_compare(seat, blocks, bets, peace, trouble), "answers": {str(one): count for one, count in sorted(statuses.items())}}


def _while_flooding(stack: Stack, seat: Seat, blocks: int, bets: int) -> dict[str, Any]:
    theirs = newcomer(stack, "1000.00").launch("hub88", hub88.GAMES)
    copies = hub88.SPEAKER.bet(theirs, Turn(str(uuid.uuid4()), str(uuid.uuid4()), Decimal("1.00")))
    whole = Flooded()
    _throttle(stack, "hub88")
    exchange(copies)

    @contextmanager
    def trouble() -> Iterator[None]:
        with flood(copies, TIMES * THROTTLE) as came:
            time.sleep(SETTLE_S)
            yield
        whole.add(came)

    @contextmanager
    def peace() -> Iterator[None]:
        with flood(copies, THROTTLE):
            time.sleep(SETTLE_S)
            yield

    return {
        **_compare(seat, blocks, bets, peace, trouble),
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


Neighbour = Callable[[], AbstractContextManager[object]]


def _compare(seat: Seat, blocks: int, bets: int, peace: Neighbour, trouble: Neighbour) -> dict[str, Any]:
    """Place blocks of bets alone, beside the neighbour in peace, and beside it in trouble, by turns."""
    for beside in (nullcontext, peace, trouble):  # whatever is cold is warm after these
        with beside():
            for _ in range(bets):
                _bet(seat)
    took: dict[str, list[float]] = {"alone": [], "peace": [], "trouble": []}
    for _ in track(range(blocks), description="blocks of bets"):
        for kind, beside in (("alone", nullcontext), ("peace", peace), ("trouble", trouble)):
            with beside():
                took[kind] += [_bet(seat) for _ in range(bets)]
    return {
        "bets_each": blocks * bets,
        **{f"{kind}_ms": _figures(each) for kind, each in took.items()},
        "p99_ratio": round(_p99(took["trouble"]) / _p99(took["alone"]), 3),
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
def _launching(others: list[PlayerApi], game_id: str) -> Iterator[list[int]]:
    """Let players launch a game all the time; give the statuses as they come."""
    statuses: list[int] = []
    over = threading.Event()

    def launch(api: PlayerApi) -> None:
        while not over.is_set():
            try:
                statuses.append(api.raw("POST", f"/v1/games/{game_id}/sessions", b"{}").status)
            except NoAnswerError:
                statuses.append(0)
            over.wait(1.0)  # a refusal of an open circuit comes at once, and a person does not click faster

    threads = [threading.Thread(target=launch, args=(api,)) for api in others]
    for thread in threads:
        thread.start()
    time.sleep(SETTLE_S)
    try:
        yield statuses
    finally:
        over.set()
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
