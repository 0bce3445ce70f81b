from collections.abc import Iterator
from typing import Any

import pytest
import time_machine

from countroom.clock import system_clock
from countroom.identity.events import EventKind, EventLog
from countroom.identity.table import Table
from countroom.ledger.book import Book, OutcomeUnknown, Posted, Refused
from countroom.ledger.movements import Bet, Deposit, OpenWallet, Reason, Reference, StartSession, Win
from countroom.ledger.store import LedgerStore
from countroom.ledger.wallet import Wallet
from countroom.responsible_play.desk import Decline
from countroom.verification.desk import VerificationDesk
from countroom.verification.standing import Order, Word
from countroom.verification.store import StandingStore
from handlers import play_safety
from runtime.problems import TABLE
from tests.unit.clock import START_MS
from tests.unit.conftest import LEDGER_TABLE, PLAYERS_TABLE
from tests.unit.rest import Answer, call
from tests.unit.signed_in import Visitors

PLAYER = "pl_abcdefghijklmnopqrst"
BRITON = "pl_bbbbbbbbbbbbbbbbbbbb"
UNIT = 10**9
HOUR_S = 3_600
DAY_S = 24 * HOUR_S
OVERVIEW = "/v1/play-safety"
HISTORY = "/v1/play-safety/history"
DEPOSIT_DAY = "/v1/limits/deposit/24h"


class World:
    """One wallet with 100 EUR, and the keys to it."""

    def __init__(self, client: Any, time: time_machine.Traveller) -> None:
        self.client = client
        self.book = Book(LedgerStore(client, LEDGER_TABLE), system_clock)
        self.visitors = Visitors(client)
        self.time = time
        self.bets = 0

    def post(self, movement: Any) -> None:
        assert isinstance(self.book.post(movement), Posted)

    def bet(self, units: int) -> Posted | Refused:
        self.bets += 1
        return self.book.post(Bet(Reference("game:hub88", f"b{self.bets}"), PLAYER, "EUR", units * UNIT, "reels", "r1"))

    @property
    def wallet(self) -> Wallet:
        found = self.book.wallet(PLAYER)
        assert found is not None
        return found

    def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        key: str | None = None,
        token: str | None = None,
        query: dict[str, str] | None = None,
    ) -> Answer:
        """Ask in a session of its own, opened just now, unless one is named."""
        headers = {} if key is None else {"Idempotency-Key": key}
        return call(play_safety.handler, method, path, body, headers=headers, token=token or self.token(), query=query)

    def token(self, player_id: str = PLAYER, *, proved: bool = True) -> str:
        return self.visitors.open(player_id, stepped_up=proved).access_token

    def events(self) -> list[EventKind]:
        page = EventLog(Table(self.client, PLAYERS_TABLE)).page(PLAYER, 20, None)
        return [event.kind for event in page.events]


@pytest.fixture(autouse=True)
def world(dynamodb: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.setenv("LEDGER_TABLE", LEDGER_TABLE)
    monkeypatch.setenv("PLAYERS_TABLE", PLAYERS_TABLE)
    forget()
    with time_machine.travel(START_MS / 1000, tick=False) as traveller:
        made = World(dynamodb, traveller)
        made.visitors.come_to(play_safety.door, monkeypatch)
        made.post(OpenWallet.of(PLAYER, "EUR", "EE"))
        made.post(Deposit(Reference("gateway:standard", "dep_1"), PLAYER, "EUR", 100 * UNIT))
        yield made
    forget()


def forget() -> None:
    for cached in (play_safety._settings, play_safety._store, play_safety._desk):
        cached.cache_clear()


def test_every_decline_has_a_code() -> None:
    assert set(play_safety.CODES) == set(Decline)
    assert set(play_safety.CODES.values()) <= set(TABLE)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", OVERVIEW),
        ("GET", HISTORY),
        ("PUT", DEPOSIT_DAY),
        ("DELETE", DEPOSIT_DAY),
        ("DELETE", DEPOSIT_DAY + "/raise"),
        ("POST", DEPOSIT_DAY + "/raise/confirmation"),
        ("POST", "/v1/exclusions"),
        ("POST", "/v1/exclusions/reopening"),
        ("POST", "/v1/reality-checks"),
        ("PUT", "/v1/reality-checks/interval"),
    ],
)
def test_every_route_needs_a_session(method: str, path: str) -> None:
    answer = call(play_safety.handler, method, path, None)
    assert (answer.status, answer.code) == (401, "not_authenticated")


