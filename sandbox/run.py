"""`make run`: the whole casino on this machine, from nothing to a walked journey, and nothing left behind afterwards."""

import contextlib
import dataclasses
import fcntl
import os
import shutil
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from sandbox import aws, deploy, emulator, function_logs, outside, staff
from sandbox.environment import forget_credentials
from sandbox.journey import Journey
from sandbox.loopback import NotLoopbackError
from sandbox.screen import Screen
from sandbox.setup import EMULATOR_VENV, NODE_MODULES, VENV, SetupError, node_home
from sandbox.stack import ROOT, Stack, state_folder
from sandbox.teller import DeviationError

DEFAULT_PORT = 4566
EMULATOR_GONE_POLL_SECONDS = 0.5
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class RunError(Exception):
    """The sandbox cannot run; the message is one sentence that says what to do."""


class StoppedError(BaseException):
    """A signal asked the sandbox to end; like KeyboardInterrupt, nothing but the outermost edge may catch it."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Where and how one sandbox runs."""

    port: int
    state: Path
    root: Path = ROOT

    @property
    def stack_path(self) -> Path:
        """Place of stack.json."""
        return self.state / "stack.json"


def settings_from_environment() -> Settings:
    """Read COUNTROOM_PORT and COUNTROOM_STATE_DIR.

    Raises:
        RunError: when the port is none.

    """
    said = os.environ.get("COUNTROOM_PORT") or str(DEFAULT_PORT)
    if not said.isascii() or not said.isdigit() or not 1024 <= int(said) <= emulator.PORT_MAX:  # noqa: PLR2004 - not root's
        raise RunError(f"COUNTROOM_PORT is {said!r}: set it to a number from 1024 to {emulator.PORT_MAX}.")
    return Settings(int(said), state_folder())


def tools() -> deploy.Tools:
    """Find the installed tools.

    Raises:
        RunError: when the set-up has not been run.

    """
    try:
        node = node_home() / "bin" / "node"
    except SetupError as error:
        raise RunError(str(error)) from None
    found = deploy.Tools(EMULATOR_VENV / "bin" / "python", node, NODE_MODULES / "aws-cdk" / "bin" / "cdk", VENV)
    for path in (found.emulator_python, found.cdk):
        if not path.exists():
            raise RunError("The tools are not installed: run `python3 sandbox/setup.py` first.")
    return found


@contextlib.contextmanager
def running(settings: Settings, screen: Screen) -> Iterator[Stack]:
    """Run a sandbox and give it, deployed and with its keys in place; leaving ends and removes everything but the logs.

    Raises:
        RunError, EmulatorError, DeployError, StaffError: with the sentence to show.

    """
    with contextlib.ExitStack() as stays:
        stays.enter_context(_only_one(settings.state))
        place = _place(settings)
        stays.callback(shutil.rmtree, place.temp, ignore_errors=True)
        stays.callback(settings.stack_path.unlink, missing_ok=True)
        emulator.require_free_port(settings.port)
        found = tools()
        desks = stays.enter_context(outside.running())
        with screen.phase("emulator and templates"), deploy.synth(found, place, desks.urls) as synth:
            log = place.logs / "emulator.log"
            scratch = emulator.scratch_folder(settings.state)
            up = emulator.running(found.emulator_python, settings.port, scratch, log)
            endpoint = stays.enter_context(up)
            screen.say(f"emulator up at {endpoint}, IAM enforced")
            deploy.finish_synth(synth)
        deploy.prune(place.assembly)
        with screen.phase("deploy"):
            outputs = deploy.deploy(found, place, endpoint, screen.detail)
        with screen.phase("keys and games"):
            stack = outside.hand_over_keys(endpoint, outputs, place.assembly, desks)
            staff.import_games(stack)
        stack.write(settings.stack_path)
        yield stack


def _place(settings: Settings) -> deploy.Place:
    temp = settings.state / "tmp"
    shutil.rmtree(temp, ignore_errors=True)  # what a killed run left
    place = deploy.Place(
        root=settings.root,
        assembly=settings.state / "cdk.out",
        temp=temp,
        logs=settings.state / "logs",
        home=ROOT / ".sandbox" / "home",
    )
    for folder in (temp, place.logs, place.home):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    (place.logs / "functions.log").unlink(missing_ok=True)  # written only when a journey fails: an old one would mislead
    return place


