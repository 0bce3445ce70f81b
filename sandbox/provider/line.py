"""What every provider's program shares on its way to the casino: a call that can be sent again byte for byte, and its answer."""

import http.client
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum

from sandbox.loopback import require_loopback
from sandbox.wire import Answer, NoAnswerError, send

TIMEOUT_SECONDS = 5.0
"""The most patient of the providers waits this long for an answer."""

CONNECT_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Message:
    """One signed call, ready to be sent as often as its protocol asks: a retry is the same bytes."""

    method: str
    url: str
    body: bytes | None
    headers: Mapping[str, str] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Exchange:
    """One call and its answer, as they went over the wire; `body` is empty where the call has none."""

    url: str
    body: bytes
    answer: Answer
    method: str = "POST"


class Outcome(StrEnum):
    """What an answer means to a provider: it stands, it was refused for good, or nobody knows."""

    STANDS = "stands"
    REFUSED = "refused"
    OPEN = "open"


@dataclass(frozen=True, slots=True)
class Verdict:
    """An answer in common words. `word` is the dialect's own, `balance` in main units, `names` the casino's own ids."""

    outcome: Outcome
    word: str
    balance: Decimal | None = None
    names: tuple[str, ...] = ()


def exchange(message: Message, timeout_seconds: float = 30.0) -> Exchange:
    """Send a call and read its answer.

    Raises:
        NoAnswerError: when none came in time.

    """
    answer = send(message.method, message.url, body=message.body, headers=message.headers, timeout_seconds=timeout_seconds)
    return Exchange(message.url, message.body or b"", answer, message.method)


def hang_up(message: Message, after_seconds: float) -> None:
    """Send a call whole and close the connection without reading: the casino may have done what was asked, or not.

    Raises:
        NotLoopbackError: when the URL leaves this machine.
        NoAnswerError: when the call could not even be sent.

    """
    target = require_loopback(message.url)
    connection = http.client.HTTPConnection(target.host, target.port, timeout=CONNECT_SECONDS)
    try:
        connection.request(message.method, target.path, body=message.body, headers=dict(message.headers))
        time.sleep(after_seconds)
    except (OSError, http.client.HTTPException) as error:
        raise NoAnswerError(f"{message.method} {target.path}: {type(error).__name__}: {error}") from error
    finally:
        connection.close()
