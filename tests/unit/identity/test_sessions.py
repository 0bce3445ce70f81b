"""Sessions from login to their end: what lives, what is answered, what is told."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from countroom.identity import access as rules
from countroom.identity import sessions as service
from countroom.identity.access import AccountClosed, AccountFrozen, Ended, LastLogin, Lifetimes, SessionEnded
from countroom.identity.access_store import BesideRefused
from countroom.identity.refusals import ChangedMeanwhile, NoSuchAccount, Unavailable
from countroom.identity.sessions import Opened, RefreshRefused, RefreshReused, Sessions
from countroom.identity.tokens import Claims
from tests.unit.identity.guests import ANNA, BEN, LIVES, House

EVENT = {
    "Put": {"TableName": "players", "Item": {"pk": {"S": "x"}, "sk": {"S": "y"}}, "ConditionExpression": "attribute_not_exists(pk)"}
}


@pytest.fixture
def house() -> House:
    return House()


def refused(house: House, opened: Opened) -> bool:
    """Whether both tokens of a pair are refused."""
    with pytest.raises(RefreshRefused):
        house.sessions.refresh(opened.refresh_token)
    with pytest.raises((SessionEnded, AccountFrozen)):
        house.sessions.check(house.claims(opened))
    return True


def test_a_login_opens_a_session(house: House) -> None:
    opened = house.open()
    live = house.sessions.check(house.claims(opened))
    assert (live.player_id, live.session_id, live.stepped_up, live.factor) == (ANNA, opened.session_id, True, False)
    assert (opened.expires_in, opened.refresh_expires_in, opened.last_login) == (600, 1800, None)
    assert house.claims(opened).session_id == opened.session_id
    assert opened.refresh_token not in str(house.table.tables)
    assert opened.refresh_token.rpartition(".")[2] not in repr(opened)


def test_the_next_login_tells_of_the_last(house: House) -> None:
    at_ms = house.clock()
    house.open(device="d" * 100)
    house.clock.advance(seconds=60)
    assert house.open().last_login == LastLogin(at_ms, "EE", "d" * 64)


def test_a_login_by_password_where_a_code_is_asked_for_is_no_fresh_proof(house: House) -> None:
    opened = house.open(stepped_up=False)
    assert not house.sessions.check(house.claims(opened)).stepped_up
    house.sessions.step_up(ANNA, opened.session_id)
    assert house.sessions.check(house.claims(opened)).stepped_up
    house.clock.advance(seconds=300)
    assert not house.sessions.check(house.claims(opened)).stepped_up


def test_a_check_is_one_strong_read(house: House) -> None:
    claims = house.claims(house.open())
    house.table.calls.clear()
    house.sessions.check(claims)
    assert house.table.calls == ["get_item"]


def test_a_refused_check_is_one_read_as_well_and_says_nothing_of_why(house: House) -> None:
    claims = house.claims(house.open())
    house.table.calls.clear()
    for other in (replace(claims, session_id="s" * 22), replace(claims, player_id="pl_nobody"), replace(claims, player_id=BEN)):
        with pytest.raises(SessionEnded) as caught:
            house.sessions.check(other)
        assert caught.value.args == ()
    assert house.table.calls == ["get_item"] * 3


def test_an_answer_cut_short_is_neither_a_live_session_nor_an_ended_one(house: House) -> None:
    opened = house.open()
    claims = house.claims(opened)
    calls: list[Callable[[], Any]] = [
        lambda: house.sessions.check(claims),
        lambda: house.sessions.refresh(opened.refresh_token),
        lambda: house.sessions.list(ANNA),
        lambda: house.sessions.end(ANNA, opened.session_id, Ended.LOGGED_OUT),
        lambda: house.sessions.open(ANNA, "", "", stepped_up=True),
    ]
    for call in calls:
        house.table.cut_short = 1
        with pytest.raises(Unavailable):
            call()
    house.sessions.check(claims)


def test_a_refresh_gives_a_new_pair_of_the_same_session(house: House) -> None:
    opened = house.open()
    house.clock.advance(seconds=500)
    refreshed = house.sessions.refresh(opened.refresh_token)
    assert refreshed.session_id == opened.session_id
    assert refreshed.refresh_token != opened.refresh_token
    assert (refreshed.expires_in, refreshed.refresh_expires_in, refreshed.last_login) == (600, 1800, None)
    house.clock.advance(seconds=200)
    assert house.sessions.check(house.claims(refreshed)).session_id == opened.session_id
    assert house.key.signatures == 2


def test_the_same_token_within_the_grace_gets_the_same_pair_once(house: House) -> None:
    opened = house.open()
    first = house.sessions.refresh(opened.refresh_token)
    house.clock.advance(seconds=9, milliseconds=999)
    again = house.sessions.refresh(opened.refresh_token)
    assert (again.refresh_token, again.access_token) == (first.refresh_token, first.access_token)
    assert (again.expires_in, house.key.signatures) == (591, 2)
    with pytest.raises(RefreshReused) as caught:
        house.sessions.refresh(opened.refresh_token)
    assert (caught.value.player_id, caught.value.session_id) == (ANNA, opened.session_id)
    assert refused(house, first)
    assert house.kinds() == ["refresh_reused"]


def test_the_same_token_after_the_grace_ends_the_session(house: House) -> None:
    opened, other = house.open(), house.open()
    first = house.sessions.refresh(opened.refresh_token)
    house.clock.advance(seconds=10)
    with pytest.raises(RefreshReused):
        house.sessions.refresh(opened.refresh_token)
    assert refused(house, first)
    house.sessions.check(house.claims(other))


def test_a_token_of_long_ago_ends_the_session(house: House) -> None:
    opened = house.open()
    second = house.sessions.refresh(opened.refresh_token)
    third = house.sessions.refresh(second.refresh_token)
    with pytest.raises(RefreshReused):
        house.sessions.refresh(opened.refresh_token)
    assert refused(house, third)


def test_a_made_up_secret_for_a_live_session_ends_it(house: House) -> None:
    opened = house.open()
    with pytest.raises(RefreshReused):
        house.sessions.refresh(opened.refresh_token.rpartition(".")[0] + "." + "A" * 43)
    assert refused(house, opened)


def test_the_grace_token_s_successor_goes_on(house: House) -> None:
    opened = house.open()
    first = house.sessions.refresh(opened.refresh_token)
    house.sessions.refresh(opened.refresh_token)
    house.sessions.refresh(first.refresh_token)
    assert house.kinds() == []


@pytest.mark.parametrize("text", ["", "x", "rt.pl_anna.x.y", "rt.pl_nobody." + "s" * 22 + "." + "x" * 43])
def test_what_is_no_refresh_token_costs_no_signature(house: House, text: str) -> None:
    with pytest.raises(RefreshRefused) as caught:
        house.sessions.refresh(text)
    assert type(caught.value) is RefreshRefused
    assert house.key.signatures == 0


def test_another_player_s_session_is_not_found_under_one_s_own_name(house: House) -> None:
    opened = house.open()
    with pytest.raises(RefreshRefused) as caught:
        house.sessions.refresh(opened.refresh_token.replace(ANNA, BEN))
    assert type(caught.value) is RefreshRefused
    house.sessions.check(house.claims(opened))


def end_one(house: House, opened: Opened) -> object:
    return house.sessions.end(ANNA, opened.session_id, Ended.LOGGED_OUT)


def end_all(house: House, _opened: Opened) -> object:
    return house.sessions.end_all(ANNA, Ended.PASSWORD_CHANGED, beside=[EVENT])


def enrol(house: House, _opened: Opened) -> object:
    return house.sessions.set_factor(ANNA, enrolled=True)


def close(house: House, _opened: Opened) -> object:
    return house.table.transact_write_items(TransactItems=[house.sessions.closing(ANNA)])


def freeze(house: House, _opened: Opened) -> object:
    return house.store.replace(house.access(), rules.frozen(house.access()))


def exclude(house: House, _opened: Opened) -> object:
    return house.store.replace(house.access(), rules.barred(house.access()))


@pytest.mark.parametrize("ending", [end_one, end_all, enrol, close, freeze, exclude])
def test_an_ended_session_is_refused_at_once_and_for_ever(house: House, ending: Callable[[House, Opened], object]) -> None:
    opened = house.open()
    refreshed = house.sessions.refresh(opened.refresh_token)
    ending(house, opened)
    # The same request again, with either token: nothing is told but that it is over, and nothing is reported as a theft.
    assert refused(house, refreshed)
    with pytest.raises(RefreshRefused) as caught:
        house.sessions.refresh(opened.refresh_token)
    assert type(caught.value) is RefreshRefused


def test_a_session_ends_by_itself(house: House) -> None:
    opened = house.open()
    house.clock.advance(milliseconds=LIVES.idle_ms)
    with pytest.raises(RefreshRefused) as caught:
        house.sessions.refresh(opened.refresh_token)
    assert type(caught.value) is RefreshRefused
    assert house.sessions.list(ANNA) == ()


def test_refreshing_keeps_a_session_alive_until_its_absolute_end(house: House) -> None:
    opened = house.open()
    for _ in range(47):
        house.clock.advance(seconds=900)
        opened = house.sessions.refresh(opened.refresh_token)
    assert (opened.expires_in, opened.refresh_expires_in) == (600, 900)
    house.clock.advance(seconds=400)
    opened = house.sessions.refresh(opened.refresh_token)
    assert (opened.expires_in, opened.refresh_expires_in) == (500, 500)
    assert house.claims(opened).expires_at == house.clock() // 1000 + 500
    house.clock.advance(seconds=500)
    with pytest.raises(RefreshRefused):
        house.sessions.refresh(opened.refresh_token)


@pytest.mark.parametrize(("change", "refusal"), [(rules.frozen, AccountFrozen), (rules.closed, AccountClosed)])
def test_nobody_comes_in_while_the_account_is_not_active(house: House, change: Any, refusal: type[Exception]) -> None:
    house.store.replace(house.access(), change(house.access()))
    with pytest.raises(refusal):
        house.open()
    assert house.key.signatures == 0


def test_a_login_that_a_change_of_password_overtakes_is_void(house: House) -> None:
    epoch = house.access().epoch
    house.sessions.end_all(ANNA, Ended.PASSWORD_CHANGED)
    with pytest.raises(ChangedMeanwhile):
        house.sessions.open(ANNA, "", "", stepped_up=True, epoch=epoch)
    house.sessions.open(ANNA, "", "", stepped_up=True, epoch=epoch + 1)


def test_a_ninth_login_ends_the_session_unused_longest_and_says_so(house: House) -> None:
    opened = []
    for _ in range(8):
        opened.append(house.open())
        house.clock.advance(seconds=1)
    house.sessions.refresh(opened[0].refresh_token)
    house.open()
    assert refused(house, opened[1])
    assert (len(house.sessions.list(ANNA)), house.kinds()) == (8, ["session_ended"])


def test_sessions_are_listed_as_their_owner_knows_them(house: House) -> None:
    first = house.open(device="Safari on iPhone")
    house.clock.advance(seconds=60)
    second = house.open()
    house.clock.advance(seconds=60)
    house.sessions.refresh(first.refresh_token)
    newest, older = house.sessions.list(ANNA)
    start = house.clock() - 120_000
    assert (newest.session_id, newest.device, newest.place) == (second.session_id, "Firefox on Linux", "EE")
    assert (older.session_id, older.created_at_ms, older.last_seen_at_ms) == (first.session_id, start, start + 120_000)
    assert older.expires_at_ms == start + 120_000 + LIVES.idle_ms
    assert house.sessions.list(BEN) == ()


def test_ending_one_leaves_the_others_and_is_told(house: House) -> None:
    first, second, third = house.open(), house.open(), house.open()
    assert house.sessions.end(ANNA, first.session_id, Ended.LOGGED_OUT)
    house.clock.advance(seconds=1)
    assert house.sessions.end(ANNA, second.session_id, Ended.ENDED_BY_PLAYER)
    assert not house.sessions.end(ANNA, second.session_id, Ended.ENDED_BY_PLAYER)
    assert not house.sessions.end(BEN, third.session_id, Ended.ENDED_BY_PLAYER)
    house.sessions.check(house.claims(third))
    assert house.kinds() == ["logged_out", "session_ended"]


def test_ending_all_can_spare_the_one_that_asks(house: House) -> None:
    first, second = house.open(), house.open()
    assert house.sessions.end_all(ANNA, Ended.ALL_ENDED, keep=first.session_id) == 1
    house.sessions.check(house.claims(first))
    assert refused(house, second)
    assert house.sessions.end_all(ANNA, Ended.ALL_ENDED) == 1
    assert house.sessions.end_all(ANNA, Ended.ALL_ENDED) == 0
    assert house.kinds() == ["all_sessions_ended"] * 3


def test_what_goes_along_is_written_with_it_or_nothing_is(house: House) -> None:
    first = house.open()
    house.sessions.end_all(ANNA, Ended.PASSWORD_CHANGED, keep=first.session_id, beside=[EVENT])
    calls: list[Callable[[], object]] = [
        lambda: house.sessions.end_all(ANNA, Ended.PASSWORD_CHANGED, beside=[EVENT]),
        lambda: house.sessions.set_factor(ANNA, enrolled=True, beside=[EVENT]),
        lambda: house.sessions.step_up(ANNA, first.session_id, beside=[EVENT]),
        lambda: house.sessions.open(ANNA, "", "", stepped_up=True, beside=[EVENT]),
    ]
    before = house.access()
    for call in calls:
        with pytest.raises(BesideRefused) as caught:
            call()
        assert caught.value.index == 0
    assert house.access() == before


def test_a_second_factor_is_noted_and_ends_the_other_sessions(house: House) -> None:
    first, second = house.open(), house.open()
    assert house.sessions.set_factor(ANNA, enrolled=True, keep=first.session_id) == 1
    assert house.sessions.check(house.claims(first)).factor
    assert refused(house, second)
    house.sessions.set_factor(ANNA, enrolled=False, keep=first.session_id)
    assert not house.sessions.check(house.claims(first)).factor


def test_a_session_that_ended_is_not_stepped_up(house: House) -> None:
    opened = house.open()
    house.sessions.end_all(ANNA, Ended.ALL_ENDED)
    with pytest.raises(SessionEnded):
        house.sessions.step_up(ANNA, opened.session_id)


def test_nothing_is_done_for_a_player_who_is_not_there(house: House) -> None:
    calls: list[Callable[[], object]] = [
        lambda: house.sessions.list("pl_nobody"),
        lambda: house.sessions.end("pl_nobody", "s", Ended.LOGGED_OUT),
        lambda: house.sessions.end_all("pl_nobody", Ended.ALL_ENDED),
        lambda: house.sessions.set_factor("pl_nobody", enrolled=True),
        lambda: house.sessions.closing("pl_nobody"),
        lambda: house.open("pl_nobody"),
    ]
    for call in calls:
        with pytest.raises(NoSuchAccount):
            call()


@pytest.mark.parametrize("fates", [["landed"], ["unsent"], ["busy"], ["landed", "fine", "landed"]])
def test_a_lost_answer_is_looked_up_before_anything_is_said(house: House, fates: list[str]) -> None:
    opened = house.open()
    house.table.writes_lost = list(fates)
    first = house.sessions.refresh(opened.refresh_token)
    again = house.sessions.refresh(opened.refresh_token)
    assert again.refresh_token == first.refresh_token
    house.sessions.refresh(first.refresh_token)
    house.sessions.check(house.claims(first))


def test_a_refresh_whose_outcome_is_not_known_can_be_repeated(house: House) -> None:
    opened = house.open()
    before = house.access()

    def cut(name: str) -> None:
        if name == "put_item":
            house.table.cut_short = 1

    house.table.writes_lost, house.table.after = ["landed"], cut
    with pytest.raises(Unavailable):
        house.sessions.refresh(opened.refresh_token)
    assert house.access().version == before.version + 1
    house.sessions.refresh(opened.refresh_token)
    assert house.kinds() == []


def test_two_refreshes_at_once_get_one_pair(house: House) -> None:
    opened = house.open()
    twins: list[Opened] = []

    def twin(name: str) -> None:
        if name == "put_item" and not twins:
            house.table.before = lambda _name: None
            twins.append(house.sessions.refresh(opened.refresh_token))

    house.table.before = twin
    twins.append(house.sessions.refresh(opened.refresh_token))
    assert twins[0].refresh_token == twins[1].refresh_token
    assert twins[0].access_token == twins[1].access_token
    assert len(house.slept) == 1


def test_a_refresh_that_a_log_out_overtakes_is_refused(house: House) -> None:
    opened = house.open()

    def log_out(name: str) -> None:
        if name == "put_item":
            house.table.before = lambda _name: None
            house.sessions.end(ANNA, opened.session_id, Ended.LOGGED_OUT)

    house.table.before = log_out
    with pytest.raises(RefreshRefused):
        house.sessions.refresh(opened.refresh_token)
    assert house.access().sessions == ()


def test_an_account_that_never_stands_still_is_given_up_on(house: House) -> None:
    opened = house.open()

    def meddle(name: str) -> None:
        if name == "put_item":
            house.table.before = lambda _name: None
            house.store.replace(house.access(), house.access())
            house.table.before = meddle

    house.table.before = meddle
    for call in (
        lambda: house.sessions.refresh(opened.refresh_token),
        lambda: house.sessions.step_up(ANNA, opened.session_id),
        house.open,
    ):
        with pytest.raises(Unavailable):
            call()
    assert len(house.slept) == 3 * service.ATTEMPTS_MAX
    assert max(house.slept) <= 0.2
    assert house.key.signatures == 3  # KMS is asked once for each call, however often it is decided again


def test_a_sealed_pair_that_does_not_open_is_no_verdict(house: House) -> None:
    opened = house.open()
    house.sessions.refresh(opened.refresh_token)
    access = house.access()
    (session,) = access.sessions
    house.store.replace(access, replace(access, sessions=(replace(session, sealed_pair=b"x" * 40),)))
    with pytest.raises(Unavailable):
        house.sessions.refresh(opened.refresh_token)


def test_a_signature_that_fails_leaves_nothing_behind(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = house.open()
    before = house.access()

    def fail(_message: bytes) -> bytes:
        raise OSError("KMS is away")

    monkeypatch.setattr(house.key, "sign", fail)
    calls: list[Callable[[], object]] = [house.open, lambda: house.sessions.refresh(opened.refresh_token)]
    for call in calls:
        with pytest.raises(OSError, match="KMS"):
            call()
    assert house.access() == before


def test_a_function_that_opens_no_session_needs_no_issuer(house: House) -> None:
    opened = house.open()
    reader = Sessions(house.store, None, house.clock, LIVES)
    reader.check(house.claims(opened))
    assert reader.end(ANNA, opened.session_id, Ended.LOGGED_OUT)
    with pytest.raises(RuntimeError, match="issuer"):
        reader.open(ANNA, "", "", stepped_up=True)
    assert house.kinds() == []


def test_a_stage_may_choose_its_lifetimes(house: House) -> None:
    short = Sessions(house.store, house.issuer, house.clock, Lifetimes(absolute_ms=5_000, idle_ms=3_000))
    opened = short.open(ANNA, "", "", stepped_up=True)
    assert (opened.expires_in, opened.refresh_expires_in) == (5, 3)
    house.clock.advance(seconds=3)
    with pytest.raises(SessionEnded):
        short.check(Claims(ANNA, opened.session_id, "x", 0))
