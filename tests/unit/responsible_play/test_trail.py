"""What the trail keeps of each record: of every kind, with the limit, the actor and the channel; and when somebody played."""

from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from countroom.ledger.movements import (
    ExclusionKind,
    Hold,
    Kind,
    LimitKind,
    Period,
    Reason,
    Reference,
    Release,
    SetStatus,
    Status,
)
from countroom.ledger.records import Outcome
from countroom.ledger.rules.clock import BREAK_MS
from countroom.ledger.safeguards import (
    FOREVER_MS,
    AcknowledgeCheck,
    AskReopening,
    ConfirmRaise,
    OpenDeposit,
    SetCheckInterval,
    SetLimit,
    StartExclusion,
    WithdrawRaise,
)
from countroom.responsible_play.trail import SLOT_MS, Entry, EntryKind, Play, actor_of, entry_of, play_of, slot_of, stretches
from tests.unit.ledger.table import every_kind
from tests.unit.responsible_play.safety_world import ANNA, DAY_MS, HOUR_MS, MINUTE_MS, UNIT, Story, at, records, refused

NOON = at("2026-02-02T12:00")
DEPOSITS = (LimitKind.DEPOSIT, Period.DAY)


@pytest.fixture
def story() -> Story:
    return Story().at(NOON)


def told(entry: Entry | None) -> dict[str, object]:
    assert entry is not None
    return dict(entry.told)


class TestLimits:
    def test_each_request_with_old_and_new_and_when_it_holds(self, story: Story) -> None:
        new = entry_of(story.limits(100))
        assert new is not None
        assert (new.kind, new.actor, new.channel, new.at_ms, new.outcome) == ("limit", "player", "player:safety", NOON, "applied")
        assert told(new) == {
            "limit": "deposit 24h",
            "requested_at": "2026-02-02T12:00:00.000Z",
            "before": None,
            "after": "100.00 EUR",
            "effective_at": "2026-02-02T12:00:00.000Z",
            "to_be_confirmed": False,
        }
        raised = told(entry_of(story.at(NOON + HOUR_MS).limits(200)))
        assert (raised["before"], raised["after"]) == ("100.00 EUR", "200.00 EUR")
        assert (raised["requested_at"], raised["effective_at"]) == ("2026-02-02T13:00:00.000Z", "2026-02-03T13:00:00.000Z")

    def test_a_removal_and_a_refused_raise(self, story: Story) -> None:
        story.limits(100)
        removed = told(entry_of(story.limits(None)))
        assert (removed["before"], removed["after"]) == ("100.00 EUR", None)
        declined = entry_of(refused(story.limits(300, waits_ms=0)))
        assert declined is not None
        assert (declined.outcome, told(declined)["reason"], told(declined)["asked"]) == ("refused", "limit_raise", "300.00 EUR")

    def test_a_raise_withdrawn_and_confirmed(self, story: Story) -> None:
        story.limits(100)
        story.limits(200)
        withdrawn = entry_of(story.posts(WithdrawRaise(story.name("player:safety"), ANNA, *DEPOSITS)))
        assert withdrawn is not None
        assert (withdrawn.kind, told(withdrawn)["limit"]) == ("raise_withdrawn", "deposit 24h")
        ask = SetLimit(story.name("player:safety"), ANNA, "EUR", 200 * UNIT, *DEPOSITS, waits_ms=DAY_MS, confirm=True)
        assert told(entry_of(story.posts(ask)))["to_be_confirmed"] is True
        early = entry_of(refused(story.posts(ConfirmRaise(story.name("player:safety"), ANNA, *DEPOSITS))))
        assert (told(early)["reason"], "asked" in told(early)) == ("too_early", False)
        later = story.at(NOON + DAY_MS).posts(ConfirmRaise(story.name("player:safety"), ANNA, *DEPOSITS))
        assert told(entry_of(later))["after"] == "200.00 EUR"

    def test_the_limit_of_a_session_is_a_time(self, story: Story) -> None:
        ask = SetLimit(story.name("player:safety"), ANNA, "EUR", 2 * HOUR_MS, LimitKind.SESSION, Period.EACH)
        entry = told(entry_of(story.posts(ask)))
        assert (entry["limit"], entry["after"]) == ("session each", "7200000 ms")
        higher = SetLimit(story.name("player:safety"), ANNA, "EUR", 3 * HOUR_MS, LimitKind.SESSION, Period.EACH)
        assert told(entry_of(refused(story.posts(higher))))["asked"] == "10800000 ms"
        none = SetLimit(story.name("player:safety"), ANNA, "EUR", None, LimitKind.SESSION, Period.EACH)
        assert told(entry_of(refused(story.posts(none))))["asked"] is None


