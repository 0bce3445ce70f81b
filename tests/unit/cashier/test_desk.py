import json
import re
from collections.abc import Callable, Collection
from dataclasses import replace
from typing import Any

import pytest

from countroom.cashier.desk import OPERATION, Ask, DepositDesk, Opened, _fingerprint, _read, new_deposit_id
from countroom.cashier.gates import Declined, DeclineReason, Wish
from countroom.cashier.idempotency import fingerprint
from countroom.cashier.store import CashierStore, StoreUnavailable
from countroom.faults import Fault
from countroom.jurisdictions.profile import Level
from countroom.ledger.book import Book, OutcomeUnknown, Pacing, Posted
from countroom.ledger.movements import (
    Adjustment,
    Deposit,
    DepositReversal,
    ExclusionKind,
    LimitKind,
    Movement,
    OpenWallet,
    Period,
    Reason,
    Reference,
    SetStatus,
    Status,
)
from countroom.ledger.records import Record
from countroom.ledger.rules import limits
from countroom.ledger.safeguards import SetLimit, StartExclusion
from countroom.ledger.store import LedgerStore
from tests.unit.cashier.support import (
    OTHER_PLAYER,
    PLAYER,
    BreakingClient,
    InterruptedClient,
    Killed,
    lost,
    nanos,
    open_wallet,
)
from tests.unit.clock import FixedClock
from tests.unit.conftest import CASHIER_TABLE, LEDGER_TABLE

ASK = Ask("10.00", "EUR")
KEY = ["key-1"]
PACING = Pacing(budget_s=30.0, attempts_max=8, timer=lambda: 0.0, sleep=lambda _seconds: None)
EVERYTHING = frozenset(Level)


def book_of(client: Any, clock: FixedClock) -> Book:
    return Book(LedgerStore(client, LEDGER_TABLE), clock, PACING)


def desk_of(client: Any, clock: FixedClock, levels: Collection[Level] = EVERYTHING) -> DepositDesk:
    return DepositDesk(CashierStore(client, CASHIER_TABLE), book_of(client, clock), lambda _player: levels, clock)


@pytest.fixture
def desk(house: Book, dynamodb: Any, clock: FixedClock) -> DepositDesk:  # noqa: ARG001 - the player must be there
    return desk_of(dynamodb, clock)


@pytest.fixture
def house(dynamodb: Any, clock: FixedClock) -> Book:
    """A ledger with the player in it."""
    return open_wallet(dynamodb, clock)


def posted(book: Book, *movements: Movement) -> None:
    for movement in movements:
        assert isinstance(book.post(movement), Posted)


def limited(amount: str, period: Period = Period.DAY, name: str = "l-1", kind: LimitKind = LimitKind.DEPOSIT) -> SetLimit:
    return SetLimit(Reference("house:limit", name), PLAYER, "EUR", nanos(amount), kind, period)


def standing(status: Status) -> SetStatus:
    return SetStatus(Reference("house:status", f"s-{status}"), PLAYER, status)


def spent(book: Book, clock: FixedClock) -> int:
    """What the player has used of the deposit limit."""
    wallet = book.wallet(PLAYER)
    assert wallet is not None
    (limit,) = wallet.limits
    return limits.used(limit, clock())


def count(dynamodb: Any) -> int:
    return int(dynamodb.scan(TableName=CASHIER_TABLE, Select="COUNT")["Count"])


def opened(result: Opened | Declined) -> dict[str, Any]:
    assert isinstance(result, Opened)
    assert result.answer.status == 201
    shown: dict[str, Any] = json.loads(result.answer.body)
    return shown


def test_a_deposit_is_opened_and_can_be_seen(desk: DepositDesk) -> None:
    result = desk.open(PLAYER, KEY, ASK)
    assert isinstance(result, Opened)
    assert not result.replayed
    shown = opened(result)
    assert (shown["status"], shown["amount"], shown["currency"], shown["gateway"]) == ("created", "10.00", "EUR", "standard")
    kept = desk.get(PLAYER, shown["deposit_id"])
    assert kept is not None
    assert kept.amount == nanos("10.00")
    assert desk.page(PLAYER, 10, None).deposits == (kept,)


