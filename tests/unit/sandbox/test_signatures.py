"""The outside programs sign as the published texts say, checked with other implementations."""

import base64
import hashlib
import hmac
import json
from argparse import ArgumentParser
from datetime import UTC, datetime

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from standardwebhooks.webhooks import Webhook

from sandbox import keys
from sandbox.gateway import standard
from sandbox.provider import hub88


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
    private, public = keys.new_provider_key()
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


def test_a_bet_carries_the_fields_of_the_wire() -> None:
    parser = ArgumentParser()
    hub88.add_arguments(parser)
    words = "bet --token tok --amount 1.5 --game g --transaction-uuid t --round r --request-uuid q --user u --round-closed"
    said = hub88.request("bet", parser.parse_args(words.split()))
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
    parser = ArgumentParser()
    hub88.add_arguments(parser)
    said = hub88.request("rollback", parser.parse_args(["rollback", "--token", "tok", "--game", "g", "--reference", "b"]))
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
