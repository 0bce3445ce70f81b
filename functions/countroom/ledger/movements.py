"""What can happen to a wallet, as types. A movement says what is asked; `decide` says what comes of it.

A movement is named by its source and the source's own transaction id, for ever and across all players: the same name again is the
same movement or an error, never a second one. Amounts are nanos (see `countroom.money`), instants are epoch milliseconds.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar, Final

from countroom.jurisdictions.profile import StakeCap

ID_MAX: Final = 64
"""Longest transaction id, game code and round id that a source may use, in characters."""

DIGEST_BYTES: Final = 12
"""Length of a session token's digest."""

INSTANT_END: Final = 1 << 48
"""First instant, in epoch milliseconds, that the ledger cannot write: in the year 10889."""

INTERVAL_END: Final = 1 << 32
"""First interval of reality checks, in milliseconds, that the ledger cannot write: some 49 days."""

DAY_END: Final = 1 << 24
"""First day, counted from 1970-01-01, that the ledger cannot write."""

_ID: Final = re.compile(r"[A-Za-z0-9._:|@~+=/-]{1,64}", re.ASCII)
_SOURCE: Final = re.compile(r"[a-z]{1,12}:[a-z0-9_-]{1,16}", re.ASCII)
_PLAYER: Final = re.compile(r"[A-Za-z0-9_-]{1,32}", re.ASCII)
_COUNTRY: Final = re.compile(r"[A-Z]{2}", re.ASCII)
_DETAIL_BYTES_MAX: Final = 162  # as it is written, in quotes and with escapes


class InvalidReference(ValueError):
    """A source, id, player, game or round that cannot name anything: empty, too long, or with a separator in it."""


class Kind(StrEnum):
    """The kind of a movement, as records and histories name it."""

    OPEN = "open"
    SESSION = "session"
    STATUS = "status"
    LIMIT = "limit"
    RAISE_WITHDRAWN = "raise_withdrawn"
    RAISE_CONFIRMED = "raise_confirmed"
    EXCLUSION = "exclusion"
    REOPENING = "reopening"
    REALITY_CHECK = "reality_check"
    CHECK_INTERVAL = "check_interval"
    BET = "bet"
    WIN = "win"
    ROLLBACK = "rollback"
    DEPOSIT_OPENED = "deposit_opened"
    DEPOSIT_ABANDONED = "deposit_abandoned"
    DEPOSIT = "deposit"
    DEPOSIT_REVERSAL = "deposit_reversal"
    DEPOSIT_RETURNED = "deposit_returned"
    HOLD = "hold"
    CAPTURE = "capture"
    RELEASE = "release"
    PAYOUT_RETURNED = "payout_returned"
    BONUS_GRANTED = "bonus_granted"
    BONUS_CONVERTED = "bonus_converted"
    BONUS_FORFEITED = "bonus_forfeited"
    ADJUSTMENT = "adjustment"


HOUSEKEEPING: Final = frozenset(
    {
        Kind.OPEN,
        Kind.SESSION,
        Kind.STATUS,
        Kind.LIMIT,
        Kind.RAISE_WITHDRAWN,
        Kind.RAISE_CONFIRMED,
        Kind.EXCLUSION,
        Kind.REOPENING,
        Kind.REALITY_CHECK,
        Kind.CHECK_INTERVAL,
        Kind.DEPOSIT_OPENED,
        Kind.DEPOSIT_ABANDONED,
    }
)
"""Kinds that change the wallet but never its balances."""


class Status(StrEnum):
    """Whether a wallet may be used: `blocked` by staff, `excluded` by the player's own wish, `closed` for good."""

    ACTIVE = "active"
    BLOCKED = "blocked"
    EXCLUDED = "excluded"
    CLOSED = "closed"


class LimitKind(StrEnum):
    """What a limit holds: money paid in, stakes, stakes minus wins, a single stake, or how long one plays without a break."""

    DEPOSIT = "deposit"
    WAGER = "wager"
    LOSS = "loss"
    STAKE = "stake"
    SESSION = "session"


class Period(StrEnum):
    """Over what a limit counts: 24 hours, 7 days, a month to the same day and time, or each stake or stretch of play by itself."""

    DAY = "24h"
    WEEK = "7d"
    MONTH = "1m"
    EACH = "each"


