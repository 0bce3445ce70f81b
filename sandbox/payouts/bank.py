"""What the gateways know of their payouts: each order once under its key, what has become of it, and what is still to be said.

A payout that is kept lives by itself from then on: its turns come when they are due, and the house is told of them, again and again
until it has taken them in. Network trouble is drawn by a seed: orders and answers lost, questions met by an error, callbacks late
and twice. None of it changes what a payout comes to.
"""

import heapq
import itertools
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from functools import partial
from random import Random
from typing import Any, Final

from sandbox.payouts.lives import BAD_CALLS, DOWN_CALLS, Intake, Life, Turn, Word, life_of

WORKERS: Final = 24
CALLBACK_TRIES_MAX: Final = 12
PAUSE_SECONDS, PAUSE_SECONDS_MAX = 0.2, 3.0
LATE_SECONDS: Final = 3.0


@dataclass(frozen=True, slots=True)
class Order:
    """One order as a gateway understands it, in main units. `session`: under which the house ordered it at PaymentIQ."""

    gateway: str
    reference: str
    player_id: str
    amount: Decimal
    currency: str
    session: str = ""


@dataclass(slots=True)
class Payout:
    """One payout as its gateway knows it. `word` is what has become of it by now; `paid` what has left, less what came back."""

    order: Order
    name: str
    life: Life
    word: Word | None = None
    refused: bool = False
    authorised: bool = False
    paid: Decimal = Decimal(0)
    returned: Decimal = Decimal(0)

    def as_json(self) -> dict[str, Any]:
        """Give it for other programs."""
        return {
            "gateway": self.order.gateway,
            "reference": self.order.reference,
            "name": self.name,
            "player_id": self.order.player_id,
            "ordered": str(self.order.amount),
            "currency": self.order.currency,
            "life": self.life.name,
            "word": self.word.value if self.word else "",
            "paid": str(self.paid),
            "returned": str(self.returned),
        }


class LostError(Exception):
    """The order or the answer gets lost: the connection is to be cut."""


class BrokenError(Exception):
    """The gateway answers with an error 500, or 503 while it is down."""


class HangError(Exception):
    """The answer does not come."""


Say = Callable[[Payout, Turn, str], bool]
"""Tell the house of a turn, under the id of the event; whether it has taken it in."""

Admit = Callable[[Payout], bool]
"""Ask the house, where a gateway does, whether this payout may be made at all."""


