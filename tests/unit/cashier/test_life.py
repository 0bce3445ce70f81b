"""Events of a deposit's life, each any number of times and in every order: one end, one balance."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import permutations
from random import Random

import pytest

from countroom.cashier import life
from countroom.cashier.deposits import NEXT, Booking, Deposit, DepositStatus, Fact
from countroom.cashier.gateways.dialect import PaymentEvent, PaymentOutcome
from countroom.cashier.life import RefusalReason, Refused, Step, advance
from tests.unit.cashier.memory import Office
from tests.unit.cashier.support import deposit_of, event_of, nanos
from tests.unit.clock import START_MS

O = PaymentOutcome  # noqa: E741 - the letter of a table, as S for the states
S = DepositStatus
TEN = nanos("10.00")
EVERY = tuple(event_of(outcome) for outcome in PaymentOutcome)
TIMES_MAX = 5
SHUFFLES = 20_000

SECOND_PAYMENT = event_of(payment_id="pay_2", amount="7.00")
ITS_REFUND = event_of(O.REFUNDED, payment_id="pay_2", amount="7.00", case_id="re_2")
PART = event_of(O.REFUNDED, amount="3.00", case_id="re_a")
OTHER_PART = event_of(O.REFUNDED, amount="2.00", case_id="re_b")
CASE_A = tuple(
    event_of(outcome, amount="4.00", case_id="cb_a") for outcome in (O.CHARGEBACK, O.CHARGEBACK_REVERSED, O.SECOND_CHARGEBACK)
)
CASE_B = tuple(event_of(outcome, amount="5.00", case_id="cb_b") for outcome in (O.CHARGEBACK, O.CHARGEBACK_REVERSED))


def of(*outcomes: PaymentOutcome) -> tuple[PaymentEvent, ...]:
    return tuple(event_of(outcome) for outcome in outcomes)


LIVES: Mapping[str, tuple[tuple[PaymentEvent, ...], DepositStatus, int]] = {
    "settled": (of(O.PENDING, O.REQUIRES_ACTION, O.SUCCEEDED, O.SETTLED), S.SETTLED, TEN),
    "declined": (of(O.PENDING, O.FAILED, O.EXPIRED, O.CANCELLED), S.FAILED, 0),
    "paid late": (of(O.PENDING, O.FAILED, O.EXPIRED, O.CANCELLED, O.SUCCEEDED), S.CREDITED, TEN),
    "charged back": (of(O.PENDING, O.SUCCEEDED, O.SETTLED, O.CHARGEBACK), S.REVERSED, 0),
    "won": (of(O.SUCCEEDED, O.SETTLED, O.CHARGEBACK, O.CHARGEBACK_REVERSED), S.CHARGEBACK_REVERSED, TEN),
    "lost": (of(O.SUCCEEDED, O.SETTLED, O.CHARGEBACK, O.CHARGEBACK_REVERSED, O.SECOND_CHARGEBACK), S.SECOND_CHARGEBACK, 0),
    "never settled": (of(O.PENDING, O.SUCCEEDED, O.SETTLEMENT_FAILED), S.REVERSED, 0),
    "never paid": (of(O.FAILED, O.CHARGEBACK, O.CHARGEBACK_REVERSED, O.REFUNDED), S.FAILED, 0),
    "paid twice": ((event_of(), SECOND_PAYMENT, ITS_REFUND, event_of(O.SETTLED)), S.REVERSED, TEN),
    "in parts": ((event_of(), PART, OTHER_PART, event_of(O.FAILED)), S.REVERSED, nanos("5.00")),
    "two cases": ((event_of(), *CASE_A[:2], *CASE_B), S.CHARGEBACK_REVERSED, TEN),
    "refund and chargeback": ((event_of(), event_of(O.REFUNDED), event_of(O.CHARGEBACK)), S.REVERSED, -TEN),
}
LONG_LIVES: Mapping[str, tuple[tuple[PaymentEvent, ...], DepositStatus, int]] = {
    "everything": (EVERY, S.SECOND_CHARGEBACK, -TEN),
    "two payments, two cases, two parts": (
        (event_of(O.PENDING), event_of(), SECOND_PAYMENT, ITS_REFUND, PART, OTHER_PART, *CASE_A, *CASE_B, event_of(O.SETTLED)),
        S.SECOND_CHARGEBACK,
        nanos("1.00"),
    ),
}


def balance(deposit: Deposit) -> int:
    """What of a deposit is in the wallet, by its own facts."""
    return deposit.credited - deposit.taken_back


def delivered(deposit: Deposit, event: PaymentEvent) -> Deposit:
    """The deposit after one event, with every step that it brings about; each follows the graph and adds one change."""
    while (step := advance(deposit, event, START_MS)) is not None:
        assert isinstance(step, Step), step
        after = step.deposit
        assert after.version == deposit.version + 1
        assert after.status is deposit.status or after.status in NEXT[deposit.status]
        assert (step.fact is not None) == (balance(after) != balance(deposit))
        deposit = after
    return deposit


def bare(deposit: Deposit) -> Deposit:
    """A deposit without its history: what events have made of it."""
    return replace(deposit, changes=deposit.changes[:1])


class Map:
    """Where each event leads from each state, looked up once and then remembered: states are numbered, 0 is the new deposit.

    A state is a deposit without its history. That the history steers nothing (but the bound on its own length) is what
    `test_what_an_event_does_depends_on_the_state_and_not_on_the_way_there` holds, so an order of events is a way through this map,
    and two orders that meet in a state go on alike.
    """

    def __init__(self, events: Sequence[PaymentEvent]) -> None:
        self.events = events
        self.states = [bare(deposit_of())]
        self._numbers = {self.states[0]: 0}
        self._leads: dict[tuple[int, int], int] = {}

    def go(self, state: int, event: int) -> int:
        """The number of the state after one event."""
        known = self._leads.get((state, event))
        if known is None:
            after = bare(delivered(self.states[state], self.events[event]))
            known = self._numbers.setdefault(after, len(self.states))
            if known == len(self.states):
                self.states.append(after)
            self._leads[state, event] = known
        return known


def seen_by_all(deposit: Deposit) -> tuple[object, ...]:
    """What must be the same in every order. Under which names two payments were booked is all that may differ."""
    facts = frozenset(replace(fact, record="booked" if fact.is_booked else "") for fact in deposit.facts)
    return deposit.status, deposit.settled, balance(deposit), facts


def ends(events: Sequence[PaymentEvent]) -> dict[frozenset[int], tuple[object, ...]]:
    """Deliver events in every order, and again at every moment after; give the end of each set of them.

    Every state that an order leads to is looked at once. A repeat must change nothing in any of them, so orders with repeats,
    however many, lead nowhere else.
    """
    reached: dict[frozenset[int], set[Deposit]] = {frozenset(): {deposit_of()}}
    found = {}
    for _ in events:
        following: dict[frozenset[int], set[Deposit]] = {}
        for seen, states in reached.items():
            for state in states:
                for index, event in enumerate(events):
                    after = delivered(state, event)
                    if index in seen:
                        assert after == state, (seen, event)
                    else:
                        following.setdefault(seen | {index}, set()).add(bare(after))
        for seen, states in following.items():
            (found[seen],) = {seen_by_all(state) for state in states}
        reached = following
    for seen, states in reached.items():
        assert all(delivered(state, events[index]) == state for state in states for index in seen)
    return found


def test_every_set_of_events_has_one_end_whatever_their_order_and_number() -> None:
    assert len(ends(EVERY)) == 2 ** len(EVERY) - 1


@pytest.mark.parametrize("name", [*LIVES, "two payments, two cases, two parts"])
def test_so_have_several_payments_cases_and_parts(name: str) -> None:
    events, status, cash = {**LIVES, **LONG_LIVES}[name]
    end = ends(events)[frozenset(range(len(events)))]
    assert (end[0], end[2]) == (status, cash)


@pytest.mark.parametrize("name", LIVES)
def test_each_event_one_to_five_times_in_every_order(name: str) -> None:
    """Count by count: every order in which the events of a life come one to five times each is a way through these states."""
    events, status, cash = LIVES[name]
    assert len(events) <= 5
    leads = Map(events)
    reached, looked_at = [((0,) * len(events), 0)], {((0,) * len(events), 0)}
    checked = 0
    while reached:
        counts, state = reached.pop()
        if all(counts):
            ended = leads.states[state]
            assert (ended.status, balance(ended)) == (status, cash), counts
            checked += 1
        for index, count in enumerate(counts):
            if count < TIMES_MAX:
                after = (*counts[:index], count + 1, *counts[index + 1 :]), leads.go(state, index)
                if after not in looked_at:
                    looked_at.add(after)
                    reached.append(after)
    assert checked >= TIMES_MAX ** len(events)


def shuffles(number: int, events: Sequence[PaymentEvent], rng: Random) -> Iterator[list[int]]:
    """Long lives, each event (by its place in `events`) one to five times, in any order."""
    for _ in range(number):
        shuffled = [index for index in range(len(events)) for _ in range(rng.randint(1, TIMES_MAX))]
        rng.shuffle(shuffled)
        yield shuffled


@pytest.mark.parametrize("name", LONG_LIVES)
def test_twenty_thousand_shuffles_of_a_long_life(name: str) -> None:
    events, status, cash = LONG_LIVES[name]
    leads = Map(events)
    for number, order in enumerate(shuffles(SHUFFLES, events, Random(6))):  # noqa: S311 - a seeded shuffle, no secret
        state = 0
        for index in order:
            state = leads.go(state, index)
        ended = leads.states[state]
        assert (ended.status, balance(ended)) == (status, cash), f"shuffle {number}"


@pytest.mark.parametrize("name", LONG_LIVES)
def test_what_an_event_does_depends_on_the_state_and_not_on_the_way_there(name: str) -> None:
    """Whole deposits with all their history, beside the map: the same state after every single event."""
    events, _, _ = LONG_LIVES[name]
    leads = Map(events)
    for order in shuffles(500, events, Random(8)):  # noqa: S311 - a seeded shuffle, no secret
        deposit, state = deposit_of(), 0
        for index in order:
            deposit, state = delivered(deposit, events[index]), leads.go(state, index)
            assert bare(deposit) == leads.states[state]


@pytest.mark.parametrize("name", LONG_LIVES)
def test_five_hundred_of_them_through_worker_and_ledger(name: str) -> None:
    events, status, cash = LONG_LIVES[name]
    for number, order in enumerate(shuffles(500, events, Random(7))):  # noqa: S311 - a seeded shuffle, no secret
        office = Office(deposit_of()).take(*(events[index] for index in order))
        booked = [fact for fact in office.deposit.facts if fact.is_booked]
        assert (office.deposit.status, office.cash) == (status, cash), f"shuffle {number}"
        assert (balance(office.deposit), len(office.book.records)) == (cash, len(booked) + 1)


CAP = nanos("1000.00")


def used_by(events: Sequence[PaymentEvent]) -> tuple[DepositStatus, int, int]:
    """Where a deposit that counts ends after these events, and what of it is in the wallet and used of the deposit limit then."""
    office = Office(replace(deposit_of(), counted=True), CAP).take(*events)
    return office.deposit.status, office.cash, office.used


@pytest.mark.parametrize("name", LIVES)
def test_what_is_used_of_the_limit_is_the_same_in_every_order_with_repeats(name: str) -> None:
    """Each order of a life, and each with one event told twice: what is in the wallet is used, and nothing without money."""
    events, status, cash = LIVES[name]
    repeated = [(*events, event) for event in dict.fromkeys(events)]
    orders = {order for told in (events, *repeated) for order in permutations(told)} if len(events) < MANY else shuffled(events)
    found = {used_by(order) for order in orders}
    (end,) = found
    assert end[:2] == (status, cash)
    assert end[2] == max(0, cash), "what came back of a payment is given back, and what ended without money took nothing"


MANY = 4
"""Lives with so many events are tried in shuffles."""


def shuffled(events: Sequence[PaymentEvent]) -> set[tuple[PaymentEvent, ...]]:
    orders = shuffles(200, events, Random(9))  # noqa: S311 - a seeded shuffle, no secret
    return {tuple(events[index] for index in order) for order in orders}


@pytest.mark.parametrize("ending", [O.FAILED, O.EXPIRED, O.CANCELLED])
def test_an_end_without_money_gives_back_once_and_a_late_success_counts_again(ending: PaymentOutcome) -> None:
    office = Office(replace(deposit_of(), counted=True), CAP)
    assert office.used == TEN
    for _ in range(3):
        office.take(event_of(ending))
        assert office.used == 0
    for _ in range(3):
        office.take(event_of())
        assert (office.cash, office.used) == (TEN, TEN)


def test_one_end_after_another_gives_back_once() -> None:
    office = Office(replace(deposit_of(), counted=True), CAP)
    office.take(event_of(O.EXPIRED), event_of(O.CANCELLED), event_of(O.FAILED))
    assert (office.deposit.status, office.used) == (S.FAILED, 0)
    assert len(office.book.records) == 4, "the wallet, its limit, the opening and one end"


@pytest.mark.parametrize(("amount", "used"), [("7.00", "7.00"), ("10.00", "10.00"), ("12.00", "12.00")])
def test_what_was_paid_is_what_is_used_in_the_end(amount: str, used: str) -> None:
    assert used_by([event_of(amount=amount)])[1:] == (nanos(amount), nanos(used))


def test_a_second_payment_counts_by_itself() -> None:
    assert used_by([event_of(), SECOND_PAYMENT])[1] == used_by([event_of(), SECOND_PAYMENT])[2]


def test_a_deposit_from_before_openings_were_recorded_is_credited_and_counted_then() -> None:
    office = Office(deposit_of(), CAP).take(event_of(O.FAILED), event_of(), event_of())
    assert (office.deposit.status, office.cash, office.used) == (S.CREDITED, TEN, TEN)
    assert len(office.book.records) == 3


@pytest.mark.parametrize(
    ("outcome", "status"),
    [
        (O.PENDING, S.PENDING),
        (O.REQUIRES_ACTION, S.REQUIRES_ACTION),
        (O.FAILED, S.FAILED),
        (O.EXPIRED, S.EXPIRED),
        (O.CANCELLED, S.CANCELLED),
        (O.SUCCEEDED, S.CREDITED),
    ],
)
def test_where_each_first_event_leads(outcome: PaymentOutcome, status: DepositStatus) -> None:
    assert delivered(deposit_of(), event_of(outcome)).status is status


@pytest.mark.parametrize("outcome", [O.CHARGEBACK, O.REFUNDED, O.SETTLEMENT_FAILED, O.CHARGEBACK_REVERSED, O.SETTLED])
def test_what_comes_before_its_credit_is_kept_and_shown(outcome: PaymentOutcome) -> None:
    deposit = delivered(deposit_of(), event_of(outcome))
    assert (deposit.status, balance(deposit), deposit.version) == (S.CREATED, 0, 2)
    assert "_noted" in deposit.changes[-1].cause


def test_a_deposit_that_settles_before_its_credit_is_known_passes_through_credited() -> None:
    deposit = delivered(delivered(deposit_of(), event_of(O.SETTLED)), event_of())
    assert [change.status for change in deposit.changes] == [S.CREATED, S.CREATED, S.CREDITED, S.SETTLED]


def test_no_more_is_taken_back_than_had_come_and_nothing_named_is_all_of_it() -> None:
    paid = delivered(deposit_of(), event_of())
    assert delivered(paid, event_of(O.CHARGEBACK, amount="12.00")).taken_back == TEN
    assert delivered(paid, event_of(O.REFUNDED, amount="0.00")).taken_back == TEN
    part = delivered(paid, event_of(O.CHARGEBACK, amount="4.00"))
    assert delivered(part, event_of(O.CHARGEBACK_REVERSED, amount="10.00")).taken_back == 0


def test_what_the_gateway_moved_counts_where_it_differs_from_what_was_asked() -> None:
    deposit = delivered(deposit_of("10.00"), event_of(amount="9.50"))
    assert (deposit.credited, deposit.amount, deposit.payment) == (nanos("9.50"), TEN, event_of(amount="9.50").payment)


@pytest.mark.parametrize("first", [event_of(), event_of(O.CHARGEBACK), event_of(O.REFUNDED, case_id="re_1")])
def test_the_same_again_with_other_figures_is_for_people(first: PaymentEvent) -> None:
    other = replace(first, payment=replace(first.payment, amount=first.payment.amount + 1))
    assert advance(delivered(deposit_of(), first), other, START_MS) == Refused(RefusalReason.OTHER_FIGURES)


def test_another_currency_and_a_payment_of_nothing_are_for_people() -> None:
    for event in (event_of(currency="USD"), event_of(O.CHARGEBACK, currency="USD")):
        assert advance(deposit_of(), event, START_MS) == Refused(RefusalReason.WRONG_CURRENCY)
    assert advance(deposit_of(), event_of(amount="0.00"), START_MS) == Refused(RefusalReason.NO_AMOUNT)


def test_a_deposit_does_not_grow_without_end() -> None:
    deposit = delivered(deposit_of(), event_of())
    for number in range(life.CHANGES_MAX - deposit.version):
        deposit = delivered(deposit, event_of(payment_id=f"pay_x{number}"))
    assert deposit.version == life.CHANGES_MAX
    assert advance(deposit, event_of(payment_id="pay_more"), START_MS) == Refused(RefusalReason.TOO_MANY_CHANGES)
    assert advance(deposit, event_of(), START_MS) is None


def test_a_payment_gets_its_own_name_where_the_deposits_is_taken() -> None:
    step = advance(deposit_of(), event_of(), START_MS)
    assert isinstance(step, Step)
    other = life.renamed(step)
    assert step.fact is not None
    assert other.fact is not None
    assert step.fact.record == deposit_of().deposit_id
    assert other.fact.record.startswith(f"{deposit_of().deposit_id}:payment:")
    assert other.deposit.changes[-1].record == other.fact.record
    assert other.deposit.facts == (other.fact,)
    with pytest.raises(ValueError, match="payment"):
        life.renamed(Step(deposit_of()))


def test_names_in_the_ledger_fit_and_never_meet() -> None:
    deposit = deposit_of()
    for event in (*EVERY, SECOND_PAYMENT, ITS_REFUND, PART, OTHER_PART, *CASE_A, *CASE_B):
        deposit = delivered(deposit, event)
    names = [fact.record for fact in deposit.facts]
    assert len(names) == len(set(names)) == 16
    assert max(len(name) for name in names) <= 64
    assert {fact.booking for fact in deposit.facts} == set(Booking)


def test_a_fact_is_told_apart_by_payment_and_case() -> None:
    payment = event_of().payment
    assert Fact(Booking.REFUND, payment, "a").key != Fact(Booking.REFUND, payment, "b").key
    assert not Fact(Booking.REFUND, payment).is_booked
