"""Staff's hand on the games: what is done, what is refused and how, and what is recorded."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from countroom.clock import system_clock
from countroom.games.health import HealthBoard
from countroom.games.round_keeper import RoundKeeper
from countroom.games.rounds_store import RoundsStore
from countroom.ledger.book import Book, Posted
from countroom.ledger.movements import Bet, Deposit, OpenWallet, Reference
from countroom.ledger.records import Record
from countroom.ledger.store import LedgerStore
from handlers import games_staff
from handlers.parts.staff import StaffFailed
from runtime.circuit import FAILURES, TableCircuit
from runtime.outbound import Reason, Unknown
from tests.unit.conftest import LEDGER_TABLE
from tests.unit.games.shelf import CIRCUITS_TABLE, GAMES_TABLE, make_tables, stock
from tests.unit.games.test_snapshot import entries
from tests.unit.rest import Context

WHO = {"actor": "olga@house", "reason": "ticket 7"}
REELS = "hub88-clockwork-reels"


@pytest.fixture
def table(dynamodb: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    make_tables(dynamodb)
    monkeypatch.setenv("GAMES_TABLE", GAMES_TABLE)
    monkeypatch.setenv("LEDGER_TABLE", LEDGER_TABLE)
    monkeypatch.setenv("CIRCUITS_TABLE", CIRCUITS_TABLE)
    games_staff._settings.cache_clear()
    yield dynamodb
    games_staff._settings.cache_clear()


def ask(action: str, **more: Any) -> dict[str, Any]:
    return raw({"action": action, **WHO, **more})


def raw(event: Any) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(json.dumps(games_staff.handler(event, Context())))
    return answer


def items(table: Any) -> dict[str, Any]:
    return {item["sk"]["S"]: item for item in table.scan(TableName=GAMES_TABLE)["Items"]}


@pytest.mark.usefixtures("table")
class TestImport:
    def test_a_list_is_taken_over_once(self) -> None:
        first = ask("import", provider="hub88", games=entries("a", "b"))
        assert first == {
            "outcome": "done",
            "action": "import",
            "imported": {"hub88": {"version": 1, "changed": True, "added": 2, "changed_games": 0, "unchanged": 0, "removed": 0}},
        }
        again = ask("import", provider="hub88", games=entries("a", "b"))
        assert again["imported"]["hub88"] == {
            "version": 1,
            "changed": False,
            "added": 0,
            "changed_games": 0,
            "unchanged": 2,
            "removed": 0,
        }

    def test_lost_games_are_named_and_come_back_by_an_import(self, table: Any) -> None:
        ask("import", provider="hub88", games=entries("a", "b"))
        ask("disable", game_id="a")
        (page,) = [name for name, item in items(table).items() if name.startswith("PAGE#") and "expires_at" not in item]
        table.delete_item(TableName=GAMES_TABLE, Key={"pk": {"S": "CATALOGUE"}, "sk": {"S": page}})
        assert ask("show")["lost"] == ["hub88"]
        assert ask("disable", game_id="b")["code"] == "games_lost"
        assert ask("import", provider="hub88", games=entries("a", "b"))["imported"]["hub88"]["added"] == 2
        assert ask("show")["lost"] == []
        assert ask("show", game_id="a")["game"]["switched_off"]

    def test_one_bad_entry_and_nothing_is_imported(self, table: Any) -> None:
        answer = ask("import", provider="hub88", games=[*entries("a"), *entries("b", rtp="a lot"), {}])
        assert (answer["outcome"], answer["code"]) == ("refused", "bad_list")
        assert answer["faults"] == [
            {"entry": "b", "fault": "rtp is not in its form"},
            {"entry": "#2", "fault": "id is missing"},
        ]
        assert items(table) == {}

    @pytest.mark.parametrize(
        "more",
        [
            {},
            {"provider": "hub88"},
            {"provider": "hub88", "games": "all"},
            {"provider": "Hub 88", "games": []},
            {"games": []},
            {"provider": "hub88", "games": entries("a"), "shipped": True},
            {"shipped": True},
            {"provider": "hub88", "games": [], "colour": "red"},
        ],
        ids=str,
    )
    def test_what_is_no_import(self, table: Any, more: dict[str, Any]) -> None:
        answer = ask("import", **more)
        assert answer["outcome"] == "refused"
        assert answer["code"] in {"invalid_request", "bad_list"}
        assert items(table) == {}


class TestSwitching:
    @pytest.fixture(autouse=True)
    def stocked(self, table: Any) -> None:
        stock(table)

    def test_one_game_off_and_on(self, table: Any) -> None:
        before = ask("show")["version"]
        assert ask("disable", game_id=REELS) == {"outcome": "done", "action": "disable", "version": before + 1, "changed": True}
        assert ask("disable", game_id=REELS)["changed"] is False
        shown = ask("show", game_id=REELS)["game"]
        assert (shown["enabled"], shown["listed_enabled"], shown["switched_off"]) == (False, True, True)
        change = items(table)[f"CHANGE#{before + 1:012d}"]
        assert (change["actor"]["S"], change["reason"]["S"]) == ("olga@house", "ticket 7")
        assert ask("enable", game_id=REELS)["version"] == before + 2
        assert ask("show", game_id=REELS)["game"]["enabled"]

    def test_a_whole_provider(self) -> None:
        ask("disable", provider="swipe")
        said = ask("show")["providers"]
        assert (said["swipe"]["enabled"], said["swipe"]["switched_off"]) == (0, True)
        assert said["hub88"]["enabled"] > 0
        listed = ask("show", provider="swipe")
        assert listed["count"] == len(listed["games"]) == said["swipe"]["games"]
        assert all(game["provider_switched_off"] and not game["enabled"] for game in listed["games"])

    @pytest.mark.parametrize(
        ("more", "code"),
        [
            ({}, "invalid_request"),
            ({"game_id": REELS, "provider": "hub88"}, "invalid_request"),
            ({"game_id": "No Such"}, "invalid_request"),
            ({"game_id": 7}, "invalid_request"),
            ({"provider": "../x"}, "invalid_request"),
            ({"game_id": "no-such"}, "not_found"),
            ({"provider": "nobody"}, "not_found"),
            ({"game_id": REELS, "force": True}, "invalid_request"),
        ],
        ids=str,
    )
    def test_what_cannot_be_switched(self, more: dict[str, Any], code: str) -> None:
        before = ask("show")
        answer = ask("disable", **more)
        assert (answer["outcome"], answer["code"]) == ("refused", code)
        assert ask("show") == before

    def test_what_is_not_there_cannot_be_shown(self) -> None:
        assert ask("show", game_id="no-such")["code"] == "not_found"
        assert ask("show", provider="nobody")["games"] == []


@pytest.mark.usefixtures("table")
class TestEvents:
    @pytest.mark.parametrize("event", [None, [], "show", 7, {}, {"action": "steal", **WHO}, {"action": ["show"], **WHO}], ids=str)
    def test_what_is_no_event(self, event: Any) -> None:
        assert raw(event)["code"] == "invalid_request"

    @pytest.mark.parametrize("name", ["actor", "reason"])
    @pytest.mark.parametrize("value", [None, "", "  ", 7, "x" * 201, "a\nb"], ids=str)
    @pytest.mark.parametrize("action", ["import", "disable", "show", "round", "health"])
    def test_nobody_acts_without_a_name_and_a_reason(self, action: str, name: str, value: Any) -> None:
        event = {"action": action, **WHO}
        event[name] = value
        assert raw(event)["code"] == "invalid_request"

    def test_a_table_that_is_away_is_said_and_no_more(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("GAMES_TABLE", "no-such-table")
        games_staff._settings.cache_clear()
        for action in ("show", "health"):
            answer = ask(action)
            assert (answer["outcome"], answer["code"]) == ("refused", "temporarily_unavailable")
            assert "no-such-table" not in str(answer)

    def test_a_fault_of_ours_is_raised_without_its_words(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def faulty() -> None:
            raise ZeroDivisionError("a secret")

        monkeypatch.setattr(games_staff, "_curator", faulty)
        with pytest.raises(StaffFailed) as failed:
            ask("show")
        assert "secret" not in str(failed.value)

    def test_what_was_done_is_logged_without_who_did_it(self, caplog: pytest.LogCaptureFixture) -> None:
        ask("show")
        (record,) = caplog.records
        assert vars(record)["action"] == "show"
        assert "olga" not in str(vars(record))


def test_a_players_round(table: Any) -> None:
    book = Book(LedgerStore(table, LEDGER_TABLE), system_clock)
    book.post(OpenWallet.of("pl_anna", "EUR", "EE"))
    book.post(Deposit(Reference("gateway:standard", "d"), "pl_anna", "EUR", 10**11))
    name = Reference("game:batch", "b1")
    assert isinstance(book.post(Bet(name, "pl_anna", "EUR", 10**10, "acceptance:copper", "r-1")), Posted)
    record = LedgerStore(table, LEDGER_TABLE).entry(name)
    assert isinstance(record, Record)
    RoundKeeper(LedgerStore(table, LEDGER_TABLE), RoundsStore(table, GAMES_TABLE), system_clock).take(record)
    found = ask("round", player_id="pl_anna", provider="action_batch", round_id="r-1")["round"]
    assert (found["player_id"], found["staked"], found["state"]) == ("pl_anna", "10.00", "open")
    assert ask("round", player_id="pl_anna", provider="action_batch", round_id="r-2")["code"] == "not_found"
    for more in ({"player_id": "p#1"}, {"round_id": "a#b"}, {"provider": "X"}, {"round_id": 7}, {"player_id": None}):
        asked = {"player_id": "pl_anna", "provider": "action_batch", "round_id": "r-1", **more}
        assert ask("round", **asked)["code"] == "invalid_request"


def test_health_with_reasons_and_circuits(table: Any) -> None:
    board = HealthBoard(table, GAMES_TABLE, system_clock)
    board.note("hub88", answered=True)
    board.note("swipe", answered=False, reason="timed_out")
    circuit = TableCircuit(table, CIRCUITS_TABLE).of("swipe")
    for _ in range(FAILURES):
        circuit.guard(lambda: Unknown(Reason.TIMED_OUT))
    said = {entry["provider"]: entry for entry in ask("health")["providers"]}
    assert (said["hub88"]["condition"], said["hub88"]["circuit"], said["hub88"]["reason"]) == ("up", "closed", None)
    assert (said["swipe"]["condition"], said["swipe"]["circuit"], said["swipe"]["reason"]) == ("down", "open", "timed_out")
