"""The keys of the access tokens, held by KMS: signing there, checking here with the public halves.

Several keys count at a time, so that one can follow another without a gap: the first signs, all verify. A new key is added at the
end (every process learns to verify it), then moved to the front (it signs), and the old one leaves the list when the last token
that it signed has expired.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final, Protocol

from botocore.exceptions import BotoCoreError, ClientError
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import load_der_public_key

_SCALAR_BYTES: Final = 32
_SERVER_ERROR: Final = 500
_PASSING: Final = frozenset(
    {
        "ThrottlingException",
        "LimitExceededException",
        "DependencyTimeoutException",
        "KMSInternalException",
        "KeyUnavailableException",
    }
)


class KeysUnavailable(Exception):
    """KMS did not answer, or not in whole: nothing is known of a token."""


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
        """Return r || s, 64 bytes, as JWS wants it (RFC 7518 §3.4); KMS answers in DER. Raises KeysUnavailable."""
        answer = _answer(
            self._client.sign, KeyId=self._key_arn, Message=message, MessageType="RAW", SigningAlgorithm="ECDSA_SHA_256"
        )
        r, s = decode_dss_signature(_part(answer, "Signature"))
        return r.to_bytes(_SCALAR_BYTES, "big") + s.to_bytes(_SCALAR_BYTES, "big")


class KmsPublicKeys:
    """The public halves of the KMS keys that count, each fetched once in a process: they never change."""

    def __init__(self, client: Kms, key_arns: tuple[str, ...]) -> None:
        self._client = client
        self._arns = {_key_id(arn): arn for arn in key_arns}
        self._keys: dict[str, EllipticCurvePublicKey] = {}

    def key(self, key_id: str) -> EllipticCurvePublicKey | None:
        """Return a key by its id; an id that is not ours is None without a call, so that forgers cost nothing.

        Raises KeysUnavailable when one of ours cannot be fetched.
        """
        if key_id not in self._arns:
            return None
        if key_id not in self._keys:
            self._keys[key_id] = self._fetch(self._arns[key_id])
        return self._keys[key_id]

    def all(self) -> Mapping[str, EllipticCurvePublicKey]:
        """Return every key that counts, by its id."""
        return {key_id: key for key_id in self._arns if (key := self.key(key_id)) is not None}

    def _fetch(self, arn: str) -> EllipticCurvePublicKey:
        key = load_der_public_key(_part(_answer(self._client.get_public_key, KeyId=arn), "PublicKey"))
        if not isinstance(key, EllipticCurvePublicKey):
            raise TypeError("the token key is not an elliptic-curve key")
        return key


def _answer(call: Callable[..., dict[str, Any]], **request: Any) -> dict[str, Any]:
    try:
        return call(**request)
    except ClientError as error:
        status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
        if status >= _SERVER_ERROR or error.response.get("Error", {}).get("Code") in _PASSING:
            raise KeysUnavailable from error
        raise
    except BotoCoreError as error:
        raise KeysUnavailable from error


def _part(answer: dict[str, Any], name: str) -> bytes:
    # botocore hands on an answer that it cannot read as an empty one
    if name not in answer:
        raise KeysUnavailable
    return bytes(answer[name])


def _key_id(arn: str) -> str:
    return arn.rpartition("/")[2]
