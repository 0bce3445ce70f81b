"""Asking the vendor: signed as it publishes, one applicant for each player, and no answer that is not one."""

import hashlib
import hmac
import json
from collections.abc import Callable
from typing import Any

import pytest

from countroom.verification.levels import Level, State
from countroom.verification.standing import Word
from countroom.verification.starting import CheckEnded, Starter
from countroom.verification.sumsub_api import Ask, Key, Registered, Sumsub, Told, VendorUnavailable, Why, keys_of, signed
from tests.unit.clock import START_MS, FixedClock
from tests.unit.verification.house import APPLICANT, PLAYER, House, event_of

KEYS = {"api_keys": [{"token": "sbx:first", "secret_key": "k1"}, {"token": "sbx:second", "secret_key": "k2"}]}
MADE = Told(201, {"id": APPLICANT, "externalUserId": PLAYER})
LINK = Told(200, {"url": "https://in.sumsub.com/websdk/p/sbx_abc"})
BORN = "1990-05-17"
ANNA = Registered(BORN, "Anna", "Tamm")
CONFLICT = Told(409, {"code": 409, "description": "Applicant with this external user id already exists"})


class Secret:
    """The port of the secret."""

    def __init__(self, value: Any = None) -> None:
        self.value = KEYS if value is None else value

    def json(self) -> Any:
        return self.value


class Line:
    """The way out: gives the answers in their order, and keeps what was asked."""

    def __init__(self, *answers: Told | None) -> None:
        self.answers = list(answers)
        self.asked: list[Ask] = []

    def __call__(self, ask: Ask) -> Told | None:
        self.asked.append(ask)
        return self.answers.pop(0)


def vendor(line: Line, secret: Any = None) -> Sumsub:
    return Sumsub(Secret(secret), line, FixedClock())


def applicant(line: Line, secret: Any = None) -> str:
    return vendor(line, secret).applicant(PLAYER, Level.IDENTITY, ANNA)


def link(line: Line) -> str:
    return vendor(line).link(PLAYER, Level.ADDRESS)


@pytest.mark.parametrize(
    ("registered", "fixed"),
    [(ANNA, {"firstName": "Anna", "lastName": "Tamm", "dob": BORN}), (Registered(BORN), {"dob": BORN})],
)
def test_an_applicant_is_made_by_the_player_s_id_and_as_whom_he_registered(registered: Registered, fixed: dict[str, str]) -> None:
    line = Line(MADE)
    assert vendor(line).applicant(PLAYER, Level.IDENTITY, registered) == APPLICANT
    assert "Anna" not in repr(registered)
    (asked,) = line.asked
    assert (asked.method, asked.path) == ("POST", "/resources/applicants?levelName=countroom-identity")
    assert json.loads(asked.body or b"") == {"externalUserId": PLAYER, "type": "individual", "fixedInfo": fixed}


def test_a_request_is_signed_over_time_method_path_and_body() -> None:
    asked = signed(Key("sbx:t", "k"), "POST", "/resources/x?y=1", b'{"a":1}', 1_700_000_000)
    expected = hmac.new(b"k", b'1700000000POST/resources/x?y=1{"a":1}', hashlib.sha256).hexdigest()
    assert asked.headers == {
        "X-App-Token": "sbx:t",
        "X-App-Access-Ts": "1700000000",
        "X-App-Access-Sig": expected,
        "Content-Type": "application/json",
    }
    looked = signed(Key("sbx:t", "k"), "GET", "/x", None, 1)
    assert looked.headers["X-App-Access-Sig"] == hmac.new(b"k", b"1GET/x", hashlib.sha256).hexdigest()
    assert "Content-Type" not in looked.headers


