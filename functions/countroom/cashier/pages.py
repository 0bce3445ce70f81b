"""Where a page of a player's deposits, or withdrawals, starts: both lists run by the instant of asking, newest first. Pure."""

from collections.abc import Callable

from countroom.cursors import InvalidCursor, Question, read_cursor
from countroom.times import InvalidInstant, from_iso


def read_start(cursor: str, question: Question, is_id: Callable[[str], bool]) -> tuple[str, str]:
    """Give the instant and the id of the last entry shown. Raise InvalidCursor."""
    created_at, entry_id = read_cursor(cursor, question, str, str)
    try:
        from_iso(created_at)
    except InvalidInstant:
        raise InvalidCursor("no instant") from None
    if not is_id(entry_id):
        raise InvalidCursor("no id of this list")
    return created_at, entry_id
