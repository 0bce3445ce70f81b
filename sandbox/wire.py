"""One HTTP exchange with a loopback address, byte for byte: what is signed is what is sent."""

import http.client
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sandbox.loopback import require_loopback

ANSWER_BYTES_MAX = 4 * 1024 * 1024


class NoAnswerError(Exception):
    """The other side could not be reached, or did not answer in time, or not in HTTP."""


@dataclass(frozen=True, slots=True)
class Answer:
    """Status, headers (names in lower case) and raw body of one answer."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)

    def json(self) -> Any:
        """Parse the body.

        Raises:
            ValueError: when it is not JSON.

        """
        return json.loads(self.body)


def send(
    method: str,
    url: str,
    *,
    body: bytes | None = None,
    headers: Mapping[str, str] | None = None,
    timeout_seconds: float = 30.0,
) -> Answer:
    """Send one request and read its answer; redirects are not followed.

    Raises:
        NotLoopbackError: when the URL leaves this machine.
        NoAnswerError: when no complete answer came in time.

    """
    target = require_loopback(url)
    connection = http.client.HTTPConnection(target.host, target.port, timeout=timeout_seconds)
    try:
        connection.request(method, target.path, body=body, headers=dict(headers or {}))
        response = connection.getresponse()
        read = response.read(ANSWER_BYTES_MAX)
    except (OSError, http.client.HTTPException) as error:
        raise NoAnswerError(f"{method} {target.path}: {type(error).__name__}: {error}") from error
    finally:
        connection.close()
    return Answer(response.status, read, {name.lower(): value for name, value in response.getheaders()})
