"""The play-safety desk: a player sets limits, shuts himself out and acknowledges reality checks.

Everything is a movement of the ledger, decided on the wallet's version; the desk says what the profile of the player's country
offers, and gives the movement its name. With an Idempotency-Key the name is made of player and key, once for ever: the same request
again is the same movement, another under the same key is refused. Without one every request is a movement of its own; all of them
are such that to repeat them changes nothing but the record of them, and the day from which a raise waits.

What protects takes effect at once and asks for nothing but a live session. What loosens (a higher limit or none, the confirmation
of a raise, coming back after an exclusion) asks the player to prove himself again, so that nobody does it at a screen left open.
"""

import hashlib
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Final, Protocol

from countroom.clock import Clock
from countroom.faults import Fault
from countroom.jurisdictions.profile import Profile
from countroom.jurisdictions.profiles import profile_of
from countroom.ledger.book import Book, Posted, Refused
from countroom.ledger.movements import Movement, Reason, Reference
from countroom.ledger.records import Record
from countroom.ledger.rules.limits import in_force
from countroom.ledger.safeguards import (
    AcknowledgeCheck,
    AskReopening,
    ConfirmRaise,
    SetCheckInterval,
    SetLimit,
    StartExclusion,
    WithdrawRaise,
)
from countroom.ledger.wallet import Wallet
from countroom.responsible_play import forms
from countroom.responsible_play.forms import Absence, Cap, Target, Unfit

SOURCE: Final = "player:safety"
"""Under which the ledger keeps what players ask of this desk: the player is the actor, the player API the channel."""

_DIGEST_BYTES: Final = 15
_SAME_MS: Final = 60_000


class Decline(StrEnum):
    """Why nothing was done."""

    INVALID_REQUEST = "invalid_request"
    KEY_REUSED = "key_reused"
    NO_WALLET = "no_wallet"
    PROOF_MISSING = "proof_missing"
    NOT_SET = "not_set"
    NOTHING_WAITS = "nothing_waits"
    TOO_EARLY = "too_early"
    EXCLUSION_RUNS = "exclusion_runs"
    CONFLICT = "conflict"


_DECLINES: Final[Mapping[Reason, Decline]] = MappingProxyType(
    {
        Reason.DUPLICATE_TRANSACTION: Decline.KEY_REUSED,
        Reason.UNKNOWN_PLAYER: Decline.NO_WALLET,
        Reason.NOTHING_PENDING: Decline.NOTHING_WAITS,
        Reason.TOO_EARLY: Decline.TOO_EARLY,
        Reason.EXCLUSION_RUNS: Decline.EXCLUSION_RUNS,
    }
)


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks: in which session, from which (shortened) network address, under which Idempotency-Key if any.

    `proved`: he has proved himself again in this session lately.
    """

    player_id: str
    session_id: str
    source: str | None = None
    proved: bool = False
    key: str | None = None


@dataclass(frozen=True, slots=True)
class Done:
    """It is done, now or (`replayed`) by the first of these requests; the wallet as it stands since, at `now_ms`."""

    wallet: Wallet
    now_ms: int
    replayed: bool

    @property
    def profile(self) -> Profile:
        """The rules of the player's country."""
        return profile_of(self.wallet.country)


@dataclass(frozen=True, slots=True)
class Declined:
    """Nothing was changed."""

    reason: Decline
    faults: tuple[Fault, ...] = ()


Result = Done | Declined


Asked = Callable[[Wallet, Profile], Movement | Declined]
"""Makes a movement of what was asked, by the wallet as it stands and the rules of the player's country. Raises Unfit."""


class Doors(Protocol):
    """What the identity room does along with what shuts a player out, or lets him in again: in the ledger's own transaction."""

    def post(self, movement: Movement, detail: str, session_id: str | None = None, source: str | None = None) -> Posted | Refused:
        """Post a movement, and end all sessions of the player with it."""
        ...

    def reopening(
        self, player_id: str, detail: str, session_id: str | None = None, source: str | None = None
    ) -> Sequence[dict[str, Any]]:
        """Return what is written along when a player asks to be let in again."""
        ...


