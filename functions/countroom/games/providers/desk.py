"""The mechanism that every provider's dialect shares.

    signature over what came → strict parse → movement → post → the answer in the words of the wire

It decides the order, so that no dialect can parse what is not signed, or move money before everything is understood. What happens
to the money is the ledger's to decide: duplicate first, then currency, session, status, game, limits and funds, on one version of
the wallet.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Final, Generic, NamedTuple

from countroom.clock import Clock
from countroom.games.catalogue import EVERYWHERE, Catalogue, CatalogueSource, CatalogueUnavailable
from countroom.games.providers.dialect import (
    Batch,
    Call,
    Declined,
    Dialect,
    Done,
    Enquiry,
    Failed,
    Fault,
    Key,
    Order,
    Reply,
    Request,
)
from countroom.games.providers.keys import KeyRing, KeysUnavailable
from countroom.games.providers.strict import BadSyntax, BadType
from countroom.jurisdictions.profile import StakeCap
from countroom.jurisdictions.profiles import StakeCaps
from countroom.ledger.book import Book, OutcomeUnknown, Posted, Refused
from countroom.ledger.drafts import Draft
from countroom.ledger.movements import Bet, InvalidReference, Kind, LimitKind, Movement, Reason
from countroom.ledger.records import Balances, Outcome
from countroom.ledger.rules.effects import Facts
from countroom.ledger.rules.play import gate
from countroom.ledger.sessions import InvalidToken
from countroom.ledger.wallet import Wallet
from countroom.money import InvalidAmount

CAPS_MAX: Final = 1024
"""For how many categories and currencies the caps are remembered."""

LEDGER_SHARE: Final = 0.8
"""How much of a provider's patience the ledger may use; the rest is for keys, catalogue and writing the answer."""

_WITH_CURRENCY_OR_LATER: Final = frozenset({Reason.GAME_CURRENCY, Reason.STAKE_OUT_OF_RANGE})

_OF_LIMIT: Final = {LimitKind.STAKE.value: Fault.OWN_STAKE, LimitKind.SESSION.value: Fault.TIME_USED}
"""By the kind of the limit that refused."""

_NOBODY: Final = "health"
"""A player id that nobody has: they all begin with ``pl_``."""


class Served(NamedTuple):
    """A call and all that came of it."""

    reply: Reply
    request: Request | None
    result: Done | Failed