def test_the_time_is_the_clock_s() -> None:
    line = Line(MADE)
    applicant(line)
    assert line.asked[0].headers["X-App-Access-Ts"] == str(START_MS // 1000)


def test_a_conflict_is_an_applicant_that_is_there() -> None:
    line = Line(CONFLICT, Told(200, {"id": APPLICANT, "externalUserId": PLAYER, "info": {"firstName": "Anna"}}))
    assert applicant(line) == APPLICANT
    assert (line.asked[1].method, line.asked[1].path) == ("GET", f"/resources/applicants/-;externalUserId={PLAYER}/one")
    assert line.asked[1].body is None


def test_a_link_is_asked_for_the_level() -> None:
    line = Line(LINK)
    assert link(line) == "https://in.sumsub.com/websdk/p/sbx_abc"
    assert (line.asked[0].method, line.asked[0].path) == ("POST", "/resources/sdkIntegrations/levels/-/websdkLink")
    assert json.loads(line.asked[0].body or b"") == {"levelName": "countroom-address", "userId": PLAYER, "ttlInSecs": 1800}


@pytest.mark.parametrize("status", [401, 403])
def test_the_next_key_is_tried_where_one_is_refused(status: int) -> None:
    line = Line(Told(status, {}), MADE)
    assert applicant(line) == APPLICANT
    assert [asked.headers["X-App-Token"] for asked in line.asked] == ["sbx:first", "sbx:second"]
    with pytest.raises(VendorUnavailable) as refused:
        applicant(Line(Told(status, {}), Told(status, {})))
    assert refused.value.why is Why.BAD_CREDENTIALS


@pytest.mark.parametrize("call", [applicant, link])
@pytest.mark.parametrize(
    ("told", "why"),
    [
        (None, Why.UNKNOWN),
        (Told(429, {}), Why.BUSY),
        (Told(408, {}), Why.BUSY),
        (Told(425, {}), Why.BUSY),
        (Told(199, {}), Why.REFUSED),
        (Told(300, {}), Why.REFUSED),
        (Told(400, {"description": "no such level"}), Why.REFUSED),
        (Told(404, {}), Why.REFUSED),
        (Told(200, []), Why.ANOTHER),
        (Told(200, None), Why.ANOTHER),
        (Told(204, None), Why.ANOTHER),
        (Told(200, {}), Why.ANOTHER),
    ],
)
def test_what_is_no_answer_is_unknown(call: Callable[[Line], str], told: Told | None, why: Why) -> None:
    with pytest.raises(VendorUnavailable) as refused:
        call(Line(told))
    assert refused.value.why is why


@pytest.mark.parametrize(
    "value",
    [
        {"id": APPLICANT, "externalUserId": "pl_ben"},
        {"id": APPLICANT},
        {"id": 7, "externalUserId": PLAYER},
        {"id": "a/b", "externalUserId": PLAYER},
        {"id": "", "externalUserId": PLAYER},
    ],
)
def test_an_answer_about_somebody_else_is_none(value: Any) -> None:
    for line in (Line(Told(201, value)), Line(CONFLICT, Told(200, value))):
        with pytest.raises(VendorUnavailable) as refused:
            applicant(line)
        assert refused.value.why is Why.ANOTHER


@pytest.mark.parametrize("url", [None, 7, "", "http://in.sumsub.com/x", "javascript:alert(1)", 'https://x.example/"><script>'])
def test_no_link_is_made_up_or_handed_on_that_is_not_safe(url: object) -> None:
    with pytest.raises(VendorUnavailable) as refused:
        link(Line(Told(200, {"url": url})))
    assert refused.value.why is Why.ANOTHER


def test_a_conflict_about_nobody_that_we_may_see() -> None:
    with pytest.raises(VendorUnavailable) as refused:
        applicant(Line(CONFLICT, Told(404, {})))
    assert refused.value.why is Why.REFUSED


@pytest.mark.parametrize(
    "secret",
    [
        {},
        {"api_keys": "x"},
        {"api_keys": []},
        {"api_keys": ["x", 7, None]},
        {"api_keys": [{"token": "t"}, {"secret_key": "k"}]},
        {"api_keys": [{"token": "a\nb", "secret_key": "k"}]},
        {"api_keys": [{"token": "é", "secret_key": "k"}]},
        {"api_keys": [{"token": 7, "secret_key": "k"}]},
    ],
)
def test_a_secret_without_keys_asks_nobody(secret: Any) -> None:
    assert keys_of(secret) == []
    line = Line()
    with pytest.raises(VendorUnavailable) as refused:
        applicant(line, secret)
    assert (refused.value.why, line.asked) == (Why.BAD_CREDENTIALS, [])


def test_no_more_than_two_keys_are_tried_and_none_is_shown() -> None:
    found = keys_of({"api_keys": KEYS["api_keys"] * 3})
    assert len(found) == 2
    assert "sbx" not in repr(found)


class TestStarting:
    def start(self, house: House, line: Line, level: Level = Level.IDENTITY) -> Any:
        return Starter(house.desk, vendor(line), {PLAYER: ANNA}.__getitem__, house.clock).start(PLAYER, level)

    def test_the_name_is_kept_before_the_link_is_asked_for(self) -> None:
        house, line = House(started=False), Line(MADE, None)
        with pytest.raises(VendorUnavailable):
            self.start(house, line)
        assert house.standing.applicant_id == APPLICANT
        started = self.start(house, Line(LINK))
        assert (started.url, started.expires_at_ms) == (LINK.value["url"], START_MS + 1_800_000)
        assert LINK.value["url"] not in repr(started)

    def test_nobody_is_made_an_applicant_while_it_is_not_known_who_he_is(self) -> None:
        house, line = House(started=False), Line(MADE, LINK)
        with pytest.raises(KeyError):
            Starter(house.desk, vendor(line), {"pl_other": ANNA}.__getitem__, house.clock).start(PLAYER, Level.IDENTITY)
        assert (line.asked, house.standing.version) == ([], 0)

    def test_who_was_made_by_a_call_whose_answer_was_lost_is_found_again(self) -> None:
        house = House(started=False)
        with pytest.raises(VendorUnavailable):
            self.start(house, Line(None))
        assert house.standing.applicant_id == ""
        self.start(house, Line(CONFLICT, Told(200, MADE.value), LINK))
        assert house.standing.applicant_id == APPLICANT

    def test_who_is_known_is_not_asked_for_again(self) -> None:
        line = Line(LINK)
        self.start(House(), line)
        assert len(line.asked) == 1

    @pytest.mark.parametrize("state", [State.APPROVED, State.REJECTED])
    def test_what_has_ended_is_not_started(self, state: State) -> None:
        house, line = House(), Line()
        house.hear(event_of(state))
        with pytest.raises(CheckEnded) as ended:
            self.start(house, line)
        assert (ended.value.state, line.asked) == (state, [])

    @pytest.mark.parametrize("state", [State.PENDING, State.ON_HOLD, State.RETRY, State.NONE])
    def test_what_has_not_ended_goes_on(self, state: State) -> None:
        house = House()
        house.hear(event_of(state))
        assert self.start(house, Line(LINK)).level is Level.IDENTITY

    def test_staff_let_a_player_try_again(self) -> None:
        house = House()
        house.order(Word.UNVERIFY, "r-1")
        house.order(Word.RECHECK, "r-2")
        assert self.start(house, Line(LINK)).url
