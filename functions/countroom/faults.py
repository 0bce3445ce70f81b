"""What is wrong with one field of a request. Pure."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Fault:
    """A field of the request and what is wrong with it; never its value."""

    field: str
    message: str
