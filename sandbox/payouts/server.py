"""Where the house pays out: one server on loopback that plays Adyen's and PaymentIQ's APIs as they are published.

    POST /adyen/transfers                                           an order, once under its Idempotency-Key
    GET  /adyen/transfers?reference=…                               what has become of it
    POST /paymentiq/api/<method>/withdrawal/process                 an order; the house is asked for its authorisation
    GET  /paymentiq/api/user/transaction/<merchant>/<user>[/<txId>/status]
    GET  /books                                                     all payouts, for whoever compares
    PUT  /trouble {"chance": 0.2, "seed": 7}                        lose and break calls from now on
    PUT  /<gateway>/down {"seconds": 20}                            let nothing through for so long

An amount chooses what becomes of a payout (`lives`). Nothing is taken before the keys are there (`trust`).
"""

import contextlib
import hmac
import json
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar, Final
from urllib.parse import parse_qs, urlsplit

from sandbox.gateway.paymentiq import call
from sandbox.payouts import adyen, paymentiq
from sandbox.payouts.bank import Bank, BrokenError, HangError, LostError, Payout
from sandbox.payouts.lives import Turn
from sandbox.provider.line import Message, exchange
from sandbox.stack import Gateway
from sandbox.wire import Answer, NoAnswerError

HOST: Final = "127.0.0.1"
BODY_BYTES_MAX: Final = 16 * 1024
CALLBACK_SECONDS: Final = 10.0
ASKS_MAX: Final = 20
HANG_SECONDS: Final = 30.0
GATEWAYS: Final = ("adyen", "paymentiq")
BALANCE_ACCOUNT, MERCHANT_ID, METHOD = "BA00000000000000000000001", "1000", "creditcard"
_NO_ANSWER: Final = Answer(599, b"")


@dataclass(slots=True)
class Counter:
    """The gateways' counter: their bank, the keys, and the ways back to the house."""

    url: str = ""
    bank: Bank = field(default_factory=Bank)
    gateways: Mapping[str, Gateway] = field(default_factory=dict)
    api_key: str = field(default="", repr=False)

    @property
    def urls(self) -> dict[str, str]:
        """Gateway → base URL of its payout API."""
        return {gateway: f"{self.url}/{gateway}" for gateway in GATEWAYS}

    @property
    def secrets(self) -> dict[str, dict[str, str]]:
        """Gateway → what the house needs to order payouts there."""
        return {
            "adyen": {"api_key": self.api_key, "balance_account": BALANCE_ACCOUNT},
            "paymentiq": {"merchant_id": MERCHANT_ID, "method": METHOD},
        }

    def trust(self, gateways: Mapping[str, Gateway], api_key: str) -> None:
        """Take on where to tell the house, with which keys, and the key that the house orders with."""
        self.gateways, self.api_key = dict(gateways), api_key
        self.bank.say = {"adyen": self._say_adyen, "paymentiq": self._say_paymentiq}
        self.bank.admit = {"paymentiq": self._may}

    def transfers(self, said: dict[str, Any], key: str) -> dict[str, Any]:
        """Take an order in Adyen's words. Raises ValueError, naming the field, and what the bank raises."""
        payout = self.bank.take(adyen.order_of(said, key, BALANCE_ACCOUNT), keyed=True)
        return adyen.transfer(payout, BALANCE_ACCOUNT, None, payout.order.amount)

    def found_transfers(self, reference: str) -> dict[str, Any]:
        """Give the transfers under a reference. Raises what the bank raises."""
        return {"data": [adyen.shown(one, BALANCE_ACCOUNT) for one in self.bank.ask("adyen", reference)]}

    def process(self, said: dict[str, Any]) -> dict[str, Any]:
        """Take an order in PaymentIQ's words, from a player whom the house knows. Raises ValueError and what the bank raises."""
        asked = {"sessionId": str(said.get("sessionId")), "userId": str(said.get("userId"))}
        known = _sent(call(self.gateways["paymentiq"], "verifyuser", asked))
        if not paymentiq.is_success(known):
            if not paymentiq.is_final(known):
                raise BrokenError
            return {"success": False, "txState": "FAILED", "statusCode": "ERR_USER_SESSION_INVALID", "txId": "0", "errors": []}
        order = paymentiq.order_of(said, MERCHANT_ID, str(known.json()["balanceCy"]))
        return paymentiq.shown(self.bank.take(order, keyed=False))

    def found_transactions(self, user_id: str, tx_id: str, session: str) -> dict[str, Any]:
        """Give the transactions of a session, or one of them. Raises what the bank raises."""
        found = [one for one in self.bank.ask("paymentiq", paymentiq.reference_of(session)) if one.order.session == session]
        if tx_id:
            one = [each for each in found if each.name == tx_id]
            return paymentiq.shown(one[0]) if one else {"success": False, "errors": [{"msg": "no such transaction"}]}
        mine = [paymentiq.shown(each) for each in found if each.order.player_id == user_id]
        return {"merchantId": int(MERCHANT_ID), "userId": user_id, "success": True, "transactions": mine}

    def _say_adyen(self, payout: Payout, turn: Turn, _event_id: str) -> bool:
        return adyen.is_taken(_sent(adyen.webhook(self.gateways["adyen"], payout, turn, BALANCE_ACCOUNT)))

    def _say_paymentiq(self, payout: Payout, turn: Turn, _event_id: str) -> bool:
        return paymentiq.is_final(_sent(paymentiq.turn_call(self.gateways["paymentiq"], payout, turn)))

    def _may(self, payout: Payout) -> bool:
        """Ask for an authorisation, again until there is an answer."""
        for attempt in range(ASKS_MAX):
            time.sleep(min(1.0, 0.2 * attempt))
            answer = _sent(paymentiq.may(self.gateways["paymentiq"], payout))
            if paymentiq.is_final(answer):
                return paymentiq.is_success(answer)
        return False


