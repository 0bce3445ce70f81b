"""The providers' own books: they agree with a casino that does right, and find each way of doing wrong."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from random import Random

import pytest

from sandbox.calling import TRIES_MAX, Way
from sandbox.provider.line import Message, Outcome, Verdict
from sandbox.provider.rounds import Rounds, Trouble
from sandbox.provider.table import Recovery, Seat, Turn
from sandbox.reckoning import Books
from sandbox.stack import Provider
from sandbox.wire import Answer, NoAnswerError

SEAT = Seat(Provider("http://127.0.0.1:1", secret="s"), "pl_1", "EUR", "g", "t")


@dataclass(frozen=True)
class Plain:
    """A made-up dialect whose calls say what they are."""

    recovery: Recovery = Recovery.ROLLBACK
    repeats_bets: bool = True
    in_one: bool = False
    games: Mapping[str, str] = field(default_factory=dict)
    funds_word: str = "funds"

    def _message(self, *said: tuple[str, Turn]) -> Message:
        actions = [[kind, turn.transaction_id, str(turn.amount), turn.reference] for kind, turn in said]
        return Message("POST", "", json.dumps(actions).encode(), {})

    def bet(self, seat: Seat, turn: Turn) -> Message:  # noqa: ARG002 - one seat only
        return self._message(("bet", turn))

    def win(self, seat: Seat, turn: Turn) -> Message:  # noqa: ARG002 - one seat only
        return self._message(("win", turn))

    def rollback(self, seat: Seat, turn: Turn) -> Message:  # noqa: ARG002 - one seat only
        return self._message(("rollback", turn))

    def both(self, seat: Seat, bet: Turn, win: Turn) -> Message | None:  # noqa: ARG002 - one seat only
        return self._message(("bet", bet), ("win", win)) if self.in_one else None

    def read(self, seat: Seat, answer: Answer) -> Verdict:
        raise NotImplementedError

    def is_late_original(self, verdict: Verdict) -> bool:
        return verdict.word == "late"


@dataclass
class Casino:
    """A wallet in memory, right unless a fault is named; a tenth of the answers are open after the effect."""

    balance: Decimal = Decimal(100)
    fault: str = ""
    unsteady: float = 0.0
    done: dict[str, tuple[Decimal, Verdict]] = field(default_factory=dict)
    dead: set[str] = field(default_factory=set)
    dice: Random = field(default_factory=lambda: Random(7))  # noqa: S311 - dice of a test
    sent: list[bytes] = field(default_factory=list)
    names: int = 0

    def send(self, message: Message) -> Verdict:
        assert message.body is not None
        self.sent.append(message.body)
        verdict = Verdict(Outcome.STANDS, "nothing")
        for kind, name, amount, reference in json.loads(message.body):
            verdict = self._take(kind, name, Decimal(amount), reference)
        if self.dice.random() < self.unsteady:
            return Verdict(Outcome.OPEN, "500")
        return verdict

    def lose(self, message: Message, after_seconds: float) -> None:
        assert after_seconds >= 0
        if self.dice.random() < 0.5:
            self.send(message)
        elif self.dice.random() < 0.5:
            raise NoAnswerError("no way")

    def _take(self, kind: str, name: str, amount: Decimal, reference: str) -> Verdict:
        if name in self.dead and self.fault != "no tombstone":
            return Verdict(Outcome.REFUSED, "late")
        if name in self.done and self.fault != f"{kind} twice":
            change, first = self.done[name]
            assert change is not None
            return Verdict(first.outcome, first.word, self._told(), first.names)
        change = {"bet": -amount, "win": amount}.get(kind, Decimal(0))
        if kind == "rollback" and reference not in self.dead:
            self.dead.add(reference)
            change = -self.done[reference][0] if reference in self.done else Decimal(0)
            change = Decimal(0) if self.fault == "rollback ignored" else change
        if self.balance + change < 0 and self.fault != "below zero":
            verdict = Verdict(Outcome.REFUSED, "funds")
            change = Decimal(0)
        elif self.fault == f"{kind} refused":
            return Verdict(Outcome.REFUSED, "no")
        else:
            self.balance += change
            self.names += 1
            verdict = Verdict(Outcome.STANDS, "ok", self._told(), (str(self.names),))
        self.done[name] = (change, verdict)
        return verdict

    def _told(self) -> Decimal:
        return self.balance + 1 if self.fault == "wrong balance" and self.dice.random() < 0.1 else self.balance


def played(casino: Casino, speaker: Plain, *, chaos: float = 0.3, seed: int = 1, count: int = 60) -> Books:
    books = Books(casino.balance)
    rounds = Rounds(speaker, SEAT, Way(casino.send, casino.lose, lambda _: None), books, seed, chaos)
    rounds.play(count)
    return books


SPEAKERS = [Plain(), Plain(repeats_bets=False), Plain(Recovery.SAME_AGAIN, in_one=True)]


@pytest.mark.parametrize("speaker", SPEAKERS, ids=["hub88-like", "swipe-like", "batch-like"])
@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("unsteady", [0.0, 0.2])
def test_the_books_agree_with_a_casino_that_does_right(speaker: Plain, seed: int, unsteady: float) -> None:
    casino = Casino(unsteady=unsteady)
    books = played(casino, speaker, seed=seed)
    assert books.differences == []
    assert books.balance == casino.balance
    assert books.counts["rounds"] == 60
    assert {name for name in Trouble if books.counts[name]} >= {Trouble.LOST_ANSWER, Trouble.ROLLBACK, Trouble.LATE_ORIGINAL}


@pytest.mark.parametrize(
    "fault",
    [
        *("bet twice", "win twice", "no tombstone", "rollback ignored"),
        *("wrong balance", "win refused", "rollback refused", "bet refused", "below zero"),
    ],
)
def test_each_way_of_doing_wrong_is_found(fault: str) -> None:
    casino = Casino(Decimal(5) if fault == "below zero" else Decimal(1000), fault)
    books = played(casino, Plain(repeats_bets=True), count=200)
    assert books.differences or books.balance != casino.balance


def test_a_bet_refused_for_want_of_money_is_no_difference_and_one_refused_with_money_is() -> None:
    casino = Casino(Decimal(0))
    books = played(casino, Plain(), chaos=0, count=20)
    assert books.differences == []
    assert books.counts["bets refused for want of money"] > 0
    empty = Casino(Decimal(0))
    rich = Books(Decimal(10))
    Rounds(Plain(), SEAT, Way(empty.send, empty.lose), rich, 1, 0).play(5)
    assert any("refused for want of money with" in text for text in rich.differences)


def test_an_answer_that_stays_open_is_a_difference_after_a_bounded_number_of_tries() -> None:
    casino = Casino(unsteady=1.0)
    pauses: list[float] = []
    books = Books(casino.balance)
    Rounds(Plain(), SEAT, Way(casino.send, casino.lose, pauses.append), books, 1, 0).play(1)
    assert any("no final answer" in text for text in books.differences)
    assert len(casino.sent) <= 3 * (TRIES_MAX + 1)
    assert max(pauses) <= 2.0


def test_a_provider_that_never_repeats_bets_never_does() -> None:
    casino = Casino()
    played(casino, Plain(repeats_bets=False), chaos=0.4, count=100)
    bets = [body for body in casino.sent if b'"bet"' in body]
    assert len(bets) == len(set(bets))


def test_a_retry_is_the_same_bytes_and_a_seed_draws_the_same_rounds() -> None:
    first, second = Casino(), Casino()
    one, two = played(first, Plain(), seed=3), played(second, Plain(), seed=3)
    assert one.counts == two.counts
    assert one.balance == two.balance
    assert played(Casino(), Plain(), seed=4).counts != one.counts
    assert len(first.sent) > len(set(first.sent))
    names = {json.loads(body)[0][1] for body in first.sent}
    assert not names & {json.loads(body)[0][1] for body in second.sent}


def test_rounds_side_by_side_keep_one_set_of_books() -> None:
    casino = Casino(Decimal(10_000))
    books = Books(casino.balance)
    Rounds(Plain(), SEAT, Way(casino.send, casino.lose, lambda _: None), books, 1, 0.0, burst=8).play(50)
    assert books.counts["rounds"] == 50
    assert books.differences == []
    assert books.balance == casino.balance
