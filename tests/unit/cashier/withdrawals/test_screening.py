"""What screening says of which facts, stage by stage; and that nothing adverse ever makes it milder."""

from dataclasses import fields, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from countroom.cashier.gateways.dialect import PaymentOutcome
from countroom.cashier.store import StoreUnavailable
from countroom.cashier.withdrawals import terms
from countroom.cashier.withdrawals.life import Clearance, Flag, Refuse, Said, Screened
from countroom.cashier.withdrawals.screening import RULES, Facts, Person, Settings, Stage, barrier, screen
from countroom.cashier.withdrawals.terms import Allowance, Thresholds
from countroom.cashier.withdrawals.views import withdrawal_view
from countroom.cashier.withdrawals.withdrawal import Actor, Attention, Word
from countroom.jurisdictions.profile import Level, Profile
from countroom.jurisdictions.profiles import NEUTRAL
from countroom.ledger.movements import Adjustment, Bet, Reference, Status
from tests.unit.cashier.support import PLAYER, nanos
from tests.unit.cashier.withdrawals.world import DAY_MS, World

GOOD = Facts(
    amount=50,
    status=Status.ACTIVE,
    verified=True,
    more_is_due=False,
    age_ms=30 * DAY_MS,
    method_usable=True,
    payouts_ever=3,
    payouts_here=2,
    day_count=1,
    day_sum=50,
    deposited=1000,
    staked=1000,
    in_debt=False,
    attention_elsewhere=False,
)
SETTINGS = Settings(Thresholds(review=100, day_sum=300, four_eyes=500), NEUTRAL)
HOLDING = replace(NEUTRAL, excluded_may_withdraw=False)
STRICT = replace(SETTINGS, profile=HOLDING)
MILD_TO_STRICT = (Clearance.APPROVE, Clearance.REVIEW, Clearance.REFUSE)


def test_good_facts_pass() -> None:
    assert screen(GOOD, SETTINGS) == Screened(Clearance.APPROVE)


@pytest.mark.parametrize(
    ("changes", "clearance", "reasons"),
    [
        ({"status": Status.BLOCKED}, Clearance.REFUSE, ("play_safety.wallet_blocked",)),
        ({"status": Status.CLOSED}, Clearance.REFUSE, ("play_safety.wallet_closed",)),
        ({"status": Status.EXCLUDED}, Clearance.APPROVE, ()),
        ({"verified": False}, Clearance.REFUSE, ("verification.not_verified",)),
        ({"method_usable": False}, Clearance.REVIEW, ("verification.method_lost",)),
        ({"more_is_due": True}, Clearance.REVIEW, ("verification.more_is_due",)),
        ({"in_debt": True, "method_usable": False}, Clearance.REFUSE, ("risk.in_debt",)),
        ({"payouts_here": 0}, Clearance.REVIEW, ("risk.new_method",)),
        ({"payouts_ever": 0, "payouts_here": 0}, Clearance.REVIEW, ("risk.first_withdrawal", "risk.new_method")),
        ({"amount": 99}, Clearance.APPROVE, ()),
        ({"amount": 100}, Clearance.REVIEW, ("risk.large_amount",)),
        ({"day_count": 2}, Clearance.APPROVE, ()),
        ({"day_count": 3}, Clearance.REVIEW, ("risk.many_in_a_day",)),
        ({"day_sum": 299}, Clearance.APPROVE, ()),
        ({"day_sum": 300}, Clearance.REVIEW, ("risk.much_in_a_day",)),
        ({"staked": 999}, Clearance.REVIEW, ("risk.little_play",)),
        ({"staked": 0, "deposited": 0}, Clearance.APPROVE, ()),
        ({"age_ms": 7 * DAY_MS}, Clearance.APPROVE, ()),
        ({"age_ms": 7 * DAY_MS - 1}, Clearance.REVIEW, ("risk.new_account",)),
        ({"attention_elsewhere": True}, Clearance.REVIEW, ("risk.open_attention",)),
        ({"status": Status.BLOCKED, "verified": False, "amount": 900}, Clearance.REFUSE, ("play_safety.wallet_blocked",)),
        ({"verified": False, "method_usable": False}, Clearance.REFUSE, ("verification.not_verified",)),
    ],
)
def test_what_each_fact_says(changes: dict[str, Any], clearance: Clearance, reasons: tuple[str, ...]) -> None:
    screened = screen(replace(GOOD, **changes), SETTINGS)
    assert (screened.clearance, screened.reasons) == (clearance, reasons)


