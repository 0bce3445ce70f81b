"""Threads of which exactly one runs at any time: ordinary blocking code that stops at each call until the scheduler lets it go on.

A hand-over costs about ten microseconds. Which thread runs is the scheduler's choice alone, so a run is the same every time.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

STUCK_SECONDS: Final = 120.0
"""Longest time between two stops of a thread; only a defect of the code under test can take it."""


class Killed(BaseException):
    """The process ends here and now: nothing but ``finally`` runs. Not an Exception, so that no code takes it for one."""


class Stuck(Exception):
    """A thread did not come back."""


@dataclass(frozen=True, slots=True)
class Finished:
    """The job is done: its result, or what it raised."""

    result: Any = None
    error: BaseException | None = None


class Thread:
    """One thread that does jobs, one after another."""

    def __init__(self) -> None:
        self._go = threading.Lock()
        self._back = threading.Lock()
        self._go.acquire()
        self._back.acquire()
        self._job: Callable[[], Any] | None = None
        self._message: Any = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def start(self, job: Callable[[], Any]) -> Any:
        """Begin a job; answer what it stops at: what it handed to `stop`, or Finished."""
        self._job = job
        return self.resume(None)

    def resume(self, message: Any) -> Any:
        """Let the job go on with this as the answer of `stop` (an exception is raised there); answer what it stops at next."""
        self._message = message
        self._go.release()
        if not self._back.acquire(timeout=STUCK_SECONDS):
            raise Stuck("the code under test did not come back")
        return self._message

    def stop(self, message: Any) -> Any:
        """Called inside the job: hand this over and wait for the answer."""
        self._message = message
        self._back.release()
        self._go.acquire()
        answer = self._message
        if isinstance(answer, BaseException):
            raise answer
        return answer

    def end(self) -> None:
        """End the thread; it must not be in a job."""
        self._job = None
        self._go.release()
        self._thread.join(STUCK_SECONDS)

    def _run(self) -> None:
        while True:
            self._go.acquire()
            if self._job is None:
                return
            try:
                self._message = Finished(self._job())
            except BaseException as error:  # noqa: BLE001 - handed to the scheduler, which judges it
                self._message = Finished(error=error)
            self._back.release()


class Pool:
    """Threads to be used again: as many as were ever needed at once."""

    def __init__(self) -> None:
        self._idle: list[Thread] = []

    def take(self) -> Thread:
        return self._idle.pop() if self._idle else Thread()

    def give_back(self, thread: Thread) -> None:
        self._idle.append(thread)

    def end(self) -> None:
        """End all threads that have been given back."""
        while self._idle:
            self._idle.pop().end()
