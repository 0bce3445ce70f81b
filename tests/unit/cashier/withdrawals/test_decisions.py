"""What staff may do: nobody about his own money, nobody twice, nothing that comes too late."""

import pytest

from countroom.cashier.gateways.dialect import PaymentOutcome
from countroom.cashier.withdrawals import decisions
from countroom.cashier.withdrawals.apply import NoSuchWithdrawal, NotAllowed
from countroom.cashier.withdrawals.decisions import Barred, By, Decisions, Outcome, RefuseReason
from countroom.cashier.withdrawals.life import Approve, Cancel, Clearance, Flag, RefusalReason, Said, Screened, Submit
from countroom.cashier.withdrawals.withdrawal import Attention, Withdrawal, WithdrawalStatus, Word
from countroom.ledger.movements import Status
from tests.unit.cashier.support import PLAYER, nanos
from tests.unit.cashier.withdrawals.world import World

S = WithdrawalStatus
JANE, JOAN = By("jane", "looks fine"), By("joan", "fine")
OWN = By("Anna@Example.com", "it is mine")


@pytest.fixture
def world() -> World:
    world = World()
    world.player_of["Anna@Example.com"] = PLAYER
    return world


def order(decisions_: Decisions, name: str, one: str, by: By) -> Withdrawal:
    """Carry out an order by its name."""
    match name:
        case "refuse":
            return decisions_.refuse(one, by, RefuseReason.OTHER)
        case "resolve":
            return decisions_.resolve(one, by, Outcome.PAID)
        case _:
            done: Withdrawal = getattr(decisions_, name)(one, by)
            return done


def why(call: pytest.ExceptionInfo[NotAllowed]) -> RefusalReason:
    return call.value.reason


def test_one_approval_lets_it_go_on(world: World) -> None:
    one = world.waiting().withdrawal_id
    after = world.decisions.approve(one, JANE)
    assert (after.status, after.approvers) == (S.APPROVED, ("jane",))
    assert (after.changes[-1].by, after.changes[-1].why) == ("jane", "looks fine")
    assert world.balances == (0, 50)


def test_four_eyes(world: World) -> None:
    one = world.waiting(needed=2).withdrawal_id
    assert world.decisions.approve(one, JANE).status is S.AWAITING_APPROVAL
    for spelling in ("jane", "JANE"):
        with pytest.raises(NotAllowed) as refusal:
            world.decisions.approve(one, By(spelling, "again"))
        assert why(refusal) is RefusalReason.SAME_APPROVER
    assert world.decisions.approve(one, JOAN).approvers == ("jane", "joan")
    assert world.decisions.approve(one, JANE).status is S.APPROVED  # a repeat of what was done


@pytest.mark.parametrize("name", ["approve", "refuse", "escalate", "looked", "resolve"])
@pytest.mark.parametrize("by", [OWN, By(PLAYER, "mine"), By(PLAYER.upper(), "mine")])
def test_nobody_decides_about_his_own(world: World, name: str, by: By) -> None:
    made = world.submitted() if name == "resolve" else world.waiting()
    with pytest.raises(NotAllowed) as refusal:
        order(world.decisions, name, made.withdrawal_id, by)
    assert why(refusal) is RefusalReason.OWN_WITHDRAWAL
    assert world.get(made.withdrawal_id) == made


@pytest.mark.parametrize("name", ["approve", "refuse", "escalate", "looked", "resolve"])
def test_an_unknown_one(world: World, name: str) -> None:
    for one in ("wdr_" + "a" * 20, "nonsense"):
        with pytest.raises(NoSuchWithdrawal):
            order(world.decisions, name, one, JANE)


@pytest.mark.parametrize(
    ("name", "stages"),
    [
        ("approve", (S.REQUESTED, S.APPROVED, S.SUBMITTING, S.SUBMITTED, S.PAID, S.FAILED, S.REFUSED, S.CANCELLED)),
        ("refuse", (S.SUBMITTING, S.SUBMITTED, S.PAID, S.FAILED, S.CANCELLED)),
        ("resolve", (S.REQUESTED, S.AWAITING_APPROVAL, S.APPROVED, S.FAILED, S.REFUSED, S.CANCELLED)),
    ],
)
def test_what_is_asked_for_at_another_stage_moves_nothing(name: str, stages: tuple[WithdrawalStatus, ...]) -> None:
    for stage in stages:
        world = World()
        made = brought_to(world, stage)
        before = (world.get(made.withdrawal_id), world.wallet.version)
        with pytest.raises(NotAllowed) as refusal:
            order(world.decisions, name, made.withdrawal_id, JOAN)
        assert why(refusal) is RefusalReason.WRONG_STAGE, stage
        assert (world.get(made.withdrawal_id), world.wallet.version) == before


