"""The end of a round, from the provider's call to the report: the mark is kept, a repeat with another mark is the same movement."""

import random
from collections.abc import Iterator
from dataclasses import replace
from itertools import count
from typing import Any

import pytest

from countroom.games.rounds import LEFT_OPEN_MS, Move, Round, State, key_of, merged
from countroom.ledger import legs
from countroom.ledger.movements import Bet, InvalidReference, Reference, Rollback, Win, closing_of
from countroom.ledger.records import Record
from tests.unit.games.wires import BatchWorld, SwipeWorld, act, back, swipe_bet, swipe_win
from tests.unit.games.world import World, bet, rollback, win

BET, WIN, ROLLBACK = "/transaction/bet", "/transaction/win", "/transaction/rollback"


def round_at(world: World) -> Round:
    """The round as the records of the ledger tell it."""
    found = merged(key_of("pl_anna", world.provider, "round-1"), (), records(world), whole=True)
    assert found is not None
    return found


def records(world: World) -> list[Record]:
    found = [entry for entry in world.store.entries.values() if isinstance(entry, Record)]
    assert [complaint for record in found for complaint in legs.check_legs(record)] == []
    return found


def late(found: Round) -> list[str]:
    shown = [move["transaction_id"] for move in found.view()["moves"] if move["after_close"]]
    assert len(shown) == len(found.after_close)
    return [move.reference.transaction_id for move in found.after_close]


@pytest.fixture
def hub88() -> World:
    return World()


@pytest.fixture
def token(hub88: World) -> str:
    return hub88.player()


@pytest.fixture
def batch() -> BatchWorld:
    return BatchWorld()


def is_left_open(world: World) -> bool:
    return round_at(world).is_left_open(world.clock.now_ms + LEFT_OPEN_MS)


class TestHub88:
    def test_a_bet_may_close_its_round(self, hub88: World, token: str) -> None:
        hub88.say(BET, bet(token, round_closed=True))
        found = round_at(hub88)
        assert (found.state, found.view()["closed_at"]) == (State.SETTLED, "2026-01-01T12:00:00.000Z")
        assert not is_left_open(hub88)

    def test_a_win_that_does_not_close_leaves_the_round_open(self, hub88: World, token: str) -> None:
        hub88.say(BET, bet(token))
        hub88.say(WIN, win(token, round_closed=False))
        assert (round_at(hub88).state, round_at(hub88).view()["closed_at"]) == (State.OPEN, None)
        assert is_left_open(hub88)

    def test_a_win_of_nothing_closes(self, hub88: World, token: str) -> None:
        hub88.say(BET, bet(token))
        hub88.say(WIN, win(token, amount=0, round_closed=False))
        assert not is_left_open(hub88)
        assert round_at(hub88).state is State.SETTLED

    def test_where_nobody_says_it_a_win_ends_the_round(self, hub88: World, token: str) -> None:
        said = bet(token)
        del said["round_closed"]
        hub88.say(BET, said)
        assert is_left_open(hub88)
        paid = win(token)
        del paid["round_closed"]
        hub88.say(WIN, paid)
        assert not is_left_open(hub88)

    def test_case_18_what_comes_after_the_close_is_booked_and_flagged(self, hub88: World, token: str) -> None:
        hub88.say(BET, bet(token))
        hub88.say(WIN, win(token))
        assert late(round_at(hub88)) == []
        hub88.clock.advance(seconds=1)
        hub88.say(WIN, win(token, transaction_uuid="win-2"))
        hub88.say(BET, bet(token, transaction_uuid="bet-2"))
        assert hub88.cash() == (100 - 10 + 25 + 25 - 10) * 100_000
        assert late(round_at(hub88)) == ["win-2", "bet-2"]
        assert round_at(hub88).state is State.SETTLED
        assert not is_left_open(hub88)  # a closed round is closed

    def test_a_closing_that_was_taken_back_closes_nothing(self, hub88: World, token: str) -> None:
        hub88.say(BET, bet(token))
        hub88.say(WIN, win(token))
        hub88.say(ROLLBACK, rollback(token, reference_transaction_uuid="win-1", round_closed=False))
        assert is_left_open(hub88)
        hub88.say(ROLLBACK, rollback(token, transaction_uuid="rollback-2", round_closed=False))
        assert (round_at(hub88).state, late(round_at(hub88))) == (State.ROLLED_BACK, [])

    def test_a_rollback_may_close_and_one_of_the_unseen_too(self, hub88: World, token: str) -> None:
        hub88.say(BET, bet(token))
        hub88.say(ROLLBACK, rollback(token, reference_transaction_uuid="bet-that-was-lost"))
        assert not is_left_open(hub88)

    def test_a_refused_bet_closes_nothing(self, hub88: World, token: str) -> None:
        hub88.say(BET, bet(token))
        assert hub88.say(BET, bet(token, transaction_uuid="bet-2", amount=10**9, round_closed=True))["status"] != "RS_OK"
        assert is_left_open(hub88)

    @pytest.mark.parametrize(("path", "body"), [(BET, bet), (WIN, win), (ROLLBACK, rollback)])
    @pytest.mark.parametrize("first", [True, False])
    def test_a_repeat_with_another_mark_is_the_same_and_the_first_mark_stands(
        self, hub88: World, token: str, path: str, body: Any, *, first: bool
    ) -> None:
        if path != BET:
            hub88.say(BET, bet(token))
        hub88.say(path, body(token, round_closed=first))
        before = hub88.store.state()
        assert hub88.say(path, body(token, round_closed=not first))["status"] == "RS_OK"
        assert hub88.store.state() == before
        assert (round_at(hub88).closing is not None) is first