COUNTING: Final = frozenset({LimitKind.DEPOSIT, LimitKind.WAGER, LimitKind.LOSS})
"""Kinds of limits that add up over a period; the others look at each stake or stretch of play (`Period.EACH`)."""


class ExclusionKind(StrEnum):
    """Why a player is kept away: a break that ends by itself, the own wish, a register's word, or an order of staff."""

    TIME_OUT = "time_out"
    SELF_EXCLUSION = "self_exclusion"
    REGISTER = "register"
    STAFF = "staff"


class Reason(StrEnum):
    """Why a movement was refused. `Reason.recorded` says which refusals are kept, so that a repeat can never turn into a debit."""

    UNKNOWN_PLAYER = "unknown_player"
    PLAYER_EXISTS = "player_exists"
    WRONG_CURRENCY = "wrong_currency"
    INVALID_AMOUNT = "invalid_amount"
    INSUFFICIENT_FUNDS = "insufficient_funds"
    NEGATIVE_BALANCE = "negative_balance"
    WALLET_BLOCKED = "wallet_blocked"
    WALLET_EXCLUDED = "wallet_excluded"
    SESSION_UNKNOWN = "session_unknown"
    SESSION_EXPIRED = "session_expired"
    GAME_UNAVAILABLE = "game_unavailable"
    GAME_CURRENCY = "game_currency"
    STAKE_OUT_OF_RANGE = "stake_out_of_range"
    LIMIT_REACHED = "limit_reached"
    LIMIT_RAISE = "limit_raise"
    NOTHING_PENDING = "nothing_pending"
    TOO_EARLY = "too_early"
    EXCLUSION_RUNS = "exclusion_runs"
    REALITY_CHECK_DUE = "reality_check_due"
    BALANCE_REMAINS = "balance_remains"
    DUPLICATE_TRANSACTION = "duplicate_transaction"
    ROLLED_BACK = "rolled_back"
    REFERENCE_UNKNOWN = "reference_unknown"
    REFERENCE_MISMATCH = "reference_mismatch"
    ALREADY_RESOLVED = "already_resolved"
    COMPANION_CONFLICT = "companion_conflict"
    BATCH_TOO_LARGE = "batch_too_large"

    @property
    def recorded(self) -> bool:
        """Whether the refusal depends on the moment and is therefore written down as this movement's outcome."""
        return self in _RECORDED

    @property
    def retry_may_change(self) -> bool:
        """Whether the same movement, sent later, may be answered otherwise."""
        return self in _CURABLE


_RECORDED: Final = frozenset(
    {
        Reason.INSUFFICIENT_FUNDS,
        Reason.NEGATIVE_BALANCE,
        Reason.WALLET_BLOCKED,
        Reason.WALLET_EXCLUDED,
        Reason.SESSION_UNKNOWN,
        Reason.SESSION_EXPIRED,
        Reason.GAME_UNAVAILABLE,
        Reason.GAME_CURRENCY,
        Reason.STAKE_OUT_OF_RANGE,
        Reason.LIMIT_REACHED,
        Reason.LIMIT_RAISE,
        Reason.NOTHING_PENDING,
        Reason.TOO_EARLY,
        Reason.EXCLUSION_RUNS,
        Reason.REALITY_CHECK_DUE,
        Reason.BALANCE_REMAINS,
    }
)
_CURABLE: Final = frozenset({Reason.UNKNOWN_PLAYER, Reason.REFERENCE_UNKNOWN, Reason.COMPANION_CONFLICT})


_CLOSING: Final = {True: "closed", False: "open"}
_CLOSES: Final = {word: closes for closes, word in _CLOSING.items()}


def _play_note(told: str, closes: bool | None) -> str:
    return " ".join(text for text in (told, _CLOSING[closes] if closes is not None else "") if text)


def closing_of(note: str) -> tuple[str, bool | None]:
    """Take the note of a bet, win or rollback apart: what makes it another movement, and whether it closed the round.

    None: the protocol has no such mark. A repeat with another mark is the same movement, and the first mark stands.
    """
    told, _, word = note.rpartition(" ")
    return (told, _CLOSES[word]) if word in _CLOSES else (note, None)


