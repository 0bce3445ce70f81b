"""Where a player's verification stands, level by level, and what a word of staff or of the vendor makes of it. Pure.

- The newest word stands, by the time at which it was said: an older one that comes late changes nothing. Of two at the same
  instant a result stands before a step on the way to it, and of two results the stricter.
- What staff have refused, only staff lift again.
- An identity that is confirmed, or refused for good, says the same of the age, which is in the same document. So does one that is
  refused because of the age. When the vendor begins anew with somebody, nothing that it has said stands any more.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from countroom.verification.levels import Level, State

ACTOR_MAX: Final = 64
REASON_MAX: Final = 120
LABELS_MAX: Final = 8

AGE_LABELS: Final = frozenset({"AGE_REQUIREMENT_MISMATCH", "UNDERAGE"})
"""By which the vendor says that somebody is too young."""


class Word(StrEnum):
    """What staff can say of a level."""

    VERIFY = "verify"
    UNVERIFY = "unverify"
    RECHECK = "recheck"


STATE_OF: Final[Mapping[Word, State]] = MappingProxyType(
    {Word.VERIFY: State.APPROVED, Word.UNVERIFY: State.REJECTED, Word.RECHECK: State.RETRY}
)


class Source(StrEnum):
    """Who said it."""

    NOBODY = ""
    STAFF = "staff"
    VENDOR = "vendor"


@dataclass(frozen=True, slots=True)
class LevelStanding:
    """Where one level stands, who said so, and when (epoch ms, by the clock of who said it).

    `labels`: the vendor's codes of what it objects to, for staff. Its words are not kept at all.
    """

    state: State = State.NONE
    source: Source = Source.NOBODY
    at_ms: int = 0
    labels: tuple[str, ...] = ()


NOTHING_SAID: Final = LevelStanding()


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a player stands after `version` changes; 0: nobody has said anything.

    `applicant_id` is the vendor's name of the player, "" before a check was started. `by`, `reason`, `at_ms` (epoch ms) and
    `request_id` are of the last order of staff, empty without one.
    """

    player_id: str
    version: int = 0
    levels: Mapping[Level, LevelStanding] = field(default_factory=dict)
    applicant_id: str = ""
    by: str = ""
    reason: str = ""
    at_ms: int = 0
    request_id: str = ""

    def at(self, level: Level) -> LevelStanding:
        """Return where a level stands."""
        return self.levels.get(level, NOTHING_SAID)

    @property
    def approved(self) -> frozenset[Level]:
        """The levels that the player has reached."""
        return frozenset(level for level, found in self.levels.items() if found.state is State.APPROVED)

    @property
    def verified(self) -> bool:
        """Whether the house knows who the player is."""
        return Level.IDENTITY in self.approved


@dataclass(frozen=True, slots=True)
class Order:
    """What a member of staff says of a player, and why. The same `request_id` of a player counts once, for ever."""

    player_id: str
    word: Word
    by: str
    reason: str
    request_id: str
    level: Level = Level.IDENTITY


@dataclass(frozen=True, slots=True)
class VendorEvent:
    """What the vendor says of an applicant. `event_id` is the digest of the webhook, for logs and to keep it under.

    `player_id` is the name that the vendor was given for the applicant, "" where it is none that a player of ours could have.
    `level` is None where the vendor names a level that the house does not know. State NONE: it has begun anew with him.
    """

    event_id: str
    applicant_id: str
    player_id: str
    level: Level | None
    state: State
    created_at_ms: int
    labels: tuple[str, ...] = ()


class Result(StrEnum):
    """What became of an event of the vendor's."""

    APPLIED = "applied"
    OLDER = "older"
    REPEATED = "repeated"
    STAFF_DECIDED = "staff_decided"
    UNKNOWN_APPLICANT = "unknown_applicant"
    UNKNOWN_LEVEL = "unknown_level"


@dataclass(frozen=True, slots=True)
class Heard:
    """The standing after an event, what became of it, and the levels that it took from the player.

    `too_young`: by what stands now the vendor has found him so, for good. It is said of a repeat too: whoever acts on it may have
    been cut off the first time.
    """

    standing: Standing
    result: Result
    lost: frozenset[Level] = frozenset()
    too_young: bool = False


_RANKS: Final = (State.NONE, State.PENDING, State.ON_HOLD, State.APPROVED, State.RETRY, State.REJECTED)


def concerned(level: Level, state: State, labels: tuple[str, ...] = ()) -> tuple[Level, ...]:
    """Say of which levels something is said that is said of `level`, that one first."""
    if state is State.NONE:
        return (level, *(other for other in Level if other is not level))
    whole = state in {State.APPROVED, State.REJECTED} or bool(AGE_LABELS & set(labels))
    return (level, Level.AGE) if level is Level.IDENTITY and whole else (level,)


def after_order(before: Standing, order: Order, now_ms: int) -> Standing:
    """Give where an order leaves a player. To say what stands already is a word like any other: who says it, and why, is kept.

    It is newer than all that was heard before it, whatever the vendor's clock says.
    """
    state = STATE_OF[order.word]
    levels = concerned(order.level, state)
    said = LevelStanding(state, Source.STAFF, max(now_ms, *(before.at(level).at_ms + 1 for level in levels)))
    return replace(
        before,
        version=before.version + 1,
        levels={**before.levels, **dict.fromkeys(levels, said)},
        by=order.by[:ACTOR_MAX],
        reason=order.reason[:REASON_MAX],
        at_ms=now_ms,
        request_id=order.request_id,
    )


def after_event(before: Standing, event: VendorEvent) -> Heard:
    """Give where an event leaves a player, and what became of it."""
    if not before.applicant_id or (before.player_id, before.applicant_id) != (event.player_id, event.applicant_id):
        return Heard(before, Result.UNKNOWN_APPLICANT)
    if event.level is None and event.state is not State.NONE:
        return Heard(before, Result.UNKNOWN_LEVEL)
    said = LevelStanding(event.state, Source.VENDOR, event.created_at_ms, event.labels[:LABELS_MAX])
    results = {
        level: _judged(before.at(level), said) for level in concerned(event.level or Level.IDENTITY, event.state, event.labels)
    }
    final = event.state is State.REJECTED and bool(AGE_LABELS & set(event.labels))
    too_young = final and results.get(Level.AGE) in {Result.APPLIED, Result.REPEATED}
    changed = {level: said for level, result in results.items() if result is Result.APPLIED}
    if not changed:
        return Heard(before, next(iter(results.values())), too_young=too_young)
    after = replace(before, version=before.version + 1, levels={**before.levels, **changed})
    return Heard(after, Result.APPLIED, before.approved - after.approved, too_young)


def _judged(before: LevelStanding, said: LevelStanding) -> Result:
    """Say whether the vendor's word about one level counts."""
    if before.source is Source.STAFF and before.state is State.REJECTED:
        return Result.STAFF_DECIDED
    if said.at_ms < before.at_ms:
        return Result.OLDER
    if said.at_ms == before.at_ms and _RANKS.index(said.state) <= _RANKS.index(before.state):
        return Result.REPEATED
    return Result.APPLIED
