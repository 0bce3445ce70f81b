"""The games and circuits tables for tests, and the lists of the sandbox's providers on them."""

from typing import Any

from countroom.games.catalogue import Catalogue
from countroom.games.catalogue_store import CatalogueStore
from countroom.games.curator import Curator, Deed
from countroom.games.entries import read_list
from countroom.games.snapshot import Snapshot
from sandbox.staff import game_lists
from tests.unit.clock import FixedClock

GAMES_TABLE = "games"
CIRCUITS_TABLE = "circuits"
DEED = Deed("ops@house", "a new list")


def make_tables(client: Any) -> None:
    """Create both tables, unless they are there."""
    there = set(client.list_tables()["TableNames"])
    for name, keys in ((GAMES_TABLE, ("pk", "sk")), (CIRCUITS_TABLE, ("id",))):
        if name in there:
            continue
        kinds = zip(keys, ("HASH", "RANGE"), strict=False)
        client.create_table(
            TableName=name,
            BillingMode="PAY_PER_REQUEST",
            KeySchema=[{"AttributeName": key, "KeyType": kind} for key, kind in kinds],
            AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"} for key in keys],
        )


def sandbox_snapshot() -> Snapshot:
    """Everything that the sandbox's providers list."""
    snapshot = Snapshot()
    for provider, entries in game_lists().items():
        snapshot, _ = snapshot.imported(provider, read_list(entries, provider))
    return snapshot


def sandbox_catalogue() -> Catalogue:
    return sandbox_snapshot().catalogue()


def stock(client: Any) -> None:
    """Publish everything that they list."""
    curator = Curator(CatalogueStore(client, GAMES_TABLE), FixedClock())
    for provider, entries in game_lists().items():
        curator.import_list(provider, entries, DEED)
