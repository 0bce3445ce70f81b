"""The ways out to the registers of excluded players: for each one port, and the check that asks it, wired once for a function."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

from countroom.clock import system_clock
from countroom.identity import register_dialect as dialect
from countroom.identity.register import Answer, Register, RegisterSilent, Subject
from countroom.identity.register_check import RegisterCheck
from countroom.identity.register_store import RegisterStore
from countroom.identity.table import Table
from handlers.parts.services import AccountSettings, Services
from runtime import aws, telemetry
from runtime.outbound import Answered, Limits, Outcome, Port, Request, Target
from runtime.secrets import SecretReader, SecretUnavailable

LIMITS: Final = Limits(connect_s=1.0, read_s=1.5, total_s=3.0, body_bytes_max=16 * 1024, tries_max=2, at_once_max=8)
"""A player waits for a login, and API Gateway for ten seconds."""


@dataclass(frozen=True, slots=True)
class RegisterSettings(AccountSettings):
    """What the check needs of a function's environment: a base URL and a secret's ARN by the register's name."""

    register_urls: dict[str, str]
    register_secrets: dict[str, str]


class SecretSource(Protocol):
    """What holds the register's secret (see `runtime.secrets.SecretReader`)."""

    def json(self) -> Mapping[str, Any]:
        """Return its JSON object; raise SecretUnavailable."""
        ...


class WayToRegister:
    """Asks one register. Satisfies `register.Register`."""

    def __init__(self, name: str, call: Callable[[Request], Outcome], secret: SecretSource) -> None:
        self._name = name
        self._call = call
        self._secret = secret

    def ask(self, subject: Subject, name: str) -> Answer:
        """Ask about a person. To be asked twice changes nothing in a register, so an unknown outcome is asked again."""
        try:
            key = dialect.key_of(self._secret.json())
        except SecretUnavailable as error:
            raise RegisterSilent("there is no key to ask with") from error
        question = dialect.question(subject, name, key)
        outcome = self._call(Request("POST", question.path, question.headers, question.body))
        if not isinstance(outcome, Answered):
            self._report(outcome.reason.value)
            raise RegisterSilent("the register did not answer")
        try:
            return dialect.read(outcome.status, outcome.value, name)
        except RegisterSilent:
            self._report(f"status_{outcome.status}")
            raise

    def _report(self, reason: str) -> None:
        telemetry.count("RegisterCallUnknown", dimensions={"register": self._name, "reason": reason})
        telemetry.logger.warning("register call unknown", register=self._name, reason=reason)


def check_of(services: Services, told: RegisterSettings) -> RegisterCheck:
    """Wire the check; nothing is sent before the first question. A register without URL or secret counts as one that is silent."""
    desk = services.desk
    store = RegisterStore(Table(aws.client("dynamodb"), told.players_table))
    return RegisterCheck(desk.players, desk.people, store, services.excluding, desk.book, ways_of(told), system_clock)


def ways_of(told: RegisterSettings) -> Mapping[str, Register]:
    """Return the way to each register that is set up; one with an address that cannot be called must not stop other countries."""
    ways: dict[str, Register] = {}
    for name in told.register_urls.keys() & told.register_secrets.keys():
        try:
            target = Target(name, told.register_urls[name])
        except ValueError as error:
            telemetry.logger.error("register not usable", register=name, failure=telemetry.describe(error))
            continue
        secret = SecretReader(aws.client("secretsmanager"), told.register_secrets[name])
        ways[name] = WayToRegister(name, _calls(Port(target, limits=LIMITS)), secret)
    return ways


def _calls(port: Port) -> Callable[[Request], Outcome]:
    return lambda request: port.call(request, idempotent=True)
