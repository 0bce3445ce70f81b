"""The outside programs sign as the published texts say, checked with other implementations."""

import base64
import hashlib
import hmac
import json
from argparse import ArgumentParser, Namespace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
import rfc8785
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from standardwebhooks.webhooks import Webhook

from sandbox import keys
from sandbox.gateway import standard
from sandbox.provider import action_batch, hub88, swipe
from sandbox.provider.table import Seat, Turn
from sandbox.stack import Provider

HERE = "http://127.0.0.1:1/v1/x"


def test_standard_webhooks_published_vector() -> None:
    signed = standard.sign(
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}'
    )
    assert signed == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_the_reference_implementation_accepts_what_the_gateway_signs() -> None:
    secret = keys.new_webhook_secret()
    body = standard.payment_event("payment.succeeded", "dep_1", "pay_1", "10.00", "EUR", 1_790_000_000.25)
    now = int(datetime.now(UTC).timestamp())
    headers = {"webhook-id": "msg_1", "webhook-timestamp": str(now), "webhook-signature": standard.sign(secret, "msg_1", now, body)}
    assert Webhook(secret).verify(body.decode(), headers) == {
        "type": "payment.succeeded",
        "timestamp": "2026-09-21T14:13:20.250Z",
        "data": {"deposit_id": "dep_1", "payment_id": "pay_1", "amount": "10.00", "currency": "EUR"},
    }


def test_another_secret_signs_otherwise() -> None:
    one, other = keys.new_webhook_secret(), keys.new_webhook_secret()
    assert standard.sign(one, "msg", 1, b"{}") != standard.sign(other, "msg", 1, b"{}")
    key = base64.b64decode(one.removeprefix("whsec_"))
    assert len(key) == keys.WEBHOOK_SECRET_BYTES
    assert (
        standard.sign(one, "msg", 1, b"{}")
        == "v1," + base64.b64encode(hmac.new(key, b"msg.1.{}", hashlib.sha256).digest()).decode()
    )


def test_hub88_signs_raw_bytes_with_rsa_pkcs1_sha256() -> None:
    private, public = keys.new_rsa_key()
    body = b'{"a":1}'
    signature = base64.b64decode(hub88.sign(private, body), validate=True)
    key = serialization.load_pem_public_key(public.encode())
    assert isinstance(key, rsa.RSAPublicKey)
    assert key.key_size == keys.RSA_BITS
    key.verify(signature, body, padding.PKCS1v15(), hashes.SHA256())
    with pytest.raises(InvalidSignature):
        key.verify(signature, b'{"a": 1}', padding.PKCS1v15(), hashes.SHA256())


@pytest.mark.parametrize(
    ("amount", "units"), [("3.56", 356000), ("0.00001", 1), ("0", 0), ("63727092.34", 6372709234000), ("-1", -100000)]
)
def test_amounts_are_scaled_exactly(amount: str, units: int) -> None:
    assert hub88.scaled(amount) == units


@pytest.mark.parametrize("amount", ["0.000001", "ten", "", "NaN", "Infinity"])
def test_an_amount_that_the_wire_cannot_carry_is_refused(amount: str) -> None:
    with pytest.raises(ValueError, match="is"):
        hub88.scaled(amount)


@pytest.mark.parametrize(
    ("units", "shown"), [(356000, "3.56"), (100000, "1.00"), (1, "0.00001"), (10000000, "100.00"), (0, "0.00")]
)
def test_amounts_are_shown_in_main_units(units: int, shown: str) -> None:
    assert hub88.unscaled(units) == shown


def options_of(words: str) -> Namespace:
    parser = ArgumentParser()
    parser.add_argument("action")
    parser.add_argument("--currency", default="EUR")
    hub88.add_arguments(parser)
    return parser.parse_args(words.split())


def test_a_bet_carries_the_fields_of_the_wire() -> None:
    words = "bet --token tok --amount 1.5 --game g --transaction-uuid t --round r --request-uuid q --user u --round-closed"
    said = hub88.request("bet", options_of(words))
    assert json.loads(json.dumps(said)) == {
        "request_uuid": "q",
        "token": "tok",
        "game_code": "g",
        "transaction_uuid": "t",
        "round": "r",
        "round_closed": True,
        "amount": 150000,
        "currency": "EUR",
        "is_free": False,
        "user": "u",
        "supplier_user": hub88.SUPPLIER_USER,
    }


