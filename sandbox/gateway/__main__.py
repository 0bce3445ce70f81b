"""A payment gateway at the command line: `python -m sandbox.gateway standard pay --deposit dep_… --amount 10.00`."""

import argparse
import json
import sys
from pathlib import Path

from sandbox.gateway import standard
from sandbox.loopback import NotLoopbackError
from sandbox.stack import Stack, StackFileError, default_path
from sandbox.wire import NoAnswerError

DIALECTS = {"standard": standard}


def main(arguments: list[str]) -> int:
    """Deliver one event and print it: 0 answered, 1 not, 2 wrong usage."""
    parser = argparse.ArgumentParser(prog="python -m sandbox.gateway", description=__doc__)
    dialects = parser.add_subparsers(dest="dialect", required=True)
    for name, module in DIALECTS.items():
        dialect = dialects.add_parser(name, description=module.__doc__)
        module.add_arguments(dialect)
        dialect.add_argument("--stack", type=Path, default=default_path(), help="stack.json of the running sandbox")
        dialect.add_argument("--json", action="store_true", help="print deliveries and answers as one JSON list")
    options = parser.parse_args(arguments)
    try:
        gateway = Stack.read(options.stack).gateways[options.dialect]
        deliveries = DIALECTS[options.dialect].run(gateway.webhook_url, gateway.secret, options)
    except (StackFileError, NotLoopbackError, NoAnswerError, ValueError) as error:
        print(f"{options.dialect}: {error}", file=sys.stderr)
        return 1
    if options.json:
        said = [
            {
                "url": one.url,
                "headers": one.headers,
                "request": json.loads(one.body),
                "status": one.answer.status,
                "answer": one.answer.body.decode(errors="replace"),
            }
            for one in deliveries
        ]
        print(json.dumps(said))
        return 0
    for one in deliveries:
        headers = "\n".join(f"{name}: {value}" for name, value in one.headers.items())
        print(f"POST {one.url}\n{headers}\n{one.body.decode()}\n→ {one.answer.status} {one.answer.body.decode(errors='replace')}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
