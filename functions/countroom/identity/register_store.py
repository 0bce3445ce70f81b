"""What a register last said of each player, in the players' table: `PLAYER#<player id>`, `REGISTER`; spelt here only.

It is written in the transaction that it led to: the account's, the session's or the exclusion's. Nothing in it is of the person.
"""

from countroom.identity.refusals import Unavailable
from countroom.identity.register import LookUp, Verdict
from countroom.identity.table import Item, Table
from countroom.times import from_iso, to_iso


class RegisterStore:
    """Last answers of registers."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def last(self, player_id: str) -> LookUp | None:
        """Read the last answer about a player, strongly; None when there was none. Raises Unavailable."""
        item = self._table.get(_key(player_id))
        if item is None:
            return None
        try:
            return LookUp(item["register"]["S"], Verdict(item["verdict"]["S"]), item["receipt"]["S"], from_iso(item["at"]["S"]))
        except (KeyError, TypeError, ValueError) as error:
            raise Unavailable("an answer of a register is not as it was written") from error

    def put_item(self, player_id: str, look_up: LookUp) -> Item:
        """Return the part of a transaction that keeps an answer. Of two at once the later write stays: both are of this moment."""
        item: Item = {
            **_key(player_id),
            "register": {"S": look_up.register},
            "verdict": {"S": look_up.verdict.value},
            "receipt": {"S": look_up.receipt},
            "at": {"S": to_iso(look_up.at_ms)},
        }
        return {"Put": {"TableName": self._table.name, "Item": item}}


def _key(player_id: str) -> Item:
    return {"pk": {"S": f"PLAYER#{player_id}"}, "sk": {"S": "REGISTER"}}
