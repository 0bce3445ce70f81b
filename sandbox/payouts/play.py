"""A whole run of withdrawals at once: ask, approve, see where each ends, and compare player, house, gateways and audit.

The gateways' trouble is drawn by them. Drawn here: what becomes of a payout (by its amount), requests that are sent twice, players
who change their minds while staff approve, and two of the staff who approve the same at the same moment.
"""

import json
import threading
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from decimal import Decimal
from random import Random
from typing import Any, Final

from sandbox import audit
from sandbox.gateway.table import plain
from sandbox.payouts.crowd import Customer, PaymentsDesk, crowd
from sandbox.payouts.lives import LIVES, MAGIC, Life
from sandbox.player import RefusedError
from sandbox.stack import Stack
from sandbox.wire import send

WITHDRAWALS_MAX, BURST_MAX = 1000, 40
EACH_MAX: Final = 10
"""How many one player asks for: the house takes no more a day."""

PAID_IN: Final = Decimal(200)
SMALLEST, LARGEST = 10, 15
SETTLE_SECONDS, SETTLE_SECONDS_EACH = 180.0, 4.0
POLL_SECONDS: Final = 1.0
STAFF: Final = ("ann@payments.example", "ben@payments.example")
ENDED: Final = frozenset({"paid", "returned", "failed", "refused", "cancelled"})
WITH_PEOPLE: Final = "outcome_unknown"


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run is asked to do. The same seed draws the same withdrawals and the same trouble (ids are new every time)."""

    withdrawals: int
    chaos: float
    burst: int
    seed: int


@dataclass(slots=True)
class Wish:
    """One withdrawal: who asks for what, what becomes of it, and how it stands in the end as staff see it."""

    customer: Customer
    gateway: str
    amount: Decimal
    life: Life
    twice: bool
    regrets: bool
    withdrawal_id: str = ""
    shown: dict[str, Any] = field(default_factory=dict)

    @property
    def status(self) -> str:
        """Where it stands."""
        return str(self.shown.get("status", "not asked for"))

    @property
    def is_with_people(self) -> bool:
        """Whether people have been asked to find out what became of it."""
        return self.status not in ENDED and self.shown.get("attention") == WITH_PEOPLE

    @property
    def is_settled(self) -> bool:
        """Whether it stands where it must; with people is where any may end that the gateway keeps silent about."""
        if self.status == "cancelled":
            return self.regrets
        return self.is_as_drawn or self.is_with_people

    @property
    def is_as_drawn(self) -> bool:
        """Whether it stands where its amount says."""
        return self.life.ends_as(self.status, self.shown.get("attention") or "")

    @property
    def left(self) -> Decimal:
        """By how much the player's money is less for it, held money too."""
        if self.status in {"failed", "refused", "cancelled", "returned"}:
            return Decimal(0)
        return Decimal(self.shown["paid_amount"]) if self.status == "paid" else self.amount


@dataclass(slots=True)
class Result:
    """What came of a plan."""

    plan: Plan
    wishes: list[Wish]
    books: list[dict[str, Any]]
    report: dict[str, Any]
    prepared_seconds: float
    seconds: float
    notes: Counter[str]
    differences: list[str]

    @property
    def right(self) -> bool:
        """Whether all is as it must be."""
        return not self.differences and audit.is_clean(self.report)


