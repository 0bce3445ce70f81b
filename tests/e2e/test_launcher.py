"""`python -m sandbox run` as a person runs it: a process of its own, with its own folder and port."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from queue import Empty, Queue
from threading import Thread

import pytest

from sandbox import emulator
from sandbox.stack import ROOT, Stack
from tests.e2e import world

START_SECONDS = 180
END_SECONDS = 30
REAL = {
    "AWS_ACCESS_KEY_ID": "AKIAREALREALREALREAL",
    "AWS_SECRET_ACCESS_KEY": "a-real-looking-secret",
    "AWS_SESSION_TOKEN": "a-real-looking-token",
    "AWS_PROFILE": "production",
    "AWS_ENDPOINT_URL": "https://192.0.2.1",
    "AWS_REGION": "us-east-1",
    "HTTPS_PROXY": "",
}
BROKEN_APP = """
import os
from pathlib import Path
import aws_cdk as cdk
app = cdk.App(outdir=os.environ.get("CDK_OUTDIR", "cdk.out"))
stack = cdk.Stack(app, "Broken", synthesizer=cdk.CliCredentialsStackSynthesizer())
cdk.CfnResource(stack, "Thing", type="AWS::CloudWatch::CompositeAlarm", properties={"AlarmRule": "TRUE"})
(Path(app.outdir) / "left-out.json").write_text("[]")
app.synth()
"""


def processes_of(state: Path) -> dict[int, str]:
    """Processes whose environment names this state folder, or the emulator's of it: pid → environment as text."""
    marks, found = [str(state).encode(), str(emulator.scratch_folder(state)).encode()], {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            with contextlib.suppress(OSError):
                text = (entry / "environ").read_bytes()
                if any(mark in text for mark in marks):
                    found[int(entry.name)] = text.replace(b"\0", b"\n").decode(errors="replace")
    return found


def await_none(state: Path) -> dict[int, str]:
    end = time.monotonic() + 5
    while processes_of(state) and time.monotonic() < end:
        time.sleep(0.05)
    return processes_of(state)


class Launched:
    """One running launcher; its lines can be waited for."""

    def __init__(self, state: Path, port: int, *words: str, root: Path = ROOT, shell: dict[str, str] | None = None) -> None:
        self.state = state
        self.lines: list[str] = []
        self._queue: Queue[str] = Queue()
        env = dict(os.environ) | (shell or {}) | {"COUNTROOM_STATE_DIR": str(state), "COUNTROOM_PORT": str(port)}
        self.process = subprocess.Popen(  # noqa: S603 - our own program
            [sys.executable, "-m", "sandbox", "run", *words],
            cwd=root,
            env=env,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self._reader = Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout
        with self.process.stdout as output:
            for line in output:
                self._queue.put(line.rstrip())

    def await_line(self, part: str) -> str:
        end = time.monotonic() + START_SECONDS
        while time.monotonic() < end:
            try:
                line = self._queue.get(timeout=0.2)
            except Empty:
                assert self.process.poll() is None, "\n".join(self.lines)
                continue
            self.lines.append(line)
            if part in line:
                return line
        raise AssertionError(f"{part!r} did not come:\n" + "\n".join(self.lines))

    def end(self, number: int | None = None, timeout: float = END_SECONDS) -> int:
        if number is not None:
            self.process.send_signal(number)
        code = self.process.wait(timeout)
        self._reader.join(5)
        with contextlib.suppress(Empty):
            while True:
                self.lines.append(self._queue.get_nowait())
        return code


@pytest.fixture
def state(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "state-of-this-test"
    yield folder
    for pid in processes_of(folder):  # only after a failed test is anything left
        os.kill(pid, signal.SIGKILL)


def test_a_whole_run(state: Path) -> None:
    """Up with a walked journey; real credentials unused; a second run refused; Ctrl-C leaves nothing."""
    port = world.free_port()
    first = Launched(state, port, shell=REAL)
    first.await_line("up until Ctrl-C")
    shown = "\n".join(first.lines)
    assert "the count is right" in shown
    assert "left out" in shown
    stack = Stack.read(state / "stack.json")
    assert len(stack.players) == 2
    assert (state / "stack.json").stat().st_mode & 0o777 == 0o600

    running = {pid: text for pid, text in processes_of(state).items() if pid != first.process.pid}
    assert len(running) >= 8  # the emulator, and a worker for each function that the journey needed
    assert not [pid for pid, text in running.items() if any(value in text for value in list(REAL.values())[:5])]
    assert "AKIAREAL" not in (state / "logs" / "emulator.log").read_text(encoding="utf-8")

    second = Launched(state, world.free_port(), "--once")
    assert second.end() == 1
    assert f"process {first.process.pid}" in second.lines[-1]
    assert len(second.lines) == 1

    assert first.end(signal.SIGINT) == 0
    assert "nothing was left running" in first.lines[-1]
    assert await_none(state) == {}
    assert not (state / "stack.json").exists()
    assert not (state / "tmp").exists()
    assert not emulator.scratch_folder(state).exists()
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(("127.0.0.1", port))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_stopped_before_it_is_up(state: Path, number: signal.Signals) -> None:
    launched = Launched(state, world.free_port(), "--once")
    launched.await_line("emulator up")
    assert processes_of(state)
    assert launched.end(number) == 130
    assert "nothing was left running" in launched.lines[-1]
    assert await_none(state) == {}
    assert not (state / "stack.json").exists()


def test_killed_without_a_word(state: Path) -> None:
    launched = Launched(state, world.free_port(), "--once")
    launched.await_line("emulator up")
    assert emulator.scratch_folder(state).exists()
    launched.end(signal.SIGKILL)
    assert await_none(state) == {}
    assert not emulator.scratch_folder(state).exists()


def test_a_busy_port(state: Path) -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]
        launched = Launched(state, port, "--once")
        assert launched.end() == 1
    assert len(launched.lines) == 1
    assert f"Port {port} on 127.0.0.1 is in use" in launched.lines[0]
    assert "COUNTROOM_PORT=" in launched.lines[0]
    assert await_none(state) == {}


@pytest.mark.parametrize("port", ["x", "0", "80", "70000", "-1", "4566.0"])
def test_a_port_that_is_none(state: Path, port: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "sandbox", "run", "--once"],
        cwd=ROOT,
        env=dict(os.environ) | {"COUNTROOM_PORT": port, "COUNTROOM_STATE_DIR": str(state)},
        capture_output=True,
        text=True,
        timeout=END_SECONDS,
        check=False,
    )
    assert done.returncode == 1
    assert "COUNTROOM_PORT is" in done.stdout
    assert not done.stderr


def copy_of_the_project(folder: Path, app: str) -> Path:
    """The same tools around another app."""
    shutil.copytree(ROOT / "sandbox", folder / "sandbox", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("cdk.json", "package.json", "package-lock.json", "requirements.txt"):
        shutil.copy(ROOT / name, folder / name)
    (folder / "app.py").write_text(app, encoding="utf-8")
    (folder / ".venv").symlink_to(ROOT / ".venv")
    (folder / "node_modules").symlink_to(ROOT / "node_modules")
    (folder / ".sandbox").mkdir()
    for name in ("venv", "home"):
        (folder / ".sandbox" / name).symlink_to(ROOT / ".sandbox" / name)
    return folder


@pytest.mark.parametrize(
    ("app", "sentence"),
    [
        (BROKEN_APP, "cdk deploy failed"),
        ("raise SystemExit('the app is broken')", "cdk synth failed"),
    ],
)
def test_an_app_that_does_not_deploy(state: Path, tmp_path: Path, app: str, sentence: str) -> None:
    root = copy_of_the_project(tmp_path / "project", app)
    launched = Launched(state, world.free_port(), "--once", root=root)
    assert launched.end(timeout=START_SECONDS) == 1
    failed = [line for line in launched.lines if "FAILED" in line]
    assert len(failed) == 1
    assert sentence in failed[0]
    assert str(state / "logs") in failed[0]
    assert not any("Traceback" in line for line in launched.lines)
    assert await_none(state) == {}
    assert not (state / "stack.json").exists()
