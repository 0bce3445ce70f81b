"""The keys with which a provider's signatures are checked: parsed once, several at a time for rotation, renewed on doubt.

A new version of the secret that holds no usable key must not stop the provider: the keys of the version before it stay in force for
a while, and the fault is reported, once for each look at the secret.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Generic, Protocol, TypeVar

Key = TypeVar("Key")

STALE_SECONDS: Final = 900.0
"""How long keys stay in force after a version of the secret that cannot be used has been seen: time to put it right."""


class KeysUnavailable(Exception):
    """There is no key to check a signature with: the secret cannot be read, or holds none."""


class SecretSource(Protocol):
    """What holds the secret."""

    def json(self) -> Mapping[str, Any]:
        """Return its JSON object, from memory while that is fresh; raise when it cannot be read."""
        ...

    def refresh(self) -> bool:
        """Look at the stored secret again and say whether it has changed; rate-limited, so a flood of calls is harmless."""
        ...


class KeyRing(Generic[Key]):
    """The parsed keys of one secret. Parsing a key costs more than using it, so it is done once per version of the secret."""

    def __init__(
        self,
        source: SecretSource,
        parse: Callable[[Mapping[str, Any]], Sequence[Key]],
        report: Callable[[Exception], None],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Keep where the secret comes from and how its dialect reads it; `parse` raises ValueError on what holds no key.

        `report` is told of a version that cannot be used, although older keys may still serve. `monotonic`: seconds.
        """
        self._source = source
        self._parse = parse
        self._report = report
        self._monotonic = monotonic
        self._secret: Mapping[str, Any] | None = None
        self._keys: Sequence[Key] = ()
        self._bad_since: float | None = None

    def current(self) -> Sequence[Key]:
        """Return at least one key; raise KeysUnavailable."""
        try:
            secret = self._source.json()
        except Exception as error:
            raise KeysUnavailable("the provider's keys cannot be read") from error
        if secret is not self._secret:
            self._take(secret)
        if not self._keys or self._is_stale():
            raise KeysUnavailable("the provider's secret holds no key")
        return self._keys

    def renewed(self) -> Sequence[Key]:
        """Return the keys after a fresh look at the secret; none when that brought nothing new."""
        before = self._keys
        try:
            changed = self._source.refresh()
        except Exception as error:
            raise KeysUnavailable("the provider's keys cannot be read") from error
        keys = self.current() if changed else before
        return () if keys is before else keys

    def _take(self, secret: Mapping[str, Any]) -> None:
        """Parse a version of the secret that has not been seen; on a bad one keep the keys there are."""
        try:
            self._keys = self._parse(secret)
            self._bad_since = None
        except Exception as error:  # noqa: BLE001 - whatever a parser meets in a bad secret, the old keys serve and it is reported
            if self._bad_since is None:
                self._bad_since = self._monotonic()
            self._report(error)
        self._secret = secret

    def _is_stale(self) -> bool:
        return self._bad_since is not None and self._monotonic() - self._bad_since >= STALE_SECONDS
