"""Players who want their money: registered, verified, with a deposit through each gateway that pays out."""

import secrets
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cache
from http import HTTPStatus
from random import Random
from typing import Any, Final, TypeVar

from botocore.exceptions import ClientError

from sandbox import aws, staff
from sandbox.calling import over_http
from sandbox.gateway import adyen, paymentiq
from sandbox.gateway.line import TIMEOUT_SECONDS, Line
from sandbox.gateway.lives import PAID
from sandbox.gateway.table import Payment, Speaker, plain
from sandbox.player import RefusedError
from sandbox.provider.guest import CREDIT_SECONDS, Guest, NoSeatError, newcomer
from sandbox.reckoning import Books
from sandbox.stack import Stack
from sandbox.wire import NoAnswerError

SPEAKERS: Final[dict[str, Speaker]] = {"adyen": adyen.SPEAKER, "paymentiq": paymentiq.SPEAKER}
ROLE_SECONDS: Final = 600.0
ASK_SECONDS: Final = 300.0
PAUSE_SECONDS, PAUSE_SECONDS_MAX = 0.5, 3.0
ORDERS_MAX: Final = 60
_AGAIN: Final = frozenset({429, 500, 502, 503, 504})
T = TypeVar("T")


@dataclass(slots=True)
class Customer:
    """One of them, and the deposit through each gateway."""

    guest: Guest
    deposits: dict[str, str] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def player_id(self) -> str:
        """The player's id."""
        return self.guest.account.player_id

    def ask(self, question: Callable[[], T]) -> T:
        """Ask, again where no answer came (so what is asked must be safe to repeat), and with a new log-in where that is wanted."""
        pause, end = 0.0, time.monotonic() + ASK_SECONDS
        while True:
            try:
                return question()
            except NoAnswerError:
                if time.monotonic() > end:
                    raise
            except RefusedError as error:
                over = error.status == HTTPStatus.UNAUTHORIZED or error.code == "step_up_required"
                if time.monotonic() > end or not (over or error.status in _AGAIN):
                    raise
                if over:
                    with self._lock:
                        self.guest.afresh()
            time.sleep(pause)
            pause = min(pause + PAUSE_SECONDS, PAUSE_SECONDS_MAX)

    def pay_in(self, gateway: str, amount: Decimal) -> None:
        """Pay in through a gateway and wait for the credit.

        Raises:
            NoSeatError: when it does not come.

        """
        api, account, speaker = self.guest.api, self.guest.account, SPEAKERS[gateway]
        key, text = secrets.token_hex(16), plain(amount, account.currency)
        deposit_id = str(self.ask(lambda: api.open_deposit(text, account.currency, key, gateway))["deposit_id"])
        payment = Payment(deposit_id, speaker.new_payment_id(), amount, account.currency, account.player_id)
        books = Books(Decimal(0))
        line = Line(speaker, self.guest.stack.gateways[gateway], over_http(speaker.read, TIMEOUT_SECONDS), books)
        line.live(PAID, payment, Random(0))  # noqa: S311 - without chaos the dice decide nothing
        end = time.monotonic() + CREDIT_SECONDS
        while self.ask(lambda: api.deposit(deposit_id))["status"] != "credited":
            if books.differences or time.monotonic() > end:
                raise NoSeatError(f"a deposit through {gateway} was not credited: {books.differences}")
            time.sleep(0.2)
        self.deposits[gateway] = deposit_id


def customer(stack: Stack, amount: Decimal, currency: str = "EUR", country: str = "MT") -> Customer:
    """Make one with so much through each gateway.

    Raises:
        NoSeatError, RefusedError, MailboxError, StaffError: when it cannot be made.

    """
    made = Customer(newcomer(stack, currency=currency, country=country))
    staff.support(stack, "verify", made.player_id, "seen the passport in the sandbox")
    for gateway in SPEAKERS:
        made.pay_in(gateway, amount)
    return made


def crowd(stack: Stack, how_many: int, amount: Decimal, at_once: int) -> list[Customer]:
    """Make several."""
    with ThreadPoolExecutor(at_once) as pool:
        return list(pool.map(lambda _: customer(stack, amount), range(how_many)))


class PaymentsDesk:
    """The payments staff: one role, taken on again before it ends, and many orders under it."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._lock = threading.Lock()
        self._client = cache(self._new_client)

    def order(self, action: str, actor: str, **more: object) -> dict[str, Any]:
        """Give an order, again while there are too many at once; gives the answer, a refusal too.

        Raises:
            StaffError: when the function fails.

        """
        with self._lock:
            client = self._client(int(time.monotonic() // ROLE_SECONDS))
        event = {"action": action, "actor": actor, **more}
        for attempt in range(ORDERS_MAX):
            try:
                return staff.asked(client, self._stack.resources["WithdrawalsStaffFunctionName"], event)
            except ClientError as error:
                throttled = error.response["Error"]["Code"] == "TooManyRequestsException"
                if not throttled or attempt + 1 == ORDERS_MAX:
                    raise
            time.sleep(min(PAUSE_SECONDS * (attempt + 1), PAUSE_SECONDS_MAX))
        raise AssertionError("the last attempt answers or raises")

    def queue(self) -> list[dict[str, Any]]:
        """Read what waits for people."""
        return list(self.order("queue", "sandbox-payments").get("withdrawals", []))

    def show(self, withdrawal_id: str) -> dict[str, Any]:
        """Read one withdrawal as staff see it."""
        shown: dict[str, Any] = self.order("show", "sandbox-payments", withdrawal_id=withdrawal_id)["withdrawal"]
        return shown

    def approve(self, withdrawal_id: str, actor: str = "ann@payments.example") -> dict[str, Any]:
        """Approve one; gives the answer."""
        return self.order("approve", actor, withdrawal_id=withdrawal_id, why="seen in the sandbox")

    def _new_client(self, _period: int) -> Any:
        session = aws.take_role(self._stack.endpoint, self._stack.role("payments"), "sandbox-payments")
        return aws.client("lambda", self._stack.endpoint, session)
