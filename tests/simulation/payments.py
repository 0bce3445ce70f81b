"""What a gateway says in one episode of the cashier's worker: deposits, the messages about them, and where all of it must end."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from random import Random
from typing import Final

from countroom.cashier.deposits import Deposit, DepositStatus, Payment, open_deposit
from countroom.cashier.gateways.dialect import PaymentEvent, PaymentOutcome

GATEWAY: Final = "standard"
PLAYERS: Final = ("anna", "ben")
NOW_MS: Final = 1_767_268_800_000
EUR: Final = 10**9
UNKNOWN: Final = "dep_" + "z" * 20
"""A deposit that nobody opens."""

_O = PaymentOutcome
_S = DepositStatus
LIVES: Final[Sequence[tuple[tuple[PaymentOutcome, ...], DepositStatus, int]]] = (
    ((_O.PENDING, _O.SUCCEEDED), _S.CREDITED, 1),
    ((_O.FAILED, _O.SUCCEEDED, _O.SETTLED), _S.SETTLED, 1),
    ((_O.SUCCEEDED, _O.CHARGEBACK), _S.REVERSED, 0),
    ((_O.SUCCEEDED, _O.CHARGEBACK, _O.CHARGEBACK_REVERSED), _S.CHARGEBACK_REVERSED, 1),
    ((_O.SUCCEEDED, _O.CHARGEBACK, _O.CHARGEBACK_REVERSED, _O.SECOND_CHARGEBACK), _S.SECOND_CHARGEBACK, 0),
    ((_O.SUCCEEDED, _O.REFUNDED, _O.SETTLEMENT_FAILED), _S.REVERSED, -1),
    ((_O.SUCCEEDED, _O.REFUNDED, _O.REFUND_FAILED), _S.CREDITED, 1),
    ((_O.FAILED, _O.CHARGEBACK), _S.FAILED, 0),
)
"""Events, where they lead, and how often the amount is in the wallet then."""


@dataclass(slots=True)
class Message:
    """One message of the queue: its events, and whether one item of it can never be applied (`rotten`)."""

    number: int
    events: tuple[PaymentEvent, ...]
    unreadable: bool = False  # beside the events there is an item that nobody understands
    received: int = 0

    @property
    def rotten(self) -> bool:
        """Whether it must end among the dead letters, for people to look at."""
        return self.unreadable or any(event.deposit_id == UNKNOWN for event in self.events)

    def __str__(self) -> str:
        items = [f"{one.outcome} {one.deposit_id[-1:] or '-'}/{one.payment.payment_id}" for one in self.events]
        return f"m{self.number}({', '.join([*items, *['unreadable'] * self.unreadable])})"


@dataclass(slots=True)
class Said:
    """All of it. `late` are the deposits that are written only after the queue was worked off once.

    `due` is what a player must have in the wallet in the end, `used` what must be used of the deposit limit then.
    """

    deposits: list[Deposit] = field(default_factory=list)
    late: list[Deposit] = field(default_factory=list)
    messages: list[Message] = field(default_factory=list)
    ends: dict[str, tuple[DepositStatus, int]] = field(default_factory=dict)
    due: Counter[str] = field(default_factory=Counter)
    used: Counter[str] = field(default_factory=Counter)


def drawn(rng: Random) -> Said:
    """Draw one to four deposits of two players, and messages of one to three events in no order, some of them twice."""
    said = Said()
    events: list[PaymentEvent] = []
    for letter in "abcd"[: rng.randint(1, 4)]:
        events += _deposit(rng, said, "dep_" + letter * 20)
    again = rng.choice((0.0, 0.0, 0.5))
    events += [event for event in events if rng.random() < again]
    if rng.random() < 0.3:
        events.append(PaymentEvent(_O.SUCCEEDED, UNKNOWN, Payment("pay_z", EUR, "EUR"), NOW_MS))
    rng.shuffle(events)
    while events:
        size = rng.choice((1, 1, 2, 3))
        batch, events = tuple(events[:size]), events[size:]
        said.messages.append(Message(len(said.messages), batch, unreadable=rng.random() < 0.04))
    return said


def _deposit(rng: Random, said: Said, deposit_id: str) -> list[PaymentEvent]:
    """Open a deposit; give what is said of it."""
    player_id, amount = rng.choice(PLAYERS), rng.randint(1, 90) * EUR
    counted = rng.random() < 0.7
    opened = open_deposit(deposit_id, player_id, GATEWAY, "EUR", amount, NOW_MS, counted=counted)
    (said.late if rng.random() < 0.1 else said.deposits).append(opened)
    outcomes, status, times = rng.choice(LIVES)
    said.used[player_id] += max(0, times) * amount
    payment = Payment(f"pay_{deposit_id[-1]}", amount, "EUR")
    events = [PaymentEvent(outcome, deposit_id, payment, NOW_MS) for outcome in outcomes]
    if _O.SUCCEEDED in outcomes:  # then an event may leave the deposit's name out, and the deposit may be paid again
        events = [replace(one, deposit_id="") if _unnamed(rng, one) else one for one in events]
        if rng.random() < 0.3:
            second = replace(payment, payment_id=f"{payment.payment_id}_again")
            events.append(PaymentEvent(_O.SUCCEEDED, deposit_id, second, NOW_MS))
            times += 1
            said.used[player_id] += amount
    said.ends[deposit_id] = (status, times * amount)
    said.due[player_id] += times * amount
    return events


def _unnamed(rng: Random, event: PaymentEvent) -> bool:
    return event.outcome in {_O.CHARGEBACK, _O.CHARGEBACK_REVERSED, _O.REFUNDED, _O.REFUND_FAILED} and rng.random() < 0.7
