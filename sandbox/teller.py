"""How the journey tells its steps, and how it stops at the first answer that is not as it must be."""

import json
from collections.abc import Callable
from dataclasses import dataclass

HINT_CHARACTERS_MAX = 800


class DeviationError(Exception):
    """Something answered differently from what it must; the message says what, where and how."""


@dataclass(slots=True)
class Teller:
    """Numbers the steps, prints each with its answer, and compares."""

    print_line: Callable[[str], None]
    number: int = 0

    def show(self, name: str, asked: str, answered: str, balance: str = "") -> None:
        """Print a step, and under it the balance that the player is told after it, if there is one."""
        self.number += 1
        under = f"\n      {'':<68} balance {balance}" if balance else ""
        self.print_line(f"  {self.number:2}  {name:<16} {asked:<49} → {answered}{under}")

    def expect(self, what: str, got: object, wanted: object, *, hint: object = None) -> None:
        """Go on only when an answer is as it must be.

        Raises:
            DeviationError: when it is not.

        """
        if got != wanted:
            more = f" ({json.dumps(hint, default=str)[:HINT_CHARACTERS_MAX]})" if hint is not None else ""
            raise DeviationError(f"after step {self.number}: {what} is {got!r} and must be {wanted!r}{more}")
