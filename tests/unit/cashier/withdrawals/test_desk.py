"""Asking for money: what holds it, what is refused without a trace, and that a repeat is the first answer."""

import json
from dataclasses import replace
from typing import Any

import pytest
from botocore.exceptions import ReadTimeoutError

from countroom.cashier.gateways.dialect import PaymentOutcome
from countroom.cashier.idempotency import Claim
from countroom.cashier.store import StoreUnavailable
from countroom.cashier.terms import Method
from countroom.cashier.withdrawals import desk, methods, terms
from countroom.cashier.withdrawals.forms import Ask, Declined, Opened
from countroom.cashier.withdrawals.life import Clearance, Refuse, Said, Screened, Submit
from countroom.cashier.withdrawals.withdrawal import WithdrawalStatus, Word
from countroom.jurisdictions.profiles import NEUTRAL
from countroom.ledger.book import OutcomeUnknown
from countroom.ledger.movements import Adjustment, BonusGranted, ExclusionKind, Reference, Status
from countroom.ledger.safeguards import StartExclusion
from tests.unit.cashier.support import OTHER_PLAYER, PLAYER, nanos
from tests.unit.cashier.withdrawals.world import DAY_MS, World, declined
from tests.unit.conftest import WITHDRAWALS_TABLE

LOST = ReadTimeoutError(endpoint_url="https://x")


@pytest.fixture
def world() -> World:
    return World()


def opened(result: Any) -> Opened:
    assert isinstance(result, Opened), result
    return result


def test_money_is_held_and_everything_written_in_one_transaction(world: World) -> None:
    deposit_id = world.deposit("100.00")
    world.client.calls.clear()
    result = opened(world.ask(deposit_id, "30.00"))
    assert world.balances == (70, 30)
    (write,) = [request["TransactItems"] for name, request in world.client.calls if name == "transact_write_items"]
    keys = {part["Put"]["Item"]["pk"]["S"].partition("#")[0] for part in write if part["Put"]["TableName"] == WITHDRAWALS_TABLE}
    assert keys == {"WITHDRAWAL", "PLAYER", "REQUEST"}
    made = world.get(result.withdrawal_id)
    assert (made.amount, made.gateway, made.instrument, made.status) == (
        nanos("30.00"),
        "adyen",
        deposit_id,
        WithdrawalStatus.REQUESTED,
    )
    tally = world.store.tally(PLAYER)
    assert (tally.spent("adyen", world.clock()), tally.out["adyen"]) == (nanos("30.00"), nanos("30.00"))


def test_the_answer_shows_where_it_stands(world: World) -> None:
    shown = json.loads(opened(world.ask(world.deposit(), "30.00")).answer.body)
    assert shown["reference"].startswith("WDR-")
    assert (shown["amount"], shown["status"], shown["can_cancel"], shown["paid_amount"]) == ("30.00", "requested", True, None)
    (event,) = shown["events"]
    assert event["text"] == "You asked for a withdrawal of 30.00 EUR. The amount was set aside in your wallet."
    assert event["transaction_id"]


def test_a_repeat_gets_the_first_answer_whatever_holds_by_now(world: World) -> None:
    deposit_id = world.deposit()
    first = opened(world.ask(deposit_id, "60.00"))
    world.unverify()
    world.set_status(Status.BLOCKED)
    again = opened(world.ask(deposit_id, "60.00"))
    assert (again.answer, again.replayed, first.replayed) == (first.answer, True, False)
    assert world.balances == (40, 60)


def test_a_key_belongs_to_one_request_and_one_player(world: World) -> None:
    deposit_id = world.deposit()
    opened(world.ask(deposit_id, "20.00"))
    assert declined(world.ask(deposit_id, "21.00")) == ("key_reused", [])
    assert declined(world.ask(deposit_id, "20.00", player_id=OTHER_PLAYER)) == ("no_wallet", [])
    assert world.balances == (80, 20)


