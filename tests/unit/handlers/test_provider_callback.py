"""The entrance of provider callbacks over an account in this process: events in, answers out, the real table in between."""

import io
import json
import signal
from collections.abc import Iterator
from typing import Any

import pytest

from countroom.games.providers.desk import Desk
from countroom.games.providers.dialect import Fault
from countroom.ledger.book import Book
from countroom.ledger.movements import ID_MAX
from countroom.ledger.store import LedgerStore
from handlers import provider_callback
from runtime import aws as runtime_aws
from runtime import telemetry
from tests.unit.games.world import UNIT, WIRE, bet, private_key, public_pem, rollback, sign, win
from tests.unit.handlers import provider_world
from tests.unit.handlers.provider_world import furnished, hang, launched, secret_name, timed


@pytest.fixture
def book(dynamodb: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Book]:
    with furnished(dynamodb, monkeypatch, "hub88", {"public_keys": [public_pem(private_key())]}) as book:
        yield book


@pytest.fixture
def token(book: Book) -> str:
    return launched(book, "hub88")


def event(path: str, text: str, signature: str | None, *, encoded: bool = False) -> dict[str, Any]:
    headers = {} if signature is None else {"x-hub88-signature": signature}
    return provider_world.event("hub88", path, text, headers, encoded=encoded)


def invoke(given: dict[str, Any]) -> dict[str, Any]:
    status, body = provider_world.invoke(given)
    assert status == 200
    return body


def say(path: str, body: dict[str, Any]) -> dict[str, Any]:
    text = json.dumps(body)
    return invoke(event(path, text, sign(text.encode())))


def playing(token: str, **changes: Any) -> dict[str, Any]:
    return bet(token, **changes)


def cash(book: Book) -> int:
    wallet = book.wallet("pl_anna")
    assert wallet is not None
    return wallet.cash * WIRE // UNIT


def test_a_round_goes_through_the_real_table(book: Book, token: str) -> None:
    assert say("user/balance", {"request_uuid": "r", "token": token})["balance"] == 100 * WIRE
    assert say("transaction/bet", playing(token))["balance"] == 90 * WIRE
    assert say("transaction/bet", playing(token))["balance"] == 90 * WIRE
    assert say("transaction/bet", playing(token, amount=1))["status"] == "RS_ERROR_DUPLICATE_TRANSACTION"
    assert say("transaction/win", win(token))["balance"] == 115 * WIRE
    assert say("wallet/bet", playing(token, transaction_uuid="bet-2"))["balance"] == 105 * WIRE
    assert say("wallet/rollback", rollback(token, reference_transaction_uuid="bet-2"))["balance"] == 115 * WIRE
    assert say("wallet/win", win(token, transaction_uuid="w2", reference_transaction_uuid="bet-2"))["status"] == (
        "RS_ERROR_TRANSACTION_ROLLED_BACK"
    )
    assert say("transaction/rollback", rollback(token, transaction_uuid="r2", reference_transaction_uuid="b3"))["status"] == "RS_OK"
    assert say("transaction/bet", playing(token, transaction_uuid="b3"))["status"] == "RS_ERROR_DUPLICATE_TRANSACTION"
    assert cash(book) == 115 * WIRE


def test_the_longest_ids_fit_into_the_table(book: Book, token: str) -> None:
    def long(letter: str) -> str:
        return letter * ID_MAX

    longest = playing(token, transaction_uuid=long("b"), round=long("r"), request_uuid=long("q"))
    assert say("transaction/bet", longest)["balance"] == 90 * WIRE
    paid = win(token, transaction_uuid=long("w"), reference_transaction_uuid=long("b"), round=long("r"), game_code=long("g"))
    assert say("transaction/win", paid)["balance"] == 115 * WIRE
    back = rollback(token, transaction_uuid=long("k"), reference_transaction_uuid=long("w"), round=long("r"), game_code=long("g"))
    assert say("transaction/rollback", back)["balance"] == 90 * WIRE
    assert cash(book) == 90 * WIRE


