"""Run one program in a process group of its own, and end the whole group when whoever holds the leash lets go.

Usage: ``python leash.py GRACE_SECONDS FOLDER PROGRAM [ARGUMENT …]`` with a pipe as standard input. The pipe closes when its
holder closes it or dies, even by SIGKILL; then everything in the group is asked to end, and killed GRACE_SECONDS later. The
same happens to what the program leaves behind when it ends by itself. At last FOLDER is removed with all that is in it, unless
it is empty text. Started as a file, so it uses the standard library only.
"""

import contextlib
import ctypes
import os
import select
import shutil
import signal
import subprocess
import sys
import time

GONE_SECONDS = 2.0
_STDIN = 0
_PR_SET_CHILD_SUBREAPER = 36  # linux/prctl.h


def main(grace_seconds: float, folder: str, command: list[str]) -> int:
    """Start the program and answer its exit status; 128 + n when signal n ended it."""
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, _ignore)  # a handler, not SIG_IGN: the program must not inherit deafness
    wake, waker = os.pipe()
    os.set_blocking(waker, False)
    signal.set_wakeup_fd(waker)
    signal.signal(signal.SIGCHLD, _ignore)
    _adopt_orphans()
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True)  # noqa: S603 - our caller's own list
    while child.poll() is None:
        ready, _, _ = select.select([_STDIN, wake], [], [])
        if wake in ready:
            os.read(wake, 1024)
        if _STDIN in ready and not os.read(_STDIN, 1024):
            break
    _end_group(child, grace_seconds)
    if folder:
        shutil.rmtree(folder, ignore_errors=True)
    code = child.returncode
    return code if code >= 0 else 128 - code


def _ignore(*_: object) -> None:
    """Take note of a signal by being woken, nothing more."""


def _adopt_orphans() -> None:
    """Become the parent of grandchildren whose parent ends, so that they can be reaped: not every init does (Linux only)."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def _end_group(child: "subprocess.Popen[bytes]", grace_seconds: float) -> None:
    """Ask the group to end, wait for the program, kill what stayed, wait until nothing is left."""
    _signal_group(child.pid, signal.SIGTERM)
    with contextlib.suppress(subprocess.TimeoutExpired):
        child.wait(grace_seconds)
    end = time.monotonic() + GONE_SECONDS
    while _signal_group(child.pid, signal.SIGKILL) and time.monotonic() < end:
        child.poll()
        _reap(child.pid)
        time.sleep(0.005)
    child.wait()


def _signal_group(group: int, number: int) -> bool:
    """Signal all members of a process group; False when none is left."""
    try:
        os.killpg(group, number)
    except ProcessLookupError:
        return False
    except PermissionError:  # macOS says so when only zombies are left
        return False
    return True


def _reap(group: int) -> None:
    """Take the exit statuses of adopted members of the group; the program's own belongs to its Popen."""
    if sys.platform != "linux":
        return
    with contextlib.suppress(ChildProcessError):
        while True:
            found = os.waitid(os.P_PGID, group, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            if found is None or found.si_pid == group:
                return
            os.waitpid(found.si_pid, os.WNOHANG)


if __name__ == "__main__":
    sys.exit(main(float(sys.argv[1]), sys.argv[2], sys.argv[3:]))
