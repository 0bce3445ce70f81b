"""What botocore raises, in the shapes in which it raises it."""

from typing import Any

from botocore.exceptions import (
    ClientError,
    ConnectionClosedError,
    ConnectTimeoutError,
    EndpointConnectionError,
    ReadTimeoutError,
    SSLError,
)
from botocore.parsers import ResponseParserError

_URL = "http://127.0.0.1/"
_CANCELLED = "TransactionCanceledException"
WAYS_TO_LOSE = 3
Reasons = list[dict[str, Any]]


def client_error(code: str, operation: str, message: str = "", status: int = 400) -> ClientError:
    """An answer of the service that is an error."""
    response: dict[str, Any] = {
        "Error": {"Code": code, "Message": message or code},
        "ResponseMetadata": {"HTTPStatusCode": status, "RetryAttempts": 0},
    }
    return ClientError(response, operation)


def cancelled(operation: str, reasons: Reasons) -> ClientError:
    """A cancelled transaction: one reason for each item, in the order of the request, ``None`` where nothing was wrong."""
    listed = ", ".join(reason["Code"] for reason in reasons)
    message = f"Transaction cancelled, please refer cancellation reasons for specific reasons [{listed}]"
    error = client_error(_CANCELLED, operation, message)
    error.response["CancellationReasons"] = reasons
    return error


def not_connected(choice: int) -> Exception:
    """Nothing was sent."""
    makers: tuple[Exception, ...] = (EndpointConnectionError(endpoint_url=_URL), ConnectTimeoutError(endpoint_url=_URL))
    return makers[choice % len(makers)]


def no_answer(choice: int) -> Exception:
    """The request went out and no answer came back."""
    makers: tuple[Exception, ...] = (
        ReadTimeoutError(endpoint_url=_URL),
        ConnectionClosedError(endpoint_url=_URL),
        SSLError(endpoint_url=_URL, error="record layer failure"),
    )
    return makers[choice % WAYS_TO_LOSE]


def timed_out() -> Exception:
    """The caller stopped waiting."""
    error: Exception = ReadTimeoutError(endpoint_url=_URL)
    return error


def truncated() -> Exception:
    """An answer came, cut off in the middle."""
    error: Exception = ResponseParserError("Unable to parse response, invalid body received")
    return error


def server_error(operation: str, choice: int) -> Exception:
    """A failure of the service."""
    code, status = (("InternalServerError", 500), ("ServiceUnavailable", 503))[choice % 2]
    error: Exception = client_error(code, operation, status=status)
    return error


def code_of(error: BaseException) -> str:
    """The service's code of an error, with the reasons of a cancellation; the class's name where there is none."""
    if not isinstance(error, ClientError):
        return type(error).__name__
    reasons: Reasons = error.response.get("CancellationReasons", ())
    listed = ", ".join(str(reason["Code"]) for reason in reasons)
    return str(error.response["Error"]["Code"]) + (f" [{listed}]" if listed else "")
