"""What the play-safety function takes and shows, as its clients see it."""

from typing import Annotated

from pydantic import BaseModel, StringConstraints

from countroom.ledger.movements import LimitKind, Period
from runtime import http

Text = Annotated[str, StringConstraints(max_length=32)]
"""Any text up to a bound; what it must look like is for the room's rules."""


class CapBody(http.RequestBody):
    """How high a limit is to be: `amount` in the wallet's currency, or `minutes` for a session limit."""

    amount: Text | None = None
    minutes: int | None = None


class ExclusionBody(http.RequestBody):
    """A break (`time_out`) or a `self_exclusion`, of a length that the overview offers. It begins at once."""

    kind: Text
    length: Text


class IntervalBody(http.RequestBody):
    """How often a reality check is wanted: one of the choices in the overview."""

    minutes: int


class PendingView(BaseModel):
    """What waits to take a limit's place; a `cap` of null: no limit any more."""

    cap: str | None
    effective_at: str
    needs_confirmation: bool
    can_be_confirmed: bool


class LimitView(BaseModel):
    """One limit. `unit` is the wallet's currency, or minutes; `spent` and `left` are of the period that runs, null without one."""

    kind: LimitKind
    period: Period
    unit: str
    cap: str
    spent: str | None
    left: str | None
    period_ends_at: str | None
    pending: PendingView | None
    text: str


class LimitAnswer(BaseModel):
    """The limit as it stands now; null where there is none any more."""

    limit: LimitView | None


class ExclusionView(BaseModel):
    """What keeps the player away. `until`: the end of a break, or from when on he may ask to be let in again."""

    kind: str
    since: str | None
    until: str | None
    ends_by_itself: bool
    can_ask_reopening: bool
    reopens_at: str | None
    text: str


class ExclusionAnswer(BaseModel):
    """What keeps the player away now; null: nothing."""

    exclusion: ExclusionView | None


class SessionClockView(BaseModel):
    """The stretch of play that runs. `check_due`: play goes on when the check is acknowledged. `ends_at`: by the session limit."""

    started_at: str
    seconds: int
    staked: str
    won: str
    net: str
    check_due: bool
    next_check_at: str | None
    ends_at: str | None
    text: str


class CheckAnswer(BaseModel):
    """How often the reality check comes, and the stretch of play that runs (null: none does)."""

    check_minutes: int
    session: SessionClockView | None


class RuleView(BaseModel):
    """One rule in a sentence, and whose rule it is."""

    topic: str
    text: str
    source: str


class RulesView(BaseModel):
    """The rules of the player's country."""

    code: str
    name: str
    rules: list[RuleView]


class LimitChoice(BaseModel):
    """A limit that can be set, and how high at most."""

    kind: LimitKind
    period: Period
    unit: str
    highest: str


class LengthChoice(BaseModel):
    """A length that can be chosen."""

    length: str
    text: str


class SafetyChoices(BaseModel):
    """What the player can choose from."""

    limits: list[LimitChoice]
    time_outs: list[LengthChoice]
    exclusions: list[LengthChoice]
    check_minutes: list[int]


class PositionView(BaseModel):
    """The sums of a lifetime: `net_deposits` is paid in less paid out, `net` is won less staked."""

    deposited: str
    withdrawn: str
    net_deposits: str
    staked: str
    won: str
    net: str
    text: str


class NeedsView(BaseModel):
    """The levels that are still to be verified before paying in, playing, and being paid."""

    deposit: list[str]
    play: list[str]
    withdrawal: list[str]


class LevelsView(BaseModel):
    """What is verified of the player, and what is still to be."""

    levels: list[str]
    needed: NeedsView
    text: str


class SafetyOverview(BaseModel):
    """All that keeps the player safe, as it stands `at` an instant; amounts are decimal texts of `currency`."""

    at: str
    currency: str
    profile: RulesView
    choices: SafetyChoices
    limits: list[LimitView]
    exclusion: ExclusionView | None
    check_minutes: int
    session: SessionClockView | None
    position: PositionView
    verification: LevelsView


class SafetyEntry(BaseModel):
    """One thing that happened, in a sentence. `limit` is the limit that was changed, or that stopped a stake or a deposit."""

    transaction_id: str
    at: str
    kind: str
    outcome: str
    reason: str | None
    limit: str | None
    text: str


class SafetyHistory(BaseModel):
    """What happened, newest first. A page may be short, or empty, and not the last: that one has no `next_cursor`."""

    items: list[SafetyEntry]
    next_cursor: str | None
