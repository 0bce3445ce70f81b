"""One sandbox for all end-to-end tests: the one that COUNTROOM_STACK names, or one of their own on a free port."""

import os
import threading
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


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(nextitem: pytest.Item | None) -> Iterator[None]:
    """Hold the fixture to its scope: a server that outlives these tests would fail the unit test under which it is called."""
    yield
    if nextitem is None or HERE not in nextitem.path.parents:
        left = [thread.name for thread in threading.enumerate() if "serve_forever" in thread.name]
        assert not left, f"still running after the last end-to-end test: {left}"


@dataclass(frozen=True, slots=True)
class Sandbox:
    """A running sandbox and its folder."""

    stack: Stack
    stack_path: Path


@pytest.fixture(scope="package")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """Lives as long as the tests of this folder: after them, tests come that forbid its servers' threads their sockets."""
    enable_socket()
    named = os.environ.get("COUNTROOM_STACK")
    if named:
        yield Sandbox(Stack.read(Path(named)), Path(named))
        return
    settings = run.Settings(world.free_port(), tmp_path_factory.mktemp("sandbox"))
    with run.running(settings, Screen()) as stack:
        yield Sandbox(stack, settings.stack_path)


@pytest.fixture(scope="package")
def stack(sandbox: Sandbox) -> Stack:
    return sandbox.stack


@pytest.fixture
def player(stack: Stack) -> world.Seat:
    """A new player with 100.00 EUR at a game."""
    return world.seat(stack)