_BAR: Final = "|"
_DETAILED: Final = frozenset({Kind.LIMIT, Kind.RAISE_WITHDRAWN, Kind.RAISE_CONFIRMED, Kind.REOPENING, Kind.REALITY_CHECK})
_CLOSES_ROUNDS: Final = frozenset({Kind.BET, Kind.WIN, Kind.ROLLBACK})


def detailed(note: str, detail: str) -> str:
    """Add to a note what came of the movement."""
    return f"{note} {_BAR} {detail}".strip() if detail else note


def detail_of(note: str) -> str:
    """Return what `detailed` added, or ''."""
    return note.partition(_BAR)[2].strip()


def business_note_of(kind: Kind, note: str) -> str:
    """Return what of a record's note was asked for: without the end of a round, and without what came of it."""
    if kind in _CLOSES_ROUNDS:
        return closing_of(note)[0]
    return note.partition(_BAR)[0].strip() if kind in _DETAILED else note


def is_player_id(text: str) -> bool:
    """Tell whether a text can name a player."""
    return _PLAYER.fullmatch(text) is not None


@dataclass(frozen=True, slots=True)
class Reference:
    """The name of a movement: its source (``game:hub88``, ``gateway:standard``, ``house:bonus``) and the source's own id."""

    source: str
    transaction_id: str

    def __post_init__(self) -> None:
        if not _SOURCE.fullmatch(self.source) or not _ID.fullmatch(self.transaction_id):
            raise InvalidReference("a source or transaction id is empty, too long or has a character that is not allowed")

    @property
    def text(self) -> str:
        """Return ``<source>#<id>``; neither half can hold the separator."""
        return f"{self.source}#{self.transaction_id}"

    @classmethod
    def from_text(cls, text: str) -> "Reference":
        """Read what `text` wrote; raise InvalidReference for anything else."""
        source, _, transaction_id = text.partition("#")
        return cls(source, transaction_id)


@dataclass(frozen=True, slots=True)
class Movement:
    """What all movements share."""

    reference: Reference
    player_id: str
    kind: ClassVar[Kind]

    def __post_init__(self) -> None:
        if not is_player_id(self.player_id):
            raise InvalidReference("a player id is empty, too long or has a character that is not allowed")
        if any(text and not _ID.fullmatch(text) for text in (self.game_code, self.round_id)):
            raise InvalidReference("a game or round is too long or has a character that is not allowed")
        if not self.note.isprintable() or len(json.dumps(self.note, ensure_ascii=False).encode()) > _DETAIL_BYTES_MAX:
            raise InvalidReference("a detail is too long or has a control character")

    @property
    def money(self) -> tuple[str, int]:
        """Currency code ('' where the movement takes the wallet's) and amount in nanos (0 where it takes a record's)."""
        return "", 0

    @property
    def game_code(self) -> str:
        """The game a movement belongs to, or ''."""
        return ""

    @property
    def round_id(self) -> str:
        """The round a movement belongs to, or ''."""
        return ""

    @property
    def related(self) -> Reference | None:
        """The earlier movement that this one is about."""
        return None

    @property
    def note(self) -> str:
        """What else a record must say of it."""
        return ""

    @property
    def business_note(self) -> str:
        """What of the note makes it another movement: all of it, unless a kind says otherwise."""
        return self.note

    @property
    def fingerprint(self) -> bytes:
        """Sixteen bytes over the business fields: two movements of one name are the same exactly when these agree."""
        code, amount = self.money
        about = self.related.text if self.related else ""
        fields = (self.kind, self.player_id, code, str(amount), self.game_code, self.round_id, about, self.business_note)
        return hashlib.blake2b("\x1f".join(fields).encode(), digest_size=16).digest()


@dataclass(frozen=True, slots=True)
class _Money(Movement):
    currency: str
    amount: int

    @property
    def money(self) -> tuple[str, int]:
        """Currency code and amount in nanos."""
        return self.currency, self.amount


@dataclass(frozen=True, slots=True)
class _Play(_Money):
    game: str
    round: str

    @property
    def game_code(self) -> str:
        """The provider's code of the game."""
        return self.game

    @property
    def round_id(self) -> str:
        """The provider's id of the round."""
        return self.round


