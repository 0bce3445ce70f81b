"""What happens to a withdrawal sticks, with its money, once: repeated, raced, killed and after lost answers."""

from collections.abc import Callable
from contextlib import suppress

import pytest
from botocore.exceptions import ReadTimeoutError

from countroom.cashier.store import StoreUnavailable
from countroom.cashier.withdrawals.apply import LedgerRefused, NoSuchWithdrawal, NotAllowed
from countroom.cashier.withdrawals.life import (
    Approve,
    Asked,
    Cancel,
    Clearance,
    Flag,
    Happening,
    RefusalReason,
    Refuse,
    Said,
    Screened,
    Submit,
    Unflag,
)
from countroom.cashier.withdrawals.withdrawal import Attention, Withdrawal, WithdrawalStatus, Word
from countroom.ledger.book import OutcomeUnknown
from countroom.ledger.movements import Reference, Release
from tests.simulation.errors import cancelled, client_error
from tests.unit.cashier.support import PLAYER, nanos
from tests.unit.cashier.withdrawals.world import World
from tests.unit.conftest import WITHDRAWALS_TABLE

LOST = ReadTimeoutError(endpoint_url="https://x")
S = WithdrawalStatus


@pytest.fixture
def world() -> World:
    return World()


def requested(world: World) -> Withdrawal:
    return world.asked(world.deposit("50.00"), "50.00")


def approved(world: World) -> Withdrawal:
    return world.withdrawals.happen(requested(world).withdrawal_id, Screened(Clearance.APPROVE))


def paid(world: World) -> Withdrawal:
    return world.withdrawals.happen(world.submitted().withdrawal_id, Said(Word.PAID))


def refused(world: World) -> Withdrawal:
    return world.withdrawals.happen(world.waiting().withdrawal_id, Refuse("other"))


STEPS: list[tuple[Callable[[World], Withdrawal], Happening, WithdrawalStatus, tuple[int, int]]] = [
    (requested, Screened(Clearance.APPROVE), S.APPROVED, (0, 50)),
    (requested, Screened(Clearance.REVIEW, ("risk.new_method",), 1), S.AWAITING_APPROVAL, (0, 50)),
    (requested, Screened(Clearance.REFUSE, ("verification.not_verified",)), S.REFUSED, (50, 0)),
    (World.waiting, Approve("jane", "fine"), S.APPROVED, (0, 50)),
    (World.waiting, Refuse("other", "jane", "no"), S.REFUSED, (50, 0)),
    (World.waiting, Cancel(), S.CANCELLED, (50, 0)),
    (World.waiting, Flag(Attention.ESCALATED), S.AWAITING_APPROVAL, (0, 50)),
    (approved, Submit(), S.SUBMITTING, (0, 50)),
    (World.submitted, Said(Word.PAID), S.PAID, (0, 0)),
    (World.submitted, Said(Word.PAID, amount=nanos("45.00")), S.PAID, (5, 0)),
    (World.submitted, Said(Word.FAILED, reason="closed_account"), S.FAILED, (50, 0)),
    (World.submitted, Said(Word.RETURNED), S.RETURNED, (50, 0)),
    (paid, Said(Word.RETURNED), S.RETURNED, (50, 0)),
    (refused, Said(Word.PAID), S.PAID, (0, 0)),
]
NAMES = [f"{start.__name__}-{type(happening).__name__}-{end}" for start, happening, end, _ in STEPS]