class SafetyDesk:
    """Raises the ledger's OutcomeUnknown, and what the doors raise; the same request again is safe with a key, and finds out."""

    def __init__(self, book: Book, doors: Doors, clock: Clock) -> None:
        self._book = book
        self._doors = doors
        self._clock = clock

    def look(self, player_id: str) -> Done | None:
        """Read a player's wallet as it stands; None without one."""
        wallet = self._book.wallet(player_id)
        return Done(wallet, self._clock(), replayed=False) if wallet else None

    def set_limit(self, caller: Caller, kind: str, period: str, cap: Cap) -> Result:
        """Set, lower or raise a limit: a new or a lower one holds at once, a higher one after the profile's wait."""

        def movement(wallet: Wallet, profile: Profile) -> Movement | Declined:
            target = forms.read_target(profile, kind, period)
            amount = forms.read_cap(profile, target, cap, wallet.currency)
            before = _cap_of(wallet, target, self._clock())
            if before is not None and amount > before and not caller.proved:
                return Declined(Decline.PROOF_MISSING)
            return _limit(caller, wallet, profile, target, amount)

        return self._carry_out(caller, movement)

    def remove_limit(self, caller: Caller, kind: str, period: str) -> Result:
        """Ask for a limit to be removed, after the profile's wait."""

        def movement(wallet: Wallet, profile: Profile) -> Movement | Declined:
            target = forms.read_target(profile, kind, period)
            if _cap_of(wallet, target, self._clock()) is None and not self._was_made(caller):
                return Declined(Decline.NOT_SET)
            if not caller.proved:
                return Declined(Decline.PROOF_MISSING)
            return _limit(caller, wallet, profile, target, None)

        return self._carry_out(caller, movement)

    def withdraw_raise(self, caller: Caller, kind: str, period: str) -> Result:
        """Take back what was asked for: the limit stays as it is."""

        def movement(_wallet: Wallet, profile: Profile) -> Movement:
            target = forms.read_target(profile, kind, period)
            return WithdrawRaise(_reference(caller), caller.player_id, target.kind, target.period)

        return self._carry_out(caller, movement)

    def confirm_raise(self, caller: Caller, kind: str, period: str) -> Result:
        """Say once more, after the wait, that a limit is to be raised or removed, where the profile asks for that."""

        def movement(_wallet: Wallet, profile: Profile) -> Movement | Declined:
            target = forms.read_target(profile, kind, period)
            if not caller.proved:
                return Declined(Decline.PROOF_MISSING)
            return ConfirmRaise(_reference(caller), caller.player_id, target.kind, target.period)

        return self._carry_out(caller, movement)

    def exclude(self, caller: Caller, kind: str, length: str) -> Result:
        """Shut a player out from now on: all his sessions end with it, this one too."""
        found = self._found(caller)
        if isinstance(found, Declined):
            return found
        try:
            absence = forms.read_absence(profile_of(found.country), kind, length)
        except Unfit as unfit:
            return Declined(Decline.INVALID_REQUEST, unfit.faults)
        until_ms = absence.length.ends_at(self._clock())
        movement = StartExclusion(_reference(caller), caller.player_id, absence.kind, until_ms)
        return self._told(caller, self._excluded(caller, movement, absence))

    def ask_reopening(self, caller: Caller) -> Result:
        """Ask to be let in again after an exclusion; the profile's wait begins."""
        found = self._found(caller)
        if isinstance(found, Declined):
            return found
        if not caller.proved:
            return Declined(Decline.PROOF_MISSING)
        movement = AskReopening(_reference(caller), caller.player_id, profile_of(found.country).reopening_wait_ms)
        beside = self._doors.reopening(caller.player_id, "asked by the player", caller.session_id, caller.source)
        return self._told(caller, self._book.post(movement, beside))

    def acknowledge(self, caller: Caller) -> Result:
        """Acknowledge a reality check: play may go on."""
        return self._carry_out(caller, lambda _wallet, _profile: AcknowledgeCheck(_reference(caller), caller.player_id))

    def set_interval(self, caller: Caller, minutes: int) -> Result:
        """Choose how often the reality check comes, from now on."""

        def movement(_wallet: Wallet, profile: Profile) -> Movement:
            return SetCheckInterval(_reference(caller), caller.player_id, forms.read_interval(profile, minutes))

        return self._carry_out(caller, movement)

    def _carry_out(self, caller: Caller, asked: Asked) -> Result:
        found = self._found(caller)
        if isinstance(found, Declined):
            return found
        try:
            movement = asked(found, profile_of(found.country))
        except Unfit as unfit:
            return Declined(Decline.INVALID_REQUEST, unfit.faults)
        return movement if isinstance(movement, Declined) else self._told(caller, self._book.post(movement))

    def _excluded(self, caller: Caller, movement: StartExclusion, absence: Absence) -> Posted | Refused:
        """Post an exclusion; a repeat of a request ends when the first of them did, not a moment later."""
        if caller.key is not None and isinstance(first := self._book.find(movement.reference), Record):
            until_ms = int(first.note.rpartition(" ")[2]) if first.kind is movement.kind else 0
            if abs(until_ms - absence.length.ends_at(first.at_ms)) < _SAME_MS:
                movement = replace(movement, until_ms=until_ms)
        detail = f"{absence.kind}, {absence.length.text}"
        return self._doors.post(movement, detail, caller.session_id, caller.source)

    def _was_made(self, caller: Caller) -> bool:
        """Say whether something was done under the caller's key: the ledger tells a repeat of that from another request."""
        return caller.key is not None and isinstance(self._book.find(_reference(caller)), Record)

    def _found(self, caller: Caller) -> Wallet | Declined:
        return self._book.wallet(caller.player_id) or Declined(Decline.NO_WALLET)

    def _told(self, caller: Caller, outcome: Posted | Refused) -> Result:
        if isinstance(outcome, Refused):
            return Declined(_DECLINES.get(outcome.reason, Decline.CONFLICT))
        wallet = self._found(caller)
        return wallet if isinstance(wallet, Declined) else Done(wallet, self._clock(), outcome.replayed)


def _reference(caller: Caller) -> Reference:
    """Name a movement: after player and key, or with a name of its own."""
    if caller.key is None:
        return Reference(SOURCE, f"{caller.player_id}:{uuid.uuid4().hex[: 2 * _DIGEST_BYTES]}")
    digest = hashlib.blake2b(caller.key.encode(), digest_size=_DIGEST_BYTES).hexdigest()
    return Reference(SOURCE, f"{caller.player_id}:{digest}")


def _limit(caller: Caller, wallet: Wallet, profile: Profile, target: Target, cap: int | None) -> SetLimit:
    return SetLimit(
        _reference(caller),
        caller.player_id,
        wallet.currency,
        cap,
        target.kind,
        target.period,
        profile.raise_wait_ms,
        profile.raise_confirm,
    )


def _cap_of(wallet: Wallet, target: Target, now_ms: int) -> int | None:
    """Give the cap that holds now; None where no such limit is set."""
    for limit in in_force(wallet.limits, now_ms):
        if (limit.kind, limit.period) == (target.kind, target.period):
            return limit.cap
    return None
