"""The verification queue's worker: each message by itself, in any order, as often as it comes."""

import io
import itertools
from typing import Any

import pytest

from countroom.clock import system_clock
from countroom.verification.desk import VerificationDesk
from countroom.verification.inbox import to_message
from countroom.verification.levels import Level, State
from countroom.verification.standing import VendorEvent
from countroom.verification.store import StandingStore, StandingsUnavailable
from handlers import verification_worker
from handlers.parts import standing
from runtime import telemetry
from tests.unit.conftest import PLAYERS_TABLE
from tests.unit.handlers.test_payment_worker import record
from tests.unit.rest import Context
from tests.unit.verification.house import APPLICANT, PLAYER, event_of

GREEN, RED = event_of(at_s=1), event_of(State.REJECTED, at_s=2, labels=("FORGERY",))


def deliver(*messages: str | VendorEvent) -> list[str]:
    """Run one batch and give the ids of the messages that come back."""
    bodies = [message if isinstance(message, str) else to_message(message) for message in messages]
    answer = verification_worker.handler({"Records": [record(number, body) for number, body in enumerate(bodies)]}, Context())
    assert set(answer) == {"batchItemFailures"}
    return [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]


@pytest.fixture
def desk(dynamodb: Any, monkeypatch: pytest.MonkeyPatch) -> VerificationDesk:
    """The worker over empty tables, with a player whom the vendor knows."""
    monkeypatch.setenv("PLAYERS_TABLE", PLAYERS_TABLE)
    verification_worker._desk.cache_clear()
    made = VerificationDesk(StandingStore(dynamodb, PLAYERS_TABLE), system_clock)
    made.name_applicant(PLAYER, APPLICANT)
    return made


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, dict[str, str]]]:
    found: list[tuple[str, dict[str, str]]] = []
    monkeypatch.setattr(telemetry, "count", lambda name, _value=1, dimensions=None: found.append((name, dict(dimensions or {}))))
    return found


def test_a_batch_is_heard(desk: VerificationDesk, dynamodb: Any) -> None:
    assert deliver(GREEN, event_of(level=Level.ADDRESS)) == []
    levels = {Level.AGE, Level.IDENTITY, Level.ADDRESS}
    assert desk.standing(PLAYER).approved == levels
    assert standing.level_of(dynamodb, PLAYERS_TABLE)(PLAYER) == levels
    assert standing.level_of(dynamodb, PLAYERS_TABLE)("pl_nobody") == frozenset()


def test_the_newest_stands_in_any_order_and_however_often_they_come(desk: VerificationDesk) -> None:
    for deck in itertools.permutations([GREEN, RED, event_of(State.PENDING, at_s=0.5)]):
        assert deliver(*deck, *deck) == []
        assert desk.standing(PLAYER).at(Level.IDENTITY).state is State.REJECTED


@pytest.mark.parametrize("poison", ["", "not json", "[" * 100_000, "{}"])
def test_a_poison_message_comes_back_alone(desk: VerificationDesk, poison: str) -> None:
    assert deliver(GREEN, poison, event_of(level=Level.ADDRESS)) == ["m-1"]
    assert Level.ADDRESS in desk.standing(PLAYER).approved


def test_a_batch_of_which_all_fail_comes_back_whole(desk: VerificationDesk) -> None:
    assert deliver("", "7") == ["m-0", "m-1"]
    assert deliver() == []
    assert desk.standing(PLAYER).approved == frozenset()


def test_somebody_unknown_is_kept_counted_and_not_named(
    desk: VerificationDesk, dynamodb: Any, monkeypatch: pytest.MonkeyPatch, counted: list[Any]
) -> None:
    log = io.StringIO()
    monkeypatch.setattr(telemetry.logger.registered_handler, "stream", log)
    before = desk.standing(PLAYER)
    assert deliver(event_of(applicant_id="somebody"), event_of(applicant_id="somebody"), event_of(player_id="pl_ben")) == []
    assert desk.standing(PLAYER) == before
    kept = [item for item in dynamodb.scan(TableName=PLAYERS_TABLE)["Items"] if item["pk"]["S"].startswith("APPLICANT#")]
    assert len(kept) == 2
    assert counted.count(("VerificationUnknownApplicant", {})) == 3
    assert ("VerificationEvent", {"result": "unknown_applicant"}) in counted
    assert "pl_ben" not in log.getvalue()
    assert "somebody" not in log.getvalue()


def test_what_is_taken_from_a_player_is_counted(desk: VerificationDesk, counted: list[Any]) -> None:
    deliver(GREEN, RED, RED, event_of(at_s=1.5))
    assert [name for name, _ in counted].count("VerificationTurnedRed") == 1
    results = [dimensions["result"] for name, dimensions in counted if name == "VerificationEvent"]
    assert results == ["applied", "applied", "repeated", "older"]
    assert desk.standing(PLAYER).approved == frozenset()


@pytest.mark.parametrize("error", [StandingsUnavailable("x"), ZeroDivisionError("secret words")])
def test_what_is_not_known_comes_back_and_is_said_without_its_words(
    desk: VerificationDesk, monkeypatch: pytest.MonkeyPatch, counted: list[Any], error: Exception
) -> None:
    log = io.StringIO()
    monkeypatch.setattr(telemetry.logger.registered_handler, "stream", log)

    class Broken:
        def hear(self, _event: object) -> None:
            raise error

    with monkeypatch.context() as patched:
        patched.setattr(verification_worker, "_desk", Broken)
        assert deliver(GREEN) == ["m-0"]
    assert ("VerificationEventNotApplied", {"reason": type(error).__name__}) in counted
    assert "secret words" not in log.getvalue()
    assert deliver(GREEN) == []
    assert desk.standing(PLAYER).verified
