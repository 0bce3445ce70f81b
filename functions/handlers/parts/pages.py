"""How every list of ours is asked for page by page."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Final

from aws_lambda_powertools.event_handler.openapi.params import Query

from countroom.cursors import CHARACTERS_MAX, PAGE_MAX, InvalidCursor
from runtime import http

PAGE_DEFAULT: Final = 20

Limit = Annotated[int, Query(ge=1, le=PAGE_MAX)]
Cursor = Annotated[str | None, Query(min_length=1, max_length=CHARACTERS_MAX)]


@contextmanager
def cursor_of_this_list() -> Iterator[None]:
    """Turn InvalidCursor into the problem that tells so."""
    try:
        yield
    except InvalidCursor:
        raise http.invalid_fields(("cursor", "was not given out for this list")) from None
