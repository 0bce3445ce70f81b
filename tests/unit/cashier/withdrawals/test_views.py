"""What a player reads of his withdrawal, and what is for staff alone."""

import json

import pytest
from botocore.exceptions import ReadTimeoutError

from countroom.cashier.store import StoreUnavailable
from countroom.cashier.withdrawals.decisions import By, RefuseReason
from countroom.cashier.withdrawals.life import Approve, Clearance, Flag, Refuse, Said, Screened, Submit
from countroom.cashier.withdrawals.views import STATUS_TEXT, WHY_REFUSED, staff_view, withdrawal_view
from countroom.cashier.withdrawals.withdrawal import Attention, Withdrawal, WithdrawalStatus, Word
from countroom.cursors import InvalidCursor
from tests.unit.cashier.support import OTHER_PLAYER, PLAYER, nanos
from tests.unit.cashier.withdrawals.world import World

LOST = ReadTimeoutError(endpoint_url="https://x")


@pytest.fixture
def world() -> World:
    return World()


def texts(world: World, withdrawal_id: str) -> list[str]:
    view = json.loads(json.dumps(withdrawal_view(world.get(withdrawal_id), may_cancel=True)))
    return [event["text"] for event in view["events"]]


def test_a_whole_life_in_plain_words(world: World) -> None:
    made = world.asked(world.deposit("50.00"), "50.00")
    one = made.withdrawal_id
    for happening in (
        Screened(Clearance.REVIEW, ("risk.new_method",), 2),
        Approve("jane@example.com", "sure"),
        Approve("joan@example.com", "sure"),
        Submit(),
        Said(Word.TAKEN, payout_id="po_1"),
        Flag(Attention.OUTCOME_UNKNOWN),
        Said(Word.PAID),
        Said(Word.RETURNED, reason="account_closed"),
    ):
        world.clock.advance(seconds=60)
        world.withdrawals.happen(one, happening)
    view = withdrawal_view(world.get(one), may_cancel=True)
    assert texts(world, one) == [
        "You asked for a withdrawal of 50.00 EUR. The amount was set aside in your wallet.",
        "Our staff were asked to check the withdrawal.",
        "One member of our staff has approved the withdrawal; a second one checks it.",
        "Our staff have approved the withdrawal.",
        "We began to send the payout to the payment service.",
        "The payment service has taken the payout.",
        "The payment service has not confirmed the payout yet. Our staff are asking it.",
        "The payment service has paid 50.00 EUR.",
        "The payout came back and was added to your wallet again.",
    ]
    assert (view["status"], view["since"], view["paid_amount"]) == ("returned", "2026-01-01T12:08:00.000Z", "50.00")
    events = json.loads(json.dumps(view))["events"]
    assert [event["at"][14:16] for event in events] == [f"{minute:02}" for minute in range(9)]
    moved = [event["transaction_id"] is not None for event in events]
    assert moved == [True, False, False, False, False, False, False, True, True]
    assert not any(secret in json.dumps(view) for secret in ("jane", "joan", "risk.", "account_closed", "po_1", "sure"))


@pytest.mark.parametrize("reason", list(RefuseReason))
def test_a_refusal_is_explained(world: World, reason: RefuseReason) -> None:
    one = world.waiting().withdrawal_id
    world.decisions.refuse(one, By("jane", "private"), reason)
    last = texts(world, one)[-1]
    assert last == f"Our staff did not approve the withdrawal. 50.00 EUR went back to your wallet. {WHY_REFUSED[reason]}"


def test_what_screening_found_is_told_only_where_it_helps(world: World) -> None:
    one = world.asked(world.deposit("50.00"), "50.00").withdrawal_id
    world.withdrawals.happen(one, Screened(Clearance.REFUSE, ("verification.not_verified",)))
    assert texts(world, one)[-1].endswith("went back to your wallet. Please have your identity verified first.")
    two = world.asked(world.deposit("50.00"), "50.00", "k-2").withdrawal_id
    world.withdrawals.happen(two, Screened(Clearance.REFUSE, ("play_safety.wallet_closed",)))
    assert texts(world, two)[-1] == "The withdrawal could not be approved. 50.00 EUR went back to your wallet."


