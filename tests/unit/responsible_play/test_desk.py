from dataclasses import replace

import pytest

from countroom.faults import Fault
from countroom.ledger.book import Posted, Refused
from countroom.ledger.movements import ExclusionKind, Kind, LimitKind, OpenWallet, Period, Reason, Reference
from countroom.ledger.records import Record
from countroom.ledger.rules.limits import in_force
from countroom.ledger.wallet import Exclusion, Limit, Pending
from countroom.responsible_play.desk import Caller, Decline
from countroom.responsible_play.forms import Cap
from countroom.times import from_iso
from tests.unit.responsible_play.desk_world import DAY_MS, FOUND, HOUR_MS, MINUTE_MS, PLAYER, UNIT, Room, declined, done, keyed

UNPROVED = replace(FOUND, proved=False)


def the_limit(room: Room, kind: LimitKind = LimitKind.DEPOSIT, period: Period = Period.DAY) -> Limit | None:
    found = in_force(room.wallet.limits, room.clock())
    return next((limit for limit in found if (limit.kind, limit.period) == (kind, period)), None)


def cap_of(room: Room, kind: LimitKind = LimitKind.DEPOSIT, period: Period = Period.DAY) -> int | None:
    limit = the_limit(room, kind, period)
    return limit.cap if limit else None


def with_limit(amount: str = "100.00", country: str = "EE") -> Room:
    room = Room(country)
    done(room.desk.set_limit(FOUND, "deposit", "24h", Cap(amount)))
    return room


def test_a_new_limit_holds_at_once_and_needs_no_proof() -> None:
    room = Room()
    result = done(room.desk.set_limit(UNPROVED, "loss", "1m", Cap("250.50")))
    assert (result.replayed, result.now_ms, result.profile.code) == (False, room.clock(), "NEUTRAL")
    assert result.wallet == room.wallet
    assert cap_of(room, LimitKind.LOSS, Period.MONTH) == 250 * UNIT + UNIT // 2


def test_a_limit_of_time_is_kept_in_milliseconds() -> None:
    room = Room()
    done(room.desk.set_limit(FOUND, "session", "each", Cap(minutes=90)))
    assert cap_of(room, LimitKind.SESSION, Period.EACH) == 90 * MINUTE_MS


def test_a_lower_limit_holds_at_once_and_needs_no_proof() -> None:
    room = with_limit()
    done(room.desk.set_limit(UNPROVED, "deposit", "24h", Cap("40.00")))
    assert the_limit(room) == the_limit(with_limit("40.00"))


def test_a_higher_limit_waits_for_24_hours_to_the_second() -> None:
    room = with_limit()
    asked_ms = room.clock()
    done(room.desk.set_limit(FOUND, "deposit", "24h", Cap("200.00")))
    limit = the_limit(room)
    assert limit is not None
    assert (limit.cap, limit.pending) == (100 * UNIT, Pending(200 * UNIT, asked_ms + DAY_MS))
    room.clock.advance(milliseconds=DAY_MS - 1)
    assert cap_of(room) == 100 * UNIT
    room.clock.advance(milliseconds=1)
    assert cap_of(room) == 200 * UNIT


def test_a_higher_limit_needs_a_fresh_proof() -> None:
    room = with_limit()
    before = room.wallet
    declined(room.desk.set_limit(UNPROVED, "deposit", "24h", Cap("100.01")), Decline.PROOF_MISSING)
    assert room.wallet == before
    done(room.desk.set_limit(UNPROVED, "deposit", "24h", Cap("100.00")))


def test_what_counts_as_higher_is_judged_by_what_holds_now() -> None:
    room = with_limit()
    done(room.desk.set_limit(FOUND, "deposit", "24h", Cap("200.00")))
    room.clock.advance(milliseconds=DAY_MS)
    done(room.desk.set_limit(UNPROVED, "deposit", "24h", Cap("150.00")))
    assert cap_of(room) == 150 * UNIT


