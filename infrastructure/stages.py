"""What differs between the places where Countroom runs, and nothing else: one frozen record a stage."""

import platform
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType

from infrastructure import paces
from infrastructure.paces import WithdrawalPace


class UnknownStageError(ValueError):
    """The stage asked for is not one of those defined here; the message is the whole explanation."""


class Architecture(StrEnum):
    """Processor of the Lambdas, by the names that the machine itself uses."""

    ARM64 = "arm64"
    X86_64 = "x86_64"


@dataclass(frozen=True, slots=True)
class Throttle:
    """Limits of an API: `rate` requests a second on average, `burst` requests at once."""

    rate: int
    burst: int


@dataclass(frozen=True, slots=True)
class Target:
    """What the code and its dependencies are built for. `platform` is uv's name of it; None means this very machine."""

    architecture: Architecture
    python: str
    platform: str | None


@dataclass(frozen=True, slots=True)
class StageSettings:
    """Everything that a stage decides. Durations carry their unit in the name."""

    name: str
    target: Target
    emulated: bool
    """Runs on the local emulator: what that lacks is left out, and nothing needs to survive."""
    keeps_data: bool
    """Tables, keys, secrets and queues outlive their stack, and tables refuse to be deleted."""
    termination_protection: bool
    log_retention_days: int
    log_level: str
    tls_only: bool
    """Queues and topics refuse plain HTTP. The emulator has nothing else on loopback."""
    tracing: bool
    player_throttle: Throttle
    credential_throttle: Throttle
    """Each of the routes that take a password or a code, all callers together."""
    refresh_throttle: Throttle
    provider_throttles: Mapping[str, Throttle]
    """Each provider that this stage serves, and what it may have of the provider API: its own, which no other can use up."""
    health_throttle: Throttle
    """Each provider's health route."""
    webhook_throttle: Throttle
    requests_per_ip_5_min: int
    """Web ACL: more from one address in five minutes are blocked."""
    credentials_per_ip_5_min: int
    """The same for the routes that take a password or a code."""
    refreshes_per_ip_5_min: int
    """The same for refreshing sessions. Many players may share one address, and each refreshes every ten minutes."""
    login_guesses_per_source: int
    """Tries of one source address in 15 minutes, right or wrong: logins from unknown devices, registrations and resets."""
    token_keys: tuple[str, ...]
    """Names of the keys of access tokens: the first signs, all verify. docs/runbook.md says how to rotate them."""
    session_absolute_seconds: int
    """A session ends after this time, whatever it does: on AWS no more than NIST SP 800-63B §4.2.3 allows at AAL2, 12 hours."""
    session_idle_seconds: int
    """A session that is not refreshed for this long ends: on AWS no more than the same section allows, 30 minutes."""
    mail_domain: str
    """Where the house's e-mail comes from; its DNS must hold the DKIM records that SES asks for."""
    launch_urls: Mapping[str, str]
    """Provider → address of its launch API or launcher page. A provider without one cannot be launched here."""
    payment_urls: Mapping[str, str]
    """Gateway → address of the API that payments are opened with. One that needs an address and has none is not offered here."""
    payout_urls: Mapping[str, str]
    """Payment gateway → address of its payout API. Through a gateway without one nothing is paid out here."""
    verification_urls: Mapping[str, str]
    """Verification vendor → address of its API. Without one nobody is verified by it here, only by staff."""
    register_urls: Mapping[str, str]
    """Register of self-excluded players → address of its API. Where a player's country has one and it has no address, nobody from
    there is registered or let in."""
    withdrawal_pace: WithdrawalPace
    retired_token_keys: tuple[str, ...] = ()
    """Names of keys that verify no more, for one deployment: while it runs, the functions before it still use them."""
    reserved_concurrency: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    """Function name → its own share of the account's concurrency, so that no neighbour can starve it."""

    @property
    def mail_sender(self) -> str:
        """Address in the From line of every e-mail."""
        return f"no-reply@{self.mail_domain}"

    @property
    def token_issuer(self) -> str:
        """`iss` of the access tokens (RFC 7519 §4.1.1): tokens of one stage mean nothing in another."""
        return f"urn:countroom:{self.name}"

    @property
    def prefix(self) -> str:
        """Start of the names of what an operator must find by name."""
        return f"countroom-{self.name}"


# Lambda's python3.14 runs on Amazon Linux 2023 (glibc 2.34). The pinned argon2 and cryptography ship no older aarch64 wheels
# than manylinux_2_26 and manylinux_2_28.
_AWS_TARGET = Target(Architecture.ARM64, "3.14", "aarch64-manylinux_2_28")

_STRIPE = "https://api.stripe.com"  # for tests and live alike: the key tells them apart
_SUMSUB = "https://api.sumsub.com"  # for its sandbox mode and live alike: the token tells them apart

_MINUTE = 60
_HOUR = 60 * _MINUTE

PROVIDERS = ("hub88", "swipe", "action_batch")
"""Game providers that the house speaks with, by the names in their routes."""


def _for_each_provider(throttle: Throttle) -> Mapping[str, Throttle]:
    return MappingProxyType(dict.fromkeys(PROVIDERS, throttle))


def _this_machine() -> Target:
    # The emulator runs a Lambda as a process of this machine, so wheels with native code must be for it.
    arm = platform.machine().lower() in {"arm64", "aarch64"}
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    return Target(Architecture.ARM64 if arm else Architecture.X86_64, python, None)