@dataclass(frozen=True, slots=True)
class Bet(_Play):
    """A stake. `session` is the digest of the game session's token (None where a protocol has none).

    `veto` is a refusal that the games room has already found (a disabled game), `countries` where the game is offered (None:
    anywhere): both stand unless this very bet was applied before. `caps` are the largest stakes of the game's category by country,
    in nanos of the bet's currency (None, or a country that is not named: no cap). `told` is what a stake of nothing was said to be
    worth, `closes` whether the provider closed the round with it (None where a protocol does not say).
    """

    session: bytes | None = None
    veto: Reason | None = None
    countries: frozenset[str] | None = None
    caps: Mapping[str, StakeCap] | None = None
    told: str = ""
    closes: bool | None = None
    kind = Kind.BET

    @property
    def note(self) -> str:
        """What the provider said of a free round, and of the end of the round."""
        return _play_note(self.told, self.closes)

    @property
    def business_note(self) -> str:
        """The worth of a free round: the same name with another worth is another movement, with another mark it is not."""
        return self.told


@dataclass(frozen=True, slots=True)
class Win(_Play):
    """Winnings, 0 allowed. `bet` is the stake they belong to; a promotional win has none. `told` and `closes` as of a bet."""

    bet: Reference | None = None
    told: str = ""
    closes: bool | None = None
    kind = Kind.WIN

    @property
    def note(self) -> str:
        """What the provider said of a win that pays nothing, and of the end of the round."""
        return _play_note(self.told, self.closes)

    @property
    def business_note(self) -> str:
        """The worth of a win that pays nothing."""
        return self.told

    @property
    def related(self) -> Reference | None:
        """The bet."""
        return self.bet


@dataclass(frozen=True, slots=True)
class Rollback(Movement):
    """Take back one bet or win. The stored amount counts; a target never seen leaves a tombstone. `closes` as of a bet."""

    target: Reference
    game: str = ""
    round: str = ""
    closes: bool | None = None
    kind = Kind.ROLLBACK

    @property
    def note(self) -> str:
        """What the provider said of the end of the round."""
        return _play_note("", self.closes)

    @property
    def business_note(self) -> str:
        """Nothing: a rollback is the same with another mark."""
        return ""

    @property
    def game_code(self) -> str:
        """The provider's code of the game."""
        return self.game

    @property
    def round_id(self) -> str:
        """The provider's id of the round."""
        return self.round

    @property
    def related(self) -> Reference | None:
        """What is taken back."""
        return self.target


@dataclass(frozen=True, slots=True)
class Deposit(_Money):
    """Money that a gateway has received: always booked, whatever the wallet's status. `payment` is the gateway's id of it.

    `opened` is the opening that this deposit ends (`safeguards.OpenDeposit`): what that has used of the deposit limits is not used
    again. None: nothing was opened.
    """

    payment: str = ""
    opened: Reference | None = None
    kind = Kind.DEPOSIT

    @property
    def related(self) -> Reference | None:
        """The opening."""
        return self.opened

    @property
    def note(self) -> str:
        """The payment."""
        return self.payment


@dataclass(frozen=True, slots=True)
class DepositReversal(_Money):
    """A chargeback, refund or failed settlement of a deposit: always booked, may make the cash balance negative.

    `deposit` is what is taken back, a deposit or one that was returned. It may be taken back in several parts, each under its name.
    `earlier` is how much of it, in nanos, was taken back before: no more of a deposit limit is given back than the deposit used.
    None: the caller does not know, and only the first part gives back.
    """

    deposit: Reference
    earlier: int | None = None
    kind = Kind.DEPOSIT_REVERSAL

    @property
    def related(self) -> Reference | None:
        """The deposit."""
        return self.deposit


@dataclass(frozen=True, slots=True)
class DepositReturned(_Money):
    """What a reversal took, or a part of it, was given back, once: a chargeback that was decided for the house."""

    reversal: Reference
    kind = Kind.DEPOSIT_RETURNED

    @property
    def related(self) -> Reference | None:
        """The reversal."""
        return self.reversal


@dataclass(frozen=True, slots=True)
class Hold(_Money):
    """Cash set aside for a withdrawal."""

    kind = Kind.HOLD


@dataclass(frozen=True, slots=True)
class _OfHold(Movement):
    hold: Reference

    @property
    def related(self) -> Reference | None:
        """The movement that this one resolves."""
        return self.hold


