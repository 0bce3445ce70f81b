"""Writes to the players table as the services make them, without a service."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from countroom.identity.store import Credentials, PlayersStore
from countroom.identity.table import Item


def written(store: PlayersStore, parts: Sequence[Item]) -> bool:
    """Write parts in one transaction; False when the condition of one does not hold."""
    return not store._table.transact(parts)


def rewritten(store: PlayersStore, before: Credentials, **changes: Any) -> bool:
    """Put the next version of credentials in the place of one that was read; False when another stands there by now."""
    after = replace(before, version=before.version + 1, **changes)
    return written(store, [store.changed_credentials(before, after)])