@pytest.mark.parametrize(
    ("amount", "currency", "reason", "fields"),
    [
        ("0.00", "EUR", "invalid_request", ["amount"]),
        ("-5.00", "EUR", "invalid_request", ["amount"]),
        ("10.001", "EUR", "invalid_request", ["amount"]),
        ("1e3", "EUR", "invalid_request", ["amount"]),
        ("9.99", "EUR", "invalid_request", ["amount"]),
        ("20000.01", "EUR", "invalid_request", ["amount"]),
        ("100.01", "EUR", "insufficient_funds", []),
        ("50.00", "USD", "wrong_currency", []),
        ("50.00", "XXX", "invalid_request", ["currency"]),
        ("50.00", "eur", "invalid_request", ["currency"]),
    ],
)
def test_bad_figures_move_nothing(world: World, amount: str, currency: str, reason: str, fields: list[str]) -> None:
    deposit_id = world.deposit("100.00")
    before, version = world.written, world.wallet.version
    assert declined(world.ask(deposit_id, amount, currency=currency)) == (reason, fields)
    assert (world.written, world.wallet.version) == (before, version)
    opened(world.ask(deposit_id, "10.00"))  # the key was not used up


@pytest.mark.parametrize(("keys", "answer"), [([], ("key_missing", [])), (["a b"], ("invalid_request", ["Idempotency-Key"]))])
def test_without_a_key_nothing_happens(world: World, keys: list[str], answer: tuple[str, list[str]]) -> None:
    deposit_id = world.deposit()
    assert declined(world.desk.request(PLAYER, keys, Ask("10.00", "EUR", deposit_id))) == answer
    assert world.balances == (100, 0)


def test_only_free_cash_counts(world: World) -> None:
    deposit_id = world.deposit("100.00")
    world.post(BonusGranted(Reference("house:bonus", "b-1"), PLAYER, "EUR", nanos("500.00")))
    version = world.wallet.version
    assert declined(world.ask(deposit_id, "100.01")) == ("insufficient_funds", [])
    assert world.wallet.version == version  # not even a refusal in the ledger
    opened(world.ask(deposit_id, "60.00", "k-2"))
    assert declined(world.ask(deposit_id, "40.01", "k-3")) == ("insufficient_funds", [])
    opened(world.ask(deposit_id, "40.00", "k-4"))
    assert world.balances == (0, 100)


def test_nothing_is_paid_out_to_who_owes(world: World) -> None:
    deposit_id = world.deposit("100.00")
    world.post(Adjustment(Reference("house:staff", "a-1"), PLAYER, "EUR", -nanos("150.00"), "correction", "staff"))
    assert declined(world.ask(deposit_id, "10.00")) == ("insufficient_funds", [])


@pytest.mark.parametrize(("status", "reason"), [(Status.BLOCKED, "wallet_blocked"), (Status.EXCLUDED, None)])
def test_who_is_excluded_gets_his_money_and_who_is_blocked_does_not(world: World, status: Status, reason: str | None) -> None:
    deposit_id = world.deposit()
    world.set_status(status)
    result = world.ask(deposit_id)
    if reason is None:
        opened(result)
    else:
        assert declined(result) == (reason, [])


