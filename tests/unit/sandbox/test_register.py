"""The sandbox's register: whom it takes for whom, what it answers the house, and how it goes wrong. On loopback."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from pytest_socket import disable_socket, enable_socket, socket_allow_hosts

from sandbox.register import __main__ as command
from sandbox.register.roll import CLEAR, EXCLUDED, LAPSED, Person, Roll
from sandbox.register.server import PEOPLE_MAX, Desk, running
from sandbox.wire import Answer, send

PAT = {
    "firstName": "Patricia",
    "lastName": "O'Neill-Jones",
    "dateOfBirth": "1985-02-03",
    "email": "pat@example.com",
    "postcode": "SW1A 1AA",
}
KEY = "key"


@pytest.fixture
def register() -> Iterator[Desk]:
    enable_socket()
    socket_allow_hosts(["127.0.0.1"])
    with running() as desk:
        desk.trust(KEY)
        yield desk
    disable_socket()


def ask(desk: Desk, body: Any, key: str = KEY) -> Answer:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return send("POST", f"{desk.url}/gamstop/v2", body=raw, headers={"X-API-Key": key})


def enter(desk: Desk, entry: object, person: object = PAT) -> Answer:
    body = json.dumps({"person": person, "entry": entry}).encode()
    return send("PUT", f"{desk.url}/gamstop/people", body=body)


@pytest.mark.parametrize(
    ("changes", "is_the_same"),
    [
        ({}, True),
        ({"firstName": "pat", "lastName": "ONEILL JONES"}, True),
        ({"firstName": "PÁTRICIA"}, True),
        ({"email": "new@example.com"}, True),
        ({"postcode": "m1 1ae"}, True),
        ({"postcode": "sw1a1aa", "email": "new@example.com"}, True),
        ({"postcode": "M1 1AE", "email": "new@example.com"}, False),
        ({"dateOfBirth": "1985-03-02"}, False),
        ({"lastName": "Jones"}, False),
        ({"firstName": "Kim"}, False),
    ],
)
def test_whom_it_takes_for_whom(changes: dict[str, str], *, is_the_same: bool) -> None:
    assert Person.of(PAT).is_the_same(Person.of(PAT | changes)) is is_the_same


def test_a_telephone_number_finds_somebody_too() -> None:
    moved = {"postcode": "M1 1AE", "email": "new@example.com"}
    entered, asked = PAT | {"mobile": "+447700900000"}, PAT | moved | {"mobile": "+447700900000"}
    assert Person.of(entered).is_the_same(Person.of(asked))
    assert not Person.of(PAT).is_the_same(Person.of(PAT | moved)), "two people without a number have none in common"


def test_an_entry_is_excluded_then_lapsed_then_gone() -> None:
    roll, pat = Roll(), Person.of(PAT)
    assert roll.say(pat) == CLEAR
    roll.enter(pat)
    assert (roll.say(pat), len(roll)) == (EXCLUDED, 1)
    roll.enter(pat, lapsed=True)
    assert (roll.say(pat), len(roll)) == (LAPSED, 1)
    roll.enter(Person.of(PAT | {"email": "new@example.com"}))
    assert roll.say(pat) == EXCLUDED, "one of two entries is enough"
    roll.strike(pat)
    assert (roll.say(pat), len(roll)) == (CLEAR, 0)


def test_the_house_asks_and_is_answered(register: Desk) -> None:
    assert enter(register, "excluded").json() == {"people": 1}
    answer = ask(register, [PAT | {"correlationId": "c-1"}, PAT | {"correlationId": "c-2", "dateOfBirth": "1990-01-01"}])
    assert (answer.status, answer.headers["content-type"]) == (200, "application/json")
    first, second = answer.json()
    assert (first["correlationId"], first["exclusion"]) == ("c-1", "Y")
    assert (second["correlationId"], second["exclusion"]) == ("c-2", "N")
    assert first["msRequestId"] != second["msRequestId"]
    assert register.asked["gamstop"] == 1
    assert enter(register, "none").json() == {"people": 0}
    assert ask(register, [PAT]).json()[0]["exclusion"] == "N"


@pytest.mark.parametrize("key", ["", "other", "keys"])
def test_another_key_is_told_nothing(register: Desk, key: str) -> None:
    assert ask(register, [PAT], key).status == 403


def test_before_there_is_a_key_there_is_no_right_one() -> None:
    assert not Desk().knows("")


@pytest.mark.parametrize(
    "body",
    [b"", b"{", {}, [], ["pat"], [PAT] * (PEOPLE_MAX + 1), [{}], *([{**PAT, name: ""}] for name in PAT), [{**PAT, "email": 7}],
     [{**PAT, "lastName": "x" * 257}]],
    ids=lambda body: str(body)[:30],
)  # fmt: skip
def test_a_question_that_is_none(register: Desk, body: Any) -> None:
    assert ask(register, body).status == 400


@pytest.mark.parametrize("said", [(None, PAT), ("banned", PAT), ("excluded", None), ("excluded", {})])
def test_an_entry_that_is_none(register: Desk, said: tuple[object, object]) -> None:
    assert enter(register, *said).status == 400


def test_it_goes_wrong_on_request(register: Desk) -> None:
    body = json.dumps({"fault": "error", "times": 1}).encode()
    assert send("PUT", f"{register.url}/gamstop/fault", body=body).status == 200
    assert [ask(register, [PAT]).status for _ in range(2)] == [500, 200]


def test_the_command_enters_and_strikes(register: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--api", register.url, "--given", "Patricia", "--family", "O'Neill-Jones", "--born", "1985-02-03"]
    options += ["--postcode", "SW1A 1AA", "--email", "pat@example.com"]
    assert command.main(["excluded", *options]) == 0
    assert register.roll.say(Person.of(PAT)) == EXCLUDED
    assert command.main(["none", *options]) == 0
    assert register.roll.say(Person.of(PAT)) == CLEAR
    assert json.loads(capsys.readouterr().out.splitlines()[-1]) == {"people": 0}
    assert command.main(["excluded", *options, "--api", "http://127.0.0.1:9"]) == 1
    assert command.main(["excluded", *options, "--api", "https://example.com"]) == 1
