"""The storage file with one thing in it wrong, each in turn: what the simulator must not let pass.

A mutation is put in place with pytest's monkeypatch and changes nothing on disk.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

import pytest
from botocore.exceptions import SSLError

from countroom.ledger import items
from countroom.ledger import store as store_module
from countroom.ledger.movements import Movement
from countroom.ledger.rules.effects import Facts
from countroom.ledger.store import AnswerLost, Committed, CompanionRefused, LedgerStore, Snapshot, Stale, StoreBusy

Patch = pytest.MonkeyPatch
Entry = dict[str, Any]
Edit = Callable[[Entry], Entry]


def _bare(entry: Entry) -> Entry:
    """The write without its condition."""
    kept = {name: part for name, part in entry["Put"].items() if name not in {"ConditionExpression", "ExpressionAttributeValues"}}
    return {"Put": kept}


def _condition(text: str) -> Edit:
    return lambda entry: {"Put": {**entry["Put"], "ConditionExpression": text}}


def _exists(entry: Entry) -> Entry:
    return _condition("attribute_exists(pk)")(_bare(entry))


def _no_old(entry: Entry) -> Entry:
    return {"Put": {name: part for name, part in entry["Put"].items() if name != "ReturnValuesOnConditionCheckFailure"}}


def _wallet(edit: Edit, *, opening: bool = False) -> Callable[[Patch], None]:
    """Change how a wallet is written: at its opening, or afterwards."""

    def apply(patch: Patch) -> None:
        original = LedgerStore._wallet_put

        def put(self: LedgerStore, decided_on: int, wallet: Any) -> Entry:
            entry = original(self, decided_on, wallet)
            return edit(entry) if (decided_on == 0) is opening else entry

        patch.setattr(LedgerStore, "_wallet_put", put)

    return apply


def _beside(kind: str, edit: Edit) -> Callable[[Patch], None]:
    """Change how records, markers or tombstones are written."""

    def apply(patch: Patch) -> None:
        original = LedgerStore._put_absent

        def put(self: LedgerStore, item: Entry, *, old: bool = False) -> Entry:
            entry = original(self, item, old=old)
            return edit(entry) if items.kind_of(item) == kind else entry

        patch.setattr(LedgerStore, "_put_absent", put)

    return apply


def _without(kind: str) -> Callable[[Patch], None]:
    """Leave markers or tombstones out."""

    def apply(patch: Patch) -> None:
        original = LedgerStore._beside

        def beside(self: LedgerStore, decisions: Any) -> Iterator[Entry]:
            return (item for item in original(self, decisions) if items.kind_of(item) != kind)

        patch.setattr(LedgerStore, "_beside", beside)

    return apply


def _commit(change: Callable[..., Any]) -> Callable[[Patch], None]:
    """Change the commit: `change(original, store, decided_on, decisions, companions)`."""

    def apply(patch: Patch) -> None:
        original = LedgerStore.commit

        def commit(self: LedgerStore, decided_on: int, decisions: Any, companions: Any = ()) -> Any:
            return change(original, self, decided_on, decisions, companions)

        patch.setattr(LedgerStore, "commit", commit)

    return apply


def _no_companions(original: Any, store: LedgerStore, decided_on: int, decisions: Any, _companions: Any) -> Any:
    return original(store, decided_on, decisions)


def _last_record_only(original: Any, store: LedgerStore, decided_on: int, decisions: Any, companions: Any) -> Any:
    return original(store, decided_on, decisions[-1:], companions)


def _lost_is(answer: Any) -> Callable[..., Any]:
    def change(original: Any, store: LedgerStore, decided_on: int, decisions: Any, companions: Any) -> Any:
        try:
            return original(store, decided_on, decisions, companions)
        except AnswerLost as lost:
            if isinstance(answer, type):
                raise answer("lost") from lost
            return answer

    return change


def _busy_is_done(original: Any, store: LedgerStore, decided_on: int, decisions: Any, companions: Any) -> Any:
    try:
        return original(store, decided_on, decisions, companions)
    except StoreBusy:
        return Committed()


def _reading(change: Callable[[list[Entry], int, int], Any]) -> Callable[[Patch], None]:
    """Change how the reasons of a cancellation are read: `change(reasons, records, ours)`; None leaves it to the real code."""

    def apply(patch: Patch) -> None:
        original = LedgerStore._refused

        def refused(self: LedgerStore, error: Any, *, records: int, ours: int) -> Any:
            found = change(error.response.get("CancellationReasons", []), records, ours)
            return original(self, error, records=records, ours=ours) if found is None else found

        patch.setattr(LedgerStore, "_refused", refused)

    return apply


def _failed(reasons: Sequence[Mapping[str, Any]]) -> list[int]:
    return [place for place, reason in enumerate(reasons) if reason["Code"] == "ConditionalCheckFailed"]


def _companion_first(reasons: list[Entry], _records: int, ours: int) -> Any:
    late = [place for place in _failed(reasons) if place >= ours]
    return CompanionRefused(late[0] - ours) if late else None


def _unread_is_fine(reasons: list[Entry], _records: int, ours: int) -> Any:
    failed = _failed(reasons)
    return CompanionRefused(failed[0] - ours) if failed and failed[0] >= ours else None


def _stale_is_done(reasons: list[Entry], _records: int, _ours: int) -> Any:
    return Committed() if _failed(reasons) == [0] else None


def _forget_codes(*codes: str) -> Callable[[Patch], None]:
    return lambda patch: patch.setattr(store_module, "_THROTTLED", store_module._THROTTLED - set(codes))


def _server_error_is_no(patch: Patch) -> None:
    patch.setattr(store_module, "_SERVER_ERROR", 1000)


def _server_error_is_busy(patch: Patch) -> None:
    def read(error: Any) -> Exception:
        return StoreBusy(store_module._code(error))

    patch.setattr(store_module, "_unwritten_or_lost", read)


def _tls_is_not_sent(patch: Patch) -> None:
    parts = tuple(part for part in store_module._NO_ANSWER if part is not SSLError)
    patch.setattr(store_module, "_NO_ANSWER", parts)


def _weak_reads(patch: Patch) -> None:
    def get(self: LedgerStore, key: Mapping[str, Any]) -> Any:
        told = {"ConsistentRead": False, "ReturnConsumedCapacity": "TOTAL"}
        return store_module._read(self._client.get_item, "ConsumedCapacity", TableName=self._table, Key=key, **told).get("Item")

    patch.setattr(LedgerStore, "_get", get)


def _cut_short_is_empty(patch: Patch) -> None:
    def get(self: LedgerStore, key: Mapping[str, Any]) -> Any:
        def whole(**request: Any) -> Mapping[str, Any]:
            return {"ConsumedCapacity": None, **self._client.get_item(**request)}

        told = {"ConsistentRead": True, "ReturnConsumedCapacity": "TOTAL"}
        return store_module._read(whole, "ConsumedCapacity", TableName=self._table, Key=key, **told).get("Item")

    patch.setattr(LedgerStore, "_get", get)


def _facts_first(patch: Patch) -> None:
    def snapshot(self: LedgerStore, player_id: str, movements: Sequence[Movement], *, own: bool = False) -> Snapshot:
        names = [one.related for one in movements if one.related]
        entries, markers = {}, {}
        for name in dict.fromkeys([*names, *(one.reference for one in movements)] if own else names):
            entry = self.entry(name)
            if entry:
                entries[name] = entry
        for name in dict.fromkeys(names):
            found = self._get(items.resolution_key(name))
            if found:
                markers[name] = items.resolution_of(found)
        return Snapshot(self.wallet(player_id), Facts(entries, markers))

    patch.setattr(LedgerStore, "snapshot", snapshot)


def _own_names_unread(patch: Patch) -> None:
    original = LedgerStore.snapshot

    def snapshot(self: LedgerStore, player_id: str, movements: Any, *, own: bool = False) -> Snapshot:
        return original(self, player_id, movements, own=own and False)

    patch.setattr(LedgerStore, "snapshot", snapshot)


def _twin_is_refused(patch: Patch) -> None:
    """Take a failed condition for a shortage, as a check on the balance alone would."""

    def change(reasons: list[Entry], records: int, _ours: int) -> Any:
        taken = any(1 <= place <= records for place in _failed(reasons))
        return CompanionRefused(0) if taken else None

    _reading(change)(patch)


Mutation = Callable[[Patch], None]

CONDITIONS: Final[Mapping[str, Mutation]] = {
    "wallet: no condition": _wallet(_bare),
    "wallet: the version or a later one": _wallet(_condition("v >= :decided_on")),
    "wallet: the version or an earlier one": _wallet(_condition("v <= :decided_on")),
    "wallet: any other version": _wallet(_condition("v <> :decided_on")),
    "wallet: any version": _wallet(_exists),
    "opening: no condition": _wallet(_bare, opening=True),
    "record: no condition": _beside("record", _bare),
    "record: not shown when it stands": _beside("record", _no_old),
    "marker: no condition": _beside("resolution", _bare),
    "tombstone: no condition": _beside("tombstone", _bare),
}
"""Every condition of the storage file, removed or weakened."""

REDUNDANT: Final = frozenset({"opening: no condition", "marker: no condition", "wallet: the version or an earlier one"})
"""What no schedule of this ledger can tell from the real thing, as another condition stands behind it or versions never go back."""

STORING: Final[Mapping[str, Mutation]] = {
    "markers are not written": _without("resolution"),
    "tombstones are not written": _without("tombstone"),
    "only the last record of a batch": _commit(_last_record_only),
    "companions are dropped": _commit(_no_companions),
    "a companion's refusal beats a duplicate": _reading(_companion_first),
    "a companion's refusal beats what was not read": _reading(_unread_is_fine),
    "a stale wallet is taken for a commit": _reading(_stale_is_done),
    "throttling inside is an error": _forget_codes("ThrottlingError", "ProvisionedThroughputExceeded"),
    "a conflict is an error": _forget_codes("TransactionConflict"),
    "throttling is an error": _forget_codes("ThrottlingException"),
    "busy is taken for a commit": _commit(_busy_is_done),
    "a lost answer is taken for a commit": _commit(_lost_is(Committed())),
    "a lost answer is taken for nothing": _commit(_lost_is(Stale())),
    "a lost answer is taken for busy": _commit(_lost_is(StoreBusy)),
    "a server error is an error of ours": _server_error_is_no,
    "a server error wrote nothing": _server_error_is_busy,
    "broken TLS wrote nothing": _tls_is_not_sent,
    "reads may be stale": _weak_reads,
    "an answer cut short is an empty one": _cut_short_is_empty,
    "facts are read before the wallet": _facts_first,
    "a batch does not look at its own names": _own_names_unread,
    "a duplicate is taken for a shortage": _twin_is_refused,
}
"""What else the storage file must do."""
