"""The catalogue as the process holds it: read again after half a minute, and served on for a while when it cannot be.

A bet costs no read of it while it is fresh. What staff switches off is off everywhere within FRESH_S. When the table does not
answer, the copy serves on for STALE_S and every such time is counted; after that bets cannot be judged any more.
"""

import time
from collections.abc import Callable
from threading import Lock
from typing import Final

from countroom.games.catalogue import Catalogue, CatalogueUnavailable
from countroom.games.catalogue_store import TRIES_MAX, CatalogueStore, Head

FRESH_S: Final = 30.0
STALE_S: Final = 15 * 60.0
RETRY_S: Final = 5.0
"""No two reads closer together than this while they fail: a table that hangs would slow every bet."""


class TableCatalogue:
    """A CatalogueSource over the games table. `on_stale` is told whenever an old copy has to serve; `timer` is in seconds."""

    def __init__(
        self,
        store: CatalogueStore,
        *,
        timer: Callable[[], float] = time.monotonic,
        on_stale: Callable[[], None] | None = None,
    ) -> None:
        self._store = store
        self._timer = timer
        self._on_stale = on_stale
        self._lock = Lock()
        self._catalogue: Catalogue | None = None
        self._head = Head()
        self._read_at = 0.0
        self._failed_at: float | None = None

    @property
    def version(self) -> int:
        """The version that was read last; 0 before the first import."""
        return self._head.version

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
            self._read()
        except CatalogueUnavailable:
            if self._on_stale is not None:
                self._on_stale()
        else:
            self._read_at, self._failed_at = now, None

    def _read(self) -> None:
        """Read the head, and its pages where it is another one. A head that moves meanwhile leaves its pages for a day."""
        for _ in range(TRIES_MAX):
            head = self._store.head()
            if self._catalogue is not None and head == self._head:
                return
            try:
                catalogue = self._store.snapshot(head).catalogue()
            except CatalogueUnavailable:
                if self._store.head() == head:
                    raise
                continue
            self._catalogue, self._head = catalogue, head
            return
        raise CatalogueUnavailable("the head of the catalogue does not stand still")
