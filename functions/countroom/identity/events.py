"""Security events of an account: what happened to it, kept for good and shown to its owner.

| item | pk | sk | holds |
| --- | --- | --- | --- |
| event | `PLAYER#<player id>` | `EVENT#<instant>#<random>` | one thing that happened, never changed and never expiring |
| pretence | `NOBODY#<random>` | `EVENT#<instant>#<random>` | the like of it, where there is no account; soon gone |

This file alone spells these items.
"""

import re
import secrets
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from countroom.cursors import InvalidCursor, Question, check_limit, read_cursor, write_cursor
from countroom.identity.table import Item, Table
from countroom.times import from_iso, to_iso

DETAIL_MAX: Final = 200
SOURCE_MAX: Final = 64

_IS_NEW: Final = "attribute_not_exists(pk)"
_PREFIX: Final = "EVENT#"
_NOBODY: Final = "NOBODY#"
_NOBODY_BYTES: Final = 12
_NOBODY_KEPT_SECONDS: Final = 3600
_SORT_KEY: Final = re.compile(r"EVENT#(\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z)#[0-9a-f]{16}", re.ASCII)


class EventKind(StrEnum):
    """What can happen to an account. The value is stable: it is stored and shown."""

    REGISTERED = "registered"
    LOGGED_IN = "logged_in"
    LOGGED_IN_NEW_DEVICE = "logged_in_new_device"
    LOGIN_REFUSED = "login_refused"
    LOGIN_THROTTLED = "login_throttled"
    LOGGED_OUT = "logged_out"
    SESSION_ENDED = "session_ended"
    ALL_SESSIONS_ENDED = "all_sessions_ended"
    REFRESH_REUSED = "refresh_reused"
    STEPPED_UP = "stepped_up"
    STEP_UP_REFUSED = "step_up_refused"
    PASSWORD_CHANGED = "password_changed"  # noqa: S105 - the name of an event
    PASSWORD_CHANGE_REFUSED = "password_change_refused"  # noqa: S105 - the name of an event
    RESET_REQUESTED = "reset_requested"
    PASSWORD_RESET = "password_reset"  # noqa: S105 - the name of an event
    EMAIL_CHANGE_REQUESTED = "email_change_requested"
    EMAIL_CHANGED = "email_changed"
    PROFILE_CHANGED = "profile_changed"
    TERMS_ACCEPTED = "terms_accepted"
    FACTOR_ENROLLED = "factor_enrolled"
    FACTOR_REMOVED = "factor_removed"
    RECOVERY_CODE_USED = "recovery_code_used"
    FROZEN = "frozen"
    UNFROZEN = "unfrozen"
    EXCLUDED = "excluded"
    REOPENING_ASKED = "reopening_asked"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class SecurityEvent:
    """One thing that happened. `at_ms`: epoch milliseconds. `source`: a shortened network address. `detail`: no personal data."""

    kind: EventKind
    at_ms: int
    session_id: str | None = None
    source: str | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class EventPage:
    """Events, newest first, and where the next page starts (None after the last)."""

    events: tuple[SecurityEvent, ...]
    next_cursor: str | None


class EventLog:
    """The events of all accounts, in the players table. Every method that asks it raises Unavailable."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def append(self, player_id: str, event: SecurityEvent) -> None:
        """Keep an event by itself."""
        # Its key has 64 random bits, so what stands there already is this very event, of which the first answer was lost.
        self._table.put(_item(player_id, event), _IS_NEW)

    def pretend(self, event: SecurityEvent) -> None:
        """Make the request of `append` for nobody's account, so that a caller cannot tell from the work whether there is one.

        What is written is nowhere shown and goes by `expires_at` soon.
        """
        item = _item("", event) | {"pk": {"S": f"{_NOBODY}{secrets.token_hex(_NOBODY_BYTES)}"}}
        self._table.put(item | {"expires_at": {"N": str(event.at_ms // 1000 + _NOBODY_KEPT_SECONDS)}}, _IS_NEW)

    def put_item(self, player_id: str, event: SecurityEvent) -> Item:
        """Return the part of a transaction that keeps an event together with what it tells."""
        return {"Put": {"TableName": self._table.name, "Item": _item(player_id, event), "ConditionExpression": _IS_NEW}}

    def page(self, player_id: str, limit: int, cursor: str | None = None) -> EventPage:
        """Return a player's events, newest first, at most `limit` (1 to `cursors.PAGE_MAX`). Raises InvalidCursor."""
        check_limit(limit)
        question = ("security-events", player_id)
        request: dict[str, Any] = {
            "KeyConditionExpression": "pk = :player AND begins_with(sk, :prefix)",
            "ExpressionAttributeValues": {":player": {"S": _key(player_id)}, ":prefix": {"S": _PREFIX}},
            "ScanIndexForward": False,
            "Limit": limit,
        }
        if cursor is not None:
            request["ExclusiveStartKey"] = {"pk": {"S": _key(player_id)}, "sk": {"S": _start(cursor, question)}}
        found, last = self._table.page(**request)
        return EventPage(tuple(_event(item) for item in found), write_cursor(question, last["sk"]["S"]) if last else None)


def _key(player_id: str) -> str:
    return f"PLAYER#{player_id}"


def _item(player_id: str, event: SecurityEvent) -> Item:
    item: Item = {
        "pk": {"S": _key(player_id)},
        "sk": {"S": f"{_PREFIX}{to_iso(event.at_ms)}#{secrets.token_hex(8)}"},
        "kind": {"S": event.kind.value},
    }
    if event.session_id:
        item["session_id"] = {"S": event.session_id}
    if event.source:
        item["source"] = {"S": event.source[:SOURCE_MAX]}
    if event.detail:
        item["detail"] = {"S": event.detail[:DETAIL_MAX]}
    return item


def _event(item: Item) -> SecurityEvent:
    found = _SORT_KEY.fullmatch(item["sk"]["S"])
    if found is None:
        raise ValueError("an event's key is not as it was written")
    return SecurityEvent(
        kind=EventKind(item["kind"]["S"]),
        at_ms=from_iso(found.group(1)),
        session_id=item["session_id"]["S"] if "session_id" in item else None,
        source=item["source"]["S"] if "source" in item else None,
        detail=item["detail"]["S"] if "detail" in item else "",
    )


def _start(cursor: str, question: Question) -> str:
    (sort_key,) = read_cursor(cursor, question, str)
    if not _SORT_KEY.fullmatch(sort_key):
        raise InvalidCursor("no event's place")
    return str(sort_key)