def test_the_overview_of_somebody_new(world: World) -> None:
    answer = world.ask("GET", OVERVIEW)
    assert answer.status == 200
    found = answer.json
    assert (found["at"], found["currency"], found["profile"]["code"]) == ("2026-01-01T12:00:00.000Z", "EUR", "NEUTRAL")
    assert (found["limits"], found["exclusion"], found["session"], found["check_minutes"]) == ([], None, None, 60)
    assert found["position"]["net_deposits"] == "100.00"
    assert found["verification"]["levels"] == []
    assert found["verification"]["needed"] == {"deposit": [], "play": [], "withdrawal": ["identity"]}
    assert len(found["choices"]["limits"]) == 11


def test_the_overview_of_somebody_who_plays(world: World) -> None:
    world.ask("PUT", "/v1/limits/loss/7d", {"amount": "20.00"})
    world.post(StartSession.of(PLAYER, "hub88", b"s" * 12, "reels", START_MS + 86_400_000, interval_ms=3_600_000))
    assert isinstance(world.bet(8), Posted)
    world.post(Win(Reference("game:hub88", "w1"), PLAYER, "EUR", 3 * UNIT, "reels", "r1"))
    desk = VerificationDesk(StandingStore(world.client, PLAYERS_TABLE), system_clock)
    desk.carry_out(Order(PLAYER, Word.VERIFY, "support.jane", "passport", "r-1"))
    world.time.shift(90)
    found = world.ask("GET", OVERVIEW).json
    (limit,) = found["limits"]
    assert (limit["kind"], limit["period"], limit["cap"], limit["spent"], limit["left"]) == ("loss", "7d", "20.00", "5.00", "15.00")
    session = found["session"]
    assert (session["seconds"], session["staked"], session["won"], session["net"]) == (90, "8.00", "3.00", "-5.00")
    assert session["next_check_at"] == "2026-01-01T13:00:00.000Z"
    assert found["verification"]["needed"]["withdrawal"] == []
    assert "identity" in found["verification"]["levels"]


def test_a_limit_is_set_lowered_and_raised_after_a_wait(world: World) -> None:
    answer = world.ask("PUT", DEPOSIT_DAY, {"amount": "100.00"})
    assert answer.status == 200
    limit = answer.json["limit"]
    assert (limit["cap"], limit["unit"], limit["left"], limit["pending"]) == ("100.00", "EUR", "100.00", None)
    assert world.ask("PUT", DEPOSIT_DAY, {"amount": "50.00"}).json["limit"]["cap"] == "50.00"
    limit = world.ask("PUT", DEPOSIT_DAY, {"amount": "80.00"}).json["limit"]
    assert limit["cap"] == "50.00"
    assert limit["pending"] == {
        "cap": "80.00",
        "effective_at": "2026-01-02T12:00:00.000Z",
        "needs_confirmation": False,
        "can_be_confirmed": False,
    }
    world.time.shift(DAY_S)
    assert world.ask("GET", OVERVIEW).json["limits"][0]["cap"] == "80.00"


def test_a_limit_of_time(world: World) -> None:
    world.ask("PUT", DEPOSIT_DAY, {"amount": "100.00"})
    limit = world.ask("PUT", "/v1/limits/session/each", {"minutes": 45}).json["limit"]
    assert (limit["cap"], limit["unit"], limit["spent"]) == ("45", "minutes", None)


