"""Whoever can write to the table past all rules is found out: a thousand random tamperings, each of which the audit must name.

What no look at the table alone can show (a past rewritten or cut off with everything that depends on it, wallet included) is shown
by the anchors of an earlier report.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from countroom.ledger import items
from countroom.ledger.audit import audit_items
from countroom.ledger.findings import Issue, Level
from countroom.ledger.movements import Kind, Reference
from countroom.ledger.records import Outcome, Record, Resolution, Tombstone
from countroom.ledger.stored import owner
from tests.unit.ledger.table import UNIT, Item, Player, every_kind

TAMPERINGS = 1000
Table = dict[str, Item]
PLAYERS = ("pl_anna", "pl_ben", "pl_cho")


@cache
def _stored() -> tuple[Item, ...]:
    return tuple(every_kind().items)


def fresh() -> Table:
    """The whole table, by key."""
    return {item["pk"]["S"]: dict(item) for item in _stored()}


@dataclass
class Tampering:
    """What is tampered with: the table, the dice, and what was touched."""

    table: Table
    data: st.DataObject

    def __post_init__(self) -> None:
        self.keys: set[str] = set()
        self.players: set[str] = set()

    def draw(self, strategy: st.SearchStrategy[Any]) -> Any:
        return self.data.draw(strategy)

    def touch(self, *touched: Item) -> None:
        for item in touched:
            self.keys.add(item["pk"]["S"])
            self.players.add(owner(item))

    def any_item(self, kind: str | None = None) -> Item:
        keys = sorted(key for key, item in self.table.items() if kind in {None, items.kind_of(item)})
        item = self.table[self.draw(st.sampled_from(keys))]
        self.touch(item)
        return item

    def put(self, item: Item) -> None:
        self.touch(item)
        self.table[item["pk"]["S"]] = item


def _other_text(tampering: Tampering, text: str) -> str:
    at = tampering.draw(st.integers(0, max(0, len(text) - 1)))
    letter = tampering.draw(st.sampled_from("ax0Z9:#-_\u00e9"))
    changed: str = tampering.draw(st.sampled_from([text[:at] + letter + text[at + 1 :], text + letter, text[:at], ""]))
    return changed


def _other_json(tampering: Tampering, value: Any) -> Any:
    """Change one leaf of a JSON value, or leave out a member."""
    match value:
        case dict() if value:
            name = tampering.draw(st.sampled_from(sorted(value)))
            if tampering.draw(st.booleans()):
                return {key: kept for key, kept in value.items() if key != name}
            return value | {name: _other_json(tampering, value[name])}
        case list() if value:
            at = tampering.draw(st.integers(0, len(value) - 1))
            return [*value[:at], _other_json(tampering, value[at]), *value[at + 1 :]]
        case bool() | None:
            return 1
        case int():
            return value + tampering.draw(st.integers(-(10**12), 10**12).filter(bool))
        case str():
            return _other_text(tampering, value)
    return 0


def _other_value(tampering: Tampering, value: dict[str, Any]) -> dict[str, Any]:
    ((kind, content),) = value.items()
    if kind == "N":
        return {"N": str(int(content) + tampering.draw(st.integers(-3, 10**6).filter(bool)))}
    if kind == "B":
        at = tampering.draw(st.integers(0, max(0, len(content) - 1)))
        return {"B": content[:at] + bytes([(content[at] + 1) % 256]) + content[at + 1 :] if content else b"x"}
    if content.startswith("{") and tampering.draw(st.booleans()):
        return {"S": json.dumps(_other_json(tampering, json.loads(content)), separators=(",", ":"))}
    return {"S": _other_text(tampering, content)}


def edit(tampering: Tampering) -> None:
    item = tampering.any_item()
    name = tampering.draw(st.sampled_from(sorted(item)))
    changed = _other_value(tampering, item[name])
    assume(changed != item[name] and (name != "pk" or changed["S"]))
    del tampering.table[item["pk"]["S"]]
    assume(name != "pk" or changed["S"] not in tampering.table)
    tampering.put({**item, name: changed})


def edit_and_reseal(tampering: Tampering) -> None:
    """Change a record and give it a hash that fits: its successor, or the wallet, still knows the old one."""
    record = items.record_of(tampering.any_item("record"))
    changes = [
        {"amount": record.amount + UNIT},
        {"cash": record.cash + UNIT, "after": replace(record.after, cash=record.after.cash + UNIT)},
        {"at_ms": record.at_ms - 1},
        {"round": record.round + "x"},
        {"note": "nothing to see"},
        {"outcome": Outcome.APPLIED if record.outcome is not Outcome.APPLIED else Outcome.NO_EFFECT, "reason": None},
    ]
    changed = replace(record, **tampering.draw(st.sampled_from(changes)))
    tampering.put(items.record_item(replace(changed, hash=changed.sealed())))


def drop_attribute(tampering: Tampering) -> None:
    item = tampering.any_item()
    name = tampering.draw(st.sampled_from(sorted(item.keys() - {"pk"})))
    tampering.put({key: value for key, value in item.items() if key != name})


def add_attribute(tampering: Tampering) -> None:
    item = tampering.any_item()
    name = tampering.draw(st.sampled_from(["p", "n", "v", "d", "z", "j", "q", "note", "extra"]))
    assume(name not in item)
    value = tampering.draw(st.sampled_from([{"S": "pl_anna"}, {"N": "1"}, {"B": b"\x00"}, {"BOOL": True}, {"L": []}]))
    tampering.put({**item, name: value})


def delete(tampering: Tampering) -> None:
    del tampering.table[tampering.any_item()["pk"]["S"]]


def swap(tampering: Tampering) -> None:
    """Let two items of one kind change places."""
    kind = tampering.draw(st.sampled_from(["wallet", "record", "resolution", "tombstone"]))
    one, other = tampering.any_item(kind), tampering.any_item(kind)
    assume(one["pk"] != other["pk"])
    tampering.put({**other, "pk": one["pk"]})
    tampering.put({**one, "pk": other["pk"]})


def reorder(tampering: Tampering) -> None:
    """Give two records each other's version."""
    one, other = tampering.any_item("record"), tampering.any_item("record")
    assume(one["n"] != other["n"])
    tampering.put({**one, "n": other["n"]})
    tampering.put({**other, "n": one["n"]})