def _sandbox() -> StageSettings:
    wide_open = Throttle(rate=5_000, burst=5_000)
    return StageSettings(
        name="sandbox",
        target=_this_machine(),
        emulated=True,
        keeps_data=False,
        termination_protection=False,
        log_retention_days=1,
        log_level="INFO",
        tls_only=False,
        tracing=False,
        player_throttle=wide_open,
        credential_throttle=wide_open,
        refresh_throttle=wide_open,
        provider_throttles=_for_each_provider(wide_open),
        health_throttle=wide_open,
        webhook_throttle=wide_open,
        requests_per_ip_5_min=100_000,
        credentials_per_ip_5_min=100_000,
        refreshes_per_ip_5_min=100_000,
        login_guesses_per_source=1_000_000,  # everybody here comes from one address
        token_keys=("one", "other"),  # as in the middle of a rotation, so that every run proves the overlap
        session_absolute_seconds=12 * _HOUR,
        session_idle_seconds=_HOUR,
        mail_domain="countroom.example",
        launch_urls=MappingProxyType({}),  # the sandbox says at synth where its providers listen
        payment_urls=MappingProxyType({}),  # and its gateways
        payout_urls=MappingProxyType({}),  # and its gateways
        verification_urls=MappingProxyType({}),  # its vendor
        register_urls=MappingProxyType({}),  # and its register
        withdrawal_pace=paces.IN_THE_SANDBOX,
    )


def _dev() -> StageSettings:
    return StageSettings(
        name="dev",
        target=_AWS_TARGET,
        emulated=False,
        keeps_data=True,
        termination_protection=False,
        log_retention_days=14,
        log_level="DEBUG",
        tls_only=True,
        tracing=True,
        player_throttle=Throttle(rate=50, burst=100),
        credential_throttle=Throttle(rate=5, burst=10),
        refresh_throttle=Throttle(rate=10, burst=20),
        provider_throttles=_for_each_provider(Throttle(rate=50, burst=100)),
        health_throttle=Throttle(rate=2, burst=5),
        webhook_throttle=Throttle(rate=20, burst=40),
        requests_per_ip_5_min=2_000,
        credentials_per_ip_5_min=100,
        refreshes_per_ip_5_min=500,
        login_guesses_per_source=100,
        token_keys=("2026-11",),
        session_absolute_seconds=12 * _HOUR,
        session_idle_seconds=30 * _MINUTE,
        mail_domain="mail.dev.countroom.example",
        launch_urls=MappingProxyType({}),
        payment_urls=MappingProxyType({"stripe": _STRIPE, "adyen": "https://checkout-test.adyen.com"}),
        payout_urls=MappingProxyType({}),
        verification_urls=MappingProxyType({"sumsub": _SUMSUB}),
        register_urls=MappingProxyType({}),  # a register gives its address with the licence
        withdrawal_pace=paces.ON_AWS,
    )


def _prod() -> StageSettings:
    return StageSettings(
        name="prod",
        target=_AWS_TARGET,
        emulated=False,
        keeps_data=True,
        termination_protection=True,
        log_retention_days=365,
        log_level="INFO",
        tls_only=True,
        tracing=True,
        player_throttle=Throttle(rate=1_000, burst=2_000),
        credential_throttle=Throttle(rate=100, burst=200),
        refresh_throttle=Throttle(rate=500, burst=1_000),
        provider_throttles=_for_each_provider(Throttle(rate=1_000, burst=2_000)),
        health_throttle=Throttle(rate=10, burst=20),
        webhook_throttle=Throttle(rate=200, burst=400),
        requests_per_ip_5_min=3_000,
        credentials_per_ip_5_min=100,
        refreshes_per_ip_5_min=1_000,
        login_guesses_per_source=100,
        token_keys=("2026-11",),
        session_absolute_seconds=12 * _HOUR,
        session_idle_seconds=30 * _MINUTE,
        mail_domain="mail.countroom.example",
        launch_urls=MappingProxyType({}),
        payment_urls=MappingProxyType({"stripe": _STRIPE}),  # Adyen's live address has the company's own prefix in it
        payout_urls=MappingProxyType({}),
        verification_urls=MappingProxyType({"sumsub": _SUMSUB}),
        register_urls=MappingProxyType({}),  # a register gives its address with the licence
        withdrawal_pace=paces.ON_AWS,
        # Together not quite 900 of an account's default 1,000, of which 100 can never be reserved. The providers have the most,
        # each its own: what one uses up in a flood, or while it hangs, the others do not miss.
        reserved_concurrency=MappingProxyType(
            {
                "identity": 60,
                "account": 40,
                "identity-staff": 2,
                "mailer": 10,
                "wallet": 60,
                "games": 40,
                "games-staff": 2,
                "rounds-worker": 10,
                "rounds-report": 2,
                "deposits": 40,
                "provider-hub88": 140,
                "provider-swipe": 140,
                "provider-action-batch": 140,
                "payment-webhook": 40,
                "payment-worker": 20,
                "paymentiq": 40,
                "settlement-check": 2,
                "withdrawals": 20,
                "withdrawals-staff": 2,
                "play-safety": 20,
                "safety-worker": 10,
                "safety-staff": 2,
                "verification": 10,
                "verification-webhook": 10,
                "verification-worker": 5,
                "withdrawal-step": 20,
                "withdrawal-sweeper": 2,
                "ledger-audit": 2,
            }
        ),
    )


_STAGES = MappingProxyType({"sandbox": _sandbox, "dev": _dev, "prod": _prod})
STAGE_NAMES = tuple(_STAGES)
DEFAULT_STAGE = "dev"


def stage_settings(name: str) -> StageSettings:
    """Return the settings of the stage called `name`; raise UnknownStageError, whose text tells what to do, for any other."""
    if name not in _STAGES:
        known = ", ".join(STAGE_NAMES)
        raise UnknownStageError(f"There is no stage {name!r}: choose one of {known}, for example `cdk deploy --all -c stage=dev`.")
    return _STAGES[name]()
