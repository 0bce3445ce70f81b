"""The players table: the only place that spells its keys and attributes.

| item | pk | sk | holds |
| --- | --- | --- | --- |
| profile | `PLAYER#<player id>` | `PROFILE` | who the player is; personal data lives here and nowhere else |
| credentials | `EMAIL#<digest>` | `CREDENTIALS` | whose address it is and the password's hash: one read at login |
| guesses | `EMAIL#<digest>` | `GUESSES#<window>` | how many passwords were tried for the address in a window of time |

The digest is SHA-256 of the normalised address under a prefix of its own, so that the address is in no key, log or metric. It hides
nothing from somebody who holds the table and a list of addresses; the table's key in KMS is what protects it.
"""

import hashlib
from dataclasses import dataclass
from typing import Any, Final, Protocol

from botocore.exceptions import ClientError

_DIGEST_PREFIX: Final = b"countroom/email/1\x00"
_GUESSES_KEPT_SECONDS: Final = 3600


class DynamoDB(Protocol):
    """The calls used here of botocore's low-level DynamoDB client."""

    def get_item(self, **request: Any) -> dict[str, Any]: ...  # noqa: D102 - botocore's
    def update_item(self, **request: Any) -> dict[str, Any]: ...  # noqa: D102 - botocore's


@dataclass(frozen=True, slots=True)
class Account:
    """A new account as it is first written. `password_hash` is argon2's encoded form; instants are ISO 8601, UTC."""

    player_id: str
    email: str
    password_hash: str
    date_of_birth: str
    country: str
    currency: str
    accepted_terms: str
    created_at: str


@dataclass(frozen=True, slots=True)
class Credentials:
    """What login needs of an account."""

    player_id: str
    password_hash: str


class PlayersStore:
    """Reads and changes items of the players table."""

    def __init__(self, client: DynamoDB, table: str) -> None:
        self._client = client
        self._table = table

    def creation(self, account: Account) -> list[dict[str, Any]]:
        """Return the writes of a new account, to be committed in one transaction with the opening of its wallet.

        Each stands on the condition that nothing is there yet: two registrations of one address cannot both commit.
        """
        profile = {
            "pk": _profile_key(account.player_id),
            "sk": "PROFILE",
            "player_id": account.player_id,
            "email": account.email,
            "date_of_birth": account.date_of_birth,
            "country": account.country,
            "currency": account.currency,
            "accepted_terms": account.accepted_terms,
            "terms_accepted_at": account.created_at,
            "created_at": account.created_at,
        }
        credentials = {
            "pk": _email_key(account.email),
            "sk": "CREDENTIALS",
            "player_id": account.player_id,
            "password_hash": account.password_hash,
        }
        return [self._put_new(credentials), self._put_new(profile)]

    def credentials(self, email: str) -> Credentials | None:
        """Return the credentials of a normalised address by one strong read, None when there is no account."""
        answer = self._client.get_item(TableName=self._table, Key=_credentials_key(email), ConsistentRead=True)
        item = answer.get("Item")
        if item is None:
            return None
        return Credentials(item["player_id"]["S"], item["password_hash"]["S"])

    def replace_password_hash(self, email: str, old: str, new: str) -> None:
        """Put a new hash in place of the old one; does nothing when another one stands there by now."""
        self._update_if(
            Key=_credentials_key(email),
            UpdateExpression="SET password_hash = :new",
            ConditionExpression="password_hash = :old",
            ExpressionAttributeValues={":new": {"S": new}, ":old": {"S": old}},
        )

    def reserve_guess(self, email: str, window: int, ends_at_seconds: int, most: int) -> bool:
        """Count one guess of a window, known address or not; False when `most` were counted before.

        One conditional write: parallel guesses cannot pass it together. The window ends at an epoch second.
        """
        return self._update_if(
            Key=_guesses_key(email, window),
            UpdateExpression="ADD guesses :one SET expires_at = :expires_at",
            ConditionExpression="attribute_not_exists(guesses) OR guesses < :most",
            ExpressionAttributeValues={
                ":one": {"N": "1"},
                ":most": {"N": str(most)},
                ":expires_at": {"N": str(ends_at_seconds + _GUESSES_KEPT_SECONDS)},
            },
        )

    def return_guess(self, email: str, window: int) -> None:
        """Take back a guess that was right."""
        self._update_if(
            Key=_guesses_key(email, window),
            UpdateExpression="ADD guesses :minus_one",
            ConditionExpression="guesses > :zero",
            ExpressionAttributeValues={":minus_one": {"N": "-1"}, ":zero": {"N": "0"}},
        )

    def _put_new(self, item: dict[str, str]) -> dict[str, Any]:
        return {
            "Put": {
                "TableName": self._table,
                "Item": {name: {"S": value} for name, value in item.items()},
                "ConditionExpression": "attribute_not_exists(pk)",
            }
        }

    def _update_if(self, **request: Any) -> bool:
        try:
            self._client.update_item(TableName=self._table, **request)
        except ClientError as error:
            if error.response["Error"]["Code"] == "ConditionalCheckFailedException":
                return False
            raise
        return True


def _email_key(email: str) -> str:
    return "EMAIL#" + hashlib.sha256(_DIGEST_PREFIX + email.encode("ascii")).hexdigest()


def _profile_key(player_id: str) -> str:
    return f"PLAYER#{player_id}"


def _credentials_key(email: str) -> dict[str, Any]:
    return {"pk": {"S": _email_key(email)}, "sk": {"S": "CREDENTIALS"}}


def _guesses_key(email: str, window: int) -> dict[str, Any]:
    return {"pk": {"S": _email_key(email)}, "sk": {"S": f"GUESSES#{window}"}}