@pytest.mark.parametrize(
    ("path", "body", "field", "message"),
    [
        ("/v1/limits/bonus/24h", {"amount": "1.00"}, "kind", "must be one of: deposit, wager, loss, stake, session"),
        ("/v1/limits/deposit/2d", {"amount": "1.00"}, "period", "must be one of: 24h, 7d, 1m"),
        ("/v1/limits/stake/24h", {"amount": "1.00"}, "period", "must be one of: each"),
        (DEPOSIT_DAY, {"amount": "-1.00"}, "amount", "must be a plain decimal of EUR, not negative and with at most 2 places"),
        (DEPOSIT_DAY, {"amount": "1.001"}, "amount", "must be a plain decimal of EUR, not negative and with at most 2 places"),
        (DEPOSIT_DAY, {"amount": "50000.01"}, "amount", "must be at most 50000.00"),
        (DEPOSIT_DAY, {"amount": 5}, "amount", "must be a text"),
        (DEPOSIT_DAY, {"amount": "1" * 33}, "amount", "must have at most 32 characters"),
        (DEPOSIT_DAY, {}, "amount", "is required"),
        (DEPOSIT_DAY, {"minutes": 5}, "minutes", "has no meaning for a deposit limit"),
        (DEPOSIT_DAY, {"amount": "1.00", "waits": 0}, "waits", "is not known"),
        ("/v1/limits/session/each", {"minutes": 1.5}, "minutes", "must be a whole number"),
        ("/v1/limits/session/each", {"minutes": 1441}, "minutes", "must be from 1 to 1440"),
        ("/v1/exclusions", {"kind": "forever", "length": "24h"}, "kind", "must be one of: time_out, self_exclusion"),
        ("/v1/exclusions", {"kind": "time_out", "length": "6w"}, "length", "must be one of: 24h, 7d, 1m"),
        ("/v1/exclusions", {"kind": "self_exclusion", "length": "1m"}, "length", "must be one of: 6m, 1y, 5y"),
        ("/v1/exclusions", {"kind": "time_out", "length": "24h", "since": "2025-01-01"}, "since", "is not known"),
        ("/v1/exclusions", {"kind": "time_out", "length": "24h", "until": "2025-01-01"}, "until", "is not known"),
        ("/v1/exclusions", {"kind": "time_out"}, "length", "is required"),
        ("/v1/reality-checks/interval", {"minutes": 90}, "minutes", "must be one of: 10, 15, 20, 30, 45, 60"),
        ("/v1/reality-checks/interval", {"minutes": 0}, "minutes", "must be one of: 10, 15, 20, 30, 45, 60"),
    ],
)
def test_bad_input_names_the_field_and_changes_nothing(world: World, path: str, body: Any, field: str, message: str) -> None:
    before = world.wallet
    answer = world.ask("POST" if path == "/v1/exclusions" else "PUT", path, body)
    assert (answer.status, answer.code) == (400, "invalid_request")
    assert answer.json["errors"] == [{"field": field, "message": message}]
    assert world.wallet == before


def test_what_loosens_needs_a_fresh_proof_and_what_protects_does_not(world: World) -> None:
    token = world.token(proved=False)
    assert world.ask("PUT", DEPOSIT_DAY, {"amount": "50.00"}, token=token).status == 200
    assert world.ask("PUT", DEPOSIT_DAY, {"amount": "40.00"}, token=token).status == 200
    assert world.ask("PUT", "/v1/reality-checks/interval", {"minutes": 10}, token=token).status == 200
    for method, path, body in (
        ("PUT", DEPOSIT_DAY, {"amount": "40.01"}),
        ("DELETE", DEPOSIT_DAY, None),
        ("POST", DEPOSIT_DAY + "/raise/confirmation", None),
        ("POST", "/v1/exclusions/reopening", None),
    ):
        answer = world.ask(method, path, body, token=token)
        assert (answer.status, answer.code) == (403, "step_up_required"), path
    assert world.ask("POST", "/v1/exclusions", {"kind": "time_out", "length": "24h"}, token=token).status == 201


def test_a_limit_is_removed_after_a_wait(world: World) -> None:
    assert world.ask("DELETE", DEPOSIT_DAY).code == "not_found"
    world.ask("PUT", DEPOSIT_DAY, {"amount": "50.00"})
    pending = world.ask("DELETE", DEPOSIT_DAY).json["limit"]["pending"]
    assert (pending["cap"], pending["effective_at"]) == (None, "2026-01-02T12:00:00.000Z")
    world.time.shift(DAY_S)
    assert world.ask("GET", OVERVIEW).json["limits"] == []