def test_the_same_request_again_gets_the_first_answer_byte_for_byte(desk: DepositDesk, clock: FixedClock, dynamodb: Any) -> None:
    first = desk.open(PLAYER, KEY, ASK)
    clock.advance(seconds=400 * 24 * 3600)
    for again in (ASK, Ask("10.0", "EUR"), Ask("10", "EUR", "standard")):
        second = desk.open(PLAYER, ['"key-1"'], again)
        assert isinstance(first, Opened)
        assert second == replace(first, replayed=True)
    assert count(dynamodb) == 2


def test_a_finished_request_is_answered_even_if_the_player_could_no_longer_deposit(house: Book, desk: DepositDesk) -> None:
    posted(house, limited("10.00"))
    first = desk.open(PLAYER, KEY, ASK)
    posted(house, standing(Status.EXCLUDED))
    later = desk.open(PLAYER, KEY, ASK)
    assert isinstance(first, Opened)
    assert later == replace(first, replayed=True)


def test_the_method_is_kept_and_shown_also_where_none_was_named(desk: DepositDesk) -> None:
    for number, (ask, method) in enumerate(
        [(ASK, "card"), (Ask("10.00", "EUR", "adyen", "wallet"), "wallet"), (Ask("10.00", "EUR", "paymentiq"), "cashier")]
    ):
        shown = opened(desk.open(PLAYER, [f"key-{number}"], ask))
        kept = desk.get(PLAYER, shown["deposit_id"])
        assert kept is not None
        assert shown["method"] == kept.method == method


def test_a_request_from_before_there_were_methods_is_the_same_request() -> None:
    """What was kept of it says nothing of a method; the same request today must meet it."""
    named = replace(ASK, method="card")
    before = fingerprint(OPERATION, {"amount": nanos("10.00"), "currency": "EUR", "gateway": "standard"})
    assert [_fingerprint(wish_of(ask)) == before for ask in (ASK, named)] == [True, False]


def wish_of(ask: Ask) -> Wish:
    understood = _read(KEY, ask)
    assert not isinstance(understood, Declined)
    return understood[1]


def test_a_gateway_that_the_stage_cannot_reach_opens_nothing(house: Book, dynamodb: Any, clock: FixedClock) -> None:
    desk = DepositDesk(CashierStore(dynamodb, CASHIER_TABLE), house, lambda _player: EVERYTHING, clock, reachable={"standard"})
    assert desk.open(PLAYER, KEY, Ask("10.00", "EUR", "adyen")) == Declined(DeclineReason.METHOD_NOT_ALLOWED)
    assert count(dynamodb) == 0
    assert isinstance(desk.open(PLAYER, KEY, ASK), Opened)


@pytest.mark.parametrize("other", [Ask("10.01", "EUR"), Ask("10.00", "USD"), Ask("10.00", "EUR", "standard", "card")])
def test_the_same_key_with_another_request_is_refused(desk: DepositDesk, dynamodb: Any, other: Ask) -> None:
    desk.open(PLAYER, KEY, ASK)
    assert desk.open(PLAYER, KEY, other) == Declined(DeclineReason.KEY_REUSED)
    assert count(dynamodb) == 2


def test_a_key_is_the_callers_own(desk: DepositDesk, dynamodb: Any, clock: FixedClock) -> None:
    open_wallet(dynamodb, clock, OTHER_PLAYER)
    mine = opened(desk.open(PLAYER, KEY, ASK))
    theirs = opened(desk.open(OTHER_PLAYER, KEY, ASK))
    assert mine["deposit_id"] != theirs["deposit_id"]


@pytest.mark.parametrize(
    ("ask", "fields"),
    [
        (Ask("0.00", "EUR"), ["amount"]),
        (Ask("-5", "EUR"), ["amount"]),
        (Ask("10.001", "EUR"), ["amount"]),
        (Ask("1e2", "EUR"), ["amount"]),
        (Ask("", "EUR"), ["amount"]),
        (Ask("9" * 32, "EUR"), ["amount"]),
        (Ask("0.99", "EUR"), ["amount"]),
        (Ask("10000.01", "EUR"), ["amount"]),
        (Ask("10.00", "XXX"), ["currency"]),
        (Ask("10.00", "EUR", "nobody"), ["gateway"]),
        (Ask("ten", "EUR", "nobody"), ["gateway", "amount"]),
        (Ask("10.00", "EUR", "standard", "cash"), ["method"]),
        (Ask("10.00", "EUR", "standard", ""), ["method"]),
        (Ask("10.00", "XXX", "nobody", "CARD"), ["gateway", "method", "currency"]),
    ],
)
def test_what_is_not_well_formed_names_its_fields_and_writes_nothing(
    desk: DepositDesk, dynamodb: Any, ask: Ask, fields: list[str]
) -> None:
    declined = desk.open(PLAYER, KEY, ask)
    assert isinstance(declined, Declined)
    assert declined.reason is DeclineReason.INVALID_REQUEST
    assert [fault.field for fault in declined.faults] == fields
    assert count(dynamodb) == 0


