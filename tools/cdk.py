"""Synthesise a stage, deploy it, or prepare an account for it, with the pinned CDK CLI on the Node of the virtual environment.

`synth` needs no credentials. `bootstrap` (once for an account and region) and `deploy` use those of your shell; `deploy` shows
every change of permissions and asks before it applies one.
"""

import argparse
import os
import subprocess
import sys
from pathlib import Path

import botocore.session
from botocore.exceptions import BotoCoreError

from infrastructure.stages import stage_settings
from sandbox.setup import NODE_MODULES, ROOT, node_home

STAGES = ("dev", "prod")
_PLACEHOLDER = ".example"
_NO_CREDENTIALS = "There are no AWS credentials in this shell. Set AWS_PROFILE, or log in (aws sso login), and try again."


def command(action: str, stage: str, node: Path) -> list[str]:
    """Return the arguments that run the CDK CLI for one stage."""
    cli = [str(node / "bin" / "node"), str(NODE_MODULES / "aws-cdk" / "bin" / "cdk")]
    if action == "bootstrap":
        return [*cli, "bootstrap", "--context", f"stage={stage}", "--output", f"cdk.out/{stage}"]
    if action == "synth":
        return [*cli, "synth", "--quiet", "--strict", "--context", f"stage={stage}", "--output", f"cdk.out/{stage}"]
    approval = ["--require-approval", "broadening"]
    return [*cli, "deploy", "--all", "--context", f"stage={stage}", "--output", f"cdk.out/{stage}", *approval]


def has_credentials() -> bool:
    """Say whether this shell has AWS credentials at all; whether they are any good, AWS says."""
    try:
        return botocore.session.get_session().get_credentials() is not None
    except BotoCoreError as error:
        print(f"The AWS credentials of this shell cannot be read: {error}", file=sys.stderr)
        return False


def warning(stage: str) -> str:
    """Say what a deployment of this stage will lack as its settings stand, '' for nothing."""
    domain = stage_settings(stage).mail_domain
    if not domain.endswith(_PLACEHOLDER):
        return ""
    return (
        f"Note: mail_domain of {stage} is the placeholder {domain}. No e-mail will be delivered, so nobody can register, "
        "until you put a domain of yours there (infrastructure/stages.py; docs/runbook.md, first deployment)."
    )


def main() -> int:
    """Run the CDK; return its exit status."""
    parser = argparse.ArgumentParser(prog="python -m tools.cdk", description=__doc__)
    parser.add_argument("action", choices=("synth", "bootstrap", "deploy"))
    parser.add_argument("stage", choices=STAGES)
    asked = parser.parse_args()
    if asked.action != "synth" and not has_credentials():
        print(_NO_CREDENTIALS, file=sys.stderr)
        return 1
    if asked.action == "deploy" and (note := warning(asked.stage)):
        print(note)
    node = node_home()
    search = os.pathsep.join((str(node / "bin"), os.environ.get("PATH", os.defpath)))
    done = subprocess.run(  # noqa: S603 - fixed arguments, no shell
        command(asked.action, asked.stage, node), cwd=ROOT, env={**os.environ, "PATH": search}, check=False
    )
    if done.returncode == 0 and asked.action == "synth":
        print(f"Templates of stage {asked.stage} are in cdk.out/{asked.stage}; no finding of cdk-nag is left open.")
    return done.returncode


if __name__ == "__main__":
    sys.exit(main())