def test_where_the_profile_says_so_who_is_excluded_is_refused() -> None:
    screened = screen(replace(GOOD, status=Status.EXCLUDED), STRICT)
    assert screened == Screened(Clearance.REFUSE, ("play_safety.excluded",))


@pytest.mark.parametrize(("amount", "needed"), [(100, 1), (499, 1), (500, 2), (10_000, 2)])
def test_from_the_second_threshold_on_two_people_look(amount: int, needed: int) -> None:
    assert screen(replace(GOOD, amount=amount), SETTINGS).approvals_needed == needed


@pytest.mark.parametrize(("day_sum", "needed"), [(499, 1), (500, 2)])
def test_two_people_look_at_what_is_asked_for_in_parts(day_sum: int, needed: int) -> None:
    assert screen(replace(GOOD, amount=200, day_sum=day_sum), SETTINGS).approvals_needed == needed


def test_every_rule_can_be_the_only_one() -> None:
    """No rule hides behind another, and their names and stages are in order."""
    assert len({rule.name for rule in RULES}) == len(RULES)
    assert [rule.stage for rule in RULES] == sorted((rule.stage for rule in RULES), key=list(Stage).index)


@pytest.mark.parametrize("status", list(Status))
@pytest.mark.parametrize("verified", [True, False])
@pytest.mark.parametrize("in_debt", [True, False])
@pytest.mark.parametrize("profile", [NEUTRAL, HOLDING], ids=["paid", "held"])
def test_the_barrier_stands_exactly_where_screening_refuses(
    status: Status, profile: Profile, *, verified: bool, in_debt: bool
) -> None:
    facts = replace(GOOD, status=status, verified=verified, in_debt=in_debt)
    screened = screen(facts, replace(SETTINGS, profile=profile))
    code = barrier(status, profile, verified=verified, in_debt=in_debt)
    assert (code != "") == (screened.clearance is Clearance.REFUSE)
    assert not code or screened.reasons[0].endswith(f".{code}")


ADVERSE: dict[str, Any] = {
    "amount": lambda value, by: value + by,
    "status": lambda value, by: value if value is not Status.ACTIVE else [*Status][by % len(Status)],
    "verified": lambda _value, _by: False,
    "more_is_due": lambda _value, _by: True,
    "age_ms": lambda value, by: max(0, value - by * DAY_MS),
    "method_usable": lambda _value, _by: False,
    "payouts_ever": lambda value, by: max(0, value - by),
    "payouts_here": lambda value, by: max(0, value - by),
    "day_count": lambda value, by: value + by,
    "day_sum": lambda value, by: value + by,
    "deposited": lambda value, by: value + by,
    "staked": lambda value, by: max(0, value - by),
    "in_debt": lambda _value, _by: True,
    "attention_elsewhere": lambda _value, _by: True,
}
FACTS = st.builds(
    Facts,
    amount=st.integers(1, 800),
    status=st.sampled_from(Status),
    verified=st.booleans(),
    more_is_due=st.booleans(),
    age_ms=st.integers(0, 10 * DAY_MS),
    method_usable=st.booleans(),
    payouts_ever=st.integers(0, 2),
    payouts_here=st.integers(0, 2),
    day_count=st.integers(1, 4),
    day_sum=st.integers(1, 400),
    deposited=st.integers(0, 5),
    staked=st.integers(0, 5),
    in_debt=st.booleans(),
    attention_elsewhere=st.booleans(),
)


def test_every_fact_has_a_worse_side() -> None:
    assert ADVERSE.keys() == {field.name for field in fields(Facts)}