def brought_to(world: World, stage: WithdrawalStatus) -> Withdrawal:
    """Bring a withdrawal to a stage, without staff."""
    made = world.asked(world.deposit("50.00"), "50.00")
    review = Screened(Clearance.REVIEW, ("risk.new_method",), 1)
    passed = Screened(Clearance.APPROVE)
    taken = Said(Word.TAKEN)
    ways = {
        S.REQUESTED: (),
        S.AWAITING_APPROVAL: (review,),
        S.APPROVED: (passed,),
        S.SUBMITTING: (passed, Submit()),
        S.SUBMITTED: (passed, Submit(), taken),
        S.PAID: (passed, Submit(), Said(Word.PAID)),
        S.FAILED: (passed, Submit(), Said(Word.FAILED)),
        S.REFUSED: (Screened(Clearance.REFUSE, ("verification.not_verified",)),),
        S.CANCELLED: (Cancel(),),
    }
    for happening in ways[stage]:
        made = world.withdrawals.happen(made.withdrawal_id, happening)
    assert made.status is stage
    return made


@pytest.mark.parametrize(("lost", "code"), [("verification", "not_verified"), ("wallet", "wallet_blocked"), ("deposit", "in_debt")])
def test_who_may_withdraw_no_more_is_not_approved(world: World, lost: str, code: str) -> None:
    made = world.waiting()
    if lost == "wallet":
        world.set_status(Status.BLOCKED)
    elif lost == "deposit":
        world.say(made.instrument, PaymentOutcome.CHARGEBACK, "50.00")
    else:
        world.unverify()
    with pytest.raises(Barred) as barred:
        world.decisions.approve(made.withdrawal_id, JANE)
    assert barred.value.code == code
    assert world.get(made.withdrawal_id) == made
    assert world.decisions.refuse(made.withdrawal_id, JANE, RefuseReason.NOT_VERIFIED).status is S.REFUSED


def test_refusing_gives_the_money_back_and_says_why(world: World) -> None:
    one = world.waiting().withdrawal_id
    after = world.decisions.refuse(one, JANE, RefuseReason.DOCUMENTS_NEEDED)
    assert (after.changes[-1].cause, world.balances) == ("staff.refused:documents_needed", (50, 0))
    assert world.decisions.refuse(one, JOAN, RefuseReason.OTHER) == after  # it is refused; by whom first stands


def test_staff_do_not_call_back_for_a_player_what_he_may_not_call_back_himself() -> None:
    british, maltese = World(country="GB"), World()
    made = british.waiting()
    with pytest.raises(NotAllowed) as refusal:
        british.decisions.refuse(made.withdrawal_id, JANE, RefuseReason.ASKED_BY_PLAYER)
    assert why(refusal) is RefusalReason.CANCEL_NOT_OFFERED
    assert british.get(made.withdrawal_id) == made
    assert british.decisions.refuse(made.withdrawal_id, JANE, RefuseReason.OTHER).status is S.REFUSED
    other = maltese.waiting().withdrawal_id
    assert maltese.decisions.refuse(other, JANE, RefuseReason.ASKED_BY_PLAYER).status is S.REFUSED