def test_a_corrected_request_may_use_its_key_again(desk: DepositDesk) -> None:
    assert isinstance(desk.open(PLAYER, KEY, Ask("0", "EUR")), Declined)
    assert isinstance(desk.open(PLAYER, KEY, ASK), Opened)


def test_without_a_key_or_with_a_broken_one_nothing_is_written(desk: DepositDesk, dynamodb: Any) -> None:
    assert desk.open(PLAYER, [], ASK) == Declined(DeclineReason.KEY_MISSING)
    broken = desk.open(PLAYER, ["a", "b"], ASK)
    assert isinstance(broken, Declined)
    assert [fault.field for fault in broken.faults] == ["Idempotency-Key"]
    assert count(dynamodb) == 0


@pytest.mark.parametrize(
    ("before", "ask", "reason"),
    [
        ([standing(Status.BLOCKED)], ASK, DeclineReason.WALLET_BLOCKED),
        ([standing(Status.CLOSED)], ASK, DeclineReason.WALLET_BLOCKED),
        ([standing(Status.EXCLUDED)], ASK, DeclineReason.WALLET_EXCLUDED),
        ([standing(Status.EXCLUDED)], Ask("10.00", "EUR", "stripe", "crypto"), DeclineReason.WALLET_EXCLUDED),
        ([], Ask("10.00", "USD"), DeclineReason.WRONG_CURRENCY),
        ([], Ask("10.00", "EUR", "stripe", "bank"), DeclineReason.METHOD_NOT_ALLOWED),
        ([], Ask("10.00", "EUR", "stripe", "crypto"), DeclineReason.METHOD_NOT_ALLOWED),
        ([limited("9.99")], ASK, DeclineReason.LIMIT_REACHED),
        ([limited("0.00")], ASK, DeclineReason.LIMIT_REACHED),
    ],
)
def test_what_the_house_has_against_a_deposit(
    house: Book, desk: DepositDesk, dynamodb: Any, before: list[Movement], ask: Ask, reason: DeclineReason
) -> None:
    posted(house, *before)
    declined = desk.open(PLAYER, KEY, ask)
    assert isinstance(declined, Declined)
    assert declined.reason is reason
    assert count(dynamodb) == 0


def test_who_has_no_wallet_pays_nothing_in(dynamodb: Any, clock: FixedClock) -> None:
    assert desk_of(dynamodb, clock).open(PLAYER, KEY, ASK) == Declined(DeclineReason.NO_WALLET)


def test_a_currency_that_no_method_takes_is_a_fault_of_its_field(dynamodb: Any, clock: FixedClock) -> None:
    open_wallet(dynamodb, clock, currency="XOF")
    declined = desk_of(dynamodb, clock).open(PLAYER, KEY, Ask("10", "XOF"))
    assert isinstance(declined, Declined)
    assert [fault.field for fault in declined.faults] == ["currency"]


@pytest.mark.parametrize(
    "before",
    [
        [Adjustment(Reference("house:staff", "a-1"), PLAYER, "EUR", -nanos("50.00"), "a mistake", "ann")],
        [limited("10.00")],
        [limited("0.00", kind=LimitKind.LOSS)],
    ],
)
def test_a_debt_or_a_limit_with_room_is_no_obstacle(house: Book, desk: DepositDesk, before: list[Movement]) -> None:
    posted(house, *before)
    assert isinstance(desk.open(PLAYER, KEY, ASK), Opened)


