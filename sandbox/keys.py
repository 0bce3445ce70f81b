"""The keys of the outside world, made fresh at each start, and their public halves handed over as an operator would."""

import base64
import json
import secrets

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from sandbox import aws

RSA_BITS = 2048
WEBHOOK_SECRET_BYTES = 24  # Standard Webhooks asks for 24 to 64


def new_provider_key() -> tuple[str, str]:
    """Make an RSA key pair; gives private and public key as PEM."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=RSA_BITS)
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    return private.decode(), public.decode()


def new_webhook_secret() -> str:
    """Make a Standard Webhooks secret: `whsec_` and base64 of random bytes."""
    return "whsec_" + base64.b64encode(secrets.token_bytes(WEBHOOK_SECRET_BYTES)).decode()


def hand_over(endpoint: str, hub88_secret_arn: str, public_keys: list[str], gateway_secret_arn: str, secret: str) -> None:
    """Put the provider's public keys and the gateway's shared secret where the app looks for them."""
    manager = aws.client("secretsmanager", endpoint)
    manager.put_secret_value(SecretId=hub88_secret_arn, SecretString=json.dumps({"public_keys": public_keys}))
    manager.put_secret_value(SecretId=gateway_secret_arn, SecretString=json.dumps({"secrets": [secret]}))
