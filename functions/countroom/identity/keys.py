"""The key of the access tokens, held by KMS: signing there, checking here with the public half."""

from collections.abc import Mapping
from typing import Any, Final, Protocol

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import load_der_public_key

_SCALAR_BYTES: Final = 32


class Kms(Protocol):
    """The calls used here of botocore's low-level KMS client."""

    def sign(self, **request: Any) -> dict[str, Any]: ...  # noqa: D102 - botocore's
    def get_public_key(self, **request: Any) -> dict[str, Any]: ...  # noqa: D102 - botocore's


class KmsSigner:
    """Signs with one KMS key of the ECC_NIST_P256 kind, named by its ARN."""

    def __init__(self, client: Kms, key_arn: str) -> None:
        self._client = client
        self._key_arn = key_arn

    @property
    def key_id(self) -> str:
        """The last part of the ARN: stable, and known without a call."""
        return _key_id(self._key_arn)

    def sign(self, message: bytes) -> bytes:
        """Return r || s, 64 bytes, as JWS wants it (RFC 7518 §3.4); KMS answers in DER."""
        answer = self._client.sign(KeyId=self._key_arn, Message=message, MessageType="RAW", SigningAlgorithm="ECDSA_SHA_256")
        r, s = decode_dss_signature(answer["Signature"])
        return r.to_bytes(_SCALAR_BYTES, "big") + s.to_bytes(_SCALAR_BYTES, "big")


class KmsPublicKeys:
    """The public halves of the KMS keys that count, each fetched once in a process: they never change."""

    def __init__(self, client: Kms, key_arns: tuple[str, ...]) -> None:
        self._client = client
        self._arns = {_key_id(arn): arn for arn in key_arns}
        self._keys: dict[str, EllipticCurvePublicKey] = {}

    def key(self, key_id: str) -> EllipticCurvePublicKey | None:
        """Return a key by its id; an id that is not ours is None without a call, so that forgers cost nothing."""
        if key_id not in self._arns:
            return None
        if key_id not in self._keys:
            self._keys[key_id] = self._fetch(self._arns[key_id])
        return self._keys[key_id]

    def all(self) -> Mapping[str, EllipticCurvePublicKey]:
        """Return every key that counts, by its id."""
        return {key_id: key for key_id in self._arns if (key := self.key(key_id)) is not None}

    def _fetch(self, arn: str) -> EllipticCurvePublicKey:
        key = load_der_public_key(self._client.get_public_key(KeyId=arn)["PublicKey"])
        if not isinstance(key, EllipticCurvePublicKey):
            raise TypeError("the token key is not an elliptic-curve key")
        return key


def _key_id(arn: str) -> str:
    return arn.rpartition("/")[2]
