"""Fifty requests to pay in at the same moment: exactly as many are opened as the player's limit covers."""

from collections.abc import Callable

import pytest

from countroom.cashier.desk import Ask, DepositDesk, Opened
from countroom.cashier.gates import Declined, DeclineReason
from countroom.ledger.book import Posted
from countroom.ledger.movements import LimitKind, Period, Reference
from countroom.ledger.rules import limits
from countroom.ledger.safeguards import SetLimit
from tests.unit.cashier.support import PLAYER, nanos
from tests.unit.cashier.withdrawals.test_races import at_once
from tests.unit.cashier.withdrawals.world import World

AT_ONCE = 50
ASK = Ask("10.00", "EUR")


@pytest.fixture
def world() -> World:
    return World(hasty=False)


def desk_of(world: World) -> DepositDesk:
    return DepositDesk(world.deposits, world.book, lambda _player: (), world.clock)


def limited(world: World, cap: str, name: str = "l-1") -> None:
    limit = SetLimit(Reference("house:limit", name), PLAYER, "EUR", nanos(cap), LimitKind.DEPOSIT, Period.DAY)
    assert isinstance(world.book.post(limit), Posted)


def used(world: World) -> int:
    (limit,) = world.wallet.limits
    return limits.used(limit, world.clock())


def opening(world: World, key: str) -> Callable[[], Opened | Declined]:
    return lambda: desk_of(world).open(PLAYER, [key], ASK)


@pytest.mark.parametrize(("cap", "covers"), [("10.00", 1), ("79.99", 7), ("200.00", 20)])
def test_exactly_as_many_are_opened_as_the_limit_covers(world: World, cap: str, covers: int) -> None:
    limited(world, cap)
    found = at_once(*(opening(world, f"k-{number}") for number in range(AT_ONCE)))
    refused = [one for one in found if one == Declined(DeclineReason.LIMIT_REACHED, limit="deposit 24h")]
    assert (sum(isinstance(one, Opened) for one in found), len(refused)) == (covers, AT_ONCE - covers)
    assert used(world) == nanos("10.00") * covers
    assert len(world.deposits.list_by_player(PLAYER, 100).deposits) == covers


def test_while_it_is_lowered_no_more_are_opened_than_either_limit_covers(world: World) -> None:
    limited(world, "150.00")

    def lower() -> None:
        limited(world, "50.00", "l-2")

    calls: list[Callable[[], object]] = [opening(world, f"k-{number}") for number in range(AT_ONCE)]
    found = at_once(*calls[:10], lower, *calls[10:])
    opened = sum(isinstance(one, Opened) for one in found)
    assert 5 <= opened <= 15
    assert used(world) == nanos("10.00") * opened
    assert desk_of(world).open(PLAYER, ["k-more"], ASK) == Declined(DeclineReason.LIMIT_REACHED, limit="deposit 24h")


def test_one_request_sent_fifty_times_is_opened_and_counted_once(world: World) -> None:
    limited(world, "150.00")
    found = at_once(*(opening(world, "k-1") for _ in range(AT_ONCE)))
    answers = {one.answer for one in found if isinstance(one, Opened)}
    assert (len(answers), sum(isinstance(one, Opened) for one in found)) == (1, AT_ONCE)
    assert used(world) == nanos("10.00")
