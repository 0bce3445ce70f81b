"""`cdk synth` and `cdk deploy` of the very app that goes to AWS, against the emulator."""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sandbox import aws
from sandbox.environment import ACCOUNT, REGION, base, credentials, package_settings
from sandbox.loopback import require_loopback
from sandbox.processes import Program, last_lines
from sandbox.stack import Apis, LeftOut

STAGE = "sandbox"
SYNTH_TIMEOUT_SECONDS = 180
DEPLOY_TIMEOUT_SECONDS = 180
ASSET_BUCKET = f"cdk-hnb659fds-assets-{ACCOUNT}-{REGION}"  # the CDK's name for it, qualifier and all
LEFT_OUT_FILE = "left-out.json"
_TELLING = re.compile(r"❌|CREATE_FAILED|UPDATE_FAILED|[Ee]rror\b|failed|Unsupported|Exception")
_EVENT = re.compile(r"^\s*(\S+)\s*\|\s*(\d+)(?:/\d+)?\s*\|.*_COMPLETE\b")
_API = re.compile(r"^https?://([a-z0-9]+)\.execute-api\.[^/]+(?:/([^/]+))?/?$")


class DeployError(Exception):
    """The app could not be synthesised or deployed; the message holds the last lines that matter and names the log."""


@dataclass(frozen=True, slots=True)
class Tools:
    """The programs that the sandbox starts, all installed by its set-up."""

    emulator_python: Path
    node: Path
    cdk: Path
    venv: Path


@dataclass(frozen=True, slots=True)
class Place:
    """Folders of one deployment: the app's root, the assembly, scratch space, logs, and the tools' home (caches)."""

    root: Path
    assembly: Path
    temp: Path
    logs: Path
    home: Path


def synth(tools: Tools, place: Place, urls: Mapping[str, Mapping[str, str]]) -> Program:
    """Start `cdk synth` of the sandbox stage; it needs no emulator, so it can run while that starts.

    `urls`: the app's context → provider or gateway → where its API listens in this run.
    """
    env = _environment(tools, place) | package_settings(os.environ)
    context = ["-c", f"stage={STAGE}"]
    for name, addresses in urls.items():
        context += ["-c", f"{name}={json.dumps(addresses)}"]
    command: list[str | Path] = [tools.node, tools.cdk, "synth", "--quiet", *context, "--output", place.assembly]
    return Program(command, env=env, cwd=place.root, log=place.logs / "synth.log")


def finish_synth(program: Program) -> None:
    """Wait for the templates.

    Raises:
        DeployError: when there are none.

    """
    _finish(program, "cdk synth", SYNTH_TIMEOUT_SECONDS)


def deploy(tools: Tools, place: Place, endpoint: str, on_progress: Callable[[str], None]) -> dict[str, str]:
    """Deploy all stacks of the assembly and give their outputs by name.

    Raises:
        DeployError: when CloudFormation refuses something.
        NotLoopbackError: when the endpoint is not on this machine.

    """
    require_loopback(endpoint)
    # The stage deploys with the caller's own keys, so of a bootstrap only the bucket for assets is needed.
    aws.client("s3", endpoint).create_bucket(Bucket=ASSET_BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
    outputs = place.temp / "outputs.json"
    env = _environment(tools, place) | credentials() | {"AWS_ENDPOINT_URL": endpoint}
    command: list[str | Path] = [tools.node, tools.cdk, "deploy", "--app", place.assembly, "--all", "--require-approval", "never"]
    command += ["--method", "direct", "--no-rollback", "--progress", "events", "--ci", "--outputs-file", outputs]
    done: dict[str, str] = {}

    def follow(line: str) -> None:
        if found := _EVENT.match(line):
            done[found[1]] = found[2]
            on_progress(", ".join(f"{count} resources in {stack}" for stack, count in done.items()))

    with Program(command, env=env, cwd=place.root, log=place.logs / "deploy.log", on_line=follow) as program:
        _finish(program, "cdk deploy", DEPLOY_TIMEOUT_SECONDS)
    stacks: dict[str, dict[str, str]] = json.loads(outputs.read_text(encoding="utf-8"))
    return {name: value for stack in stacks.values() for name, value in stack.items()}


def prune(assembly: Path) -> None:
    """Remove assets of earlier syntheses: the CDK keeps them all, and every change of the code makes a new one."""
    named = "".join(path.read_text(encoding="utf-8") for path in assembly.glob("*.assets.json"))
    for asset in assembly.glob("asset.*"):
        if asset.name not in named and asset.is_dir():
            shutil.rmtree(asset, ignore_errors=True)


def left_out(assembly: Path) -> list[LeftOut]:
    """Read which resources the app left out of this stage, as the synth noted them."""
    noted: list[dict[str, Any]] = json.loads((assembly / LEFT_OUT_FILE).read_text(encoding="utf-8"))
    return [LeftOut(one["type"], one["logical_id"], one["reason"]) for one in noted]


def apis(endpoint: str, outputs: Mapping[str, str]) -> Apis:
    """Give the base URLs under which the emulator serves the APIs.

    Raises:
        DeployError: when an output is missing or no API URL.

    """
    return Apis(
        player=_api(endpoint, outputs, "PlayerApiUrl"),
        provider=_api(endpoint, outputs, "ProviderApiUrl"),
        webhook=_api(endpoint, outputs, "WebhookApiUrl"),
        verification=_api(endpoint, outputs, "VerificationApiUrl"),
    )


def _api(endpoint: str, outputs: Mapping[str, str], name: str) -> str:
    found = _API.match(outputs.get(name, ""))
    if not found:
        raise DeployError(f"The app was deployed, but its output {name} is no API's address: {outputs.get(name)!r}.")
    return f"{endpoint}/_aws/execute-api/{found[1]}/{found[2] or '$default'}"


def _environment(tools: Tools, place: Place) -> dict[str, str]:
    path = (tools.venv / "bin", tools.node.parent)
    quiet = {"CDK_DISABLE_CLI_TELEMETRY": "true", "CDK_DISABLE_VERSION_CHECK": "1", "NO_COLOR": "1", "CI": "true"}
    return base(os.environ, home=place.home, temp=place.temp, path=path) | quiet


def _finish(program: Program, what: str, timeout_seconds: float) -> None:
    try:
        code = program.wait(timeout_seconds)
    except subprocess.TimeoutExpired:
        raise DeployError(f"{what} did not end within {timeout_seconds:.0f} s; its log is {program.log}.") from None
    if code != 0:
        said = "\n  ".join(last_lines(program.log, lambda line: bool(_TELLING.search(line))))
        raise DeployError(f"{what} failed, and nothing was left running; its log is {program.log}. It said last:\n  {said}")
