"""Counted guesses in the players table: the only file that spells these two items.

| item | pk | sk | holds |
| --- | --- | --- | --- |
| guesses | `GUESSES#<digest>` | `GUESSES` | a version, and of each guess in the window its instant and its nonce |
| source | `SOURCE#<digest>` | `<number of the window>` | how many tries came from a network in a window of the clock |

Both go by `expires_at` some time after they have stopped to count; whether they count is decided by their instants alone.
"""

from typing import Final

from countroom.identity.table import Item, Table
from countroom.identity.throttle import Guess, Guesses

_KEPT_SECONDS: Final = 3600
_IS_NEW: Final = "attribute_not_exists(pk)"
_IS_KNOWN: Final = "revision = :known"


class ThrottleStore:
    """Satisfies `throttle.Store`. Every method raises Unavailable."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def guesses(self, digest: str) -> Guesses:
        """Read a subject's guesses, strongly consistent; one read unit."""
        item = self._table.get(_key(digest))
        if item is None:
            return Guesses()
        taken = tuple(Guess(int(entry["M"]["at"]["N"]), entry["M"]["nonce"]["S"]) for entry in item["taken"]["L"])
        return Guesses(int(item["revision"]["N"]), taken)

    def replace(self, digest: str, known: Guesses, after: Guesses, expires_at_ms: int) -> bool:
        """Write `after` in place of the version that is known, or nothing; say whether. One write unit."""
        entries = [{"M": {"at": {"N": str(guess.at_ms)}, "nonce": {"S": guess.nonce}}} for guess in after.taken]
        item: Item = {
            **_key(digest),
            "revision": {"N": str(after.version)},
            "taken": {"L": entries},
            "expires_at": {"N": str(expires_at_ms // 1000 + _KEPT_SECONDS)},
        }
        if not known.version:
            return self._table.put(item, _IS_NEW)
        return self._table.put(item, _IS_KNOWN, {":known": {"N": str(known.version)}})

    def count(self, digest: str, window: int, most: int, expires_at_ms: int) -> bool:
        """Add one to a window's counter unless it is `most`; say whether. One write unit."""
        counted = self._table.update(
            Key={"pk": {"S": f"SOURCE#{digest}"}, "sk": {"S": str(window)}},
            UpdateExpression="ADD tries :one SET expires_at = :expires_at",
            ConditionExpression="attribute_not_exists(tries) OR tries < :most",
            ExpressionAttributeValues={
                ":one": {"N": "1"},
                ":most": {"N": str(most)},
                ":expires_at": {"N": str(expires_at_ms // 1000 + _KEPT_SECONDS)},
            },
        )
        return counted is not None


def _key(digest: str) -> Item:
    return {"pk": {"S": f"GUESSES#{digest}"}, "sk": {"S": "GUESSES"}}
