"""The steps of the state machine: whatever dies, repeats or answers late, the withdrawal's item and the ledger decide."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from botocore.exceptions import ReadTimeoutError

from countroom.cashier.payouts.port import Declined, NotFound, Ordered, Pending, Status, Taken, Unclear
from countroom.cashier.store import StoreUnavailable
from countroom.cashier.withdrawals.course import Next, stands, starts_allowed
from countroom.cashier.withdrawals.life import Approve, Clearance, Flag, Refuse, Said, Screened, Submit, Unflag
from countroom.cashier.withdrawals.steps import LOOKS_MAX, WAITS, Order, ReleaseFailed, Steps, StillChanging, UnknownWithdrawal
from countroom.cashier.withdrawals.withdrawal import OPEN, Attention, Withdrawal, WithdrawalStatus, Word
from tests.unit.cashier.withdrawals.world import World

ASKS_MAX = 3
TIMED_OUT = "States.Timeout"
LOST = ReadTimeoutError(endpoint_url="https://x")
S, N = WithdrawalStatus, Next


class Killed(BaseException):
    """The process is gone: nothing catches it."""


@dataclass
class Gateway:
    """Answers orders and questions from its script, the last answer again and again; keeps the keys that it was sent."""

    orders: list[Ordered] = field(default_factory=lambda: [Taken("po_1")])
    answers: list[Status] = field(default_factory=lambda: [Pending()])
    sent: list[str] = field(default_factory=list)
    asked: int = 0
    before: Callable[[], None] = lambda: None
    after: Callable[[], None] = lambda: None

    def submit(self, withdrawal: Withdrawal) -> Ordered:
        self.before()
        self.sent.append(withdrawal.withdrawal_id)
        self.after()
        return self.orders.pop(0) if len(self.orders) > 1 else self.orders[0]

    def status(self, _withdrawal: Withdrawal) -> Status:
        self.asked += 1
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


@dataclass
class House:
    """The world, a gateway, and the steps between them."""

    world: World = field(default_factory=World)
    gateway: Gateway = field(default_factory=Gateway)
    answered: list[tuple[str, Next]] = field(default_factory=list)
    screened: Screened = field(default_factory=lambda: Screened(Clearance.APPROVE))
    barred: str = ""

    def take(self, step: Next, withdrawal: Withdrawal | str, *, token: str = "", error: str = "") -> Next:
        withdrawal_id = withdrawal if isinstance(withdrawal, str) else withdrawal.withdrawal_id
        steps = Steps(
            withdrawals=self.world.withdrawals,
            shelf=self.world.store,
            payouts=self.gateway,
            screen=lambda _: self.screened,
            barred=lambda _: self.barred,
            answer=lambda found, woken: self.answered.append((woken, stands(found))),
            asks_max=ASKS_MAX,
        )
        return steps.take(Order(step, withdrawal_id, token or ("tok" if step in WAITS else ""), error))

    def requested(self) -> Withdrawal:
        return self.world.asked(self.world.deposit("50.00"), "50.00")

    def approved(self) -> Withdrawal:
        return self.happened(self.requested(), Screened(Clearance.APPROVE))

    def submitting(self) -> Withdrawal:
        return self.happened(self.approved(), Submit())

    def happened(self, withdrawal: Withdrawal, *happenings: Any) -> Withdrawal:
        for happening in happenings:
            withdrawal = self.world.withdrawals.happen(withdrawal.withdrawal_id, happening)
        return withdrawal

    def now(self, withdrawal: Withdrawal) -> Withdrawal:
        return self.world.get(withdrawal.withdrawal_id)

    def drive(self, withdrawal: Withdrawal, start: Next = N.SCREEN, most: int = 40) -> list[Next]:
        """Do what the machine does, all timeouts at once: go on until an end, or until it waits for people."""
        course, following = [], start
        for _ in range(most):
            course.append(following)
            if following in {N.PAID, N.RELEASED, N.AWAIT_PEOPLE}:
                return course
            said = self.take(following, withdrawal)
            if said is following and following in WAITS:
                said = self.timed_out(following)
            following = said
        raise AssertionError(f"no end: {course}")

    @staticmethod
    def timed_out(step: Next) -> Next:
        return {N.AWAIT_WORD: N.ASK_STATUS, N.AWAIT_APPROVAL: N.TO_PEOPLE}[step]


@pytest.fixture
def house() -> House:
    return House()


MAKERS: dict[WithdrawalStatus, Callable[[House], Withdrawal]] = {
    S.REQUESTED: House.requested,
    S.AWAITING_APPROVAL: lambda house: house.world.waiting(),
    S.APPROVED: House.approved,
    S.SUBMITTING: House.submitting,
    S.SUBMITTED: lambda house: house.world.submitted(),
    S.PAID: lambda house: house.happened(house.world.submitted(), Said(Word.PAID)),
    S.RETURNED: lambda house: house.happened(house.world.submitted(), Said(Word.PAID), Said(Word.RETURNED)),
    S.FAILED: lambda house: house.happened(house.world.submitted(), Said(Word.FAILED)),
    S.REFUSED: lambda house: house.happened(house.requested(), Refuse("other")),
}
STANDS = {
    S.REQUESTED: N.SCREEN,
    S.AWAITING_APPROVAL: N.AWAIT_APPROVAL,
    S.APPROVED: N.SUBMIT,
    S.SUBMITTING: N.ASK_STATUS,
    S.SUBMITTED: N.AWAIT_WORD,
    S.PAID: N.PAID,
    S.RETURNED: N.PAID,
    S.FAILED: N.RELEASED,
    S.REFUSED: N.RELEASED,
    S.CANCELLED: N.RELEASED,
}


@pytest.mark.parametrize("status", S)
def test_every_status_says_where_to_go_on(house: House, status: WithdrawalStatus) -> None:
    made = replace(house.requested(), status=status)
    assert stands(made) is STANDS[status]
    assert (status in OPEN) is (stands(made) not in {N.PAID, N.RELEASED})


@pytest.mark.parametrize("status", MAKERS)
def test_an_execution_that_starts_anew_goes_on_where_the_withdrawal_stands(house: House, status: WithdrawalStatus) -> None:
    made = MAKERS[status](house)
    before = house.now(made)
    said = house.take(N.SCREEN, made)
    if status is S.REQUESTED:
        assert said is N.SUBMIT
    else:
        assert said is STANDS[status]
        assert house.now(made) == before, "and nothing is changed by looking"


# Each step at each status at which it has nothing to do: it must change nothing, and say where to go on.
IDLE = [(step, status) for step in (N.SUBMIT, N.ASK_STATUS, N.TO_PEOPLE) for status in (S.PAID, S.RETURNED, S.FAILED, S.REFUSED)]
IDLE += [(N.SUBMIT, S.REQUESTED), (N.SUBMIT, S.AWAITING_APPROVAL), (N.SUBMIT, S.SUBMITTED)]
IDLE += [(N.ASK_STATUS, status) for status in (S.REQUESTED, S.AWAITING_APPROVAL, S.APPROVED)]


@pytest.mark.parametrize(("step", "status"), IDLE)
def test_a_step_that_comes_too_late_leaves_everything(house: House, step: Next, status: WithdrawalStatus) -> None:
    made = MAKERS[status](house)
    before, money = house.now(made), house.world.balances
    assert house.take(step, made) is STANDS[status]
    assert (house.now(made), house.world.balances) == (before, money)
    assert house.gateway.sent == []


def test_screening_says_what_comes_next(house: House) -> None:
    for screened, following in (
        (Screened(Clearance.APPROVE), N.SUBMIT),
        (Screened(Clearance.REVIEW, ("risk.large_amount",), 1), N.AWAIT_APPROVAL),
        (Screened(Clearance.REFUSE, ("verification.not_verified",)), N.RELEASED),
    ):
        own = House(screened=screened)
        assert own.take(N.SCREEN, own.requested()) is following
    assert house.world.balances == (0, 0)


def test_a_payout_that_is_taken_waits_for_the_gateways_word(house: House) -> None:
    made = house.approved()
    assert house.take(N.SUBMIT, made) is N.AWAIT_WORD
    now = house.now(made)
    assert (now.status, now.payout_id, now.tries) == (S.SUBMITTED, "po_1", 1)
    assert house.gateway.sent == [made.withdrawal_id]


def test_that_it_will_be_sent_is_written_before_it_is_sent(house: House) -> None:
    made = house.approved()
    seen: list[WithdrawalStatus] = []
    house.gateway.before = lambda: seen.append(house.now(made).status)
    house.take(N.SUBMIT, made)
    assert seen == [S.SUBMITTING]


def test_nobody_is_paid_who_has_been_barred_since_the_approval(house: House) -> None:
    made, house.barred = house.approved(), "verification.not_verified"
    assert house.take(N.SUBMIT, made) is N.RELEASED
    now = house.now(made)
    assert (now.status, now.changes[-1].actor) == (S.REFUSED, "house")
    assert house.gateway.sent == []
    assert house.world.balances == (50, 0)


def test_what_may_have_been_sent_is_neither_refused_nor_sent_again_once_it_is_barred(house: House) -> None:
    """It was never heard of there, and its player has been blocked since: people say what became of it."""
    house.gateway.answers = [NotFound()]
    made, house.barred = house.submitting(), "wallet_blocked"
    assert house.drive(made, N.ASK_STATUS) == [N.ASK_STATUS, N.SUBMIT, N.TO_PEOPLE, N.AWAIT_PEOPLE]
    now = house.now(made)
    assert (now.status, now.tries, now.attention) == (S.SUBMITTING, 1, Attention.OUTCOME_UNKNOWN)
    assert (house.gateway.sent, house.world.balances) == ([], (0, 50))


def test_the_only_try_that_is_refused_ends_it(house: House) -> None:
    house.gateway.orders = [Declined("no_such_account")]
    made = house.approved()
    assert house.take(N.SUBMIT, made) is N.RELEASED
    assert house.world.balances == (50, 0)
    assert house.gateway.asked == 0


@pytest.mark.parametrize(
    ("answer", "following", "balances"),
    [
        (NotFound(), N.TO_PEOPLE, (0, 50)),
        (Unclear("timed_out"), N.AWAIT_WORD, (0, 50)),
        (Pending("po_1"), N.AWAIT_WORD, (0, 50)),
        (Said(Word.PAID), N.PAID, (0, 0)),
        (Said(Word.FAILED), N.RELEASED, (50, 0)),
    ],
)
def test_a_try_that_is_refused_after_another_proves_nothing_and_the_status_is_asked(
    house: House, answer: Status, following: Next, balances: tuple[int, int]
) -> None:
    house.gateway.orders, house.gateway.answers = [Declined("late")], [answer]
    made = house.submitting()
    assert house.take(N.SUBMIT, made) is following
    assert house.world.balances == balances
    assert house.gateway.asked == 1


def test_what_nobody_knows_releases_nothing(house: House) -> None:
    house.gateway.orders = [Unclear("timed_out")]
    made = house.approved()
    assert house.take(N.SUBMIT, made) is N.AWAIT_WORD
    assert house.now(made).status is S.SUBMITTING
    assert house.world.balances == (0, 50)


@pytest.mark.parametrize(
    ("answer", "following", "status"),
    [
        (Said(Word.PAID), N.PAID, S.PAID),
        (Said(Word.FAILED), N.RELEASED, S.FAILED),
        (Said(Word.RETURNED), N.PAID, S.RETURNED),
        (Said(Word.TAKEN, payout_id="po_9"), N.AWAIT_WORD, S.SUBMITTED),
        (Pending("po_9"), N.AWAIT_WORD, S.SUBMITTED),
        (Unclear("server_error"), N.AWAIT_WORD, S.SUBMITTING),
        (NotFound(), N.SUBMIT, S.SUBMITTING),
    ],
)
def test_the_status_decides_about_one_of_which_nothing_is_known(
    house: House, answer: Status, following: Next, status: WithdrawalStatus
) -> None:
    house.gateway.answers = [answer]
    made = house.submitting()
    assert house.take(N.ASK_STATUS, made) is following
    assert house.now(made).status is status


def test_one_that_was_taken_and_is_not_found_is_asked_for_again_and_never_sent_again(house: House) -> None:
    house.gateway.answers = [NotFound()]
    made = house.world.submitted()
    assert house.take(N.ASK_STATUS, made) is N.AWAIT_WORD
    assert house.drive(made, N.AWAIT_WORD)[-1] is N.AWAIT_PEOPLE
    assert house.gateway.sent == []
    assert house.now(made).attention is Attention.OUTCOME_UNKNOWN


@pytest.mark.parametrize("answer", [Unclear("timed_out"), Pending("po_1"), NotFound()])
def test_patience_is_bounded_and_then_people_have_it(house: House, answer: Status) -> None:
    house.gateway.orders, house.gateway.answers = [Unclear("timed_out")], [answer]
    made = house.approved()
    course = house.drive(made)
    assert course[-1] is N.AWAIT_PEOPLE
    assert course.count(N.ASK_STATUS) == ASKS_MAX
    assert set(house.gateway.sent) == {made.withdrawal_id}, "every try under the one key"
    assert house.now(made).attention is Attention.OUTCOME_UNKNOWN
    assert house.world.balances == (0, 50)


def test_with_people_it_is_asked_once_more_now_and_then(house: House) -> None:
    house.gateway.answers = [Pending()]
    made = house.world.submitted()
    house.drive(made)
    asked = house.gateway.asked
    assert house.drive(made) == [N.SCREEN, N.AWAIT_WORD, N.ASK_STATUS, N.TO_PEOPLE, N.AWAIT_PEOPLE]
    assert house.gateway.asked == asked + 1
    assert sum(change.cause == "people.outcome_unknown" for change in house.now(made).changes) == 1, "and people are told once"


# ------------------------------------------------------------- to people


@pytest.mark.parametrize(
    ("status", "error", "attention", "following"),
    [
        (S.REQUESTED, "StepFailed", Attention.STEP_FAILED, N.AWAIT_PEOPLE),
        (S.REQUESTED, TIMED_OUT, Attention.STEP_FAILED, N.AWAIT_PEOPLE),
        (S.AWAITING_APPROVAL, TIMED_OUT, Attention.APPROVAL_OVERDUE, N.AWAIT_APPROVAL),
        (S.AWAITING_APPROVAL, "StepFailed", Attention.STEP_FAILED, N.AWAIT_PEOPLE),
        (S.APPROVED, "Lambda.Unknown", Attention.STEP_FAILED, N.AWAIT_PEOPLE),
        (S.SUBMITTING, "Unavailable", Attention.STEP_FAILED, N.AWAIT_PEOPLE),
        (S.SUBMITTED, "", Attention.OUTCOME_UNKNOWN, N.AWAIT_PEOPLE),
    ],
)
def test_people_are_told_why(house: House, status: WithdrawalStatus, error: str, attention: Attention, following: Next) -> None:
    made = MAKERS[status](house)
    assert house.take(N.TO_PEOPLE, made, error=error) is following
    now = house.now(made)
    assert (now.attention, now.status) == (attention, status)
    assert house.take(N.TO_PEOPLE, made, error=error) is following
    assert house.now(made) == now, "once"


def test_what_somebody_must_look_at_in_any_case_is_not_written_over(house: House) -> None:
    made = house.happened(house.world.submitted(), Flag(Attention.OTHER_FIGURES))
    assert house.take(N.TO_PEOPLE, made) is N.AWAIT_PEOPLE
    assert house.now(made).attention is Attention.OTHER_FIGURES


def test_what_somebody_has_taken_on_is_overdue_for_nobody_but_its_unknown_outcome_is_told(house: House) -> None:
    waiting = house.happened(house.world.waiting(), Flag(Attention.ESCALATED))
    assert house.take(N.TO_PEOPLE, waiting, error=TIMED_OUT) is N.AWAIT_APPROVAL
    assert house.now(waiting).attention is Attention.ESCALATED
    other = House()
    sent = other.happened(other.world.submitted(), Flag(Attention.ESCALATED))
    other.take(N.TO_PEOPLE, sent)
    assert other.now(sent).attention is Attention.OUTCOME_UNKNOWN


# ------------------------------------------------------------- tokens


WAITING: Sequence[tuple[Next, WithdrawalStatus]] = [
    (N.AWAIT_APPROVAL, S.AWAITING_APPROVAL),
    (N.AWAIT_WORD, S.SUBMITTING),
    (N.AWAIT_WORD, S.SUBMITTED),
]


@pytest.mark.parametrize(("step", "status"), WAITING)
def test_a_step_that_waits_leaves_its_token_on_the_version_it_read(house: House, step: Next, status: WithdrawalStatus) -> None:
    made = MAKERS[status](house)
    assert house.take(step, made, token="tok-1") is step
    kept = house.world.store.look(made.withdrawal_id)
    assert kept is not None
    assert (kept.token, kept.token_for) == ("tok-1", house.now(made).version)
    assert house.answered == []


@pytest.mark.parametrize("step", sorted(WAITS))
@pytest.mark.parametrize("status", [S.PAID, S.FAILED, S.REFUSED, S.REQUESTED, S.APPROVED])
def test_a_step_that_has_nothing_to_wait_for_answers_its_own_token(house: House, step: Next, status: WithdrawalStatus) -> None:
    made = MAKERS[status](house)
    assert house.take(step, made, token="tok-1") is STANDS[status]
    assert house.answered == [("tok-1", STANDS[status])]


def test_a_change_after_the_token_was_left_finds_it(house: House) -> None:
    made = house.world.waiting()
    house.take(N.AWAIT_APPROVAL, made, token="tok-1")
    house.happened(made, Approve("jane"))
    assert house.world.woken == [(S.APPROVED, "tok-1")]


def test_a_change_before_the_token_was_left_is_seen_by_the_step(house: House) -> None:
    """The word comes between the step's look and its write: the write is refused, and the step looks again."""
    made = house.world.submitted()
    come = [True]

    def between(name: str) -> None:
        if name == "update_item" and come:
            come.clear()
            house.happened(made, Said(Word.PAID))

    house.world.client.before = between
    assert house.take(N.AWAIT_WORD, made, token="tok-1") is N.PAID
    assert house.answered == [("tok-1", N.PAID)]
    assert house.world.balances == (0, 0)


