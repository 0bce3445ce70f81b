"""One sandbox for all end-to-end tests: the one that COUNTROOM_STACK names, or one of their own on a free port."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from pytest_socket import enable_socket

from sandbox import run
from sandbox.screen import Screen
from sandbox.stack import Stack
from tests.e2e import world

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark them all."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.e2e)


def pytest_runtest_setup() -> None:
    """Sockets may have been switched off by a unit test in the same process."""
    enable_socket()


@dataclass(frozen=True, slots=True)
class Sandbox:
    """A running sandbox and its folder."""

    stack: Stack
    stack_path: Path


@pytest.fixture(scope="session")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    enable_socket()
    named = os.environ.get("COUNTROOM_STACK")
    if named:
        yield Sandbox(Stack.read(Path(named)), Path(named))
        return
    settings = run.Settings(world.free_port(), tmp_path_factory.mktemp("sandbox"))
    with run.running(settings, Screen()) as stack:
        yield Sandbox(stack, settings.stack_path)


@pytest.fixture(scope="session")
def stack(sandbox: Sandbox) -> Stack:
    return sandbox.stack


@pytest.fixture
def player(stack: Stack) -> world.Seat:
    """A new player with 100.00 EUR at a game."""
    return world.seat(stack)