@pytest.mark.parametrize(("start", "happening", "end", "balances"), STEPS, ids=NAMES)
class TestEachStep:
    """Every kind of step, as it should go and with every call of it failing in turn."""

    def test_it_moves_what_it_says_and_a_repeat_moves_nothing(
        self,
        world: World,
        start: Callable[[World], Withdrawal],
        happening: Happening,
        end: WithdrawalStatus,
        balances: tuple[int, int],
    ) -> None:
        one = start(world).withdrawal_id
        after = world.withdrawals.happen(one, happening)
        assert (after.status, world.balances) == (end, balances)
        assert world.get(one) == after
        version = world.wallet.version
        try:
            again = world.withdrawals.happen(one, happening)
        except NotAllowed as error:
            again = error.withdrawal
        assert (again.status, world.balances, world.wallet.version) == (end, balances, version)

    def test_whatever_call_fails_the_same_again_ends_right(
        self,
        start: Callable[[World], Withdrawal],
        happening: Happening,
        end: WithdrawalStatus,
        balances: tuple[int, int],
    ) -> None:
        for moment in ("before", "after"):
            for at in range(20):
                house = World()
                one = start(house).withdrawal_id
                calls = 0

                def fail(_name: str, at: int = at) -> None:
                    nonlocal calls
                    calls += 1
                    if calls == at + 1:
                        raise LOST

                setattr(house.client, moment, fail)
                try:
                    house.withdrawals.happen(one, happening)
                except (StoreUnavailable, OutcomeUnknown):
                    try:
                        house.withdrawals.happen(one, happening)
                    except NotAllowed as error:
                        assert error.reason in {RefusalReason.WRONG_STAGE, RefusalReason.SAME_APPROVER}  # noqa: PT017
                reached = calls > at
                setattr(house.client, moment, lambda _name: None)
                found = house.get(one)
                assert (found.status, house.balances) == (end, balances), (moment, at)
                assert found.version == len(found.changes) + found.tries - bool(found.tries) + found.asks
                if not reached:
                    break
            else:
                pytest.fail("there are calls that were not made to fail")


