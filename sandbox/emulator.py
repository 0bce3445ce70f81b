"""MiniStack, the AWS emulator, as a child process on loopback with IAM enforced and nothing kept."""

import contextlib
import hashlib
import os
import shutil
import socket
import time
from collections.abc import Iterator
from pathlib import Path

from sandbox.environment import ACCOUNT, REGION, base, credentials
from sandbox.processes import Program, last_lines
from sandbox.wire import NoAnswerError, send

HOST = "127.0.0.1"
START_TIMEOUT_SECONDS = 30.0
GRACE_SECONDS = 0.5  # it keeps nothing, so it has nothing to put in order
WORKERS_MAX = 32
"""Lambda invocations at once; more are throttled (429), as an account's limit would. Each worker takes about 80 MB of memory."""

PROGRAM = Path(__file__).with_name("emulator_program.py")
MEMORY_FOLDER = Path("/dev/shm")  # noqa: S108 - the folder made in it has a fixed owner and mode
MEMORY_FREE_MIN = 3 * 1024**3
PORT_MAX = 65_535
MAILS_PATH = "/_ministack/ses/messages"
"""Where the emulator shows the mails that its SES has taken."""


class EmulatorError(Exception):
    """The emulator cannot be started; the message says what to do."""


def require_free_port(port: int) -> None:
    """Check that nothing listens on the port.

    Raises:
        EmulatorError: with the sentence to show.

    """
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # a port in TIME_WAIT is free
        try:
            probe.bind((HOST, port))
        except OSError:
            raise EmulatorError(
                f"Port {port} on {HOST} is in use: end the program that listens there, or choose another port with"
                f" `COUNTROOM_PORT={port + 1 if port < PORT_MAX else port - 1} make run`."
            ) from None


def environment(port: int, temp: Path) -> dict[str, str]:
    """Build the emulator's environment; its Lambda workers inherit it."""
    own = {
        "AUTH": "true",
        "BIND_HOST": HOST,
        "GATEWAY_PORT": str(port),
        "MINISTACK_HOST": HOST,
        "MINISTACK_REGION": REGION,
        "MINISTACK_ACCOUNT_ID": ACCOUNT,
        "IOT_MTLS_ENABLED": "0",
        "SFTP_ENABLED": "0",
        "PERSIST_STATE": "0",
        "STATE_DIR": str(temp / "state"),
        "S3_DATA_DIR": str(temp / "s3"),
        "DOCKER_HOST": f"unix://{temp}/no-docker",  # it would remove containers that it takes for its own
        "LAMBDA_ACCOUNT_CONCURRENCY": str(WORKERS_MAX),
        "LOG_LEVEL": "INFO",
    }
    return base(os.environ, home=temp, temp=temp) | credentials() | own


def scratch_folder(state: Path) -> Path:
    """Give the folder in which the emulator unpacks a copy of the code for each Lambda worker: in memory where there is room.

    Fixed for a state folder, so that the next run finds what a killed one may have left.
    """
    try:
        roomy = shutil.disk_usage(MEMORY_FOLDER).free >= MEMORY_FREE_MIN and os.access(MEMORY_FOLDER, os.W_OK | os.X_OK)
    except OSError:
        roomy = False
    if not roomy:
        return state / "scratch"
    return MEMORY_FOLDER / f"countroom-{os.getuid()}-{hashlib.sha256(str(state).encode()).hexdigest()[:16]}"


@contextlib.contextmanager
def running(python: Path, port: int, temp: Path, log: Path) -> Iterator[str]:
    """Run the emulator and give its endpoint once it answers; leaving ends it with its Lambda workers.

    Raises:
        EmulatorError: when the port is taken, or it does not come up within START_TIMEOUT_SECONDS.

    """
    require_free_port(port)
    shutil.rmtree(temp, ignore_errors=True)  # what a killed run may have left
    try:
        temp.mkdir(mode=0o700)
    except OSError as error:
        raise EmulatorError(f"The emulator's scratch folder cannot be made ({error}): remove {temp}.") from None
    endpoint = f"http://{HOST}:{port}"
    command: list[str | Path] = [python, "-P", PROGRAM]
    with Program(command, env=environment(port, temp), cwd=temp, log=log, grace_seconds=GRACE_SECONDS, scratch=temp) as program:
        _await_health(program, endpoint)
        yield endpoint


def _await_health(program: Program, endpoint: str) -> None:
    end = time.monotonic() + START_TIMEOUT_SECONDS
    while time.monotonic() < end and program.exit_status is None:
        with contextlib.suppress(NoAnswerError, ValueError):
            answer = send("GET", f"{endpoint}/_ministack/health", timeout_seconds=2.0)
            if answer.status == 200:  # noqa: PLR2004 - OK
                if answer.json().get("auth") != "enabled":
                    raise EmulatorError("The emulator runs without IAM: its AUTH setting did not arrive.")
                return
        time.sleep(0.05)
    said = " / ".join(last_lines(program.log, count=2)) or "it said nothing"
    raise EmulatorError(f"The emulator did not come up ({said}); its log is {program.log}.")
