"""Where a player's money may go: back to what he has paid with. A method is named by a deposit that it has paid."""

from collections.abc import Mapping
from typing import Final

from countroom.cashier.deposits import Deposit, is_deposit_id
from countroom.cashier.store import CashierStore
from countroom.cashier.withdrawals.terms import pays_back
from countroom.cursors import PAGE_MAX

PAGES_MAX: Final = 50
"""The newest 5,000 deposits of a player count; who has more has had what came before paid back or played it."""


class Methods:
    """Looks into the cashier's deposits. Both methods raise StoreUnavailable."""

    def __init__(self, deposits: CashierStore) -> None:
        self._deposits = deposits

    def usable(self, player_id: str, deposit_id: str) -> Deposit | None:
        """Find a deposit that has paid in money of this player which nobody has taken back, and which its gateway can pay back to.

        None for any other. It is read strongly.
        """
        deposit = self._deposits.get(deposit_id) if is_deposit_id(deposit_id) else None
        if deposit is None or deposit.player_id != player_id or not _left(deposit) or not _can_go_back(deposit):
            return None
        return deposit

    def given(self, player_id: str) -> Mapping[str, int]:
        """Sum by gateway, in nanos, what a player has paid in, was not taken back and can go back.

        A deposit of this moment may be missing.
        """
        sums: dict[str, int] = {}
        cursor: str | None = None
        for _ in range(PAGES_MAX):
            page = self._deposits.list_by_player(player_id, PAGE_MAX, cursor)
            for deposit in filter(_can_go_back, page.deposits):
                sums[deposit.gateway] = sums.get(deposit.gateway, 0) + _left(deposit)
            cursor = page.next_cursor
            if cursor is None:
                break
        return sums


def _can_go_back(deposit: Deposit) -> bool:
    return pays_back(deposit.gateway, deposit.method)


def _left(deposit: Deposit) -> int:
    return max(0, deposit.credited - deposit.taken_back)
