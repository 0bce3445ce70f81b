"""The vendor's API: whom it lets in, one applicant for each id, links; and the house's own client against it over a socket."""

import json
import time
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from http import HTTPStatus
from typing import Any

import pytest
from pytest_socket import disable_socket, enable_socket, socket_allow_hosts

from countroom.clock import system_clock
from countroom.verification.levels import Level
from countroom.verification.sumsub_api import Registered, VendorUnavailable, Why
from countroom.verification.sumsub_webhooks import DIGESTS, LEVEL_NAMES
from handlers.parts import vendor_line
from handlers.parts.vendor_line import VendorLine
from runtime.outbound import NoCircuit
from sandbox import wire
from sandbox.faulty_server import Fault
from sandbox.vendor.server import APPLICANTS, LINKS, Asked, Desk, running
from sandbox.vendor.sumsub import HASHES, LEVELS, NAME, applicant_id_of, request_signature

PLAYER = "pl_anna"
ANN = Registered("1990-05-17", "Ann", "Tamm")
TOKEN, KEY = "sbx:token", "secret-key"
ONE = f"{APPLICANTS}/-;externalUserId={PLAYER}/one"
MAKE = f"{APPLICANTS}?levelName=countroom-identity"


def ask(desk: Desk, method: str, path: str, said: Any = None, *, token: str = TOKEN, key: str = KEY, off: int = 0) -> Any:
    body = b"" if said is None else said if isinstance(said, bytes) else json.dumps(said).encode()
    at = str(int(time.time()) + off)
    headers = {"x-app-token": token, "x-app-access-ts": at, "x-app-access-sig": request_signature(key, at, method, path, body)}
    return desk.serve(Asked(method, path, headers, body))


def make(desk: Desk, player_id: str = PLAYER) -> Any:
    return ask(desk, "POST", MAKE, {"externalUserId": player_id, "type": "individual"})


@pytest.fixture
def desk() -> Desk:
    made = Desk("http://127.0.0.1:9")
    made.trust(TOKEN, KEY)
    return made


def test_a_player_has_one_applicant(desk: Desk) -> None:
    status, made = make(desk)
    assert (status, made["id"], made["externalUserId"]) == (201, applicant_id_of(PLAYER), PLAYER)
    assert make(desk)[0] == 409
    assert ask(desk, "GET", ONE) == (200, made)
    assert make(desk, "pl_ben")[1]["id"] != made["id"]
    assert desk.tally(NAME) == {"asked": 0, "applicants": 2}
    assert ask(desk, "GET", ONE.replace(PLAYER, "pl_nobody"))[0] == 404


def test_a_link_is_of_its_player_and_moves_him_to_its_level(desk: Desk) -> None:
    make(desk)
    status, said = ask(desk, "POST", LINKS, {"levelName": "countroom-address", "userId": PLAYER, "ttlInSecs": 1800})
    assert status == 200
    assert desk.links[said["url"].rpartition("/")[2]] == PLAYER
    assert ask(desk, "GET", ONE)[1]["review"]["levelName"] == "countroom-address"


@pytest.mark.parametrize(("wrong"), [{"token": "sbx:other"}, {"key": "other"}, {"off": -61}, {"off": 62}])
def test_nobody_else_is_let_in(desk: Desk, wrong: dict[str, Any]) -> None:
    assert ask(desk, "POST", MAKE, {"externalUserId": PLAYER}, **wrong)[0] == 401
    assert ask(Desk(), "POST", MAKE, {"externalUserId": PLAYER}, token="", key="")[0] == 401
    assert desk.serve(Asked("POST", MAKE, {}, b"{}"))[0] == 401
    assert desk.applicants == {}


