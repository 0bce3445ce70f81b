"""One step of a withdrawal's state machine; `infrastructure/workflows` has the machine, `cashier/withdrawals/steps` the steps.

Event: ``{"step", "withdrawal_id", "token"?, "because"?}``: `token` comes with a step that waits, `because` with `to_people`, and is
what the state before it has said or failed with. The answer is ``{"next"}``. After Unavailable and ReleaseFailed the machine tries
again.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from countroom.cashier.withdrawals import steps
from countroom.cashier.withdrawals.course import Next
from countroom.cashier.withdrawals.steps import Order, Steps
from countroom.clock import system_clock
from handlers.parts import wake, withdrawing
from handlers.parts.payout_ways import PayoutWays
from runtime import aws, settings, telemetry
from runtime.secrets import SecretReader

STEPS: Final = frozenset(Next) - {Next.PAID, Next.RELEASED}
TOKEN_MAX: Final = 2_048
ID_MAX: Final = 64
RELEASE_FAILED: Final = "ReleaseFailed"
_PASSING: Final[tuple[type[Exception], ...]] = (*withdrawing.NOT_KNOWN, steps.StillChanging)


class Unavailable(Exception):
    """Somebody did not answer; the same step, taken again, is safe. The machine knows the error by this name."""


class ReleaseFailed(Exception):
    """Money was to go back to its player and could not be released. The machine knows the error by this name."""


class StepFailed(Exception):
    """The step cannot be taken. The message is all that the machine may know; operators find the rest in the log."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Environment of this function. `payout_urls` and `payout_secrets` have a base URL and a secret's ARN for each gateway."""

    withdrawals_table: str
    ledger_table: str
    cashier_table: str
    players_table: str
    circuits_table: str
    withdrawal_machine_arn: str
    payout_urls: dict[str, str]
    payout_secrets: dict[str, str]
    asks_max: int


@cache
def _steps() -> Steps:
    # The breaker brings a second AWS SDK with it; only the functions that call other companies' servers pay for that.
    from runtime.circuit import TableCircuit  # noqa: PLC0415

    told = settings.load(Settings)
    parts = withdrawing.wired(settings.load(withdrawing.WithdrawalTables))
    screener = withdrawing.screener(parts, settings.load(withdrawing.RoomTables))
    secrets = {name: SecretReader(aws.client("secretsmanager"), arn) for name, arn in told.payout_secrets.items()}
    circuit_of = TableCircuit(aws.client("dynamodb"), told.circuits_table).of
    return Steps(
        withdrawals=parts.withdrawals,
        shelf=parts.store,
        payouts=PayoutWays(told.payout_urls, secrets, circuit_of, system_clock),
        screen=screener.screen,
        barred=screener.barred,
        answer=wake.machine().wake,
        asks_max=told.asks_max,
    )


def read_order(event: Mapping[str, Any]) -> Order:
    """Read what the machine sends; raise StepFailed for anything else."""
    step, withdrawal_id, token = (event.get(name, "") for name in ("step", "withdrawal_id", "token"))
    because = event.get("because", {})
    error = because.get("Error", "") if isinstance(because, dict) else None
    texts = all(isinstance(text, str) for text in (step, withdrawal_id, token, error))
    if not texts or step not in STEPS or not 0 < len(withdrawal_id) <= ID_MAX or len(token) > TOKEN_MAX:
        raise StepFailed("The event is none that the state machine sends.")
    if bool(token) != (step in steps.WAITS):
        raise StepFailed("A token comes with a step that waits, and with no other.")
    return Order(Next(step), withdrawal_id, token, str(error))


def _serve(event: dict[str, Any], _context: Any) -> dict[str, str]:
    order = read_order(event)
    said: dict[str, Any] = {"step": order.step.value, "withdrawal_id": order.withdrawal_id}
    if order.error == RELEASE_FAILED:
        telemetry.count("CompensationFailed")
        telemetry.logger.error("money not released", **said)
    try:
        following = _steps().take(order)
    except steps.ReleaseFailed as error:
        raise _failed(ReleaseFailed("The money could not be released; the log says why."), error, said) from None
    except _PASSING as error:
        raise _failed(Unavailable("Somebody did not answer; the log says who."), error, said) from None
    except Exception as error:  # noqa: BLE001 - the outermost edge: the machine learns that it failed, operators get the log line
        raise _failed(StepFailed("The step could not be taken; its log says why."), error, said) from None
    telemetry.count("WithdrawalStep", dimensions={"step": order.step.value, "next": following.value})
    telemetry.logger.info("withdrawal step taken", next=following.value, **said)
    return {"next": following.value}


def _failed(answer: Exception, error: Exception, said: Mapping[str, Any]) -> Exception:
    telemetry.count("WithdrawalStepFailed", dimensions={"step": said["step"], "error": type(answer).__name__})
    telemetry.logger.error("withdrawal step failed", failure=telemetry.describe(error), **said)
    return answer


handler: Final = telemetry.observed(_serve)
