"""Playing rounds as a provider's server does, trouble included, and keeping one's own books of what must stand afterwards.

Trouble comes by the dice of a seed: answers that are lost, calls that arrive twice, bets that are taken back, originals that come
after their own rollback, rounds that run side by side. What the provider does about it is what its protocol says, nothing more.
"""

import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from random import Random

from sandbox.calling import TRIES_MAX, Caller, Way
from sandbox.provider.line import Message, Outcome, Verdict
from sandbox.provider.table import Recovery, Seat, Speaker, Turn
from sandbox.reckoning import Books

STAKE_STEPS, WIN_STEPS = 20, 60
"""A stake is 1 to STAKE_STEPS tenths of a main unit (whole units where the currency has no tenths), a win 0 to WIN_STEPS."""


class Trouble(StrEnum):
    """What chaos does to a call."""

    LOST_ANSWER = "answers lost"
    DUPLICATE = "sent twice"
    ROLLBACK = "bets taken back"
    LATE_ORIGINAL = "originals after their rollback"


@dataclass(slots=True)
class Rounds:
    """A run of rounds at one seat. `chaos` is the chance of each trouble, 0 to 1; `burst` rounds run side by side."""

    speaker: Speaker
    seat: Seat
    way: Way
    books: Books
    seed: int
    chaos: float
    burst: int = 1
    unit: Decimal = Decimal("0.1")
    _caller: Caller = field(init=False)

    def __post_init__(self) -> None:
        self._caller = Caller(self.way, self.books, self.chaos)

    def play(self, count: int) -> None:
        """Play `count` rounds, `burst` at a time."""
        for first in range(0, count, self.burst):
            numbers = range(first, min(first + self.burst, count))
            if len(numbers) == 1:
                self.play_round(first)
                continue
            with ThreadPoolExecutor(len(numbers)) as pool:
                for done in [pool.submit(self.play_round, number) for number in numbers]:
                    done.result()

    def play_round(self, number: int) -> None:
        """Play one round: bets, some taken back, and wins on what stands."""
        dice = Random(f"{self.seed}/{number}")  # noqa: S311 - dice of a game, not a secret
        round_id = str(uuid.uuid4())
        self.books.count("rounds")
        if dice.random() < 0.5 and self._one_call(dice, round_id):  # noqa: PLR2004 - a coin
            return
        bets = [self._draw_bet(dice, round_id) for _ in range(dice.choice((1, 1, 1, 2, 3)))]
        standing = [bet for bet in bets if self._bet(dice, bet)]
        standing = [bet for bet in standing if not (self._caller.strikes(dice, Trouble.ROLLBACK) and self._take_back(dice, bet))]
        if not standing:
            return
        wins = dice.choice((1, 1, 2))
        for left in reversed(range(wins)):
            amount = dice.choice((0, 0, dice.randint(1, WIN_STEPS))) * self.unit
            self._win(dice, Turn(_new_id(), round_id, amount, standing[0].transaction_id, closes=left == 0))

    # ------------------------------------------------------------------ movements

    def _one_call(self, dice: Random, round_id: str) -> bool:
        """Play the round in one call where the protocol can; False when it cannot."""
        bet = self._draw_bet(dice, round_id)
        win = Turn(_new_id(), round_id, dice.randint(0, WIN_STEPS) * self.unit, bet.transaction_id, closes=True)
        message = self.speaker.both(self.seat, bet, win)
        if message is None:
            return False
        if self._caller.strikes(dice, Trouble.LOST_ANSWER):
            self._caller.lose(dice, message)
        verdict = self._caller.until_final(message)
        self._booked(verdict, win.amount - bet.amount, bet.amount, "bets and wins in one call")
        self._maybe_twice(dice, message, verdict)
        return True

    def _bet(self, dice: Random, bet: Turn) -> bool:
        """Place a bet; True when it stands."""
        message = self.speaker.bet(self.seat, bet)
        if self._caller.strikes(dice, Trouble.LATE_ORIGINAL):
            self._rolled_back(dice, bet)
            self._expect_late(self._caller.until_final(message))
            return False
        if self._caller.strikes(dice, Trouble.LOST_ANSWER):
            self._caller.lose(dice, message)
            verdict = Verdict(Outcome.OPEN, "lost")
        else:
            verdict = self._caller.once(message)
        if verdict.outcome is Outcome.OPEN:
            self.books.count("answers that never came or left it open")
            if self.speaker.recovery is Recovery.ROLLBACK:
                self._rolled_back(dice, bet)
                return False
            verdict = self._caller.until_final(message)
        stands = self._booked(verdict, -bet.amount, bet.amount, "bets")
        if self.speaker.repeats_bets:
            self._maybe_twice(dice, message, verdict)
        return stands

    def _win(self, dice: Random, win: Turn) -> None:
        message = self.speaker.win(self.seat, win)
        if self._caller.strikes(dice, Trouble.LOST_ANSWER):
            self._caller.lose(dice, message)
        verdict = self._caller.until_final(message)
        if self._booked(verdict, win.amount, None, "wins"):
            self._maybe_twice(dice, message, verdict)

    def _take_back(self, dice: Random, bet: Turn) -> bool:
        """Roll back a bet that stands."""
        if self._rolled_back(dice, bet, bet.amount):
            return True
        self.books.differs(f"the rollback of bet {bet.transaction_id} did not stand")
        return False

    def _rolled_back(self, dice: Random, bet: Turn, amount: Decimal | None = None) -> bool:
        """Roll back until it is answered. `amount`: what must come back; None when nobody knows whether the bet landed."""
        turn = Turn(_new_id(), bet.round_id, bet.amount, bet.transaction_id)
        message = self.speaker.rollback(self.seat, turn)
        if self._caller.strikes(dice, Trouble.LOST_ANSWER):
            self._caller.lose(dice, message)
        verdict = self._caller.until_final(message)
        stands = self._booked(verdict, amount or Decimal(0), None, "rollbacks")
        if stands:
            self._maybe_twice(dice, message, verdict)
        return stands

    # ------------------------------------------------------------------ delivery and books

    def _booked(self, verdict: Verdict, change: Decimal, stake: Decimal | None, name: str) -> bool:
        """Enter an outcome into the books; True when the movement stands. `stake` is None for what may never be refused."""
        before = self.books.balance
        if verdict.outcome is Outcome.STANDS:
            if stake is not None and self.burst == 1 and before < stake:
                self.books.differs(f"{name}: {stake} taken with only {before} in the books")
            self.books.count(name)
            self.books.move(change)
            self._expect_balance(verdict, name)
            return True
        if verdict.outcome is Outcome.OPEN:
            self.books.differs(f"{name}: no final answer after {TRIES_MAX} tries, last {verdict.word}")
        elif stake is None or verdict.word != self.speaker.funds_word:
            self.books.differs(f"{name}: refused with {verdict.word}")
        elif self.burst == 1 and before >= stake:
            self.books.differs(f"{name}: {stake} refused for want of money with {before} in the books")
        else:
            self.books.count("bets refused for want of money")
        return False

    def _maybe_twice(self, dice: Random, message: Message, first: Verdict) -> None:
        """Send a call again, which must change nothing and be answered as before (the balance may be a later one)."""
        if not self._caller.strikes(dice, Trouble.DUPLICATE):
            return
        again = self._caller.until_final(message)
        if (again.outcome, again.word, again.names) != (first.outcome, first.word, first.names):
            self.books.differs(f"a repeat was answered with {again.word} {again.names}, the first with {first.word} {first.names}")
        elif again.outcome is Outcome.STANDS:
            self._expect_balance(again, "repeats")

    def _expect_late(self, verdict: Verdict) -> None:
        if not self.speaker.is_late_original(verdict):
            self.books.differs(f"a bet after its own rollback was answered with {verdict.word}")
        elif verdict.outcome is Outcome.STANDS:
            self._expect_balance(verdict, "late originals")

    def _expect_balance(self, verdict: Verdict, name: str) -> None:
        """Compare the balance of an answer with the books; among rounds side by side, only the end can be compared."""
        if self.burst == 1 and verdict.balance != self.books.balance:
            self.books.differs(f"{name}: the answer tells {verdict.balance}, the books {self.books.balance}")

    def _draw_bet(self, dice: Random, round_id: str) -> Turn:
        return Turn(_new_id(), round_id, dice.randint(1, STAKE_STEPS) * self.unit)


def _new_id() -> str:
    """Name a movement: fresh at every run, whatever the seed, because names are kept for ever."""
    return str(uuid.uuid4())
