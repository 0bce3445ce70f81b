"""How operators see what an event of a gateway has done to a deposit: the same counts and log lines at every entrance."""

from typing import Any, Final

from countroom.cashier.apply_event import EventResult
from runtime import telemetry

_COUNTS: Final = {
    EventResult.CREDITED: "DepositCredited",
    EventResult.CREDITED_OTHER_AMOUNT: "DepositCreditedOtherAmount",
    EventResult.PAID_AGAIN: "DepositPaidAgain",
    EventResult.REVERSED: "DepositReversed",
    EventResult.RETURNED: "DepositReturned",
    EventResult.SETTLED: "DepositSettled",
    EventResult.FAILED: "DepositFailed",
    EventResult.MOVED: "DepositMoved",
    EventResult.NOTED: "PaymentEventNoted",
    EventResult.NO_EFFECT: "PaymentEventWithoutEffect",
}
_FOR_STAFF: Final = frozenset(
    {EventResult.CREDITED_OTHER_AMOUNT, EventResult.PAID_AGAIN, EventResult.REVERSED, EventResult.RETURNED}
)
"""What staff are told of: it is in the cashier's table under its day, and its log line is a warning."""


def report(gateway: str, result: EventResult, reason: str, said: dict[str, Any]) -> None:
    """Log and count one result. `reason` is the gateway's code of a failed payment; `said` is what the log line names beside it."""
    log = telemetry.logger.warning if result in _FOR_STAFF else telemetry.logger.info
    log("payment event applied", result=result, **said)
    telemetry.count(_COUNTS[result], dimensions={"gateway": gateway})
    if result is EventResult.FAILED:
        telemetry.count("DepositFailedByReason", dimensions={"gateway": gateway, "reason": reason or "unknown"})