def test_a_raise_is_taken_back(world: World) -> None:
    world.ask("PUT", DEPOSIT_DAY, {"amount": "50.00"})
    answer = world.ask("DELETE", DEPOSIT_DAY + "/raise")
    assert (answer.status, answer.code) == (409, "nothing_pending")
    world.ask("PUT", DEPOSIT_DAY, {"amount": "60.00"})
    assert world.ask("DELETE", DEPOSIT_DAY + "/raise").json["limit"]["pending"] is None


def test_a_british_removal_is_confirmed_and_the_limit_is_gone(world: World) -> None:
    world.post(OpenWallet.of(BRITON, "GBP", "GB"))

    def ask(method: str, path: str, body: Any = None) -> Answer:
        return world.ask(method, path, body, token=world.token(BRITON))

    ask("PUT", DEPOSIT_DAY, {"amount": "50.00"})
    assert ask("DELETE", DEPOSIT_DAY).json["limit"]["pending"]["needs_confirmation"]
    assert ask("POST", DEPOSIT_DAY + "/raise/confirmation").code == "too_early"
    world.time.shift(DAY_S)
    assert ask("GET", OVERVIEW).json["limits"][0]["pending"]["can_be_confirmed"]
    answer = ask("POST", DEPOSIT_DAY + "/raise/confirmation")
    assert (answer.status, answer.json) == (200, {"limit": None})


def test_the_same_key_is_the_same_request(world: World) -> None:
    first = world.ask("PUT", DEPOSIT_DAY, {"amount": "50.00"}, key="k-1")
    again = world.ask("PUT", DEPOSIT_DAY, {"amount": "50.00"}, key='"k-1"')
    assert "Idempotency-Replayed" not in first.headers
    assert again.headers["Idempotency-Replayed"] == "true"
    assert again.json == first.json
    other = world.ask("PUT", DEPOSIT_DAY, {"amount": "40.00"}, key="k-1")
    assert (other.status, other.code) == (422, "idempotency_key_reused")
    assert world.wallet.version == 3


@pytest.mark.parametrize("key", ["", "a b", "x" * 129])
def test_a_key_that_is_none(world: World, key: str) -> None:
    answer = world.ask("PUT", DEPOSIT_DAY, {"amount": "50.00"}, key=key)
    assert (answer.status, answer.code, answer.wrong_fields) == (400, "invalid_request", ["Idempotency-Key"])


def test_a_break_ends_every_session_and_refuses_the_next_bet(world: World) -> None:
    here, elsewhere = world.token(), world.token()
    answer = world.ask("POST", "/v1/exclusions", {"kind": "time_out", "length": "24h"}, token=here)
    assert answer.status == 201
    exclusion = answer.json["exclusion"]
    assert (exclusion["kind"], exclusion["until"]) == ("time_out", "2026-01-02T12:00:00.000Z")
    assert exclusion["ends_by_itself"]
    for token in (here, elsewhere):
        assert world.ask("GET", OVERVIEW, token=token).code == "session_ended"
    assert EventKind.EXCLUDED in world.events()
    refused = world.bet(1)
    assert isinstance(refused, Refused)
    assert refused.reason is Reason.WALLET_EXCLUDED
    assert world.ask("GET", OVERVIEW).json["exclusion"]["kind"] == "time_out", "logging in again is possible"


def test_an_exclusion_is_not_shortened_and_repeats_are_known(world: World) -> None:
    body = {"kind": "self_exclusion", "length": "1y"}
    assert world.ask("POST", "/v1/exclusions", body, key="k-1").status == 201
    world.time.shift(60)
    answer = world.ask("POST", "/v1/exclusions", body, key="k-1")
    assert (answer.status, answer.headers["Idempotency-Replayed"]) == (201, "true")
    assert answer.json["exclusion"]["until"] == "2027-01-01T12:00:00.000Z"
    for shorter in ({"kind": "self_exclusion", "length": "6m"}, {"kind": "time_out", "length": "24h"}):
        answer = world.ask("POST", "/v1/exclusions", shorter)
        assert (answer.status, answer.code) == (409, "exclusion_runs")


