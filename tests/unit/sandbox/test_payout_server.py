"""The gateways that pay out: what they take, what becomes of it, and what they tell the house. Without a socket."""

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from countroom.cashier.gateways import adyen as house_adyen
from countroom.cashier.gateways import paymentiq as house_paymentiq
from countroom.cashier.gateways.dialect import Delivery, PayoutEvent
from countroom.cashier.payouts import adyen as adyen_payouts
from countroom.cashier.payouts import paymentiq as paymentiq_payouts
from countroom.cashier.payouts.dialect import Told
from countroom.cashier.payouts.port import Declined, NotFound, Pending, Said, Taken
from countroom.cashier.withdrawals.withdrawal import Word as HouseWord
from sandbox import keys
from sandbox.payouts import lives, server
from sandbox.payouts.bank import Bank, BrokenError, HangError, LostError, Order, Payout
from sandbox.payouts.lives import LIVES, Intake, Turn, Word
from sandbox.provider.line import Message
from sandbox.stack import Gateway
from sandbox.wire import Answer
from tests.unit.cashier.payouts.support import SESSION, WITHDRAWAL_ID, withdrawal
from tests.unit.clock import START_MS

ACCOUNT = adyen_payouts.Account("key", server.BALANCE_ACCOUNT)
MERCHANT = paymentiq_payouts.Merchant(server.MERCHANT_ID, server.METHOD)
PATIENCE_SECONDS = 20.0