def test_a_lower_limit_drops_the_raise_that_waited() -> None:
    room = with_limit()
    done(room.desk.set_limit(FOUND, "deposit", "24h", Cap("200.00")))
    done(room.desk.set_limit(FOUND, "deposit", "24h", Cap("90.00")))
    room.clock.advance(milliseconds=2 * DAY_MS)
    assert cap_of(room) == 90 * UNIT


def test_another_raise_waits_anew() -> None:
    room = with_limit()
    done(room.desk.set_limit(FOUND, "deposit", "24h", Cap("200.00")))
    room.clock.advance(milliseconds=DAY_MS - 1000)
    done(room.desk.set_limit(FOUND, "deposit", "24h", Cap("300.00")))
    room.clock.advance(milliseconds=DAY_MS - 1)
    assert cap_of(room) == 100 * UNIT
    room.clock.advance(milliseconds=1)
    assert cap_of(room) == 300 * UNIT


def test_a_limit_is_removed_after_the_wait() -> None:
    room = with_limit()
    done(room.desk.remove_limit(FOUND, "deposit", "24h"))
    room.clock.advance(milliseconds=DAY_MS - 1)
    assert cap_of(room) == 100 * UNIT
    room.clock.advance(milliseconds=1)
    assert cap_of(room) is None
    declined(room.desk.remove_limit(FOUND, "deposit", "24h"), Decline.NOT_SET)


def test_a_removal_needs_a_fresh_proof_and_a_limit() -> None:
    declined(with_limit().desk.remove_limit(UNPROVED, "deposit", "24h"), Decline.PROOF_MISSING)
    declined(Room().desk.remove_limit(UNPROVED, "deposit", "24h"), Decline.NOT_SET)


def test_a_raise_is_taken_back_without_a_proof() -> None:
    room = with_limit()
    done(room.desk.set_limit(FOUND, "deposit", "24h", Cap("200.00")))
    done(room.desk.withdraw_raise(UNPROVED, "deposit", "24h"))
    room.clock.advance(milliseconds=2 * DAY_MS)
    assert cap_of(room) == 100 * UNIT
    declined(room.desk.withdraw_raise(FOUND, "deposit", "24h"), Decline.NOTHING_WAITS)


def test_in_great_britain_a_raise_is_confirmed_at_the_end_of_the_wait() -> None:
    room = with_limit(country="GB")
    done(room.desk.set_limit(FOUND, "deposit", "24h", Cap("200.00")))
    room.clock.advance(milliseconds=DAY_MS - 1)
    declined(room.desk.confirm_raise(FOUND, "deposit", "24h"), Decline.TOO_EARLY)
    room.clock.advance(milliseconds=1)
    assert cap_of(room) == 100 * UNIT, "time alone does not raise it there"
    declined(room.desk.confirm_raise(UNPROVED, "deposit", "24h"), Decline.PROOF_MISSING)
    done(room.desk.confirm_raise(FOUND, "deposit", "24h"))
    assert cap_of(room) == 200 * UNIT
    declined(room.desk.confirm_raise(FOUND, "deposit", "24h"), Decline.NOTHING_WAITS)


@pytest.mark.parametrize(
    ("kind", "period", "cap", "field"),
    [
        ("bonus", "24h", Cap("1.00"), "kind"),
        ("deposit", "2d", Cap("1.00"), "period"),
        ("deposit", "24h", Cap("-1.00"), "amount"),
        ("deposit", "24h", Cap("1.001"), "amount"),
        ("deposit", "24h", Cap("50000.01"), "amount"),
        ("session", "each", Cap(minutes=1441), "minutes"),
    ],
)
def test_a_limit_that_is_not_understood_changes_nothing(kind: str, period: str, cap: Cap, field: str) -> None:
    room = Room()
    before = room.wallet
    refused = declined(room.desk.set_limit(FOUND, kind, period, cap), Decline.INVALID_REQUEST)
    assert [fault.field for fault in refused.faults] == [field]
    assert room.wallet == before


