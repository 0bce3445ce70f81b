"""The ways out to the gateways that pay: for each one port with its circuit, wired once for a function."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from countroom.cashier.payouts import registry
from countroom.cashier.payouts.dialect import Ask, Lost, Payer, SecretSource, Told
from countroom.cashier.payouts.port import NotFound, Ordered, Pending, Status, Unclear
from countroom.cashier.withdrawals.withdrawal import Withdrawal
from countroom.clock import Clock
from runtime import telemetry
from runtime.outbound import Answered, Circuit, Limits, Port, Request, Target
from runtime.secrets import SecretUnavailable

LIMITS: Final = Limits(connect_s=1.0, read_s=4.0, total_s=6.0, tries_max=2, at_once_max=4)
"""A step waits for it, and no player. What is not known by then is asked for later."""


class PayoutWays:
    """A PayoutPort to each gateway that is set up, by its name in `urls` (base URLs) and in `secrets`."""

    def __init__(
        self,
        urls: Mapping[str, str],
        secrets: Mapping[str, SecretSource],
        circuit_of: Callable[[str], Circuit],
        clock: Clock,
        limits: Limits = LIMITS,
    ) -> None:
        self._urls = urls
        self._secrets = secrets
        self._circuit_of = circuit_of
        self._clock = clock
        self._limits = limits
        self._made: dict[str, Payer[Any]] = {}

    def submit(self, withdrawal: Withdrawal) -> Ordered:
        """Order the payout; Unclear for whatever is not a definite answer."""
        payer = self._of(withdrawal.gateway)
        try:
            ordered = payer.submit(withdrawal) if payer else Unclear("not_set_up")
        except SecretUnavailable:
            ordered = Unclear("secret_unavailable")
        _note("submit", withdrawal, ordered)
        return ordered

    def status(self, withdrawal: Withdrawal) -> Status:
        """Ask what has become of the payout; Unclear for whatever is not a definite answer."""
        payer = self._of(withdrawal.gateway)
        try:
            status = payer.status(withdrawal) if payer else Unclear("not_set_up")
        except SecretUnavailable:
            status = Unclear("secret_unavailable")
        _note("status", withdrawal, status)
        return status

    def _of(self, gateway: str) -> Payer[Any] | None:
        if gateway not in self._made:
            url, secret = self._urls.get(gateway), self._secrets.get(gateway)
            if url is None or secret is None:
                return None
            try:
                dialect = registry.payouts(gateway)
                target = Target(f"payout-{gateway}", url)
            except (registry.UnknownPayer, ValueError) as error:
                telemetry.logger.error("payouts not usable", gateway=gateway, failure=telemetry.describe(error))
                return None
            port = Port(target, limits=self._limits, circuit=self._circuit_of(target.provider))
            self._made[gateway] = Payer(dialect, secret, lambda ask: _send(port, ask), self._clock)
        return self._made[gateway]


def _send(port: Port, ask: Ask) -> Told | Lost:
    outcome = port.call(Request(ask.method, ask.path, ask.headers, ask.body), idempotent=ask.repeatable)
    if isinstance(outcome, Answered):
        return Told(outcome.status, outcome.value)
    return Lost(outcome.reason.value if outcome.status is None else f"{outcome.reason.value}_{outcome.status}")


def _note(what: str, withdrawal: Withdrawal, came: Ordered | Status) -> None:
    """Write one log line with the ids and what came of it, never an amount, and count what stayed unknown."""
    said: dict[str, Any] = {"withdrawal_id": withdrawal.withdrawal_id, "gateway": withdrawal.gateway}
    match came:
        case Unclear(reason=reason):
            telemetry.count("PayoutCallUnknown", dimensions={"gateway": withdrawal.gateway, "reason": reason})
            telemetry.logger.warning(f"payout {what} unclear", reason=reason, **said)
        case NotFound() | Pending():
            telemetry.logger.info(f"payout {what}", outcome=type(came).__name__, **said)
        case _:
            reason = getattr(came, "reason", "")
            telemetry.logger.info(f"payout {what}", outcome=type(came).__name__, reason=reason, **said)
