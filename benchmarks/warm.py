"""One warm callback Lambda in this process: the real handler, a real signature, the emulator's DynamoDB behind it."""

import base64
import json
import os
from collections.abc import Callable
from typing import Any

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from countroom.clock import system_clock
from countroom.games.catalogue_store import CatalogueStore
from countroom.games.curator import Curator, Deed
from countroom.ledger import sessions
from countroom.ledger.book import Book
from countroom.ledger.movements import Deposit, OpenWallet, Reference, StartSession
from countroom.ledger.store import LedgerStore
from countroom.money import from_scaled
from sandbox.staff import game_lists

PLAYER, GAME = "pl_warmbench", "cwk_clockworkreels"
_STAKE = 100_000  # one euro in the protocol's unit


class WarmCallback:
    """The handler with its events: `sign` a number outside what is timed, then `work` it."""

    def __init__(self, handler: Callable[[dict[str, Any], Any], Any], key: rsa.RSAPrivateKey, token: str) -> None:
        self._handler = handler
        self._key = key
        self._token = token
        self._events: dict[int, dict[str, Any]] = {}

    def sign(self, number: int) -> None:
        """Make and sign the bet of a number."""
        self._events[number] = _event(self._key, self._token, number)

    def work(self, number: int) -> None:
        """Let the handler answer the bet; raise RuntimeError unless it is accepted."""
        answer = self._handler(self._events[number], _Context())
        if json.loads(answer["body"])["status"] != "RS_OK":
            raise RuntimeError(f"a warm bet was refused: {answer['body']}")


def prepare(endpoint: str, dynamodb: Any, secrets: Any, table: str, games: str) -> WarmCallback:
    """Open a wallet, import the games, hand over a key, set the environment, and return the warm handler."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    arn = secrets.create_secret(Name="bench-hub88", SecretString=json.dumps({"public_keys": [public.decode()]}))["ARN"]
    token = _open(dynamodb, table)
    Curator(CatalogueStore(dynamodb, games), system_clock).import_list(
        "hub88", game_lists()["hub88"], Deed("bench", "to be played")
    )
    os.environ.update(
        {
            "AWS_ENDPOINT_URL": endpoint,
            "AWS_REGION": "eu-west-1",
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "PROVIDER": "hub88",
            "PROVIDER_SECRET": arn,
            "LEDGER_TABLE": table,
            "GAMES_TABLE": games,
            "POWERTOOLS_METRICS_NAMESPACE": "Countroom",
            "POWERTOOLS_SERVICE_NAME": "bench",
        }
    )
    from handlers import provider_callback  # noqa: PLC0415 - reads its settings from the environment prepared above

    return WarmCallback(provider_callback.handler, key, token)


def _open(dynamodb: Any, table: str) -> str:
    book = Book(LedgerStore(dynamodb, table), system_clock)
    book.post(OpenWallet.of(PLAYER, "EUR", "MT"))
    book.post(Deposit(Reference("gateway:bench", "warm"), PLAYER, "EUR", from_scaled(10**9, 2)))
    token = sessions.issue(PLAYER, bytes(sessions.SECRET_BYTES))
    digest = sessions.parse(token).digest
    book.post(StartSession.of(PLAYER, "hub88", digest, GAME, system_clock() + 3_600_000))
    return token


def _event(key: rsa.RSAPrivateKey, token: str, number: int) -> dict[str, Any]:
    bet = {
        "request_uuid": f"request-{number:027d}",
        "transaction_uuid": f"00000000-0000-4000-8000-{number:012d}",
        "user": PLAYER,
        "token": token,
        "round": f"round-{number:029d}",
        "round_closed": False,
        "is_free": False,
        "game_code": GAME,
        "currency": "EUR",
        "amount": _STAKE,
    }
    body = json.dumps(bet).encode()
    signature = base64.b64encode(key.sign(body, padding.PKCS1v15(), hashes.SHA256())).decode()
    return {
        "version": "2.0",
        "rawPath": "/v1/hub88/transaction/bet",
        "pathParameters": {"proxy": "transaction/bet"},
        "headers": {"x-hub88-signature": signature, "content-type": "application/json"},
        "requestContext": {"requestId": f"bench-{number}", "http": {"method": "POST", "path": "/v1/hub88/transaction/bet"}},
        "body": body.decode(),
        "isBase64Encoded": False,
    }


class _Context:
    """A Lambda context."""

    function_name = "bench"
    memory_limit_in_mb = 512
    invoked_function_arn = "arn:aws:lambda:eu-west-1:000000000000:function:bench"
    aws_request_id = "00000000-0000-4000-8000-000000000000"

    def get_remaining_time_in_millis(self) -> int:
        return 10_000
