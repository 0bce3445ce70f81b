"""What becomes of deposits of which nothing is heard any more."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise

import pytest

from countroom.cashier import overdue, uses
from countroom.cashier.deposits import NEXT, STATUS_TEXT, UNPAID, Actor, Change, Deposit, DepositStatus
from countroom.cashier.gateways.dialect import PaymentOutcome
from countroom.cashier.opening import PAY_MS, PAYABLE_MS
from countroom.cashier.overdue import DAY_MS, LIMITS_MS, LOOKBACK_MS, Overdue, expired, is_overdue, look
from countroom.cashier.reconciler import OutOfTime
from countroom.cashier.views import deposit_view
from countroom.ledger.book import Refused
from countroom.ledger.movements import Reason
from countroom.ledger.safeguards import OpenDeposit
from tests.unit.cashier.memory import MemoryBook, Office
from tests.unit.cashier.support import DEPOSIT_ID, PLAYER, deposit_of, event_of, nanos
from tests.unit.clock import START_MS

S = DepositStatus
NOW = START_MS + 3 * DAY_MS


class Shelf:
    """The index by gateway, as it was at some moment, and the deposits as they are; `lost` answers none of its writes."""

    def __init__(self, *deposits: Deposit) -> None:
        self.index = list(deposits)
        self.kept = {one.deposit_id: one for one in deposits}
        self.asked: list[tuple[str, int, int]] = []

    def created_between(self, gateway: str, first_ms: int, end_ms: int) -> Iterator[Deposit]:
        self.asked.append((gateway, first_ms, end_ms))
        yield from self.index

    def save(self, before: Deposit, after: Deposit) -> bool:
        if self.kept[before.deposit_id].version != before.version:
            return False
        self.kept[before.deposit_id] = after
        return True


def ids(count: int) -> list[str]:
    return ["dep_" + "a" * 18 + "abcdefghij"[number // 10] + "abcdefghij"[number % 10] for number in range(count)]


def left_in(status: S, at_ms: int, deposit_id: str = DEPOSIT_ID) -> Deposit:
    opened = deposit_of(deposit_id=deposit_id)
    if status is S.CREATED and at_ms == START_MS:
        return opened
    return replace(opened, status=status, changes=(*opened.changes, Change(at_ms, status, "gateway.said", Actor.GATEWAY)))


def looked(shelf: Shelf, now_ms: int = NOW) -> Overdue:
    book = MemoryBook(PLAYER)
    return look(shelf, book, "standard", now_ms, lambda: None)  # type: ignore[arg-type]  # in-memory twins of the ports


@pytest.mark.parametrize("status", S)
def test_each_state_has_its_limit_or_none(status: S) -> None:
    limit = LIMITS_MS.get(status, 0)
    first = Change(NOW - limit - 1, S.CREATED, "player.request", Actor.PLAYER)
    one = replace(left_in(status, NOW - limit - 1), gateway="stripe", counted=True)
    one = replace(one, changes=(first, *one.changes[1:]))
    assert is_overdue(one, NOW) is (limit > 0)
    assert is_overdue(replace(one, counted=False), NOW) is (limit > 0 and status is not S.FAILED)
    assert not is_overdue(replace(left_in(status, NOW - limit), gateway="stripe", counted=True), NOW)
    assert (limit > 0) is (status in {S.CREATED, S.REQUIRES_ACTION, S.PENDING, S.FAILED})


@pytest.mark.parametrize("status", [S.CREATED, S.REQUIRES_ACTION])
def test_what_the_player_did_not_complete_expires_once(status: S) -> None:
    shelf = Shelf(left_in(status, START_MS))
    assert looked(shelf) == Overdue((), (DEPOSIT_ID,), 0)
    done = shelf.kept[DEPOSIT_ID]
    assert (done.status, done.changes[-1]) == (S.EXPIRED, Change(NOW, S.EXPIRED, "house.not_completed", Actor.HOUSE))
    assert all(after.status in NEXT[before.status] for before, after in pairwise(done.changes))
    assert looked(shelf) == Overdue((), (), 0), "the index is behind, and the deposit is as it was"
    shelf.index = [done]
    assert looked(shelf) == Overdue((), (), 0)
    assert shelf.kept[DEPOSIT_ID] == done


def test_the_last_few_days_of_one_gateway_are_looked_at() -> None:
    shelf = Shelf()
    looked(shelf)
    assert shelf.asked == [("standard", NOW - LOOKBACK_MS, NOW - DAY_MS)]


def test_what_the_gateway_processes_is_for_people_and_is_not_closed() -> None:
    shelf = Shelf(left_in(S.PENDING, START_MS))
    assert looked(shelf) == Overdue((DEPOSIT_ID,), (), 0)
    assert shelf.kept[DEPOSIT_ID].status is S.PENDING


@pytest.mark.parametrize("outcome", [PaymentOutcome.CHARGEBACK, PaymentOutcome.SETTLED])
def test_of_what_its_gateway_has_spoken_of_money_is_for_people(outcome: PaymentOutcome) -> None:
    deposit = Office(deposit_of()).take(event_of(outcome, deposit_id=DEPOSIT_ID)).deposit
    assert deposit.status is S.CREATED
    assert looked(Shelf(deposit)) == Overdue((DEPOSIT_ID,), (), 0)


def test_one_that_moves_while_it_is_looked_at_is_let_be() -> None:
    shelf = Shelf(deposit_of())
    paid = Office(deposit_of()).take(event_of()).deposit
    shelf.kept[DEPOSIT_ID] = paid
    assert looked(shelf) == Overdue((), (), 0)
    assert shelf.kept[DEPOSIT_ID] is paid


def test_no_more_than_so_many_at_one_look_and_the_rest_at_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(overdue, "EXPIRED_MAX", 20)
    names = ids(50)
    shelf = Shelf(*(deposit_of(deposit_id=name) for name in names))
    for done, left in ((20, 30), (20, 10), (10, 0)):
        found = looked(shelf)
        assert (len(found.expired), found.left) == (done, left)
        shelf.index = list(shelf.kept.values())
    assert {one.status for one in shelf.kept.values()} == {S.EXPIRED}


def test_out_of_time_it_stops_and_what_was_closed_stays_closed() -> None:
    names = ids(5)
    shelf = Shelf(*(deposit_of(deposit_id=name) for name in names))
    left = iter((None, None))

    def go_on() -> None:
        if next(left, "over") == "over":
            raise OutOfTime("no time is left")

    with pytest.raises(OutOfTime):
        look(shelf, MemoryBook(PLAYER), "standard", NOW, go_on)  # type: ignore[arg-type]  # as above
    assert [shelf.kept[name].status for name in names] == [S.EXPIRED] * 2 + [S.CREATED] * 3
    assert looked(shelf).expired == tuple(names[2:])


def test_a_late_success_is_credited_all_the_same() -> None:
    office = Office(expired(deposit_of(), NOW)).take(event_of(), event_of())
    assert (office.deposit.status, office.cash) == (S.CREDITED, nanos("10.00"))


@pytest.mark.parametrize(
    ("outcome", "status"),
    [
        (PaymentOutcome.PENDING, S.EXPIRED),
        (PaymentOutcome.REQUIRES_ACTION, S.EXPIRED),
        (PaymentOutcome.EXPIRED, S.EXPIRED),
        (PaymentOutcome.CANCELLED, S.CANCELLED),
        (PaymentOutcome.FAILED, S.FAILED),
    ],
)
def test_a_later_word_that_moves_no_money_stands_where_it_goes_further(outcome: PaymentOutcome, status: S) -> None:
    assert Office(expired(deposit_of(), NOW)).take(event_of(outcome)).deposit.status is status
    assert status in UNPAID


def test_the_player_reads_what_happened() -> None:
    view = deposit_view(expired(deposit_of(), NOW))
    assert (view["status"], view["status_text"]) == ("expired", STATUS_TEXT[S.EXPIRED])
    last = view["events"][-1]  # type: ignore[index]  # a list of objects
    assert (last["cause"], last["actor"], last["transaction_id"]) == ("house.not_completed", "house", None)
    assert last["text"] == (
        "We heard nothing of this payment for a day, so we closed the deposit."
        " If you have paid, the money is added when it arrives."
    )


class TestCounted:
    """A deposit that counts towards the player's limits gives back with its end what it took, once."""

    @staticmethod
    def expire(office: Office) -> bool:
        return uses.move(office.store, office.book, office.deposit, expired(office.deposit, NOW))  # type: ignore[arg-type]  # in-memory twins of the ports

    def test_expired_once_however_often_it_is_looked_at(self) -> None:
        office = Office(replace(deposit_of(), counted=True), nanos("15.00"))
        assert office.used == nanos("10.00")
        before = office.deposit
        assert self.expire(office)
        assert office.used == 0
        assert not uses.move(office.store, office.book, before, expired(before, NOW))  # type: ignore[arg-type]  # as above
        assert (office.used, office.deposit.status) == (0, S.EXPIRED)

    def test_paid_after_all_it_counts_again(self) -> None:
        office = Office(replace(deposit_of(), counted=True), nanos("15.00"))
        self.expire(office)
        office.take(event_of(), event_of())
        assert (office.deposit.status, office.cash, office.used) == (S.CREDITED, nanos("10.00"), nanos("10.00"))

    def test_one_that_is_paid_meanwhile_is_let_be(self) -> None:
        office = Office(replace(deposit_of(), counted=True), nanos("15.00"))
        before = office.deposit
        office.take(event_of())
        assert not uses.move(office.store, office.book, before, expired(before, NOW))  # type: ignore[arg-type]  # as above
        assert (office.deposit.status, office.used) == (S.CREDITED, nanos("10.00"))

    def test_after_a_restore_of_the_table_it_gives_back_no_second_time(self) -> None:
        office = Office(replace(deposit_of(), counted=True), nanos("15.00"))
        restored = office.deposit
        self.expire(office)
        office.store.deposit = restored
        assert self.expire(office)
        assert (office.deposit.status, office.used) == (S.EXPIRED, 0)

    def test_after_a_restore_one_that_was_paid_ends_and_gives_nothing_back(self) -> None:
        office = Office(replace(deposit_of(), counted=True), nanos("15.00"))
        restored = office.deposit
        office.take(event_of())
        office.store.deposit = restored
        assert self.expire(office)
        assert office.used == nanos("10.00")
        office.take(event_of())
        assert (office.deposit.status, office.cash, office.used) == (S.CREDITED, nanos("10.00"), nanos("10.00"))

    def test_what_the_ledger_refuses_otherwise_is_for_people(self) -> None:
        office = Office(replace(deposit_of(), counted=True))
        stranger = replace(office.deposit, player_id="pl_" + "b" * 20)
        book = MemoryBook(stranger.player_id)
        book.records |= office.book.records
        with pytest.raises(uses.NotGivenBack):
            uses.move(office.store, book, stranger, expired(stranger, NOW))  # type: ignore[arg-type]  # as above

    def test_for_what_the_ledger_refuses_the_others_do_not_wait(self) -> None:
        office = Office(replace(deposit_of(), counted=True))
        stranger = replace(office.deposit, player_id="pl_" + "b" * 20)
        book = MemoryBook(stranger.player_id)
        book.records |= office.book.records
        other = deposit_of(deposit_id="dep_" + "z" * 20)
        shelf = Shelf(stranger, other)
        shelf.moving = office.store.moving  # type: ignore[attr-defined]  # as above
        found = look(shelf, book, "standard", NOW, lambda: None)  # type: ignore[arg-type]  # in-memory twins of the ports
        assert found == Overdue((), (other.deposit_id,), 0, ((stranger.deposit_id, "reference_mismatch"),))
        assert shelf.kept[stranger.deposit_id] is stranger


