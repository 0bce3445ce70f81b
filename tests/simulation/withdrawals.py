"""Withdrawals under faults: the real steps, `happen` and sweeper, all at once, killed at any call; a gateway at its worst.

Each call to the tables or to the gateway is a place where everybody else may go on, and where the call may be lost, refused, cut
short, land late, or be the process's last. The gateway is the model's: what it may do, answer and send is drawn from `tests.model`.
Whatever is written must be a transition of the model by the very happening that its writer was in, and at every instant what must
hold in a state of the model holds. When all is quiet every withdrawal has ended or is with people, and the sums agree.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from random import Random
from typing import Any, Final

from countroom.cashier.idempotency import Answer, Claim
from countroom.cashier.store import StoreUnavailable
from countroom.cashier.withdrawals.apply import NotAllowed, Withdrawals
from countroom.cashier.withdrawals.bookings import movements_of
from countroom.cashier.withdrawals.course import Next
from countroom.cashier.withdrawals.items import withdrawal_of
from countroom.cashier.withdrawals.life import Approve, Cancel, Happening, Refuse, Said, Unflag, request
from countroom.cashier.withdrawals.machine import RUNNING, MachineUnavailable
from countroom.cashier.withdrawals.steps import TIMED_OUT, WAITS, Order, ReleaseFailed, Steps, StillChanging
from countroom.cashier.withdrawals.store import WithdrawalStore
from countroom.cashier.withdrawals.sweeping import Sweeper
from countroom.cashier.withdrawals.tally import with_request
from countroom.cashier.withdrawals.withdrawal import Withdrawal, WithdrawalStatus
from countroom.ledger.audit import Auditor
from countroom.ledger.book import Book, OutcomeUnknown, Pacing
from countroom.ledger.chain import Patience
from countroom.ledger.findings import Level
from countroom.ledger.movements import Deposit, OpenWallet, Reference
from countroom.ledger.store import LedgerStore
from tests.model.books import AMOUNT, CURRENCY, GATEWAY, ID, PLAYER, START, plain
from tests.model.bounds import PATIENCE, Bounds
from tests.model.house import SCREENED, asked, is_truth, ordered
from tests.model.house import Answer as Told
from tests.model.machine import FAILED, FAILURES, TIMEOUTS
from tests.model.outside import OUT, SAID, Outside, Payout, by_themselves
from tests.model.rules import REAL
from tests.model.world import World
from tests.simulation.baton import Finished, Killed, Pool, Thread
from tests.simulation.dynamodb import Model, Schema, Write
from tests.simulation.network import Call, Client
from tests.simulation.rooms import LEDGER
from tests.simulation.withdrawal_figures import Figures
from tests.simulation.withdrawal_hands import Ask, Execution, Gateway, Job, Machine, Payouts, Telling
from tests.simulation.withdrawal_line import Line, deliver

TABLE: Final = "withdrawals"
BEGINS_MS: Final = 1_767_268_800_000
TROUBLE: Final = Bounds(kills=10**9, starts=10**9, unflags=2, contradictions=1, in_flight=2)
"""What the gateway and staff may do to each withdrawal; deaths and starts are as the faults bring them."""
TROUBLED_STEPS: Final = 700
"""Calls and events of an episode before it becomes quiet."""
_QUIET_MAX: Final = 30_000
_RETRIES: Final = 2
_RETURNED: Final = 0.15
_PLAYERS: Final = ("anna", "ben")
_SCHEMAS: Final = {LEDGER: Schema(("pk",), {"history": ("p", "n")}), TABLE: Schema(("pk", "sk"))}
_PASSING: Final = (Killed, StoreUnavailable, OutcomeUnknown, ReleaseFailed, StillChanging, MachineUnavailable)


class Violation(AssertionError):
    """Something that must hold does not."""


class Episode:
    """Some players, their withdrawals, and everybody who wants something of them, in no order."""

    def __init__(self, seed: int, pool: Pool, model: World, figures: Figures) -> None:
        self.rng = Random(seed)  # noqa: S311 - a seeded schedule, no secret
        self.figures = figures
        self.machine = Machine(self)
        self.model = model
        self.table = Model(_SCHEMAS, self._landed)
        self._pool = pool
        self._now = BEGINS_MS
        self._quiet = True
        self._line = Line(self.table, self.rng, self.chance, figures.matrix)
        self.happening: dict[Thread, Happening] = {}
        self._jobs: list[Job] = []
        self._tokens = 0
        self.payouts: dict[str, Payouts] = {}
        drive, outside = (self._drive, self._drive, self._wait_ends, self._sweep), (self._drift, self._call_back, self._step_in)
        self._events: tuple[Callable[[], None], ...] = (*drive, *outside)
        self._set_up()

    def run(self) -> None:
        """Let everybody go on in any order under faults, then without, and look at the ends."""
        self._quiet = False
        for _ in range(TROUBLED_STEPS):
            self._one()
        self._quiet = True
        self._calm()
        self._look()

    def chance(self, share: float) -> bool:
        """Whether one of the faults of the world comes now."""
        return not self._quiet and self.rng.random() < share

    def heard(self, withdrawal_id: str, said: Said) -> None:
        """Note that the house has taken in a word."""
        kept = self.payouts[withdrawal_id]
        kept.outside = replace(kept.outside, heard=kept.outside.heard or is_truth(replace(said, payout_id=""), kept.outside.payout))

    def goes_to(self, execution: Execution, step: Next | None, error: str = "") -> None:
        """Let an execution go on at a step; at none, it has failed."""
        execution.token, execution.tried, execution.error = "", 0, error
        if step is None:
            execution.status = "FAILED"
        elif step in {Next.PAID, Next.RELEASED}:
            execution.status = "SUCCEEDED"
        else:
            execution.at = step

    def _set_up(self) -> None:
        store, book, _ = self._rooms(lambda call: _raised(deliver(self.table, call)))
        for player_id in _PLAYERS:
            book.post(OpenWallet.of(player_id, CURRENCY, "MT"))
            for number in range(self.rng.randint(1, 2)):
                withdrawal_id = f"wdr_{player_id[0] * 19}{'abc'[number]}"
                book.post(Deposit(Reference(f"gateway:{GATEWAY}", f"dep_{number}_{player_id}"), player_id, CURRENCY, START))
                step = request((withdrawal_id, player_id, GATEWAY, "dep"), CURRENCY, AMOUNT, self._now)
                tally = with_request(store.tally(player_id), step.withdrawal, self._now)
                claim, answer = Claim(player_id, withdrawal_id, b""), Answer(201, "")
                self.payouts[withdrawal_id] = Payouts(Outside())
                (hold,) = movements_of(step.withdrawal, step)
                book.post(hold, store.opening(step.withdrawal, tally, claim, answer))

    def _rooms(self, stop: Callable[[Call], Any]) -> tuple[WithdrawalStore, Book, Withdrawals]:
        client = Client(stop)
        pacing = Pacing(attempts_max=6, timer=lambda: 0.0, sleep=lambda _seconds: None, jitter=self.rng.random)
        store, book = WithdrawalStore(client, TABLE), Book(LedgerStore(client, LEDGER), lambda: self._now, pacing)
        return store, book, Withdrawals(store, book, lambda: self._now, self.machine.wake, sleep=lambda _seconds: None)

    def _one(self) -> None:
        """One thing happens."""
        self._now += self.rng.choice((1, 50, 2_000, 15_000))
        if self._jobs and self.rng.random() < 0.8:
            self._resume(self.rng.randrange(len(self._jobs)))
            return
        self.rng.choice(self._events)()

    # Processes

    def _begin(self, work: Callable[[Telling, WithdrawalStore, Gateway], Any], done: Callable[[Finished], None]) -> None:
        """Start a process; it stops at its first call."""
        thread = self._pool.take()
        store, _, withdrawals = self._rooms(thread.stop)
        telling, gateway = Telling(self, withdrawals, thread), Gateway(thread.stop)
        self._stops(Job(thread, thread.start(lambda: work(telling, store, gateway)), done))

    def _resume(self, place: int) -> None:
        """Answer the call at which a process has stopped."""
        job = self._jobs.pop(place)
        self.figures.steps += 1
        author = self.happening.get(job.thread)
        answer = self._gateway(job.stopped) if isinstance(job.stopped, Ask) else self._line.carry(job.stopped, author)
        job.stopped = job.thread.resume(answer)
        self._stops(job)

    def _stops(self, job: Job) -> None:
        if not isinstance(job.stopped, Finished):
            self._jobs.append(job)
            return
        self._pool.give_back(job.thread)
        self.happening.pop(job.thread, None)
        error = job.stopped.error
        if error is not None and not isinstance(error, (*_PASSING, NotAllowed)):
            raise Violation(f"the code raised what it should not: {error!r}") from error
        if error is not None and self._quiet and not isinstance(error, (NotAllowed, StoreUnavailable)):
            raise Violation(f"no definite answer in a quiet world: {error!r}") from error
        job.done(job.stopped)

    def _drive(self) -> None:
        """Let an execution take its step."""
        ready = [one for one in self.machine.executions.values() if one.status == RUNNING and not one.works and not one.token]
        if not ready:
            return
        execution = self.rng.choice(ready)
        execution.works = True
        if execution.at in WAITS:
            self._tokens += 1
            execution.token = f"token {self._tokens}"
        order = Order(execution.at, execution.withdrawal_id, execution.token, execution.error)

        def work(telling: Telling, store: WithdrawalStore, gateway: Gateway) -> Next:
            answer = self.machine.wake
            return Steps(telling, store, gateway, gateway.screen, gateway.barred, answer, PATIENCE).take(order)

        def done(finished: Finished) -> None:
            execution.works = False
            if (execution.at, execution.token) != (order.step, order.token):
                return  # its token was answered, or its time was up, while the step was still at work
            if finished.error is None:
                if not order.token:
                    self.goes_to(execution, finished.result)
                return
            execution.token = ""
            execution.tried += 1
            if self.chance(0.1):
                execution.status = "FAILED"
            elif execution.tried > _RETRIES:
                self.goes_to(execution, FAILURES[execution.at], FAILED)

        self._begin(work, done)

    def _wait_ends(self) -> None:
        """The time of a state that waits is up."""
        waiting = [one for one in self.machine.executions.values() if one.status == RUNNING and one.token]
        if waiting:
            execution = self.rng.choice(waiting)
            self.goes_to(execution, TIMEOUTS[execution.at], TIMED_OUT)

    def _sweep(self) -> None:
        """Look after all withdrawals, as each minute."""

        def work(telling: Telling, store: WithdrawalStore, _gateway: Gateway) -> None:
            def listed(status: WithdrawalStatus) -> list[Withdrawal]:
                return [one for one in self._standing() if one.status is status and (one.is_open or one.attention)]

            def rouse(withdrawal: Withdrawal) -> None:
                kept = store.look(withdrawal.withdrawal_id)
                if kept is not None and kept.waits_in_vain:
                    self.machine.wake(kept.withdrawal, kept.token)

            unknown = (MachineUnavailable, StoreUnavailable, OutcomeUnknown)
            Sweeper(listed, store.get, telling.happen, rouse, self.machine, lambda: self._now, lambda: False, unknown).sweep()

        self._begin(work, lambda _finished: None)

    def _call_back(self) -> None:
        """One of the callbacks that were sent arrives; nobody promises that it is worked on to its end."""
        withdrawal_id = self.rng.choice(list(self.payouts))
        bag = self.payouts[withdrawal_id].outside.bag
        sent = [said for which, said in enumerate(SAID) if bag >> which & 1]
        if sent:
            said = self.rng.choice(sent)
            self._begin(lambda telling, _store, _gateway: telling.happen(withdrawal_id, said), lambda _finished: None)

    def _step_in(self) -> None:
        """The player or staff want something."""
        withdrawal_id = self.rng.choice(list(self.payouts))
        kept = self.payouts[withdrawal_id]
        wanted = self.rng.choice((Cancel(), Approve("ada"), Approve("bob"), Approve("bob"), Refuse("risk"), Unflag(), Unflag()))
        if isinstance(wanted, Cancel | Refuse) and self.rng.random() < 0.92:
            return
        if isinstance(wanted, Unflag):
            if kept.outside.unflags >= TROUBLE.unflags:
                return
            kept.outside = replace(kept.outside, unflags=kept.outside.unflags + 1)
        self._begin(lambda telling, _store, _gateway: telling.happen(withdrawal_id, wanted), lambda _finished: None)

    # The world

    def _drift(self) -> None:
        """The gateway or the network do something by themselves."""
        kept = self.payouts[self.rng.choice(list(self.payouts))]
        moves = [after for _, after in by_themselves(kept.outside, TROUBLE)]
        if Payout.RETURNED in {after.payout for after in moves} and self.rng.random() > _RETURNED:
            return
        if moves:
            kept.outside = self.rng.choice(moves)
            self._judge()

    def _gateway(self, ask: Ask) -> Any:
        """Answer what is not for a table."""
        if ask.what == "screen":
            return self.rng.choice((*SCREENED[:3], *SCREENED))
        if ask.what == "barred":
            return "not_verified" if self.rng.random() < 0.05 else ""
        fault = self._line.fault(("killed before", "killed after"), ask.what)
        if fault == "killed before":
            return Killed()
        kept = self.payouts[ask.withdrawal_id]
        answers: list[Told] = ordered(kept.outside, REAL) if ask.what == "order" else asked(kept.outside, REAL)
        possible = [answer for answer in answers if answer.outside.within(TROUBLE)]
        if self._quiet:
            possible = [answer for answer in possible if "taken" in answer.label or "status" in answer.label][-1:] or possible[-1:]
        answer = self.rng.choice(possible)
        if answer.broken:
            raise Violation(answer.broken)
        kept.outside = answer.outside
        return Killed() if fault else answer.says

    # What must hold

    def _landed(self, writes: Sequence[Write]) -> None:
        """Whatever is written of a withdrawal is a transition of the model, by what its writer was letting happen."""
        for write in writes:
            if write.table == TABLE and write.key[1] == "WITHDRAWAL" and write.before is not None and write.after is not None:
                before, after = withdrawal_of(dict(write.before)), withdrawal_of(dict(write.after))
                if after.version != before.version:
                    self._accept(after)

    def _accept(self, after: Withdrawal) -> None:
        kept = self.payouts[after.withdrawal_id]
        author = self._line.author
        if author is None:
            raise Violation("a withdrawal was changed by nobody")
        happening = replace(author, payout_id="") if isinstance(author, Said) else author
        result = self.model.books.happen(kept.number, happening)
        known = self.model.books.known[result.after].withdrawal
        if result.broken:
            raise Violation(result.broken)
        if not result.wrote or known != plain(_renamed(after)):
            raise Violation(f"the model does not know this: {happening} made {after} of {self.model.books.known[kept.number]}")
        self.figures.changes += 1
        self.figures.moves.add((kept.number, str(happening), result.after))
        kept.number = result.after
        self._judge()

    def _judge(self) -> None:
        """What must hold in each state of the model holds here."""
        sending = {job.stopped.withdrawal_id for job in self._jobs if isinstance(job.stopped, Ask) and job.stopped.what == "order"}
        for withdrawal_id, kept in self.payouts.items():
            broken = self.model.judge(kept.number, kept.outside, sends=withdrawal_id in sending)
            if broken:
                raise Violation(f"{withdrawal_id}: {broken}")

    def _standing(self) -> list[Withdrawal]:
        """All withdrawals as they lie in the table."""
        return [withdrawal_of(dict(item)) for key, item in self.table.tables[TABLE].items.items() if key[1] == "WITHDRAWAL"]

    def _calm(self) -> None:
        """Without faults: let everybody go on until every withdrawal has ended or is with people, and every callback has come."""
        self._line.all_lands()
        self._settle()
        for _ in range(_QUIET_MAX):
            if self._jobs:
                self._resume(0)
            elif all(not one.is_open or one.attention for one in self._standing()):
                break
            else:
                self._now += 30_000
                self.rng.choice((self._drive, self._wait_ends, self._sweep))()
                self._settle()
        else:
            raise Violation("a withdrawal does not come to its end, and nobody is told")
        for withdrawal_id, kept in self.payouts.items():
            for which, said in enumerate(SAID):
                if kept.outside.bag >> which & 1:
                    self._begin(_telling(withdrawal_id, said), lambda _finished: None)
                    while self._jobs:
                        self._resume(0)

    def _settle(self) -> None:
        """The network delivers what it still has, and the gateway ends what it works on."""
        honest = replace(TROUBLE, contradictions=0)
        for kept in self.payouts.values():
            while kept.outside.payout is Payout.TAKEN or (kept.outside.payout is Payout.NONE and kept.outside.in_flight):
                kept.outside = self.rng.choice([after for _, after in by_themselves(kept.outside, honest)])

    def _look(self) -> None:
        """Hold the ends, the wallets and the records against what is so at the gateway."""
        out: Counter[str] = Counter()
        for one in self._standing():
            kept = self.payouts[one.withdrawal_id]
            held = self.model.books.known[kept.number]
            out[one.player_id] += held.booked_out
            self.figures.ends[f"{one.status}{f', {one.attention}' if one.attention else ''}"] += 1
            truth = OUT.get(kept.outside.payout, 0)
            agrees = held.booked_out == truth and not one.is_open
            if not agrees and one.attention is None and not kept.outside.unflags:
                raise Violation(f"{truth} left the house, {held.booked_out} is booked, and nobody is told: {one}")
        _, book, _ = self._rooms(lambda call: _raised(deliver(self.table, call)))
        for player_id in _PLAYERS:
            wallet = book.wallet(player_id)
            mine = [one for one in self._standing() if one.player_id == player_id]
            if wallet is None or wallet.cash + wallet.held + out[player_id] != START * len(mine):
                raise Violation(f"the sums of {player_id} do not agree: {wallet}, {out[player_id]}")
            if wallet.held != AMOUNT * sum(one.is_open for one in mine):
                raise Violation(f"held for {player_id} is not what is open: {wallet}")
        audit = Auditor(LedgerStore(self.table, LEDGER), Patience(sleep=lambda _seconds: None)).audit()
        found = [finding for finding in audit.findings if finding.level is Level.MISMATCH]
        if found:
            raise Violation(f"the audit finds {found}")

    def end(self) -> None:
        """End the processes that are left when a violation ends the episode."""
        while self._jobs:
            job = self._jobs.pop()
            stopped = job.stopped
            while not isinstance(stopped, Finished):
                stopped = job.thread.resume(Killed())
            self._pool.give_back(job.thread)


def _telling(withdrawal_id: str, said: Said) -> Callable[[Telling, WithdrawalStore, Gateway], Any]:
    return lambda telling, _store, _gateway: telling.happen(withdrawal_id, said)


def _renamed(withdrawal: Withdrawal) -> Withdrawal:
    """Give a withdrawal the model's names."""
    changes = tuple(replace(change, record=change.record.replace(withdrawal.withdrawal_id, ID)) for change in withdrawal.changes)
    return replace(withdrawal, withdrawal_id=ID, player_id=PLAYER, instrument="dep_1", payout_id="", changes=changes)


def _raised(answer: Any) -> Any:
    if isinstance(answer, BaseException):
        raise answer
    return answer


def run(seed: int, steps: int) -> Figures:
    """Play episodes until they make that many calls; stop at the first violation."""
    figures, pool, model = Figures(), Pool(), World(TROUBLE, REAL)
    try:
        while figures.steps < steps:
            drawn = seed * 1_000_003 + figures.episodes
            episode = Episode(drawn, pool, model, figures)
            try:
                episode.run()
            except Violation as violation:
                figures.failure = f"withdrawals, episode {drawn}: {violation}"
                return figures
            finally:
                episode.end()
            figures.episodes += 1
    finally:
        pool.end()
    return figures
