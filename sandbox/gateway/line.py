"""A payment on its way through a gateway: from its magic amount to the last event, with the trouble that a seed draws.

Trouble is what gateways and networks do: acknowledgements that are lost, events that arrive twice or in another order than they
were sent, forged copies, requests of the player sent twice. A gateway repeats a delivery until it is acknowledged, nothing more.
"""

import time
from dataclasses import dataclass, field, replace
from enum import StrEnum
from random import Random
from typing import Final

from sandbox.calling import Caller, Way
from sandbox.gateway.lives import Life, Step
from sandbox.gateway.table import Event, Payment, Speaker
from sandbox.provider.line import Outcome, Verdict
from sandbox.reckoning import Books
from sandbox.stack import Gateway

TIMEOUT_SECONDS: Final = 10.0


class Trouble(StrEnum):
    """What chaos does to a payment."""

    LOST_ANSWER = "acknowledgements lost"
    DUPLICATE = "events sent twice"
    SHUFFLE = "payments out of order"
    FORGERY = "forged copies"


@dataclass(slots=True)
class Line:
    """A gateway at work. `chaos` is the chance of each trouble, 0 to 1; what is not as it must be goes into the books."""

    speaker: Speaker
    gateway: Gateway
    way: Way
    books: Books
    chaos: float = 0.0
    caller: Caller = field(init=False)

    def __post_init__(self) -> None:
        self.caller = Caller(self.way, self.books, self.chaos)

    def live(self, life: Life, payment: Payment, dice: Random) -> None:
        """Let a payment live its life."""
        self.books.count(f"payments: {life.name}")
        asked = self.open(payment)
        if asked is None:
            return
        payment = asked
        now = time.time()
        events = [
            Event(step, self.speaker.new_event_id(), now + number / 1000, now, forged=not life.genuine)
            for number, step in enumerate(life.steps)
        ]
        if len(events) > 1 and not self.speaker.waits and self.caller.strikes(dice, Trouble.SHUFFLE):
            dice.shuffle(events)
        for event in events:
            self._tell(payment, event, dice)

    def open(self, payment: Payment) -> Payment | None:
        """Ask what the gateway asks before a payment; gives the payment with what was answered, None when it was refused."""
        for opening in self.speaker.openings(self.gateway, payment):
            verdict = self.caller.until_final(opening.message)
            if verdict.outcome is not Outcome.STANDS:
                self.books.differs(f"{payment.deposit_id}: {opening.name} was answered with {verdict.word}")
                return None
            payment = replace(payment, authorisation=next(iter(verdict.names), ""))
        return payment

    def _tell(self, payment: Payment, event: Event, dice: Random) -> None:
        """Deliver an event until it is acknowledged, or see it refused when it is forged."""
        if event.forged:
            self._forge(payment, event)
            return
        if self.caller.strikes(dice, Trouble.FORGERY):
            self._forge(payment, event)
        message = self.speaker.tell(self.gateway, payment, event)
        if self.caller.strikes(dice, Trouble.LOST_ANSWER):
            self.caller.lose(dice, message)
        first = self.caller.until_final(message)
        self._acknowledged(payment, event.step, first)
        if self.caller.strikes(dice, Trouble.DUPLICATE):
            again = self.caller.until_final(message)
            if (again.outcome, again.word, again.names) != (first.outcome, first.word, first.names):
                self.books.differs(f"{payment.deposit_id}: a repeat of {event.step} was answered with {again.word}")

    def _acknowledged(self, payment: Payment, step: Step, verdict: Verdict) -> None:
        self.books.count("events")
        if verdict.outcome is not Outcome.STANDS:
            self.books.differs(f"{payment.deposit_id}: {step} was answered with {verdict.word}")

    def _forge(self, payment: Payment, event: Event) -> None:
        verdict = self.caller.until_final(self.speaker.tell(self.gateway, payment, replace(event, forged=True)))
        if verdict.outcome is not Outcome.REFUSED:
            self.books.differs(f"{payment.deposit_id}: a forged {event.step} was answered with {verdict.word}")