@pytest.mark.parametrize("ask", ["remove_limit", "withdraw_raise", "confirm_raise"])
def test_unknown_limits_are_named_on_every_way(ask: str) -> None:
    room = Room()
    before = room.wallet
    refused = declined(getattr(room.desk, ask)(FOUND, "bonus", "24h"), Decline.INVALID_REQUEST)
    assert [fault.field for fault in refused.faults] == ["kind"]
    refused = declined(getattr(room.desk, ask)(FOUND, "stake", "24h"), Decline.INVALID_REQUEST)
    assert [fault.field for fault in refused.faults] == ["period"]
    assert room.wallet == before


def test_the_same_request_under_the_same_key_is_one_movement() -> None:
    room = with_limit()
    first = done(room.desk.set_limit(keyed("k1"), "deposit", "24h", Cap("200.00")))
    room.clock.advance(seconds=3600)
    second = done(room.desk.set_limit(keyed("k1"), "deposit", "24h", Cap("200.0")))
    assert (first.replayed, second.replayed) == (False, True)
    assert second.wallet == first.wallet, "the raise goes on waiting from the first time"


def test_a_removal_is_answered_again_after_it_has_taken_effect() -> None:
    room = with_limit()
    done(room.desk.remove_limit(keyed("k1"), "deposit", "24h"))
    room.clock.advance(milliseconds=DAY_MS)
    assert cap_of(room) is None
    assert done(room.desk.remove_limit(keyed("k1"), "deposit", "24h")).replayed
    declined(room.desk.remove_limit(keyed("k1"), "deposit", "7d"), Decline.KEY_REUSED)
    declined(room.desk.remove_limit(keyed("k2"), "deposit", "24h"), Decline.NOT_SET)


def test_another_request_under_the_same_key_is_refused() -> None:
    room = with_limit()
    done(room.desk.set_limit(keyed("k1"), "deposit", "24h", Cap("90.00")))
    before = room.wallet
    declined(room.desk.set_limit(keyed("k1"), "deposit", "24h", Cap("80.00")), Decline.KEY_REUSED)
    declined(room.desk.set_limit(keyed("k1"), "deposit", "7d", Cap("90.00")), Decline.KEY_REUSED)
    declined(room.desk.set_limit(keyed("k1"), "session", "each", Cap(minutes=5)), Decline.KEY_REUSED)
    declined(room.desk.exclude(keyed("k1"), "time_out", "24h"), Decline.KEY_REUSED)
    declined(room.desk.set_interval(keyed("k1"), 30), Decline.KEY_REUSED)
    assert room.wallet == before


def test_a_movement_is_named_after_player_and_key() -> None:
    room = Room()
    done(room.desk.set_limit(keyed("k" * 128), "deposit", "24h", Cap("90.00")))
    reference = Reference.from_text(room.wallet.head_key)
    assert reference.source == "player:safety"
    assert reference.transaction_id.startswith(f"{PLAYER}:")
    done(room.desk.set_limit(FOUND, "deposit", "24h", Cap("90.00")))
    assert room.wallet.head_key != reference.text


@pytest.mark.parametrize(
    ("kind", "length", "until", "stored"),
    [
        ("time_out", "24h", "2026-01-02T12:00:00Z", ExclusionKind.TIME_OUT),
        ("time_out", "7d", "2026-01-08T12:00:00Z", ExclusionKind.TIME_OUT),
        ("time_out", "1m", "2026-02-01T12:00:00Z", ExclusionKind.TIME_OUT),
        ("self_exclusion", "6m", "2026-07-01T12:00:00Z", ExclusionKind.SELF_EXCLUSION),
        ("self_exclusion", "1y", "2027-01-01T12:00:00Z", ExclusionKind.SELF_EXCLUSION),
        ("self_exclusion", "5y", "2031-01-01T12:00:00Z", ExclusionKind.SELF_EXCLUSION),
    ],
)
def test_a_player_shuts_himself_out_at_once(kind: str, length: str, until: str, stored: ExclusionKind) -> None:
    room = Room()
    result = done(room.desk.exclude(UNPROVED, kind, length))
    assert result.wallet.exclusion == Exclusion(stored, room.clock(), from_iso(until))
    assert len(room.doors.shut) == 1
    detail, session_id, source = room.doors.shut[0]
    assert detail.startswith(stored)
    assert (session_id, source) == ("se_1", "192.0.2.0/24")
    refused = room.bet(1)
    assert isinstance(refused, Refused)
    assert refused.reason is Reason.WALLET_EXCLUDED


