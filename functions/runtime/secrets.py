"""A secret from Secrets Manager, kept in the process for a while.

Keys rotate while a function is warm: the value is read again when it is older than its time to live, and, at most every few
seconds, when a caller asks for it (a signature that no known key made may be by a new one). When Secrets Manager does not
answer, a value already held serves on for a bounded time: an outage there must not stop the game. Without one, or after
that time, the answer is SecretUnavailable: callers refuse.
"""

import json
import time
from collections.abc import Callable
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError


class SecretUnavailable(Exception):
    """There is no usable value: not readable now, or not a JSON object. Holds no part of the value."""


class SecretReader:
    """Reads one secret, a JSON object, by its ARN.

    `ttl_seconds`: after this a value is read again. `refresh_seconds`: no two reads closer together than this,
    whoever asks. `stale_seconds`: how old a value may get while reads fail. `monotonic`: seconds, never going back.
    """

    def __init__(
        self,
        client: Any,
        arn: str,
        *,
        ttl_seconds: float = 60,
        refresh_seconds: float = 5,
        stale_seconds: float = 900,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client = client
        self._arn = arn
        self._ttl_seconds = ttl_seconds
        self._refresh_seconds = refresh_seconds
        self._stale_seconds = stale_seconds
        self._monotonic = monotonic
        self._value: dict[str, Any] | None = None
        self._read_at = 0.0
        self._tried_at: float | None = None

    def json(self) -> dict[str, Any]:
        """Give the value, reading it first when none is held or the one held is too old. Raises SecretUnavailable."""
        if self._value is None or self._age() >= self._ttl_seconds:
            self._try_to_read()
        if self._value is None or self._age() >= self._stale_seconds:
            raise SecretUnavailable("the secret cannot be read")
        return self._value

    def refresh(self) -> bool:
        """Read again because the value held did not serve; say whether that brought another value.

        Does nothing (False) when the last read is less than `refresh_seconds` ago, so that a flood of bad
        signatures is no flood of reads.
        """
        before = self._value
        self._try_to_read()
        return self._value != before

    def _age(self) -> float:
        return self._monotonic() - self._read_at

    def _try_to_read(self) -> None:
        now = self._monotonic()
        if self._tried_at is not None and now - self._tried_at < self._refresh_seconds:
            return
        self._tried_at = now
        value = self._read()
        if value is not None:
            self._value, self._read_at = value, now

    def _read(self) -> dict[str, Any] | None:
        try:
            text = self._client.get_secret_value(SecretId=self._arn)["SecretString"]
            value = json.loads(text)
        except (BotoCoreError, ClientError, KeyError, ValueError):
            return None
        return value if isinstance(value, dict) else None
