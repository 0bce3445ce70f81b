"""A whole run of deposits: open them, let the gateway speak, see where each ends, compare wallet and books, ask the auditor."""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from decimal import Decimal
from http import HTTPStatus
from random import Random
from typing import Any, Final, TypeVar

from sandbox import audit
from sandbox.calling import over_http
from sandbox.gateway.line import TIMEOUT_SECONDS, Line
from sandbox.gateway.lives import MAGIC_DIGITS, Life, lives_of
from sandbox.gateway.table import Payment, Speaker, plain
from sandbox.player import RefusedError
from sandbox.provider.guest import NEWCOMER, Guest, newcomer, sit_down
from sandbox.provider.table import places_of
from sandbox.reckoning import Books, Reckoning
from sandbox.stack import Stack

DEPOSITS_MAX, BURST_MAX = 10_000, 20
SETTLE_SECONDS: Final = 60.0
POLL_SECONDS, SILENCE_SECONDS = 0.2, 1.0
SMALLEST_UNITS, LARGEST_UNITS = 10, 30
"""Deposits are drawn from this many hundreds of the smallest unit: 10 to 30 EUR, 1000 to 3000 JPY."""

ASKED_TWICE: Final = "requests of the player sent twice"
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run is asked to do. The same seed draws the same deposits and the same trouble (ids are new every time)."""

    gateway: str
    player: str
    deposits: int
    chaos: float
    burst: int
    seed: int
    currency: str = "EUR"


@dataclass(frozen=True, slots=True)
class Result(Reckoning):
    """What came of a plan, and how long it took."""

    plan: Plan
    seconds: float


@dataclass(frozen=True, slots=True)
class Opened:
    """A deposit that was opened, and what must become of it."""

    payment: Payment
    life: Life
    status: str

    @property
    def is_silent(self) -> bool:
        """Whether the gateway says nothing that could move it."""
        return not self.life.steps or not self.life.genuine

    def fault(self, shown: dict[str, Any]) -> str:
        """Say what is wrong with a deposit as its player sees it; nothing when all is as it must be."""
        if shown["status"] != self.status:
            return f"is {shown['status']} and must be {self.status} ({self.life.name})"
        amount = plain(self.payment.amount, self.payment.currency)
        if self.life.credited and shown["credited_amount"] != amount:
            return f"was credited with {shown['credited_amount']} and must be with {amount}"
        return ""


@dataclass(slots=True)
class Desk:
    """The player's side: requests that survive the end of an access token."""

    guest: Guest

    def ask(self, question: Callable[[], T]) -> T:
        """Ask, and once more after a new log-in when the session's token is over."""
        try:
            return question()
        except RefusedError as error:
            if error.status != HTTPStatus.UNAUTHORIZED:
                raise
        self.guest.afresh()
        return question()


def run(stack: Stack, speaker: Speaker, plan: Plan) -> Result:
    """Carry out the plan.

    Raises:
        NoSeatError, RefusedError, NoAnswerError, MailboxError, AuditError: when it cannot be carried out or looked at.

    """
    guest = newcomer(stack, currency=plan.currency) if plan.player == NEWCOMER else sit_down(stack, plan.player)
    start = guest.available()
    books, desk = Books(start), Desk(guest)
    line = Line(speaker, stack.gateways[plan.gateway], over_http(speaker.read, TIMEOUT_SECONDS), books, plan.chaos)
    began = time.monotonic()
    take(line, desk, plan)
    seconds = time.monotonic() - began
    wallet = guest.afresh().available()
    account = guest.account
    report = audit.run(stack, account.player_id)
    return Result(account.player_id, account.currency, plan.seed, start, books, wallet, report, plan, seconds)


def take(line: Line, desk: Desk, plan: Plan) -> None:
    """Take the plan's deposits and see where each ends."""

    def job(number: int) -> Opened:
        return one(line, desk, plan, number)

    if plan.burst == 1:
        settle(line, desk, [job(number) for number in range(plan.deposits)])
        return
    with ThreadPoolExecutor(plan.burst) as pool:
        settle(line, desk, list(pool.map(job, range(plan.deposits))))


