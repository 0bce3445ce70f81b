"""How withdrawals lie in DynamoDB: to and from its own JSON. Only `store`, `lists` and this file spell their keys and attributes.

- `WITHDRAWAL#<id>`, `WITHDRAWAL`: one withdrawal; `player_id` and `created_at` put it into the index by_player, `open_status` and
  `changed_at` into the index open, where it is while its money is held or people must look. `token` and `token_for`: the waiting
  step of its state machine and the version that it waits to see changed; they are no part of the withdrawal
- `PLAYER#<player id>`, `BOOK`: the player's counters (see `tally`); in no index
"""

from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final, TypeAlias

from countroom.cashier.withdrawals.tally import Asked, Tally
from countroom.cashier.withdrawals.withdrawal import Actor, Attention, Change, Withdrawal, WithdrawalStatus, Word
from countroom.times import to_iso

Item: TypeAlias = dict[str, Any]
"""An item or a transaction's part in DynamoDB's own JSON."""

TOKEN: Final = "token"  # noqa: S105 - an attribute's name, not a secret
TOKEN_FOR: Final = "token_for"  # noqa: S105 - an attribute's name, not a secret
_SORT_KEY: Final = "WITHDRAWAL"
_PREFIX: Final = "WITHDRAWAL#"

CHANGING: Final = (
    "status",
    "version",
    "changes",
    "changed_at",
    "reasons",
    "approvals_needed",
    "approvers",
    "tries",
    "asks",
    "payout_id",
    "words",
    "paid",
    "attention",
    "open_status",
)
"""The attributes that change in a withdrawal's life; where one has nothing to say it is left out."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A withdrawal as it lies in the table. `token` is the last one that a step waited with ('': none), at version `token_for`."""

    withdrawal: Withdrawal
    token: str = ""
    token_for: int = 0

    @property
    def waits_in_vain(self) -> bool:
        """Whether a step waits for a change that has been made."""
        return self.token != "" and self.token_for < self.withdrawal.version


def withdrawal_key(withdrawal_id: str) -> Item:
    """Give the key of a withdrawal."""
    return {"pk": {"S": _PREFIX + withdrawal_id}, "sk": {"S": _SORT_KEY}}


def id_of_key(key: Item) -> str:
    """Read a withdrawal's id out of its key."""
    return str(key["pk"]["S"]).removeprefix(_PREFIX)


def tally_key(player_id: str) -> Item:
    """Give the key of a player's counters."""
    return {"pk": {"S": f"PLAYER#{player_id}"}, "sk": {"S": "BOOK"}}


def withdrawal_item(withdrawal: Withdrawal) -> Item:
    """Write a withdrawal."""
    return {
        **withdrawal_key(withdrawal.withdrawal_id),
        "withdrawal_id": {"S": withdrawal.withdrawal_id},
        "player_id": {"S": withdrawal.player_id},
        "created_at": {"S": to_iso(withdrawal.created_at_ms)},
        "gateway": {"S": withdrawal.gateway},
        "instrument": {"S": withdrawal.instrument},
        "currency": {"S": withdrawal.currency},
        "amount": {"N": str(withdrawal.amount)},
        **({"ticket": {"S": withdrawal.ticket}} if withdrawal.ticket else {}),
        **changing(withdrawal),
    }


def changing(withdrawal: Withdrawal) -> Item:
    """Write what changes in a withdrawal's life, without what has nothing to say."""
    item: Item = {
        "status": {"S": withdrawal.status.value},
        "version": {"N": str(withdrawal.version)},
        "changes": {"L": [_change_item(change) for change in withdrawal.changes]},
        "changed_at": {"S": to_iso(withdrawal.changed_at_ms)},
    }
    item |= {
        name: {"N": str(number)}
        for name, number in (
            ("approvals_needed", withdrawal.approvals_needed),
            ("tries", withdrawal.tries),
            ("asks", withdrawal.asks),
            ("paid", withdrawal.paid),
        )
        if number
    }
    item |= {
        name: {"L": [{"S": text} for text in texts]}
        for name, texts in (
            ("reasons", withdrawal.reasons),
            ("approvers", withdrawal.approvers),
            ("words", sorted(withdrawal.words)),
        )
        if texts
    }
    if withdrawal.payout_id:
        item["payout_id"] = {"S": withdrawal.payout_id}
    if withdrawal.attention is not None:
        item["attention"] = {"S": withdrawal.attention.value}
    if withdrawal.is_open or withdrawal.attention is not None:
        item["open_status"] = {"S": withdrawal.status.value}
    return item


