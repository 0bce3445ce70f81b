"""The withdrawal desk: a player asks for money, looks up what became of it, and calls it back where that is offered.

What could be refused is asked before anything is written, so that a refusal is an answer and leaves no trace. Then ONE transaction
holds the money and writes the withdrawal, the player's counters and the record of the request. Whatever of it has changed since it
was read (the funds, the status, another request that used up a limit, the same request sent twice) undoes all of it, and it is
looked at anew.
"""

import base64
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from countroom import money
from countroom.cashier.deposits import Deposit
from countroom.cashier.idempotency import Answer, Claim, Entry, Replay, judge
from countroom.cashier.store import StoreUnavailable
from countroom.cashier.views import to_json
from countroom.cashier.withdrawals import closed_loop, life, terms
from countroom.cashier.withdrawals.apply import NotAllowed, Withdrawals
from countroom.cashier.withdrawals.bookings import movements_of
from countroom.cashier.withdrawals.forms import Ask, Declined, DeclineReason, Opened, OpenResult, Request, read
from countroom.cashier.withdrawals.life import Cancel, Step
from countroom.cashier.withdrawals.lists import Page, WithdrawalLists
from countroom.cashier.withdrawals.methods import Methods
from countroom.cashier.withdrawals.screening import Person, barrier, lacking, owes
from countroom.cashier.withdrawals.store import WithdrawalStore
from countroom.cashier.withdrawals.tally import Tally, with_request
from countroom.cashier.withdrawals.views import withdrawal_view
from countroom.cashier.withdrawals.withdrawal import ID_LENGTH, ID_PREFIX, Withdrawal, is_withdrawal_id
from countroom.clock import Clock
from countroom.faults import Fault
from countroom.jurisdictions.profiles import profile_of
from countroom.ledger.book import Book, Posted
from countroom.ledger.movements import Reason
from countroom.ledger.rules.effects import status_at
from countroom.ledger.wallet import Wallet

CREATED: Final = 201
ATTEMPTS_MAX: Final = 8
_ID_BYTES: Final = 13  # 104 bits give 21 characters of base32, of which an id takes 20

_BARRIERS: Final = {
    "wallet_blocked": DeclineReason.WALLET_BLOCKED,
    "wallet_closed": DeclineReason.WALLET_BLOCKED,
    "excluded": DeclineReason.WALLET_EXCLUDED,
    "not_verified": DeclineReason.NOT_VERIFIED,
    "in_debt": DeclineReason.INSUFFICIENT_FUNDS,
}
_REFUSALS: Final = {
    Reason.INSUFFICIENT_FUNDS: DeclineReason.INSUFFICIENT_FUNDS,
    Reason.NEGATIVE_BALANCE: DeclineReason.INSUFFICIENT_FUNDS,
    Reason.WALLET_BLOCKED: DeclineReason.WALLET_BLOCKED,
    Reason.WRONG_CURRENCY: DeclineReason.WRONG_CURRENCY,
    Reason.UNKNOWN_PLAYER: DeclineReason.NO_WALLET,
}


@dataclass(frozen=True, slots=True)
class Rooms:
    """What the desk asks of others: the ledger, the deposits, and what is known of a person."""

    book: Book
    methods: Methods
    person_of: Callable[[str], Person]


def new_withdrawal_id() -> str:
    """Make a withdrawal id that nobody can guess and that no other withdrawal has."""
    return ID_PREFIX + new_ticket()


def new_ticket() -> str:
    """Make the secret of an order: 100 bits in lower-case base32."""
    return base64.b32encode(secrets.token_bytes(_ID_BYTES)).decode().lower()[:ID_LENGTH]


