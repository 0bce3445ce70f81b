"""The ways out to the game providers: for each one port, with its circuit and its health, wired once for a function."""

from collections.abc import Callable, Mapping
from typing import Any

from countroom.games.health import HealthBoard, HealthUnavailable
from countroom.games.launchers import registry
from countroom.games.launchers.dialect import Ask, Doorman, ProviderUnavailable, SecretSource, Told
from runtime import telemetry
from runtime.outbound import Answered, Circuit, Limits, Outcome, Port, Request, Target

LIMITS = Limits(connect_s=1.0, read_s=2.0, total_s=5.0, at_once_max=8)
"""A player waits for a launch, and API Gateway for ten seconds."""


class WaysOut:
    """Gives the doorman of each provider that is set up, by its name in `urls` (base URLs) and in `secrets`."""

    def __init__(
        self,
        urls: Mapping[str, str],
        secrets: Mapping[str, SecretSource],
        circuit_of: Callable[[str], Circuit],
        health: HealthBoard,
    ) -> None:
        self._urls = urls
        self._secrets = secrets
        self._circuit_of = circuit_of
        self._health = health
        self._made: dict[str, Doorman[Any]] = {}

    def of(self, provider: str) -> Doorman[Any]:
        """Return a provider's doorman, the same one each time; raise ProviderUnavailable for one that is not set up."""
        if provider not in self._made:
            self._made[provider] = self._make(provider)
        return self._made[provider]

    def _make(self, provider: str) -> Doorman[Any]:
        url, secret = self._urls.get(provider), self._secrets.get(provider)
        if url is None or secret is None:
            raise ProviderUnavailable("not set up")
        try:
            dialect = registry.launcher(provider)
            target = Target(provider, url)
        except (registry.UnknownLauncher, ValueError) as error:
            telemetry.logger.error("provider not usable", provider=provider, failure=telemetry.describe(error))
            raise ProviderUnavailable("nobody knows how to ask") from error
        circuit = self._circuit_of(provider)
        port = Port(target, limits=LIMITS, circuit=circuit, observe=lambda outcome: self._note(provider, outcome))
        return Doorman(dialect, secret, lambda ask: _send(port, ask))

    def _note(self, provider: str, outcome: Outcome) -> None:
        """Count what came of a call and keep it for the health; a board that cannot be written must not stop a launch."""
        reason = "" if isinstance(outcome, Answered) else outcome.reason.value
        if reason:
            telemetry.count("ProviderCallUnknown", dimensions={"provider": provider, "reason": reason})
            telemetry.logger.warning("provider call unknown", provider=provider, reason=reason)
        try:
            self._health.note(provider, answered=not reason, reason=reason)
        except HealthUnavailable as error:
            telemetry.count("HealthNotKept")
            telemetry.logger.warning("health not kept", provider=provider, failure=telemetry.describe(error))


def _send(port: Port, ask: Ask) -> Told | None:
    # Asked twice, a provider makes two addresses for one session: that harms nobody, so an unknown outcome is asked again.
    outcome = port.call(Request("POST", ask.path, ask.headers, ask.body), idempotent=True)
    return Told(outcome.status, outcome.value) if isinstance(outcome, Answered) else None
