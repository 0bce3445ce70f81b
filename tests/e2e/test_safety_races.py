"""Limits cannot be raced past: of fifty at once, exactly as many pass as the limit covers, also while it is lowered."""

import contextlib
import time
import uuid
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, TypeVar

import pytest

from sandbox.emulator import WORKERS_MAX
from sandbox.player import RefusedError
from sandbox.provider.guest import Guest, newcomer
from sandbox.provider.hub88 import SPEAKER
from sandbox.provider.line import Message, Outcome, Verdict, exchange
from sandbox.stack import Stack
from sandbox.wire import NoAnswerError
from tests.conformance.over_http.casino import Casino, Spot, turn
from tests.e2e import world
from tests.e2e.routes import AT_ONCE

MANY = 50
Answer = TypeVar("Answer")
DAY = "24h"
LIMIT_WORD = "RS_ERROR_LIMIT_REACHED"


@dataclass(slots=True)
class Pause:
    """Longer from one to the next, and over some day: the emulator runs only so many functions side by side."""

    seconds: float = 0.1
    end: float = field(default_factory=lambda: time.monotonic() + world.FINAL_SECONDS)

    def take(self) -> None:
        assert time.monotonic() < self.end, "no final answer"
        time.sleep(self.seconds)
        self.seconds = min(2 * self.seconds, 2.0)


@pytest.fixture(scope="module")
def casino(stack: Stack) -> Casino:
    return Casino(stack)


def calmly(ask: Callable[[], Answer]) -> Answer:
    """Ask, and again while the emulator is busy with the crowd or nobody knows what became of it."""
    pause = Pause()
    while True:
        try:
            return ask()
        except RefusedError as refusal:
            if refusal.status != 429 and refusal.status < 500:
                raise
        except NoAnswerError:
            pass
        pause.take()


def read(guest: Guest, path: str) -> Any:
    return calmly(lambda: guest.api.call("GET", path))


def lower(guest: Guest, kind: str, amount: str) -> None:
    """Lower a limit, once however often it has to be asked for."""
    key = str(uuid.uuid4())
    calmly(lambda: guest.api.set_limit(kind, DAY, amount, key))


def crowd(guest: Guest, job: Callable[[int], str]) -> list[str]:
    """Fifty deposits at once; what the emulator does not run side by side it throttles.

    Each that runs is a process of its own, which has to start: they are started a few at a time before the race begins, so that it
    is one of deposits and not of starts.
    """
    for number in range(4, WORKERS_MAX + 1, 4):
        world.at_once(number, lambda _: read(guest, "/v1/deposits"))
    return world.at_once(MANY, job)


def limit_of(guest: Guest, kind: str) -> tuple[str, str, str]:
    """What a limit is, what is spent of it, and what is left."""
    (found,) = [one for one in read(guest, "/v1/play-safety")["limits"] if one["kind"] == kind]
    return found["cap"], found["spent"], found["left"]


def opened(guest: Guest, amount: str, key: str = "") -> str:
    """Ask for a deposit; gives what is answered in a word."""
    key = key or str(uuid.uuid4())
    try:
        calmly(lambda: guest.api.open_deposit(amount, "EUR", key))
    except RefusedError as refusal:
        return refusal.code
    return "opened"


def history(guest: Guest, kind: str) -> list[dict[str, Any]]:
    """All transactions of a kind, oldest first."""
    found: list[dict[str, Any]] = []
    cursor = ""
    while True:
        page = read(guest, f"/v1/wallet/transactions?limit=100&kind={kind}{cursor}")
        found += page["items"]
        if not page["next_cursor"]:
            return found[::-1]
        cursor = f"&cursor={page['next_cursor']}"


def final(spot: Spot, message: Message) -> Verdict:
    """Send a bet, byte for byte the same again while its outcome is open."""
    pause = Pause()
    while True:
        with contextlib.suppress(NoAnswerError):
            verdict = SPEAKER.read(spot.seat, exchange(message).answer)
            if verdict.outcome is not Outcome.OPEN:
                return verdict
        pause.take()


def bets_at_once(spot: Spot, stake: str, count: int = MANY) -> list[Outcome]:
    """So many bets side by side."""
    messages = [SPEAKER.bet(spot.seat, turn(stake)) for _ in range(count)]
    verdicts = world.at_once(count, lambda number: final(spot, messages[number]))
    assert {one.word for one in verdicts} <= {"RS_OK", LIMIT_WORD}
    return [one.outcome for one in verdicts]


