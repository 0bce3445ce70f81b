"""A flood: the same request again and again at a fixed rate, whatever becomes of it, from a process of its own.

The client is an open loop: a request is due at its instant, not when an answer has come. It is bounded: at most IN_FLIGHT_MAX
requests are under way and as many wait for their turn (one that finds no place is counted as held back, and not sent), and it ends
after SECONDS_MAX at the latest.
"""

import contextlib
import http.client
import multiprocessing
import queue
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from typing import Final

from sandbox.loopback import require_loopback
from sandbox.provider.line import Message

IN_FLIGHT_MAX: Final = 32
SECONDS_MAX: Final = 120.0
TIMEOUT_S: Final = 10.0
RATE_MAX: Final = 2_000.0
"""Requests a second; more than one machine would let through in any case."""


@dataclass(slots=True)
class Flooded:
    """What a flood came to: how long it went on, how many requests were answered with which status, how many were never sent.

    A status of 0 stands for no answer.
    """

    seconds: float = 0.0
    statuses: Counter[int] = field(default_factory=Counter)
    held_back: int = 0

    def add(self, other: "Flooded") -> None:
        """Add another flood's figures."""
        self.seconds += other.seconds
        self.statuses += other.statuses
        self.held_back += other.held_back


@contextmanager
def flood(message: Message, rate: float) -> Iterator[Flooded]:
    """Flood with `rate` requests a second while the block runs; its figures are there after the block."""
    if not 0 < rate <= RATE_MAX:
        raise ValueError(f"a flood has more than 0 and at most {RATE_MAX:.0f} requests a second")
    came = Flooded()
    spawn = multiprocessing.get_context("spawn")
    ours, theirs = spawn.Pipe()
    process = spawn.Process(target=_run, args=(theirs, message, rate), daemon=True)
    process.start()
    theirs.close()
    try:
        ours.recv()  # it has begun
        yield came
        ours.send("enough")
        came.add(ours.recv())
    finally:
        ours.close()
        process.join(SECONDS_MAX)
        if process.is_alive():
            process.terminate()


def _run(pipe: Connection, message: Message, rate: float) -> None:
    came, lock = Flooded(), threading.Lock()
    due: queue.Queue[bool] = queue.Queue(IN_FLIGHT_MAX)

    def work() -> None:
        sender = _Sender(message)
        while due.get():
            status = sender.send()
            with lock:
                came.statuses[status] += 1

    threads = [threading.Thread(target=work, daemon=True) for _ in range(IN_FLIGHT_MAX)]
    for thread in threads:
        thread.start()
    pipe.send("begun")
    began = time.monotonic()
    made = 0
    while not pipe.poll() and time.monotonic() - began < SECONDS_MAX:
        for _ in range(int((time.monotonic() - began) * rate) - made):
            made += 1
            try:
                due.put_nowait(True)
            except queue.Full:
                came.held_back += 1
        time.sleep(0.002)
    came.seconds = time.monotonic() - began
    for _ in threads:
        due.put(False)
    for thread in threads:
        thread.join(TIMEOUT_S)
    with contextlib.suppress(BrokenPipeError):
        pipe.send(came)


class _Sender:
    """Sends one request again and again over a connection that is kept."""

    def __init__(self, message: Message) -> None:
        self._message = message
        self._target = require_loopback(message.url)
        self._line = http.client.HTTPConnection(self._target.host, self._target.port, timeout=TIMEOUT_S)

    def send(self) -> int:
        """Give the status of the answer; 0 for none."""
        try:
            self._line.request(self._message.method, self._target.path, self._message.body, dict(self._message.headers))
            answer = self._line.getresponse()
            answer.read()
        except (OSError, http.client.HTTPException):
            self._line.close()
            return 0
        return answer.status
