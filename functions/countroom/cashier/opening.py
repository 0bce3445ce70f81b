"""Opening a deposit's payment at its gateway: what a player's browser needs to pay it.

The deposit comes first and is kept; its payment is asked for under the deposit's own id, so that asking twice, from anywhere, gives
one payment. Nothing of the answer is kept. What becomes of the payment is the gateway's to say, by its webhooks, and nobody else's.

A gateway knows an id for a day at least (Stripe) or a week (Adyen). So a payment can be asked for during PAYABLE_MS after the
deposit, and is then open for PAY_MS at least: long before an id could be forgotten and a second payment be made for one deposit.
"""

from collections.abc import Callable, Collection
from typing import Final, Protocol

from countroom import money
from countroom.cashier import deposits, gates, uses
from countroom.cashier.deposits import Deposit, DepositStatus
from countroom.cashier.gates import Declined, DeclineReason, LevelsOf, Wish
from countroom.cashier.gateways.openers.dialect import Kind, OpenedPayment, PaymentOrder
from countroom.cashier.store import CashierStore
from countroom.cashier.terms import Method
from countroom.clock import Clock
from countroom.ledger.wallet import Wallet

PAYABLE_MS: Final = 12 * 60 * 60 * 1000
PAY_MS: Final = 60 * 60 * 1000

_S = DepositStatus
OPEN: Final = frozenset({_S.CREATED, _S.REQUIRES_ACTION, _S.PENDING, _S.FAILED})
"""States of a deposit whose payment may still be paid.

After a failed try the same payment can be tried again, unless the deposit counted towards the player's limits and has given back
what it took (see `uses`): then a new one is to be started.
"""


class NoSuchDeposit(LookupError):
    """The player has no deposit of this id."""


class NotPayable(Exception):
    """The deposit is paid, over, too old to be paid, or older than a limit of its player: a new one has to be started."""


class TillAt(Protocol):
    """Opens payments at one gateway (see `gateways.openers.dialect.Till`)."""

    def open(self, order: PaymentOrder) -> OpenedPayment:
        """Open the payment, or get the one that was opened before."""
        ...


class PaymentOpening:
    """Opens payments. `till_at` gives a gateway's till, None for one that need not be asked before it is paid.

    `wallet_of` is one strong read of the ledger, `levels_of` says what is known of a player, `reachable` are the gateways that this
    stage is set up to use.
    """

    def __init__(
        self,
        store: CashierStore,
        wallet_of: Callable[[str], Wallet | None],
        levels_of: LevelsOf,
        clock: Clock,
        till_at: Callable[[str], TillAt | None],
        reachable: Collection[str],
    ) -> None:
        self._store = store
        self._wallet_of = wallet_of
        self._levels_of = levels_of
        self._clock = clock
        self._till_at = till_at
        self._reachable = reachable

    def open(self, player_id: str, deposit_id: str, return_url: str) -> tuple[Deposit, OpenedPayment] | Declined:
        """Open the payment of a deposit of this player, or give the one that was opened before.

        Raises NoSuchDeposit, NotPayable, StoreUnavailable, what the till raises, and what the ledger's read and `levels_of` raise.
        """
        deposit = self._store.get(deposit_id) if deposits.is_deposit_id(deposit_id) else None
        if deposit is None or deposit.player_id != player_id:
            raise NoSuchDeposit
        if not _is_open(deposit) or self._clock() >= deposit.created_at_ms + PAYABLE_MS:
            raise NotPayable
        wallet = gates.admitted(self._wallet_of(player_id), self._clock())
        if isinstance(wallet, Declined):
            return wallet
        method = self._admit(deposit, wallet)
        if isinstance(method, Declined):
            return method
        till = self._till_at(deposit.gateway)
        if till is None:
            return deposit, OpenedPayment(Kind.NONE)
        return deposit, till.open(_order(deposit, method, wallet.country, return_url))

    def _admit(self, deposit: Deposit, wallet: Wallet) -> Method | Declined:
        """Ask again what was asked when the deposit was opened: a player who may not pay in any more is not sent to pay."""
        method = Method(deposit.method) if deposit.method else None
        wish = Wish(deposit.amount, money.currency(deposit.currency), deposit.gateway, method)
        offer = gates.chosen(wallet, wish, self._reachable)
        if isinstance(offer, Declined):
            # No field of this request is at fault when the terms have changed since the deposit was opened.
            return Declined(DeclineReason.METHOD_NOT_ALLOWED) if offer.faults else offer
        if gates.beyond_limits(wallet, deposit, deposit.amount, self._clock()):
            raise NotPayable  # a limit is newer than the deposit; one that is opened now is decided by it
        return gates.unverified(wallet, deposit.amount, self._levels_of(wallet.player_id)) or offer.method


def _is_open(deposit: Deposit) -> bool:
    return deposit.status in OPEN and not (deposit.counted and uses.has_ended(deposit))


def _order(deposit: Deposit, method: Method, country: str, return_url: str) -> PaymentOrder:
    return PaymentOrder(
        deposit_id=deposit.deposit_id,
        player_id=deposit.player_id,
        method=method,
        amount=deposit.amount,
        currency=deposit.currency,
        country=country,
        return_url=return_url,
        expires_at_ms=deposit.created_at_ms + PAYABLE_MS + PAY_MS,
    )
