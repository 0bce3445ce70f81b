"""Builds what goes into a Lambda, on this machine and without Docker: the dependency layer and the functions' own code.

The same input gives the same bytes. An asset is named after its input, so a later synth finds it in cdk.out and builds nothing.
"""

import hashlib
import shutil
import subprocess
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import aws_cdk as cdk
import jsii
import uv

from infrastructure.stages import Target

_ROOT = Path(__file__).resolve().parent.parent
FUNCTIONS_FOLDER = _ROOT / "functions"
LAYER_FOLDER = _ROOT / "layers" / "dependencies"

_INSTALL_TIMEOUT_SECONDS = 600
_COMPILE_TIMEOUT_SECONDS = 300

# A change of how things are built must give the result another name, although no input changed.
_RECIPE = "1"


class BundlingError(RuntimeError):
    """A layer or an asset could not be built; the message says which command failed and what it printed."""


@dataclass(frozen=True, slots=True)
class Pruning:
    """What of the installed packages a Lambda never reads."""

    botocore_services: tuple[str, ...]
    """Services whose API models stay. A client of any other raises UnknownServiceError, at once and by name."""
    paths: tuple[str, ...]
    """Globs below python/ of files and folders that go."""


PRUNING = Pruning(
    botocore_services=("dynamodb", "kms", "s3", "secretsmanager", "sesv2", "sqs", "stepfunctions"),
    paths=(
        "bin",  # command-line tools of the packages
        "boto3/data",  # models of boto3's resource layer; clients do not read them
        "boto3/examples",
        "**/tests",
        "**/*.pyi",
        "**/*.c",
        "**/*.h",
        "*.dist-info/RECORD",  # uv's bookkeeping; METADATA, entry points and licences stay
        "*.dist-info/INSTALLER",
        "*.dist-info/REQUESTED",
        "*.dist-info/sboms",
    ),
)


def interpreter_for(target: Target) -> str | None:
    """Path of the interpreter whose byte code `target` runs, or None when this machine has none."""
    if target.python == f"{sys.version_info.major}.{sys.version_info.minor}":
        return sys.executable
    return shutil.which(f"python{target.python}")


def layer_options(target: Target, pruning: Pruning = PRUNING) -> tuple[str, cdk.BundlingOptions]:
    """Return the name (a digest of all that goes in) and the build of the dependency layer for `target`."""
    requirements = LAYER_FOLDER / "requirements.txt"
    name = _digest([_RECIPE, repr(target), repr(pruning), _byte_code(target), requirements.read_text(encoding="utf-8")])
    return name, _options(_LayerBuild(target, pruning, requirements))


def code_options(target: Target) -> tuple[str, cdk.BundlingOptions]:
    """Return the name and the build of the asset that holds all functions for `target`."""
    parts = [_RECIPE, repr(target), _byte_code(target)]
    for path in source_files():
        parts += [path.relative_to(FUNCTIONS_FOLDER).as_posix(), path.read_text(encoding="utf-8")]
    return _digest(parts), _options(_CodeBuild(target))


def source_files() -> list[Path]:
    """Files below functions/ that a Lambda gets, in a fixed order: all but byte code and hidden files."""
    files = (path for path in FUNCTIONS_FOLDER.rglob("*") if path.is_file())
    return sorted(path for path in files if not any(_is_left_out(part) for part in path.relative_to(FUNCTIONS_FOLDER).parts))


def _is_left_out(name: str) -> bool:
    return name == "__pycache__" or name.startswith(".")


@jsii.implements(cdk.ILocalBundling)
class _LayerBuild:
    """Installs the pinned packages, hashes checked and wheels only, then prunes and compiles them."""

    def __init__(self, target: Target, pruning: Pruning, requirements: Path) -> None:
        self._target = target
        self._pruning = pruning
        self._requirements = requirements

    def try_bundle(self, output_dir: str, *_options: object, **_named: object) -> bool:
        """Fill `output_dir`; True means done, raise BundlingError otherwise: there is no second way to build it."""
        packages = Path(output_dir) / "python"
        _run(self._install_command(packages), _INSTALL_TIMEOUT_SECONDS)
        prune(packages, self._pruning)
        compile_byte_code(packages, self._target)
        return True

    def _install_command(self, packages: Path) -> list[str]:
        command = [uv.find_uv_bin(), "pip", "install", "--quiet", "--require-hashes", "--only-binary", ":all:"]
        command += ["--no-compile-bytecode", "--link-mode", "copy", "--target", str(packages)]
        if self._target.platform is None:
            command += ["--python", sys.executable]
        else:
            command += ["--python-platform", self._target.platform, "--python-version", self._target.python]
        return [*command, "--requirement", str(self._requirements)]


@jsii.implements(cdk.ILocalBundling)
class _CodeBuild:
    """Copies functions/ and compiles the copy."""

    def __init__(self, target: Target) -> None:
        self._target = target

    def try_bundle(self, output_dir: str, *_options: object, **_named: object) -> bool:
        """Fill `output_dir`; True means done."""
        output = Path(output_dir)
        for source in source_files():
            copy = output / source.relative_to(FUNCTIONS_FOLDER)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, copy)
        compile_byte_code(output, self._target)
        return True


def prune(packages: Path, pruning: Pruning) -> None:
    """Remove from `packages` (an installation) all that `pruning` names."""
    doomed: set[Path] = set()
    for pattern in pruning.paths:
        doomed.update(packages.glob(pattern))
    models = packages / "botocore" / "data"
    doomed.update(path for path in _folders(models) if path.name not in pruning.botocore_services)
    for path in sorted(doomed):
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def compile_byte_code(folder: Path, target: Target) -> None:
    """Write .pyc files beside the sources in `folder`, if this machine has the interpreter of `target`.

    /var/task and /opt are read-only, so without them a Lambda compiles at every cold start. They are trusted unchecked: the
    sources cannot change under them, and unpacking a zip gives files other times than those they were compiled at.
    """
    interpreter = interpreter_for(target)
    if interpreter is None:
        return
    command = [interpreter, "-m", "compileall", "-q", "--invalidation-mode", "unchecked-hash", "-s", str(folder)]
    _run([*command, str(folder)], _COMPILE_TIMEOUT_SECONDS)


def _folders(folder: Path) -> list[Path]:
    return [path for path in folder.iterdir() if path.is_dir()] if folder.is_dir() else []


def _byte_code(target: Target) -> str:
    return "compiled" if interpreter_for(target) else "sources only"


def _options(build: cdk.ILocalBundling) -> cdk.BundlingOptions:
    # The image is what Docker would use if the local build declined; it never does, so the image is never pulled.
    return cdk.BundlingOptions(image=cdk.DockerImage.from_registry("none"), local=build)


def _digest(parts: Iterable[str]) -> str:
    digest = hashlib.sha256()
    for part in parts:
        encoded = part.encode()
        digest.update(len(encoded).to_bytes(8, "big") + encoded)
    return digest.hexdigest()


def _run(command: Sequence[str], timeout_seconds: int) -> None:
    try:
        done = subprocess.run(  # noqa: S603 - the command is spelled above, no part of it is input from outside
            command, capture_output=True, text=True, timeout=timeout_seconds, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise BundlingError(f"{command[0]} did not run: {error}") from error
    if done.returncode != 0:
        raise BundlingError(f"{' '.join(command)} failed:\n{done.stderr or done.stdout}")
