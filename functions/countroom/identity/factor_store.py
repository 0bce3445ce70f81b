"""Second factors in the players table: the only file that spells this item.

| item | pk | sk | holds |
| --- | --- | --- | --- |
| factor | `PLAYER#<player id>` | `FACTOR` | the sealed secret, the last step used, digests of recovery codes; a pending secret |
"""

from typing import Final

from countroom.identity.factor import Factor
from countroom.identity.table import Item, Table

_IS_NEW: Final = "attribute_not_exists(pk)"
_IS_KNOWN: Final = "revision = :known"


class FactorStore:
    """Satisfies `factor.Store`. Every method raises Unavailable."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def factor(self, player_id: str) -> Factor:
        """Read a player's factor, strongly consistent; one read unit."""
        item = self._table.get(_key(player_id))
        if item is None:
            return Factor()
        return Factor(
            version=int(item["revision"]["N"]),
            sealed=_bytes(item, "sealed"),
            last_step=int(item["last_step"]["N"]),
            recovery=tuple(digest["S"] for digest in item["recovery"]["L"]),
            pending=_bytes(item, "pending"),
            pending_until_ms=int(item["pending_until"]["N"]),
            mark=item["mark"]["S"],
        )

    def replace(self, player_id: str, known: Factor, after: Factor) -> bool:
        """Write `after` in place of the version that is known, or nothing; say whether. One or two write units."""
        item: Item = {
            **_key(player_id),
            "revision": {"N": str(after.version)},
            "last_step": {"N": str(after.last_step)},
            "recovery": {"L": [{"S": digest} for digest in after.recovery]},
            "pending_until": {"N": str(after.pending_until_ms)},
            "mark": {"S": after.mark},
        }
        for name, sealed in (("sealed", after.sealed), ("pending", after.pending)):
            if sealed is not None:
                item[name] = {"B": sealed}
        if not known.version:
            return self._table.put(item, _IS_NEW)
        return self._table.put(item, _IS_KNOWN, {":known": {"N": str(known.version)}})


def _key(player_id: str) -> Item:
    return {"pk": {"S": f"PLAYER#{player_id}"}, "sk": {"S": "FACTOR"}}


def _bytes(item: Item, name: str) -> bytes | None:
    return bytes(item[name]["B"]) if name in item else None