class TestBlocked:
    def test_a_deposit_and_a_bet_with_the_limit_that_blocked(self, story: Story) -> None:
        story.pays(500)
        story.limits(100)
        story.limits(50, LimitKind.WAGER)
        opening = OpenDeposit.of(ANNA, "dep-1", "EUR", 200 * UNIT)
        blocked = entry_of(refused(story.posts(opening)))
        assert blocked is not None
        assert (blocked.kind, blocked.actor, blocked.channel) == ("deposit_blocked", "player", "house:deposit")
        assert told(blocked) == {
            "reason": "limit_reached",
            "amount": "200.00",
            "currency": "EUR",
            "limit": "deposit 24h",
            "game": None,
        }
        bet = entry_of(refused(story.stakes(60)))
        assert bet is not None
        assert (bet.kind, bet.actor, bet.channel) == ("bet_blocked", "player", "game:hub88")
        assert (told(bet)["limit"], told(bet)["game"]) == ("wager 24h", "reels")

    def test_what_no_safeguard_refused_is_not_kept(self, story: Story) -> None:
        story.pays(10)
        assert entry_of(refused(story.stakes(60))) is None

    def test_during_an_exclusion(self, story: Story) -> None:
        story.pays(100)
        ref = story.name("player:safety")
        entry = entry_of(story.posts(StartExclusion(ref, ANNA, ExclusionKind.SELF_EXCLUSION, NOON + 180 * DAY_MS)))
        expected = {"exclusion": "self_exclusion", "from": "2026-02-02T12:00:00.000Z", "until": "2026-08-01T12:00:00.000Z"}
        assert (entry and entry.kind, told(entry)) == ("exclusion", expected)
        blocked = told(entry_of(refused(story.stakes(1))))
        assert (blocked["reason"], blocked["limit"]) == ("wallet_excluded", None)
        early = story.posts(AskReopening(story.name("player:safety"), ANNA, DAY_MS))
        assert told(entry_of(refused(early))) == {"reason": "too_early", "opens_at": None}
        story.at(NOON + 180 * DAY_MS)
        asked = story.posts(AskReopening(story.name("player:safety"), ANNA, DAY_MS))
        assert told(entry_of(asked)) == {"opens_at": "2026-08-02T12:00:00.000Z"}

    def test_an_exclusion_without_an_end(self, story: Story) -> None:
        made = story.posts(StartExclusion(story.name("house:register"), ANNA, ExclusionKind.REGISTER, FOREVER_MS))
        entry = entry_of(made)
        assert entry is not None
        assert (entry.actor, told(entry)["exclusion"], told(entry)["until"]) == ("house", "register", None)

    def test_an_end_is_written_as_far_as_the_calendar_goes(self, story: Story) -> None:
        for until_ms, expected in ((253_402_300_799_999, "9999-12-31T23:59:59.999Z"), (253_402_300_800_000, None)):
            made = story.posts(StartExclusion(story.name("house:register"), ANNA, ExclusionKind.REGISTER, until_ms))
            assert told(entry_of(made))["until"] == expected

    def test_an_order_of_staff(self, story: Story) -> None:
        entry = entry_of(story.posts(SetStatus(Reference("house:support", "exclude-1"), ANNA, Status.EXCLUDED)))
        assert entry is not None
        assert (entry.kind, entry.actor, told(entry)) == ("status", "staff", {"status": "excluded"})


class TestChecks:
    def test_shown_and_acknowledged_with_its_figures(self, story: Story) -> None:
        story.pays(100)
        entry = entry_of(story.posts(SetCheckInterval(story.name("player:safety"), ANNA, 10 * MINUTE_MS)))
        assert (entry and entry.kind, told(entry)) == ("check_interval", {"interval_ms": 600_000})
        story.stakes(4)
        shown = entry_of(refused(story.at(NOON + 10 * MINUTE_MS).stakes(5)))
        assert shown is not None
        assert (shown.kind, told(shown)["refused_stake"], told(shown)["reason"]) == ("check_shown", "5.00", "reality_check_due")
        seen = entry_of(story.at(NOON + 11 * MINUTE_MS).posts(AcknowledgeCheck(story.name("player:safety"), ANNA)))
        assert seen is not None
        assert seen.kind == "check_acknowledged"
        expected = {"elapsed_ms": 660_000, "currency": "EUR", "staked": "4.00", "won": "0.00", "net": "-4.00"}
        assert told(seen) == expected
        early = entry_of(refused(story.posts(AcknowledgeCheck(story.name("player:safety"), ANNA))))
        assert told(early) == {"reason": "too_early"}