def _sent(message: Message) -> Answer:
    try:
        return exchange(message, CALLBACK_SECONDS).answer
    except NoAnswerError:
        return _NO_ANSWER


class _Handler(BaseHTTPRequestHandler):
    counter: ClassVar[Counter]
    timeout = HANG_SECONDS
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        """Take an order."""
        self._serve(self._order)

    def do_GET(self) -> None:
        """Answer a question."""
        self._serve(self._question)

    def do_PUT(self) -> None:
        """Be told what is to go wrong."""
        self._serve(self._told)

    def _order(self) -> tuple[HTTPStatus, Any]:
        parts, counter = urlsplit(self.path).path.strip("/").split("/"), self.counter
        if parts == ["adyen", "transfers"]:
            if not self._is_house():
                return HTTPStatus.UNAUTHORIZED, {"title": "Unauthorized", "status": 401, "errorCode": "00_401"}
            try:
                return HTTPStatus.ACCEPTED, counter.transfers(self._object(), self.headers.get("Idempotency-Key", ""))
            except ValueError as error:
                fields = [{"name": str(error), "message": "invalid"}]
                said = {"title": "Invalid", "status": 422, "errorCode": "30_011", "invalidFields": fields}
                return HTTPStatus.UNPROCESSABLE_ENTITY, said
        if parts == ["paymentiq", "api", METHOD, "withdrawal", "process"]:
            return HTTPStatus.OK, counter.process(self._object())
        return HTTPStatus.NOT_FOUND, {"error": "no such route"}

    def _question(self) -> tuple[HTTPStatus, Any]:
        address = urlsplit(self.path)
        asked = {name: values[-1] for name, values in parse_qs(address.query).items()}
        parts = address.path.strip("/").split("/")
        match parts:
            case ["books"]:
                return HTTPStatus.OK, {"payouts": self.counter.bank.books(), "unsaid": self.counter.bank.unsaid}
            case ["adyen", "transfers"]:
                if not self._is_house():
                    return HTTPStatus.UNAUTHORIZED, {"title": "Unauthorized", "status": 401, "errorCode": "00_401"}
                if not {"reference", "createdSince", "createdUntil", "balanceAccountId"} <= asked.keys():
                    return HTTPStatus.UNPROCESSABLE_ENTITY, {"title": "Invalid", "status": 422, "errorCode": "30_011"}
                return HTTPStatus.OK, self.counter.found_transfers(asked["reference"])
            case ["paymentiq", "api", "user", "transaction", merchant, user, *rest] if merchant == MERCHANT_ID:
                tx_id = rest[0] if rest else ""
                return HTTPStatus.OK, self.counter.found_transactions(user, tx_id, asked.get("sessionId", ""))
        return HTTPStatus.NOT_FOUND, {"error": "no such route"}

    def _told(self) -> tuple[HTTPStatus, Any]:
        parts, said = urlsplit(self.path).path.strip("/").split("/"), self._object()
        match parts:
            case ["trouble"]:
                self.counter.bank.trouble(float(said["chance"]), int(said.get("seed", 0)))
            case [gateway, "down"] if gateway in GATEWAYS:
                self.counter.bank.go_down(gateway, float(said["seconds"]))
            case _:
                return HTTPStatus.NOT_FOUND, {"error": "no such thing to tell"}
        return HTTPStatus.OK, {}

    def _is_house(self) -> bool:
        given, key = self.headers.get("X-API-Key", ""), self.counter.api_key
        return bool(key) and hmac.compare_digest(given.encode(), key.encode())

    def _serve(self, answer: Any) -> None:
        try:
            status, said = answer()
        except LostError:
            self.close_connection = True
            return
        except HangError:
            self.counter.bank.closed.wait(HANG_SECONDS)
            self.close_connection = True
            return
        except BrokenError:
            status, said = HTTPStatus.INTERNAL_SERVER_ERROR, {"title": "Something is wrong here", "status": 500}
        except (ValueError, KeyError, TypeError) as error:
            status, said = HTTPStatus.BAD_REQUEST, {"error": str(error)}
        body = json.dumps(said).encode()
        with contextlib.suppress(OSError):  # who asked has hung up
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    def _object(self) -> dict[str, Any]:
        length = int(self.headers.get("Content-Length") or 0)
        if not 0 <= length <= BODY_BYTES_MAX:
            self.close_connection = True
            raise ValueError("the body is too large")
        said = json.loads(self.rfile.read(length))
        if not isinstance(said, dict):
            raise ValueError("not an object")  # noqa: TRY004 - it is a value of what came in
        return said

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is the base class's
        """Write nothing: the requests hold keys."""


@contextlib.contextmanager
def running(port: int = 0) -> Iterator[Counter]:
    """Run the server on loopback, on a free port unless one is named; leaving ends it. Nothing is taken before `trust`."""
    counter = Counter()

    class Handler(_Handler):
        pass

    class Server(ThreadingHTTPServer):
        request_queue_size = 128
        daemon_threads = True

    Handler.counter = counter
    server = Server((HOST, port), Handler)
    counter.url = f"http://{HOST}:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True)
    thread.start()
    counter.bank.start()
    try:
        yield counter
    finally:
        counter.bank.close()
        server.shutdown()
        server.server_close()
        thread.join(5.0)
