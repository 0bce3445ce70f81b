"""The sandbox's command line: `python -m sandbox run [--once]`."""

import argparse
import os
import sys

from sandbox import run


def main(arguments: list[str]) -> int:
    """Carry out one command and give its exit status."""
    parser = argparse.ArgumentParser(prog="python -m sandbox", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    running = commands.add_parser("run", help="start the emulator, deploy, walk the journey, stay up until Ctrl-C")
    running.add_argument("--once", action="store_true", help="end after the journey, with its result (also ONCE=1)")
    options = parser.parse_args(arguments)
    return run.main(once=options.once or os.environ.get("ONCE", "") not in {"", "0"})


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
