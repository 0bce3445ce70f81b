"""What staff may do to the catalogue: take over a provider's list, switch games off and on. Each change says who and why.

Whoever changes it decides on the version he has read; when somebody else was faster, it is decided again on what stands then. A
shelf whose pages are lost is made anew by the next import of its provider's list, the same as before or another: what staff had
switched off is read off the record of changes. Until then nothing else can be done with it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from countroom.clock import Clock
from countroom.games.catalogue_store import CatalogueMoved, CatalogueStore, Change, Head, ShelfLost
from countroom.games.entries import read_list
from countroom.games.snapshot import Imported, NoSuchGame, Shelf, Snapshot

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


@dataclass(frozen=True, slots=True)
class Known:
    """The catalogue at a head: what can be read of it, and whose shelves are lost."""

    head: Head
    snapshot: Snapshot
    lost: frozenset[str] = frozenset()


_Decided = tuple[str, Snapshot, Imported | None]
"""Whose shelf changes, the catalogue then, and what a list changed."""


class Curator:
    """Changes the catalogue."""

    def __init__(self, store: CatalogueStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    def read(self) -> Known:
        """Return the catalogue as it counts. Raise CatalogueUnavailable."""
        head = self._store.head()
        shelves: dict[str, Shelf] = {}
        lost: set[str] = set()
        for provider, place in head.places.items():
            try:
                shelves[provider] = self._store.shelf(place)
            except ShelfLost:
                lost.add(provider)
        return Known(head, Snapshot(shelves), frozenset(lost))

    def import_list(self, provider: str, entries: object, deed: Deed) -> Done:
        """Take over a provider's whole list, or nothing of it; a lost shelf is made anew.

        Raise BadList, CatalogueMoved, CatalogueTooLarge, CatalogueUnavailable.
        """
        games = read_list(entries, provider)

        def decide(known: Known) -> _Decided:
            before = known.snapshot
            if provider in known.lost:
                before = before.with_shelf(provider, Shelf(off=self._store.switches(provider)))
            return provider, *before.imported(provider, games)

        return self._change("import", deed, decide, {"games": str(len(games))})

    def switch(self, deed: Deed, *, enabled: bool, provider: str = "", game_id: str = "") -> Done:
        """Switch one game, or all of a provider's, on or off.

        Raise NoSuchGame, NoSuchProvider, CatalogueMoved, CatalogueTooLarge, CatalogueUnavailable, ShelfLost.
        """

        def decide(known: Known) -> _Decided:
            try:
                of = provider or known.snapshot.provider_of(game_id)
            except NoSuchGame:
                if known.lost:
                    raise ShelfLost("it may be on a shelf that is lost") from None
                raise
            if of in known.lost:
                raise ShelfLost("the provider's shelf is lost")
            return of, known.snapshot.switched(of, game_id, enabled=enabled), None

        return self._change("enable" if enabled else "disable", deed, decide, {"game_id": game_id} if game_id else {})

    def _change(self, action: str, deed: Deed, decide: Callable[[Known], _Decided], said: dict[str, str]) -> Done:
        for made in range(1, TRIES_MAX + 1):
            known = self.read()
            provider, after, imported = decide(known)
            if after == known.snapshot:
                return Done(known.head.version, changed=False, imported=imported)
            change = Change(action, deed.actor, deed.reason, {"provider": provider, **said})
            try:
                published = self._store.publish(known.head, provider, after.shelf(provider), change, self._clock)
            except CatalogueMoved:
                if made == TRIES_MAX:
                    raise
            else:
                return Done(published.version, changed=True, imported=imported)
        raise AssertionError("the loop returns or raises")
