"""The worker behind the payment queue: each message is one webhook that was proved genuine, and is applied to its deposit.

Messages fail one by one (partial batch failures): one that cannot be applied comes back and, after bounded tries, goes to the
dead-letter queue; the others of its batch are done. Repeats are harmless at any time.
"""

import os
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord

from countroom.cashier.apply_event import EventApplier, EventResult, NotApplied, Outcome
from countroom.cashier.gateways import UnknownGateway, dialect
from countroom.cashier.gateways.dialect import MalformedEvent, PartlyMalformed, PaymentEvent, PaymentOutcome
from countroom.cashier.inbox import MalformedMessage, from_message
from countroom.cashier.store import CashierStore
from countroom.clock import system_clock
from countroom.ledger.book import Book, Pacing
from countroom.ledger.store import LedgerStore
from handlers.parts import payment_results
from runtime import aws, settings, telemetry

LEDGER_BUDGET_S: Final = 6.0
"""How long one posting may try. The queue shows a message again only after the function's own time is up."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What this function needs to be told."""

    ledger_table: str
    cashier_table: str


@cache
def _applier() -> EventApplier:
    """Build the applier; nothing is sent before the first message."""
    told = settings.load(Settings)
    # One try a request: the ledger repeats by itself, knowing what a lost answer means.
    book = Book(
        LedgerStore(aws.client("dynamodb", max_attempts=1), told.ledger_table), system_clock, Pacing(budget_s=LEDGER_BUDGET_S)
    )
    return EventApplier(CashierStore(aws.client("dynamodb"), told.cashier_table), book, system_clock)


def _apply(record: SQSRecord) -> None:
    """Apply one message; raise whatever keeps a part of it from being applied, so that it comes back.

    The events of one message do not wait for each other: one that cannot be applied, or understood, does not keep the rest.
    """
    said: dict[str, Any] = {"message_id": record.message_id, "receives": record.attributes.approximate_receive_count}
    failures: list[Exception] = []
    try:
        received = from_message(record.body)
        said |= {"gateway": received.gateway, "event_id": received.event_id}
        events = dialect(received.gateway).parse(received.body)
    except PartlyMalformed as error:
        _report_failure(error, said)
        failures.append(error)
        events = list(error.events)
    except Exception as error:
        _report_failure(error, said)
        raise
    for event in events:
        try:
            _apply_event(received.gateway, event, said)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is reported, and raised once the others are done
            failures.append(error)
    if failures:
        raise failures[0]


def _apply_event(gateway: str, event: PaymentEvent, said: dict[str, Any]) -> None:
    said = said | {"outcome": event.outcome.value, "deposit_id": event.deposit_id, "payment_id": event.payment.payment_id}
    try:
        outcome = _applier().apply(gateway, event)
    except Exception as error:
        _report_failure(error, said)
        raise
    _report(gateway, event, outcome, said)


def _report(gateway: str, event: PaymentEvent, outcome: Outcome, said: dict[str, Any]) -> None:
    if outcome.deposit:
        deposit = outcome.deposit
        said = said | {"deposit_id": deposit.deposit_id, "player_id": deposit.player_id, "status": deposit.status.value}
    for result in [step.result for step in outcome.steps] or [outcome.result]:
        payment_results.report(gateway, result, event.reason, said)
    if outcome.result is EventResult.NOTED and event.outcome is not PaymentOutcome.SETTLED:
        # What was taken back or returned is not booked yet, and perhaps never will be: people look whether the rest comes.
        telemetry.logger.warning("payment event waits", **said)
        telemetry.count("PaymentEventWaiting", dimensions={"gateway": gateway})


def _report_failure(error: Exception, said: dict[str, Any]) -> None:
    reason = _reason(error)
    telemetry.logger.error("payment event not applied", reason=reason, failure=telemetry.describe(error), **said)
    telemetry.count("PaymentEventNotApplied", dimensions={"reason": reason})


def _reason(error: Exception) -> str:
    if isinstance(error, NotApplied):
        return f"{error.reason.value}:{error.detail}" if error.detail else error.reason.value
    if isinstance(error, MalformedMessage | MalformedEvent | UnknownGateway):
        return "malformed"
    return type(error).__name__


def _serve(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    # A batch of which all fail is answered like any other: raising would only add a second report of the same failures.
    processor = BatchProcessor(event_type=EventType.SQS, raise_on_entire_batch_failure=False)
    with processor(event.get("Records") or [], _apply):
        processor.process()
    return dict(processor.response())


handler: Final = telemetry.observed(_serve)

if "AWS_LAMBDA_FUNCTION_NAME" in os.environ:  # pragma: no cover - only inside Lambda, where the start-up phase is not on the clock
    _applier()
