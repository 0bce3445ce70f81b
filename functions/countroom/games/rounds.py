"""A round of a game as the records tell it: its bets, wins and rollbacks, what was staked and won, and whether it is over. Pure.

Where the protocol says of its movements whether they close the round, that counts (decision 11): the round is open while a stake
stands and nothing that stands has closed it. Where it has no such word, a round is open while a stake stands that no win has
followed. What is booked after the closing is booked, and flagged.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from countroom.ledger.amounts import exact_amount
from countroom.ledger.movements import InvalidReference, Kind, Reason, Reference, closing_of
from countroom.ledger.records import Outcome, Record, public_id_of
from countroom.times import to_iso

LEFT_OPEN_MS: Final = 48 * 60 * 60 * 1000
PLAY: Final = frozenset({Kind.BET, Kind.WIN, Kind.ROLLBACK})

_SOURCE: Final = "game:"
_SOURCES: Final = {"action_batch": "game:batch"}
"""Providers whose movements go by another name than their own; every other's is ``game:<provider>``."""


class State(StrEnum):
    """How a round stands."""

    OPEN = "open"
    SETTLED = "settled"
    ROLLED_BACK = "rolled_back"
    PROMOTION = "promotion"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class RoundKey:
    """Whose round it is, and which. Rounds of one id may have many players, at a live table: each sees his own."""

    player_id: str
    source: str
    round_id: str

    @property
    def provider(self) -> str:
        """The provider's name."""
        return provider_of(self.source)


@dataclass(frozen=True, slots=True)
class Move:
    """One movement of a round: what its record says of it. Amount in nanos of `currency`, `at_ms` epoch milliseconds.

    `closes`: whether the provider closed the round with it; None where the protocol does not say.
    """

    version: int
    reference: Reference
    kind: Kind
    outcome: Outcome
    amount: int
    currency: str
    at_ms: int
    game: str
    related: Reference | None = None
    reason: Reason | None = None
    closes: bool | None = None

    @classmethod
    def of(cls, record: Record) -> "Move":
        """Read it off a record."""
        return cls(
            version=record.version,
            reference=record.reference,
            kind=record.kind,
            outcome=record.outcome,
            amount=record.amount,
            currency=record.after.currency,
            at_ms=record.at_ms,
            game=record.game,
            related=record.related,
            reason=record.reason,
            closes=closing_of(record.note)[1],
        )

    @property
    def applied(self) -> bool:
        """Whether it took effect."""
        return self.outcome is Outcome.APPLIED


@dataclass(frozen=True, slots=True)
class Round:
    """A player's round. `moves` are in the order of the wallet's versions; `whole` is False where only the newest are known."""

    key: RoundKey
    moves: tuple[Move, ...]
    whole: bool = True

    @property
    def rolled_back(self) -> frozenset[Reference]:
        """The names of what was taken back."""
        return frozenset(move.related for move in self.moves if move.kind is Kind.ROLLBACK and move.applied and move.related)

    def standing(self, kind: Kind) -> list[Move]:
        """Return the applied movements of a kind that were not taken back."""
        taken_back = self.rolled_back
        return [move for move in self.moves if move.kind is kind and move.applied and move.reference not in taken_back]

    @property
    def closing(self) -> Move | None:
        """The first movement that closed the round and stands; a refused one, or one that was taken back, closes nothing."""
        taken_back = self.rolled_back
        closings = (move for move in self.moves if move.closes and move.outcome is not Outcome.REFUSED)
        return next((move for move in closings if move.reference not in taken_back), None)

    @property
    def after_close(self) -> tuple[Move, ...]:
        """What took effect after the round was closed. Movements of the very call that closed it have its instant and its mark."""
        closing = self.closing
        if closing is None:
            return ()
        later = (move for move in self.moves if move.applied and move.version > closing.version)
        return tuple(move for move in later if not (move.closes and move.at_ms == closing.at_ms))

    @property
    def open_since_ms(self) -> int | None:
        """When the first stake was booked that stands and keeps the round open; None where there is none."""
        if self.closing is not None:
            return None
        told = any(move.closes is not None for move in self.moves)
        wins = () if told else self.standing(Kind.WIN)
        last_win = wins[-1].version if wins else 0
        return next((bet.at_ms for bet in self.standing(Kind.BET) if bet.version > last_win), None)

    @property
    def state(self) -> State:
        """Say how the round stands."""
        if self.open_since_ms is not None:
            return State.OPEN
        if self.standing(Kind.BET):
            return State.SETTLED
        if self.standing(Kind.WIN):
            return State.SETTLED if self._has_bets else State.PROMOTION
        return State.ROLLED_BACK if any(move.applied for move in self.moves) else State.REFUSED

    @property
    def _has_bets(self) -> bool:
        return any(move.kind is Kind.BET and move.applied for move in self.moves)

    def is_left_open(self, now_ms: int) -> bool:
        """Tell whether the round has been open for 48 hours."""
        since = self.open_since_ms
        return since is not None and now_ms - since >= LEFT_OPEN_MS

    def view(self) -> dict[str, Any]:
        """Show the round. `promotional`: a win that refers to no bet in a round without one; `free`: a bet of nothing."""
        code, closing = self.moves[-1].currency, self.closing
        staked, won = (sum(move.amount for move in self.standing(kind)) for kind in (Kind.BET, Kind.WIN))
        since = self.open_since_ms
        return {
            "provider": self.key.provider,
            "round_id": self.key.round_id,
            "state": self.state.value,
            "open_since": None if since is None else to_iso(since),
            "closed_at": None if closing is None else to_iso(closing.at_ms),
            "currency": code,
            "staked": exact_amount(staked, code),
            "won": exact_amount(won, code),
            "net": exact_amount(won - staked, code),
            "started_at": to_iso(self.moves[0].at_ms),
            "last_at": to_iso(self.moves[-1].at_ms),
            "games": sorted({move.game for move in self.moves if move.game}),
            "whole": self.whole,
            "moves": self._move_views(),
        }

    def _move_views(self) -> list[dict[str, Any]]:
        late = {move.version for move in self.after_close}
        return [{**self._move_view(move), "after_close": move.version in late} for move in self.moves]

    def _move_view(self, move: Move) -> dict[str, Any]:
        return {
            "transaction_id": public_id_of(move.reference),
            "kind": move.kind.value,
            "outcome": move.outcome.value,
            "reason": move.reason.value if move.reason else None,
            "amount": exact_amount(move.amount, move.currency),
            "game": move.game or None,
            "at": to_iso(move.at_ms),
            "related_transaction_id": public_id_of(move.related) if move.related else None,
            "rolled_back": move.applied and move.reference in self.rolled_back,
            "free": move.kind is Kind.BET and move.applied and move.amount == 0,
            "promotional": move.kind is Kind.WIN and move.applied and move.related is None and not self._has_bets,
        }


