"""Synthesise a stage, deploy it, or prepare an account for it, with the pinned CDK CLI on the Node of the virtual environment.

`synth` needs no credentials. `bootstrap` (once for an account and region) and `deploy` use those of your shell; `deploy` shows
every change of permissions and asks before it applies one.
"""

import argparse
import os
import subprocess
import sys
from pathlib import Path

from sandbox.setup import NODE_MODULES, ROOT, node_home

STAGES = ("dev", "prod")


def command(action: str, stage: str, node: Path) -> list[str]:
    """Return the arguments that run the CDK CLI for one stage."""
    cli = [str(node / "bin" / "node"), str(NODE_MODULES / "aws-cdk" / "bin" / "cdk")]
    if action == "bootstrap":
        return [*cli, "bootstrap", "--context", f"stage={stage}", "--output", f"cdk.out/{stage}"]
    if action == "synth":
        return [*cli, "synth", "--quiet", "--strict", "--context", f"stage={stage}", "--output", f"cdk.out/{stage}"]
    approval = ["--require-approval", "broadening"]
    return [*cli, "deploy", "--all", "--context", f"stage={stage}", "--output", f"cdk.out/{stage}", *approval]


def main() -> int:
    """Run the CDK; return its exit status."""
    parser = argparse.ArgumentParser(prog="python -m tools.cdk", description=__doc__)
    parser.add_argument("action", choices=("synth", "bootstrap", "deploy"))
    parser.add_argument("stage", choices=STAGES)
    asked = parser.parse_args()
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