class Desk(Generic[Key]):
    """Serves the calls of one provider, one after another."""

    def __init__(self, dialect: Dialect[Key], keys: KeyRing[Key], book: Book, games: CatalogueSource, clock: Clock) -> None:
        self._dialect = dialect
        self._keys = keys
        self._book = book
        self._games = games
        self._clock = clock
        self._understood: tuple[Call, Request] | None = None

    def patience_s(self, call: Call) -> float:
        """Return within how many seconds an answer to this call must be out."""
        return self._dialect.patience_s(call)

    def serve(self, call: Call) -> Served:
        """Do what a call asks and answer it. Every outcome that has a name becomes an answer; a fault of ours is raised."""
        result: Done | Failed
        self._understood = None
        try:
            result = self._served(call)
        except KeysUnavailable:
            result = Failed(Fault.KEYS_UNAVAILABLE)
        except CatalogueUnavailable:
            result = Failed(Fault.GAMES_UNAVAILABLE)
        except OutcomeUnknown:
            result = Failed(Fault.OUT_OF_TIME)
        except BadSyntax:
            result = Failed(Fault.BAD_SYNTAX)
        except InvalidToken:
            result = Failed(Fault.BAD_TOKEN)
        except (BadType, InvalidAmount, InvalidReference):
            result = Failed(Fault.BAD_TYPES)
        except Declined as declined:
            result = Failed(declined.cause)
        return self._answered(call, result)

    def give_up(self, call: Call, fault: Fault) -> Served:
        """Answer a call whose outcome is open (`fault` is one of OPEN_OUTCOMES), whatever `serve` had come to with it."""
        return self._answered(call, Failed(fault))

    def healthy(self) -> bool:
        """Say whether there are keys and a ledger to serve calls with. One read of the table."""
        try:
            self._keys.current()
            self._book.wallet(_NOBODY)
        except (KeysUnavailable, OutcomeUnknown):
            return False
        return True

    def _served(self, call: Call) -> Done | Failed:
        if not self._authentic(call):
            return Failed(Fault.BAD_SIGNATURE)
        request = self._dialect.understand(call)
        self._understood = (call, request)
        book = self._book.within(LEDGER_SHARE * self._dialect.patience_s(call))
        if isinstance(request, Enquiry):
            return self._tell(book, request)
        return self._settle(book, call, request) if isinstance(request, Order) else self._settle_all(book, request)

    def _answered(self, call: Call, result: Done | Failed) -> Served:
        understood = self._understood
        request = understood[1] if understood and understood[0] is call else None
        return Served(self._dialect.answer(call, request, result), request, result)

    def _authentic(self, call: Call) -> bool:
        if self._dialect.authentic(call, self._keys.current()):
            return True
        # A key that was rotated in a moment ago is not in memory yet.
        renewed = self._keys.renewed()
        return bool(renewed) and self._dialect.authentic(call, renewed)

    def _tell(self, book: Book, enquiry: Enquiry) -> Done | Failed:
        wallet = book.wallet(enquiry.player_id)
        if wallet is None:
            return Failed(Reason.UNKNOWN_PLAYER)
        if enquiry.currency not in {None, wallet.currency}:
            return Failed(Reason.WRONG_CURRENCY)
        if enquiry.session is not None:
            current = wallet.session(self._dialect.provider)
            if current is None or enquiry.session not in {current.digest, current.previous}:
                return Failed(Fault.BAD_TOKEN)
            if enquiry.session != current.digest or self._clock() >= current.expires_at_ms:
                return Failed(Fault.TOKEN_EXPIRED)
        return Done(wallet.player_id, wallet.currency, wallet.country, wallet.available, moved=False)

    def _settle(self, book: Book, call: Call, order: Order) -> Done | Failed:
        asked = order.movement
        # Where something stands under this name already, posting can only repeat its outcome; the token does not matter.
        if not order.own_token and book.find(asked.reference) is None:
            return Failed(Fault.BAD_TOKEN)
        movement = self._vetted_draft(call, order, asked) if isinstance(asked, Draft) else self._vetted(asked)
        outcome = book.post(movement)
        if isinstance(outcome, Refused):
            if outcome.reason is Reason.WRONG_CURRENCY and isinstance(movement, Bet):
                return self._failed_before_currency(book, movement)
            return _failed(outcome)
        # A copy of a bet that comes after its rollback must not be told that its stake stands. Only repeats ask this.
        if outcome.replayed and outcome.record.kind is Kind.BET and book.is_taken_back(asked.reference):
            return Failed(Fault.LATE_ORIGINAL, outcome.balances.available)
        return _done(asked.player_id, (outcome,), outcome.balances)

    def _failed_before_currency(self, book: Book, bet: Bet) -> Failed:
        """Say what such a bet is refused for: session, player and game go before the currency, which the ledger asks for first.

        The ledger keeps nothing of a stake in a currency that is not the wallet's. One more read, where no stake is taken.
        """
        try:
            wallet = book.wallet(bet.player_id)
        except OutcomeUnknown:  # the refusal is known all the same
            wallet = None
        earlier = gate(wallet, bet, self._clock()) if wallet else None
        return Failed(Reason.WRONG_CURRENCY if earlier is None or earlier in _WITH_CURRENCY_OR_LATER else earlier)

    def _settle_all(self, book: Book, batch: Batch) -> Done | Failed:
        movements = [self._vetted(movement) for movement in batch.movements]
        if len(movements) > 1:
            whole = book.post_batch(movements, batch.tolerated)
            return _failed(whole) if isinstance(whole, Refused) else _done(batch.player_id, whole.results, whole.balances)
        outcome = book.post(movements[0])  # as atomic, and reads one item instead of two
        tolerated = not isinstance(outcome, Refused) or outcome.reason in batch.tolerated
        if tolerated and outcome.balances is not None:
            return _done(batch.player_id, (outcome,), outcome.balances)
        assert isinstance(outcome, Refused)  # noqa: S101 - what is posted has balances
        return _failed(outcome)

    def _vetted(self, movement: Movement) -> Movement:
        if not isinstance(movement, Bet):
            return movement
        catalogue = self._games.current()
        game = catalogue.by_code(self._dialect.provider, movement.game)
        countries = None if game is None or EVERYWHERE in game.countries else game.countries
        caps = None if game is None else caps_of(game.category, movement.currency)
        return replace(movement, veto=veto_of(catalogue, self._dialect.provider, movement), countries=countries, caps=caps)

    def _vetted_draft(self, call: Call, order: Order, draft: Draft) -> Draft:
        def complete(wallet: Wallet, facts: Facts) -> Movement:
            movement = self._vetted(draft.complete(wallet, facts))
            self._understood = (call, order._replace(movement=movement))
            return movement

        return replace(draft, complete=complete)


def veto_of(catalogue: Catalogue, provider: str, bet: Bet) -> Reason | None:
    """Say why the house does not take a new bet on this game: unknown or switched off, another currency, stake out of range.

    The ledger puts this in its place: after a duplicate and a bad session, before limits and funds. A free round (no stake)
    has no range.
    """
    game = catalogue.by_code(provider, bet.game)
    if game is None or not game.enabled:
        return Reason.GAME_UNAVAILABLE
    if bet.currency not in game.currencies:
        return Reason.GAME_CURRENCY
    if bet.amount and not game.stake_range(bet.currency).allows(bet.amount):
        return Reason.STAKE_OUT_OF_RANGE
    return None


@lru_cache(maxsize=CAPS_MAX)
def caps_of(category: str, currency: str) -> Mapping[str, StakeCap] | None:
    """Return the largest stakes in games of a category by the player's country, in nanos of a currency; None without any.

    They are rules of the countries, so they are made once for each pair that is played, and no bet asks anybody for them.
    """
    caps = StakeCaps(category, currency)
    return caps if len(caps) else None


def _done(player_id: str, results: Sequence[Posted | Refused], balances: Balances) -> Done:
    new = [entry.record for entry in results if isinstance(entry, Posted) and not entry.replayed]
    applied = [record for record in new if record.outcome is Outcome.APPLIED]
    bets = sum(record.kind is Kind.BET for record in applied)
    return Done(player_id, balances.currency, "", balances.available, bool(applied), bets)


def _failed(refused: Refused) -> Failed:
    available = refused.balances.available if refused.balances else None
    if refused.reason is Reason.ROLLED_BACK and refused.replayed:
        # A tombstone stands under the movement's own name: the original comes after its rollback.
        return Failed(Fault.LATE_ORIGINAL, available)
    if refused.reason is Reason.LIMIT_REACHED:
        return Failed(_OF_LIMIT.get(refused.limit.partition(" ")[0], refused.reason), available)
    return Failed(refused.reason, available)
