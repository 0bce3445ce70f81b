"""How staff's functions refuse an order: ``{"refused": {"code", "message", "errors"?}}``; no value of the order is repeated."""

from typing import Final

from pydantic import ValidationError

ERRORS_MAX: Final = 10
FIELD_NAME_MAX: Final = 64

AGAIN: Final = ("temporarily_unavailable", "The order could not be completed now; repeating it is safe.")
"""Code and message of what did not answer."""


class Refused(Exception):
    """The order is not carried out, and this is why. `errors`: fields, and what is wrong with each."""

    def __init__(self, code: str, message: str, errors: list[dict[str, str]] | None = None) -> None:
        super().__init__(code)
        self.code = code
        self.view = {"refused": {"code": code, "message": message, **({"errors": errors} if errors else {})}}


class StaffFailed(Exception):
    """The order could not be carried out. The message is all that its sender may know; operators find the rest in the log."""


def invalid(field: str, message: str) -> Refused:
    """Refuse one field of an order."""
    return _invalid({field: message})


def misread(error: ValidationError, whole: str) -> Refused:
    """Refuse an order that is not in its form; `whole` stands for the order where no field of it is to blame.

    An order is flat, so a field is named by the first part of its place; one that may be of two kinds has an error for each.
    """
    known = {"missing": "is required", "extra_forbidden": "is not known"}
    found = error.errors(include_url=False, include_input=False)
    return _invalid(
        {
            str(one["loc"][0])[:FIELD_NAME_MAX] if one["loc"] else whole: str(one["msg"]).removeprefix("Value error, ")
            if one["type"] == "value_error"
            else known.get(one["type"], "is not valid")
            for one in found
        }
    )


def _invalid(faults: dict[str, str]) -> Refused:
    errors = [{"field": field, "message": message} for field, message in faults.items()][:ERRORS_MAX]
    return Refused("invalid_request", "The order holds invalid fields.", errors)
