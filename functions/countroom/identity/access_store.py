"""The sessions table: one item a player, and the only place that spells its key and attributes.

| item | pk | holds |
| --- | --- | --- |
| access | `PLAYER#<player id>` | standing, second factor, live sessions, last login, revision, who wrote the last revisions |

The item never expires: that a player has no session is something only a present item can say. Reads are strong and cost one read
unit while the item is below 4 KB, which eight sessions are. Writes stand on the revision that was read. Each writer leaves a random
mark beside its revision, so that a write whose answer was lost is found again and never mistaken for a refusal, nor made twice.
"""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from countroom.identity.access import WRITERS_MAX, Access, LastLogin, Session, Standing
from countroom.identity.refusals import Unavailable
from countroom.identity.table import Item, Table

_IS_NEW: Final = "attribute_not_exists(pk)"
_IS_READ: Final = "revision = :read"
_MARK_BYTES: Final = 8
_WRITES_MAX: Final = 3


class Stale(Exception):
    """Nothing was written: somebody else has changed the item since it was read."""


class BesideRefused(Exception):
    """Nothing was written: the condition of a write that was to go along does not hold. `index` is its place among them."""

    def __init__(self, index: int) -> None:
        super().__init__("a write beside the access was refused")
        self.index = index


class AccessStore:
    """Reads and changes the access of players. Every method raises Unavailable when the table does not answer as it should."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def access(self, player_id: str) -> Access | None:
        """Read a player's access, strongly consistent; None when there is no such player."""
        item = self._table.get(_key(player_id))
        if item is None:
            return None
        try:
            return _access(player_id, item)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            # Not what was written, so nothing is known: neither that a session lives nor that it ended.
            raise Unavailable(f"an item of {self._table.name} is not as it was written") from error

    def creation(self, player_id: str) -> Item:
        """Return the part of a registration's transaction that lets a new player be known, with no session yet."""
        return self._put(replace(Access(player_id), writers=(_mark(),)), None)

    def replacement(self, before: Access, after: Access) -> Item:
        """Return the part of a transaction that puts `after` in the place of `before`, if nobody was in between."""
        return self._put(_next(before, after), before.version)

    def replace(self, before: Access, after: Access, beside: Sequence[Item] = ()) -> Access:
        """Put `after` in the place of `before`, and `beside` with it in one transaction; return it as it stands then.

        Raises Stale and BesideRefused: then nothing is written. Raises Unavailable when it is not known whether it is.
        """
        written = _next(before, after)
        put = self._put(written, before.version)
        for _ in range(_WRITES_MAX):
            if self._is_written(put, beside):
                return written
            # No answer, or a condition that this very write may have broken: look who was there.
            found = self.access(before.player_id)
            if found is None or found.version < before.version:
                raise Unavailable(f"an item of {self._table.name} has gone back")
            if found.version == before.version:
                continue
            writer = found.writer_of(written.version)
            if writer is None:
                raise Unavailable(f"too much has happened to an item of {self._table.name}")
            if writer != written.writers[-1]:
                raise Stale
            return written
        raise Unavailable(f"{self._table.name} takes no write")

    def _is_written(self, put: Item, beside: Sequence[Item]) -> bool:
        try:
            if not beside:
                part = put["Put"]
                return self._table.put(part["Item"], part["ConditionExpression"], part["ExpressionAttributeValues"])
            failed = self._table.transact([put, *beside])
        except Unavailable:
            return False
        if failed and 0 not in failed:
            raise BesideRefused(failed[0] - 1)
        return not failed

    def _put(self, access: Access, read_version: int | None) -> Item:
        put: Item = {"TableName": self._table.name, "Item": _item(access)}
        if read_version is None:
            put["ConditionExpression"] = _IS_NEW
        else:
            put["ConditionExpression"] = _IS_READ
            put["ExpressionAttributeValues"] = {":read": {"N": str(read_version)}}
        return {"Put": put}


def _next(before: Access, after: Access) -> Access:
    writers = (*before.writers, _mark())[-WRITERS_MAX:]
    return replace(after, version=before.version + 1, writers=writers)


def _mark() -> bytes:
    return secrets.token_bytes(_MARK_BYTES)


def _key(player_id: str) -> Item:
    return {"pk": {"S": f"PLAYER#{player_id}"}}


def _item(access: Access) -> Item:
    item: Item = {
        **_key(access.player_id),
        "standing": {"S": access.standing.value},
        "factor": {"BOOL": access.factor},
        "excluded": {"BOOL": access.excluded},
        "sessions": {"L": [{"M": _session_item(session)} for session in access.sessions]},
        "epoch": {"N": str(access.epoch)},
        "revision": {"N": str(access.version)},
        "writers": {"L": [{"B": writer} for writer in access.writers]},
    }
    if access.last_login:
        login = access.last_login
        item["last_login"] = {"M": {"at": {"N": str(login.at_ms)}, "place": {"S": login.place}, "device": {"S": login.device}}}
    return item


def _session_item(session: Session) -> Item:
    item: Item = {
        "id": {"S": session.session_id},
        "hash": {"B": session.refresh_hash},
        "created": {"N": str(session.created_at_ms)},
        "seen": {"N": str(session.seen_at_ms)},
        "device": {"S": session.device},
        "place": {"S": session.place},
    }
    if session.stepped_up_at_ms is not None:
        item["stepped_up"] = {"N": str(session.stepped_up_at_ms)}
    if session.previous_hash is not None:
        item["before"] = {"B": session.previous_hash}
        item["rotated"] = {"N": str(session.rotated_at_ms)}
    if session.sealed_pair is not None:
        item["pair"] = {"B": session.sealed_pair}
    return item


def _access(player_id: str, item: Mapping[str, Any]) -> Access:
    login = item["last_login"]["M"] if "last_login" in item else None
    return Access(
        player_id=player_id,
        standing=Standing(item["standing"]["S"]),
        sessions=tuple(_session(entry["M"]) for entry in item["sessions"]["L"]),
        factor=_truth(item["factor"]),
        excluded=_truth(item["excluded"]),
        last_login=LastLogin(int(login["at"]["N"]), login["place"]["S"], login["device"]["S"]) if login else None,
        epoch=int(item["epoch"]["N"]),
        version=int(item["revision"]["N"]),
        writers=tuple(bytes(entry["B"]) for entry in item["writers"]["L"]),
    )


def _session(item: Mapping[str, Any]) -> Session:
    return Session(
        session_id=item["id"]["S"],
        refresh_hash=bytes(item["hash"]["B"]),
        created_at_ms=int(item["created"]["N"]),
        seen_at_ms=int(item["seen"]["N"]),
        device=item["device"]["S"],
        place=item["place"]["S"],
        stepped_up_at_ms=int(item["stepped_up"]["N"]) if "stepped_up" in item else None,
        previous_hash=bytes(item["before"]["B"]) if "before" in item else None,
        rotated_at_ms=int(item["rotated"]["N"]) if "before" in item else 0,
        sealed_pair=bytes(item["pair"]["B"]) if "pair" in item else None,
    )


def _truth(value: Mapping[str, Any]) -> bool:
    found = value["BOOL"]
    if not isinstance(found, bool):
        raise TypeError("neither true nor false")
    return found