def until(done: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE_SECONDS
    while not done():
        assert time.monotonic() < end
        time.sleep(0.01)


class House:
    """What the gateways tell the house, and how it answers."""

    def __init__(self) -> None:
        self.messages: list[Message] = []
        self.authorises = True

    def send(self, message: Message) -> Answer:
        self.messages.append(message)
        if message.url.endswith("/adyen"):
            return Answer(200, b"[accepted]")
        told: dict[str, Any] = {"success": self.authorises or not message.url.endswith("/authorize"), "balanceCy": "EUR"}
        return Answer(200, json.dumps(told).encode())

    def paths(self) -> list[str]:
        return [message.url.rpartition("/")[2] for message in self.messages]


@pytest.fixture
def house(monkeypatch: pytest.MonkeyPatch) -> House:
    made = House()
    monkeypatch.setattr(server, "_sent", made.send)
    monkeypatch.setattr(lives, "LATER_SECONDS", 0.0)
    return made


@pytest.fixture
def counter(house: House) -> Iterator[server.Counter]:  # noqa: ARG001 - it must be there first
    made = server.Counter("http://127.0.0.1:9")
    here = "http://127.0.0.1:9"
    made.trust({"adyen": Gateway(f"{here}/adyen", keys.new_hex_key()), "paymentiq": Gateway(f"{here}/piq", "secret")}, "key")
    made.bank.start()
    yield made
    made.bank.close()


def order(amount: str, reference: str = WITHDRAWAL_ID, gateway: str = "adyen") -> Order:
    return Order(gateway, reference, "pl_1", Decimal(amount), "EUR")


def test_adyens_side_and_the_houses_speak_the_same_words(counter: server.Counter, house: House) -> None:
    one = withdrawal("20.00")
    ask = adyen_payouts.PAYOUTS.order(one, ACCOUNT)
    answer = counter.transfers(json.loads(ask.body or b""), ask.headers["Idempotency-Key"])
    taken = adyen_payouts.PAYOUTS.ordered(one, Told(202, answer))
    assert isinstance(taken, Taken)
    again = counter.transfers(json.loads(ask.body or b""), WITHDRAWAL_ID)
    assert adyen_payouts.PAYOUTS.ordered(one, Told(202, again)) == taken
    until(lambda: len(house.messages) == 1)
    (message,) = house.messages
    delivery = Delivery({name.lower(): value for name, value in message.headers.items()}, message.body or b"")
    assert house_adyen.DIALECT.verify(delivery, [counter.gateways["adyen"].secret], START_MS) == f"{taken.payout_id}:booked"
    (event,) = house_adyen.DIALECT.parse(message.body or b"")
    assert isinstance(event, PayoutEvent)
    assert (event.withdrawal_id, event.said.word, event.said.amount) == (WITHDRAWAL_ID, HouseWord.PAID, one.amount)
    status = adyen_payouts.PAYOUTS.status(one, Told(200, counter.found_transfers(WITHDRAWAL_ID)))
    assert status == Said(HouseWord.PAID, taken.payout_id, "", one.amount, "EUR")
    assert adyen_payouts.PAYOUTS.status(one, Told(200, counter.found_transfers("wdr_other"))) == NotFound()


def test_paymentiqs_side_and_the_houses_speak_the_same_words(counter: server.Counter, house: House) -> None:
    one = withdrawal("20.00", gateway="paymentiq")
    ask = paymentiq_payouts.PAYOUTS.order(one, MERCHANT)
    taken = paymentiq_payouts.PAYOUTS.ordered(one, Told(200, counter.process(json.loads(ask.body or b""))))
    assert isinstance(taken, Taken)
    until(lambda: house.paths() == ["verifyuser", "authorize", "transfer"])
    authorize, transfer = (
        house_paymentiq.parse(action, message.body or b"")
        for action, message in zip(house.paths()[1:], house.messages[1:], strict=True)
    )
    assert isinstance(authorize, house_paymentiq.Authorize)
    assert isinstance(transfer, house_paymentiq.Transfer)
    assert (authorize.withdrawal_id, authorize.amount, authorize.tx_id) == (WITHDRAWAL_ID, -one.amount, taken.payout_id)
    assert (transfer.withdrawal_id, transfer.amount, transfer.tx_id) == (WITHDRAWAL_ID, -one.amount, taken.payout_id)
    found = counter.found_transactions(one.player_id, "", SESSION)
    patient = replace(one, asks=paymentiq_payouts.ASKS_BEFORE_BELIEVED)
    assert paymentiq_payouts.PAYOUTS.status(patient, Told(200, found)) == Said(HouseWord.PAID, taken.payout_id)
    named = replace(patient, payout_id=taken.payout_id)
    single = counter.found_transactions(one.player_id, taken.payout_id, SESSION)
    assert paymentiq_payouts.PAYOUTS.status(named, Told(200, single)) == Said(HouseWord.PAID, taken.payout_id)


def test_without_an_authorisation_nothing_is_paid(counter: server.Counter, house: House) -> None:
    house.authorises = False
    one = withdrawal("20.00", gateway="paymentiq")
    counter.process(json.loads(paymentiq_payouts.PAYOUTS.order(one, MERCHANT).body or b""))
    until(lambda: bool(counter.bank.books()) and counter.bank.books()[0]["word"] == "failed")
    assert house.paths() == ["verifyuser", "authorize"]
    assert counter.bank.books()[0]["paid"] == "0"


@pytest.mark.parametrize("gateway", ["adyen", "paymentiq"])
def test_a_refusal_is_read_as_one(counter: server.Counter, gateway: str) -> None:
    one = withdrawal("20.01", gateway=gateway)
    if gateway == "adyen":
        said = json.loads(adyen_payouts.PAYOUTS.order(one, ACCOUNT).body or b"")
        answer = adyen_payouts.PAYOUTS.ordered(one, Told(202, counter.transfers(said, WITHDRAWAL_ID)))
        asked = adyen_payouts.PAYOUTS.status(one, Told(200, counter.found_transfers(WITHDRAWAL_ID)))
    else:
        said = json.loads(paymentiq_payouts.PAYOUTS.order(one, MERCHANT).body or b"")
        answer = paymentiq_payouts.PAYOUTS.ordered(one, Told(200, counter.process(said)))
        asked = paymentiq_payouts.PAYOUTS.status(one, Told(200, counter.found_transactions(one.player_id, "", SESSION)))
    assert isinstance(answer, Declined)
    assert isinstance(asked, Said)
    assert asked.word is HouseWord.FAILED


def test_a_payout_that_never_ends_is_pending(counter: server.Counter) -> None:
    one = withdrawal("20.14")
    counter.transfers(json.loads(adyen_payouts.PAYOUTS.order(one, ACCOUNT).body or b""), WITHDRAWAL_ID)
    assert isinstance(adyen_payouts.PAYOUTS.status(one, Told(200, counter.found_transfers(WITHDRAWAL_ID))), Pending)


@pytest.mark.parametrize(
    "change",
    [
        {"balanceAccountId": "BA2"},
        {"reference": None},
        {"reference": "x"},
        {"amount": {"currency": "EUR", "value": 0}},
        {"counterparty": {}},
    ],
)
def test_what_is_no_order_is_named(counter: server.Counter, change: dict[str, Any]) -> None:
    said = json.loads(adyen_payouts.PAYOUTS.order(withdrawal(), ACCOUNT).body or b"")
    with pytest.raises(ValueError, match=r"balanceAccountId|reference|amount|counterparty"):
        counter.transfers(said | change, WITHDRAWAL_ID)


def quiet() -> Bank:
    """A bank whose payouts do not live by themselves."""
    return Bank()


@pytest.mark.parametrize(
    ("digits", "errors"),
    [
        (3, [HangError, HangError]),
        (4, [BrokenError, BrokenError]),
        (5, [LostError, LostError]),
        (15, [BrokenError] * 4),
        (6, [LostError] * 8),
    ],
)
def test_an_order_goes_wrong_as_often_as_its_amount_says(digits: int, errors: list[type[Exception]]) -> None:
    bank = quiet()
    for error in errors:
        with pytest.raises(error):
            bank.take(order(f"20.{digits:02}"), keyed=True)
    kept = LIVES[digits].intake in {Intake.HANGS, Intake.BREAKS}
    assert len(bank.ask("adyen", WITHDRAWAL_ID)) == kept
    if digits != 6:
        assert bank.take(order(f"20.{digits:02}"), keyed=True).order.reference == WITHDRAWAL_ID
        assert len(bank.books()) == 1


def test_an_order_without_a_key_is_another_payout_each_time() -> None:
    bank = quiet()
    first, second = (bank.take(order("20.00", gateway="paymentiq"), keyed=False) for _ in range(2))
    assert first.name != second.name
    assert [one["orders"] for one in bank.books()] == [2, 2]


def test_while_a_gateway_is_down_nothing_gets_through() -> None:
    bank = quiet()
    bank.go_down("adyen", 60.0)
    with pytest.raises(BrokenError):
        bank.take(order("20.00"), keyed=True)
    with pytest.raises(BrokenError):
        bank.ask("adyen", WITHDRAWAL_ID)
    assert bank.take(order("20.00", "wdr_other", gateway="paymentiq"), keyed=False).order.gateway == "paymentiq"
    bank.go_down("adyen", 0.0)
    assert bank.take(order("20.00"), keyed=True).order.gateway == "adyen"


def test_trouble_is_drawn_by_the_seed_and_keeps_each_payout_one() -> None:
    def drawn(seed: int) -> list[str]:
        bank = quiet()
        bank.trouble(0.5, seed)
        came = []
        for number in range(60):
            try:
                bank.take(order("20.00", f"wdr_{number % 20}"), keyed=True)
                came.append("taken")
            except LostError:
                came.append("lost")
        assert all(one["orders"] == 3 for one in bank.books())
        assert len({one["reference"] for one in bank.books()}) == len(bank.books())
        return came

    assert drawn(1) == drawn(1) != drawn(2)
    assert {"taken", "lost"} == set(drawn(1))


def test_every_life_says_what_it_comes_to(house: House) -> None:  # noqa: ARG001 - without waiting
    for digits, life in LIVES.items():
        told: list[Word] = []

        def say(_payout: Payout, turn: Turn, _event_id: str, told: list[Word] = told) -> bool:
            told.append(turn.word)
            return True

        bank = Bank(say={"adyen": say})
        bank.start()
        for _ in range(6):
            try:
                bank.take(order(f"20.{digits:02}"), keyed=True)
            except (LostError, BrokenError, HangError):
                continue
            break
        wanted = [turn.word for turn in life.turns for _ in range(turn.copies)]
        until(lambda told=told, wanted=wanted: told == wanted)  # type: ignore[misc] # the defaults bind the loop's own
        books = bank.books()
        until(lambda bank=bank, life=life: not life.turns or bank.books()[0]["word"] == life.turns[-1].word)  # type: ignore[misc] # as above
        bank.close()
        assert bool(books) == (life.intake is not Intake.NEVER)
        assert life.paid == any(turn.word is Word.PAID for turn in life.turns)


def test_the_house_is_told_until_it_has_taken_it_in() -> None:
    answers = iter([False, False, True])
    told: list[str] = []

    def say(_payout: Payout, _turn: Turn, event_id: str) -> bool:
        told.append(event_id)
        return next(answers)

    bank = Bank(say={"adyen": say})
    bank.start()
    bank.take(order("20.00"), keyed=True)
    until(lambda: len(told) == 3)
    bank.close()
    assert len(set(told)) == 1


def test_the_magic_amounts_are_written_down() -> None:
    table = lives.table()
    assert all(f"…{digits:02}" in table for digits in LIVES)
    assert [digits for digits, life in LIVES.items() if life.is_with_people] == [6, 14]
    assert [digits for digits, life in LIVES.items() if life.left is None] == [1, 6, 11, 13, 14]
