"""The journey's teller, and that an arrival which is not as it must be stops it."""

from collections.abc import Callable
from typing import Any

import pytest

from sandbox import arrival
from sandbox.arrival import SESSION_ROUTES, Arrival
from sandbox.player import PlayerApi
from sandbox.teller import DeviationError, Teller
from sandbox.wire import Answer
from tests.unit.sandbox.test_stack import STACK


def test_steps_are_numbered_and_the_balance_stands_under_them() -> None:
    lines: list[str] = []
    teller = Teller(lines.append)
    teller.show("log in", "POST /v1/sessions", "a token")
    teller.show("bet", "10.00 EUR", "RS_OK", "90.00 EUR")
    assert lines[0].split() == ["1", "log", "in", "POST", "/v1/sessions", "→", "a", "token"]
    assert lines[1].splitlines()[1].strip() == "balance 90.00 EUR"


def test_a_deviation_says_what_and_where() -> None:
    teller = Teller(lambda _: None)
    teller.show("a", "b", "c")
    teller.expect("the balance", "1.00", "1.00")
    with pytest.raises(DeviationError, match=r"after step 1: the balance is '2.00' and must be '1.00' .*hint"):
        teller.expect("the balance", "2.00", "1.00", hint={"hint": "h" * 2000})


@pytest.fixture
def sessions() -> tuple[PlayerApi, PlayerApi]:
    base = STACK.apis.player
    return PlayerApi(base, "desk", session_id="se_desk"), PlayerApi(base, "phone", session_id="se_phone")


@pytest.fixture
def house(monkeypatch: pytest.MonkeyPatch) -> Callable[[dict[str, int]], None]:
    """A house that lists two sessions, ends what it is told to, and then answers the ended one as the test says."""

    def answer(of_ended: dict[str, int]) -> None:
        def call(api: PlayerApi, _method: str, path: str, *_: Any, **__: Any) -> Any:
            if path == "/v1/sessions":
                named = [("se_desk", False), ("se_phone", True)]
                return {"items": [{"session_id": one, "current": current, "device": "d"} for one, current in named]}
            return {"second_factor": api.token == "phone"}

        def raw(api: PlayerApi, _method: str, path: str, *_: Any, **__: Any) -> Answer:
            assert api.token == "desk"
            return Answer(of_ended.get(path, 401), b"{}")

        monkeypatch.setattr(PlayerApi, "call", call)
        monkeypatch.setattr(PlayerApi, "raw", raw)

    return answer


def test_an_ended_session_is_asked_about_on_every_route(
    house: Callable[[dict[str, int]], None], sessions: tuple[PlayerApi, PlayerApi]
) -> None:
    lines: list[str] = []
    house({})
    Arrival(STACK, Teller(lines.append), "EUR")._end_the_other_session(*sessions)
    assert f"{len(SESSION_ROUTES)} of {len(SESSION_ROUTES)} routes" in lines[-1]


@pytest.mark.parametrize("route", SESSION_ROUTES, ids=" ".join)
def test_one_route_that_still_answers_an_ended_session_stops_the_journey(
    house: Callable[[dict[str, int]], None], sessions: tuple[PlayerApi, PlayerApi], route: tuple[str, str]
) -> None:
    house({route[1]: 200})
    with pytest.raises(DeviationError, match=r"what the ended session gets is .*200"):
        Arrival(STACK, Teller(lambda _: None), "EUR")._end_the_other_session(*sessions)


def test_asking_late_proves_nothing(
    house: Callable[[dict[str, int]], None], sessions: tuple[PlayerApi, PlayerApi], monkeypatch: pytest.MonkeyPatch
) -> None:
    house({})
    monkeypatch.setattr(arrival, "REVOKED_WITHIN_SECONDS", 0.0)
    with pytest.raises(DeviationError, match="within a second"):
        Arrival(STACK, Teller(lambda _: None), "EUR")._end_the_other_session(*sessions)