def test_the_way_back_from_an_exclusion(world: World) -> None:
    assert world.ask("POST", "/v1/exclusions/reopening").code == "nothing_pending"
    world.ask("POST", "/v1/exclusions", {"kind": "self_exclusion", "length": "6m"})
    assert world.ask("POST", "/v1/exclusions/reopening").code == "too_early"
    world.time.move_to("2026-07-01T12:00:00+00:00")
    assert world.ask("GET", OVERVIEW).json["exclusion"]["can_ask_reopening"]
    answer = world.ask("POST", "/v1/exclusions/reopening")
    assert (answer.status, answer.json["exclusion"]["reopens_at"]) == (200, "2026-07-02T12:00:00.000Z")
    assert EventKind.REOPENING_ASKED in world.events()
    world.time.shift(DAY_S)
    assert world.ask("GET", OVERVIEW).json["exclusion"] is None
    assert isinstance(world.bet(1), Posted)


def test_a_reality_check_is_acknowledged_when_it_is_due(world: World) -> None:
    answer = world.ask("POST", "/v1/reality-checks")
    assert (answer.status, answer.code) == (409, "too_early")
    assert world.ask("PUT", "/v1/reality-checks/interval", {"minutes": 10}).json == {"check_minutes": 10, "session": None}
    assert isinstance(world.bet(5), Posted)
    world.time.shift(600)
    refused = world.bet(1)
    assert isinstance(refused, Refused)
    assert refused.reason is Reason.REALITY_CHECK_DUE
    assert world.ask("GET", OVERVIEW).json["session"]["check_due"]
    session = world.ask("POST", "/v1/reality-checks").json["session"]
    assert (session["check_due"], session["staked"], session["next_check_at"]) == (False, "5.00", "2026-01-01T12:20:00.000Z")
    assert isinstance(world.bet(1), Posted)


def test_the_history_in_plain_words(world: World) -> None:
    world.ask("PUT", "/v1/limits/wager/24h", {"amount": "5.00"})
    assert isinstance(world.bet(6), Refused)
    world.time.shift(60)
    world.ask("PUT", "/v1/limits/wager/24h", {"amount": "4.00"})
    page = world.ask("GET", HISTORY).json
    assert page["next_cursor"] is None
    assert [entry["text"] for entry in page["items"]] == [
        "You lowered a limit: stake at most 4.00 EUR in 24 hours instead of 5.00 EUR.",
        "A stake of 6.00 EUR was refused: your limit on what you stake over 24 hours.",
        "You set a limit: stake at most 5.00 EUR in 24 hours.",
    ]
    first = world.ask("GET", HISTORY, query={"limit": "1"}).json
    rest = world.ask("GET", HISTORY, query={"limit": "5", "cursor": first["next_cursor"]}).json
    assert [*first["items"], *rest["items"]] == page["items"]
    narrowed = world.ask("GET", HISTORY, query={"from": "2026-01-01T12:00:30Z", "to": "2026-01-02"}).json
    assert narrowed["items"] == page["items"][:1]


@pytest.mark.parametrize(
    ("query", "field"),
    [({"cursor": "x"}, "cursor"), ({"from": "yesterday"}, "from"), ({"limit": "0"}, "limit"), ({"kind": "x"}, "kind")],
)
def test_a_history_that_is_not_understood(world: World, query: dict[str, str], field: str) -> None:
    answer = world.ask("GET", HISTORY, query=query)
    assert (answer.status, answer.wrong_fields) == (400, [field])


def test_somebody_without_a_wallet(world: World) -> None:
    for method, path, body in (
        ("GET", OVERVIEW, None),
        ("GET", HISTORY, None),
        ("PUT", DEPOSIT_DAY, {"amount": "1.00"}),
        ("POST", "/v1/exclusions", {"kind": "time_out", "length": "24h"}),
    ):
        assert world.ask(method, path, body, token=world.token("pl_nobody")).code == "not_found"


def test_a_ledger_that_does_not_answer_is_worth_a_retry(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def lost(*_args: object) -> None:
        raise OutcomeUnknown(possibly_written=False)

    monkeypatch.setattr(Book, "wallet", lost)
    answer = world.ask("PUT", DEPOSIT_DAY, {"amount": "50.00"})
    assert (answer.status, answer.code) == (503, "temporarily_unavailable")
