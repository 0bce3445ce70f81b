"""Runs of many episodes: the same seed, the same run, on any number of processes."""

import hashlib
import time
from collections import deque
from collections.abc import Callable, Collection, Generator
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass, field
from enum import StrEnum
from multiprocessing import get_context
from typing import Final

from tests.simulation.baton import Pool
from tests.simulation.faults import Cell, Fault, cells, expected
from tests.simulation.requests import Script
from tests.simulation.scenario import draw
from tests.simulation.witness import Violation
from tests.simulation.worker import Episode as WorkerEpisode
from tests.simulation.world import Figures, World

CHUNK: Final = 16
"""Episodes that one process plays at a time."""
EPISODES_MAX: Final = 1_000_000
LEDGER_EVERY: Final = 3
"""An episode of the ledger has some four times as many steps as one of the worker, so two of these follow each of those."""


class Part(StrEnum):
    """Whose code an episode runs."""

    LEDGER = "ledger"
    WORKER = "cashier's worker"


@dataclass(frozen=True, slots=True)
class Seed:
    """What a run is drawn from; with an episode, that one alone. Written ``17`` or ``17:4``."""

    run: int
    episode: int | None = None

    @classmethod
    def parse(cls, text: str) -> "Seed":
        """Read what `str` writes; raise ValueError for anything else."""
        run, _, episode = text.partition(":")
        return cls(int(run), int(episode) if episode else None)

    def __str__(self) -> str:
        return f"{self.run}" if self.episode is None else f"{self.run}:{self.episode}"

    def part(self, episode: int) -> Part:
        """Tell whose episode this is."""
        return Part.WORKER if episode % LEDGER_EVERY else Part.LEDGER

    def dice(self, episode: int) -> int:
        """The number that an episode of this run is drawn from."""
        return int.from_bytes(hashlib.blake2b(f"{self.run}:{episode}".encode(), digest_size=8).digest())

    def script(self, episode: int) -> Script:
        """Draw a script of the ledger for an episode of this run."""
        return draw(self.dice(episode))


@dataclass(frozen=True, slots=True)
class Failure:
    """The first violation of a run."""

    seed: Seed
    rule: str
    message: str


@dataclass(slots=True)
class Result:
    """What a run came to."""

    seed: Seed
    figures: Figures = field(default_factory=Figures)
    seconds: float = 0.0
    failure: Failure | None = None

    @property
    def episodes(self) -> int:
        """How many episodes were played to their end."""
        return sum(self.figures.counts[f"episodes of the {part}"] for part in Part)

    def missing(self) -> list[tuple[Cell, Fault]]:
        """The cells of the matrix that were never met."""
        matrix = self.figures.matrix
        return [(cell, fault) for cell in cells() for fault in expected(cell) if not matrix[cell, fault]]


Episode = Figures | Failure
Progress = Callable[[Result], None]


def _silent(_result: Result) -> None:
    return


def play(seed: Seed, first: int, count: int = CHUNK, parts: Collection[Part] = frozenset(Part)) -> list[Episode]:
    """Play the episodes of these parts one after another, to the first failure."""
    pool = Pool()
    done: list[Episode] = []
    try:
        for episode in range(first, first + count):
            part = seed.part(episode)
            if part not in parts:
                continue
            world = WorkerEpisode(seed.dice(episode), pool) if part is Part.WORKER else World(seed.script(episode), pool)
            try:
                figures = world.run()
                figures.counts[f"episodes of the {part}"] += 1
                done.append(figures)
            except Violation as violation:
                done.append(Failure(Seed(seed.run, episode), violation.rule, str(violation)))
                break
    finally:
        pool.end()
    return done


Chunks = Generator[list[Episode], None, None]


def _alone(seed: Seed, episode: int) -> Chunks:
    yield play(seed, episode, 1)


def _here(seed: Seed, parts: Collection[Part]) -> Chunks:
    for first in range(0, EPISODES_MAX, CHUNK):
        yield play(seed, first, CHUNK, parts)


def _beside(seed: Seed, workers: int, parts: Collection[Part]) -> Chunks:
    """Let several processes play; take their episodes in order, so that the run is the same on any number of them."""
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        waiting: deque[Future[list[Episode]]] = deque()
        try:
            for first in range(0, EPISODES_MAX, CHUNK):
                waiting.append(pool.submit(play, seed, first, CHUNK, parts))
                if len(waiting) > 2 * workers:
                    yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()


def _chunks(seed: Seed, workers: int, parts: Collection[Part]) -> Chunks:
    if seed.episode is not None:
        return _alone(seed, seed.episode)
    return _here(seed, parts) if workers == 1 else _beside(seed, workers, parts)


def simulate(
    seed: Seed, steps: int, workers: int = 1, progress: Progress = _silent, parts: Collection[Part] = frozenset(Part)
) -> Result:
    """Play episodes of these parts until they make that many steps, or one fails."""
    result = Result(seed)
    began = time.monotonic()
    chunks = _chunks(seed, workers, parts)
    for chunk in chunks:
        for episode in chunk:
            if isinstance(episode, Failure):
                result.failure = episode
                break
            result.figures.add(episode)
            if result.figures.steps >= steps:
                break
        result.seconds = time.monotonic() - began
        progress(result)
        if result.failure or result.figures.steps >= steps:
            break
    chunks.close()
    result.seconds = time.monotonic() - began
    return result
