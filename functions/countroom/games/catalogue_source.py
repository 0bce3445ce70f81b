"""The catalogue as the process holds it: read again after half a minute, and served on for a while when it cannot be.

A bet costs no read of it while it is fresh, and a process that serves one provider holds that one's games only. What staff switches
off is off everywhere within FRESH_S. When the table does not answer, the copy serves on for STALE_S and every such time is counted;
after that bets cannot be judged any more.
"""

import time
from collections.abc import Callable
from threading import Lock
from typing import Final

from countroom.games.catalogue import Catalogue, CatalogueUnavailable
from countroom.games.catalogue_store import TRIES_MAX, CatalogueStore, Head, Place, ShelfLost
from countroom.games.snapshot import Shelf, Snapshot

FRESH_S: Final = 30.0
STALE_S: Final = 15 * 60.0
RETRY_S: Final = 5.0
"""No two reads closer together than this while they fail: a table that hangs would slow every bet."""


class TableCatalogue:
    """A CatalogueSource over the games table, of one provider or (None) of all.

    `on_stale` is told whenever an old copy has to serve, or a shelf is left out; `timer` is in seconds.
    """

    def __init__(
        self,
        store: CatalogueStore,
        provider: str | None = None,
        *,
        timer: Callable[[], float] = time.monotonic,
        on_stale: Callable[[], None] | None = None,
    ) -> None:
        self._store = store
        self._provider = provider
        self._timer = timer
        self._on_stale = on_stale
        self._lock = Lock()
        self._catalogue: Catalogue | None = None
        self._shelves: dict[str, tuple[Place, Shelf]] = {}
        self._head: Head | None = None
        self._read_at = 0.0
        self._failed_at: float | None = None

    def current(self) -> Catalogue:
        """Return the catalogue, at most FRESH_S old while the table answers. Raise CatalogueUnavailable."""
        with self._lock:
            now = self._timer()
            if self._catalogue is None or now - self._read_at >= FRESH_S:
                self._refresh(now)
            if self._catalogue is None or now - self._read_at >= STALE_S:
                raise CatalogueUnavailable("the catalogue cannot be read")
            return self._catalogue

    def _refresh(self, now: float) -> None:
        if self._failed_at is not None and now - self._failed_at < RETRY_S:
            return
        self._failed_at = now  # also for whoever interrupts this: the next call is to find the old copy, not the same trouble
        try:
            whole = self._read()
        except CatalogueUnavailable:
            whole = False
        else:
            self._read_at, self._failed_at = now, None
        if not whole and self._on_stale is not None:
            self._on_stale()

    def _read(self) -> bool:
        """Read the head, and the shelves that lie elsewhere now; tell whether all are there.

        A head that moves meanwhile leaves the old pages for a day, so pages that are missing while it stands still are lost. Where
        all providers are asked for, the others serve on then.
        """
        for _ in range(TRIES_MAX):
            head = self._store.head()
            if head == self._head:
                return True
            shelves, lost = self._found(head)
            if lost and self._store.head() != head:
                continue
            if lost and (self._provider or not shelves):
                raise lost
            if shelves != self._shelves or self._catalogue is None:
                self._catalogue = Snapshot({name: shelf for name, (_, shelf) in shelves.items()}).catalogue()
            self._shelves, self._head = shelves, None if lost else head
            return not lost
        raise CatalogueUnavailable("the head of the catalogue does not stand still")

    def _found(self, head: Head) -> tuple[dict[str, tuple[Place, Shelf]], ShelfLost | None]:
        """Return the shelves that a head names, read where they are not held already, and the loss of one that cannot be."""
        found: dict[str, tuple[Place, Shelf]] = {}
        lost = None
        for name, place in head.places.items():
            held = self._shelves.get(name)
            if self._provider not in {None, name}:
                continue
            try:
                found[name] = held if held and held[0] == place else (place, self._store.shelf(place))
            except ShelfLost as error:
                lost = error
                if held:
                    found[name] = held
        return found, lost
