"""The way out to the verification vendor: its port with its circuit, wired once for a function."""

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Final

from countroom.clock import Clock
from countroom.verification.levels import Level
from countroom.verification.sumsub_api import Ask, Registered, SecretSource, Sumsub, Told, VendorUnavailable, Why
from runtime import telemetry
from runtime.outbound import Answered, Circuit, Limits, Outcome, Port, Request, Target

VENDOR: Final = "sumsub"

LIMITS: Final = Limits(connect_s=1.0, read_s=2.0, total_s=2.5, at_once_max=8)
"""A player waits for three calls at most, one after the other: this is for each of them with its repeats."""


class VendorLine:
    """Satisfies `starting.Vendor`. Where the stage has no address or no keys of the vendor's, every call is VendorUnavailable."""

    def __init__(
        self, urls: Mapping[str, str], secrets: Mapping[str, SecretSource], circuit_of: Callable[[str], Circuit], clock: Clock
    ) -> None:
        self._urls = urls
        self._secrets = secrets
        self._circuit_of = circuit_of
        self._clock = clock

    def applicant(self, player_id: str, level: Level, registered: Registered) -> str:
        """Return the vendor's name of a player, who has registered as somebody."""
        return self._vendor.applicant(player_id, level, registered)

    def link(self, player_id: str, level: Level) -> str:
        """Return a link under which the player can be checked at a level."""
        return self._vendor.link(player_id, level)

    @cached_property
    def _vendor(self) -> Sumsub:
        url, secret = self._urls.get(VENDOR), self._secrets.get(VENDOR)
        if url is None or secret is None:
            raise VendorUnavailable(Why.NOT_SET_UP)
        try:
            target = Target(VENDOR, url)
        except ValueError as error:
            telemetry.logger.error("vendor not usable", failure=telemetry.describe(error))
            raise VendorUnavailable(Why.NOT_SET_UP) from error
        port = Port(target, limits=LIMITS, circuit=self._circuit_of(VENDOR), observe=_note)
        return Sumsub(secret, lambda ask: _send(port, ask), self._clock)


def _send(port: Port, ask: Ask) -> Told | None:
    # A player has one applicant however often it is asked for, and a second link harms nobody: what is unknown is asked again.
    outcome = port.call(Request(ask.method, ask.path, ask.headers, ask.body), idempotent=True)
    return Told(outcome.status, outcome.value) if isinstance(outcome, Answered) else None


def _note(outcome: Outcome) -> None:
    """Count and log a call that did not do what it was made for; never what was sent or answered."""
    if isinstance(outcome, Answered):
        if outcome.status >= 300 and outcome.status != 409:  # noqa: PLR2004 - no success, and no applicant that is there already
            telemetry.count("VerificationCallRefused")
            telemetry.logger.warning("vendor refused a call", status=outcome.status)
        return
    telemetry.count("VerificationCallUnknown", dimensions={"reason": outcome.reason.value})
    telemetry.logger.warning("vendor call unknown", reason=outcome.reason.value, status=outcome.status)
