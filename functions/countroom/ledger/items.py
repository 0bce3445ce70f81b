"""How the ledger's values are written as DynamoDB items: the only place that spells its keys and attributes.

A record is its JSON text (`Record.text`) and a wallet a few runs of bytes (`Wallet.packed`), the very ones that the hashes cover,
beside the few attributes that DynamoDB must see. That costs the SDK less than an attribute for each field, and both stay within
one kilobyte, which is one write unit. Three kinds of items share the table, told apart by the beginning of `pk`:

    W#<player>             the wallet
    TX#<source>#<id>       a record, or the tombstone that stands in its place
    RS#<source>#<id>       the marker that the record of that name has been taken back or resolved

Records carry `p` (player) and `n` (version) and so appear in the index `history`, newest last; nothing else does.
"""

from collections.abc import Mapping
from typing import Any, Final

from countroom.ledger.movements import Kind, Reference
from countroom.ledger.records import Record, Resolution, Tombstone
from countroom.ledger.wallet import Packed, Wallet

Item = Mapping[str, Any]
"""A DynamoDB item in the low-level form: attribute name → {type: value}."""

HISTORY_INDEX: Final = "history"
KEY: Final = "pk"
PLAYER: Final = "p"
RECORD_VERSION: Final = "n"
WALLET_VERSION: Final = "v"
ITEM_BYTES_MAX: Final = 1024

_UNREADABLE: Final = (AttributeError, IndexError, KeyError, RecursionError, TypeError, ValueError)
"""What reading an item raises when it is not of this ledger's making."""

_PARTS: Final = ("d", "s", "l", "e", "c")
"""The attributes of `Packed`; what is empty is left out."""

_WALLET: Final = "W#"
_RECORD: Final = "TX#"
_RESOLUTION: Final = "RS#"


class ItemTooLarge(AssertionError):
    """An item would cost a second write unit: a name somewhere is longer than the ledger's limits allow for."""


class NotAnItem(ValueError):
    """An item that this ledger did not write in this form."""


def wallet_key(player_id: str) -> dict[str, Any]:
    """Return the key of a player's wallet."""
    return {KEY: {"S": _WALLET + player_id}}


def record_key(reference: Reference) -> dict[str, Any]:
    """Return the key of a record or its tombstone."""
    return {KEY: {"S": _RECORD + reference.text}}


def resolution_key(reference: Reference) -> dict[str, Any]:
    """Return the key of the marker that resolves a record."""
    return {KEY: {"S": _RESOLUTION + reference.text}}


def item_bytes(item: Item) -> int:
    """Return an item's size as DynamoDB bills it: UTF-8 names and values, numbers two digits to a byte."""
    return sum(len(name.encode()) + _value_bytes(value) for name, value in item.items())


def _value_bytes(value: Mapping[str, Any]) -> int:
    ((kind, content),) = value.items()
    match kind:
        case "S":
            return len(str(content).encode())
        case "B":
            return len(content)
        case "N":
            digits = str(content).lstrip("-").strip("0")
            return 2 + len(digits) // 2 + (1 if digits != content else 0)
    raise NotAnItem("an attribute type that the ledger does not use")


def checked_size(item: dict[str, Any]) -> dict[str, Any]:
    """Return the item; raise ItemTooLarge when it is over one kilobyte."""
    if item_bytes(item) > ITEM_BYTES_MAX:
        raise ItemTooLarge(f"an item of the ledger has at most {ITEM_BYTES_MAX} bytes")
    return item


def wallet_item(wallet: Wallet) -> dict[str, Any]:
    """Write a wallet."""
    item: dict[str, Any] = {
        KEY: {"S": _WALLET + wallet.player_id},
        WALLET_VERSION: {"N": str(wallet.version)},
        "z": {"B": wallet.head},
        "w": {"S": wallet.head_key},
    }
    for name, part in zip(_PARTS, wallet.packed(), strict=True):
        if part:
            item[name] = {"B": part}
    return item


def wallet_of(item: Item) -> Wallet:
    """Read a wallet; raise NotAnItem when a field is missing or not what it must be."""
    try:
        player_id = item[KEY]["S"].removeprefix(_WALLET)
        packed = Packed(*[item[name]["B"] if name in item else b"" for name in _PARTS])
        return Wallet.read(player_id, int(item[WALLET_VERSION]["N"]), packed, item["z"]["B"], item["w"]["S"])
    except _UNREADABLE as error:
        raise NotAnItem("not a wallet of this ledger") from error


def record_item(record: Record) -> dict[str, Any]:
    """Write a record."""
    return {
        **record_key(record.reference),
        PLAYER: {"S": record.player_id},
        RECORD_VERSION: {"N": str(record.version)},
        "d": {"S": record.text()},
        "u": {"B": record.previous},
        "z": {"B": record.hash},
    }


def record_of(item: Item) -> Record:
    """Read a record; raise NotAnItem when a field is missing or not what it must be."""
    try:
        reference = Reference.from_text(item[KEY]["S"].removeprefix(_RECORD))
        version = int(item[RECORD_VERSION]["N"])
        return Record.read(reference, item[PLAYER]["S"], version, item["d"]["S"], item["u"]["B"], item["z"]["B"])
    except _UNREADABLE as error:
        raise NotAnItem("not a record of this ledger") from error


def tombstone_item(tombstone: Tombstone) -> dict[str, Any]:
    """Write a tombstone under the name of the movement that is not to happen any more."""
    return {
        **record_key(tombstone.reference),
        "j": {"S": tombstone.player_id},
        "q": {"S": tombstone.by.text},
        "t": {"N": str(tombstone.at_ms)},
    }


def entry_of(item: Item) -> Record | Tombstone:
    """Read what stands under a movement's name."""
    if RECORD_VERSION in item:
        return record_of(item)
    try:
        reference = Reference.from_text(item[KEY]["S"].removeprefix(_RECORD))
        return Tombstone(reference, item["j"]["S"], Reference.from_text(item["q"]["S"]), int(item["t"]["N"]))
    except _UNREADABLE as error:
        raise NotAnItem("neither a record nor a tombstone of this ledger") from error


def resolution_item(resolution: Resolution) -> dict[str, Any]:
    """Write the marker that resolves a record."""
    return {
        **resolution_key(resolution.of),
        "j": {"S": resolution.player_id},
        "q": {"S": resolution.by.text},
        "k": {"S": resolution.kind},
    }


def resolution_of(item: Item) -> Resolution:
    """Read a marker; raise NotAnItem for anything else."""
    try:
        reference = Reference.from_text(item[KEY]["S"].removeprefix(_RESOLUTION))
        return Resolution(reference, Reference.from_text(item["q"]["S"]), Kind(item["k"]["S"]), item["j"]["S"])
    except _UNREADABLE as error:
        raise NotAnItem("not a resolution of this ledger") from error


def kind_of(item: Item) -> str:
    """Tell what an item is: ``wallet``, ``record``, ``tombstone``, ``resolution`` or ``foreign``."""
    key = str(item[KEY]["S"])
    if key.startswith(_WALLET):
        return "wallet"
    if key.startswith(_RESOLUTION):
        return "resolution"
    if key.startswith(_RECORD):
        return "record" if RECORD_VERSION in item else "tombstone"
    return "foreign"
