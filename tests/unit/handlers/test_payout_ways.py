"""The way to the gateways over a real wire: whatever a gateway does to a call is Unclear unless it is exactly an answer."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from pytest_socket import disable_socket, enable_socket, socket_allow_hosts

from countroom.cashier.payouts.port import Declined, NotFound, Said, Taken, Unclear
from countroom.cashier.withdrawals.withdrawal import Word
from handlers.parts.payout_ways import PayoutWays
from runtime.outbound import Limits, NoCircuit
from runtime.secrets import SecretUnavailable
from tests.unit.cashier.payouts.support import WITHDRAWAL_ID, transaction, transfer, withdrawal
from tests.unit.cashier.support import nanos
from tests.unit.clock import START_MS

LIMITS = Limits(connect_s=0.5, read_s=0.3, total_s=0.8, tries_max=2, wait_s=0.01)
SECRETS = {"adyen": {"api_key": "k", "balance_account": "b"}, "paymentiq": {"merchant_id": "1", "method": "bank"}}


@pytest.fixture(autouse=True)
def loopback() -> Iterator[None]:
    enable_socket()
    socket_allow_hosts(["127.0.0.1"])
    yield
    disable_socket()


@dataclass
class Gateway:
    """A gateway that does to the n-th call what the n-th of `acts` says; the last one again and again."""

    acts: list[Callable[[BaseHTTPRequestHandler], None]]
    seen: list[tuple[str, str, dict[str, str], bytes]] = field(default_factory=list)
    url: str = ""


def answers(status: int, value: Any, kind: str = "application/json") -> Callable[[BaseHTTPRequestHandler], None]:
    def act(handler: BaseHTTPRequestHandler) -> None:
        body = value if isinstance(value, bytes) else json.dumps(value).encode()
        handler.send_response(status)
        handler.send_header("Content-Type", kind)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    return act


def hangs(_handler: BaseHTTPRequestHandler) -> None:
    threading.Event().wait(1.0)


def cuts(handler: BaseHTTPRequestHandler) -> None:
    handler.close_connection = True


@contextmanager
def running(*acts: Callable[[BaseHTTPRequestHandler], None]) -> Iterator[Gateway]:
    gateway = Gateway(list(acts))

    class Handler(BaseHTTPRequestHandler):
        def _serve(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            gateway.seen.append((self.command, self.path, dict(self.headers), body))
            gateway.acts[min(len(gateway.seen), len(gateway.acts)) - 1](self)

        do_GET = do_POST = _serve  # noqa: N815 - the base class's names

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
            """Write nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    gateway.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield gateway
    finally:
        server.shutdown()
        server.server_close()


class Secret:
    def __init__(self, value: dict[str, Any] | None) -> None:
        self._value = value

    def json(self) -> dict[str, Any]:
        if self._value is None:
            raise SecretUnavailable("x")
        return self._value


def ways(url: str, secret: dict[str, Any] | None = None, gateway: str = "adyen", *, unreadable: bool = False) -> PayoutWays:
    held = Secret(None if unreadable else secret or SECRETS[gateway])
    return PayoutWays({gateway: url}, {gateway: held}, lambda _name: NoCircuit(), lambda: START_MS, LIMITS)


def test_an_order_and_its_question_travel_as_they_are_written() -> None:
    with running(answers(202, transfer()), answers(200, {"data": [transfer(status="booked")]})) as gateway:
        port = ways(gateway.url)
        assert port.submit(withdrawal()) == Taken("TR1")
        assert port.status(withdrawal()) == Said(Word.PAID, "TR1", "", nanos("20.00"), "EUR")
    (method, path, headers, body), (asked, where, key, _) = gateway.seen
    assert (method, path, headers["Idempotency-Key"], headers["X-API-Key"]) == ("POST", "/transfers", WITHDRAWAL_ID, "k")
    assert json.loads(body)["reference"] == WITHDRAWAL_ID
    assert (asked, where.partition("?")[0], key["X-API-Key"]) == ("GET", "/transfers", "k")


@pytest.mark.parametrize(
    ("act", "reason"),
    [
        (hangs, "timed_out"),
        (cuts, "cut_off"),
        (answers(500, {}), "server_error_500"),
        (answers(503, transfer(status="refused")), "server_error_503"),
        (answers(302, {}), "redirected_302"),
        (answers(202, b"<html>", "text/html"), "wrong_media_type_202"),
        (answers(202, b'{"status": "refused"'), "not_json_202"),
        (answers(202, b'{"id":"TR1","id":"TR2"}'), "not_json_202"),
        (answers(202, b'{"a": NaN}'), "not_json_202"),
        (answers(401, {"status": 401}), "status_401"),
    ],
)
@pytest.mark.parametrize("gateway_name", ["adyen", "paymentiq"])
def test_trouble_on_the_way_is_unclear(act: Any, reason: str, gateway_name: str) -> None:
    with running(act) as gateway:
        port, one = ways(gateway.url, gateway=gateway_name), withdrawal(gateway=gateway_name)
        assert port.submit(one) == Unclear(reason)
        assert len(gateway.seen) == 1  # each try of an order is counted, so none is made here
        assert port.status(one) == Unclear(reason)
    assert {method for method, _, _, _ in gateway.seen[1:]} == {"GET"}


def test_an_order_that_was_cut_off_is_sent_again_under_its_key() -> None:
    with running(cuts, answers(202, transfer())) as gateway:
        port = ways(gateway.url)
        assert (port.submit(withdrawal()), port.submit(withdrawal())) == (Unclear("cut_off"), Taken("TR1"))
    first, second = gateway.seen
    assert (first[2]["Idempotency-Key"], first[3]) == (second[2]["Idempotency-Key"], second[3])


def test_the_gateways_own_no_and_not_found_come_through() -> None:
    failed = transaction(txState="FAILED", statusCode="ERR_DECLINED_NO_FUNDS", success=False)
    listed = {"userId": withdrawal().player_id, "success": True, "transactions": []}
    with running(answers(200, failed), answers(200, listed)) as gateway:
        port, one = ways(gateway.url, gateway="paymentiq"), withdrawal(gateway="paymentiq")
        assert port.submit(one) == Declined("ERR_DECLINED_NO_FUNDS")
        assert port.status(one) == NotFound()


def test_what_is_not_set_up_or_readable_is_unclear_and_sends_nothing() -> None:
    with running(answers(202, transfer())) as gateway:
        for port, one, reason in (
            (ways(gateway.url), withdrawal(gateway="stripe"), "not_set_up"),
            (ways("http://example.com"), withdrawal(), "not_set_up"),
            (ways(gateway.url, {"api_key": "k"}), withdrawal(), "bad_credentials"),
            (ways(gateway.url, unreadable=True), withdrawal(), "secret_unavailable"),
        ):
            assert port.submit(one) == port.status(one) == Unclear(reason)
    assert gateway.seen == []


def test_nobody_there_is_unclear() -> None:
    port = ways("http://127.0.0.1:9")
    assert port.submit(withdrawal()) == port.status(withdrawal()) == Unclear("not_connected")
