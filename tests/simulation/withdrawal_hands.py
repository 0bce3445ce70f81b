"""Who is at work in a simulation of withdrawals: executions of the state machine, processes, and the ports of the real steps."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Protocol

from countroom.cashier.payouts.port import Ordered, Status
from countroom.cashier.withdrawals.apply import Withdrawals
from countroom.cashier.withdrawals.course import Next, stands
from countroom.cashier.withdrawals.life import Happening, Said, Screened
from countroom.cashier.withdrawals.machine import RUNNING, MachineUnavailable
from countroom.cashier.withdrawals.withdrawal import Withdrawal
from tests.model.machine import BEGINS
from tests.model.outside import Outside
from tests.simulation.baton import Finished, Thread

_FAULTY: Final = 0.1


@dataclass(frozen=True, slots=True)
class Ask:
    """A call that is not to a table: what is asked of the world for a withdrawal, `order`, `status`, `screen` or `barred`."""

    what: str
    withdrawal_id: str


@dataclass(slots=True)
class Payouts:
    """One withdrawal as the episode knows it: what is so at the gateway, and at which of the model's withdrawals it stands."""

    outside: Outside
    number: int = 0


@dataclass(slots=True)
class Execution:
    """One execution of the state machine."""

    withdrawal_id: str
    at: Next = BEGINS
    error: str = ""
    token: str = ""
    tried: int = 0
    status: str = RUNNING
    works: bool = False


@dataclass(slots=True)
class Job:
    """A process at work: its thread, where it has stopped, and what it is letting happen."""

    thread: Thread
    stopped: Any
    done: Callable[[Finished], None]


class World(Protocol):
    """What those at work need of the episode that they are in."""

    happening: dict[Thread, Happening]

    def chance(self, share: float) -> bool:
        """Whether one of the faults of the world comes now."""
        ...

    def heard(self, withdrawal_id: str, said: Said) -> None:
        """Note that the house has taken in a word."""
        ...

    def goes_to(self, execution: Execution, step: Next | None, error: str = "") -> None:
        """Let an execution go on at a step."""
        ...


class Telling:
    """Satisfies `steps.Happenings` over the real `Withdrawals`; notes what is being let happen and what was taken in."""

    def __init__(self, episode: World, withdrawals: Withdrawals, thread: Thread) -> None:
        self._episode = episode
        self._withdrawals = withdrawals
        self._thread = thread

    def happen(self, withdrawal_id: str, happening: Happening) -> Withdrawal:
        """Let something happen."""
        self._episode.happening[self._thread] = happening
        after = self._withdrawals.happen(withdrawal_id, happening)
        if isinstance(happening, Said):
            self._episode.heard(withdrawal_id, happening)
        return after


class Gateway:
    """Satisfies `PayoutPort`, and what else a step asks of the world: each question stops its thread."""

    def __init__(self, stop: Callable[[Any], Any]) -> None:
        self._stop = stop

    def submit(self, withdrawal: Withdrawal) -> Ordered:
        """Order the payout."""
        answer: Ordered = self._stop(Ask("order", withdrawal.withdrawal_id))
        return answer

    def status(self, withdrawal: Withdrawal) -> Status:
        """Ask for its status."""
        answer: Status = self._stop(Ask("status", withdrawal.withdrawal_id))
        return answer

    def screen(self, withdrawal: Withdrawal) -> Screened:
        """Screen a withdrawal."""
        answer: Screened = self._stop(Ask("screen", withdrawal.withdrawal_id))
        return answer

    def barred(self, withdrawal: Withdrawal) -> str:
        """Say whether the player may no longer withdraw."""
        answer: str = self._stop(Ask("barred", withdrawal.withdrawal_id))
        return answer


class Machine:
    """Satisfies `sweeping.Driving`: the executions, as Step Functions keeps them. Starting one may fail, or succeed unheard."""

    def __init__(self, episode: World) -> None:
        self._episode = episode
        self.executions: dict[tuple[str, int], Execution] = {}

    def start(self, withdrawal_id: str, number: int = 1) -> bool:
        """Start an execution."""
        fails = self._episode.chance(_FAULTY)
        if fails and self._episode.chance(0.5):
            raise MachineUnavailable("not started")
        is_new = (withdrawal_id, number) not in self.executions
        if is_new:
            self.executions[withdrawal_id, number] = Execution(withdrawal_id)
        if fails:
            raise MachineUnavailable("started, and the answer lost")
        return is_new

    def status(self, withdrawal_id: str, number: int) -> str | None:
        """Tell how an execution stands."""
        found = self.executions.get((withdrawal_id, number))
        return found.status if found else None

    def running(self) -> frozenset[str]:
        """Tell which withdrawals are driven."""
        return frozenset(one.withdrawal_id for one in self.executions.values() if one.status == RUNNING)

    def wake(self, withdrawal: Withdrawal, token: str) -> None:
        """Answer a token, if anybody still waits for it; the answer may be lost."""
        for execution in self.executions.values():
            if execution.token == token and execution.status == RUNNING and not self._episode.chance(_FAULTY):
                self._episode.goes_to(execution, stands(withdrawal))
