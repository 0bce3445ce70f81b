"""What the house asks before it lets a player pay in, the same when a deposit is opened and when its payment is. Pure.

What has been paid is booked all the same, whatever these say later.
"""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, TypeAlias

from countroom import money
from countroom.cashier import terms
from countroom.cashier.deposits import Deposit
from countroom.cashier.terms import Method, Offer
from countroom.faults import Fault
from countroom.jurisdictions.profile import Level
from countroom.jurisdictions.profiles import profile_of
from countroom.ledger.movements import LimitKind, Status
from countroom.ledger.rules import limits
from countroom.ledger.rules.effects import status_at
from countroom.ledger.wallet import Wallet


class DeclineReason(StrEnum):
    """Why a deposit, or its payment, was not opened."""

    INVALID_REQUEST = "invalid_request"
    KEY_MISSING = "key_missing"
    KEY_REUSED = "key_reused"
    NO_WALLET = "no_wallet"
    WRONG_CURRENCY = "wrong_currency"
    WALLET_BLOCKED = "wallet_blocked"
    WALLET_EXCLUDED = "wallet_excluded"
    NOT_VERIFIED = "not_verified"
    METHOD_NOT_ALLOWED = "method_not_allowed"
    LIMIT_REACHED = "limit_reached"


@dataclass(frozen=True, slots=True)
class Declined:
    """No deposit was written. `limit` is the one that leaves no room, as the ledger names it (``deposit 24h``)."""

    reason: DeclineReason
    faults: tuple[Fault, ...] = ()
    limit: str = ""


LevelsOf: TypeAlias = Callable[[str], Collection[Level]]
"""Which levels of verification a player has reached, read strongly."""


_STATUSES: Final = {
    Status.EXCLUDED: DeclineReason.WALLET_EXCLUDED,
    Status.BLOCKED: DeclineReason.WALLET_BLOCKED,
    Status.CLOSED: DeclineReason.WALLET_BLOCKED,
}


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to be paid in: `amount` nanos of `currency` through `gateway`, by a method or by whichever is usual there."""

    amount: int
    currency: money.Currency
    gateway: str
    method: Method | None = None


def admitted(wallet: Wallet | None, now_ms: int) -> Wallet | Declined:
    """Give the wallet of a player who may pay in at all: neither blocked, nor excluded, nor on a time-out."""
    if wallet is None:
        return Declined(DeclineReason.NO_WALLET)
    status = status_at(wallet, now_ms)
    return wallet if status is Status.ACTIVE else Declined(_STATUSES[status])


def unverified(wallet: Wallet, amount: int, levels: Collection[Level]) -> Declined | None:
    """Say which levels a player still needs before he pays in `amount` nanos, in the order in which to ask for them.

    The deposit with which the net deposits would reach a threshold needs its levels already.
    """
    told = profile_of(wallet.country).verification
    net = wallet.totals.deposited - wallet.totals.withdrawn + amount
    required = told.deposit | told.at(net, wallet.currency)
    lacking = tuple(Fault("level", level) for level in Level if level in required and level not in levels)
    return Declined(DeclineReason.NOT_VERIFIED, lacking) if lacking else None


def chosen(wallet: Wallet, wish: Wish, reachable: Collection[str]) -> Offer | Declined:
    """Find the offer that a wish is about, if the house takes this player's money that way.

    `reachable`: the gateways that this stage is set up to use.
    """
    if wallet.currency != wish.currency.code:
        return Declined(DeclineReason.WRONG_CURRENCY)
    if wish.gateway not in reachable:
        return Declined(DeclineReason.METHOD_NOT_ALLOWED)
    gateway = terms.TERMS[wish.gateway]
    offer = gateway.offer(wish.method) if wish.method else gateway.usual(wish.currency.code, wallet.country)
    if offer is None and wish.method is None:
        return _invalid("currency", "is not taken by this payment gateway")
    if offer is None or not offer.is_for(wallet.country):
        return Declined(DeclineReason.METHOD_NOT_ALLOWED)
    taken = offer.ranges.get(wish.currency.code)
    if taken is None:
        return _invalid("currency", "is not taken by this payment method")
    if not taken.holds(wish.amount):
        smallest, largest = (money.format_amount(bound, wish.currency) for bound in (taken.smallest, taken.largest))
        return _invalid("amount", f"must be from {smallest} to {largest} {wish.currency.code}")
    return offer


def beyond_limits(wallet: Wallet, deposit: Deposit, amount: int, now_ms: int) -> Declined | None:
    """Say whether to pay `amount` nanos for a deposit passes a limit of the player.

    What a deposit was opened for is counted since then, and was decided there; to pay more than that is refused under any limit, as
    it could not be decided in the same way. So is what a limit does not count at all, because it is newer than the deposit or the
    deposit is from before openings were recorded: each of many such would find the same room in it.
    """
    running = [limit for limit in limits.in_force(wallet.limits, now_ms) if limit.kind is LimitKind.DEPOSIT]
    for limit in running:
        counted = deposit.counted and deposit.created_at_ms > limit.anchor_ms
        if not counted or amount > deposit.amount:
            return Declined(DeclineReason.LIMIT_REACHED, limit=limit.name)
    return None


@dataclass(frozen=True, slots=True)
class Choice:
    """One way for a player to pay in: what of an offer is for the wallet's currency. `usual`: what no method means there."""

    gateway: str
    offer: Offer
    currency: money.Currency
    taken: terms.Range
    usual: bool


def choices(wallet: Wallet, reachable: Collection[str]) -> Iterator[Choice]:
    """Give every way for this player to pay in, the house's own choice of gateway first."""
    for name in sorted(terms.TERMS, key=lambda gateway: (gateway != terms.DEFAULT_GATEWAY, gateway)):
        usual = terms.TERMS[name].usual(wallet.currency, wallet.country)
        for offer in terms.TERMS[name].offers:
            taken = offer.ranges.get(wallet.currency)
            if taken is not None and offer.is_for(wallet.country) and name in reachable:
                yield Choice(name, offer, money.currency(wallet.currency), taken, offer is usual)


def _invalid(field: str, message: str) -> Declined:
    return Declined(DeclineReason.INVALID_REQUEST, (Fault(field, message),))