def _forged(tampering: Tampering) -> Record:
    """A win that never was, at the end of a chain, with a hash and balances that fit its predecessor."""
    player_id = tampering.draw(st.sampled_from(PLAYERS))
    wallet = items.wallet_of(tampering.table["W#" + player_id])
    model = items.record_of(tampering.table[f"TX#game:hub88#{player_id}-promo"])
    amount = tampering.draw(st.integers(0, 10**15))
    record = replace(
        model,
        reference=Reference("game:hub88", "forged"),
        amount=amount,
        cash=amount,
        after=replace(model.after, cash=wallet.cash + amount, bonus=wallet.bonus, held=wallet.held, version=wallet.version + 1),
        state=wallet.state(),
        previous=wallet.head,
        previous_key=wallet.head_key,
    )
    return replace(record, hash=record.sealed())


def insert(tampering: Tampering) -> None:
    record = _forged(tampering)
    somebody = tampering.draw(st.sampled_from(PLAYERS))
    unseen, bet = Reference("game:hub88", "unseen"), Reference("game:hub88", f"{somebody}-bet1")
    copied = tampering.any_item("record")
    forgeries: list[Item] = [
        items.record_item(record),
        items.record_item(replace(record, after=replace(record.after, version=7))),
        {**copied, "pk": {"S": "TX#game:hub88#copy"}},
        items.tombstone_item(Tombstone(unseen, somebody, Reference("game:hub88", f"{somebody}-early"), record.at_ms)),
        items.resolution_item(Resolution(bet, Reference("game:hub88", f"{somebody}-back2"), Kind.ROLLBACK, somebody)),
        {**tampering.table["W#" + somebody], "pk": {"S": "W#pl_nobody"}},
        {"pk": {"S": "W#pl_nobody"}},
        {"pk": {"S": "HOUSE#cash"}, "p": {"S": somebody}},
    ]
    tampering.put(tampering.draw(st.sampled_from(forgeries)))


def truncate(tampering: Tampering) -> None:
    """Cut off the end of a chain, and what stands beside it, but for the wallet."""
    player_id = tampering.draw(st.sampled_from(PLAYERS))
    left = tampering.draw(st.integers(0, 30))
    gone = {key for key, item in tampering.table.items() if owner(item) == player_id and int(item.get("n", {"N": "0"})["N"]) > left}
    for key in gone:
        tampering.touch(tampering.table.pop(key))


WAYS: dict[str, Callable[[Tampering], None]] = {
    way.__name__: way for way in (edit, edit_and_reseal, drop_attribute, add_attribute, delete, swap, reorder, insert, truncate)
}


