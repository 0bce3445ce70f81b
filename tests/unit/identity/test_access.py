"""Who is in, decided on one item: every rule by itself."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from countroom.identity import access as rules
from countroom.identity.access import (
    DEVICE_MAX,
    SESSIONS_MAX,
    Access,
    AccountClosed,
    AccountFrozen,
    LastLogin,
    Lifetimes,
    Presented,
    Session,
    SessionEnded,
    Standing,
)
from countroom.ledger.movements import Status

NOW = 1_000_000_000
LIVES = Lifetimes(absolute_ms=1_000_000, idle_ms=100_000)
OLD, NEW, OTHER = b"o" * 32, b"n" * 32, b"x" * 32


def a_session(session_id: str = "s1", **fields: object) -> Session:
    made = Session(session_id, NEW, NOW, NOW, "Firefox on Linux", "EE")
    return replace(made, **fields)  # type: ignore[arg-type]  # fields of a test


def an_access(*sessions: Session, **fields: object) -> Access:
    made = Access("pl_anna", sessions=sessions)
    return replace(made, **fields)  # type: ignore[arg-type]  # fields of a test


ROTATED = a_session(previous_hash=OLD, rotated_at_ms=NOW, sealed_pair=b"pair")


@pytest.mark.parametrize("field", ["absolute_ms", "idle_ms", "step_up_ms", "grace_ms"])
@pytest.mark.parametrize("value", [0, -1])
def test_a_lifetime_is_longer_than_nothing(field: str, value: int) -> None:
    with pytest.raises(ValueError, match="lifetime"):
        replace(LIVES, **{field: value})


def test_the_lifetimes_that_a_stage_does_not_choose() -> None:
    assert (LIVES.step_up_ms, LIVES.grace_ms) == (300_000, 10_000)


@pytest.mark.parametrize(
    ("session", "ends"),
    [
        (a_session(), NOW + 100_000),
        (a_session(seen_at_ms=NOW + 50_000), NOW + 150_000),
        (a_session(seen_at_ms=NOW + 999_999), NOW + 1_000_000),
    ],
)
def test_a_session_ends_idle_or_for_good_to_the_millisecond(session: Session, ends: int) -> None:
    access = an_access(session)
    assert rules.live_session(access, "s1", LIVES, ends - 1) is session
    with pytest.raises(SessionEnded):
        rules.live_session(access, "s1", LIVES, ends)


def test_a_session_that_is_not_listed_has_ended() -> None:
    for access in (an_access(), an_access(a_session("s2"))):
        with pytest.raises(SessionEnded):
            rules.live_session(access, "s1", LIVES, NOW)


@pytest.mark.parametrize(("standing", "refusal"), [(Standing.FROZEN, AccountFrozen), (Standing.CLOSED, SessionEnded)])
def test_nothing_lives_in_an_account_that_is_not_active(standing: Standing, refusal: type[Exception]) -> None:
    access = an_access(a_session(), standing=standing)
    with pytest.raises(refusal):
        rules.live_session(access, "s1", LIVES, NOW)
    assert rules.live_sessions(access, LIVES, NOW) == ()
    assert rules.present(access, "s1", NEW, LIVES, NOW) is Presented.UNKNOWN


@pytest.mark.parametrize(
    ("session", "digest", "now_ms", "presented"),
    [
        (a_session(), NEW, NOW, Presented.NEWEST),
        (a_session(), OLD, NOW, Presented.REUSED),
        (ROTATED, NEW, NOW, Presented.NEWEST),
        (ROTATED, OLD, NOW, Presented.GRACE),
        (ROTATED, OLD, NOW + 9_999, Presented.GRACE),
        (ROTATED, OLD, NOW + 10_000, Presented.REUSED),
        (replace(ROTATED, sealed_pair=None), OLD, NOW, Presented.REUSED),
        (ROTATED, OTHER, NOW, Presented.REUSED),
        (ROTATED, b"", NOW, Presented.REUSED),
        (ROTATED, NEW, NOW + 100_000, Presented.UNKNOWN),
        (ROTATED, OTHER, NOW + 100_000, Presented.UNKNOWN),
    ],
)
def test_what_a_refresh_token_is_to_its_session(session: Session, digest: bytes, now_ms: int, presented: Presented) -> None:
    assert rules.present(an_access(session), "s1", digest, LIVES, now_ms) is presented
    assert rules.present(an_access(session), "s2", digest, LIVES, now_ms) is Presented.UNKNOWN


def test_a_login_is_remembered_and_goes_first() -> None:
    after, left = rules.with_session(an_access(a_session("s0")), a_session("s1", device="App", place="SE"), LIVES)
    assert [session.session_id for session in after.sessions] == ["s1", "s0"]
    assert (after.last_login, left) == (LastLogin(NOW, "SE", "App"), ())


def test_of_nine_sessions_the_one_unused_longest_makes_room() -> None:
    assert SESSIONS_MAX == 8
    sessions = [a_session(f"s{number}", seen_at_ms=NOW - (number * 7 % 8)) for number in range(8)]
    after, left = rules.with_session(an_access(*sessions), a_session("new"), LIVES)
    assert left == ("s1",)
    assert {session.session_id for session in after.sessions} == {"new", *(f"s{number}" for number in range(8) if number != 1)}


def test_a_session_that_has_run_out_makes_room_without_a_word() -> None:
    sessions = [a_session(f"s{number}", seen_at_ms=NOW - 100_000 * (number == 3)) for number in range(8)]
    after, left = rules.with_session(an_access(*sessions), a_session("new"), LIVES)
    assert (len(after.sessions), left) == (8, ())
    assert "s3" not in {session.session_id for session in after.sessions}


@pytest.mark.parametrize(("standing", "refusal"), [(Standing.FROZEN, AccountFrozen), (Standing.CLOSED, AccountClosed)])
def test_nobody_comes_into_an_account_that_is_not_active(standing: Standing, refusal: type[Exception]) -> None:
    with pytest.raises(refusal):
        rules.with_session(an_access(standing=standing), a_session(), LIVES)


def test_a_rotation_keeps_the_token_before_and_what_it_was_given_for() -> None:
    access = an_access(a_session(refresh_hash=OLD, stepped_up_at_ms=7), a_session("s2"))
    after = rules.rotated(access, "s1", NEW, b"pair", LIVES, NOW + 5)
    assert after.sessions[0] == a_session(
        previous_hash=OLD, rotated_at_ms=NOW + 5, sealed_pair=b"pair", seen_at_ms=NOW + 5, stepped_up_at_ms=7
    )
    assert after.sessions[1] == a_session("s2")
    assert rules.without_pair(after, "s1", LIVES, NOW + 6).sessions[0] == replace(after.sessions[0], sealed_pair=None)


def test_a_clock_that_is_behind_shortens_no_session() -> None:
    after = rules.rotated(an_access(a_session(seen_at_ms=NOW + 50)), "s1", OTHER, b"pair", LIVES, NOW)
    assert after.sessions[0].seen_at_ms == NOW + 50


def test_every_change_drops_sealed_pairs_past_their_grace_and_sessions_past_their_end() -> None:
    access = an_access(ROTATED, replace(ROTATED, session_id="s2", rotated_at_ms=NOW + 1), a_session("s3", seen_at_ms=NOW - 90_000))
    after = rules.stepped_up(access, "s2", LIVES, NOW + 10_000)
    assert [(session.session_id, session.sealed_pair) for session in after.sessions] == [("s1", None), ("s2", b"pair")]


@pytest.mark.parametrize(("after_ms", "fresh"), [(0, True), (299_999, True), (300_000, False)])
def test_a_proof_counts_for_five_minutes(after_ms: int, fresh: bool) -> None:
    access = rules.stepped_up(an_access(a_session(), a_session("s2")), "s1", LIVES, NOW)
    first, second = access.sessions
    assert first.is_stepped_up(LIVES, NOW + after_ms) is fresh
    assert not second.is_stepped_up(LIVES, NOW + after_ms)


def test_ending_leaves_the_others() -> None:
    access = an_access(a_session("s1"), a_session("s2"), a_session("s3"))
    assert [session.session_id for session in rules.without_session(access, "s2").sessions] == ["s1", "s3"]
    assert rules.without_session(access, "s9") == access
    assert [session.session_id for session in rules.without_sessions(access, keep="s2").sessions] == ["s2"]
    assert rules.without_sessions(access).sessions == ()


def test_ending_all_voids_whatever_login_is_under_way() -> None:
    assert rules.without_sessions(an_access()).epoch == 1
    assert rules.without_session(an_access(a_session()), "s1").epoch == 0
    for change in (rules.frozen, rules.barred, rules.closed):
        assert change(an_access(epoch=4)).epoch == 5


def test_the_standing_and_what_the_wallet_s_must_be() -> None:
    access = an_access(a_session())
    frozen, excluded = rules.frozen(access), rules.barred(access)
    assert (frozen.standing, frozen.sessions, frozen.wallet_status) == (Standing.FROZEN, (), Status.BLOCKED)
    assert (excluded.standing, excluded.sessions, excluded.wallet_status) == (Standing.ACTIVE, (), Status.EXCLUDED)
    assert rules.barred(frozen).wallet_status is Status.BLOCKED
    assert rules.unfrozen(rules.frozen(excluded)).wallet_status is Status.EXCLUDED
    assert rules.unfrozen(frozen).wallet_status is Status.ACTIVE
    assert rules.unfrozen(access).sessions == access.sessions
    assert rules.closed(access).wallet_status is Status.CLOSED


def test_no_session_comes_back_when_a_freeze_is_lifted() -> None:
    # Not even one that some fault had left in the list of a frozen account.
    assert rules.unfrozen(an_access(a_session(), standing=Standing.FROZEN)).sessions == ()


@pytest.mark.parametrize("change", [rules.frozen, rules.unfrozen, rules.barred, rules.closed])
def test_closed_is_for_good(change: Callable[[Access], Access]) -> None:
    with pytest.raises(AccountClosed):
        change(an_access(standing=Standing.CLOSED))


def test_what_staff_have_frozen_its_owner_cannot_close() -> None:
    with pytest.raises(AccountFrozen):
        rules.closed(an_access(standing=Standing.FROZEN))


def test_who_wrote_a_version_is_known_for_a_while() -> None:
    access = an_access(version=9, writers=(b"7", b"8", b"9"))
    assert [access.writer_of(version) for version in (6, 7, 8, 9, 10)] == [None, b"7", b"8", b"9", None]


def test_a_device_s_label_is_short() -> None:
    assert DEVICE_MAX == 64
