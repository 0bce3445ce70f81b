"""The keys with which a provider's signatures are checked: parsed once, two at a time for rotation, renewed on doubt."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Generic, Protocol, TypeVar

Key = TypeVar("Key")


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

    def __init__(self, source: SecretSource, parse: Callable[[Mapping[str, Any]], Sequence[Key]]) -> None:
        """Keep where the secret comes from and how its dialect reads it; `parse` raises ValueError on what holds no key."""
        self._source = source
        self._parse = parse
        self._secret: Mapping[str, Any] | None = None
        self._keys: Sequence[Key] = ()

    def current(self) -> Sequence[Key]:
        """Return at least one key; raise KeysUnavailable."""
        try:
            secret = self._source.json()
            if secret is not self._secret:
                self._keys, self._secret = self._parse(secret), secret
        except Exception as error:
            raise KeysUnavailable("the provider's keys cannot be read") from error
        return self._keys

    def renewed(self) -> Sequence[Key]:
        """Return the keys after a fresh look at the secret; none when that brought nothing new."""
        try:
            changed = self._source.refresh()
        except Exception as error:
            raise KeysUnavailable("the provider's keys cannot be read") from error
        return self.current() if changed else ()
