"""What a round's movements say of it."""

from dataclasses import replace
from typing import Any

import pytest

from countroom.games.rounds import (
    LEFT_OPEN_MS,
    Move,
    Round,
    RoundKey,
    State,
    key_of,
    move_fields,
    move_of_fields,
    provider_of,
    source_of,
)
from countroom.ledger.movements import InvalidReference, Kind, Reason, Reference
from countroom.ledger.records import Outcome
from tests.unit.clock import START_MS

UNIT = 10**9
KEY = RoundKey("pl_anna", "game:hub88", "r-1")


def name(transaction_id: str) -> Reference:
    return Reference("game:hub88", transaction_id)


def a_round(*steps: Any) -> Round:
    """Make a round of ``(kind, id, amount, related)``; a step with "!" before its kind was refused, with "-" had no effect."""
    moves = []
    for version, (kind, transaction_id, amount, related) in enumerate(steps, start=1):
        outcome = {"!": Outcome.REFUSED, "-": Outcome.NO_EFFECT}.get(kind[0], Outcome.APPLIED)
        moves.append(
            Move(
                version=version,
                reference=name(transaction_id),
                kind=Kind(kind.lstrip("!-")),
                outcome=outcome,
                amount=amount * UNIT,
                currency="EUR",
                at_ms=START_MS + version * 1000,
                game="x_reels",
                related=name(related) if related else None,
                reason=Reason.INSUFFICIENT_FUNDS if outcome is Outcome.REFUSED else None,
            )
        )
    return Round(KEY, tuple(moves))


BET = ("bet", "b1", 10, "")
BET2 = ("bet", "b2", 5, "")
WIN = ("win", "w1", 25, "b1")
NOTHING = ("win", "w0", 0, "b1")
BACK = ("rollback", "x1", 10, "b1")
BACK2 = ("rollback", "x2", 5, "b2")
WIN_BACK = ("rollback", "x3", 25, "w1")
PROMO = ("win", "p1", 7, "")
FREE = ("bet", "f1", 0, "")


@pytest.mark.parametrize(
    ("steps", "state", "staked", "won"),
    [
        ([BET], State.OPEN, "10.00", "0.00"),
        ([BET, WIN], State.SETTLED, "10.00", "25.00"),
        ([BET, NOTHING], State.SETTLED, "10.00", "0.00"),
        ([BET, BET2], State.OPEN, "15.00", "0.00"),
        ([BET, BET2, WIN], State.SETTLED, "15.00", "25.00"),
        ([BET, WIN, BET2], State.OPEN, "15.00", "25.00"),
        ([BET, WIN, BET2, BACK2], State.SETTLED, "10.00", "25.00"),
        ([BET, BACK], State.ROLLED_BACK, "0.00", "0.00"),
        ([BET, BET2, BACK], State.OPEN, "5.00", "0.00"),
        ([BET, BET2, BACK, BACK2], State.ROLLED_BACK, "0.00", "0.00"),
        ([BET, WIN, WIN_BACK], State.OPEN, "10.00", "0.00"),
        ([BET, WIN, WIN_BACK, BACK], State.ROLLED_BACK, "0.00", "0.00"),
        ([BET, WIN, BACK], State.SETTLED, "0.00", "25.00"),
        ([PROMO], State.PROMOTION, "0.00", "7.00"),
        ([FREE], State.OPEN, "0.00", "0.00"),
        ([FREE, NOTHING], State.SETTLED, "0.00", "0.00"),
        ([("!bet", "b1", 10, "")], State.REFUSED, "0.00", "0.00"),
        ([("-rollback", "x1", 0, "b1")], State.REFUSED, "0.00", "0.00"),
        ([("-rollback", "x1", 0, "b0"), BET], State.OPEN, "10.00", "0.00"),
        ([BET, ("-rollback", "x1", 0, "b1")], State.OPEN, "10.00", "0.00"),
    ],
)
def test_how_a_round_stands(steps: list[Any], state: State, staked: str, won: str) -> None:
    found = a_round(*steps)
    assert found.state is state
    view = found.view()
    assert (view["state"], view["staked"], view["won"]) == (state.value, staked, won)
    assert (view["open_since"] is not None) == (state is State.OPEN)


def test_a_round_is_open_since_its_first_stake_that_no_win_has_followed() -> None:
    assert a_round(BET, BET2).open_since_ms == START_MS + 1000
    assert a_round(BET, WIN, BET2).open_since_ms == START_MS + 3000
    assert a_round(BET, BET2, BACK).open_since_ms == START_MS + 2000


def test_left_open_begins_at_48_hours() -> None:
    found = a_round(BET)
    since = START_MS + 1000
    assert not found.is_left_open(since + LEFT_OPEN_MS - 1)
    assert found.is_left_open(since + LEFT_OPEN_MS)
    assert not a_round(BET, WIN).is_left_open(since + 10 * LEFT_OPEN_MS)


def test_moves_as_they_are_shown() -> None:
    view = a_round(FREE, BET, BACK, PROMO).view()
    assert [move["kind"] for move in view["moves"]] == ["bet", "bet", "rollback", "win"]
    assert [move["free"] for move in view["moves"]] == [True, False, False, False]
    assert [move["rolled_back"] for move in view["moves"]] == [False, True, False, False]
    assert [move["promotional"] for move in view["moves"]] == [False] * 4  # it has bets, so its wins may be theirs
    assert view["net"] == "7.00"
    assert (view["provider"], view["round_id"], view["games"]) == ("hub88", "r-1", ["x_reels"])
    (promotion,) = a_round(PROMO).view()["moves"]
    assert promotion["promotional"]
    (refused,) = a_round(("!bet", "b1", 10, "")).view()["moves"]
    assert (refused["outcome"], refused["reason"], refused["free"]) == ("refused", "insufficient_funds", False)


def test_a_move_reads_as_it_was_written() -> None:
    for move in a_round(BET, WIN, BACK, PROMO, ("!bet", "b9", 1, "")).moves:
        for closes in (None, True, False):
            marked = replace(move, closes=closes)
            assert move_of_fields(move.version, move_fields(marked)) == marked


@pytest.mark.parametrize(
    "change", [{"i": "x"}, {"k": "steal"}, {"o": ""}, {"y": "because"}, {"a": "x"}, {"q": "nothing"}, {"e": "x"}]
)
def test_what_is_no_move(change: dict[str, Any]) -> None:
    with pytest.raises((KeyError, ValueError)):
        move_of_fields(1, {**move_fields(a_round(WIN).moves[0]), **change})


@pytest.mark.parametrize(("provider", "source"), [("hub88", "game:hub88"), ("swipe", "game:swipe"), ("action_batch", "game:batch")])
def test_providers_and_sources(provider: str, source: str) -> None:
    assert source_of(provider) == source
    assert provider_of(source) == provider
    assert key_of("pl_anna", provider, "r").source == source


@pytest.mark.parametrize(
    ("provider", "round_id"), [("Hub88", "r"), ("hub88", ""), ("hub88", "a#b"), ("", "r"), ("x" * 40, "r"), ("hub88", "x" * 65)]
)
def test_what_names_no_round(provider: str, round_id: str) -> None:
    with pytest.raises(InvalidReference):
        key_of("pl_anna", provider, round_id)