def test_a_body_that_arrives_in_base64_is_checked_as_it_was_signed(book: Book, token: str) -> None:
    text = json.dumps(playing(token))
    assert invoke(event("transaction/bet", text, sign(text.encode()), encoded=True))["status"] == "RS_OK"
    assert cash(book) == 90 * WIRE


def test_the_same_json_with_other_white_space_is_not_what_was_signed(book: Book, token: str) -> None:
    signature = sign(json.dumps(playing(token)).encode())
    answer = invoke(event("transaction/bet", json.dumps(playing(token), indent=1), signature))
    assert answer["status"] == "RS_ERROR_INVALID_SIGNATURE"
    assert cash(book) == 100 * WIRE


@pytest.mark.parametrize("signature", [None, "", "AAAA"])
def test_without_a_signature_nothing_happens(book: Book, token: str, signature: str | None) -> None:
    assert invoke(event("transaction/bet", json.dumps(playing(token)), signature))["status"] == "RS_ERROR_INVALID_SIGNATURE"
    assert cash(book) == 100 * WIRE


@pytest.mark.parametrize(
    "change",
    [
        {"body": None},
        {"headers": None},
        {"pathParameters": None},
        {"body": "{\ud800}"},
        {"body": "%%%", "isBase64Encoded": True},
    ],
    ids=["no-body", "no-headers", "no-path", "surrogate", "bad-base64"],
)
def test_a_strange_event_gets_an_answer(book: Book, token: str, change: dict[str, Any]) -> None:
    text = json.dumps(playing(token))
    answer = invoke({**event("transaction/bet", text, sign(text.encode())), **change})
    expected = "RS_ERROR_WRONG_SYNTAX" if "pathParameters" in change else "RS_ERROR_INVALID_SIGNATURE"
    assert answer["status"] == expected
    assert cash(book) == 100 * WIRE


@pytest.mark.usefixtures("book")
def test_a_key_that_was_rotated_in_is_found(token: str) -> None:
    assert say("user/balance", {"request_uuid": "r", "token": token})["status"] == "RS_OK"
    provider_callback._desk()._keys._source._refresh_seconds = 0  # type: ignore[attr-defined]  # no waiting in a test
    runtime_aws.client("secretsmanager").put_secret_value(
        SecretId=secret_name("hub88"),
        SecretString=json.dumps({"public_keys": [public_pem(private_key()), public_pem(private_key(1))]}),
    )
    text = json.dumps({"request_uuid": "r", "token": token})
    assert invoke(event("user/balance", text, sign(text.encode(), private_key(1))))["status"] == "RS_OK"


def test_a_secret_without_keys_stops_everything_and_calls_nothing_refused(book: Book, token: str) -> None:
    runtime_aws.client("secretsmanager").put_secret_value(
        SecretId=secret_name("hub88"), SecretString=json.dumps({"generated": "placeholder"})
    )
    assert say("transaction/bet", playing(token))["status"] == "RS_ERROR_UNKNOWN"
    assert cash(book) == 100 * WIRE


@timed
@pytest.mark.parametrize("landed", [False, True])
def test_an_answer_is_out_in_time_whatever_hangs(book: Book, token: str, monkeypatch: pytest.MonkeyPatch, *, landed: bool) -> None:
    real = LedgerStore.commit

    def hanging(store: LedgerStore, *decided: Any) -> Any:
        if landed:
            real(store, *decided)
        hang()

    with monkeypatch.context() as patch:
        patch.setattr(LedgerStore, "commit", hanging)
        answer = say("transaction/bet", playing(token))
    assert answer == {"request_uuid": playing(token)["request_uuid"], "status": "RS_ERROR_TIMEOUT"}
    assert cash(book) == (90 if landed else 100) * WIRE, "a call that was given up may have landed"
    assert say("transaction/rollback", rollback(token))["balance"] == 100 * WIRE


def test_no_timer_is_left_running_after_an_answer(token: str) -> None:
    assert say("transaction/bet", playing(token))["status"] == "RS_OK"
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


