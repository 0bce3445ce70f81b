"""Play payment events in again: `make redrive`, or ``PYTHONPATH=functions:. python -m tools.redrive``. Shows first, does with --do.

Exit status: 0 done or shown, 1 some of it could not be done, 2 nothing was tried.

Without --event, the messages of the payment queue's dead-letter queue go back to the queue: each is put there before it leaves the
dead letters, so that one may be there twice and none is lost. With --event, a webhook that was kept is put into the queue as it
came. Repeats are harmless: what was applied before is met by its record. Without --stage it is the running sandbox, else a stage in
AWS, with the credentials of whoever calls; never both.

With --dismiss, one dead letter that people have settled otherwise is taken away for good, by the id of its message and with a
reason. One line says so, to be kept with whatever settled it: nothing else keeps the reason. The webhook itself stays kept for its
30 days.
"""

import argparse
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import botocore.session
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from countroom.cashier.inbox import Inbox, InboxUnavailable, MalformedMessage, from_message
from countroom.cashier.raw_events import RawEvents, RawEventsUnavailable
from countroom.clock import system_clock
from countroom.times import to_iso
from sandbox import aws as sandbox_aws
from sandbox.environment import forget_credentials
from sandbox.loopback import NotLoopbackError
from sandbox.stack import Stack, StackFileError, default_path

DONE: Final = 0
NOT_ALL: Final = 1
NOT_TRIED: Final = 2
MOST: Final = 100
MOST_MAX: Final = 10_000
LOOK_SECONDS: Final = 60
"""So long nobody else sees a message that was looked at; then it is among the dead letters again, as it was."""

REASON_MIN: Final = 8
REASON_MAX: Final = 300

_BATCH: Final = 10
_EMPTY_ANSWERS_MAX: Final = 3  # SQS asks some of its servers at a time: one empty answer does not mean an empty queue
_CONFIG: Final = Config(connect_timeout=5, read_timeout=20, retries={"mode": "standard", "total_max_attempts": 4})
_NAMES: Final = ("PaymentDeadLetterQueueUrl", "PaymentQueueUrl", "RawEventsTableName")


class NotTriedError(Exception):
    """Nothing can be played in; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where it happens: clients of SQS and DynamoDB, and the names of what they work on."""

    sqs: Any
    dynamodb: Any
    dead_letters: str
    queue: str
    raw_events: str


@dataclass(frozen=True, slots=True)
class Letter:
    """A message among the dead letters."""

    message_id: str
    body: str
    handle: str
    receives: str