def test_a_rollback_carries_neither_amount_nor_currency() -> None:
    said = hub88.request("rollback", options_of("rollback --token tok --game g --reference b"))
    assert said.keys() == {
        "request_uuid",
        "token",
        "game_code",
        "transaction_uuid",
        "round",
        "round_closed",
        "reference_transaction_uuid",
    }
    assert said["reference_transaction_uuid"] == "b"


# ------------------------------------------------------------------------------------------------------- canonical JSON


@pytest.mark.parametrize(
    "said",
    [
        {"sessionID": "a", "amount": "1.50", "txID": "t"},
        {"b": 1, "a": {"z": [3, 2, {"y": None, "x": True}], "": "empty"}},
        {"ö": "ä€", "z": 'a"b\\c\n\t\x01\x7f', "A": "/"},
        {"\ue000": 1, "\U0001f600": 2, "a": -7},  # in UTF-16 the second comes first
        {},
    ],
)
def test_canonical_json_is_what_another_implementation_writes(said: dict[str, Any]) -> None:
    assert swipe.canonical(said) == rfc8785.dumps(said)


def test_swipe_never_signs_a_float() -> None:
    with pytest.raises(TypeError, match="texts"):
        swipe.sign("secret", {"amount": 1.5})


def test_swipe_signs_what_is_said_and_sends_it_as_it_likes() -> None:
    provider = Provider(HERE, secret="s3")
    message = swipe.post(provider, "bet", {"txID": "t", "amount": "1.50"})
    wanted = hmac.new(b"s3", b'{"amount":"1.50","txID":"t"}', hashlib.sha256).hexdigest()
    assert message.headers["X-REQUEST-SIGN"] == wanted
    assert message.body == b'{"txID": "t", "amount": "1.50"}'
    asked = swipe.ask(provider, {"sessionID": "gs.a+b"})
    assert asked.url == f"{HERE}/balance?sessionID=gs.a%2Bb"
    assert asked.headers["X-REQUEST-SIGN"] == hmac.new(b"s3", b'{"sessionID":"gs.a+b"}', hashlib.sha256).hexdigest()


# -------------------------------------------------------------------------------------------------------- action batches

COMPACT = b'{"user_id":"8|USDT|USD","currency":"USD","game":"acceptance:test"}'


def test_action_batch_public_vectors() -> None:
    """The same call, compact and with a space after each colon: the signature is over the bytes."""
    assert action_batch.sign("test", COMPACT) == "442c4cd8926008096225416b21f5a1862fbf4fc4e5224362e3b463e85a39f40a"
    spaced = COMPACT.replace(b":", b": ").replace(b"acceptance: test", b"acceptance:test")
    assert action_batch.sign("test", spaced) == "7376e78d5f65ca750c9719d2163daffa129e8a07ba9a1abe12241b3b1de51295"


def test_action_batch_signs_the_bytes_that_it_sends_in_either_header() -> None:
    provider = Provider(HERE, secret="test")
    message = action_batch.post(provider, COMPACT)
    assert (message.url, message.body) == (f"{HERE}/play", COMPACT)
    assert message.headers["X-REQUEST-SIGN"] == action_batch.sign("test", COMPACT)
    other = action_batch.post(provider, COMPACT, in_authorization=True)
    assert other.headers["Authorization"] == f"HMAC-SHA256 {action_batch.sign('test', COMPACT)}"
    assert "X-REQUEST-SIGN" not in other.headers


@pytest.mark.parametrize(("amount", "currency", "units"), [("1.50", "EUR", 150), ("7", "JPY", 7), ("0.001", "KWD", 1)])
def test_minor_units(amount: str, currency: str, units: int) -> None:
    assert action_batch.minor(Decimal(amount), currency) == units
    assert action_batch.major(units, currency) == Decimal(amount)


@pytest.mark.parametrize(("amount", "currency"), [("0.001", "EUR"), ("0.5", "JPY"), ("NaN", "EUR")])
def test_an_amount_finer_than_its_currency_is_refused(amount: str, currency: str) -> None:
    with pytest.raises(ValueError, match="finer"):
        action_batch.minor(Decimal(amount), currency)


def test_a_keys_text_shows_in_no_repr() -> None:
    seat = Seat(Provider(HERE, secret="hidden-one"), "pl_1", "EUR", "g", token="hidden-two")
    assert not any(secret in repr(seat) for secret in ("hidden-one", "hidden-two"))
    message = swipe.SPEAKER.bet(seat, Turn("t", "r", Decimal("1.50")))
    assert message.headers["X-REQUEST-SIGN"] not in repr(message)
