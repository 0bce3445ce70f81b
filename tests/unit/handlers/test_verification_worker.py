"""The verification queue's worker: each message by itself, in any order, as often as it comes."""

import io
import itertools
from typing import Any

import pytest

from countroom.clock import system_clock
from countroom.identity.refusals import Unavailable
from countroom.identity.support import Action, Order, Support
from countroom.ledger.book import Book
from countroom.ledger.movements import OpenWallet, Status
from countroom.ledger.store import LedgerStore
from countroom.verification.desk import VerificationDesk
from countroom.verification.inbox import to_message
from countroom.verification.levels import Level, State
from countroom.verification.standing import AGE_LABELS, VendorEvent
from countroom.verification.store import StandingStore, StandingsUnavailable
from handlers import verification_worker
from handlers.parts import standing
from handlers.parts.supporting import SupportSettings, support_of
from runtime import telemetry
from tests.unit.conftest import LEDGER_TABLE, PLAYERS_TABLE, SESSIONS_TABLE
from tests.unit.handlers.test_payment_worker import record
from tests.unit.rest import Context
from tests.unit.signed_in import Visitors
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
    settings = {"PLAYERS_TABLE": PLAYERS_TABLE, "SESSIONS_TABLE": SESSIONS_TABLE, "LEDGER_TABLE": LEDGER_TABLE}
    for name, value in (settings | {"SESSION_ABSOLUTE_SECONDS": "43200", "SESSION_IDLE_SECONDS": "1800"}).items():
        monkeypatch.setenv(name, value)
    for wired in (verification_worker._desk, verification_worker._settings, verification_worker._support):
        wired.cache_clear()
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


TOO_YOUNG = event_of(State.REJECTED, Level.AGE, at_s=5, labels=("UNDERAGE",))


class Player:
    """Somebody with a wallet and a session."""

    def __init__(self, client: Any) -> None:
        self.book = Book(LedgerStore(client, LEDGER_TABLE), system_clock)
        self.visitors = Visitors(client)
        self.book.post(OpenWallet.of(PLAYER, "EUR", "MT"))
        self.visitors.open(PLAYER)
        self.support = support_of(SupportSettings(SESSIONS_TABLE, PLAYERS_TABLE, LEDGER_TABLE, 43_200, 1_800))

    def order(self, action: Action) -> None:
        self.support.carry_out(Order(action, PLAYER, "jane", "looked at it", f"r-{action}"))

    @property
    def standing(self) -> tuple[Status | None, int]:
        """The wallet's status, and how many sessions there are."""
        wallet = self.book.wallet(PLAYER)
        return wallet.status if wallet else None, len(self.visitors.sessions.list(PLAYER))


IN, OUT = (Status.ACTIVE, 1), (Status.BLOCKED, 0)


@pytest.fixture
def player(desk: VerificationDesk, dynamodb: Any) -> Player:  # noqa: ARG001 - the tables and the environment are the desk's
    return Player(dynamodb)


@pytest.mark.parametrize("level", [Level.AGE, Level.IDENTITY])
@pytest.mark.parametrize("label", sorted(AGE_LABELS))
def test_who_is_too_young_is_shut_out_with_the_vendors_word_once(
    player: Player, counted: list[Any], level: Level, label: str
) -> None:
    said = event_of(State.REJECTED, level, at_s=5, labels=("FORGERY", label))
    assert deliver(GREEN) == []
    assert player.standing == IN
    assert deliver(said) == []
    assert player.standing == OUT
    assert deliver(said, said) == []
    assert counted.count(("PlayerTooYoung", {})) == 1


@pytest.mark.parametrize(
    "said",
    [
        event_of(State.REJECTED, at_s=5, labels=("FORGERY",)),
        event_of(State.RETRY, Level.AGE, at_s=5, labels=("UNDERAGE",)),
        event_of(State.ON_HOLD, at_s=5, labels=("UNDERAGE",)),
        event_of(State.REJECTED, Level.ADDRESS, at_s=5, labels=("UNDERAGE",)),
        event_of(State.REJECTED, Level.AGE, at_s=5, labels=("UNDERAGE",), applicant_id="somebody"),
    ],
    ids=["another objection", "he may try again", "looked at", "of the address", "of somebody else"],
)
def test_nobody_else_is(player: Player, counted: list[Any], said: VendorEvent) -> None:
    assert deliver(GREEN, said) == []
    assert player.standing == IN
    assert ("PlayerTooYoung", {}) not in counted


def test_cut_off_between_the_word_and_the_freeze_it_is_done_when_the_message_comes_back(
    player: Player, desk: VerificationDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Down(Support):
        def __init__(self) -> None: ...

        def carry_out(self, order: Order) -> Any:  # noqa: ARG002 - the base's
            raise Unavailable("the table does not answer")

    with monkeypatch.context() as patched:
        patched.setattr(verification_worker, "_support", Down)
        assert deliver(TOO_YOUNG) == ["m-0"]
    assert desk.standing(PLAYER).at(Level.AGE).state is State.REJECTED
    assert player.standing == IN
    assert deliver(TOO_YOUNG) == []
    assert player.standing == OUT


def test_a_repeat_does_not_overrule_staff_who_have_lifted_it(player: Player) -> None:
    deliver(TOO_YOUNG)
    player.order(Action.UNFREEZE)
    assert deliver(TOO_YOUNG) == []
    assert player.standing == (Status.ACTIVE, 0)


def test_an_older_word_than_the_one_that_stands_shuts_nobody_out(player: Player) -> None:
    assert deliver(event_of(at_s=6), TOO_YOUNG) == []
    assert player.standing == IN


def test_where_there_is_no_account_there_is_nothing_to_shut(desk: VerificationDesk, counted: list[Any]) -> None:
    assert deliver(TOO_YOUNG) == []
    assert desk.standing(PLAYER).at(Level.AGE).state is State.REJECTED
    assert ("PlayerTooYoung", {}) not in counted
