"""The games and circuits tables for tests, and the lists that ship with the code on them."""

from typing import Any

from countroom.games.catalogue import Catalogue
from countroom.games.catalogue_store import CatalogueStore
from countroom.games.curator import Curator, Deed, shipped
from countroom.games.entries import read_list
from countroom.games.snapshot import Snapshot
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


def shipped_snapshot() -> Snapshot:
    """Everything that ships with the code."""
    snapshot = Snapshot()
    for provider, entries in shipped().items():
        snapshot, _ = snapshot.imported(provider, read_list(entries, provider))
    return snapshot


def shipped_catalogue() -> Catalogue:
    return shipped_snapshot().catalogue()


def stock(client: Any) -> None:
    """Publish everything that ships with the code."""
    curator = Curator(CatalogueStore(client, GAMES_TABLE), FixedClock())
    for provider, entries in shipped().items():
        curator.import_list(provider, entries, DEED)