@pytest.mark.parametrize(
    ("kind", "length", "field"), [("forever", "24h", "kind"), ("time_out", "6w", "length"), ("self_exclusion", "24h", "length")]
)
def test_an_absence_that_is_not_offered_changes_nothing(kind: str, length: str, field: str) -> None:
    room = Room()
    before = room.wallet
    refused = declined(room.desk.exclude(FOUND, kind, length), Decline.INVALID_REQUEST)
    assert [fault.field for fault in refused.faults] == [field]
    assert room.wallet == before
    assert room.doors.shut == []


def test_an_exclusion_is_made_longer_but_never_shorter() -> None:
    room = Room()
    done(room.desk.exclude(FOUND, "time_out", "7d"))
    declined(room.desk.exclude(FOUND, "time_out", "24h"), Decline.EXCLUSION_RUNS)
    done(room.desk.exclude(FOUND, "self_exclusion", "1y"))
    declined(room.desk.exclude(FOUND, "self_exclusion", "6m"), Decline.EXCLUSION_RUNS)
    declined(room.desk.exclude(FOUND, "time_out", "1m"), Decline.EXCLUSION_RUNS)
    exclusion = room.wallet.exclusion
    assert exclusion is not None
    assert exclusion.until_ms == from_iso("2027-01-01T12:00:00Z")


def test_an_exclusion_under_a_key_ends_when_the_first_request_said() -> None:
    room = Room()
    first = done(room.desk.exclude(keyed("k1"), "self_exclusion", "6m"))
    room.clock.advance(seconds=3600)
    second = done(room.desk.exclude(keyed("k1"), "self_exclusion", "6m"))
    assert (first.replayed, second.replayed) == (False, True)
    assert second.wallet == first.wallet
    assert len(room.doors.shut) == 1
    declined(room.desk.exclude(keyed("k1"), "self_exclusion", "1y"), Decline.KEY_REUSED)
    declined(room.desk.exclude(keyed("k1"), "time_out", "7d"), Decline.KEY_REUSED)


def test_a_time_out_ends_by_itself() -> None:
    room = Room()
    done(room.desk.exclude(FOUND, "time_out", "24h"))
    room.clock.advance(milliseconds=DAY_MS - 1)
    assert isinstance(room.bet(1), Refused)
    room.clock.advance(milliseconds=1)
    assert isinstance(room.bet(1), Posted)


def test_after_an_exclusion_play_opens_a_day_after_the_player_asks() -> None:
    room = Room()
    done(room.desk.exclude(FOUND, "self_exclusion", "6m"))
    declined(room.desk.ask_reopening(FOUND), Decline.TOO_EARLY)
    room.clock.now_ms = from_iso("2026-07-01T12:00:00Z")
    assert isinstance(room.bet(1), Refused), "doing nothing opens nothing"
    declined(room.desk.ask_reopening(UNPROVED), Decline.PROOF_MISSING)
    result = done(room.desk.ask_reopening(FOUND))
    assert result.wallet.exclusion is not None
    assert result.wallet.exclusion.reopens_at_ms == room.clock() + DAY_MS
    assert room.doors.opened[-1] == ("asked by the player", "se_1", "192.0.2.0/24")
    room.clock.advance(milliseconds=DAY_MS - 1)
    assert isinstance(room.bet(1), Refused)
    done(room.desk.ask_reopening(FOUND))
    room.clock.advance(milliseconds=1)
    assert isinstance(room.bet(1), Posted), "to ask twice does not make the wait longer"


