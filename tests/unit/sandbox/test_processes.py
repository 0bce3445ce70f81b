"""Programs on a leash: none outlives its holder, whatever happens to it."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from sandbox.processes import Program, last_lines

# A parent with a child of its own, both deaf to SIGTERM; it writes both process ids and stays.
STUBBORN = """
import os, signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = subprocess.Popen([sys.executable, "-S", "-c", "import time; time.sleep(60)"])
print(os.getpid(), child.pid, flush=True)
time.sleep(60)
"""
HOLDER = """
import os, sys, time
from pathlib import Path
from sandbox.processes import Program
program = Program([sys.executable, "-S", "-c", sys.argv[2]], env={}, cwd=Path("/"), log=Path(sys.argv[1]))
time.sleep(60)
"""
ROOT = Path(__file__).resolve().parents[3]


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    stat = Path(f"/proc/{pid}/stat")
    return not stat.exists() or stat.read_text(encoding="ascii").rsplit(")", 1)[1].split()[0] != "Z"


def await_pids(log: Path) -> list[int]:
    end = time.monotonic() + 20
    while time.monotonic() < end:
        if log.exists() and log.read_text(encoding="ascii").endswith("\n"):
            return [int(word) for word in log.read_text(encoding="ascii").split()]
        time.sleep(0.02)
    raise AssertionError("the program did not start")


def await_gone(pids: list[int], seconds: float) -> list[int]:
    end = time.monotonic() + seconds
    while any(map(is_alive, pids)) and time.monotonic() < end:
        time.sleep(0.02)
    return [pid for pid in pids if is_alive(pid)]


def test_leaving_the_block_ends_a_deaf_program_and_its_children(tmp_path: Path) -> None:
    with Program([sys.executable, "-S", "-c", STUBBORN], env={}, cwd=tmp_path, log=tmp_path / "log"):
        pids = await_pids(tmp_path / "log")
        assert len(pids) == 2
        assert all(map(is_alive, pids))
    assert await_gone(pids, 1.0) == []


def test_an_exception_ends_them_too(tmp_path: Path) -> None:
    pids: list[int] = []

    def fail() -> None:
        with Program([sys.executable, "-S", "-c", STUBBORN], env={}, cwd=tmp_path, log=tmp_path / "log"):
            pids.extend(await_pids(tmp_path / "log"))
            raise RuntimeError("broken")

    with pytest.raises(RuntimeError, match="broken"):
        fail()
    assert await_gone(pids, 1.0) == []


def test_a_killed_holder_leaves_nothing_behind(tmp_path: Path) -> None:
    log = tmp_path / "log"
    command = [sys.executable, "-c", HOLDER, str(log), STUBBORN]
    with subprocess.Popen(command, cwd=ROOT) as holder:  # noqa: S603 - the program above
        try:
            pids = await_pids(log)
        finally:
            holder.send_signal(signal.SIGKILL)
            holder.wait(10)
    assert await_gone(pids, 8.0) == []


def test_children_that_outlive_their_parent_are_ended(tmp_path: Path) -> None:
    orphan = STUBBORN.removesuffix("time.sleep(60)\n")
    assert orphan != STUBBORN
    with Program([sys.executable, "-S", "-c", orphan], env={}, cwd=tmp_path, log=tmp_path / "log") as program:
        pids = await_pids(tmp_path / "log")
        assert program.wait(20) == 0
    assert await_gone(pids, 1.0) == []


def test_exit_status_output_and_environment(tmp_path: Path) -> None:
    lines: list[str] = []
    code = "import os, sys; print('one'); print(sorted(os.environ)); sys.exit(7)"
    with Program(
        [sys.executable, "-S", "-c", code], env={"ONLY": "this"}, cwd=tmp_path, log=tmp_path / "log", on_line=lines.append
    ) as program:
        assert program.wait(20) == 7
        assert program.exit_status == 7
    assert lines[0] == "one"
    assert "ONLY" in lines[1]
    assert "HOME" not in lines[1]
    assert (tmp_path / "log").read_text(encoding="ascii").splitlines() == lines
    assert (tmp_path / "log").stat().st_mode & 0o777 == 0o600


def test_the_last_lines_that_matter(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("a\n\nerror 1\nb\nerror 2\nerror 2\nc\n", encoding="ascii")
    assert last_lines(log, lambda line: "error" in line) == ["error 1", "error 2"]
    assert last_lines(log, lambda line: "nothing" in line, count=2) == ["error 2", "c"]
    assert last_lines(tmp_path / "none") == []