def withdrawal_of(item: Item) -> Withdrawal:
    """Read a withdrawal."""
    return Withdrawal(
        withdrawal_id=item["withdrawal_id"]["S"],
        player_id=item["player_id"]["S"],
        gateway=item["gateway"]["S"],
        instrument=item["instrument"]["S"],
        currency=item["currency"]["S"],
        amount=int(item["amount"]["N"]),
        status=WithdrawalStatus(item["status"]["S"]),
        changes=tuple(_change_of(change["M"]) for change in item["changes"]["L"]),
        reasons=_texts(item, "reasons"),
        approvals_needed=_number(item, "approvals_needed"),
        approvers=_texts(item, "approvers"),
        tries=_number(item, "tries"),
        asks=_number(item, "asks"),
        payout_id=item["payout_id"]["S"] if "payout_id" in item else "",
        words=frozenset(Word(text) for text in _texts(item, "words")),
        paid=_number(item, "paid"),
        attention=Attention(item["attention"]["S"]) if "attention" in item else None,
        version=int(item["version"]["N"]),
        ticket=item["ticket"]["S"] if "ticket" in item else "",
    )


def kept_of(item: Item) -> Kept:
    """Read a withdrawal with what waits for it."""
    token = item[TOKEN]["S"] if TOKEN in item else ""
    return Kept(withdrawal_of(item), token, _number(item, TOKEN_FOR))


def tally_item(tally: Tally) -> Item:
    """Write a player's counters."""
    return {
        **tally_key(tally.player_id),
        "player_id": {"S": tally.player_id},
        "version": {"N": str(tally.version)},
        "recent": {"L": [_asked_item(asked) for asked in tally.recent]},
        "out": _sums_item(tally.out),
        "paid": _sums_item(tally.paid),
        "flagged": {"L": [{"S": text} for text in sorted(tally.flagged)]},
    }


def tally_of(item: Item) -> Tally:
    """Read a player's counters."""
    return Tally(
        player_id=item["player_id"]["S"],
        version=int(item["version"]["N"]),
        recent=tuple(_asked_of(asked["M"]) for asked in item["recent"]["L"]),
        out=_sums_of(item["out"]),
        paid=_sums_of(item["paid"]),
        flagged=frozenset(_texts(item, "flagged")),
    )


def _change_item(change: Change) -> Item:
    fields: Item = {
        "at": {"N": str(change.at_ms)},
        "status": {"S": change.status.value},
        "cause": {"S": change.cause},
        "actor": {"S": change.actor.value},
    }
    more = (("record", change.record), ("by", change.by), ("why", change.why))
    return {"M": fields | {name: {"S": text} for name, text in more if text}}


def _change_of(item: Item) -> Change:
    record, by, why = (item[name]["S"] if name in item else "" for name in ("record", "by", "why"))
    status, actor = WithdrawalStatus(item["status"]["S"]), Actor(item["actor"]["S"])
    return Change(int(item["at"]["N"]), status, item["cause"]["S"], actor, record, by, why)


def _asked_item(asked: Asked) -> Item:
    fields: Item = {
        "id": {"S": asked.withdrawal_id},
        "at": {"N": str(asked.at_ms)},
        "gateway": {"S": asked.gateway},
        "amount": {"N": str(asked.amount)},
    }
    return {"M": fields | ({"released": {"BOOL": True}} if asked.released else {})}


def _asked_of(item: Item) -> Asked:
    return Asked(item["id"]["S"], int(item["at"]["N"]), item["gateway"]["S"], int(item["amount"]["N"]), released="released" in item)


def _sums_item(sums: Any) -> Item:
    return {"M": {name: {"N": str(number)} for name, number in sorted(sums.items())}}


def _sums_of(item: Item) -> Any:
    return MappingProxyType({name: int(number["N"]) for name, number in item["M"].items()})


def _texts(item: Item, name: str) -> tuple[str, ...]:
    return tuple(text["S"] for text in item[name]["L"]) if name in item else ()


def _number(item: Item, name: str) -> int:
    return int(item[name]["N"]) if name in item else 0