@dataclass(slots=True)
class Bank:
    """The payouts of all gateways. `say` and `admit`: by gateway, how the house is told and asked. Safe among threads."""

    say: dict[str, Say] = field(default_factory=dict)
    admit: dict[str, Admit] = field(default_factory=dict)
    payouts: dict[str, list[Payout]] = field(default_factory=dict)
    orders: dict[str, int] = field(default_factory=dict)
    closed: threading.Event = field(default_factory=threading.Event)
    unsaid: list[str] = field(default_factory=list)
    _calls: dict[str, int] = field(default_factory=dict)
    _lives: dict[str, Life] = field(default_factory=dict)
    _down_until: dict[str, float] = field(default_factory=dict)
    _chance: float = 0.0
    _dice: Random = field(default_factory=lambda: Random(0))  # noqa: S311 - dice of a test, not a secret
    _due: list[tuple[float, int, Callable[[], None]]] = field(default_factory=list)
    _numbers: "itertools.count[int]" = field(default_factory=itertools.count)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _changed: threading.Condition = field(init=False)

    def __post_init__(self) -> None:
        self._changed = threading.Condition(self._lock)

    def start(self) -> None:
        """Let the payouts begin to live."""
        for _ in range(WORKERS):
            threading.Thread(target=self._work, name="payouts", daemon=True).start()

    # ------------------------------------------------------------- what the outside orders

    def trouble(self, chance: float, seed: int) -> None:
        """Draw trouble from now on: each kind with this chance."""
        with self._lock:
            self._chance, self._dice = chance, Random(seed)  # noqa: S311 - dice of a test, not a secret

    def go_down(self, gateway: str, seconds: float) -> None:
        """Let nothing through to a gateway for so long."""
        with self._lock:
            self._down_until[gateway] = time.monotonic() + seconds

    def close(self) -> None:
        """End the work."""
        self.closed.set()
        with self._changed:
            self._changed.notify_all()

    def books(self) -> list[dict[str, Any]]:
        """Give all payouts, and how often each was ordered."""
        with self._lock:
            return [one.as_json() | {"orders": self.orders[key]} for key, kept in self.payouts.items() for one in kept]

    # ------------------------------------------------------------- what the house asks

    def take(self, order: Order, *, keyed: bool) -> Payout:
        """Take an order; `keyed`: one that is repeated is the same payout. Raises LostError, BrokenError and HangError.

        Whatever goes wrong with the answer, an order that was kept is kept.
        """
        life = life_of(order.amount, order.currency)
        with self._lock:
            self.orders[order.reference] = number = self.orders.get(order.reference, 0) + 1
            self._lives[order.reference] = life
            self._pass(order.gateway, order.reference)
            bad = number <= BAD_CALLS
            if life.intake is Intake.NEVER or (bad and life.intake is Intake.LOST) or self._strikes():
                raise LostError
            kept = self.payouts.setdefault(order.reference, [])
            if not kept or not keyed:
                kept.append(Payout(order, secrets.token_hex(8).upper(), life, refused=life.intake is Intake.REFUSED))
                self._schedule(0.0, partial(self._begin, kept[-1]))
            payout, lost = kept[-1], self._strikes()
        if bad and life.intake is Intake.HANGS:
            raise HangError
        if bad and life.intake is Intake.BREAKS:
            raise BrokenError
        if lost:
            raise LostError
        return payout

    def ask(self, gateway: str, reference: str) -> list[Payout]:
        """Give the payouts under a reference. Raises BrokenError."""
        with self._lock:
            self._pass(gateway, reference)
            if self._strikes():
                raise BrokenError
            return list(self.payouts.get(reference, []))

    def _pass(self, gateway: str, reference: str) -> None:
        self._calls[reference] = calls = self._calls.get(reference, 0) + 1
        life = self._lives.get(reference)
        down = life is not None and life.intake is Intake.DOWN and calls <= DOWN_CALLS
        if down or time.monotonic() < self._down_until.get(gateway, 0.0):
            raise BrokenError

    def _strikes(self) -> bool:
        return self._chance > 0 and self._dice.random() < self._chance

    # ------------------------------------------------------------- what a payout does by itself

    def _begin(self, payout: Payout) -> None:
        admit = self.admit.get(payout.order.gateway)
        if payout.refused or (admit and not admit(payout)):
            payout.refused, payout.word = True, Word.FAILED
            return
        payout.authorised = True
        self._turn(payout, payout.life.turns)

    def _turn(self, payout: Payout, turns: tuple[Turn, ...]) -> None:
        """Take the next turn when it is due, tell the house, and go on with the one after."""
        if not turns:
            return
        turn, rest = turns[0], turns[1:]

        def come() -> None:
            with self._lock:
                payout.word = turn.word
                if turn.word is Word.PAID:
                    payout.paid = payout.order.amount - turn.short
                elif turn.word is Word.RETURNED:
                    payout.returned = payout.paid
                late = LATE_SECONDS if self._strikes() else 0.0
                copies = turn.copies + (1 if turn.copies and self._strikes() else 0)
            event_id = secrets.token_hex(8)
            if copies:
                self._schedule_in(late, lambda: self._tell(payout, turn, event_id, copies, rest))
            else:
                self._turn(payout, rest)

        self._schedule_in(turn.after_seconds, come)

    def _tell(self, payout: Payout, turn: Turn, event_id: str, copies: int, rest: tuple[Turn, ...], tries: int = 1) -> None:
        """Tell the house until it has taken it in; then again, as often as there are copies, and on to the next turn."""
        if self.say[payout.order.gateway](payout, turn, event_id):
            if copies > 1:
                self._schedule_in(0.1, lambda: self._tell(payout, turn, event_id, copies - 1, rest))
            else:
                self._turn(payout, rest)
        elif tries < CALLBACK_TRIES_MAX:
            pause = min(PAUSE_SECONDS_MAX, PAUSE_SECONDS * 2**tries)
            self._schedule_in(pause, lambda: self._tell(payout, turn, event_id, copies, rest, tries + 1))
        else:
            with self._lock:
                self.unsaid.append(payout.order.reference)

    def _schedule_in(self, seconds: float, job: Callable[[], None]) -> None:
        with self._lock:
            self._schedule(seconds, job)

    def _schedule(self, seconds: float, job: Callable[[], None]) -> None:
        heapq.heappush(self._due, (time.monotonic() + seconds, next(self._numbers), job))
        self._changed.notify()

    def _work(self) -> None:
        while (job := self._next()) is not None:
            job()

    def _next(self) -> Callable[[], None] | None:
        with self._changed:
            while not self.closed.is_set():
                wait = self._due[0][0] - time.monotonic() if self._due else None
                if wait is not None and wait <= 0:
                    return heapq.heappop(self._due)[2]
                self._changed.wait(wait)
        return None