def test_a_payment_after_the_money_had_gone_back(world: World) -> None:
    one = world.waiting().withdrawal_id
    world.withdrawals.happen(one, Refuse("other"))
    world.withdrawals.happen(one, Said(Word.PAID, amount=nanos("49.00")))
    assert texts(world, one)[-1] == "The payment service has paid 49.00 EUR after all, so that amount left your wallet again."


def test_every_status_has_its_words() -> None:
    assert STATUS_TEXT.keys() == set(WithdrawalStatus)


def test_cancelling_is_offered_while_it_would_work(world: World) -> None:
    one = world.asked(world.deposit("50.00"), "50.00").withdrawal_id
    assert withdrawal_view(world.get(one), may_cancel=True)["can_cancel"] is True
    assert withdrawal_view(world.get(one), may_cancel=False)["can_cancel"] is False
    world.withdrawals.happen(one, Screened(Clearance.APPROVE))
    world.withdrawals.happen(one, Submit())
    assert withdrawal_view(world.get(one), may_cancel=True)["can_cancel"] is False


def test_staff_see_all_of_it(world: World) -> None:
    one = world.waiting(needed=2).withdrawal_id
    world.clock.advance(seconds=90)
    after = world.decisions.approve(one, By("jane@example.com", "sure"))
    world.clock.advance(seconds=30)
    view = staff_view(after, world.clock())
    assert (view["reasons"], view["approvers"], view["approvals_needed"]) == (["risk.large_amount"], ["jane@example.com"], 2)
    assert (view["age_seconds"], view["player_id"], view["attention"]) == (120, PLAYER, None)
    events = json.loads(json.dumps(view))["events"]
    assert (events[-1]["cause"], events[-1]["by"], events[-1]["why"]) == ("staff.approved_in_part", "jane@example.com", "sure")


class TestList:
    """A player's own, newest first, page by page."""

    def test_pages(self, world: World) -> None:
        deposit_id = world.deposit("500.00")
        made = []
        for number in range(5):
            world.clock.advance(seconds=1)
            made.append(world.asked(deposit_id, "10.00", f"k-{number}"))
        seen: list[Withdrawal] = []
        cursor = None
        for _ in range(3):
            page = world.desk.page(PLAYER, 2, cursor)
            seen += page.withdrawals
            cursor = page.next_cursor
        assert (seen, cursor) == (made[::-1], None)
        assert world.desk.page(OTHER_PLAYER, 2, None).withdrawals == ()

    @pytest.mark.parametrize("cursor", ["", "x", "§", "a" * 200, "MjAyNi0wMS0wMSBkZXBfYWFhYWFhYWFhYWFhYWFhYWFhYWE"])
    def test_a_cursor_that_no_page_gave(self, world: World, cursor: str) -> None:
        with pytest.raises(InvalidCursor):
            world.desk.page(PLAYER, 2, cursor)

    @pytest.mark.parametrize("limit", [0, 101])
    def test_a_bad_limit(self, world: World, limit: int) -> None:
        with pytest.raises(ValueError, match="1 to 100"):
            world.desk.page(PLAYER, limit, None)

    @pytest.mark.parametrize("answer", [LOST, {}])
    def test_a_list_that_does_not_come_is_not_an_empty_one(
        self, world: World, monkeypatch: pytest.MonkeyPatch, answer: Exception | dict[str, object]
    ) -> None:
        def query(**_request: object) -> object:
            if isinstance(answer, Exception):
                raise answer
            return answer

        monkeypatch.setattr(world.client, "query", query)
        with pytest.raises(StoreUnavailable):
            world.desk.page(PLAYER, 2, None)
        with pytest.raises(StoreUnavailable):
            list(world.lists.open_ones(WithdrawalStatus.PAID))

    def test_open_ones_come_page_by_page(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        made = [world.waiting(key=f"k-{number}") for number in range(3)]
        real = world.client.query
        monkeypatch.setattr(world.client, "query", lambda **request: real(**request, Limit=2))
        found = list(world.lists.open_ones(WithdrawalStatus.AWAITING_APPROVAL))
        assert {one.withdrawal_id for one in found} == {one.withdrawal_id for one in made}
