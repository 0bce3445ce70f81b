"""A game provider at the command line: `python -m sandbox.provider hub88 bet --token … --amount 1.00`."""

import argparse
import json
import sys
from pathlib import Path

from sandbox.loopback import NotLoopbackError
from sandbox.provider import hub88
from sandbox.stack import Stack, StackFileError, default_path
from sandbox.wire import NoAnswerError

DIALECTS = {"hub88": hub88}


def main(arguments: list[str]) -> int:
    """Make one call and print it: 0 answered, 1 not, 2 wrong usage."""
    parser = argparse.ArgumentParser(prog="python -m sandbox.provider", description=__doc__)
    dialects = parser.add_subparsers(dest="dialect", required=True)
    for name, module in DIALECTS.items():
        dialect = dialects.add_parser(name, description=module.__doc__)
        module.add_arguments(dialect)
        dialect.add_argument("--stack", type=Path, default=default_path(), help="stack.json of the running sandbox")
        dialect.add_argument("--json", action="store_true", help="print request and answer as one JSON object")
    options = parser.parse_args(arguments)
    try:
        provider = Stack.read(options.stack).providers[options.dialect]
        done = DIALECTS[options.dialect].run(provider.base_url, provider.private_key, options)
    except (StackFileError, NotLoopbackError, NoAnswerError, ValueError) as error:
        print(f"{options.dialect}: {error}", file=sys.stderr)
        return 1
    if options.json:
        print(
            json.dumps(
                {
                    "url": done.url,
                    "request": json.loads(done.body),
                    "status": done.answer.status,
                    "answer": done.answer.body.decode(errors="replace"),
                }
            )
        )
    else:
        print(f"POST {done.url}\n{done.body.decode()}\n→ {done.answer.status}\n{done.answer.body.decode(errors='replace')}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