def test_of_fifty_deposits_exactly_as_many_pass_as_the_limit_covers(stack: Stack) -> None:
    guest = newcomer(stack)
    guest.api.set_limit("deposit", DAY, "100.00")
    answers = Counter(crowd(guest, lambda _: opened(guest, "15.00")))
    assert answers == {"opened": 6, "limit_reached": MANY - 6}
    assert limit_of(guest, "deposit") == ("100.00", "90.00", "10.00")
    assert opened(guest, "10.01") == "limit_reached"
    assert opened(guest, "10.00") == "opened"
    assert limit_of(guest, "deposit") == ("100.00", "100.00", "0.00")


def test_one_deposit_asked_for_fifty_times_counts_once(stack: Stack) -> None:
    guest = newcomer(stack)
    guest.api.set_limit("deposit", DAY, "100.00")
    assert set(crowd(guest, lambda _: opened(guest, "15.00", "the-very-same-key"))) == {"opened"}
    assert limit_of(guest, "deposit") == ("100.00", "15.00", "85.00")


@pytest.mark.parametrize(("kind", "left"), [("wager", "0.50"), ("loss", "0.50")])
def test_of_fifty_bets_exactly_as_many_pass_as_the_limit_covers(casino: Casino, kind: str, left: str) -> None:
    spot = casino.fresh("hub88", "100.00")
    spot.guest.api.set_limit(kind, DAY, "20.00")
    outcomes = Counter(bets_at_once(spot, "1.30"))
    assert outcomes == {Outcome.STANDS: 15, Outcome.REFUSED: MANY - 15}
    assert limit_of(spot.guest, kind) == ("20.00", "19.50", left)
    assert spot.balance() == Decimal("80.50")


def test_the_lowest_of_several_limits_decides(casino: Casino) -> None:
    spot = casino.fresh("hub88", "100.00")
    spot.guest.api.set_limit("wager", DAY, "30.00")
    spot.guest.api.set_limit("wager", "7d", "10.00")
    spot.guest.api.set_limit("wager", "1m", "20.00")
    assert Counter(bets_at_once(spot, "1.00", 20))[Outcome.STANDS] == 10


def exactly(passed_before: int, most_after: int) -> int:
    """How many pass in all, when so many did before the limit was lowered to cover `most_after` of them."""
    return max(passed_before, most_after)


def test_while_the_limit_is_lowered_no_bet_passes_that_the_strictest_limit_at_its_moment_does_not_cover(casino: Casino) -> None:
    spot = casino.fresh("hub88", "100.00")
    spot.guest.api.set_limit("wager", DAY, "40.00")
    with ThreadPoolExecutor(1) as aside:
        betting = aside.submit(bets_at_once, spot, "1.00")
        lower(spot.guest, "wager", "10.00")
        passed = Counter(betting.result())[Outcome.STANDS]
    before = passed_before(spot.guest, "bet")
    assert before <= 40
    assert passed == exactly(before, 10)
    assert limit_of(spot.guest, "wager") == ("10.00", f"{passed}.00", f"{max(0, 10 - passed)}.00")


def test_while_the_limit_is_lowered_no_deposit_passes_either(stack: Stack) -> None:
    guest = newcomer(stack)
    guest.api.set_limit("deposit", DAY, "400.00")

    def one_of_them(number: int) -> str:
        if number == MANY // 2:
            lower(guest, "deposit", "100.00")
        return opened(guest, "10.00")

    passed = Counter(crowd(guest, one_of_them))["opened"]
    before = passed_before(guest, "deposit_opened")
    assert before <= 40
    assert passed == exactly(before, 10)
    assert limit_of(guest, "deposit") == ("100.00", f"{10 * passed}.00", f"{max(0, 100 - 10 * passed)}.00")


def passed_before(guest: Guest, kind: str) -> int:
    """How many of a kind stand at lower versions of the wallet than its last change of a limit."""
    lowered = history(guest, "limit")[-1]["version"]
    return sum(1 for one in history(guest, kind) if one["outcome"] == "applied" and one["version"] < lowered)


def test_what_was_rolled_back_or_came_to_nothing_is_given_back_exactly(casino: Casino) -> None:
    spot = casino.fresh("hub88", "50.00")
    spot.guest.api.set_limit("wager", DAY, "10.00")
    spot.guest.api.set_limit("loss", DAY, "10.00")
    bets = [turn("2.00") for _ in range(5)]
    verdicts = world.at_most_at_once(AT_ONCE, len(bets), lambda number: spot.bet(bets[number]))
    assert {one.outcome for one in verdicts} == {Outcome.STANDS}
    spot.refused(spot.bet(turn("0.01")), LIMIT_WORD)
    assert {one.outcome for one in world.at_once(3, lambda number: spot.back(bets[number]))} == {Outcome.STANDS}
    assert limit_of(spot.guest, "wager") == limit_of(spot.guest, "loss") == ("10.00", "4.00", "6.00")
    assert Counter(bets_at_once(spot, "1.00", 10))[Outcome.STANDS] == 6
    assert spot.balance() == 40
