"""Entrance of the CDK command line: `cdk synth -c stage=prod`. Run alone, it writes the templates of one stage to cdk.out."""

import os
import sys

from infrastructure.application import build
from infrastructure.stages import UnknownStageError


def main() -> int:
    """Synthesise the stage named by the CDK context; return the exit status."""
    try:
        build(outdir=os.environ.get("CDK_OUTDIR", "cdk.out"))
    except UnknownStageError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    except RuntimeError as error:
        # The CDK wraps what goes wrong in a build; the command that failed and its own words are all that helps.
        if "Failed to bundle asset" not in str(error):
            raise
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
