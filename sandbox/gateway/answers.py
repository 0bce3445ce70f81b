"""How a gateway that posts webhooks reads the answer: acknowledged, refused for good, or to be sent again."""

from http import HTTPStatus
from typing import Final

from sandbox.provider.line import Outcome, Verdict
from sandbox.wire import Answer

_AGAIN: Final = frozenset({HTTPStatus.REQUEST_TIMEOUT.value, HTTPStatus.CONFLICT.value, HTTPStatus.TOO_MANY_REQUESTS.value})


def read(answer: Answer) -> Verdict:
    """Read a status: 2xx is acknowledged, other answers below 500 are final unless they ask for patience."""
    word = str(answer.status)
    if HTTPStatus.OK <= answer.status < HTTPStatus.MULTIPLE_CHOICES:
        return Verdict(Outcome.STANDS, word)
    final = HTTPStatus.BAD_REQUEST <= answer.status < HTTPStatus.INTERNAL_SERVER_ERROR and answer.status not in _AGAIN
    return Verdict(Outcome.REFUSED if final else Outcome.OPEN, word)