class TestLimits:
    """A deposit counts from the moment in which it is opened."""

    def test_as_many_are_opened_as_the_limit_covers(self, house: Book, desk: DepositDesk, clock: FixedClock) -> None:
        posted(house, limited("35.00"))
        found = [desk.open(PLAYER, [f"key-{number}"], ASK) for number in range(6)]
        assert [isinstance(one, Opened) for one in found] == [True] * 3 + [False] * 3
        assert found[3] == Declined(DeclineReason.LIMIT_REACHED, limit="deposit 24h")
        assert spent(house, clock) == nanos("30.00")

    def test_lowered_below_what_is_spent_nothing_more_is_opened(self, house: Book, desk: DepositDesk, clock: FixedClock) -> None:
        posted(house, limited("35.00"))
        desk.open(PLAYER, KEY, ASK)
        posted(house, limited("5.00", name="l-2"))
        assert desk.open(PLAYER, ["key-2"], Ask("1.00", "EUR")) == Declined(DeclineReason.LIMIT_REACHED, limit="deposit 24h")
        clock.advance(seconds=24 * 3600)
        assert isinstance(desk.open(PLAYER, ["key-3"], Ask("5.00", "EUR")), Opened)

    def test_of_several_limits_the_lowest_applies_and_is_named(self, house: Book, desk: DepositDesk) -> None:
        posted(house, limited("100.00"), limited("15.00", Period.WEEK, "l-2"), limited("50.00", Period.MONTH, "l-3"))
        assert isinstance(desk.open(PLAYER, KEY, ASK), Opened)
        assert desk.open(PLAYER, ["key-2"], ASK) == Declined(DeclineReason.LIMIT_REACHED, limit="deposit 7d")

    def test_a_repeat_uses_nothing(self, house: Book, desk: DepositDesk, clock: FixedClock) -> None:
        posted(house, limited("10.00"))
        first = opened(desk.open(PLAYER, KEY, ASK))
        assert [opened(desk.open(PLAYER, KEY, ASK)) for _ in range(3)] == [first] * 3
        assert spent(house, clock) == nanos("10.00")

    def test_what_was_refused_is_on_record_and_its_key_may_be_used_again(
        self, house: Book, dynamodb: Any, clock: FixedClock
    ) -> None:
        posted(house, limited("9.99"))
        name = "dep_" + "q" * 20
        store = CashierStore(dynamodb, CASHIER_TABLE)
        desk = DepositDesk(store, house, lambda _player: EVERYTHING, clock, lambda: name)
        desk.open(PLAYER, KEY, ASK)
        record = house.find(Reference("house:deposit", name))
        assert isinstance(record, Record)
        assert (record.reason, record.limit, record.amount) == (Reason.LIMIT_REACHED, "deposit 24h", nanos("10.00"))
        assert isinstance(desk_of(dynamodb, clock).open(PLAYER, KEY, Ask("9.99", "EUR")), Opened)

    @pytest.mark.parametrize("kind", list(ExclusionKind))
    def test_an_exclusion_or_time_out_refuses_it_at_once(
        self, house: Book, desk: DepositDesk, clock: FixedClock, kind: ExclusionKind
    ) -> None:
        posted(house, StartExclusion(Reference("house:player", "x-1"), PLAYER, kind, clock() + 86_400_000))
        assert desk.open(PLAYER, KEY, ASK) == Declined(DeclineReason.WALLET_EXCLUDED)
        assert desk.choices(PLAYER) == Declined(DeclineReason.WALLET_EXCLUDED)
        clock.advance(seconds=24 * 3600)
        ended = kind is ExclusionKind.TIME_OUT
        assert isinstance(desk.open(PLAYER, KEY, ASK), Opened) is ended