def draw(plan: Plan, customers: Sequence[Customer]) -> list[Wish]:
    """Draw the withdrawals."""
    dice = Random(plan.seed)  # noqa: S311 - dice of a test, not a secret
    wishes = []
    for number in range(plan.withdrawals):
        digits = dice.choice(sorted(MAGIC)) if dice.random() < plan.chaos else 0
        amount = Decimal(dice.randint(SMALLEST, LARGEST)) + Decimal(digits) / 100
        gateway = dice.choice(("adyen", "paymentiq"))
        twice, regrets = dice.random() < plan.chaos, dice.random() < plan.chaos / 4
        wishes.append(Wish(customers[number // EACH_MAX], gateway, amount, LIVES[digits], twice, regrets))
    return wishes


def run(stack: Stack, plan: Plan, say: Any = print) -> Result:
    """Carry out the plan.

    Raises:
        NoSeatError, RefusedError, NoAnswerError, MailboxError, StaffError, AuditError: when it cannot be carried out or looked at.

    """
    began = time.monotonic()
    say(f"  {-(-plan.withdrawals // EACH_MAX)} players register, are verified and pay in")
    customers = crowd(stack, -(-plan.withdrawals // EACH_MAX), PAID_IN, min(4, plan.burst))
    desk, notes, differences = PaymentsDesk(stack), Counter[str](), list[str]()
    wishes = draw(plan, customers)
    _tell(stack, "/trouble", {"chance": plan.chaos, "seed": plan.seed})
    prepared = time.monotonic() - began
    say(f"  {plan.withdrawals} withdrawals at once, {plan.burst} in flight")
    began, over = time.monotonic(), threading.Event()
    crew = threading.Thread(target=_approve, args=(desk, plan, over, notes), daemon=True)
    crew.start()
    try:
        with ThreadPoolExecutor(plan.burst) as pool:
            list(pool.map(lambda wish: _wish(wish, notes, differences), wishes))
        _settle(desk, wishes, plan.burst)
    finally:
        over.set()
        _tell(stack, "/trouble", {"chance": 0.0})
        crew.join(30.0)
    seconds = time.monotonic() - began
    books = send("GET", f"{stack.payout_api}/books").json()["payouts"]
    differences += _compare(wishes, customers, books)
    return Result(plan, wishes, books, audit.run(stack), prepared, seconds, notes, differences)


def _tell(stack: Stack, path: str, said: dict[str, object]) -> None:
    send("PUT", stack.payout_api + path, body=json.dumps(said).encode(), headers={"Content-Type": "application/json"})


def _wish(wish: Wish, notes: Counter[str], differences: list[str]) -> None:
    """Ask for a withdrawal; some ask twice, and some call it back a moment later."""
    api, account = wish.customer.guest.api, wish.customer.guest.account
    amount, deposit_id = plain(wish.amount, account.currency), wish.customer.deposits[wish.gateway]
    key = f"{account.player_id}-{wish.amount}-{id(wish)}"

    def ask() -> str:
        return str(wish.customer.ask(lambda: api.withdraw(amount, account.currency, deposit_id, key))["withdrawal_id"])

    wish.withdrawal_id = ask()
    if wish.twice:
        notes["requests sent twice"] += 1
        again = ask()
        if again != wish.withdrawal_id:
            differences.append(f"{wish.withdrawal_id}: the same Idempotency-Key asked for {again} as well")
    if wish.regrets:
        notes["cancels of players"] += 1
        try:
            wish.customer.ask(lambda: api.cancel_withdrawal(wish.withdrawal_id))
            notes["… in time"] += 1
        except RefusedError as error:
            notes[f"… {error.code}"] += 1


def _approve(desk: PaymentsDesk, plan: Plan, over: threading.Event, notes: Counter[str]) -> None:
    """Be the staff: approve whatever waits for it, now and then two at one moment."""
    dice = Random(plan.seed)  # noqa: S311 - dice of a test, not a secret
    with ThreadPoolExecutor(4) as pool:
        while not over.wait(POLL_SECONDS):
            waiting = [one["withdrawal_id"] for one in desk.queue() if one["status"] == "awaiting_approval"]
            orders = [(each, actor) for each in waiting for actor in (STAFF if dice.random() < plan.chaos else STAFF[:1])]
            for answer in pool.map(lambda order: desk.approve(*order), orders):
                code = answer.get("refused", {}).get("code")
                notes[f"approvals: {code or 'given'}"] += 1


def _settle(desk: PaymentsDesk, wishes: Sequence[Wish], at_once: int) -> None:
    """Wait until each stands where it must, for a bounded time."""
    end = time.monotonic() + SETTLE_SECONDS + SETTLE_SECONDS_EACH * len(wishes)

    def look(wish: Wish) -> None:
        wish.shown = desk.show(wish.withdrawal_id)

    with ThreadPoolExecutor(min(4, at_once)) as pool:
        open_ones = list(wishes)
        while open_ones and time.monotonic() < end:
            time.sleep(POLL_SECONDS)
            list(pool.map(look, open_ones))
            open_ones = [one for one in open_ones if not one.is_settled]


def _compare(wishes: Sequence[Wish], customers: Sequence[Customer], books: Sequence[dict[str, Any]]) -> list[str]:
    """Compare what players, house and gateways say of the money; gives what does not agree."""
    differences = []
    paid: dict[str, list[dict[str, Any]]] = {}
    for one in books:
        paid.setdefault(one["reference"], []).append(one)
    for wish in wishes:
        if not wish.is_settled:
            attention = wish.shown.get("attention")
            differences.append(
                f"{wish.withdrawal_id}: {wish.status} ({attention}) and must be {wish.life.status} ({wish.life.name})"
            )
        kept = [one for one in paid.get(wish.withdrawal_id, []) if Decimal(one["paid"])]
        if len(kept) > 1:
            differences.append(f"{wish.withdrawal_id}: was paid {len(kept)} times")
        gone = sum((Decimal(one["paid"]) - Decimal(one["returned"]) for one in kept), Decimal(0))
        known = wish.left if wish.status in ENDED else Decimal(0)
        if gone != known and not wish.is_with_people:
            differences.append(f"{wish.withdrawal_id}: the gateway has paid {gone}, the house has booked {known}")
    for customer in customers:
        mine = [wish for wish in wishes if wish.customer is customer]
        wallet = customer.ask(customer.guest.api.wallet)
        held = sum((wish.amount for wish in mine if wish.status not in ENDED), Decimal(0))
        wanted = PAID_IN * len(customer.deposits) - sum((wish.left for wish in mine), Decimal(0))
        if (Decimal(wallet.available), Decimal(wallet.held)) != (wanted, held):
            told = f"{wallet.available} and {wallet.held} held"
            differences.append(f"{customer.player_id}: the wallet has {told}, by the withdrawals it is {wanted} and {held}")
    return differences


def told(result: Result) -> str:
    """Write the summary, the verdict last."""
    ends = Counter(f"{wish.status}{', with people' if wish.is_with_people else ''}" for wish in result.wishes)
    lives = Counter(wish.life.name for wish in result.wishes)
    booked = sum((wish.left for wish in result.wishes if wish.status in ENDED), Decimal(0))
    unknown = {wish.withdrawal_id for wish in result.wishes if wish.is_with_people}
    own = [one for one in result.books if one["reference"] in {wish.withdrawal_id for wish in result.wishes}]
    gone = sum((Decimal(one["paid"]) - Decimal(one["returned"]) for one in own if one["reference"] not in unknown), Decimal(0))
    lines = [f"  {name:<58} {count:>5}" for name, count in sorted(lives.items())]
    lines += [f"  {name:<58} {count:>5}" for name, count in sorted(result.notes.items())]
    lines += [f"  orders at the gateways {sum(one['orders'] for one in own)}, payouts kept {len(own)}"]
    lines += [f"  ended {name:<52} {count:>5}" for name, count in sorted(ends.items())]
    lines.append(
        f"  paid out by the house's books {booked} EUR, by the gateways' {gone} EUR: {'agree' if booked == gone else 'DIFFER'}"
    )
    found = "nothing wrong" if audit.is_clean(result.report) else f"NOT CLEAN: {result.report.get('mismatches')} mismatches"
    lines.append(f"  audit of all: {result.report.get('records')} records, {found}")
    lines += [f"  DIFFERENCE {text}" for text in result.differences]
    pace = f"  prepared in {result.prepared_seconds:.0f} s; {len(result.wishes)} withdrawals ended in {result.seconds:.0f} s"
    verdict = "the count is right" if result.right else f"THE COUNT IS NOT RIGHT (seed {result.plan.seed})"
    return "\n".join([*lines, pace, f"  {verdict}"])
