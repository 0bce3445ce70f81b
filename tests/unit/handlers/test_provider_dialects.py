"""The entrance of provider callbacks in every dialect: what each must do the same, over the real table in this process."""

import io
import json
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlencode

import pytest
import rfc8785

from countroom.games import providers
from countroom.games.providers import registry
from countroom.ledger.book import Book
from countroom.ledger.store import LedgerStore
from handlers import provider_callback
from runtime import aws as runtime_aws
from runtime import telemetry
from tests.unit.conftest import LEDGER_TABLE
from tests.unit.games import wires, world
from tests.unit.games.world import UNIT, private_key, public_pem
from tests.unit.handlers.provider_world import CATALOGUE_TABLE, event, forget, furnished, hang, invoke, launched, secret_name, timed

Answer = tuple[int, dict[str, Any]]


class Wire(NamedTuple):
    """How one dialect says the same things."""

    secret: dict[str, Any]
    bet: Callable[[str], Answer]
    rollback: Callable[[str], Answer]
    balance: Callable[[str], Answer]
    unknown: Answer
    late: Answer
    unsigned: int
    name: str


def hub88_says(path: str, body: dict[str, Any]) -> Answer:
    text = json.dumps(body)
    return invoke(event("hub88", path, text, {"x-hub88-signature": world.sign(text.encode())}))


def swipe_says(path: str, body: dict[str, Any]) -> Answer:
    raw = rfc8785.dumps(body)
    return invoke(event("swipe", path, raw.decode(), {"x-request-sign": wires.hexmac(raw)}))


def swipe_balance(session: str) -> Answer:
    signature = wires.hexmac(rfc8785.dumps({"sessionID": session}))
    query = urlencode({"sessionID": session})
    return invoke(event("swipe", "balance", "", {"x-request-sign": signature}, method="GET", query=query))


def batch_says(*actions: dict[str, Any]) -> Answer:
    text = json.dumps(wires.play(*actions, currency="EUR", game="x_reels"))
    return invoke(event("action_batch", "play", text, {"x-request-sign": wires.hexmac(text.encode())}))


WIRES = {
    "hub88": Wire(
        {"public_keys": [public_pem(private_key())]},
        lambda token: hub88_says("transaction/bet", world.bet(token)),
        lambda token: hub88_says("transaction/rollback", world.rollback(token)),
        lambda token: hub88_says("user/balance", {"request_uuid": "r", "token": token}),
        (200, {"request_uuid": world.bet("")["request_uuid"], "status": "RS_ERROR_TIMEOUT"}),
        (200, {"request_uuid": world.bet("")["request_uuid"], "status": "RS_ERROR_DUPLICATE_TRANSACTION"}),
        200,
        "game:hub88#bet-1",
    ),
    "swipe": Wire(
        {"secrets": [wires.SECRET]},
        lambda token: swipe_says("bet", wires.swipe_bet(token)),
        lambda token: swipe_says("refund", wires.swipe_refund(token)),
        swipe_balance,
        (500, {"message": "The outcome is not known.", "details": "out_of_time"}),
        (400, {"message": "The transaction cannot be accepted.", "details": "late_original"}),
        401,
        f"game:swipe#{wires.BET_1}",
    ),
    "action_batch": Wire(
        {"secrets": [wires.SECRET]},
        lambda _token: batch_says(wires.act("bet", "bet-1", 1000)),
        lambda _token: batch_says(wires.back("rollback-1", "bet-1")),
        lambda _token: batch_says(),
        (500, {"code": 500, "message": "Unknown error"}),
        (200, {}),
        403,
        "game:batch#bet-1",
    ),
}