def test_deposits_and_sessions(story: Story) -> None:
    entry = entry_of(story.pays(25))
    assert entry is not None
    assert (entry.kind, entry.actor, told(entry)) == ("deposit", "gateway", {"amount": "25.00", "currency": "EUR", "about": None})
    first = next(record for record in records(story.ledger) if record.kind is Kind.SESSION)
    session = told(entry_of(first))
    assert (session["provider"], session["game"], session["from"]) == ("hub88", "reels", "2026-01-01T12:00:02.000Z")
    assert str(session["until"]).startswith("2027-")


def test_a_withdrawal_called_back_and_one_released_otherwise(story: Story) -> None:
    story.pays(100)
    hold = Hold(story.name("gateway:standard"), ANNA, "EUR", 40 * UNIT)
    story.posts(hold)
    record = story.posts(Release(story.name("gateway:standard"), ANNA, hold.reference))
    assert entry_of(record) is None
    entry = entry_of(record, cancelled=True)
    assert entry is not None
    assert (entry.kind, entry.actor) == ("withdrawal_cancelled", "player")
    assert told(entry) == {"amount": "40.00", "currency": "EUR", "about": hold.reference.text}


def test_records_of_every_kind_give_an_entry_that_can_be_read_again_or_none() -> None:
    found: Counter[EntryKind] = Counter()
    for record in records(every_kind()):
        entry = entry_of(record)
        if entry is None:
            continue
        found[entry.kind] += 1
        assert Entry.read(entry.player_id, entry.name, entry.at_ms, entry.text()) == entry
        assert entry.view()["told"] == dict(entry.told)
    nobodys = {EntryKind.WITHDRAWAL_CANCELLED, EntryKind.CASE_OPENED, EntryKind.CASE_NOTED, EntryKind.CASE_CLOSED}
    blocked = {EntryKind.BET_BLOCKED, EntryKind.SESSION_BLOCKED, EntryKind.BONUS_BLOCKED}
    assert set(found) >= set(EntryKind) - nobodys - blocked


@pytest.mark.parametrize(
    ("kind", "expected"),
    [(Kind.SESSION, EntryKind.SESSION_BLOCKED), (Kind.BET, EntryKind.BET_BLOCKED), (Kind.BONUS_GRANTED, EntryKind.BONUS_BLOCKED)],
)
def test_what_an_exclusion_refuses_is_kept_as_blocked(story: Story, kind: Kind, expected: EntryKind) -> None:
    session = next(record for record in records(story.ledger) if record.kind is Kind.SESSION)
    entry = entry_of(replace(session, kind=kind, outcome=Outcome.REFUSED, reason=Reason.WALLET_EXCLUDED))
    assert entry is not None
    assert entry.kind is expected


@pytest.mark.parametrize(
    ("source", "actor"),
    [
        ("player:safety", "player"),
        ("player:closure", "player"),
        ("house:deposit", "player"),
        ("house:abandoned", "house"),
        ("house:register", "house"),
        ("house:support", "staff"),
        ("gateway:adyen", "gateway"),
        ("game:hub88", "player"),
        ("session:hub88", "player"),
        ("wallet:open", "house"),
    ],
)
def test_who_wanted_it(source: str, actor: str) -> None:
    assert actor_of(Reference(source, "x")) == actor


class TestPlay:
    def test_only_stakes_that_were_taken(self, story: Story) -> None:
        story.pays(10)
        told = [story.at(NOON + 1).stakes(4), story.at(NOON + 2).stakes(3), refused(story.at(NOON + 3).stakes(100))]
        assert play_of(records(story.ledger)) == play_of(told) == {(ANNA, NOON): Play(NOON + 1, NOON + 2)}

    def test_a_break_ends_a_stretch_to_the_millisecond(self) -> None:
        first, second = Play(NOON, NOON + 5), Play(NOON + 5 + BREAK_MS, NOON + 6 + BREAK_MS)
        assert list(stretches([second, first])) == [first, second]
        nearer = Play(second.first_ms - 1, second.last_ms)
        assert list(stretches([nearer, first])) == [Play(NOON, nearer.last_ms)]
        assert list(stretches([])) == []

    @given(st.lists(st.integers(0, 4 * HOUR_MS), min_size=1, max_size=40), st.randoms(use_true_random=False))
    def test_quarter_hours_tell_stretches_as_the_stakes_themselves_do(self, offsets: list[int], dice: object) -> None:
        slots: dict[int, Play] = {}
        for at_ms in offsets:
            known = slots.get(slot_of(at_ms), Play(at_ms, at_ms))
            slots[slot_of(at_ms)] = Play(min(known.first_ms, at_ms), max(known.last_ms, at_ms))
        shuffled = list(slots.values())
        dice.shuffle(shuffled)  # type: ignore[attr-defined]  # a random.Random
        assert list(stretches(shuffled)) == list(stretches(Play(at_ms, at_ms) for at_ms in offsets))
        assert SLOT_MS < BREAK_MS