@dataclass(frozen=True, slots=True)
class Capture(_OfHold):
    """The held money has left the house."""

    kind = Kind.CAPTURE


@dataclass(frozen=True, slots=True)
class Release(_OfHold):
    """The held money goes back to cash."""

    kind = Kind.RELEASE


@dataclass(frozen=True, slots=True)
class PayoutReturned(Movement):
    """A captured payout came back from the bank: credited once."""

    capture: Reference
    kind = Kind.PAYOUT_RETURNED

    @property
    def related(self) -> Reference | None:
        """The capture."""
        return self.capture


@dataclass(frozen=True, slots=True)
class BonusGranted(_Money):
    """Bonus money given by the house."""

    kind = Kind.BONUS_GRANTED


@dataclass(frozen=True, slots=True)
class BonusConverted(_Money):
    """Bonus money that has become cash."""

    kind = Kind.BONUS_CONVERTED


@dataclass(frozen=True, slots=True)
class BonusForfeited(_Money):
    """Bonus money taken back by the house."""

    kind = Kind.BONUS_FORFEITED


@dataclass(frozen=True, slots=True)
class Adjustment(_Money):
    """A correction by staff; the only amount that may be negative. `why` and `actor` are recorded."""

    why: str
    actor: str
    kind = Kind.ADJUSTMENT

    @property
    def note(self) -> str:
        """Who and why."""
        return f"{self.actor}: {self.why}"


@dataclass(frozen=True, slots=True)
class OpenWallet(Movement):
    """The first link of a wallet's chain; fixes its currency and country (ISO 3166 alpha-2)."""

    currency: str
    country: str
    kind = Kind.OPEN

    def __post_init__(self) -> None:
        Movement.__post_init__(self)
        if not _COUNTRY.fullmatch(self.country):
            raise InvalidReference("a country has two capital letters")

    @classmethod
    def of(cls, player_id: str, currency: str, country: str) -> "OpenWallet":
        """Name the opening after the player: there is one for each, ever."""
        return cls(Reference("wallet:open", player_id), player_id, currency, country)

    @property
    def money(self) -> tuple[str, int]:
        """The wallet's currency; no amount."""
        return self.currency, 0

    @property
    def note(self) -> str:
        """The country."""
        return self.country


@dataclass(frozen=True, slots=True)
class StartSession(Movement):
    """A game session at one provider: ends that provider's earlier one for bets, not for wins and rollbacks.

    `interval_ms` is how often the player's profile asks for a reality check (0: never); a shorter one of the player's own stays.
    `grown_on` is the day, counted from 1970-01-01, from which the higher stake caps count (0: not known, the lower ones do).
    """

    provider: str
    digest: bytes
    game: str
    expires_at_ms: int
    interval_ms: int = 0
    grown_on: int = 0
    kind = Kind.SESSION

    def __post_init__(self) -> None:
        Movement.__post_init__(self)
        if len(self.digest) != DIGEST_BYTES or not 0 <= self.expires_at_ms < INSTANT_END:
            raise InvalidReference("a session's digest or expiry is not of its size")
        if not 0 <= self.interval_ms < INTERVAL_END or not 0 <= self.grown_on < DAY_END:
            raise InvalidReference("a session's interval or day is not of its size")

    @classmethod
    def of(
        cls,
        player_id: str,
        provider: str,
        digest: bytes,
        game: str,
        expires_at_ms: int,
        *,
        interval_ms: int = 0,
        grown_on: int = 0,
    ) -> "StartSession":
        """Name the start after the session's digest."""
        reference = Reference("session:" + provider, digest.hex())
        return cls(reference, player_id, provider, digest, game, expires_at_ms, interval_ms, grown_on)

    @property
    def game_code(self) -> str:
        """The game that was launched."""
        return self.game

    @property
    def note(self) -> str:
        """The expiry."""
        return str(self.expires_at_ms)


@dataclass(frozen=True, slots=True)
class SetStatus(Movement):
    """A change of the wallet's status. An account with money in it, or that owes some, is not closed."""

    status: Status
    kind = Kind.STATUS

    @property
    def note(self) -> str:
        """The new status."""
        return self.status
