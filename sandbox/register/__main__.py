"""The register at the command line: enter a person, say that the time is over, strike him off, or ask as the house does.

`python -m sandbox.register excluded --given Ann --family Smith --born 1990-05-17 --postcode "SW1A 1AA" --email ann@example.com`
"""

import argparse
import json
import sys

from sandbox.loopback import NotLoopbackError
from sandbox.register.server import ENTRIES, NAME
from sandbox.stack import Stack, StackFileError, default_path
from sandbox.wire import NoAnswerError, send

TIMEOUT_SECONDS = 10.0
_FIELDS = {
    "firstName": "given",
    "lastName": "family",
    "dateOfBirth": "born",
    "postcode": "postcode",
    "email": "email",
    "mobile": "mobile",
}


def main(arguments: list[str]) -> int:
    """Change one entry. 0: done; 1: refused or unanswered; 2: wrong usage."""
    options = _parser().parse_args(arguments)
    person = {name: getattr(options, option) for name, option in _FIELDS.items()}
    body = json.dumps({"person": person, "entry": options.entry}).encode()
    try:
        base = options.api or Stack.read(default_path()).register_api
        answer = send("PUT", f"{base}/{NAME}/people", body=body, timeout_seconds=TIMEOUT_SECONDS)
    except (StackFileError, NotLoopbackError, NoAnswerError) as error:
        print(error, file=sys.stderr)
        return 1
    print(answer.body.decode(errors="replace"))
    return 0 if answer.status == 200 else 1  # noqa: PLR2004 - done


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m sandbox.register", description="Change who is in the sandbox's register.")
    parser.add_argument("entry", choices=ENTRIES, help="what is to be said of the person from now on")
    parser.add_argument("--api", default="", help="address of the register (without: the running sandbox's)")
    for option in _FIELDS.values():
        parser.add_argument(f"--{option}", required=option != "mobile", default="")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