class TestActionBatch:
    def test_a_lost_round_that_was_finished_is_over(self, batch: BatchWorld) -> None:
        batch.well(act("bet", "b", 100), finished=True)
        assert round_at(batch).state is State.SETTLED
        assert not is_left_open(batch)

    def test_a_round_that_was_never_finished_is_left_open(self, batch: BatchWorld) -> None:
        batch.well(act("bet", "b", 100), finished=False)
        batch.well(act("win", "w", 0), finished=False)
        assert is_left_open(batch)
        batch.clock.advance(seconds=1)
        batch.well(act("win", "w2", 5), finished=True)
        assert not is_left_open(batch)

    def test_actions_of_the_closing_call_are_not_late_and_those_of_the_next_are(self, batch: BatchWorld) -> None:
        batch.well(act("bet", "b", 100), act("win", "w", 250), finished=True)
        assert late(round_at(batch)) == []
        batch.clock.advance(milliseconds=1)
        batch.well(act("win", "w2", 7), finished=True)
        assert late(round_at(batch)) == ["w2"]

    def test_a_repeat_beside_the_action_that_ends_the_round(self, batch: BatchWorld) -> None:
        batch.well(act("bet", "b", 100), finished=False)
        batch.well(act("win", "w", 5), act("bet", "b", 100), finished=True)
        assert not is_left_open(batch)
        batch.well(act("bet", "b", 100), finished=True)
        assert round_at(batch).view()["staked"] == "1.00"

    def test_a_rollback_in_a_finished_call(self, batch: BatchWorld) -> None:
        batch.well(act("bet", "b", 100), act("bet", "c", 100), finished=False)
        batch.well(back("x", "c"), finished=True)
        assert not is_left_open(batch)

    def test_a_call_that_does_not_say(self, batch: BatchWorld) -> None:
        said = {"user_id": "pl_anna", "currency": "USD", "game": "acceptance:test", "game_id": "round-1"}
        assert batch.tell({**said, "actions": [act("bet", "b", 100)]})[0] == 200
        assert is_left_open(batch)


def test_swipe_has_no_mark_and_a_win_ends_the_round() -> None:
    world = SwipeWorld()
    session = world.player()
    world.say("/bet", swipe_bet(session))
    assert is_left_open(world)
    world.say("/win", swipe_win(session, amount="0"))
    assert not is_left_open(world)
    assert {closing_of(record.note)[1] for record in records(world)} == {None}
    assert (round_at(world).closing, late(round_at(world))) == (None, [])


def all_movements() -> Iterator[Bet | Win | Rollback]:
    numbers = count()
    for closes in (None, True, False):
        for told in ("", "free 500"):
            one = Reference("game:hub88", f"m-{next(numbers)}")
            yield Bet(one, "pl_anna", "EUR", 1, "x", "r", told=told, closes=closes)
            yield Win(one, "pl_anna", "EUR", 1, "x", "r", told=told, closes=closes)
        yield Rollback(one, "pl_anna", Reference("game:hub88", "t"), "x", "r", closes)


@pytest.mark.parametrize("movement", list(all_movements()), ids=lambda movement: f"{movement.kind} {movement.note}")
def test_a_note_comes_apart_again_and_its_mark_is_no_business_field(movement: Bet | Win | Rollback) -> None:
    told, closes = closing_of(movement.note)
    assert (told, closes) == (movement.business_note, movement.closes)
    for other in (None, True, False):
        assert replace(movement, closes=other).fingerprint == movement.fingerprint
    if not isinstance(movement, Rollback):
        assert replace(movement, told="free 501").fingerprint != movement.fingerprint


def test_a_note_is_bounded_with_its_mark() -> None:
    with pytest.raises(InvalidReference):
        Bet(Reference("game:hub88", "b"), "pl_anna", "EUR", 1, "x", "r", told="x" * 155, closes=True)


def test_any_order_of_records_comes_to_the_same_end() -> None:
    world = World()
    token = world.player()
    world.say(BET, bet(token))
    world.say(WIN, win(token))
    world.clock.advance(seconds=1)
    world.say(WIN, win(token, transaction_uuid="win-2"))
    expected, found = round_at(world), records(world)
    dice = random.Random(7)  # noqa: S311 - an order
    for _ in range(10):
        dice.shuffle(found)
        kept = [Move.of(record) for record in found[:2] if record.round]
        assert merged(expected.key, kept, found, whole=True) == expected