class TestTriedAgain:
    """A payment that failed at a gateway that lets it be tried again goes on counting until it is given up."""

    @pytest.fixture(params=["stripe", "adyen"])
    def office(self, request: pytest.FixtureRequest) -> Office:
        return Office(replace(deposit_of(), gateway=request.param, counted=True), nanos("10.00"))

    @staticmethod
    def give_up(office: Office, now_ms: int = NOW) -> Overdue:
        shelf = Shelf(office.deposit)
        shelf.save, shelf.moving = office.store.save, office.store.moving  # type: ignore[method-assign, attr-defined]  # the office's own
        return look(shelf, office.book, office.deposit.gateway, now_ms, lambda: None)  # type: ignore[arg-type]  # in-memory twins of the ports

    def test_many_that_failed_make_no_room_for_more_than_the_limit(self, office: Office) -> None:
        office.take(event_of(PaymentOutcome.FAILED), event_of(PaymentOutcome.FAILED))
        another = OpenDeposit.of(PLAYER, "dep_" + "b" * 20, "EUR", 1)
        assert office.book.post(another) == Refused(Reason.LIMIT_REACHED, limit="deposit 24h")
        office.take(event_of())
        assert (office.deposit.status, office.cash, office.used) == (S.CREDITED, nanos("10.00"), nanos("10.00"))

    def test_one_that_is_not_tried_again_gives_back_after_a_day_and_once(self, office: Office) -> None:
        office.take(event_of(PaymentOutcome.FAILED))
        assert self.give_up(office, START_MS + DAY_MS) == Overdue((), (), 0)
        assert office.used == nanos("10.00")
        assert self.give_up(office, START_MS + DAY_MS + 1).expired == (DEPOSIT_ID,)
        assert (office.deposit.status, office.used) == (S.FAILED, 0)
        assert (office.deposit.changes[-1].cause, office.deposit.changes[-1].actor) == ("house.not_tried_again", Actor.HOUSE)
        assert self.give_up(office) == Overdue((), (), 0)
        office.take(event_of(), event_of())
        assert (office.deposit.status, office.used) == (S.CREDITED, nanos("10.00"))

    @pytest.mark.parametrize("end", [PaymentOutcome.EXPIRED, PaymentOutcome.CANCELLED])
    def test_what_the_gateway_has_ended_gives_back_at_once_and_is_not_looked_at_when_it_failed_as_well(
        self, office: Office, end: PaymentOutcome
    ) -> None:
        office.take(event_of(end))
        assert office.used == 0
        office.take(event_of(PaymentOutcome.FAILED))
        assert (office.deposit.status, office.used) == (S.FAILED, 0)
        assert self.give_up(office) == Overdue((), (), 0)

    def test_one_of_whose_money_something_was_said_goes_on_counting(self, office: Office) -> None:
        office.take(event_of(PaymentOutcome.FAILED), event_of(PaymentOutcome.CHARGEBACK, deposit_id=DEPOSIT_ID))
        assert self.give_up(office) == Overdue((), (), 0)
        assert office.used == nanos("10.00")

    @pytest.mark.parametrize(("after_ms", "used"), [(uses.TRIES_MS - 1, "10.00"), (uses.TRIES_MS, "0.00")])
    def test_what_fails_when_no_further_try_can_be_made_gives_back_at_once(self, office: Office, after_ms: int, used: str) -> None:
        failed = Change(START_MS + after_ms, S.FAILED, "gateway.payment_failed", Actor.GATEWAY)
        after = replace(office.deposit, status=S.FAILED, changes=(*office.deposit.changes, failed))
        assert uses.move(office.store, office.book, office.deposit, after)  # type: ignore[arg-type]  # in-memory twins of the ports
        assert office.used == nanos(used)


def test_no_try_can_be_made_once_a_failure_is_an_end() -> None:
    assert PAYABLE_MS + PAY_MS <= uses.TRIES_MS
    assert uses.TRIES_MS + LIMITS_MS[S.FAILED] < LOOKBACK_MS, "what failed before that is looked at in time"
