"""The deposit desk: a player asks to pay in, and looks up what became of it."""

import base64
import secrets
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from countroom.cashier import deposits, gates, terms, uses
from countroom.cashier.deposits import Deposit
from countroom.cashier.gates import Choice, Declined, DeclineReason, LevelsOf, Wish
from countroom.cashier.idempotency import Answer, Claim, Entry, KeyMissing, Replay, fingerprint, judge
from countroom.cashier.requests import read_key, read_sum
from countroom.cashier.store import CashierStore, Page, StoreUnavailable
from countroom.cashier.terms import Method
from countroom.cashier.views import deposit_view, to_json
from countroom.clock import Clock
from countroom.faults import Fault
from countroom.ledger.book import Book, Posted
from countroom.ledger.movements import Reason
from countroom.ledger.wallet import Wallet

OPERATION: Final = "POST /v1/deposits"
CREATED: Final = 201
_ID_BYTES: Final = 13  # 104 bits give 21 characters of base32, of which an id takes 20
_REFUSALS: Final = {
    Reason.LIMIT_REACHED: DeclineReason.LIMIT_REACHED,
    Reason.WALLET_EXCLUDED: DeclineReason.WALLET_EXCLUDED,
    Reason.WALLET_BLOCKED: DeclineReason.WALLET_BLOCKED,
    Reason.WRONG_CURRENCY: DeclineReason.WRONG_CURRENCY,
    Reason.UNKNOWN_PLAYER: DeclineReason.NO_WALLET,
}
"""What the ledger has against an opening."""


@dataclass(frozen=True, slots=True)
class Opened:
    """The deposit was opened, now or (`replayed`) by the first of these requests; `answer` goes out as it is."""

    answer: Answer
    replayed: bool


OpenResult: TypeAlias = Opened | Declined


@dataclass(frozen=True, slots=True)
class Ask:
    """What a player asks for, in the texts that were sent; without a method, what is usual at the gateway."""

    amount: str
    currency: str
    gateway: str = terms.DEFAULT_GATEWAY
    method: str | None = None


def new_deposit_id() -> str:
    """Make a deposit id that nobody can guess and that no other deposit has."""
    text = base64.b32encode(secrets.token_bytes(_ID_BYTES)).decode().lower()
    return deposits.ID_PREFIX + text[: deposits.ID_LENGTH]


