"""Runs of many episodes: the same seed, the same run, on any number of processes."""

import hashlib
import time
from collections import deque
from collections.abc import Callable, Generator
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass, field
from multiprocessing import get_context
from typing import Final

from tests.simulation.baton import Pool
from tests.simulation.faults import Cell, Fault, cells, expected
from tests.simulation.requests import Script
from tests.simulation.scenario import draw
from tests.simulation.witness import Violation
from tests.simulation.world import Figures, World

CHUNK: Final = 16
"""Episodes that one process plays at a time."""
EPISODES_MAX: Final = 1_000_000


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

    def script(self, episode: int) -> Script:
        """Draw an episode of this run."""
        digest = hashlib.blake2b(f"{self.run}:{episode}".encode(), digest_size=8).digest()
        return draw(int.from_bytes(digest))


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
    episodes: int = 0
    seconds: float = 0.0
    failure: Failure | None = None

    def missing(self) -> list[tuple[Cell, Fault]]:
        """The cells of the matrix that were never met."""
        matrix = self.figures.matrix
        return [(cell, fault) for cell in cells() for fault in expected(cell) if not matrix[cell, fault]]


Episode = Figures | Failure
Progress = Callable[[Result], None]


def _silent(_result: Result) -> None:
    return


def play(seed: Seed, first: int, count: int = CHUNK) -> list[Episode]:
    """Play episodes one after another, to the first failure."""
    pool = Pool()
    done: list[Episode] = []
    try:
        for episode in range(first, first + count):
            try:
                done.append(World(seed.script(episode), pool).run())
            except Violation as violation:
                done.append(Failure(Seed(seed.run, episode), violation.rule, str(violation)))
                break
    finally:
        pool.end()
    return done


Chunks = Generator[list[Episode], None, None]


def _alone(seed: Seed, episode: int) -> Chunks:
    yield play(seed, episode, 1)


def _here(seed: Seed) -> Chunks:
    for first in range(0, EPISODES_MAX, CHUNK):
        yield play(seed, first)


def _beside(seed: Seed, workers: int) -> Chunks:
    """Let several processes play; take their episodes in order, so that the run is the same on any number of them."""
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        waiting: deque[Future[list[Episode]]] = deque()
        try:
            for first in range(0, EPISODES_MAX, CHUNK):
                waiting.append(pool.submit(play, seed, first))
                if len(waiting) > 2 * workers:
                    yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()


def _chunks(seed: Seed, workers: int) -> Chunks:
    if seed.episode is not None:
        return _alone(seed, seed.episode)
    return _here(seed) if workers == 1 else _beside(seed, workers)


def simulate(seed: Seed, steps: int, workers: int = 1, progress: Progress = _silent) -> Result:
    """Play episodes until they make that many steps, or one fails."""
    result = Result(seed)
    began = time.monotonic()
    chunks = _chunks(seed, workers)
    for chunk in chunks:
        for episode in chunk:
            result.episodes += 1
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