def test_a_token_whose_answer_was_lost_is_found_there(house: House) -> None:
    made = house.world.submitted()
    lost = [True]

    def after(name: str) -> None:
        if name == "update_item" and lost:
            lost.clear()
            raise LOST

    house.world.client.after = after
    with pytest.raises(StoreUnavailable):
        house.take(N.AWAIT_WORD, made, token="tok-1")
    assert house.take(N.AWAIT_WORD, made, token="tok-1") is N.AWAIT_WORD
    house.happened(made, Said(Word.PAID))
    assert house.world.woken == [(S.PAID, "tok-1")]


def test_a_step_does_not_look_for_ever(house: House) -> None:
    made = house.world.waiting()
    flags = [Unflag(), Flag(Attention.ESCALATED)] * LOOKS_MAX
    busy = [False]

    def between(name: str) -> None:
        if name == "update_item" and not busy[0]:
            busy[0] = True
            house.happened(made, flags.pop())
            busy[0] = False

    house.world.client.before = between
    with pytest.raises(StillChanging):
        house.take(N.AWAIT_APPROVAL, made, token="tok-1")


def test_with_people_it_waits_until_they_have_looked(house: House) -> None:
    made = house.happened(house.world.submitted(), Flag(Attention.OUTCOME_UNKNOWN))
    assert house.take(N.AWAIT_PEOPLE, made, token="tok-1") is N.AWAIT_PEOPLE
    house.happened(made, Unflag())
    assert house.world.woken == [(S.SUBMITTED, "tok-1")]
    assert house.take(N.AWAIT_PEOPLE, made, token="tok-2") is N.AWAIT_WORD