class TestLevels:
    """What has to be known of a player before he pays in, by his country's profile."""

    def opened_in(self, dynamodb: Any, clock: FixedClock, country: str) -> None:
        posted(book_of(dynamodb, clock), OpenWallet.of(PLAYER, "EUR", country))

    def test_in_great_britain_age_and_identity_come_first(self, dynamodb: Any, clock: FixedClock) -> None:
        self.opened_in(dynamodb, clock, "GB")
        declined = desk_of(dynamodb, clock, ()).open(PLAYER, KEY, ASK)
        faults = (Fault("level", "age"), Fault("level", "identity"))
        assert declined == Declined(DeclineReason.NOT_VERIFIED, faults)
        assert desk_of(dynamodb, clock, {Level.AGE}).open(PLAYER, KEY, ASK) == Declined(DeclineReason.NOT_VERIFIED, faults[1:])
        assert isinstance(desk_of(dynamodb, clock, {Level.AGE, Level.IDENTITY}).open(PLAYER, KEY, ASK), Opened)

    def test_who_is_excluded_is_told_so_and_not_to_send_documents(self, dynamodb: Any, clock: FixedClock) -> None:
        self.opened_in(dynamodb, clock, "GB")
        posted(book_of(dynamodb, clock), standing(Status.EXCLUDED))
        assert desk_of(dynamodb, clock, ()).open(PLAYER, KEY, ASK) == Declined(DeclineReason.WALLET_EXCLUDED)

    def test_elsewhere_they_are_asked_when_net_deposits_reach_a_threshold(self, dynamodb: Any, clock: FixedClock) -> None:
        self.opened_in(dynamodb, clock, "EE")
        book, desk = book_of(dynamodb, clock), desk_of(dynamodb, clock, ())
        paid = Deposit(Reference("gateway:standard", "d-1"), PLAYER, "EUR", nanos("9990.00"))
        posted(book, paid)
        assert isinstance(desk.open(PLAYER, KEY, Ask("9.99", "EUR")), Opened)
        declined = desk.open(PLAYER, ["key-2"], ASK)
        assert declined == Declined(DeclineReason.NOT_VERIFIED, (Fault("level", "source_of_funds"),))
        posted(book, DepositReversal(Reference("gateway:standard", "r-1"), PLAYER, "EUR", nanos("0.01"), paid.reference))
        assert isinstance(desk.open(PLAYER, ["key-2"], ASK), Opened)


def test_a_foreign_an_unknown_and_an_impossible_id_look_the_same(desk: DepositDesk) -> None:
    mine = opened(desk.open(PLAYER, KEY, ASK))["deposit_id"]
    assert desk.get(OTHER_PLAYER, mine) is None
    assert desk.get(PLAYER, new_deposit_id()) is None
    assert desk.get(PLAYER, "DEPOSIT#" + mine) is None
    assert desk.page(OTHER_PLAYER, 10, None).deposits == ()


@pytest.mark.parametrize("before", [True, False])
@pytest.mark.parametrize("fault", [Killed, lost])
def test_broken_at_any_call_and_asked_again_there_is_one_deposit(
    house: Book, dynamodb: Any, clock: FixedClock, before: bool, fault: Callable[[], BaseException]
) -> None:
    posted(house, limited("1000.00"))
    broken_calls = 0
    for at in range(10):
        client = BreakingClient(dynamodb, at, before=before, fault=fault)
        key = [f"key-{at}"]
        try:
            first = desk_of(client, clock).open(PLAYER, key, ASK)
        except (Killed, StoreUnavailable, OutcomeUnknown):
            first = None
        again = desk_of(dynamodb, clock).open(PLAYER, key, ASK)
        assert isinstance(again, Opened)
        assert first is None or first == replace(again, replayed=False)
        assert count(dynamodb) == 2 * (at + 1)
        assert spent(house, clock) == nanos("10.00") * (at + 1)
        if not client.broke:
            break
        broken_calls += 1
    assert broken_calls == 4


def test_twins_interleaved_at_any_call_open_one_deposit(house: Book, dynamodb: Any, clock: FixedClock) -> None:
    posted(house, limited("1000.00"))
    interrupted_calls = 0
    for at in range(10):
        key = [f"key-{at}"]
        twins: list[Opened | Declined] = []

        def twin(key: list[str] = key, twins: list[Opened | Declined] = twins) -> None:
            twins.append(desk_of(dynamodb, clock).open(PLAYER, key, ASK))

        client = InterruptedClient(dynamodb, at, twin)
        mine = desk_of(client, clock).open(PLAYER, key, ASK)
        if not client.interrupted:
            break
        interrupted_calls += 1
        assert isinstance(twins[0], Opened)
        assert mine == replace(twins[0], replayed=True)
        assert count(dynamodb) == 2 * (at + 1)
        assert spent(house, clock) == nanos("10.00") * (at + 1)
    assert interrupted_calls == 4


def test_ids_have_their_form_and_do_not_repeat() -> None:
    ids = {new_deposit_id() for _ in range(1000)}
    assert len(ids) == 1000
    assert all(re.fullmatch(r"dep_[a-z2-7]{20}", text) for text in ids)