@given(facts=FACTS, name=st.sampled_from(sorted(ADVERSE)), by=st.integers(1, 500), settings=st.sampled_from([SETTINGS, STRICT]))
def test_an_adverse_fact_never_makes_it_milder(facts: Facts, name: str, by: int, settings: Settings) -> None:
    worse = replace(facts, **{name: ADVERSE[name](getattr(facts, name), by)})
    before, after = screen(facts, settings), screen(worse, settings)
    assert MILD_TO_STRICT.index(after.clearance) >= MILD_TO_STRICT.index(before.clearance)
    if after.clearance is before.clearance is Clearance.REVIEW:
        assert set(before.reasons) <= set(after.reasons)
        assert after.approvals_needed >= before.approvals_needed >= 1


class TestScreener:
    """The facts as they are gathered."""

    def test_a_first_withdrawal_without_play(self) -> None:
        world = World()
        made = world.asked(world.deposit("100.00"), "50.00")
        screened = world.screener.screen(made)
        assert screened.reasons == ("risk.first_withdrawal", "risk.new_method", "risk.little_play")
        assert (screened.clearance, screened.approvals_needed) == (Clearance.REVIEW, 1)

    def test_who_plays_and_has_been_paid_before_passes(self) -> None:
        world = World()
        submitted = world.submitted()
        world.withdrawals.happen(submitted.withdrawal_id, Said(Word.PAID))
        deposit_id = world.deposit("200.00")
        play(world, "250.00")
        world.post(Adjustment(Reference("house:staff", "win"), PLAYER, "EUR", nanos("100.00"), "a win", "staff"))
        made = world.asked(deposit_id, "20.00", "k-2")
        assert world.screener.screen(made) == Screened(Clearance.APPROVE)
        assert world.screener.barred(made) == ""

    def test_a_payout_that_came_back_is_none(self) -> None:
        world = World()
        submitted = world.submitted()
        world.withdrawals.happen(submitted.withdrawal_id, Said(Word.RETURNED))
        made = world.asked(world.deposit("200.00"), "20.00", "k-2")
        assert "risk.first_withdrawal" in world.screener.screen(made).reasons

    def test_another_one_that_people_must_look_at(self) -> None:
        world = World()
        other = world.asked(world.deposit("200.00"), "20.00", "k-1")
        made = world.asked(world.deposit("200.00"), "20.00", "k-2")
        assert "risk.open_attention" not in world.screener.screen(made).reasons
        world.withdrawals.happen(other.withdrawal_id, Flag(Attention.STEP_FAILED))
        assert "risk.open_attention" in world.screener.screen(made).reasons
        assert "risk.open_attention" not in world.screener.screen(other).reasons

    def test_a_deposit_that_was_taken_back_since(self) -> None:
        world = World()
        deposit_id = world.deposit("50.00")
        made = world.asked(deposit_id, "50.00")
        world.say(deposit_id, PaymentOutcome.CHARGEBACK, "50.00")
        assert world.screener.screen(made) == Screened(Clearance.REFUSE, ("risk.in_debt",))

    def test_a_deposit_that_was_taken_back_after_the_approval(self) -> None:
        """The player would have the money twice: from the bank, and from the house. Refused, the hold covers the debt."""
        world = World()
        deposit_id = world.deposit("50.00")
        made = world.withdrawals.happen(world.asked(deposit_id, "50.00").withdrawal_id, Screened(Clearance.APPROVE))
        assert world.screener.barred(made) == ""
        world.say(deposit_id, PaymentOutcome.CHARGEBACK, "50.00")
        assert world.balances == (-50, 50)
        assert world.screener.barred(made) == "in_debt"
        refused = world.withdrawals.happen(made.withdrawal_id, Refuse("in_debt", actor=Actor.HOUSE))
        assert world.balances == (0, 0)
        told = withdrawal_view(refused, may_cancel=True)["events"]
        assert isinstance(told, list)
        assert told[-1]["text"].endswith("Your balance had fallen below zero.")

    def test_a_method_that_is_lost_after_screening(self) -> None:
        """Whoever approved did not know of it; where screening had said so, he did."""
        world = World()
        deposit_id = world.deposit("50.00")
        world.deposit("100.00")
        made = world.asked(deposit_id, "20.00")
        world.say(deposit_id, PaymentOutcome.CHARGEBACK, "50.00")
        assert world.balances == (80, 20)
        assert world.screener.barred(made) == "method_lost"
        screened = world.screener.screen(made)
        assert "verification.method_lost" in screened.reasons
        assert world.screener.barred(world.withdrawals.happen(made.withdrawal_id, screened)) == ""

    def test_who_lost_his_verification_or_was_blocked_since(self) -> None:
        world = World()
        made = world.asked(world.deposit("50.00"), "50.00")
        world.unverify()
        assert world.screener.screen(made).clearance is Clearance.REFUSE
        assert world.screener.barred(made) == "not_verified"
        world.set_status(Status.BLOCKED)
        assert world.screener.barred(made) == "wallet_blocked"

    def test_an_account_of_which_nobody_knows_the_age_is_new(self) -> None:
        world = World()
        made = world.asked(world.deposit("50.00"), "50.00")
        world.person = Person(frozenset({Level.IDENTITY}), registered_at_ms=None)
        assert "risk.new_account" in world.screener.screen(made).reasons

    def test_net_deposits_that_ask_for_more_are_looked_at_and_held_up_by_nobody(self) -> None:
        """Of 2,000 net the profile of Malta asks for the address too: people look, and the player needs no document to be paid."""
        world = World(country="MT")
        made = world.asked(world.deposit("1999.00"), "20.00")
        assert "verification.more_is_due" not in world.screener.screen(made).reasons
        world.deposit("1.00")
        assert "verification.more_is_due" in world.screener.screen(made).reasons
        assert world.screener.barred(made) == ""
        world.person = replace(world.person, levels=world.person.levels | {Level.ADDRESS})
        assert "verification.more_is_due" not in world.screener.screen(made).reasons

    def test_several_in_a_day(self) -> None:
        world = World()
        deposit_id = world.deposit("500.00")
        made = [world.asked(deposit_id, "20.00", f"k-{number}") for number in range(3)]
        assert "risk.many_in_a_day" in world.screener.screen(made[0]).reasons
        world.clock.advance(milliseconds=DAY_MS)
        assert "risk.many_in_a_day" not in world.screener.screen(made[0]).reasons

    def test_without_an_answer_there_is_no_verdict(self) -> None:
        world = World()
        made = world.asked(world.deposit("50.00"), "50.00")

        def no(_name: str) -> None:
            raise StoreUnavailable

        world.client.before = no
        with pytest.raises(StoreUnavailable):
            world.screener.screen(made)