def test_in_malta_the_wait_is_a_week_and_an_exclusion_may_be_without_an_end() -> None:
    room = Room("MT")
    done(room.desk.exclude(FOUND, "self_exclusion", "indefinite"))
    room.clock.now_ms = from_iso("2026-07-01T12:00:00Z")
    done(room.desk.ask_reopening(FOUND))
    room.clock.advance(milliseconds=7 * DAY_MS - 1)
    assert isinstance(room.bet(1), Refused)
    room.clock.advance(milliseconds=1)
    assert isinstance(room.bet(1), Posted)


def test_there_is_nothing_to_reopen_without_an_exclusion_or_in_a_time_out() -> None:
    room = Room()
    declined(room.desk.ask_reopening(FOUND), Decline.NOTHING_WAITS)
    done(room.desk.exclude(FOUND, "time_out", "24h"))
    declined(room.desk.ask_reopening(FOUND), Decline.NOTHING_WAITS)


def test_a_reality_check_stops_play_until_it_is_acknowledged() -> None:
    room = Room()
    room.launch()
    for _ in range(3):
        assert isinstance(room.bet(1), Posted)
        room.clock.advance(milliseconds=20 * MINUTE_MS)
    refused = room.bet(1)
    assert isinstance(refused, Refused)
    assert refused.reason is Reason.REALITY_CHECK_DUE
    done(room.desk.acknowledge(UNPROVED))
    assert isinstance(room.bet(1), Posted)
    declined(room.desk.acknowledge(FOUND), Decline.TOO_EARLY)


def test_the_player_chooses_how_often_he_is_asked() -> None:
    room = Room()
    done(room.desk.set_interval(UNPROVED, 10))
    assert room.wallet.play.interval_ms == 10 * MINUTE_MS
    room.launch(HOUR_MS)
    assert room.wallet.play.interval_ms == 10 * MINUTE_MS, "the player's shorter one stays"
    refused = declined(room.desk.set_interval(FOUND, 90), Decline.INVALID_REQUEST)
    assert refused.faults == (Fault("minutes", "must be one of: 10, 15, 20, 30, 45, 60"),)


def test_somebody_without_a_wallet() -> None:
    room = Room()
    stranger = Caller("pl_stranger", "se_2", proved=True)
    desk = room.desk
    assert desk.look("pl_stranger") is None
    for result in (
        desk.set_limit(stranger, "deposit", "24h", Cap("1.00")),
        desk.remove_limit(stranger, "deposit", "24h"),
        desk.withdraw_raise(stranger, "deposit", "24h"),
        desk.confirm_raise(stranger, "deposit", "24h"),
        desk.exclude(stranger, "time_out", "24h"),
        desk.ask_reopening(stranger),
        desk.acknowledge(stranger),
        desk.set_interval(stranger, 30),
    ):
        declined(result, Decline.NO_WALLET)


def test_a_look_changes_nothing() -> None:
    room = Room()
    found = room.desk.look(PLAYER)
    assert found is not None
    assert (found.wallet, found.now_ms, found.replayed) == (room.wallet, room.clock(), False)


def test_what_the_ledger_keeps_of_a_change() -> None:
    room = with_limit()
    record = room.casino.book.find(Reference.from_text(room.wallet.head_key))
    assert isinstance(record, Record)
    assert (record.kind, record.player_id, record.amount) == (Kind.LIMIT, PLAYER, 100 * UNIT)


def test_sessions_that_kept_changing_leave_the_player_where_he_was() -> None:
    room = Room()
    room.doors.post = lambda *_args: Refused(Reason.COMPANION_CONFLICT)  # type: ignore[method-assign] # others were always faster
    declined(room.desk.exclude(FOUND, "time_out", "24h"), Decline.CONFLICT)


def test_two_players_may_use_the_same_key() -> None:
    room = Room()
    other = "pl_" + "b" * 29
    room.casino.book.post(OpenWallet.of(other, "EUR", "EE"))
    done(room.desk.set_limit(keyed("k1"), "deposit", "24h", Cap("50.00")))
    result = done(room.desk.set_limit(replace(keyed("k1"), player_id=other), "deposit", "24h", Cap("40.00")))
    assert (result.replayed, result.wallet.player_id) == (False, other)