def test_a_write_that_botocore_repeated_is_known_for_ours(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its first answer was lost, so the second one says that the condition does not hold: the change stands all the same."""
    one = world.waiting(needed=2).withdrawal_id
    real = world.client.update_item

    def twice(**request: object) -> object:
        real(**request)
        return real(**request)

    monkeypatch.setattr(world.client, "update_item", twice)
    after = world.withdrawals.happen(one, Approve("jane", "fine"))
    assert (after.approvers, after.version) == (("jane",), world.get(one).version)
    with pytest.raises(NotAllowed) as refusal:
        world.withdrawals.happen(one, Approve("Jane"))
    assert refusal.value.reason is RefusalReason.SAME_APPROVER


def test_a_try_whose_answer_was_lost_is_counted_once_too_often_and_never_too_seldom(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = approved(world).withdrawal_id
    world.withdrawals.happen(one, Submit())
    real = world.client.update_item

    def twice(**request: object) -> object:
        monkeypatch.setattr(world.client, "update_item", real)
        real(**request)
        return real(**request)

    monkeypatch.setattr(world.client, "update_item", twice)
    assert world.withdrawals.happen(one, Submit()).tries == 3


@pytest.mark.parametrize("how", ["update_item", "transact_write_items"])
def test_what_is_just_being_changed_is_looked_at_anew(world: World, monkeypatch: pytest.MonkeyPatch, how: str) -> None:
    """DynamoDB turns away a write to an item that a transaction is at; nothing is written then."""
    happening: Happening = Approve("jane") if how == "update_item" else Flag(Attention.ESCALATED)
    one = world.waiting(needed=2).withdrawal_id
    real = getattr(world.client, how)
    turned_away: list[str] = []

    def once(**request: object) -> object:
        if turned_away:
            return real(**request)
        turned_away.append(how)
        if how == "update_item":
            raise client_error("TransactionConflictException", "UpdateItem")
        raise cancelled("TransactWriteItems", [{"Code": "TransactionConflict"}, {"Code": "None"}])

    monkeypatch.setattr(world.client, how, once)
    assert world.withdrawals.happen(one, happening) == world.get(one)
    assert turned_away == [how]


@pytest.mark.parametrize("code", ["ThrottlingException", "AccessDeniedException"])
def test_what_the_table_will_not_take_is_said(world: World, monkeypatch: pytest.MonkeyPatch, code: str) -> None:
    waiting = world.waiting(needed=2)

    def never(**_request: object) -> object:
        raise client_error(code, "UpdateItem")

    monkeypatch.setattr(world.client, "update_item", never)
    with pytest.raises(StoreUnavailable):
        world.withdrawals.happen(waiting.withdrawal_id, Approve("jane"))
    assert world.get(waiting.withdrawal_id) == waiting


def test_only_the_next_version_of_the_same_one_can_be_written(world: World) -> None:
    waiting = world.waiting()
    with pytest.raises(ValueError, match="one change"):
        world.store.change(waiting, waiting, None)


def test_an_unknown_one(world: World) -> None:
    for withdrawal_id in ("wdr_" + "a" * 20, "", "dep_" + "a" * 20, "wdr_" + "a" * 21):
        with pytest.raises(NoSuchWithdrawal):
            world.withdrawals.happen(withdrawal_id, Asked())


def test_who_finds_it_changed_each_time_gives_up_and_has_changed_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    one = world.waiting().withdrawal_id
    monkeypatch.setattr(world.store, "save", lambda _parts: False)
    with pytest.raises(StoreUnavailable):
        world.withdrawals.happen(one, Approve("jane"))
    assert world.get(one).approvers == ()


@pytest.mark.parametrize(
    ("start", "mine", "theirs", "ends"),
    [
        (World.waiting, Cancel(), Refuse("other"), {S.REFUSED: (50, 0), S.CANCELLED: (50, 0)}),
        (World.waiting, Approve("jane"), Cancel(), {S.CANCELLED: (50, 0)}),
        (World.waiting, Refuse("other"), Approve("jane"), {S.REFUSED: (50, 0)}),
        (World.submitted, Said(Word.FAILED), Said(Word.PAID), {S.PAID: (0, 0)}),
        (World.submitted, Said(Word.PAID), Said(Word.FAILED), {S.PAID: (0, 0)}),
        (World.submitted, Said(Word.PAID), Said(Word.PAID), {S.PAID: (0, 0)}),
        (World.submitted, Said(Word.RETURNED), Said(Word.PAID), {S.RETURNED: (50, 0)}),
        (World.submitted, Said(Word.PAID, amount=nanos("45.00")), Said(Word.FAILED), {S.PAID: (5, 0)}),
    ],
)
def test_whoever_comes_between_any_two_calls_is_seen(
    start: Callable[[World], Withdrawal],
    mine: Happening,
    theirs: Happening,
    ends: dict[WithdrawalStatus, tuple[int, int]],
) -> None:
    """The other one runs from start to end between two calls of the first."""
    seen: set[WithdrawalStatus] = set()
    for at in range(30):
        house = World()
        one = start(house).withdrawal_id
        calls = 0

        def interrupt(_name: str, at: int = at, house: World = house, one: str = one) -> None:
            nonlocal calls
            calls += 1
            if calls == at + 1:
                house.client.before = lambda _name: None
                with suppress(NotAllowed):
                    house.withdrawals.happen(one, theirs)

        house.client.before = interrupt
        with suppress(NotAllowed):
            house.withdrawals.happen(one, mine)
        if calls <= at:
            break
        status = house.get(one).status
        assert house.balances == ends.get(status), (at, status)
        seen.add(status)
    else:
        pytest.fail("there are calls at which nobody came between")
    assert seen == ends.keys()


class TestAnOlderDay:
    """This table was restored to an earlier day than the ledger's."""

    def test_the_withdrawal_catches_up_with_its_money(self, world: World) -> None:
        waiting = world.waiting()
        before = dict(world.client.tables[WITHDRAWALS_TABLE].items)
        world.withdrawals.happen(waiting.withdrawal_id, Refuse("other", "jane"))
        for key, item in before.items():
            world.client.tables[WITHDRAWALS_TABLE].put(key, item)
        version = world.wallet.version
        assert world.withdrawals.happen(waiting.withdrawal_id, Refuse("other", "jane")).status is S.REFUSED
        assert world.get(waiting.withdrawal_id).status is S.REFUSED
        assert (world.wallet.version, world.balances) == (version, (50, 0))

    def test_what_the_ledger_does_not_hold_is_for_people(self, world: World) -> None:
        one = world.submitted()
        freed = Reference("gateway:adyen", "by-hand")
        world.post(Release(freed, PLAYER, Reference("gateway:adyen", one.withdrawal_id)))
        with pytest.raises(LedgerRefused):
            world.withdrawals.happen(one.withdrawal_id, Said(Word.PAID))
        assert world.get(one.withdrawal_id).status is S.SUBMITTED


class TestTokens:
    """Whoever changes a withdrawal wakes the step that waits for it; a step is never left with a change that nobody tells it of."""

    def test_a_change_wakes_who_waits(self, world: World) -> None:
        waiting = world.waiting()
        assert world.store.wait(waiting, "tok-1")
        world.withdrawals.happen(waiting.withdrawal_id, Approve("jane"))
        assert world.woken == [("approved", "tok-1")]

    def test_who_comes_with_an_old_version_is_sent_to_look_again(self, world: World) -> None:
        waiting = world.waiting()
        world.withdrawals.happen(waiting.withdrawal_id, Approve("jane"))
        assert not world.store.wait(waiting, "tok-1")
        assert world.woken == []

    def test_a_token_is_no_change(self, world: World) -> None:
        waiting = world.waiting()
        assert world.store.wait(waiting, "tok-1")
        assert world.store.wait(waiting, "tok-2")
        kept = world.store.look(waiting.withdrawal_id)
        assert kept is not None
        assert (kept.withdrawal, kept.token, kept.waits_in_vain) == (waiting, "tok-2", False)

    def test_who_died_before_he_woke_it_is_made_good_by_the_next(self, world: World) -> None:
        submitted = world.submitted()
        world.store.wait(submitted, "tok-1")
        real, world.woken = world.withdrawals._wake, []
        world.withdrawals._wake = lambda _withdrawal, _token: None
        world.withdrawals.happen(submitted.withdrawal_id, Said(Word.PAID))
        world.withdrawals._wake = real
        world.withdrawals.happen(submitted.withdrawal_id, Said(Word.PAID))
        assert world.woken == [("paid", "tok-1")]

    def test_the_machine_s_own_steps_wake_nobody(self, world: World) -> None:
        submitted = world.submitted()
        world.store.wait(submitted, "tok-1")
        world.withdrawals.happen(submitted.withdrawal_id, Asked())
        assert world.woken == []

    def test_it_can_be_roused_at_any_time(self, world: World) -> None:
        submitted = world.submitted()
        world.store.wait(submitted, "tok-1")
        world.withdrawals.rouse(submitted)
        assert world.woken == []
        world.withdrawals.happen(submitted.withdrawal_id, Asked())
        world.withdrawals.rouse(submitted)
        assert world.woken == [("submitted", "tok-1")]


def test_the_open_ones_are_found_and_those_that_people_must_look_at(world: World) -> None:
    assert not list(world.lists.open_ones(S.AWAITING_APPROVAL))
    waiting = world.waiting()
    assert list(world.lists.open_ones(S.AWAITING_APPROVAL)) == [waiting]
    done = world.withdrawals.happen(waiting.withdrawal_id, Refuse("other"))
    assert not list(world.lists.open_ones(S.AWAITING_APPROVAL)) + list(world.lists.open_ones(S.REFUSED))
    late = world.withdrawals.happen(done.withdrawal_id, Said(Word.PAID))
    assert late.attention is Attention.LATE_PAYMENT
    assert list(world.lists.open_ones(S.PAID)) == [late]
    seen = world.withdrawals.happen(done.withdrawal_id, Unflag("jane", "booked"))
    assert (seen.attention, list(world.lists.open_ones(S.PAID))) == (None, [])
    assert (seen.changes[-1].by, seen.changes[-1].why) == ("jane", "booked")