# ------------------------------------------------------------- killed


@pytest.mark.parametrize("call", range(12))
@pytest.mark.parametrize("landed", [False, True])
def test_killed_at_any_call_it_comes_to_the_same_end_when_it_is_started_again(house: House, call: int, *, landed: bool) -> None:
    """From the request to the word: the process dies at one call, before or after that took effect, and the next starts over."""
    made = house.requested()
    house.gateway.answers = [Said(Word.PAID)]
    left = [call]

    def dies(_name: str) -> None:
        left[0] -= 1
        if left[0] == -1:
            raise Killed

    if landed:
        house.world.client.after = dies
    else:
        house.world.client.before = dies
    courses = []
    for _ in range(2):
        try:
            courses.append(house.drive(made))
            break
        except Killed:
            continue
    assert courses[-1][-1] is N.PAID
    assert house.world.balances == (0, 0)
    assert set(house.gateway.sent) <= {made.withdrawal_id}


@pytest.mark.parametrize("sent", [False, True])
def test_killed_at_the_gateway_it_asks_before_it_sends_again(house: House, *, sent: bool) -> None:
    made = house.approved()

    def dies() -> None:
        raise Killed

    if sent:
        house.gateway.after = dies
    else:
        house.gateway.before = dies
    with pytest.raises(Killed):
        house.take(N.SUBMIT, made)
    house.gateway.before = house.gateway.after = lambda: None
    house.gateway.answers = [Said(Word.PAID)] if sent else [NotFound(), Said(Word.PAID)]
    course = house.drive(made)
    assert course[:2] == [N.SCREEN, N.ASK_STATUS]
    assert course[-1] is N.PAID
    assert house.gateway.sent == [made.withdrawal_id]


def test_money_that_cannot_be_released_is_said_so_by_name(house: House) -> None:
    made = house.world.submitted()
    house.gateway.answers = [Said(Word.FAILED)]

    def fails(name: str) -> None:
        if name == "transact_write_items":
            raise LOST

    house.world.client.before = fails
    with pytest.raises(ReleaseFailed):
        house.take(N.ASK_STATUS, made)
    house.world.client.before = lambda _name: None
    assert house.take(N.ASK_STATUS, made) is N.RELEASED
    assert house.world.balances == (50, 0)


def test_one_that_there_is_not_is_said_so(house: House) -> None:
    for step in (N.SCREEN, N.AWAIT_WORD):
        with pytest.raises(UnknownWithdrawal):
            house.take(step, f"wdr_{'a' * 20}")


def test_people_who_have_looked_give_it_as_many_executions_again(house: House) -> None:
    made = house.requested()
    assert starts_allowed(made, 3) == 3
    told = house.happened(made, Flag(Attention.MACHINE_LOST), Unflag())
    assert starts_allowed(told, 3) == 6