@settings(max_examples=TAMPERINGS, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
@given(data=st.data(), way=st.sampled_from(sorted(WAYS)))
def test_a_tampering_is_found_and_located(data: st.DataObject, way: str) -> None:
    tampering = Tampering(fresh(), data)
    WAYS[way](tampering)
    assume(list(tampering.table.values()) != list(fresh().values()))
    report = audit_items(tampering.table.values())
    mismatches = [finding for finding in report.findings if finding.level is Level.MISMATCH]
    assert mismatches, way
    assert any(found.key in tampering.keys or found.player_id in tampering.players for found in mismatches), mismatches
    assert all(found.sentence.endswith(".") for found in mismatches)


@pytest.mark.parametrize("item", _stored(), ids=lambda item: item["pk"]["S"])
def test_each_single_deletion_is_found(item: Item) -> None:
    table = fresh()
    del table[item["pk"]["S"]]
    assert audit_items(table.values()).mismatches


@pytest.mark.parametrize("way", sorted({(item["pk"]["S"], name) for item in _stored() for name in item}))
def test_each_attribute_is_needed(way: tuple[str, str]) -> None:
    key, name = way
    table = fresh()
    if name == "pk":
        table[key]["pk"] = {"S": key + "x"}
    else:
        del table[key][name]
    assert audit_items(table.values()).mismatches


def test_an_untouched_table_has_no_mismatch() -> None:
    report = audit_items(fresh().values())
    assert report.mismatches == 0
    assert report.counts == {Issue.OPEN_HOLD: 3}


def _rewritten(table: Table, player_id: str, from_version: int, at_ms: int) -> None:
    """Change one record's time, and reseal it, all that follow, and the wallet: the work of somebody who knows all of this."""
    records = sorted(
        (items.record_of(item) for item in table.values() if owner(item) == player_id and "n" in item),
        key=lambda record: record.version,
    )
    previous = records[from_version - 2].hash
    for record in records[from_version - 1 :]:
        changed = replace(record, previous=previous, at_ms=at_ms if record.version == from_version else record.at_ms)
        changed = replace(changed, hash=changed.sealed())
        table[f"TX#{changed.reference.text}"] = items.record_item(changed)
        previous = changed.hash
    wallet = items.wallet_of(table["W#" + player_id])
    table["W#" + player_id] = items.wallet_item(replace(wallet, head=previous))


def test_a_past_rewritten_with_all_that_follows_shows_by_an_anchor_only() -> None:
    anchors = audit_items(fresh().values()).anchors
    table = fresh()
    _rewritten(table, "pl_ben", 7, at_ms=1)
    assert audit_items(table.values()).mismatches == 0
    (found,) = [one for one in audit_items(table.values(), anchors).findings if one.level is Level.MISMATCH]
    assert (found.issue, found.player_id, found.key) == (Issue.ANCHOR, "pl_ben", "W#pl_ben")


def test_an_end_cut_off_together_with_the_wallet_shows_by_an_anchor_only() -> None:
    ledger = every_kind()
    before = {item["pk"]["S"]: item for item in ledger.items}
    anna_before = before["W#pl_anna"]
    noted = audit_items(before.values()).anchors
    ledger.post(Player("pl_anna").deposit("more", UNIT))
    later = audit_items(ledger.items).anchors
    rolled_back = {item["pk"]["S"]: item for item in ledger.items if item["pk"]["S"] in before} | {"W#pl_anna": anna_before}
    assert audit_items(rolled_back.values()).mismatches == 0
    assert audit_items(rolled_back.values(), noted).mismatches == 0
    (found,) = [one for one in audit_items(rolled_back.values(), later).findings if one.level is Level.MISMATCH]
    assert (found.issue, found.player_id) == (Issue.ANCHOR, "pl_anna")
    assert "cut off" in found.sentence


def test_a_player_who_is_gone_altogether_shows_by_an_anchor_only() -> None:
    anchors = audit_items(fresh().values()).anchors
    table = {key: item for key, item in fresh().items() if owner(item) != "pl_cho"}
    assert audit_items(table.values()).mismatches == 0
    (found,) = [one for one in audit_items(table.values(), anchors).findings if one.level is Level.MISMATCH]
    assert (found.issue, found.player_id) == (Issue.ANCHOR, "pl_cho")


def test_anchors_hold_while_the_ledger_goes_on() -> None:
    ledger = every_kind()
    anchors = audit_items(ledger.items).anchors
    ledger.post(Player("pl_anna").deposit("more", UNIT))
    assert audit_items(ledger.items, anchors).mismatches == 0