class TestResolving:
    """What people heard from the gateway in another way is booked as if it had said so."""

    @pytest.mark.parametrize(
        ("outcome", "status", "balances"), [(Outcome.PAID, S.PAID, (0, 0)), (Outcome.FAILED, S.FAILED, (50, 0))]
    )
    def test_paid_or_failed(self, world: World, outcome: Outcome, status: WithdrawalStatus, balances: tuple[int, int]) -> None:
        one = world.submitted().withdrawal_id
        world.withdrawals.happen(one, Flag(Attention.OUTCOME_UNKNOWN))
        for _ in range(2):
            after = world.decisions.resolve(one, JANE, outcome)
            assert (after.status, after.attention, world.balances) == (status, None, balances)
        assert (after.changes[-1].actor.value, after.changes[-1].by) == ("staff", "jane")

    def test_another_amount(self, world: World) -> None:
        one = world.submitted().withdrawal_id
        after = world.decisions.resolve(one, JANE, Outcome.PAID, nanos("40.00"))
        assert (after.paid, after.attention, world.balances) == (nanos("40.00"), Attention.OTHER_FIGURES, (10, 0))

    def test_a_paid_one_came_back(self, world: World) -> None:
        one = world.submitted().withdrawal_id
        with pytest.raises(NotAllowed):
            world.decisions.resolve(one, JANE, Outcome.RETURNED)
        world.decisions.resolve(one, JANE, Outcome.PAID)
        for _ in range(2):
            assert world.decisions.resolve(one, JANE, Outcome.RETURNED).status is S.RETURNED
        assert world.balances == (50, 0)


class TestQueue:
    """What waits for people, the longest waiting first."""

    def test_who_waits_and_what_must_be_looked_at(self, world: World) -> None:
        first = world.waiting(key="k-1")
        world.clock.advance(seconds=60)
        world.asked(world.deposit("50.00"), "50.00", "k-2")
        late = world.asked(world.deposit("50.00"), "50.00", "k-3")
        world.withdrawals.happen(late.withdrawal_id, Cancel())
        world.clock.advance(seconds=60)
        late = world.withdrawals.happen(late.withdrawal_id, Said(Word.PAID))
        queue = world.decisions.queue()
        assert (queue.withdrawals, queue.complete) == ((first, late), True)
        short = world.decisions.queue(1)
        assert (short.withdrawals, short.complete) == ((first,), False)
        world.decisions.looked(late.withdrawal_id, JANE)
        world.decisions.approve(first.withdrawal_id, JANE)
        assert world.decisions.queue().withdrawals == ()

    def test_escalated_ones_stay(self, world: World) -> None:
        made = world.submitted()
        assert world.decisions.queue().withdrawals == ()
        escalated = world.decisions.escalate(made.withdrawal_id, JANE)
        assert (escalated.attention, escalated.changes[-1].by) == (Attention.ESCALATED, "jane")
        assert world.decisions.queue().withdrawals == (escalated,)

    def test_more_than_are_looked_through(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(decisions, "LOOK_MAX", 1)
        for key in ("k-1", "k-2"):
            world.waiting(key=key)
        queue = world.decisions.queue()
        assert (len(queue.withdrawals), queue.complete) == (2, False)

    def test_a_long_line_of_others_hides_none(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        """What is flagged has changed last, so it stands behind all that the gateways are working on."""
        monkeypatch.setattr(decisions, "LOOK_MAX", 2)
        for key in ("k-1", "k-2", "k-3", "k-4"):
            last = world.waiting(key=key)
            for happening in (Approve("jane"), Submit()):
                last = world.withdrawals.happen(last.withdrawal_id, happening)
        flagged = world.withdrawals.happen(last.withdrawal_id, Flag(Attention.OUTCOME_UNKNOWN))
        queue = world.decisions.queue()
        assert (queue.withdrawals, queue.complete) == ((flagged,), True)

    @pytest.mark.parametrize("limit", [0, 101])
    def test_a_bad_limit(self, world: World, limit: int) -> None:
        with pytest.raises(ValueError, match="limit"):
            world.decisions.queue(limit)


def test_an_approval_after_the_player_has_cancelled(world: World) -> None:
    one = world.waiting().withdrawal_id
    world.desk.cancel(PLAYER, one)
    with pytest.raises(NotAllowed) as refusal:
        world.decisions.approve(one, JANE)
    assert why(refusal) is RefusalReason.WRONG_STAGE
    assert isinstance(world.get(one), Withdrawal)
    assert (world.get(one).status, world.balances) == (S.CANCELLED, (50, 0))


def test_it_is_shown_as_it_stands(world: World) -> None:
    one = world.waiting().withdrawal_id
    world.withdrawals.happen(one, Approve("jane"))
    assert world.decisions.show(one) == world.get(one)