class WithdrawalDesk:
    """Takes requests for money, shows and cancels withdrawals.

    Every method raises StoreUnavailable and the ledger's OutcomeUnknown: the same request again is safe.
    """

    def __init__(
        self,
        store: WithdrawalStore,
        lists: WithdrawalLists,
        withdrawals: Withdrawals,
        rooms: Rooms,
        clock: Clock,
        new_id: Callable[[], str] = new_withdrawal_id,
    ) -> None:
        self._store = store
        self._lists = lists
        self._withdrawals = withdrawals
        self._book = rooms.book
        self._methods = rooms.methods
        self._person_of = rooms.person_of
        self._clock = clock
        self._new_id = new_id

    def request(self, player_id: str, keys: Sequence[str], ask: Ask) -> OpenResult:
        """Ask for money once for each Idempotency-Key of a player; `keys` are the values of that header.

        A finished request is answered again before anything else is asked: whether the player could withdraw by now does not matter
        to it.
        """
        request = read(keys, ask)
        if isinstance(request, Declined):
            return request
        claim = Claim(player_id, request.key, request.fingerprint)
        for _ in range(ATTEMPTS_MAX):
            if found := self._store.find_request(claim):
                return _answer_again(claim, found)
            result = self._try(player_id, request, claim)
            if result is not None:
                return result
        raise StoreUnavailable("the player's counters kept changing")

    def get(self, player_id: str, withdrawal_id: str) -> Withdrawal | None:
        """Find a withdrawal of this player; None for an unknown one and, without a difference to be seen, for another player's."""
        if not is_withdrawal_id(withdrawal_id):
            return None
        withdrawal = self._store.get(withdrawal_id)
        return withdrawal if withdrawal is not None and withdrawal.player_id == player_id else None

    def page(self, player_id: str, limit: int, cursor: str | None) -> Page:
        """List this player's withdrawals, newest first. Raises InvalidCursor as well."""
        return self._lists.by_player(player_id, limit, cursor)

    def may_cancel(self, player_id: str) -> bool:
        """Say whether the player's country lets him call withdrawals back."""
        wallet = self._book.wallet(player_id)
        return wallet is not None and profile_of(wallet.country).player_may_cancel_withdrawal

    def cancel(self, player_id: str, withdrawal_id: str) -> Withdrawal | Declined:
        """Call a withdrawal back before it is sent; one that was called back before is given again."""
        withdrawal = self.get(player_id, withdrawal_id)
        if withdrawal is None:
            return Declined(DeclineReason.NOT_FOUND)
        if not self.may_cancel(player_id):
            return Declined(DeclineReason.CANCEL_NOT_OFFERED)
        try:
            return self._withdrawals.happen(withdrawal_id, Cancel())
        except NotAllowed:
            return Declined(DeclineReason.TOO_LATE)

    def _try(self, player_id: str, request: Request, claim: Claim) -> OpenResult | None:
        """Make one attempt; None when something that it rests on has changed meanwhile."""
        # The counters are read before what is compared with them: what changes later bumps their version, or the wallet's.
        tally = self._store.tally(player_id)
        wallet = self._book.wallet(player_id)
        deposit = self._methods.usable(player_id, request.deposit_id)
        declined = self._of_player(wallet, request) or self._of_method(deposit, request, tally)
        if declined is not None:
            return declined
        assert wallet is not None and deposit is not None  # noqa: S101, PT018 - declined otherwise
        if request.amount > wallet.cash:
            return Declined(DeclineReason.INSUFFICIENT_FUNDS)
        named = (self._new_id(), player_id, deposit.gateway, deposit.deposit_id)
        step = life.request(named, request.currency.code, request.amount, self._clock(), new_ticket())
        return self._write(step, tally, wallet, claim)

    def _of_player(self, wallet: Wallet | None, request: Request) -> Declined | None:
        """Say what the house has against money leaving this player's wallet at all."""
        if wallet is None:
            return Declined(DeclineReason.NO_WALLET)
        profile = profile_of(wallet.country)
        lacks = lacking(profile, self._person_of(wallet.player_id).levels)
        if code := barrier(status_at(wallet, self._clock()), profile, verified=not lacks, in_debt=owes(wallet)):
            reason = _BARRIERS[code]
            return Declined(reason, tuple(Fault("level", level) for level in lacks) if reason is DeclineReason.NOT_VERIFIED else ())
        if wallet.currency != request.currency.code:
            return Declined(DeclineReason.WRONG_CURRENCY)
        return None

    def _of_method(self, deposit: Deposit | None, request: Request, tally: Tally) -> Declined | None:
        """Say what there is against this amount, this way, now."""
        if deposit is None:
            return Declined(DeclineReason.METHOD_UNUSABLE)
        code, amount, now_ms = request.currency.code, request.amount, self._clock()
        allowance = terms.TERMS.get(deposit.gateway, {}).get(code)
        if allowance is None:
            return Declined(DeclineReason.METHOD_UNUSABLE)
        if not allowance.once.holds(amount):
            smallest, largest = _text(allowance.once.smallest, request), _text(allowance.once.largest, request)
            return Declined(DeclineReason.INVALID_REQUEST, (Fault("amount", f"must be from {smallest} to {largest} {code}"),))
        left = allowance.per_day - tally.spent(deposit.gateway, now_ms)
        if len(tally.within(now_ms)) >= terms.REQUESTS_PER_DAY:
            return Declined(DeclineReason.LIMIT_REACHED, (Fault("amount", "no further request now: too many within 24 hours"),))
        if amount > left:
            told = f"at most {_text(max(0, left), request)} {code} more can go this way within 24 hours"
            return Declined(DeclineReason.LIMIT_REACHED, (Fault("amount", told),))
        most = closed_loop.most(deposit.gateway, code, self._methods.given(deposit.player_id), tally.out)
        if most is not None and amount > most:
            told = f"at most {_text(most, request)} {code} this way while money has to go back to another method first"
            return Declined(DeclineReason.OTHER_METHOD_FIRST, (Fault("deposit_id", told),))
        return None

    def _write(self, step: Step, tally: Tally, wallet: Wallet, claim: Claim) -> OpenResult | None:
        made = step.withdrawal
        view = withdrawal_view(made, may_cancel=profile_of(wallet.country).player_may_cancel_withdrawal)
        answer = Answer(CREATED, to_json(view))
        parts = self._store.opening(made, with_request(tally, made, made.created_at_ms), claim, answer)
        (movement,) = movements_of(made, step)
        posted = self._book.post(movement, companions=parts)
        if isinstance(posted, Posted):
            # Replayed or not: the id is new, so what stands under it is this very attempt, whose first answer was lost.
            return Opened(answer, made.withdrawal_id, replayed=False)
        if posted.reason is Reason.COMPANION_CONFLICT:
            return None
        return Declined(_REFUSALS[posted.reason])


def _text(amount: int, request: Request) -> str:
    return money.format_amount(amount, request.currency)


def _answer_again(claim: Claim, found: Entry) -> OpenResult:
    judgement = judge(claim, found)
    if isinstance(judgement, Replay):
        return Opened(judgement.answer, "", replayed=True)
    return Declined(DeclineReason.KEY_REUSED)
