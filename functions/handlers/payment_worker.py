"""The worker behind the payment queue: each message is a webhook that was proved genuine, applied to its deposit or withdrawal.

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
from countroom.cashier.gateways.dialect import (
    Event,
    MalformedEvent,
    PartlyMalformed,
    PaymentEvent,
    PaymentOutcome,
    PayoutEvent,
)
from countroom.cashier.inbox import MalformedMessage, from_message
from countroom.cashier.store import CashierStore
from countroom.cashier.withdrawals.apply import LedgerRefused, NoSuchWithdrawal, NotAllowed, Withdrawals
from countroom.cashier.withdrawals.store import WithdrawalStore
from countroom.cashier.withdrawals.withdrawal import Withdrawal
from countroom.clock import system_clock
from countroom.ledger.book import Book, Pacing
from countroom.ledger.store import LedgerStore
from handlers.parts import payment_results, wake
from runtime import aws, settings, telemetry

LEDGER_BUDGET_S: Final = 6.0
"""How long one posting may try. The queue shows a message again only after the function's own time is up."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What this function needs to be told."""

    ledger_table: str
    cashier_table: str
    withdrawals_table: str
    withdrawal_machine_arn: str


def _book(told: Settings) -> Book:
    # One try a request: the ledger repeats by itself, knowing what a lost answer means.
    ledger = LedgerStore(aws.client("dynamodb", max_attempts=1), told.ledger_table)
    return Book(ledger, system_clock, Pacing(budget_s=LEDGER_BUDGET_S))


@cache
def _applier() -> EventApplier:
    """Build what applies an event to its deposit; nothing is sent before the first message."""
    told = settings.load(Settings)
    return EventApplier(CashierStore(aws.client("dynamodb"), told.cashier_table), _book(told), system_clock)


@cache
def _withdrawals() -> Withdrawals:
    """Build what applies an event to its withdrawal."""
    told = settings.load(Settings)
    store = WithdrawalStore(aws.client("dynamodb"), told.withdrawals_table)
    return Withdrawals(store, _book(told), system_clock, wake.waker())


def _apply(record: SQSRecord) -> None:
    """Apply one message; raise whatever keeps a part of it from being applied, so that it comes back.

    The events of one message do not wait for each other: one that cannot be applied, or understood, does not keep the rest.
    """
    said: dict[str, Any] = {"message_id": record.message_id, "receives": record.attributes.approximate_receive_count}
    failures: list[Exception] = []
    try:
        received = from_message(record.body)
        said |= {"gateway": received.gateway, "event_id": received.event_id}
        events: list[Event] = list(dialect(received.gateway).parse(received.body))
    except PartlyMalformed as error:
        _report_failure(error, said)
        failures.append(error)
        events = list(error.events)
    except Exception as error:
        _report_failure(error, said)
        raise
    for event in events:
        try:
            if isinstance(event, PayoutEvent):
                _apply_payout(received.gateway, event, said)
            else:
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


class AnotherPayout(Exception):
    """The gateway speaks of a second payout of one withdrawal: its end is not that of the first, and people must see it."""


def _require_same_payout(withdrawal: Withdrawal, gateway: str, event: PayoutEvent) -> None:
    if withdrawal.gateway != gateway:
        raise NoSuchWithdrawal("it goes through another gateway")
    if withdrawal.payout_id not in {"", event.said.payout_id}:
        raise AnotherPayout("the withdrawal has a payout of another name")


def _apply_payout(gateway: str, event: PayoutEvent, said: dict[str, Any]) -> None:
    """Tell a withdrawal what was said of its payout. One that there is not comes back, and goes to people in the end."""
    said = said | {"withdrawal_id": event.withdrawal_id, "word": event.said.word.value, "payout_id": event.said.payout_id}
    try:
        _require_same_payout(_withdrawals().find(event.withdrawal_id), gateway, event)
        after = _withdrawals().happen(event.withdrawal_id, event.said)
        _require_same_payout(after, gateway, event)  # another one may have been heard of at this very moment
    except Exception as error:
        _report_failure(error, said, "PayoutNotApplied")
        raise
    attention = after.attention.value if after.attention else ""
    log = telemetry.logger.warning if attention else telemetry.logger.info
    log("payout event applied", status=after.status.value, player_id=after.player_id, attention=attention, **said)
    telemetry.count("PayoutEvent", dimensions={"gateway": gateway, "word": event.said.word.value})


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


def _report_failure(error: Exception, said: dict[str, Any], count: str = "PaymentEventNotApplied") -> None:
    reason = _reason(error)
    telemetry.logger.error("payment event not applied", reason=reason, failure=telemetry.describe(error), **said)
    telemetry.count(count, dimensions={"reason": reason})


def _reason(error: Exception) -> str:
    if isinstance(error, NotApplied):
        return f"{error.reason.value}:{error.detail}" if error.detail else error.reason.value
    if isinstance(error, MalformedMessage | MalformedEvent | UnknownGateway):
        return "malformed"
    if isinstance(error, NotAllowed | LedgerRefused):
        return error.reason.value
    if isinstance(error, NoSuchWithdrawal):
        return "no_such_withdrawal"
    if isinstance(error, AnotherPayout):
        return "another_payout"
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
