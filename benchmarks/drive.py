"""Bets from several threads, as a provider sends them: what gets no certain answer is sent again."""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from benchmarks.contenders import UNKNOWN, Contender
from benchmarks.meter import Killed
from benchmarks.stream import Bet

SENDERS = 8
RETRIES_MAX = 4
RETRY_AFTER_S = 0.35
"""Longer than an invocation may run here, so that a sender never meets its own first try still under way."""


@dataclass(frozen=True, slots=True)
class Run:
    """Every answer in the order it was given, and how long all of it took in seconds."""

    answers: list[tuple[Bet, str]]
    seconds: float


def run(contender: Contender, bets: Sequence[Bet], progress: Callable[[], None]) -> Run:
    """Send all bets from SENDERS threads."""

    def deliver(bet: Bet) -> list[tuple[Bet, str]]:
        given = []
        for attempt in range(1 + RETRIES_MAX):
            if attempt:
                time.sleep(RETRY_AFTER_S)
            contender.meter.arm(None if attempt else bet)
            try:
                answer = contender.place(bet)
            except Killed:
                answer = UNKNOWN
            given.append((bet, answer))
            if answer != UNKNOWN:
                break
        progress()
        return given

    started = time.perf_counter()
    with ThreadPoolExecutor(SENDERS) as pool:
        answers = [answer for given in pool.map(deliver, bets) for answer in given]
    return Run(answers, time.perf_counter() - started)
