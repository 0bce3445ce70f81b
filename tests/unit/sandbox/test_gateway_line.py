"""The gateways' own books: they agree with a house that does right, and find each way of doing wrong."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from random import Random
from typing import Any

import pytest

from sandbox.calling import Way
from sandbox.gateway import play
from sandbox.gateway.line import Line, Trouble
from sandbox.gateway.lives import MAGIC, PAID, Step, lives_of
from sandbox.gateway.table import Event, Opening, Payment, random_id
from sandbox.player import Account, RefusedError
from sandbox.provider.line import Message, Outcome, Verdict
from sandbox.reckoning import Books, Reckoning
from sandbox.stack import Gateway
from sandbox.wire import Answer, NoAnswerError

GATEWAY = Gateway("http://127.0.0.1:1", "s")
ACCOUNT = Account("pl_1", "a@example.com", "secret", "EUR", "MT")


@dataclass(frozen=True)
class Plain:
    """A made-up dialect whose events say what they are."""

    steps: frozenset[Step] = frozenset(Step)
    waits: bool = False
    untouched: str = "created"

    def new_payment_id(self) -> str:
        return random_id("pay_")

    def new_event_id(self) -> str:
        return random_id("evt_")

    def openings(self, gateway: Gateway, payment: Payment) -> list[Opening]:
        if not self.waits:
            return []
        body = json.dumps(["authorize", "", payment.deposit_id, "", "0", False]).encode()
        return [Opening("authorize", Message("POST", gateway.webhook_url, body, {}))]

    def tell(self, gateway: Gateway, payment: Payment, event: Event) -> Message:
        said = [event.step, event.event_id, payment.deposit_id, payment.authorisation, str(payment.amount), event.forged]
        return Message("POST", gateway.webhook_url, json.dumps(said).encode(), {})

    def read(self, answer: Answer) -> Verdict:
        raise NotImplementedError


@dataclass
class House:
    """A cashier in memory that decides by all the steps it has seen, right unless a fault is named."""

    waits: bool = False
    fault: str = ""
    unsteady: float = 0.0
    seen: dict[str, list[str]] = field(default_factory=dict)
    amounts: dict[str, Decimal] = field(default_factory=dict)
    keys: dict[str, str] = field(default_factory=dict)
    dice: Random = field(default_factory=lambda: Random(7))  # noqa: S311 - dice of a test
    late: int = 0
    sent: list[bytes] = field(default_factory=list)

    # ------------------------------------------------- towards the gateway

    def send(self, message: Message) -> Verdict:
        step, _, deposit_id, authorisation, _, forged = json.loads(message.body or b"")
        self.sent.append(message.body or b"")
        if forged and self.fault != "forgery taken":
            return Verdict(Outcome.REFUSED, "401")
        if step == "authorize":
            return Verdict(Outcome.REFUSED, "no") if self.fault == "not authorised" else Verdict(Outcome.STANDS, "ok", names=("a",))
        if self.fault == f"{step} refused" or authorisation != ("a" if self.waits else ""):
            return Verdict(Outcome.REFUSED, "400")
        if self.fault != f"{step} dropped":
            self.seen[deposit_id].append(step)
        return Verdict(Outcome.OPEN, "500") if self.dice.random() < self.unsteady else Verdict(Outcome.STANDS, "202")

    def lose(self, message: Message, after_seconds: float) -> None:
        assert after_seconds >= 0
        if self.dice.random() < 0.5:
            self.send(message)
        elif self.dice.random() < 0.5:
            raise NoAnswerError("no way")

    # ------------------------------------------------- towards the player

    def open_deposit(self, amount: str, currency: str, key: str, gateway: str) -> dict[str, Any]:
        assert (currency, gateway) == ("EUR", "plain")
        if key not in self.keys or self.fault == "keys forgotten":
            self.keys[key] = random_id("dep_")
            self.seen[self.keys[key]], self.amounts[self.keys[key]] = [], Decimal(amount)
        return {"deposit_id": self.keys[key]}

    def open_payment(self, deposit_id: str) -> dict[str, Any]:
        payment_id = random_id("pi_") if self.fault == "payments forgotten" else deposit_id.replace("dep_", "pi_")
        return {"kind": "intent", "payment_id": payment_id}

    def deposit(self, deposit_id: str) -> dict[str, Any]:
        if self.late:
            self.late -= 1
            return {"status": "pending", "credited_amount": None}
        steps = self.seen[deposit_id]
        status = self._status(steps)
        amount = f"{self.amounts[deposit_id] + (1 if self.fault == 'other amount' else 0):.2f}"
        return {"status": status, "credited_amount": amount if Step.SUCCEEDED in steps else None}

    def _status(self, steps: list[str]) -> str:
        steps = steps[-1:] if self.fault == "last word wins" and steps else steps
        for step, status in (
            (Step.SECOND_CHARGEBACK, "second_chargeback"),
            (Step.CHARGEBACK_REVERSED, "chargeback_reversed"),
            *((step, "reversed") for step in (Step.CHARGEBACK, Step.REFUNDED, Step.SETTLEMENT_FAILED)),
            *((Step.SETTLED, "settled"), (Step.SUCCEEDED, "credited"), (Step.FAILED, "failed")),
            *((Step.CANCELLED, "cancelled"), (Step.EXPIRED, "expired"), (Step.PENDING, "pending")),
        ):
            if step in steps:
                return status
        return "created"

    @property
    def balance(self) -> Decimal:
        right = {"credited", "settled", "chargeback_reversed"}
        return sum((self.amounts[name] for name, steps in self.seen.items() if self._status(steps) in right), Decimal(0))


@dataclass
class FakeGuest:
    api: House
    account: Account = ACCOUNT
    log_ins: int = 0

    def afresh(self) -> None:
        self.log_ins += 1


def desk_of(guest: Any) -> play.Desk:
    return play.Desk(guest)


def taken(house: House, *, chaos: float = 0.3, seed: int = 1, deposits: int = 80, burst: int = 1) -> Books:
    books = Books(Decimal(0))
    line = Line(Plain(waits=house.waits), GATEWAY, Way(house.send, house.lose, lambda _: None), books, chaos)
    plan = play.Plan("plain", "new", deposits, chaos, burst, seed)
    play.take(line, desk_of(FakeGuest(house)), plan)
    return books


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(play, "SETTLE_SECONDS", 0.05)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("unsteady", [0.0, 0.2])
@pytest.mark.parametrize("waits", [False, True])
def test_the_books_agree_with_a_house_that_does_right(seed: int, unsteady: float, *, waits: bool) -> None:
    house = House(unsteady=unsteady, waits=waits)
    books = taken(house, seed=seed)
    assert books.differences == []
    assert books.balance == house.balance > 0
    assert {name for name in Trouble if books.counts[name]} == {*Trouble} - ({Trouble.SHUFFLE} if waits else set())
    assert books.counts[play.ASKED_TWICE] > 0
    assert sum(count for name, count in books.counts.items() if name.startswith("payments: ")) == len(house.seen) == 80


def test_every_life_is_lived_and_ends_as_it_says() -> None:
    house = House()
    assert taken(house, chaos=0.0, deposits=200).differences == []
    lived = {name.removeprefix("payments: ") for name in taken(House(), chaos=0.0, deposits=200).counts if "payments" in name}
    assert lived == {life.name for life in lives_of(frozenset(Step)).values()}


def test_side_by_side_it_is_the_same() -> None:
    house = House()
    books = taken(house, burst=8)
    assert (books.differences, books.balance) == ([], house.balance)


def test_a_deposit_that_takes_its_time_is_waited_for() -> None:
    assert taken(House(late=40)).differences == []


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        ("forgery taken", "a forged"),
        ("pay refused", "pay was answered with 400"),
        ("pay dropped", "must be credited"),
        ("fail dropped", "must be failed"),
        ("chargeback dropped", "must be reversed"),
        ("second-chargeback dropped", "must be second_chargeback"),
        ("last word wins", "must be reversed"),
        ("other amount", "was credited with"),
        ("keys forgotten", "the same Idempotency-Key opened"),
        ("payments forgotten", "asked twice, its payment is"),
    ],
)
def test_each_way_of_doing_wrong_is_found(fault: str, told: str) -> None:
    books = taken(House(fault=fault))
    assert books.counts["differences"] >= len(books.differences) > 0
    assert any(told in difference for difference in books.differences), books.differences


@pytest.mark.parametrize("waits", [False, True])
def test_only_what_does_not_wait_for_answers_comes_out_of_order(*, waits: bool) -> None:
    house = House(waits=waits)
    taken(house, chaos=1.0)
    in_order = {life.steps for life in lives_of(frozenset(Step)).values()}
    seen = {tuple(dict.fromkeys(steps)) for steps in house.seen.values()}
    strays = {steps for steps in seen if steps not in {tuple(dict.fromkeys(life)) for life in in_order}}
    assert bool(strays) is not waits


def test_what_was_not_authorised_is_not_paid() -> None:
    house = House(fault="not authorised", waits=True)
    books = taken(house)
    assert any("authorize was answered with no" in difference for difference in books.differences)
    assert not any(house.seen.values())


def test_the_same_seed_draws_the_same_deposits_and_trouble() -> None:
    def drawn(seed: int) -> tuple[list[list[str]], dict[str, int]]:
        house = House()
        books = taken(house, seed=seed)
        return list(house.seen.values()), dict(books.counts)

    assert drawn(3) == drawn(3)
    assert drawn(3) != drawn(4)


def test_a_wrong_signature_never_reaches_the_deposit() -> None:
    house, books = House(), Books(Decimal(0))
    line = Line(Plain(), GATEWAY, Way(house.send, house.lose), books)
    deposit_id = house.open_deposit("10.07", "EUR", "k", "plain")["deposit_id"]
    line.live(MAGIC[7], Payment(deposit_id, "p", Decimal("10.07"), "EUR"), Random(1))  # noqa: S311 - dice of a test
    assert len(house.sent) == 1
    assert house.seen[deposit_id] == []
    assert books.differences == []


def test_a_session_that_is_over_is_begun_anew_once() -> None:
    guest = FakeGuest(House())
    desk = desk_of(guest)
    statuses = iter((401,))

    def question() -> str:
        return "found" if (status := next(statuses, 0)) == 0 else _refuse(status)()

    assert desk.ask(question) == "found"
    assert guest.log_ins == 1
    for status, log_ins in ((401, 2), (403, 2)):
        with pytest.raises(RefusedError):
            desk.ask(_refuse(status))
        assert guest.log_ins == log_ins


def _refuse(status: int) -> Callable[[], str]:
    def refuse() -> str:
        raise RefusedError(Answer(status, b'{"code": "x"}'))

    return refuse


def test_a_reckoning_is_right_only_if_answers_balance_and_audit_are() -> None:
    def reckoning(wallet: str = "5", *differences: str, ok: bool = True) -> Reckoning:
        books = Books(Decimal(5), differences=list(differences))
        return Reckoning("pl_1", "EUR", 42, Decimal(0), books, Decimal(wallet), {"ok": ok, "wallets": 1, "records": 3})

    assert reckoning().right
    assert reckoning().lines()[-1] == "  the count is right"
    for wrong in (reckoning("5.01"), reckoning("5", "something"), reckoning(ok=False)):
        assert not wrong.right
        assert wrong.lines()[-1] == "  THE COUNT IS NOT RIGHT (seed 42)"
    assert PAID.status == "credited"
