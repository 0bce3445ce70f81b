"""The ways out to the payment gateways: for each one port with its circuit, wired once for a function."""

from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from countroom.cashier import terms
from countroom.cashier.gateways.openers.dialect import Ask, GatewayUnavailable, SecretSource, Till, Told, Why
from countroom.cashier.gateways.openers.registry import OPENINGS
from runtime import telemetry
from runtime.outbound import Answered, Limits, Outcome, Port, Request, Target

if TYPE_CHECKING:
    from runtime.circuit import TableCircuit

LIMITS: Final = Limits(connect_s=1.0, read_s=3.0, total_s=6.0, at_once_max=8)
"""A player waits for the payment, and API Gateway for ten seconds."""


class Tills:
    """Gives the till of each gateway that is set up, by its name in `urls` (base URLs) and in `secrets`.

    `client` is a low-level DynamoDB client with small timeouts and one try, for the circuits in the table `circuits`.
    """

    def __init__(self, urls: Mapping[str, str], secrets: Mapping[str, SecretSource], client: Any, circuits: str) -> None:
        self._urls = urls
        self._secrets = secrets
        self._client = client
        self._table = circuits
        self._made: dict[str, Till[Any]] = {}

    @property
    def reachable(self) -> frozenset[str]:
        """The gateways that can be paid with here: those that need not be asked, and those that are set up to be."""
        return frozenset(name for name in terms.TERMS if name not in OPENINGS or (name in self._urls and name in self._secrets))

    def of(self, gateway: str) -> Till[Any] | None:
        """Return a gateway's till, the same one each time; None for a gateway that need not be asked before it is paid.

        Raises GatewayUnavailable for one that is not set up.
        """
        if gateway not in OPENINGS:
            return None
        if gateway not in self._made:
            self._made[gateway] = self._make(gateway)
        return self._made[gateway]

    @cached_property
    def _circuits(self) -> "TableCircuit":
        # Imported when the first payment is opened: the breaker brings a second AWS SDK with it.
        from runtime.circuit import TableCircuit  # noqa: PLC0415

        return TableCircuit(self._client, self._table)

    def _make(self, gateway: str) -> Till[Any]:
        url, secret = self._urls.get(gateway), self._secrets.get(gateway)
        if url is None or secret is None:
            raise GatewayUnavailable(Why.NOT_SET_UP)
        try:
            target = Target(gateway, url)
        except ValueError as error:
            telemetry.logger.error("gateway not usable", gateway=gateway, failure=telemetry.describe(error))
            raise GatewayUnavailable(Why.NOT_SET_UP) from error
        port = Port(target, limits=LIMITS, circuit=self._circuits.of(gateway), observe=lambda outcome: _note(gateway, outcome))
        return Till(OPENINGS[gateway], secret, lambda ask: _send(port, ask))


def _send(port: Port, ask: Ask) -> Told | None:
    # The deposit's id is the Idempotency-Key, so an unknown outcome is asked about by sending the very same again.
    outcome = port.call(Request("POST", ask.path, ask.headers, ask.body), idempotent=True)
    return Told(outcome.status, outcome.value) if isinstance(outcome, Answered) else None


def _note(gateway: str, outcome: Outcome) -> None:
    """Count and log a call that did not do what it was made for; never what was sent or answered."""
    if isinstance(outcome, Answered):
        if outcome.status >= 300:  # noqa: PLR2004 - no success
            telemetry.count("GatewayCallRefused", dimensions={"gateway": gateway})
            telemetry.logger.warning("gateway refused a call", gateway=gateway, status=outcome.status)
        return
    telemetry.count("GatewayCallUnknown", dimensions={"gateway": gateway})
    telemetry.logger.warning("gateway call unknown", gateway=gateway, reason=outcome.reason.value, status=outcome.status)
