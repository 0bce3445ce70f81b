"""A payment gateway at the command line.

Takes deposits as the real one would: `python -m sandbox.gateway adyen --player new --deposits 20 --chaos 0.2`. Or lets one deposit
live the life that its magic amount asks for: `… stripe magic --deposit dep_… --amount 10.05`. Or says one thing of it: `… standard
pay --deposit dep_… --amount 10.00`.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

from sandbox import aws
from sandbox.audit import AuditError
from sandbox.calling import Way
from sandbox.gateway import adyen, lives, paymentiq, play, standard, stripe
from sandbox.gateway.line import TIMEOUT_SECONDS, Line
from sandbox.gateway.lives import Step
from sandbox.gateway.table import Event, Payment, Speaker
from sandbox.loopback import NotLoopbackError
from sandbox.mailbox import MailboxError
from sandbox.player import RefusedError
from sandbox.provider.guest import NoSeatError
from sandbox.provider.line import Message, Outcome, Verdict, exchange, hang_up
from sandbox.reckoning import Books, new_seed
from sandbox.stack import Gateway, Stack, StackFileError, default_path
from sandbox.wire import Answer, NoAnswerError

SPEAKERS: dict[str, Speaker] = {
    "standard": standard.SPEAKER,
    "stripe": stripe.SPEAKER,
    "adyen": adyen.SPEAKER,
    "paymentiq": paymentiq.SPEAKER,
}
PLAY, MAGIC = "play", "magic"
COPIES_MAX = 100
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


@dataclass(frozen=True, slots=True)
class Said:
    """One delivery and how it was answered."""

    message: Message
    answer: Answer

    def as_json(self) -> dict[str, Any]:
        """Give it for other programs."""
        return {
            "url": self.message.url,
            "headers": dict(self.message.headers),
            "request": json.loads(self.message.body or b"null"),
            "status": self.answer.status,
            "answer": self.answer.body.decode(errors="replace"),
        }


def main(arguments: list[str]) -> int:
    """Take deposits or say one thing. 0: as it must be; 1: not, or refused, or unanswered; 2: wrong usage."""
    parser, dialects = _parsers()
    options = parser.parse_args(arguments)
    lack = _lack(options)
    if lack:
        dialects[options.dialect].error(lack)
    speaker = SPEAKERS[options.dialect]
    try:
        stack = Stack.read(options.stack)
        if options.dialect not in stack.gateways:
            raise StackFileError(f"stack.json has no keys of {options.dialect}: start the sandbox again.")
        if options.action == PLAY:
            return _play(stack, speaker, options)
        if options.action == MAGIC:
            return _magic(stack.gateways[options.dialect], speaker, options)
        return _say(stack.gateways[options.dialect], speaker, options)
    except ERRORS as error:
        print(f"{options.dialect}: {error}", file=sys.stderr)
        return 1


def _parsers() -> tuple[argparse.ArgumentParser, dict[str, argparse.ArgumentParser]]:
    parser = argparse.ArgumentParser(prog="python -m sandbox.gateway", description=__doc__)
    found = parser.add_subparsers(dest="dialect", required=True)
    dialects = {}
    for name, speaker in SPEAKERS.items():
        said = f"{sys.modules[type(speaker).__module__].__doc__}\n\n{lives.table(speaker.steps, speaker.untouched)}"
        dialect = found.add_parser(name, description=said, formatter_class=argparse.RawDescriptionHelpFormatter)
        steps = [step.value for step in Step if step in speaker.steps]
        dialect.add_argument("action", nargs="?", choices=[PLAY, MAGIC, *steps], default=PLAY)
        dialect.add_argument("--stack", type=Path, default=default_path(), help="stack.json of the running sandbox")
        dialect.add_argument("--currency", default="EUR", help="of a single deposit, or of a new player")
        _add_run(dialect.add_argument_group("taking deposits"))
        _add_single(dialect.add_argument_group("one deposit"))
        dialects[name] = dialect
    return parser, dialects


def _add_run(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--player", default="", help="e-mail address or id of a sample player in stack.json, or 'new'")
    group.add_argument("--deposits", type=int, default=20)
    group.add_argument("--chaos", type=float, default=0.0, help="the chance of each trouble, 0 to 1")
    group.add_argument("--burst", type=int, default=1, help=f"deposits side by side, {play.BURST_MAX} at most")
    group.add_argument("--seed", type=int, default=None, help="draws the same deposits and trouble again")


def _add_single(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--deposit", default="", help="the deposit's id, dep_…")
    group.add_argument("--user", default="", help="the player's id (PaymentIQ names it in each call)")
    group.add_argument("--amount", default="", help="in main units, as a decimal")
    group.add_argument("--payment", default="", help="the gateway's id of the payment; a new one if left out")
    group.add_argument("--message", default="", help="id of the event; a new one if left out, the same one again is a repeat")
    group.add_argument("--copies", type=int, default=1, help=f"deliver the same event so often, {COPIES_MAX} at most")
    group.add_argument("--age", type=int, default=0, help="sign it as sent so many seconds ago (negative: ahead)")
    group.add_argument("--bad-signature", action="store_true", help="sign with a key that is not the gateway's")
    group.add_argument("--expect", default="", help="the refusal that is the right answer, such as 401")
    group.add_argument("--json", action="store_true", help="print deliveries and answers as one JSON list")


def _lack(options: argparse.Namespace) -> str:
    """Say what the command line lacks; nothing when it is complete."""
    if options.action == PLAY:
        return _run_lacks(options)
    if not options.deposit or not options.amount:
        return "--deposit and --amount are needed to speak of one deposit"
    try:
        good = Decimal(options.amount).is_finite()
    except InvalidOperation:
        good = False
    if not good:
        return "--amount is a decimal, in main units"
    if options.dialect == "paymentiq" and not options.user:
        return "--user is needed: PaymentIQ names the player in each call"
    return "" if 1 <= options.copies <= COPIES_MAX else f"--copies is 1 to {COPIES_MAX}"


def _run_lacks(options: argparse.Namespace) -> str:
    if not options.player:
        return "--player is needed to take deposits (or name an action to speak of one)"
    if not 1 <= options.deposits <= play.DEPOSITS_MAX or not 1 <= options.burst <= play.BURST_MAX:
        return f"--deposits is 1 to {play.DEPOSITS_MAX}, --burst 1 to {play.BURST_MAX}"
    return "" if 0 <= options.chaos <= 1 else "--chaos is a chance, 0 to 1"


def _play(stack: Stack, speaker: Speaker, options: argparse.Namespace) -> int:
    seed = new_seed() if options.seed is None else options.seed
    wanted = options.deposits, options.chaos, options.burst
    plan = play.Plan(options.dialect, options.player, *wanted, seed, options.currency)
    print(f"{plan.gateway}: {plan.deposits} deposits, chaos {plan.chaos:g}, burst {plan.burst}, seed {plan.seed}", flush=True)
    result = play.run(stack, speaker, plan)
    print(play.told(result))
    return 0 if result.right else 1


def _payment(speaker: Speaker, options: argparse.Namespace) -> Payment:
    named = options.payment or speaker.new_payment_id()
    return Payment(options.deposit, named, Decimal(options.amount), options.currency, options.user)


def _magic(gateway: Gateway, speaker: Speaker, options: argparse.Namespace) -> int:
    """Let one deposit live the life that its amount asks for."""
    payment = _payment(speaker, options)
    life = lives.life_of(payment.amount, payment.currency)
    if not life.said <= speaker.steps:
        raise ValueError(f"{options.dialect} cannot say: {life.name}")
    done: list[Said] = []
    books = Books(Decimal(0))
    line = Line(speaker, gateway, Way(_noting(speaker, done), hang_up), books)
    line.live(life, payment, Random(0))  # noqa: S311 - without chaos the dice decide nothing
    _print(done, as_json=options.json)
    print(f"{options.dialect}: {life.name}; the deposit must end as {life.ends(speaker.untouched)}", file=sys.stderr)
    for text in books.differences:
        print(f"{options.dialect}: {text}", file=sys.stderr)
    return 1 if books.differences else 0


def _say(gateway: Gateway, speaker: Speaker, options: argparse.Namespace) -> int:
    """Say one thing, as often as asked for, and say whether it was answered as expected."""
    payment, now = _payment(speaker, options), time.time() - options.age
    done: list[Said] = []
    send = _noting(speaker, done)
    if not options.bad_signature and speaker.waits and options.action in {Step.SUCCEEDED, Step.CANCELLED}:
        books = Books(Decimal(0))
        asked = Line(speaker, gateway, Way(send, hang_up), books).open(payment)
        if asked is None:
            _print(done, as_json=options.json)
            raise ValueError(books.differences[0])
        payment = asked
    event_id = options.message or speaker.new_event_id()
    message = speaker.tell(gateway, payment, Event(Step(options.action), event_id, now, now, options.bad_signature))
    verdicts = [send(message) for _ in range(options.copies)]
    _print(done, as_json=options.json)
    odd = [verdict.word for verdict in verdicts if not _expected(verdict, options.expect)]
    if odd:
        print(f"{options.dialect}: answered {odd[0]}, expected {options.expect or 'that it is taken'}", file=sys.stderr)
    return 1 if odd else 0


def _expected(verdict: Verdict, expect: str) -> bool:
    return verdict.word == expect if expect else verdict.outcome is Outcome.STANDS


def _noting(speaker: Speaker, done: list[Said]) -> Callable[[Message], Verdict]:
    """Give a way of sending that keeps what went over the wire."""
    return partial(_send, speaker, done)


def _send(speaker: Speaker, done: list[Said], message: Message) -> Verdict:
    done.append(Said(message, exchange(message, TIMEOUT_SECONDS).answer))
    return speaker.read(done[-1].answer)


def _print(done: list[Said], *, as_json: bool) -> None:
    if as_json:
        print(json.dumps([one.as_json() for one in done]))
        return
    for one in done:
        headers = "\n".join(f"{name}: {value}" for name, value in one.message.headers.items())
        answer = one.answer.body.decode(errors="replace")
        print(f"POST {one.message.url}\n{headers}\n{(one.message.body or b'').decode()}\n→ {one.answer.status} {answer}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
