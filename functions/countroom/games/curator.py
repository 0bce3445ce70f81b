"""What staff may do to the catalogue: take over a provider's list, switch games off and on. Each change says who and why.

Whoever changes it decides on the version he has read; when somebody else was faster, it is decided again on what stands then.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

from countroom.clock import Clock
from countroom.games.catalogue_store import CatalogueMoved, CatalogueStore, Change
from countroom.games.entries import read_list
from countroom.games.snapshot import Imported, Snapshot

TRIES_MAX: Final = 5


@dataclass(frozen=True, slots=True)
class Deed:
    """Who does something, and why."""

    actor: str
    reason: str


@dataclass(frozen=True, slots=True)
class Done:
    """The version that counts now, and whether this made it so."""

    version: int
    changed: bool
    imported: Imported | None = None


class Curator:
    """Changes the catalogue."""

    def __init__(self, store: CatalogueStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    def read(self) -> tuple[int, Snapshot]:
        """Return the version that counts, and the catalogue. Raise CatalogueUnavailable."""
        head = self._store.head()
        return head.version, self._store.snapshot(head)

    def import_list(self, provider: str, entries: object, deed: Deed) -> Done:
        """Take over a provider's whole list, or nothing of it.

        Raise BadList, CatalogueMoved, CatalogueTooLarge, CatalogueUnavailable.
        """
        games = read_list(entries, provider)

        def decide(before: Snapshot) -> tuple[Snapshot, Imported]:
            return before.imported(provider, games)

        return self._change("import", deed, decide, {"provider": provider, "games": str(len(games))})

    def switch(self, deed: Deed, *, enabled: bool, provider: str = "", game_id: str = "") -> Done:
        """Switch one game, or all of a provider's, on or off. Raise NoSuchGame, NoSuchProvider, and as `import_list` does."""

        def decide(before: Snapshot) -> tuple[Snapshot, None]:
            return before.switched(enabled=enabled, provider=provider, game_id=game_id), None

        said = {"game_id": game_id} if game_id else {"provider": provider}
        return self._change("enable" if enabled else "disable", deed, decide, said)

    def _change(
        self, action: str, deed: Deed, decide: Callable[[Snapshot], tuple[Snapshot, Imported | None]], said: dict[str, str]
    ) -> Done:
        for made in range(1, TRIES_MAX + 1):
            head = self._store.head()
            before = self._store.snapshot(head)
            after, imported = decide(before)
            if after == before:
                return Done(head.version, changed=False, imported=imported)
            try:
                published = self._store.publish(head, after, Change(action, deed.actor, deed.reason, said), self._clock)
            except CatalogueMoved:
                if made == TRIES_MAX:
                    raise
            else:
                return Done(published.version, changed=True, imported=imported)
        raise AssertionError("the loop returns or raises")


@cache
def shipped() -> dict[str, list[Any]]:
    """Return the lists that come with the code, by provider: something to play before the first provider has sent its own."""
    entries = json.loads(Path(__file__).with_name("catalogue.json").read_text(encoding="utf-8"))
    lists: dict[str, list[Any]] = {}
    for entry in entries:
        lists.setdefault(entry["provider"], []).append(entry)
    return lists