@dataclass(frozen=True, slots=True)
class Dismissal:
    """Which dead letter is to go, by the id of its message, and why."""

    message_id: str
    reason: str


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status."""
    asked = _parser().parse_args(arguments)
    if not asked.stage and (asked.region or asked.profile):
        print("--region and --profile go with --stage; the sandbox has its own.", file=sys.stderr)
        return NOT_TRIED
    try:
        dismissal = _dismissal(asked)
        place = in_aws(asked.stage, asked.region, asked.profile) if asked.stage else in_sandbox(asked.stack)
        if asked.event:
            return play_in(place, asked.event, do=asked.do)
        most = max(1, min(asked.most, MOST_MAX))
        return dismiss(place, dismissal, most, do=asked.do) if dismissal else redrive(place, most, do=asked.do)
    except (NotTriedError, StackFileError, NotLoopbackError) as error:
        print(error, file=sys.stderr)
    except ClientError as error:
        print(f"AWS refused {error.operation_name}: {error.response['Error'].get('Code')}.", file=sys.stderr)
    except (BotoCoreError, InboxUnavailable, RawEventsUnavailable) as error:
        print(f"AWS does not answer ({type(error).__name__}): look at your credentials, profile and network.", file=sys.stderr)
    return NOT_TRIED


def redrive(place: Place, most: int, *, do: bool) -> int:
    """Show the dead letters, at most `most`, and with `do` put them back into the queue."""
    seen = failed = 0
    for letter in dead_letters(place, most):
        seen += 1
        said = _line(letter)
        if not do:
            print(said)
            continue
        moved = _move(place, letter)
        failed += not moved
        print(f"{said}  {'back in the queue' if moved else 'NOT MOVED'}")
    print(_summary(seen, failed, most, do=do))
    return NOT_ALL if failed else DONE


def dead_letters(place: Place, most: int) -> Iterator[Letter]:
    """Receive the dead letters, each once, at most `most`; they are hidden for LOOK_SECONDS and then there again."""
    seen: set[str] = set()
    empty = 0
    while len(seen) < most and empty < _EMPTY_ANSWERS_MAX:
        found = place.sqs.receive_message(
            QueueUrl=place.dead_letters,
            MaxNumberOfMessages=min(_BATCH, most - len(seen)),
            VisibilityTimeout=LOOK_SECONDS,
            WaitTimeSeconds=1,
            AttributeNames=["ApproximateReceiveCount"],
        ).get("Messages", [])
        fresh = [one for one in found if one["MessageId"] not in seen]
        empty = 0 if fresh else empty + 1
        for one in fresh:
            seen.add(one["MessageId"])
            receives = one.get("Attributes", {}).get("ApproximateReceiveCount", "?")
            yield Letter(one["MessageId"], one["Body"], one["ReceiptHandle"], receives)


def _move(place: Place, letter: Letter) -> bool:
    """Put a message into the queue as it is, and only then take it off the dead letters."""
    try:
        place.sqs.send_message(QueueUrl=place.queue, MessageBody=letter.body)
        place.sqs.delete_message(QueueUrl=place.dead_letters, ReceiptHandle=letter.handle)
    except (BotoCoreError, ClientError) as error:
        print(f"message {letter.message_id}: {type(error).__name__}", file=sys.stderr)
        return False
    return True


def play_in(place: Place, event: str, *, do: bool) -> int:
    """Show what was kept under `<gateway>/<event id>`, and with `do` put it into the queue."""
    gateway, _, event_id = event.partition("/")
    if not gateway or not event_id:
        raise NotTriedError("Name the webhook as <gateway>/<event id>, such as stripe/evt_1.")
    found = RawEvents(place.dynamodb, place.raw_events).find(gateway, event_id)
    if not found:
        raise NotTriedError(f"No webhook {event_id} of {gateway} is kept: webhooks are kept for 30 days.")
    inbox = Inbox(place.sqs, place.queue)
    for received in found:
        if do:
            inbox.put(received)
        said = f"{gateway} {event_id}  came {to_iso(received.received_at_ms)}  {len(received.body)} bytes"
        print(f"{said}  {'in the queue' if do else ''}".rstrip())
    if not do:
        print("Nothing was changed: say --do (make: DO=1) to put it into the queue.")
    return DONE


def dismiss(place: Place, asked: Dismissal, most: int, *, do: bool) -> int:
    """Show one dead letter, and with `do` take it away for good. Raises NotTriedError where it is not among the first `most`."""
    letter = next((one for one in dead_letters(place, most) if one.message_id == asked.message_id), None)
    if letter is None:
        raise NotTriedError(
            f"No such message among the dead letters that were looked at, {most} at most. In {LOOK_SECONDS} s, try again."
        )
    if not do:
        print(f"{_line(letter)}\nNothing was changed: say --do (make: DO=1) to dismiss it. Redriving would try it again.")
        return DONE
    try:
        place.sqs.delete_message(QueueUrl=place.dead_letters, ReceiptHandle=letter.handle)
    except (BotoCoreError, ClientError) as error:
        print(f"{_line(letter)}  PERHAPS NOT DISMISSED ({type(error).__name__}): look again in {LOOK_SECONDS} s", file=sys.stderr)
        return NOT_ALL
    print(f"{to_iso(system_clock())}  {_line(letter)}  DISMISSED: {asked.reason}")
    return DONE


def _dismissal(asked: argparse.Namespace) -> Dismissal | None:
    """Read what is to be dismissed. Raises NotTriedError."""
    reason = asked.reason.strip()
    if not asked.dismiss:
        if reason:
            raise NotTriedError("--reason goes with --dismiss.")
        return None
    if asked.event:
        raise NotTriedError("--dismiss and --event are two things: say one of them.")
    if not REASON_MIN <= len(reason) <= REASON_MAX or not reason.isprintable():
        raise NotTriedError(f"Say with --reason, in one line of {REASON_MIN} to {REASON_MAX} characters, how it was settled.")
    return Dismissal(asked.dismiss, reason)


def _line(letter: Letter) -> str:
    return f"{letter.message_id}  {_about(letter)}  received {letter.receives} times"


def _about(letter: Letter) -> str:
    """Say what a message carries, never what that says."""
    try:
        received = from_message(letter.body)
    except MalformedMessage:
        return "a message that no intake has written"
    return f"{received.gateway} {received.event_id}  came {to_iso(received.received_at_ms)}"


def _summary(seen: int, failed: int, most: int, *, do: bool) -> str:
    more = f" There may be more than {most}: say --most (make: MOST=)." if seen == most else ""
    if not seen:
        return "There are no dead letters."
    if do:
        return f"{seen - failed} of {seen} are back in the queue.{more}"
    return f"{seen} dead letters; they show again in {LOOK_SECONDS} s. Nothing was changed: say --do (make: DO=1) to redrive.{more}"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tools.redrive", description="Play payment events in again.")
    place = parser.add_mutually_exclusive_group()
    place.add_argument("--stack", type=Path, default=None, help="stack.json of the sandbox (default: the running one's)")
    place.add_argument("--stage", default="", help="a stage in AWS, with your own credentials")
    parser.add_argument("--region", help="the stage's region (default: that of your AWS settings)")
    parser.add_argument("--profile", help="the profile of your AWS settings to use")
    parser.add_argument("--event", default="", help="<gateway>/<event id> of a webhook that was kept, instead of the dead letters")
    parser.add_argument("--dismiss", default="", help="the id of one message among the dead letters, to be taken away for good")
    parser.add_argument("--reason", default="", help="how what it was about was settled; needed to dismiss it")
    parser.add_argument("--most", type=int, default=MOST, help=f"at most so many dead letters (default {MOST}, up to {MOST_MAX})")
    parser.add_argument("--do", action="store_true", help="do it; without this, only show")
    return parser


def in_sandbox(path: Path | None) -> Place:
    """Open the sandbox's queues and table. Raises StackFileError, NotLoopbackError or NotTriedError."""
    forget_credentials(os.environ)
    stack = Stack.read(path or default_path())
    sqs, dynamodb = (sandbox_aws.client(service, stack.endpoint) for service in ("sqs", "dynamodb"))
    return _place(sqs, dynamodb, stack.resources, "start it again with `make run`")