@pytest.fixture(params=WIRES)
def provider(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture
def wire(provider: str) -> Wire:
    return WIRES[provider]


@pytest.fixture
def book(dynamodb: Any, monkeypatch: pytest.MonkeyPatch, provider: str) -> Iterator[Book]:
    with furnished(dynamodb, monkeypatch, provider, WIRES[provider].secret) as book:
        yield book


@pytest.fixture
def token(book: Book, provider: str) -> str:
    return launched(book, provider)


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    """What the function's logger writes; metrics are printed."""
    stream = io.StringIO()
    monkeypatch.setattr(telemetry.logger.registered_handler, "stream", stream)
    return stream


def lines(log: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in log.getvalue().splitlines()]


def cash(book: Book) -> int:
    wallet = book.wallet("pl_anna")
    assert wallet is not None
    assert wallet.proves_itself
    return wallet.cash // UNIT


class Requests:
    """Every request to AWS that the function's clients make."""

    def __init__(self, service: str) -> None:
        self.operations: list[str] = []
        provider_callback._desk()
        for connect_s, read_s in (
            (provider_callback.CONNECT_S, provider_callback.READ_S),
            (provider_callback.COPIED_CONNECT_S, provider_callback.COPIED_READ_S),
        ):
            client = runtime_aws.client(service, connect_timeout=connect_s, read_timeout=read_s, max_attempts=1)
            client.meta.events.register(f"before-call.{service}", self._note)

    def _note(self, model: Any, **_: Any) -> None:
        self.operations.append(model.name)


def test_a_bet_costs_two_requests_to_the_table_session_check_included(book: Book, token: str, provider: str, wire: Wire) -> None:
    requests = Requests("dynamodb")
    provider_callback._desk()._games.current()
    assert requests.operations == ["GetItem", "GetItem"], "the catalogue's head and its page, then not for half a minute"
    reads = {"hub88": "GetItem", "swipe": "TransactGetItems", "action_batch": "GetItem"}
    for asked_again in ([], [] if provider == "action_batch" else ["TransactGetItems"]):  # was it taken back since?
        requests.operations.clear()
        assert wire.bet(token)[0] == 200
        assert requests.operations == [reads[provider], "TransactWriteItems", *asked_again]
        assert cash(book) == 90


@timed
@pytest.mark.parametrize("landed", [False, True])
def test_an_answer_is_out_in_time_whatever_hangs_and_what_follows_is_right(
    book: Book, token: str, wire: Wire, monkeypatch: pytest.MonkeyPatch, log: io.StringIO, *, landed: bool
) -> None:
    """Slow store → unknown → rollback → late original."""
    real = LedgerStore.commit

    def hanging(store: LedgerStore, *decided: Any) -> Any:
        if landed:
            real(store, *decided)
        hang()

    desk = provider_callback._desk()
    with monkeypatch.context() as patch:
        patch.setattr(LedgerStore, "commit", hanging)
        assert wire.bet(token) == wire.unknown
    (line,) = lines(log)
    said = line["transaction"]
    assert (said if isinstance(said, str) else said[0]) == wire.name, "operators must find what is open"
    assert line["level"] == "ERROR"
    assert cash(book) == (90 if landed else 100)
    assert wire.rollback(token)[0] == 200
    assert cash(book) == 100
    answer = wire.bet(token)
    if wire.late == (200, {}):
        assert answer[0] == 200
        assert "balance" in answer[1]
    else:
        assert answer == wire.late
    assert cash(book) == 100
    assert provider_callback._desk() is desk, "keys and catalogue are not forgotten with the clients"


def test_a_fault_of_ours_is_unknown_and_says_which_transaction(
    book: Book, token: str, wire: Wire, monkeypatch: pytest.MonkeyPatch, log: io.StringIO
) -> None:
    def broken(*_: Any) -> Any:
        raise ZeroDivisionError("a secret word")

    with monkeypatch.context() as patch:
        patch.setattr(LedgerStore, "commit", broken)
        status, answer = wire.bet(token)
    assert status == wire.unknown[0]
    assert "balance" not in answer
    last = lines(log)[-1]
    assert wire.name in json.dumps(last)
    assert (last["level"], last["cause"]) == ("ERROR", "broken")
    assert "a secret word" not in log.getvalue()
    assert token not in log.getvalue()
    assert cash(book) == 100


def test_nothing_happens_without_a_signature(book: Book, provider: str, wire: Wire) -> None:
    for path in ("transaction/bet", "bet", "play"):
        status, answer = invoke(event(provider, path, '{"request_uuid":"r"}', {}))
        assert status == wire.unsigned
        assert "balance" not in answer
    assert cash(book) == 100


def test_a_bad_new_version_of_the_secret_does_not_stop_the_provider_and_is_reported(
    book: Book, token: str, provider: str, wire: Wire, log: io.StringIO, capsys: pytest.CaptureFixture[str]
) -> None:
    assert wire.balance(token)[0] == 200
    runtime_aws.client("secretsmanager").put_secret_value(
        SecretId=secret_name(provider), SecretString=json.dumps({"secrets": "a secret word", "public_keys": "a secret word"})
    )
    provider_callback._desk()._keys._source._refresh_seconds = 0  # type: ignore[attr-defined]  # no waiting in a test
    assert provider_callback._desk()._keys.renewed() == ()
    assert wire.bet(token)[0] == 200
    assert cash(book) == 90
    assert any("no usable key" in line["message"] and line["level"] == "ERROR" for line in lines(log))
    assert "a secret word" not in log.getvalue()
    assert "ProviderKeysUnusable" in capsys.readouterr().out


def test_an_old_copy_of_the_catalogue_serves_on_and_that_is_counted(
    book: Book,
    dynamodb: Any,
    token: str,
    wire: Wire,
    monkeypatch: pytest.MonkeyPatch,
    log: io.StringIO,
    capsys: pytest.CaptureFixture[str],
) -> None:
    seconds = 1_000.0
    games: Any = provider_callback._desk()._games
    monkeypatch.setattr(games, "_timer", lambda: seconds)
    games.current()
    dynamodb.delete_table(TableName=CATALOGUE_TABLE)
    seconds += 60
    assert wire.bet(token)[0] == 200
    assert cash(book) == 90
    assert "CatalogueStale" in capsys.readouterr().out
    assert any(line["level"] == "ERROR" and "catalogue" in line["message"] for line in lines(log))
    seconds += 3_600
    status, answer = wire.bet(token)
    assert status == wire.unknown[0]
    assert "balance" not in answer
    assert wire.rollback(token)[0] == 200, "a rollback needs no catalogue"
    assert cash(book) == 100


@pytest.mark.parametrize("provider", ["swipe"], indirect=True)
@pytest.mark.usefixtures("book")
def test_a_call_that_was_not_understood_to_its_end_is_logged_by_its_name(log: io.StringIO) -> None:
    status, _ = WIRES["swipe"].bet("pl_nobody." + "a" * 32)
    assert status == 404
    (line,) = lines(log)
    assert line["transaction"] == WIRES["swipe"].name
    assert "kind" not in line


# ------------------------------------------------------------------------------------------------------------------- health


def health(provider: str) -> Answer:
    given = event(provider, "health", "", {}, method="GET")
    del given["pathParameters"]
    return invoke(given)


@pytest.mark.usefixtures("book")
def test_health_is_well_while_keys_and_table_can_be_read(provider: str) -> None:
    assert health(provider) == (200, {"status": "ok"})


@pytest.mark.usefixtures("book")
def test_health_reads_once_for_a_flood_of_questions(provider: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "monotonic", lambda: 1_000.0)
    requests = Requests("dynamodb")
    for _ in range(20):
        assert health(provider)[0] == 200
    assert requests.operations == ["GetItem"]


@pytest.mark.usefixtures("book")
def test_health_tells_no_internals_when_the_table_or_the_keys_are_away(
    dynamodb: Any, provider: str, monkeypatch: pytest.MonkeyPatch, log: io.StringIO
) -> None:
    monkeypatch.setenv("PROVIDER_SECRET", "countroom/test/nothing")
    forget()
    assert health(provider) == (503, {"status": "unavailable"})
    monkeypatch.setenv("PROVIDER_SECRET", secret_name(provider))
    forget()
    assert health(provider)[0] == 200
    dynamodb.delete_table(TableName=LEDGER_TABLE)
    forget()
    assert health(provider) == (503, {"status": "unavailable"})
    assert "ResourceNotFoundException" in log.getvalue()


@pytest.mark.usefixtures("book")
@pytest.mark.parametrize("path", ["anything/health", "balance/health", "health/health", "/health"])
def test_health_is_one_route_and_nothing_below_another(provider: str, path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(provider_callback, "_health", lambda: pytest.fail("the health was served"))
    requests = Requests("dynamodb")
    assert invoke(event(provider, path, "", {}, method="GET")) == (404, {"message": "Not Found"})
    assert requests.operations == []


@timed
@pytest.mark.usefixtures("book")
def test_health_answers_in_time_while_the_table_hangs(provider: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(provider_callback, "HEALTH_S", 0.2)
    monkeypatch.setattr(LedgerStore, "wallet", lambda *_: threading.Event().wait(10))
    assert health(provider) == (503, {"status": "unavailable"})


# --------------------------------------------------------------------------------------------------------- a fourth dialect

FOURTH = '''
"""A made-up provider: `<word> <verb> <id> <player> <cents>` in plain text."""

import hmac

from countroom.games.providers.dialect import Done, Enquiry, Order, Reply
from countroom.games.providers.strict import BadSyntax
from countroom.ledger.movements import Bet, Reference, Rollback, Win


class Fourth:
    provider = "fourth"

    def keys(self, secret):
        return [secret["word"].encode()]

    def authentic(self, call, keys):
        return any(hmac.compare_digest(call.body.partition(b" ")[0], key) for key in keys)

    def patience_s(self, call):
        return 1.0

    def understand(self, call):
        words = call.body.decode().split()[1:]
        if len(words) != 4:
            raise BadSyntax("four words")
        verb, name, player, cents = words
        reference, nanos = Reference("game:fourth", name), int(cents) * 10**7
        match verb:
            case "ask":
                return Enquiry(name, player, None)
            case "bet":
                return Order(name, Bet(reference, player, "EUR", nanos, "x_reels", "r"))
            case "win":
                return Order(name, Win(reference, player, "EUR", nanos, "x_reels", "r"))
        return Order(name, Rollback(reference, player, Reference("game:fourth", verb), "x_reels", "r"))

    def answer(self, call, request, result):
        if isinstance(result, Done):
            return Reply(200, '{"cents":%d}' % (result.available // 10**7), "fine")
        return Reply(418, '{"cause":"%s"}' % result.cause, str(result.cause))


DIALECT = Fourth()
'''


@pytest.fixture
def fourth(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dynamodb: Any) -> Iterator[Book]:
    """The function as the made-up provider's: one file on the package's path, its secret and its games; nothing else."""
    (tmp_path / "fourth.py").write_text(textwrap.dedent(FOURTH), encoding="utf-8")
    monkeypatch.setattr(providers, "__path__", [*providers.__path__, str(tmp_path)])
    with furnished(dynamodb, monkeypatch, "fourth", {"word": "please"}) as book:
        yield book
    sys.modules.pop("countroom.games.providers.fourth", None)


def test_a_fourth_dialect_is_one_file(fourth: Book, log: io.StringIO) -> None:
    def say(text: str) -> Answer:
        return invoke(event("fourth", "", text, {}))

    before = sorted(path.name for path in Path(str(providers.__file__)).parent.glob("*.py"))
    assert "fourth.py" not in before
    assert say("please bet b1 pl_anna 1000") == say("please bet b1 pl_anna 1000") == (200, {"cents": 9_000})
    assert say("please bet b1 pl_anna 999") == (418, {"cause": "duplicate_transaction"})
    assert say("please bet b2 pl_anna 999999") == (418, {"cause": "insufficient_funds"})
    assert say("please win w1 pl_anna 500") == (200, {"cents": 9_500})
    assert say("please b1 r1 pl_anna 0") == (200, {"cents": 10_500})
    assert say("please b3 r3 pl_anna 0") == (200, {"cents": 10_500})
    assert say("please bet b3 pl_anna 100") == (418, {"cause": "late_original"})
    assert say("now! bet b4 pl_anna 100") == (418, {"cause": "bad_signature"})
    assert say("please nonsense") == (418, {"cause": "bad_syntax"})
    assert health("fourth") == (200, {"status": "ok"})
    assert cash(fourth) == 105
    assert [line["code"] for line in lines(log)][:2] == ["fine", "fine"]


def test_the_made_up_dialect_is_gone_with_its_file() -> None:
    with pytest.raises(registry.UnknownProvider):
        registry.dialect("fourth")
