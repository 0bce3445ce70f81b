"""The worker behind the verification queue: each message is an event that was proved genuine, heard for the player it is about.

Messages fail one by one (partial batch failures): one that cannot be heard comes back and, after bounded tries, goes to the
dead-letter queue; the others of its batch are done. Repeats are harmless at any time, and so is any order.

Of whom the vendor finds, for good, that he is too young, the account is frozen at once, in whatever country: sessions end, nothing
is staked or paid in any more. What is done with his money is for people.
"""

import os
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord

from countroom.clock import system_clock
from countroom.identity.access import AccountClosed
from countroom.identity.refusals import NoSuchAccount
from countroom.identity.support import Action, Order, Support
from countroom.verification.desk import VerificationDesk
from countroom.verification.inbox import MalformedMessage, from_message
from countroom.verification.standing import Heard, Result, VendorEvent
from countroom.verification.store import StandingStore
from handlers.parts.supporting import SupportSettings, support_of
from runtime import aws, settings, telemetry

_FOR_PEOPLE: Final = frozenset({Result.UNKNOWN_APPLICANT, Result.UNKNOWN_LEVEL})


_ACTOR: Final = "verification-worker"
_WHY: Final = "found too young by the verification vendor"
_REQUEST_CHARACTERS: Final = 32


@dataclass(frozen=True, slots=True)
class Settings(SupportSettings):
    """Environment of this function."""


@cache
def _settings() -> Settings:
    return settings.load(Settings)


@cache
def _support() -> Support:
    return support_of(_settings())


@cache
def _desk() -> VerificationDesk:
    """Build the desk; nothing is sent before the first message."""
    return VerificationDesk(StandingStore(aws.client("dynamodb"), _settings().players_table), system_clock)


def _hear(record: SQSRecord) -> None:
    """Hear one message; raise whatever keeps it from being heard, so that it comes back."""
    said: dict[str, Any] = {"message_id": record.message_id, "receives": record.attributes.approximate_receive_count}
    try:
        event = from_message(record.body)
        said |= {"event_id": event.event_id}
        heard = _desk().hear(event)
        if heard.too_young:
            _shut_out(event, said)
    except Exception as error:
        reason = "malformed" if isinstance(error, MalformedMessage) else type(error).__name__
        telemetry.logger.error("verification event not applied", reason=reason, failure=telemetry.describe(error), **said)
        telemetry.count("VerificationEventNotApplied", dimensions={"reason": reason})
        raise
    _report(event, heard, said)


def _shut_out(event: VendorEvent, said: dict[str, Any]) -> None:
    """Freeze the account of somebody who is too young, once for each event: staff who lift it are not overruled by a repeat."""
    order = Order(Action.FREEZE, event.player_id, _ACTOR, _WHY, event.event_id[:_REQUEST_CHARACTERS])
    try:
        report = _support().carry_out(order)
    except (NoSuchAccount, AccountClosed):
        telemetry.logger.warning("no account to be frozen", player_id=event.player_id, **said)
        return
    if not report.replayed:
        telemetry.logger.warning("too young: account frozen", player_id=event.player_id, **said)
        telemetry.count("PlayerTooYoung")


def _report(event: VendorEvent, heard: Heard, said: dict[str, Any]) -> None:
    said = said | {"result": heard.result.value, "level": event.level, "state": event.state.value}
    telemetry.count("VerificationEvent", dimensions={"result": heard.result.value})
    if heard.result in _FOR_PEOPLE:
        # Of whom it speaks is in the table, for those who may look there.
        telemetry.logger.warning("verification event kept for people", **said)
        telemetry.count("VerificationUnknownApplicant")
        return
    said["player_id"] = event.player_id
    if heard.lost:
        telemetry.logger.warning("verification lost", lost=sorted(heard.lost), **said)
        telemetry.count("VerificationTurnedRed")
        return
    telemetry.logger.info("verification event heard", **said)


def _serve(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    # A batch of which all fail is answered like any other: raising would only add a second report of the same failures.
    processor = BatchProcessor(event_type=EventType.SQS, raise_on_entire_batch_failure=False)
    with processor(event.get("Records") or [], _hear):
        processor.process()
    return dict(processor.response())


handler: Final = telemetry.observed(_serve)

if "AWS_LAMBDA_FUNCTION_NAME" in os.environ:  # pragma: no cover - only inside Lambda, where the start-up phase is not on the clock
    _desk()