def test_where_the_profile_says_so_who_is_excluded_waits(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(desk, "profile_of", lambda _country: replace(NEUTRAL, excluded_may_withdraw=False))
    deposit_id = world.deposit()
    world.set_status(Status.EXCLUDED)
    assert declined(world.ask(deposit_id)) == ("wallet_excluded", [])
    assert world.balances == (100, 0)


@pytest.mark.parametrize("kind", list(ExclusionKind))
def test_a_running_exclusion_or_time_out_keeps_nobody_from_his_money(world: World, kind: ExclusionKind) -> None:
    deposit_id = world.deposit()
    world.post(StartExclusion(Reference("house:player", "x-1"), PLAYER, kind, world.clock() + DAY_MS))
    made = opened(world.ask(deposit_id))
    assert world.balances == (50, 50)
    assert world.screener.barred(world.get(made.withdrawal_id)) == ""


def test_who_is_not_verified_gets_nothing(world: World) -> None:
    deposit_id = world.deposit()
    world.unverify()
    result = world.ask(deposit_id)
    assert declined(result) == ("not_verified", ["level"])
    assert isinstance(result, Declined)
    assert [fault.message for fault in result.faults] == ["identity"]
    assert world.written == {}


class TestMethods:
    """Money goes back to what the player has paid with, and nowhere else."""

    @pytest.mark.parametrize("deposit_id", ["", "dep_", "wdr_" + "a" * 20, "dep_" + "z" * 20, "' OR 1=1", "dep_" + "A" * 20])
    def test_an_unknown_one(self, world: World, deposit_id: str) -> None:
        world.deposit()
        assert declined(world.ask(deposit_id)) == ("method_unusable", [])

    def test_another_player_s(self, world: World) -> None:
        world.deposit()
        other = World()
        theirs = other.deposit()
        item = dict(other.client.tables["cashier"].items[(f"DEPOSIT#{theirs}", "DEPOSIT")])
        item |= {"player_id": {"S": OTHER_PLAYER}, "pk": {"S": "DEPOSIT#dep_" + "y" * 20}, "deposit_id": {"S": "dep_" + "y" * 20}}
        world.client.tables["cashier"].put(("DEPOSIT#dep_" + "y" * 20, "DEPOSIT"), item)
        assert declined(world.ask("dep_" + "y" * 20)) == ("method_unusable", [])

    def test_one_that_was_never_paid(self, world: World) -> None:
        world.deposit()
        assert declined(world.ask(world.deposit("50.00", paid=False))) == ("method_unusable", [])

    def test_one_that_was_taken_back(self, world: World) -> None:
        world.deposit("500.00")
        taken = world.deposit("50.00")
        world.say(taken, PaymentOutcome.CHARGEBACK, "50.00")
        assert declined(world.ask(taken)) == ("method_unusable", [])

    def test_a_gateway_that_does_not_pay_out(self, world: World) -> None:
        assert declined(world.ask(world.deposit(gateway="stripe"))) == ("method_unusable", [])

    @pytest.mark.parametrize("method", [Method.CARD, Method.BANK, Method.WALLET])
    def test_payouts_are_ordered_to_cards_only_and_what_came_otherwise_holds_nothing_up(self, world: World, method: Method) -> None:
        deposit_id, other = world.deposit("50.00", method=method), world.deposit("100.00", "paymentiq", method=Method.CASHIER)
        if method in {Method.BANK, Method.WALLET}:
            assert declined(world.ask(deposit_id)) == ("method_unusable", [])
            opened(world.ask(other, "150.00", "k-2"))
        else:
            opened(world.ask(deposit_id))
            assert declined(world.ask(other, "100.01", "k-2"))[0] == "insufficient_funds"


class TestLimits:
    """Per day and method, and how often."""

    def test_a_day_s_maximum(self, world: World) -> None:
        deposit_id = world.deposit("60000.00")
        for number in range(2):
            opened(world.ask(deposit_id, "20000.00", f"k-{number}"))
        assert declined(world.ask(deposit_id, "10000.01", "k-3")) == ("limit_reached", ["amount"])
        opened(world.ask(deposit_id, "10000.00", "k-4"))
        assert declined(world.ask(deposit_id, "10.00", "k-5")) == ("limit_reached", ["amount"])
        world.clock.advance(milliseconds=DAY_MS - 1)
        assert declined(world.ask(deposit_id, "10.00", "k-6")) == ("limit_reached", ["amount"])
        world.clock.advance(milliseconds=1)
        opened(world.ask(deposit_id, "10.00", "k-7"))

    def test_what_was_released_counts_no_more(self, world: World) -> None:
        deposit_id = world.deposit("60000.00")
        first = world.asked(deposit_id, "20000.00", "k-1")
        for key in ("k-2", "k-3"):
            opened(world.ask(deposit_id, "15000.00", key))
        assert declined(world.ask(deposit_id, "10.00", "k-4")) == ("limit_reached", ["amount"])
        world.withdrawals.happen(first.withdrawal_id, Refuse("other", "jane"))
        opened(world.ask(deposit_id, "20000.00", "k-5"))

    def test_asking_and_cancelling_without_end(self, world: World) -> None:
        deposit_id = world.deposit()
        for number in range(terms.REQUESTS_PER_DAY):
            made = world.asked(deposit_id, "10.00", f"k-{number}")
            world.desk.cancel(PLAYER, made.withdrawal_id)
        assert declined(world.ask(deposit_id, "10.00", "k-x")) == ("limit_reached", ["amount"])
        assert len(world.store.tally(PLAYER).recent) == terms.REQUESTS_PER_DAY
        world.clock.advance(milliseconds=DAY_MS)
        opened(world.ask(deposit_id, "10.00", "k-x"))
        assert len(world.store.tally(PLAYER).recent) == 1


class TestClosedLoop:
    """What came through a gateway goes back through it, first."""

    def test_winnings_follow_when_nothing_is_left_to_go_back(self, world: World) -> None:
        card, other = world.deposit("100.00"), world.deposit("40.00", "paymentiq")
        world.post(Adjustment(Reference("house:staff", "win"), PLAYER, "EUR", nanos("500.00"), "a win", "staff"))
        assert declined(world.ask(card, "100.01")) == ("other_method_first", ["deposit_id"])
        opened(world.ask(card, "100.00", "k-2"))
        assert declined(world.ask(card, "10.00", "k-3")) == ("other_method_first", ["deposit_id"])
        opened(world.ask(other, "40.00", "k-4"))
        opened(world.ask(card, "300.00", "k-5"))

    def test_all_may_go_back_the_one_way_that_there_was(self, world: World) -> None:
        card = world.deposit("100.00")
        world.post(Adjustment(Reference("house:staff", "win"), PLAYER, "EUR", nanos("500.00"), "a win", "staff"))
        opened(world.ask(card, "600.00"))

    def test_less_than_can_go_back_holds_nothing_up(self, world: World) -> None:
        card, _ = world.deposit("100.00"), world.deposit("9.99", "paymentiq")
        opened(world.ask(card, "109.99"))

    def test_what_could_not_be_paid_is_to_go_back_again(self, world: World) -> None:
        card, other = world.deposit("100.00"), world.deposit("40.00", "paymentiq")
        made = world.asked(other, "40.00")
        world.withdrawals.happen(made.withdrawal_id, Refuse("other", "jane"))
        world.post(Adjustment(Reference("house:staff", "win"), PLAYER, "EUR", nanos("500.00"), "a win", "staff"))
        assert declined(world.ask(card, "100.01", "k-2")) == ("other_method_first", ["deposit_id"])


class TestCancelling:
    """The player changes his mind, where that is offered and not too late."""

    def test_the_money_comes_back_once(self, world: World) -> None:
        made = world.asked(world.deposit())
        for _ in range(2):
            cancelled = world.desk.cancel(PLAYER, made.withdrawal_id)
            assert getattr(cancelled, "status", None) is WithdrawalStatus.CANCELLED
            assert world.balances == (100, 0)
        assert world.get(made.withdrawal_id).version == 2

    def test_not_in_great_britain(self) -> None:
        world = World(country="GB")
        made = world.asked(world.deposit())
        assert declined(world.desk.cancel(PLAYER, made.withdrawal_id)) == ("cancel_not_offered", [])  # type: ignore[arg-type]
        assert world.balances == (50, 50)
        assert not world.desk.may_cancel(PLAYER)

    @pytest.mark.parametrize("withdrawal_id", ["", "wdr_" + "a" * 20, "wdr_" + "A" * 20, "dep_" + "a" * 20])
    def test_an_unknown_one(self, world: World, withdrawal_id: str) -> None:
        assert declined(world.desk.cancel(PLAYER, withdrawal_id)) == ("not_found", [])  # type: ignore[arg-type]

    def test_another_player_s(self, world: World) -> None:
        made = world.asked(world.deposit())
        assert declined(world.desk.cancel(OTHER_PLAYER, made.withdrawal_id)) == ("not_found", [])  # type: ignore[arg-type]
        assert world.desk.get(OTHER_PLAYER, made.withdrawal_id) is None
        assert world.balances == (50, 50)

    def test_too_late_once_it_may_have_reached_the_gateway(self, world: World) -> None:
        made = world.asked(world.deposit())
        world.withdrawals.happen(made.withdrawal_id, Screened(Clearance.APPROVE))
        world.withdrawals.happen(made.withdrawal_id, Submit())
        assert declined(world.desk.cancel(PLAYER, made.withdrawal_id)) == ("too_late", [])  # type: ignore[arg-type]
        world.withdrawals.happen(made.withdrawal_id, Said(Word.PAID))
        assert declined(world.desk.cancel(PLAYER, made.withdrawal_id)) == ("too_late", [])  # type: ignore[arg-type]
        assert world.balances == (50, 0)

    def test_one_that_was_refused(self, world: World) -> None:
        made = world.waiting()
        world.withdrawals.happen(made.withdrawal_id, Refuse("other", "jane"))
        assert declined(world.desk.cancel(PLAYER, made.withdrawal_id)) == ("too_late", [])  # type: ignore[arg-type]


class TestFaults:
    """Whatever is lost on the way, the money is held once or not at all."""

    @pytest.mark.parametrize("before", [True, False])
    @pytest.mark.parametrize("at", range(7))
    def test_any_call_that_fails_and_the_same_request_again(self, world: World, at: int, *, before: bool) -> None:
        deposit_id = world.deposit("100.00")
        made = 0

        def fail(_name: str) -> None:
            nonlocal made
            made += 1
            if made == at + 1:
                raise LOST

        if before:
            world.client.before = fail
        else:
            world.client.after = fail
        try:
            first = world.ask(deposit_id, "60.00")
        except (StoreUnavailable, OutcomeUnknown):
            first = world.ask(deposit_id, "60.00")
        assert made > at
        again = opened(world.ask(deposit_id, "60.00"))
        assert again.answer == opened(first).answer
        assert world.balances == (40, 60)
        assert len([key for key in world.written if key[0].startswith("WITHDRAWAL#")]) == 1

    def test_an_answer_that_was_cut_short_is_not_taken_for_an_empty_one(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        opened(world.ask(world.deposit(), "10.00"))
        monkeypatch.setattr(world.client, "get_item", lambda **_request: {})
        for read in (
            lambda: world.store.find_request(Claim(PLAYER, "k-1", b"")),
            lambda: world.store.tally(PLAYER),
            lambda: world.store.get("wdr_" + "a" * 20),
        ):
            with pytest.raises(StoreUnavailable):
                read()

    def test_counters_that_keep_changing(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        """Somebody else writes them each time between the look and the write."""
        deposit_id = world.deposit("100.00")
        real = world.store.tally
        monkeypatch.setattr(world.store, "tally", lambda player_id: replace(real(player_id), version=7))
        with pytest.raises(StoreUnavailable):
            world.ask(deposit_id, "10.00")
        assert (world.balances, world.written) == ((100, 0), {})

    def test_a_player_of_many_deposits(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        """They are summed page by page."""
        monkeypatch.setattr(methods, "PAGE_MAX", 2)
        first, *_ = [world.deposit("20.00") for _ in range(5)]
        world.deposit("40.00", "paymentiq")
        assert world.desk._methods.given(PLAYER) == {"adyen": nanos("100.00"), "paymentiq": nanos("40.00")}
        assert declined(world.ask(first, "100.01")) == ("other_method_first", ["deposit_id"])
        monkeypatch.setattr(methods, "PAGES_MAX", 1)
        assert sum(world.desk._methods.given(PLAYER).values()) == nanos("60.00")