@pytest.mark.parametrize(
    ("method", "path", "said", "status"),
    [
        ("POST", f"{APPLICANTS}?levelName=other", {"externalUserId": PLAYER}, 404),
        ("POST", APPLICANTS, {"externalUserId": PLAYER}, 404),
        ("POST", MAKE, {}, 400),
        ("POST", MAKE, b"{", 400),
        ("POST", MAKE, {"externalUserId": 7}, 400),
        ("POST", LINKS, {"levelName": "other", "userId": PLAYER}, 404),
        ("POST", LINKS, {"levelName": "countroom-age", "userId": ""}, 400),
        ("POST", LINKS, {"levelName": "countroom-age", "userId": PLAYER, "ttlInSecs": 0}, 400),
        ("DELETE", ONE, None, 404),
        ("GET", APPLICANTS, None, 404),
    ],
)
def test_what_it_does_not_take(desk: Desk, method: str, path: str, said: Any, status: int) -> None:
    refused, told = ask(desk, method, path, said)
    assert (refused, told["code"]) == (status, status)
    assert desk.applicants == {}


def test_house_and_vendor_call_the_levels_alike() -> None:
    assert {level.value: name for level, name in LEVEL_NAMES.items()} == dict(LEVELS)
    assert set(DIGESTS) < set(HASHES)


# ----------------------------------------------------------- over a socket, asked by the house


class Keys:
    """The port of the house's secret."""

    def __init__(self, *keys: tuple[str, str]) -> None:
        self.value = {"api_keys": [{"token": token, "secret_key": key} for token, key in keys]}

    def json(self) -> dict[str, Any]:
        return self.value


@pytest.fixture
def vendor(monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    monkeypatch.setattr(vendor_line, "LIMITS", replace(vendor_line.LIMITS, read_s=0.3, total_s=0.8))
    enable_socket()
    socket_allow_hosts(["127.0.0.1"])
    with running() as made:
        made.trust(TOKEN, KEY)
        yield made
    disable_socket()


def line(desk: Desk, *keys: tuple[str, str]) -> VendorLine:
    return VendorLine(desk.urls, {NAME: Keys(*(keys or ((TOKEN, KEY),)))}, lambda _vendor: NoCircuit(), system_clock)


def test_the_house_makes_an_applicant_finds_him_again_and_gets_a_link_that_opens(vendor: Desk) -> None:
    house = line(vendor)
    assert [house.applicant(PLAYER, Level.IDENTITY, ANN) for _ in range(2)] == [applicant_id_of(PLAYER)] * 2
    assert vendor.applicants[PLAYER]["fixedInfo"] == {"firstName": "Ann", "lastName": "Tamm", "dob": "1990-05-17"}
    url = house.link(PLAYER, Level.IDENTITY)
    assert wire.send("GET", url).status == HTTPStatus.OK
    assert wire.send("GET", url + "x").status == HTTPStatus.UNAUTHORIZED
    assert wire.send("GET", vendor.url + "/other").status == HTTPStatus.NOT_FOUND


def test_the_next_key_serves_while_one_is_being_changed(vendor: Desk) -> None:
    assert line(vendor, ("sbx:gone", "gone"), (TOKEN, KEY)).applicant(PLAYER, Level.AGE, ANN)
    with pytest.raises(VendorUnavailable) as refused:
        line(vendor, ("sbx:gone", "gone")).applicant(PLAYER, Level.AGE, ANN)
    assert refused.value.why is Why.BAD_CREDENTIALS


def test_an_answer_that_is_lost_makes_no_second_applicant(vendor: Desk) -> None:
    vendor.break_next(NAME, Fault.LOST)
    assert line(vendor).applicant(PLAYER, Level.IDENTITY, ANN) == applicant_id_of(PLAYER)
    assert vendor.tally(NAME) == {"asked": 2, "applicants": 1}


@pytest.mark.parametrize("fault", [Fault.HANG, Fault.TRUNCATED, Fault.REDIRECT, Fault.HTML, Fault.HUGE, Fault.ERROR])
def test_what_is_no_answer_is_unknown(vendor: Desk, fault: Fault) -> None:
    vendor.break_next(NAME, fault, 9)
    house = line(vendor)
    for call in (partial(house.applicant, registered=ANN), house.link):
        with pytest.raises(VendorUnavailable) as refused:
            call(PLAYER, Level.IDENTITY)
        assert refused.value.why is Why.UNKNOWN
    assert vendor.applicants == {}
