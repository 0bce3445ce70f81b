"""The house asks the sandbox's register over a socket, by its own port and dialect: answers, keys, and every way to go wrong."""

import time
from collections.abc import Iterator

import pytest
from pytest_socket import disable_socket, enable_socket, socket_allow_hosts

from countroom.identity.register import RegisterSilent, Subject, Verdict
from handlers.parts import registers
from handlers.parts.registers import WayToRegister
from runtime.outbound import Limits, Port, Target
from runtime.secrets import SecretUnavailable
from sandbox.faulty_server import Fault
from sandbox.register.roll import Person
from sandbox.register.server import NAME, REGISTER, Desk, running

PAT = Subject("Patricia", "Jones", "1985-02-03", "pat@example.com", "SW1A 1AA")
ENTRY = Person.of(
    {"firstName": "Pat", "lastName": "Jones", "dateOfBirth": "1985-02-03", "email": "old@example.com", "postcode": "SW1A1AA"}
)
QUICK = Limits(connect_s=0.5, read_s=0.3, total_s=0.8, tries_max=2, wait_s=0.01)


class Secret:
    """A secret in memory. Satisfies what a way asks of `SecretReader`."""

    value: dict[str, str] | None

    def __init__(self, key: str = "key") -> None:
        self.value = {"api_key": key}

    def json(self) -> dict[str, str]:
        if self.value is None:
            raise SecretUnavailable
        return self.value


@pytest.fixture
def register() -> Iterator[Desk]:
    enable_socket()
    socket_allow_hosts(["127.0.0.1"])
    with running() as desk:
        desk.trust("key")
        yield desk
    disable_socket()


def way(desk: Desk, secret: Secret | None = None) -> WayToRegister:
    port = Port(Target(REGISTER, desk.urls[REGISTER]), limits=QUICK)
    return WayToRegister(REGISTER, registers._calls(port), secret or Secret())


def test_the_three_answers_arrive(register: Desk) -> None:
    assert way(register).ask(PAT, "c-1").verdict is Verdict.CLEAR
    register.roll.enter(ENTRY)
    listed = way(register).ask(PAT, "c-2")
    assert (listed.verdict, len(listed.receipt)) == (Verdict.LISTED, 32)
    register.roll.enter(ENTRY, lapsed=True)
    assert way(register).ask(PAT, "c-3").verdict is Verdict.LAPSED


@pytest.mark.parametrize("fault", list(Fault))
def test_whatever_goes_wrong_is_silence_in_bounded_time_and_never_clear(register: Desk, fault: Fault) -> None:
    register.break_next(NAME, fault, times=2)
    began = time.monotonic()
    with pytest.raises(RegisterSilent):
        way(register).ask(PAT, "c-1")
    assert time.monotonic() - began < QUICK.total_s + 0.5


def test_one_failure_is_asked_over(register: Desk) -> None:
    register.break_next(NAME, Fault.ERROR)
    assert way(register).ask(PAT, "c-1").verdict is Verdict.CLEAR
    assert register.asked[NAME] == 2


def test_a_wrong_key_and_none_are_silence(register: Desk) -> None:
    with pytest.raises(RegisterSilent):
        way(register, Secret("other")).ask(PAT, "c-1")
    without = Secret()
    without.value = None
    with pytest.raises(RegisterSilent):
        way(register, without).ask(PAT, "c-1")