class DepositDesk:
    """Opens deposits and shows them to their player.

    `levels_of` says what is known of a player, `reachable` are the gateways that this stage is set up to use.
    """

    def __init__(
        self,
        store: CashierStore,
        book: Book,
        levels_of: LevelsOf,
        clock: Clock,
        new_id: Callable[[], str] = new_deposit_id,
        *,
        reachable: Collection[str] = terms.TERMS.keys(),
    ) -> None:
        self._store = store
        self._book = book
        self._levels_of = levels_of
        self._clock = clock
        self._new_id = new_id
        self._reachable = reachable

    def open(self, player_id: str, keys: Sequence[str], ask: Ask) -> OpenResult:
        """Open a deposit once for each Idempotency-Key of a player; `keys` are the values of that header.

        A finished request is answered again before anything else is asked: whether the player could deposit by now does not matter
        to it. Raises StoreUnavailable, the ledger's OutcomeUnknown and what `levels_of` raises: the same request again finds out.
        """
        understood = _read(keys, ask)
        if isinstance(understood, Declined):
            return understood
        key, wish = understood
        claim = Claim(player_id, key, _fingerprint(wish))
        if found := self._store.find_request(claim):
            return _answer_again(claim, found)
        method = self._admit(self._book.wallet(player_id), wish)
        if isinstance(method, Declined):
            return method
        return self._write(player_id, wish, method, claim)

    def choices(self, player_id: str) -> list[Choice] | Declined:
        """Give every way for this player to pay in. Raises what the ledger's read raises."""
        wallet = gates.admitted(self._book.wallet(player_id), self._clock())
        if isinstance(wallet, Declined):
            return wallet
        return list(gates.choices(wallet, self._reachable))

    def get(self, player_id: str, deposit_id: str) -> Deposit | None:
        """Find a deposit of this player; None for an unknown one and, without a difference to be seen, for another player's."""
        if not deposits.is_deposit_id(deposit_id):
            return None
        deposit = self._store.get(deposit_id)
        return deposit if deposit is not None and deposit.player_id == player_id else None

    def page(self, player_id: str, limit: int, cursor: str | None) -> Page:
        """List this player's deposits, newest first. Raises InvalidCursor and StoreUnavailable."""
        return self._store.list_by_player(player_id, limit, cursor)

    def _admit(self, wallet: Wallet | None, wish: Wish) -> Method | Declined:
        """Ask what the house has against this deposit, and give the method by which it is to be paid.

        Status and limits are not judged here but in the ledger, with the opening itself: there no other deposit comes between, and
        what is refused is on record.
        """
        if wallet is None:
            return Declined(DeclineReason.NO_WALLET)
        usable = gates.admitted(wallet, self._clock())
        offer = gates.chosen(wallet, wish, self._reachable)
        if isinstance(offer, Declined):
            return usable if isinstance(usable, Declined) else offer
        if isinstance(usable, Declined):
            return offer.method
        return gates.unverified(wallet, wish.amount, self._levels_of(wallet.player_id)) or offer.method

    def _write(self, player_id: str, wish: Wish, method: Method, claim: Claim) -> OpenResult:
        """Write the deposit, its request and what it takes of the player's limits: all of it, or nothing."""
        deposit = deposits.open_deposit(
            self._new_id(), player_id, wish.gateway, wish.currency.code, wish.amount, self._clock(), method.value, counted=True
        )
        answer = Answer(CREATED, to_json(deposit_view(deposit)))
        posted = self._book.post(uses.opening(deposit), companions=self._store.opening(deposit, claim, answer))
        if isinstance(posted, Posted):
            # Replayed or not: the id is new, so what stands under it is this very attempt, whose first answer was lost.
            return Opened(answer, replayed=False)
        if posted.reason is Reason.COMPANION_CONFLICT:
            found = self._store.find_request(claim)  # a twin of this request was faster
            if found is None:
                raise StoreUnavailable("a deposit could not be written")
            return _answer_again(claim, found)
        return Declined(_REFUSALS[posted.reason], limit=posted.limit)


def _answer_again(claim: Claim, found: Entry) -> OpenResult:
    judgement = judge(claim, found)
    if isinstance(judgement, Replay):
        return Opened(judgement.answer, replayed=True)
    return Declined(DeclineReason.KEY_REUSED)


def _fingerprint(wish: Wish) -> bytes:
    """Name what was asked for. A method that was not named is no part of it: what it stands for may change over the years."""
    fields: dict[str, str | int] = {"amount": wish.amount, "currency": wish.currency.code, "gateway": wish.gateway}
    if wish.method:
        fields["method"] = wish.method.value
    return fingerprint(OPERATION, fields)


def _read(keys: Sequence[str], ask: Ask) -> tuple[str, Wish] | Declined:
    """Understand a request or name all faults of its form at once; what the house thinks of it comes later."""
    faults: list[Fault] = []
    try:
        key = read_key(keys, faults)
    except KeyMissing:
        return Declined(DeclineReason.KEY_MISSING)
    if ask.gateway not in terms.TERMS:
        faults.append(Fault("gateway", "is not a payment gateway of this house"))
    if ask.method is not None and ask.method not in set(Method):
        faults.append(Fault("method", f"must be one of: {', '.join(Method)}"))
    asked = read_sum(ask.amount, ask.currency, faults)
    if asked is None or faults:
        return Declined(DeclineReason.INVALID_REQUEST, tuple(faults))
    return key, Wish(*asked, ask.gateway, Method(ask.method) if ask.method is not None else None)
