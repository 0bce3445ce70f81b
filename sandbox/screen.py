"""What the sandbox prints: progress lines with the seconds since the start, and how long each phase took."""

import contextlib
import sys
import threading
import time
from collections.abc import Iterator
from typing import Final

_BEAT_SECONDS: Final = 0.5
_BEAT_SECONDS_IN_A_LOG: Final = 5.0
_WIDTH_MAX: Final = 100


class Screen:
    """Progress on standard output: on a terminal the running phase is rewritten in place, in a log it is said now and then."""

    def __init__(self) -> None:
        self._started = time.monotonic()
        self._live = sys.stdout.isatty()
        self._drawn = False
        self._detail = ""
        self._lock = threading.Lock()
        self.phases: list[tuple[str, float]] = []

    @property
    def seconds(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self._started

    def say(self, text: str) -> None:
        """Print one line with the time."""
        self.plain(f"{self.seconds:6.1f} s  {text}")

    def plain(self, text: str) -> None:
        """Print a line as it is."""
        with self._lock:
            self._clear()
            print(text, flush=True)

    def detail(self, text: str) -> None:
        """Tell how far the running phase is; shown at its next beat."""
        self._detail = text

    @contextlib.contextmanager
    def phase(self, name: str, *, talks: bool = False) -> Iterator[None]:
        """Announce a phase, show that it goes on (unless it `talks` itself), and keep how long it took (for `summary`)."""
        self._detail = ""
        self.say(f"{name} …")
        begun = time.monotonic()
        over = threading.Event()
        beat = threading.Thread(target=self._beat, args=(name, over), daemon=True)
        if not talks:
            beat.start()
        try:
            yield
        finally:
            over.set()
            if not talks:
                beat.join()
        self.phases.append((name, time.monotonic() - begun))

    def summary(self) -> str:
        """Say in one line how long each finished phase took."""
        return " · ".join(f"{name} {seconds:.1f} s" for name, seconds in self.phases)

    def _beat(self, name: str, over: threading.Event) -> None:
        while not over.wait(_BEAT_SECONDS if self._live else _BEAT_SECONDS_IN_A_LOG):
            text = f"{self.seconds:6.1f} s  {name} … {self._detail}".rstrip()
            if not self._live:
                self.plain(text)
                continue
            with self._lock:
                self._clear()
                print(text[:_WIDTH_MAX], end="", flush=True)
                self._drawn = True
        with self._lock:
            self._clear()

    def _clear(self) -> None:
        if self._drawn:
            print("\r\x1b[2K", end="", flush=True)
            self._drawn = False
