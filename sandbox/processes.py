"""Programs that the sandbox starts: each on a leash, so that none outlives it."""

import contextlib
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from sandbox.leash import GONE_SECONDS

GRACE_SECONDS = 3.0
REMOVE_SECONDS_MAX = 120.0  # some disks remove the thousands of files of many Lambda workers slowly
LEASH = Path(__file__).with_name("leash.py")


class Program:
    """One running program with its output in a file; leaving the ``with`` block ends it and all its children.

    `scratch` is a folder that goes with it, however this process ends.
    """

    def __init__(
        self,
        command: Sequence[str | Path],
        *,
        env: Mapping[str, str],
        cwd: Path,
        log: Path,
        on_line: Callable[[str], None] | None = None,
        grace_seconds: float = GRACE_SECONDS,
        scratch: Path | None = None,
    ) -> None:
        self.log = log
        self._grace_seconds = grace_seconds
        self._on_line = on_line
        log.parent.mkdir(parents=True, exist_ok=True)
        log.touch(mode=0o600)
        self._process = subprocess.Popen(  # noqa: S603 - a fixed list of arguments, no shell
            [sys.executable, "-I", "-S", str(LEASH), str(grace_seconds), str(scratch or ""), *(str(part) for part in command)],
            cwd=cwd,
            env=dict(env),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C in the terminal reaches the launcher only, which ends things in order
        )
        self._reader = threading.Thread(target=self._copy, daemon=True)
        self._reader.start()

    def _copy(self) -> None:
        output = self._process.stdout
        if output is None:
            return
        with output, self.log.open("wb") as log:
            for line in output:
                log.write(line)
                log.flush()
                if self._on_line:
                    self._on_line(line.decode(errors="replace").rstrip())

    @property
    def exit_status(self) -> int | None:
        """The program's exit status, None while it runs."""
        return self._process.poll()

    def wait(self, timeout_seconds: float) -> int:
        """Wait for the program's own end.

        Raises:
            subprocess.TimeoutExpired: when it runs longer; it still runs then.

        """
        code = self._process.wait(timeout_seconds)
        self._reader.join(GONE_SECONDS)
        return code

    def stop(self) -> None:
        """End the program and its children; bounded, and harmless when they have ended."""
        if self._process.stdin:
            with contextlib.suppress(OSError):
                self._process.stdin.close()
        try:
            self._process.wait(self._grace_seconds + GONE_SECONDS + REMOVE_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(GONE_SECONDS)
        self._reader.join(GONE_SECONDS)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()


def last_lines(log: Path, wanted: Callable[[str], bool] = bool, count: int = 8) -> list[str]:
    """Give the last lines of a log that matter, without repeats; all lines when none does."""
    try:
        lines = [line.strip() for line in log.read_text(encoding="utf-8", errors="replace").splitlines()]
    except OSError:
        return []
    lines = list(dict.fromkeys(line for line in lines if line))
    return ([line for line in lines if wanted(line)] or lines)[-count:]
