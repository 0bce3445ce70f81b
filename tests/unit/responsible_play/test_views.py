from typing import Any

import pytest

from countroom.jurisdictions.profile import Level, Profile
from countroom.jurisdictions.profiles import GREAT_BRITAIN, MALTA, NEUTRAL
from countroom.ledger.movements import ExclusionKind, LimitKind, Period, Status
from countroom.ledger.wallet import Exclusion, Limit, Pending, PlayClock, Totals
from countroom.responsible_play import rulebook, views, words
from countroom.responsible_play.overview import limits_now, play_now
from tests.unit.clock import START_MS
from tests.unit.ledger.examples import wallet_with
from tests.unit.responsible_play.desk_world import DAY_MS, HOUR_MS, MINUTE_MS, UNIT

NOON = "2026-01-01T12:00:00.000Z"


@pytest.mark.parametrize(
    ("ms", "text"),
    [
        (0, "less than a minute"),
        (59_999, "less than a minute"),
        (MINUTE_MS, "1 minute"),
        (65 * MINUTE_MS, "1 hour 5 minutes"),
        (2 * HOUR_MS + 30_000, "2 hours"),
        (DAY_MS, "24 hours"),
        (7 * DAY_MS, "7 days"),
        (DAY_MS + HOUR_MS, "25 hours"),
    ],
)
def test_lengths_of_time(ms: int, text: str) -> None:
    assert words.lasting(ms) == text


@pytest.mark.parametrize(
    ("ms", "text"), [(START_MS, "1 January 2026, 12:00 UTC"), (1_798_761_599_999, "31 December 2026, 23:59 UTC")]
)
def test_instants(ms: int, text: str) -> None:
    assert words.when(ms) == text


