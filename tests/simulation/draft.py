"""A script in the making: names, amounts and times, and the echoes (twins, late repeats) that any request may have."""

from dataclasses import replace
from random import Random
from typing import Any, Final

from countroom.ledger.movements import Movement, Reference
from tests.simulation.requests import BEGINS, DAY, MINUTE, SECOND, Request, Verb

GAME: Final = "game:hub88"
GATEWAY: Final = "gateway:standard"
HOUSE: Final = "house:staff"
CURRENCIES: Final = ("EUR", "JPY", "BTC")
_UNIT: Final = 10**9
REPEATS: Final = {"11 minutes": 11 * MINUTE, "a day": DAY, "90 days": 90 * DAY}
_SKEW_MS: Final = 600_000


class Draft:
    """A script in the making: the time of the next request, and what has been named so far."""

    def __init__(self, rng: Random) -> None:
        self.rng = rng
        self.now = BEGINS
        self.requests: list[Request] = []
        self.currency = {f"p{number}": rng.choice(CURRENCIES) for number in range(rng.choice((1, 1, 2, 2, 3)))}
        self.players = list(self.currency)
        self.sessions: dict[str, bytes] = {}
        self.bets: list[Movement] = []
        self._names = 0

    def name(self, source: str, letter: str) -> Reference:
        """A fresh name."""
        self._names += 1
        return Reference(source, f"{letter}{self._names}")

    def player(self) -> str:
        return self.rng.choice(self.players)

    def amount(self, most: int = 60) -> int:
        """Between nothing and `most` units, sometimes down to the last nano."""
        units = self.rng.randint(1, most) * _UNIT
        return units + self.rng.choice((0, 0, 0, 1, 10_000_000, 123_456_789))

    def near(self, milliseconds: int = 20) -> int:
        """A time offset that makes requests overlap, in microseconds."""
        return self.rng.randint(0, milliseconds * 1000)

    def add(self, verb: Verb, at: int, **fields: Any) -> Request:
        """Ask something at an offset from now."""
        rng = self.rng
        skew = rng.choice((-_SKEW_MS, _SKEW_MS)) if rng.random() < 0.12 else 0
        always = rng.random() < {Verb.POST: 0.06, Verb.BATCH: 0.15}.get(verb, 0.0)
        request = Request(self.now + at, verb, rng.getrandbits(48), skew_ms=skew, lost_always=always, **fields)
        self.requests.append(request)
        return request

    def post(self, movement: Movement, at: int | None = None, *companions: Any, note: str = "") -> Request:
        """Ask for one movement, with the twins and late repeats that chance gives it."""
        fields: dict[str, Any] = {"movements": (movement,), "companions": companions, "player_id": movement.player_id, "note": note}
        first = self.add(Verb.POST, self.near() if at is None else at, **fields)
        return self.echoed(first)

    def batch(self, movements: list[Movement], **fields: Any) -> Request:
        """Ask for several movements of one player at once."""
        player_id = movements[0].player_id if movements else "p0"
        first = self.add(Verb.BATCH, self.near(), movements=tuple(movements), player_id=player_id, **fields)
        return self.echoed(first)

    def echoed(self, first: Request) -> Request:
        """Add concurrent twins and late repeats."""
        rng = self.rng
        if rng.random() < 0.15:
            for _ in range(rng.randint(1, 3)):
                twin = replace(first, at=first.at + self.near(4), seed=rng.getrandbits(48), note="twin")
                self.requests.append(twin)
        if rng.random() < 0.12:
            age, delay = rng.choice(list(REPEATS.items()))
            repeat = replace(first, at=first.at + delay, seed=rng.getrandbits(48), skew_ms=0, lost_always=False)
            self.requests.append(replace(repeat, note=f"repeat after {age}"))
        return first

    def pause(self) -> None:
        """Let time pass before the next burst."""
        self.now += self.rng.choice((0, 40_000, 200_000, 2 * SECOND, 2 * SECOND, 20 * SECOND, 11 * MINUTE, DAY))
