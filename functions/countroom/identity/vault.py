"""Personal data at rest: sealed one by one with a customer-managed key that never leaves KMS.

The encryption context binds what is sealed to its player and its use (and shows both in CloudTrail, never the content): a sealed
value moved to another player or another place does not open.
"""

from enum import StrEnum
from typing import Any, Final, Protocol

from botocore.exceptions import BotoCoreError, ClientError

from countroom.identity.refusals import Unavailable

DATA_MAX: Final = 4096
"""Most bytes that KMS encrypts directly."""

_SERVER_ERROR: Final = 500
_PASSING: Final = frozenset(
    {
        "ThrottlingException",
        "LimitExceededException",
        "RequestLimitExceeded",
        "KMSInternalException",
        "DependencyTimeoutException",
        "KeyUnavailableException",
    }
)


class Holds(StrEnum):
    """What a sealed value is; a value sealed as one does not open as another."""

    PROFILE = "profile"
    FACTOR = "factor"
    REGISTRATION = "registration"
    EMAIL_CHANGE = "email_change"


class NotOurs(Exception):
    """The sealed value was made for another player or use, or was altered."""


class Kms(Protocol):
    """The calls used here of botocore's low-level KMS client."""

    def encrypt(self, **request: Any) -> Any: ...  # noqa: D102 - botocore's
    def decrypt(self, **request: Any) -> Any: ...  # noqa: D102 - botocore's


class Vault:
    """Seals and opens with one symmetric KMS key, named by its ARN. One call each; raises Unavailable when KMS does not answer."""

    def __init__(self, client: Kms, key_arn: str) -> None:
        self._client = client
        self._key_arn = key_arn

    def seal(self, player_id: str, holds: Holds, data: bytes) -> bytes:
        """Encrypt at most DATA_MAX bytes for one player and one use."""
        if len(data) > DATA_MAX:
            raise ValueError(f"more than {DATA_MAX} bytes to seal")
        answer = self._call(self._client.encrypt, KeyId=self._key_arn, Plaintext=data, EncryptionContext=_context(player_id, holds))
        return self._part(answer, "CiphertextBlob")

    def open(self, player_id: str, holds: Holds, sealed: bytes) -> bytes:
        """Decrypt what `seal` made of the same player and use. Raises NotOurs."""
        answer = self._call(
            self._client.decrypt, KeyId=self._key_arn, CiphertextBlob=sealed, EncryptionContext=_context(player_id, holds)
        )
        return self._part(answer, "Plaintext")

    def _call(self, call: Any, **request: Any) -> Any:
        try:
            return call(**request)
        except ClientError as error:
            code = error.response.get("Error", {}).get("Code")
            if code == "InvalidCiphertextException":
                raise NotOurs("a sealed value does not open") from None
            status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
            if status >= _SERVER_ERROR or code in _PASSING:
                raise Unavailable("the personal key is busy") from error
            raise
        except BotoCoreError as error:
            raise Unavailable("the personal key did not answer") from error

    def _part(self, answer: Any, name: str) -> bytes:
        # botocore hands on an answer that it cannot read as an empty one
        if name not in answer:
            raise Unavailable("an answer of the personal key was cut short")
        return bytes(answer[name])


def _context(player_id: str, holds: Holds) -> dict[str, str]:
    return {"player_id": player_id, "holds": holds.value}
