"""What the second opinion keeps of a player, and the parts of its rules that are asked more than once."""

from dataclasses import dataclass, field
from typing import Any, Final

from countroom.ledger.movements import Kind, Reason, Status
from countroom.ledger.records import Outcome
from tests.simulation.safety import Guard, status_at

TOTALS: Final = ("deposited", "withdrawn", "staked", "won", "adjusted", "bonus")


@dataclass(slots=True)
class Verdict:
    """What a movement has to come to, as changes."""

    reason: Reason | None = None
    limit: str = ""
    cash: int = 0
    bonus: int = 0
    held: int = 0
    amount: int = 0
    outcome: Outcome = Outcome.APPLIED
    resolves: bool = False
    buries: bool = False


@dataclass(slots=True)
class Account:
    """What is known of one player."""

    currency: str
    cash: int = 0
    bonus: int = 0
    held: int = 0
    status: Status = Status.ACTIVE
    sessions: list[tuple[str, bytes, bytes, int]] = field(default_factory=list)
    guard: Guard = field(default_factory=Guard)
    version: int = 0
    totals: dict[str, int] = field(default_factory=lambda: dict.fromkeys(TOTALS, 0))


@dataclass(slots=True)
class Seen:
    """What stands under a name; `kind` None: a tombstone."""

    player_id: str
    kind: Kind | None = None
    verdict: Verdict = field(default_factory=Verdict)
    round: str = ""
    at_ms: int = 0
    version: int = 0
    related: str = ""

    @property
    def figures(self) -> tuple[int, int, int]:
        """Version, instant and amount, by which limits tell what they have counted."""
        return self.version, self.at_ms, self.verdict.amount


def no(reason: Reason, limit: str = "") -> Verdict:
    return Verdict(reason, limit, outcome=Outcome.REFUSED)


TOTAL_OF: Final = {
    Kind.DEPOSIT: ("deposited", 1),
    Kind.DEPOSIT_REVERSAL: ("deposited", 1),
    Kind.DEPOSIT_RETURNED: ("deposited", 1),
    Kind.CAPTURE: ("withdrawn", -1),
    Kind.PAYOUT_RETURNED: ("withdrawn", -1),
    Kind.BET: ("staked", -1),
    Kind.WIN: ("won", 1),
    Kind.ADJUSTMENT: ("adjusted", 1),
    Kind.BONUS_GRANTED: ("bonus", 1),
    Kind.BONUS_FORFEITED: ("bonus", 1),
}


def unusable(account: Account, now_ms: int) -> Verdict | None:
    status = status_at(account.status, account.guard, now_ms)
    if status is Status.ACTIVE:
        return None
    return no(Reason.WALLET_EXCLUDED if status is Status.EXCLUDED else Reason.WALLET_BLOCKED)


def session_of(account: Account, movement: Any, now_ms: int) -> Verdict | None:
    if movement.session is None:
        return None
    provider = movement.reference.source.split(":")[1]
    for name, digest, previous, expires in account.sessions:
        if name == provider and movement.session == digest:
            return no(Reason.SESSION_EXPIRED) if now_ms >= expires else None
        if name == provider and movement.session == previous:
            return no(Reason.SESSION_EXPIRED)
    return no(Reason.SESSION_UNKNOWN)