def in_aws(stage: str, region: str | None, profile: str | None) -> Place:
    """Open those of a stage in AWS, found by its stack's outputs. An endpoint of the environment is refused: it is AWS for sure."""
    if any(name.startswith("AWS_ENDPOINT_URL") and value for name, value in os.environ.items()):
        raise NotTriedError("AWS_ENDPOINT_URL is set: unset it to work in AWS, or leave out --stage for the sandbox.")
    session = botocore.session.Session(profile=profile)
    region = region or session.get_config_variable("region")
    if not region:
        raise NotTriedError("Say in which --region the stage is.")
    session.set_config_variable("ignore_configured_endpoint_urls", True)

    def client(service: str) -> Any:
        return session.create_client(service, region_name=region, config=_CONFIG)

    found = client("cloudformation").describe_stacks(StackName=f"Countroom-{stage}-Service")["Stacks"][0].get("Outputs", [])
    outputs = {one["OutputKey"]: one["OutputValue"] for one in found}
    return _place(client("sqs"), client("dynamodb"), outputs, "deploy it first")


def _place(sqs: Any, dynamodb: Any, named: Mapping[str, str], advice: str) -> Place:
    if missing := [name for name in _NAMES if not named.get(name)]:
        raise NotTriedError(f"The stack names no {missing[0]}: {advice}.")
    return Place(sqs, dynamodb, *(named[name] for name in _NAMES))


if __name__ == "__main__":
    sys.exit(main())