def source_of(provider: str) -> str:
    """Return the source that a provider's movements carry."""
    return _SOURCES.get(provider, _SOURCE + provider)


def provider_of(source: str) -> str:
    """Return the provider whose movements carry a source."""
    return next((name for name, known in _SOURCES.items() if known == source), source.removeprefix(_SOURCE))


def is_play(record: Record) -> bool:
    """Tell whether a record is a bet, a win or a rollback of a game's provider."""
    return record.kind in PLAY and record.reference.source.startswith(_SOURCE)


def key_of(player_id: str, provider: str, round_id: str) -> RoundKey:
    """Name a round as a caller does; raise InvalidReference for what cannot be one."""
    source = source_of(provider)
    Reference(source, round_id)  # a round's id has the form of a transaction's
    return RoundKey(player_id, source, round_id)


def round_of(record: Record, target: Record | None) -> RoundKey | None:
    """Say to which round a record belongs; a rollback goes where its target is, whatever round it names. None for no round.

    `target` is the record that a rollback took back, where there is one.
    """
    about = target if record.kind is Kind.ROLLBACK and target is not None else record
    if not about.round:
        return None
    return RoundKey(record.player_id, about.reference.source, about.round)


def merged(key: RoundKey, kept: Iterable[Move], newest: Sequence[Record], *, whole: bool) -> Round | None:
    """Make a round of what was kept of it and of the player's newest records; None where there is nothing of it.

    Records are immutable, so one that is in both is the same in both.
    """
    moves: dict[int, Move] = {move.version: move for move in kept}
    names: set[Reference] = {move.reference for move in moves.values()}
    for record in sorted(newest, key=lambda record: record.version):
        if not is_play(record) or record.reference.source != key.source:
            continue
        takes_back = record.kind is Kind.ROLLBACK and record.outcome is Outcome.APPLIED
        if record.related in names if takes_back else record.round == key.round_id:
            moves[record.version] = Move.of(record)
            names.add(record.reference)
    return Round(key, tuple(moves[version] for version in sorted(moves)), whole) if moves else None


_CLOSES: Final[Mapping[Any, bool | None]] = {None: None, True: True, False: False}


def move_fields(move: Move) -> Mapping[str, Any]:
    """Write a move as JSON values."""
    return {
        "i": move.reference.text,
        "k": move.kind.value,
        "o": move.outcome.value,
        "a": move.amount,
        "m": move.currency,
        "t": move.at_ms,
        "g": move.game,
        "q": move.related.text if move.related else "",
        "y": move.reason.value if move.reason else "",
        "e": move.closes,
    }


def move_of_fields(version: int, fields: Mapping[str, Any]) -> Move:
    """Read what `move_fields` wrote; raise KeyError, TypeError or ValueError for anything else."""
    try:
        return Move(
            version=version,
            reference=Reference.from_text(fields["i"]),
            kind=Kind(fields["k"]),
            outcome=Outcome(fields["o"]),
            amount=int(fields["a"]),
            currency=str(fields["m"]),
            at_ms=int(fields["t"]),
            game=str(fields["g"]),
            related=Reference.from_text(fields["q"]) if fields["q"] else None,
            reason=Reason(fields["y"]) if fields["y"] else None,
            closes=_CLOSES[fields.get("e")],
        )
    except InvalidReference as error:
        raise ValueError("not a move of a round") from error