def draw(plan: Plan, speaker: Speaker, number: int, currency: str) -> tuple[Decimal, Life, Random]:
    """Draw a deposit: its amount, the life that the amount asks for, and dice for the trouble on its way."""
    dice = Random(f"{plan.seed}/{number}")  # noqa: S311 - dice of a test, not a secret
    lives = lives_of(speaker.steps)
    digits = dice.choice(sorted(lives))
    units = dice.randint(SMALLEST_UNITS, LARGEST_UNITS) * MAGIC_DIGITS + digits
    return Decimal(units).scaleb(-places_of(currency)), lives[digits], dice


def one(line: Line, desk: Desk, plan: Plan, number: int) -> Opened:
    """Open one deposit, let the gateway speak of it, and book what must stand."""
    account = desk.guest.account
    amount, life, dice = draw(plan, line.speaker, number, account.currency)
    text = plain(amount, account.currency)
    key = line.speaker.new_event_id()
    deposit_id = str(desk.ask(lambda: desk.guest.api.open_deposit(text, account.currency, key, plan.gateway))["deposit_id"])
    if line.caller.strikes(dice, ASKED_TWICE):
        again = desk.ask(lambda: desk.guest.api.open_deposit(text, account.currency, key, plan.gateway))["deposit_id"]
        if again != deposit_id:
            line.books.differs(f"{deposit_id}: the same Idempotency-Key opened {again} as well")
    payment = Payment(deposit_id, _payment_id(line, desk, deposit_id, dice), amount, account.currency, account.player_id)
    line.live(life, payment, dice)
    if life.credited:
        line.books.move(amount)
    return Opened(payment, life, life.ends(line.speaker.untouched))


def _payment_id(line: Line, desk: Desk, deposit_id: str, dice: Random) -> str:
    """Open the payment as a front-end does before the player pays; gives the gateway's name for what is paid."""
    opened = desk.ask(lambda: desk.guest.api.open_payment(deposit_id))
    if line.caller.strikes(dice, ASKED_TWICE):
        again = desk.ask(lambda: desk.guest.api.open_payment(deposit_id))
        if again != opened:
            line.books.differs(f"{deposit_id}: asked twice, its payment is {opened['payment_id']} and {again['payment_id']}")
    # A session's name is not that of the payment which it leads to; an intent is the payment.
    return str(opened["payment_id"]) if opened["kind"] == "intent" else line.speaker.new_payment_id()


def settle(line: Line, desk: Desk, opened: Sequence[Opened]) -> None:
    """Wait until each deposit is where it must be, SETTLE_SECONDS at most; then see that those which must not move have not."""
    end = time.monotonic() + SETTLE_SECONDS
    faults = [(each, fault) for each in opened if (fault := _fault(desk, each))]
    while faults and time.monotonic() < end:
        line.way.pause(POLL_SECONDS)
        faults = [(each, fault) for each, _ in faults if (fault := _fault(desk, each))]
    for each, fault in faults:
        line.books.differs(f"{each.payment.deposit_id}: {fault}")
    silent = [each for each in opened if each.is_silent]
    if silent:
        line.way.pause(SILENCE_SECONDS)
    for each in silent:
        if fault := _fault(desk, each):
            line.books.differs(f"{each.payment.deposit_id}: {fault}, after a while")


def _fault(desk: Desk, opened: Opened) -> str:
    return opened.fault(desk.ask(lambda: desk.guest.api.deposit(opened.payment.deposit_id)))


def told(result: Result) -> str:
    """Write the summary."""
    plan = result.plan
    head = f"{plan.gateway}: player {result.player_id}, seed {plan.seed}, chaos {plan.chaos:g}, burst {plan.burst}"
    pace = f"  {plan.deposits} deposits in {result.seconds:.1f} s"
    return "\n".join([head, pace, *result.lines()])