@contextlib.contextmanager
def _only_one(state: Path) -> Iterator[None]:
    """Keep a second run out of the same folder; the lock goes with the process that holds it, however that ends."""
    state.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (state / "run.lock").open("a+", encoding="ascii") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            lock.seek(0)
            holder = lock.read().strip() or "unknown"
            raise RunError(
                f"A sandbox runs in {state} already (process {holder}): use that one, or end it with Ctrl-C in its"
                f" terminal or `kill {holder}`."
            ) from None
        lock.truncate(0)
        lock.write(f"{os.getpid()}\n")
        lock.flush()
        try:
            yield
        finally:
            lock.truncate(0)


def walk(settings: Settings, stack: Stack, screen: Screen) -> None:
    """Walk the journey, and write the players it made into stack.json.

    Raises:
        DeviationError: when an answer is not as it must be.

    """
    journey = Journey(stack, settings.stack_path, settings.state / "tmp", screen.plain)
    try:
        with screen.phase("journey", talks=True):
            players = journey.walk()
    except DeviationError:
        with contextlib.suppress(*aws.ERRORS):
            function_logs.save(stack.endpoint, settings.state / "logs" / "functions.log")
        raise
    dataclasses.replace(stack, players=players).write(settings.stack_path)


def main(*, once: bool) -> int:
    """Run the sandbox until it is told to end, or with `once` until the journey's end. 0 is good, 1 is not."""
    screen = Screen()
    walked = False
    for number in _SIGNALS:
        signal.signal(number, _stop)
    forget_credentials(os.environ)
    try:
        settings = settings_from_environment()
        with running(settings, screen) as stack:
            _tell_left_out(stack, screen)
            walk(settings, stack, screen)
            walked = True
            screen.say(f"the count is right ({screen.summary()})")
            if not once:
                _stay(settings, stack, screen)
            screen.say("ending")
            _deafen()
    except (RunError, emulator.EmulatorError, deploy.DeployError, staff.StaffError, NotLoopbackError, *aws.ERRORS) as error:
        screen.say(f"FAILED: {error}")
        return 1
    except DeviationError as error:
        logs = settings.state / "logs"
        screen.say(f"THE JOURNEY FAILED {error}. The logs are in {logs}.")
        return 1
    except StoppedError as stopped:
        screen.say(f"{stopped}: stopped; nothing was left running")
        return 0 if walked else 130
    screen.say("ended; nothing was left running")
    return 0


def _tell_left_out(stack: Stack, screen: Screen) -> None:
    kinds = sorted({one.type for one in stack.left_out})
    if kinds:
        screen.say(f"left out, for the emulator cannot hold them: {', '.join(kinds)}")
    else:
        screen.say("nothing was left out")


def _stay(settings: Settings, stack: Stack, screen: Screen) -> None:
    screen.plain("")
    for name, url in dataclasses.asdict(stack.apis).items():
        screen.plain(f"  {name:<9} {url}")
    screen.plain(f"  {'mails':<9} .venv/bin/python -m sandbox.mailbox")
    screen.plain(f"  {'keys':<9} {settings.stack_path}")
    screen.say("up until Ctrl-C")
    port = settings.port
    while _listens(port):
        time.sleep(EMULATOR_GONE_POLL_SECONDS)
    raise RunError(f"The emulator ended by itself; its log is {settings.state / 'logs' / 'emulator.log'}.")


def _listens(port: int) -> bool:
    try:
        emulator.require_free_port(port)
    except emulator.EmulatorError:
        return True
    return False


def _stop(number: int, _frame: FrameType | None) -> None:
    _deafen()
    raise StoppedError(signal.Signals(number).name)


def _deafen() -> None:
    """Let the clean-up run to its end: it is bounded, and a second signal would only cut it short."""
    for number in _SIGNALS:
        signal.signal(number, signal.SIG_IGN)
