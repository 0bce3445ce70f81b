"""A check of registers for tests about something else: nobody in them is of a country that has one."""

from typing import Any

from countroom.clock import Clock
from countroom.identity.people import People
from countroom.identity.register_check import RegisterCheck
from countroom.identity.register_store import RegisterStore
from countroom.identity.store import PlayersStore
from countroom.identity.table import Table


class Unused:
    """What must not be asked."""

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(f"{name} was asked for")


def no_register(table: Table, clock: Clock) -> RegisterCheck:
    unused: Any = Unused()
    players = PlayersStore(table)
    return RegisterCheck(players, People(players, unused), RegisterStore(table), unused, unused, {}, clock)
