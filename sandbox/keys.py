"""The keys of the outside world, made fresh at each start, and their public halves handed over as an operator would."""

import base64
import json
import secrets
from collections.abc import Mapping

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from sandbox import aws

RSA_BITS = 2048
WEBHOOK_SECRET_BYTES = 24  # Standard Webhooks asks for 24 to 64
SHARED_SECRET_BYTES = 32


def new_rsa_key() -> tuple[str, str]:
    """Make an RSA key pair; gives private and public key as PEM."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=RSA_BITS)
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    return private.decode(), public.decode()


def new_webhook_secret() -> str:
    """Make a Standard Webhooks secret: `whsec_` and base64 of random bytes."""
    return "whsec_" + base64.b64encode(secrets.token_bytes(WEBHOOK_SECRET_BYTES)).decode()


def new_hex_key() -> str:
    """Make a key as Adyen writes its own: 256 random bits in capital hex digits."""
    return secrets.token_hex(SHARED_SECRET_BYTES).upper()


def new_shared_secret() -> str:
    """Make a secret that a provider and the house both sign with: 256 random bits in URL-safe base64."""
    return secrets.token_urlsafe(SHARED_SECRET_BYTES)


def new_gateway_secrets() -> dict[str, str]:
    """Make what each payment gateway signs with, in the form of its own."""
    webhook = {name: new_webhook_secret() for name in ("standard", "stripe")}
    return webhook | {"adyen": new_hex_key(), "paymentiq": new_shared_secret()}


def hand_over(endpoint: str, values: Mapping[str, object]) -> None:
    """Put values where the app looks for them, as an operator would: ARN of a secret → what it holds, as JSON."""
    manager = aws.client("secretsmanager", endpoint)
    for arn, value in values.items():
        manager.put_secret_value(SecretId=arn, SecretString=json.dumps(value))