def test_a_fault_of_ours_is_unknown_and_logged_without_its_words(
    book: Book, token: str, monkeypatch: pytest.MonkeyPatch, log: io.StringIO
) -> None:
    def broken(*_: Any) -> Any:
        raise ZeroDivisionError("a secret word")

    with monkeypatch.context() as patch:
        patch.setattr(Book, "post", broken)
        assert say("transaction/bet", playing(token))["status"] == "RS_ERROR_UNKNOWN"
    lines = log_lines(log)
    assert any("ZeroDivisionError" in json.dumps(line) and line["level"] == "ERROR" for line in lines)
    assert "a secret word" not in json.dumps(lines)
    assert cash(book) == 100 * WIRE


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    """What the function's logger writes; metrics are printed."""
    stream = io.StringIO()
    monkeypatch.setattr(telemetry.logger.registered_handler, "stream", stream)
    return stream


def log_lines(log: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in log.getvalue().splitlines()]


def printed(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines() if line.startswith("{")]


def metric(lines: list[dict[str, Any]], name: str) -> list[tuple[float, dict[str, Any]]]:
    """Values of a metric with all that stands beside them."""
    return [(line[name][0], line) for line in lines if "_aws" in line and name in line]


def test_one_log_line_a_call_with_ids_and_outcome_and_no_secret(token: str, log: io.StringIO) -> None:
    body = playing(token)
    say("transaction/bet", body)
    (line,) = log_lines(log)
    expected = {
        "message": "provider call",
        "level": "INFO",
        "provider": "hub88",
        "code": "RS_OK",
        "kind": "bet",
        "player_id": "pl_anna",
        "transaction": "game:hub88#bet-1",
        "game": "x_reels",
        "round": "round-1",
        "provider_request_id": body["request_uuid"],
        "moved": True,
    }
    assert {name: line.get(name) for name in expected} == expected
    assert token not in json.dumps(line)
    assert token.partition(".")[2] not in json.dumps(line)
    assert sign(json.dumps(body).encode()) not in json.dumps(line)


def test_metrics_count_bets_refusals_and_rejected_signatures_by_provider(token: str, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    say("transaction/bet", playing(token))
    lines = printed(capsys)
    assert [metric(lines, name)[0][0] for name in ("ProviderCalls", "BetsAccepted")] == [1, 1]
    dimensions = [kind["Dimensions"] for line in lines if "_aws" in line for kind in line["_aws"]["CloudWatchMetrics"]]
    assert dimensions == [[["service"]]], "the alarms watch the metrics of this function's service, under no other dimension"
    for name in ("SignatureRejected", "IdempotencyMismatch", "OutcomeUnknown", "ProviderRefusals"):
        assert not metric(lines, name)

    say("transaction/bet", playing(token))
    assert metric(printed(capsys), "BetsAccepted")[0][0] == 0, "a repeat is no further bet"

    say("transaction/bet", playing(token, amount=1))
    lines = printed(capsys)
    assert metric(lines, "IdempotencyMismatch")[0][0] == 1
    assert [beside["cause"] for _, beside in metric(lines, "ProviderRefusals")] == ["duplicate_transaction"]

    invoke(event("transaction/bet", "{}", "AAAA"))
    lines = printed(capsys)
    assert metric(lines, "SignatureRejected")[0][0] == 1
    assert [beside["cause"] for _, beside in metric(lines, "ProviderRefusals")] == [Fault.BAD_SIGNATURE]


def test_an_open_outcome_is_counted_and_logged_as_an_error(
    token: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], log: io.StringIO
) -> None:
    capsys.readouterr()
    monkeypatch.setattr(Desk, "serve", lambda desk, call: desk.give_up(call, Fault.OUT_OF_TIME))
    assert say("transaction/bet", playing(token))["status"] == "RS_ERROR_TIMEOUT"
    assert metric(printed(capsys), "OutcomeUnknown")[0][0] == 1
    assert [line["level"] for line in log_lines(log)] == ["ERROR"]
