"""What differs between the places where Countroom runs, and nothing else: one frozen record a stage."""

import platform
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType


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
    login_throttle: Throttle
    provider_throttle: Throttle
    webhook_throttle: Throttle
    requests_per_ip_5_min: int
    """Web ACL: more from one address in five minutes are blocked."""
    logins_per_ip_5_min: int
    """The same for attempts to log in."""
    reserved_concurrency: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    """Function name → its own share of the account's concurrency, so that no neighbour can starve it."""

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
        login_throttle=wide_open,
        provider_throttle=wide_open,
        webhook_throttle=wide_open,
        requests_per_ip_5_min=100_000,
        logins_per_ip_5_min=100_000,
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
        login_throttle=Throttle(rate=5, burst=10),
        provider_throttle=Throttle(rate=100, burst=200),
        webhook_throttle=Throttle(rate=20, burst=40),
        requests_per_ip_5_min=2_000,
        logins_per_ip_5_min=100,
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
        login_throttle=Throttle(rate=100, burst=200),
        provider_throttle=Throttle(rate=2_000, burst=4_000),
        webhook_throttle=Throttle(rate=200, burst=400),
        requests_per_ip_5_min=3_000,
        logins_per_ip_5_min=100,
        # Together they leave more than 400 of an account's default 1,000 to everything else.
        reserved_concurrency=MappingProxyType(
            {
                "identity": 60,
                "wallet": 80,
                "games": 40,
                "deposits": 40,
                "provider-hub88": 250,
                "payment-webhook": 40,
                "payment-worker": 20,
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
