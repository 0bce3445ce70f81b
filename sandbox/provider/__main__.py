"""A game provider at the command line.

Plays rounds as the real one would: `python -m sandbox.provider hub88 --player new --rounds 100 --chaos 0.1`, or makes one single
call: `python -m sandbox.provider hub88 bet --token … --amount 1.00`.
"""

import argparse
import json
import sys
from pathlib import Path
from types import ModuleType

from sandbox import aws
from sandbox.audit import AuditError
from sandbox.loopback import NotLoopbackError
from sandbox.mailbox import MailboxError
from sandbox.player import RefusedError
from sandbox.provider import action_batch, hub88, play, swipe
from sandbox.provider.guest import NoSeatError
from sandbox.provider.line import Exchange, Outcome, Verdict
from sandbox.provider.table import Seat
from sandbox.reckoning import new_seed
from sandbox.stack import Provider, Stack, StackFileError, default_path
from sandbox.wire import NoAnswerError

DIALECTS: dict[str, ModuleType] = {"hub88": hub88, "swipe": swipe, "action_batch": action_batch}
PLAY = "play"
ERRORS = (
    StackFileError,
    NotLoopbackError,
    NoAnswerError,
    NoSeatError,
    RefusedError,
    MailboxError,
    AuditError,
    ValueError,
    *aws.ERRORS,
)


def main(arguments: list[str]) -> int:
    """Play rounds or make one call. 0: as it must be; 1: not, or refused, or unanswered; 2: wrong usage."""
    parser, dialects = _parsers()
    options = parser.parse_args(arguments)
    module = DIALECTS[options.dialect]
    lack = _lack(module, options)
    if lack:
        dialects[options.dialect].error(lack)
    try:
        stack = Stack.read(options.stack)
        if options.dialect not in stack.providers:
            raise StackFileError(f"stack.json has no keys of {options.dialect}: start the sandbox again.")
        if options.action == PLAY:
            return _play(stack, module, options)
        return _call(module, stack.providers[options.dialect], options)
    except ERRORS as error:
        print(f"{options.dialect}: {error}", file=sys.stderr)
        return 1


def _parsers() -> tuple[argparse.ArgumentParser, dict[str, argparse.ArgumentParser]]:
    parser = argparse.ArgumentParser(prog="python -m sandbox.provider", description=__doc__)
    found = parser.add_subparsers(dest="dialect", required=True)
    dialects = {name: found.add_parser(name, description=module.__doc__) for name, module in DIALECTS.items()}
    for name, dialect in dialects.items():
        dialect.add_argument("action", nargs="?", choices=[PLAY, *DIALECTS[name].ACTIONS], default=PLAY)
        dialect.add_argument("--stack", type=Path, default=default_path(), help="stack.json of the running sandbox")
        dialect.add_argument("--currency", default="EUR", help="of a single call, or of a new player")
        rounds = dialect.add_argument_group("playing rounds")
        rounds.add_argument("--player", default="", help="e-mail address or id of a sample player in stack.json, or 'new'")
        rounds.add_argument("--rounds", type=int, default=100)
        rounds.add_argument("--chaos", type=float, default=0.0, help="the chance of each trouble, 0 to 1")
        rounds.add_argument("--burst", type=int, default=1, help=f"rounds side by side, {play.BURST_MAX} at most")
        rounds.add_argument("--seed", type=int, default=None, help="draws the same rounds and trouble again")
        rounds.add_argument("--game-id", default="", help="which of the provider's games; one that is on offer if left out")
        single = dialect.add_argument_group("one call")
        single.add_argument("--json", action="store_true", help="print request and answer as one JSON object")
        single.add_argument("--expect", default="", help="the refusal that is the right answer, such as RS_ERROR_INVALID_SIGNATURE")
        DIALECTS[name].add_arguments(dialect)
    return parser, dialects


def _lack(module: ModuleType, options: argparse.Namespace) -> str:
    """Say what the command line lacks; nothing when it is complete."""
    if options.action != PLAY:
        return str(module.check(options))
    if not options.player:
        return "--player is needed to play rounds (or name an action to make one call)"
    if not 1 <= options.rounds <= play.ROUNDS_MAX or not 1 <= options.burst <= play.BURST_MAX:
        return f"--rounds is 1 to {play.ROUNDS_MAX}, --burst 1 to {play.BURST_MAX}"
    return "" if 0 <= options.chaos <= 1 else "--chaos is a chance, 0 to 1"


def _play(stack: Stack, module: ModuleType, options: argparse.Namespace) -> int:
    seed = new_seed() if options.seed is None else options.seed
    plan = play.Plan(
        options.dialect,
        options.player,
        options.rounds,
        options.chaos,
        options.burst,
        seed,
        options.currency,
        options.game_id,
    )
    print(f"{plan.provider}: {plan.rounds} rounds, chaos {plan.chaos:g}, burst {plan.burst}, seed {plan.seed}", flush=True)
    result = play.run(stack, module.SPEAKER, plan)
    print(play.told(result))
    return 0 if result.right else 1


def _call(module: ModuleType, provider: Provider, options: argparse.Namespace) -> int:
    """Make one call, print it with its answer, and say whether that is the answer that was expected."""
    done: Exchange = module.run(provider, options)
    body, answer = done.body.decode(errors="replace"), done.answer.body.decode(errors="replace")
    if options.json:
        print(json.dumps({"url": done.url, "request": json.loads(body or "null"), "status": done.answer.status, "answer": answer}))
    else:
        print(f"{done.method} {done.url}\n{body}\n→ {done.answer.status}\n{answer}")
    verdict: Verdict = module.SPEAKER.read(Seat(provider, "", options.currency, ""), done.answer)
    if verdict.word == options.expect or (verdict.outcome is Outcome.STANDS and not options.expect):
        return 0
    print(f"{options.dialect}: answered {verdict.word}, expected {options.expect or 'that it stands'}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