@pytest.mark.parametrize(
    ("kind", "period", "cap", "text"),
    [
        (LimitKind.DEPOSIT, Period.DAY, 100 * UNIT, "pay in at most 100.00 EUR in 24 hours"),
        (LimitKind.WAGER, Period.WEEK, UNIT, "stake at most 1.00 EUR in 7 days"),
        (LimitKind.LOSS, Period.MONTH, 0, "lose at most 0.00 EUR in a month"),
        (LimitKind.STAKE, Period.EACH, UNIT // 2, "stake at most 0.50 EUR at a time"),
        (LimitKind.SESSION, Period.EACH, 90 * MINUTE_MS, "play at most 1 hour 30 minutes without a break"),
    ],
)
def test_what_a_limit_allows(kind: LimitKind, period: Period, cap: int, text: str) -> None:
    assert words.most_text(kind, period, cap, "EUR") == text


def shown(limit: Limit, now_ms: int = START_MS) -> dict[str, Any]:
    (now,) = limits_now(wallet_with(limits=(limit,)), now_ms)
    return views.limit_view(now, "EUR")


def test_a_limit() -> None:
    assert shown(Limit(LimitKind.DEPOSIT, Period.DAY, 100 * UNIT, 40 * UNIT, START_MS)) == {
        "kind": "deposit",
        "period": "24h",
        "unit": "EUR",
        "cap": "100.00",
        "spent": "40.00",
        "left": "60.00",
        "period_ends_at": "2026-01-02T12:00:00.000Z",
        "pending": None,
        "text": "You may pay in at most 100.00 EUR in 24 hours. 60.00 EUR of it is left until 2 January 2026, 12:00 UTC.",
    }


def test_a_limit_of_time() -> None:
    assert shown(Limit(LimitKind.SESSION, Period.EACH, 90 * MINUTE_MS)) == {
        "kind": "session",
        "period": "each",
        "unit": "minutes",
        "cap": "90",
        "spent": None,
        "left": None,
        "period_ends_at": None,
        "pending": None,
        "text": "You may play at most 1 hour 30 minutes without a break.",
    }


@pytest.mark.parametrize(
    ("pending", "cap", "confirmed", "text"),
    [
        (Pending(2 * UNIT, START_MS + DAY_MS), "2.00", False, "it is 2.00 EUR; until then you can take that back."),
        (Pending(None, START_MS + DAY_MS), None, False, "there is no such limit; until then you can take that back."),
        (
            Pending(2 * UNIT, START_MS + DAY_MS, confirm=True),
            "2.00",
            True,
            "it is 2.00 EUR, if you confirm it then; until then you can take that back.",
        ),
    ],
)
def test_what_waits_to_take_a_limits_place(pending: Pending, cap: str | None, confirmed: bool, text: str) -> None:
    view = shown(Limit(LimitKind.STAKE, Period.EACH, UNIT, pending=pending))
    told = {"cap": cap, "effective_at": "2026-01-02T12:00:00.000Z", "needs_confirmation": confirmed, "can_be_confirmed": False}
    assert view["pending"] == told
    assert view["text"] == f"You may stake at most 1.00 EUR at a time. From 2 January 2026, 12:00 UTC on {text}"


def test_a_raise_that_can_be_confirmed() -> None:
    limit = Limit(LimitKind.STAKE, Period.EACH, UNIT, pending=Pending(2 * UNIT, START_MS, confirm=True))
    view = shown(limit)
    assert view["pending"]["can_be_confirmed"]
    assert view["text"] == "You may stake at most 1.00 EUR at a time. You can now confirm the change: it is 2.00 EUR then."


def test_no_exclusion() -> None:
    assert views.exclusion_view(wallet_with(), START_MS) is None
    ended = Exclusion(ExclusionKind.TIME_OUT, START_MS - DAY_MS, START_MS)
    assert views.exclusion_view(wallet_with(exclusion=ended), START_MS) is None


@pytest.mark.parametrize(
    ("kind", "begins"),
    [
        (ExclusionKind.TIME_OUT, "You are taking a break until 2 January 2026, 12:00 UTC; then you can play again."),
        (
            ExclusionKind.SELF_EXCLUSION,
            "You have excluded yourself. From 2 January 2026, 12:00 UTC on you can ask to be let in again.",
        ),
        (ExclusionKind.REGISTER, "A register of excluded players names you. From 2 January 2026, 12:00 UTC on"),
        (ExclusionKind.STAFF, "We have excluded you from play. From 2 January 2026, 12:00 UTC on you can ask to be let in again."),
    ],
)
def test_an_exclusion(kind: ExclusionKind, begins: str) -> None:
    view = views.exclusion_view(wallet_with(exclusion=Exclusion(kind, START_MS, START_MS + DAY_MS)), START_MS)
    assert view is not None
    assert (view["kind"], view["since"], view["until"]) == (kind.value, NOON, "2026-01-02T12:00:00.000Z")
    assert (view["ends_by_itself"], view["can_ask_reopening"], view["reopens_at"]) == (kind is ExclusionKind.TIME_OUT, False, None)
    assert view["text"].startswith(begins)
    assert view["text"].endswith("You cannot pay in or play; you can still withdraw your money.")


def test_an_exclusion_that_can_be_ended_and_one_that_will() -> None:
    over = Exclusion(ExclusionKind.SELF_EXCLUSION, START_MS - DAY_MS, START_MS)
    view = views.exclusion_view(wallet_with(exclusion=over), START_MS)
    assert view is not None
    assert (view["can_ask_reopening"], view["reopens_at"]) == (True, None)
    asked = Exclusion(ExclusionKind.SELF_EXCLUSION, START_MS - DAY_MS, START_MS, START_MS + DAY_MS)
    view = views.exclusion_view(wallet_with(exclusion=asked), START_MS)
    assert view is not None
    assert (view["can_ask_reopening"], view["reopens_at"]) == (False, "2026-01-02T12:00:00.000Z")
    assert view["text"].startswith("You have asked to be let in again: from 2 January 2026, 12:00 UTC on you can play.")


def test_an_order_of_staff_without_an_end() -> None:
    view = views.exclusion_view(wallet_with(status=Status.EXCLUDED), START_MS)
    assert view is not None
    assert (view["kind"], view["since"], view["until"], view["can_ask_reopening"]) == ("staff", None, None, False)
    assert views.exclusion_view(wallet_with(status=Status.BLOCKED), START_MS) is None


def test_an_order_of_staff_does_not_end_with_a_break() -> None:
    pause = Exclusion(ExclusionKind.TIME_OUT, START_MS, START_MS + DAY_MS)
    view = views.exclusion_view(wallet_with(status=Status.EXCLUDED, exclusion=pause), START_MS)
    assert view is not None
    assert (view["kind"], view["ends_by_itself"], view["until"]) == ("staff", False, None)


def test_a_stretch_of_play() -> None:
    clock = PlayClock(START_MS, START_MS + 5 * MINUTE_MS, START_MS, staked0=100 * UNIT, won0=50 * UNIT, interval_ms=HOUR_MS)
    totals = Totals(staked=110 * UNIT, won=65 * UNIT)
    limits = (Limit(LimitKind.SESSION, Period.EACH, 2 * HOUR_MS),)
    wallet = wallet_with(play=clock, totals=totals, limits=limits)
    assert views.play_view(play_now(wallet, START_MS + 5 * MINUTE_MS + 999), "EUR") == {
        "started_at": NOON,
        "seconds": 300,
        "staked": "10.00",
        "won": "15.00",
        "net": "5.00",
        "check_due": False,
        "next_check_at": "2026-01-01T13:00:00.000Z",
        "ends_at": "2026-01-01T14:00:00.000Z",
        "text": (
            "You have been playing for 5 minutes: staked 10.00 EUR, won 15.00 EUR, ahead by 5.00 EUR. "
            "Your session limit ends play on 1 January 2026, 14:00 UTC."
        ),
    }
    assert views.play_view(None, "EUR") is None


def test_a_check_that_is_due_and_a_session_that_is_over() -> None:
    clock = PlayClock(START_MS, START_MS + 50 * MINUTE_MS, START_MS, interval_ms=HOUR_MS)
    wallet = wallet_with(play=clock, totals=Totals(staked=3 * UNIT), limits=(Limit(LimitKind.SESSION, Period.EACH, HOUR_MS),))
    view = views.play_view(play_now(wallet, START_MS + HOUR_MS), "EUR")
    assert view is not None
    assert view["check_due"]
    assert view["text"] == (
        "You have been playing for 1 hour: staked 3.00 EUR, won 0.00 EUR, behind by 3.00 EUR. "
        "Play goes on when you have acknowledged this. "
        "Your session limit is reached: without play until 1 January 2026, 13:20 UTC you can play again."
    )


def test_the_sums_of_a_lifetime() -> None:
    wallet = wallet_with(totals=Totals(deposited=500 * UNIT, withdrawn=120 * UNIT, staked=900 * UNIT, won=900 * UNIT))
    assert views.position_view(wallet) == {
        "deposited": "500.00",
        "withdrawn": "120.00",
        "net_deposits": "380.00",
        "staked": "900.00",
        "won": "900.00",
        "net": "0.00",
        "text": (
            "Since you opened the account you have paid in 500.00 EUR and been paid 120.00 EUR: net deposits of 380.00 EUR. "
            "At play you are neither ahead nor behind."
        ),
    }


def test_what_is_verified_and_what_is_not() -> None:
    assert views.verification_view(wallet_with(), GREAT_BRITAIN, frozenset({Level.AGE})) == {
        "levels": ["age"],
        "needed": {"deposit": ["identity"], "play": ["identity"], "withdrawal": ["identity"]},
        "text": "We still need to check: your name, address and date of birth.",
    }
    known = frozenset({Level.AGE, Level.IDENTITY})
    assert views.verification_view(wallet_with(), GREAT_BRITAIN, known)["text"] == "There is nothing that we need to check."


@pytest.mark.parametrize("profile", [GREAT_BRITAIN, MALTA, NEUTRAL], ids=lambda one: one.code)
def test_every_rule_names_its_source(profile: Profile) -> None:
    view = rulebook.profile_view(profile, "EUR")
    assert (view["code"], view["name"]) == (profile.code, profile.name)
    assert len(view["rules"]) >= 9
    for rule in view["rules"]:
        assert rule["source"] == profile.sources[rule["topic"]]
        assert rule["text"].endswith(".")


def test_the_rules_of_great_britain_in_words() -> None:
    rules = {rule["topic"]: rule["text"] for rule in rulebook.profile_view(GREAT_BRITAIN, "GBP")["rules"]}
    assert rules["stake_caps"] == "The largest stake in slots is 5.00 GBP, and 2.00 GBP before you are 25."
    assert rules["player_may_cancel_withdrawal"] == "A withdrawal cannot be called back."
    assert rules["raise_wait_ms"].endswith("takes effect after 24 hours, and only when you confirm it then.")
    assert rules["time_outs"].startswith("You can take a break of 24 hours, 7 days, 1 month or 6 weeks.")
    assert rules["register"].startswith("At registration and at login we ask GAMSTOP")


def test_the_rules_of_the_house_in_words() -> None:
    rules = {rule["topic"]: rule["text"] for rule in rulebook.profile_view(NEUTRAL, "EUR")["rules"]}
    assert "register" not in rules
    assert "stake_caps" not in rules
    assert rules["player_may_cancel_withdrawal"] == "You can call a withdrawal back until it is sent."
    malta = {rule["topic"]: rule["text"] for rule in rulebook.profile_view(MALTA, "EUR")["rules"]}
    assert malta["reopening_wait_ms"] == "After an exclusion play opens again 7 days after you ask for it."


def test_what_can_be_chosen() -> None:
    choices = rulebook.choices_view(NEUTRAL, "SEK")
    assert choices["limits"][0] == {"kind": "deposit", "period": "24h", "unit": "SEK", "highest": "500000.00"}
    assert choices["limits"][-1] == {"kind": "session", "period": "each", "unit": "minutes", "highest": "1440"}
    assert len(choices["limits"]) == 11
    assert choices["time_outs"][0] == {"length": "24h", "text": "24 hours"}
    assert [one["length"] for one in choices["exclusions"]] == ["6m", "1y", "5y"]
    assert choices["check_minutes"] == [10, 15, 20, 30, 45, 60]


def test_all_of_it_at_once() -> None:
    view = views.overview_view(wallet_with(), NEUTRAL, frozenset(), START_MS)
    assert set(view) == {
        *("at", "currency", "profile", "choices", "limits", "exclusion", "check_minutes", "session", "position", "verification")
    }
    assert (view["at"], view["currency"], view["check_minutes"]) == (NOON, "EUR", 60)
