"""The verification vendor at the command line: plays a player's verification, from his start to what the house shows of it.

`python -m sandbox.vendor approve --player new`, or `… out-of-order --player anna@example.com --level address`. What can be played:

approve, retry, final, pending, hold, reset: the vendor says so once.
duplicate: the same approval five times. out-of-order: a refusal, and then the approval that was before it.
underage: the player is found too young, and thrown out.
unknown: a refusal of somebody whom the house did not send. forged, weak-digest: an approval with another secret, or by SHA-1.
"""

import argparse
import json
import sys
from pathlib import Path

from sandbox.loopback import NotLoopbackError
from sandbox.mailbox import MailboxError
from sandbox.player import RefusedError
from sandbox.provider.guest import NEWCOMER, Guest, NoSeatError, newcomer, sit_down
from sandbox.provider.line import Message, exchange
from sandbox.stack import Stack, StackFileError, default_path
from sandbox.vendor.play import Person, Play, Stage
from sandbox.vendor.sumsub import LEVELS, NAME, Say
from sandbox.wire import Answer, NoAnswerError

TIMEOUT_SECONDS = 5.0
"""How long the vendor waits for an answer (docs.sumsub.com, "Webhook manager")."""

WORDS: dict[str, Say | Play] = {member.value: member for member in (*Say, *Play)}
BRITON = {"given_name": "Pat", "family_name": "Example", "postcode": "SW1A 1AA"}
"""What a registration says besides, where a national register of the excluded is asked."""

ERRORS = (StackFileError, NotLoopbackError, NoAnswerError, NoSeatError, RefusedError, MailboxError)


def main(arguments: list[str]) -> int:
    """Play one thing. 0: the house shows what it must; 1: it does not, or refused, or did not answer; 2: wrong usage."""
    options = _parser().parse_args(arguments)
    try:
        stack = Stack.read(options.stack)
        if NAME not in stack.vendors:
            raise StackFileError(f"stack.json has no keys of {NAME}: start the sandbox again.")
        guest = _newcomer(stack, options.country) if options.player == NEWCOMER else sit_down(stack, options.player)
        stage = Stage(_person(guest), stack.vendors[NAME], _send)
        stage.play(WORDS[options.what], options.level)
    except ERRORS as error:
        print(f"{NAME}: {error}", file=sys.stderr)
        return 1
    _print(stage, as_json=options.json)
    told = "is shut out" if stage.person.is_out() else f"has {options.level} {stage.person.state(options.level)}"
    print(f"{NAME}: {guest.account.player_id} {told}", file=sys.stderr)
    for difference in stage.differences:
        print(f"{NAME}: {difference}", file=sys.stderr)
    return 1 if stage.differences else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m sandbox.vendor", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=list(WORDS), metavar="what")
    parser.add_argument("--player", required=True, help="e-mail address or id of a sample player in stack.json, or 'new'")
    parser.add_argument("--country", default="MT", help="of a new player")
    parser.add_argument("--level", choices=list(LEVELS), default="identity")
    parser.add_argument("--stack", type=Path, default=default_path(), help="stack.json of the running sandbox")
    parser.add_argument("--json", action="store_true", help="print deliveries and answers as one JSON list")
    return parser


def _newcomer(stack: Stack, country: str) -> Guest:
    """Register a new player, who says what his country has the house ask for."""
    if country == "GB":
        return newcomer(stack, currency="GBP", country=country, **BRITON)
    return newcomer(stack, country=country)


def _person(guest: Guest) -> Person:
    return Person(
        guest.account.player_id,
        look=lambda: guest.api.call("GET", "/v1/verification"),
        start=lambda level: guest.api.call("POST", "/v1/verification/start", {"level": level}),
    )


def _send(message: Message) -> Answer:
    return exchange(message, TIMEOUT_SECONDS).answer


def _print(stage: Stage, *, as_json: bool) -> None:
    told = [
        {
            "url": message.url,
            "headers": dict(message.headers),
            "request": json.loads(message.body or b"null"),
            "status": answer.status,
            "answer": answer.body.decode(errors="replace"),
        }
        for message, answer in stage.said
    ]
    if as_json:
        print(json.dumps(told))
        return
    for one in told:
        print(f"POST {one['url']}\n{json.dumps(one['request'])}\n→ {one['status']} {one['answer']}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