def play(world: World, amount: str) -> None:
    """Stake so much, as play does."""
    world.post(Bet(Reference("game:hub88", "bet-1"), PLAYER, "EUR", nanos(amount) - nanos("50.00"), "reels", "r1"))
    world.post(Adjustment(Reference("house:staff", "more"), PLAYER, "EUR", nanos("50.00"), "a win", "staff"))
    world.post(Bet(Reference("game:hub88", "bet-2"), PLAYER, "EUR", nanos("50.00"), "reels", "r2"))


class TestTerms:
    """The house's own settings hang together."""

    def test_every_currency_that_is_paid_out_has_its_thresholds(self) -> None:
        for allowances in terms.TERMS.values():
            assert allowances.keys() <= terms.THRESHOLDS.keys()
            for code, allowance in allowances.items():
                assert terms.THRESHOLDS[code].four_eyes < allowance.once.largest

    def test_settings_that_make_no_sense_cannot_be_made(self) -> None:
        some = terms.TERMS["adyen"]["EUR"].once
        with pytest.raises(ValueError, match="largest"):
            Allowance(some, some.largest - 1)
        for figures in ((0, 1, 1), (2, 1, 2), (2, 2, 1)):
            with pytest.raises(ValueError, match="people look"):
                Thresholds(*figures)
