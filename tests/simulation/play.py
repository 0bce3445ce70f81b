"""What happens at the games, in bursts that overlap: bets, wins, rollbacks before, during and after, overdrafts, batches."""

from dataclasses import replace
from typing import Final

from countroom.ledger.movements import (
    Bet,
    Movement,
    Reason,
    Rollback,
    StartSession,
    Win,
)
from tests.simulation.draft import GAME, Draft
from tests.simulation.requests import DAY, MINUTE, SECOND

_NOTHING: Final[frozenset[Reason]] = frozenset()
_TOLERATED: Final = frozenset({Reason.ROLLED_BACK, Reason.DUPLICATE_TRANSACTION, Reason.REFERENCE_UNKNOWN})
_TOLERATED_TOO: Final = _TOLERATED | {Reason.INSUFFICIENT_FUNDS, Reason.SESSION_UNKNOWN, Reason.GAME_UNAVAILABLE}


def session(draft: Draft, player_id: str) -> None:
    """Launch a game; the session before it is replaced."""
    digest = draft.rng.randbytes(12)
    expires = (draft.now + draft.rng.choice((MINUTE, 100 * DAY, 100 * DAY, 100 * DAY))) // 1000
    provider = "hub88" if draft.rng.random() < 0.9 else f"other{draft.rng.randint(1, 5)}"
    if provider == "hub88":
        draft.sessions[player_id] = digest
    draft.post(StartSession.of(player_id, provider, digest, "dice", expires))


def stake(draft: Draft, player_id: str, amount: int | None = None) -> Bet:
    """A bet, mostly in the current session; sometimes without one, in a wrong one, or of a game that is switched off."""
    rng = draft.rng
    current = draft.sessions.get(player_id)
    digest = b"no such dig." if rng.random() < 0.05 else rng.choice((current, current, None))
    veto = Reason.GAME_UNAVAILABLE if rng.random() < 0.04 else None
    sum_ = draft.amount() if amount is None else amount
    return Bet(draft.name(GAME, "b"), player_id, draft.currency[player_id], sum_, "dice", f"r{rng.randint(1, 9)}", digest, veto)


def win_of(draft: Draft, bet: Bet, player_id: str | None = None) -> Win:
    """Winnings of a bet; now and then in another round, by another player, or of a bet that nobody made."""
    rng = draft.rng
    owner = player_id or bet.player_id
    target = draft.name(GAME, "none") if rng.random() < 0.08 else bet.reference
    round_id = "elsewhere" if rng.random() < 0.06 else bet.round
    amount = 0 if rng.random() < 0.1 else draft.amount(90)
    return Win(draft.name(GAME, "w"), owner, draft.currency[owner], amount, bet.game, round_id, target)


def rounds(draft: Draft) -> None:
    """Bets with their wins and rollbacks before, during and after them."""
    rng = draft.rng
    player_id = draft.player()
    if rng.random() < 0.15:
        session(draft, player_id)
    for _ in range(rng.randint(1, 4)):
        bet = stake(draft, player_id)
        at = draft.near(60)
        draft.post(bet, at)
        draft.bets.append(bet)
        follow(draft, bet, at)


def follow(draft: Draft, bet: Bet, at: int) -> None:
    """What comes with a bet."""
    rng = draft.rng
    if rng.random() < 0.55:
        win = win_of(draft, bet)
        draft.post(win, at + rng.choice((draft.near(6), 30_000 + draft.near(60))))
        if rng.random() < 0.3:
            draft.post(Rollback(draft.name(GAME, "x"), win.player_id, win.reference, win.game, win.round), at + draft.near(150))
    if rng.random() < 0.5:
        take_back(draft, bet, at)
    if rng.random() < 0.12:
        draft.post(replace(bet, amount=bet.amount + 1), at + draft.near(40), note="same id, other amount")
    if rng.random() < 0.12:
        draft.post(replace(bet, currency="USD"), at + draft.near(40), note="same id, other currency")
    if rng.random() < 0.15:
        other = draft.player()
        draft.post(
            replace(bet, player_id=other, currency=draft.currency[other], session=None),
            at + draft.near(20),
            note="same id, other player",
        )


def take_back(draft: Draft, bet: Bet, at: int) -> None:
    """Roll a bet back: before it, while it is under way, after it; by another player; twice; or a rollback of itself."""
    rng = draft.rng
    when, offset = rng.choice(
        (("before", max(0, at - 200_000)), ("during", at + draft.near(8)), ("after", at + SECOND + draft.near()))
    )
    undo = Rollback(draft.name(GAME, "x"), bet.player_id, bet.reference, bet.game, bet.round)
    draft.post(undo, offset, note=f"rollback {when}")
    if rng.random() < 0.3:
        draft.post(replace(undo, reference=draft.name(GAME, "x")), offset + draft.near(60), note="second rollback")
    if rng.random() < 0.35:
        foreign = replace(undo, reference=draft.name(GAME, "x"), player_id=draft.player())
        draft.post(foreign, at + draft.near(6), note="foreign rollback")
    if rng.random() < 0.04:
        own = draft.name(GAME, "x")
        draft.post(replace(undo, reference=own, target=own), at, note="rollback of itself")


def old_rounds(draft: Draft) -> None:
    """Wins and rollbacks that come long after their bets, and at the same instant."""
    for _ in range(draft.rng.randint(1, 3)):
        bets = [bet for bet in draft.bets if isinstance(bet, Bet)]
        if not bets:
            return
        bet = draft.rng.choice(bets)
        if draft.rng.random() < 0.7:
            draft.post(win_of(draft, bet), draft.near(8))
        if draft.rng.random() < 0.7:
            undo = Rollback(draft.name(GAME, "x"), bet.player_id, bet.reference, bet.game, bet.round)
            draft.post(undo, draft.near(8), note="rollback after")


def settle(draft: Draft) -> None:
    """A bet that stands, and then its wins and its rollback at the same instant, in any order."""
    player_id = draft.player()
    bet = replace(stake(draft, player_id, draft.amount(8)), session=None, veto=None)
    draft.post(bet, 0)
    at = 400_000 + draft.near()
    for _ in range(draft.rng.randint(2, 5)):
        draft.post(win_of(draft, bet), at + draft.near(12))
    draft.post(
        Rollback(draft.name(GAME, "x"), player_id, bet.reference, bet.game, bet.round), at + draft.near(8), note="rollback after"
    )
    draft.bets.append(bet)


def clash(draft: Draft) -> None:
    """One player's bets, and another's rollbacks of them at the same instant: no wallet's version stands between the two."""
    player_id = draft.player()
    for _ in range(draft.rng.randint(1, 3)):
        bet = replace(stake(draft, player_id, draft.amount(3)), session=None, veto=None)
        at = draft.near()
        draft.post(bet, at)
        for _ in range(2):
            undo = Rollback(draft.name(GAME, "x"), draft.player(), bet.reference, bet.game, bet.round)
            draft.post(undo, at + draft.near(5), note="foreign rollback" if undo.player_id != player_id else "rollback during")


def overdraw(draft: Draft) -> None:
    """Bets at the same instant that together exceed any balance."""
    player_id = draft.player()
    for _ in range(draft.rng.randint(3, 8)):
        draft.post(stake(draft, player_id, draft.amount(90)), draft.near(5), note="overdraw")


def promotion(draft: Draft) -> None:
    """A win without a bet."""
    player_id = draft.player()
    draft.post(Win(draft.name(GAME, "w"), player_id, draft.currency[player_id], draft.amount(20), "dice", "", None))


def batches(draft: Draft) -> None:
    """Several batches of one player at a time, of which the first may be a clean one."""
    player_id = draft.player()
    clean = [replace(stake(draft, player_id, draft.amount(5)), session=None, veto=None) for _ in range(draft.rng.randint(1, 3))]
    draft.batch([*clean, Win(draft.name(GAME, "w"), player_id, draft.currency[player_id], draft.amount(20), "dice", "", None)])
    draft.bets += clean
    for _ in range(draft.rng.randint(0, 2)):
        mixed_batch(draft, player_id)
    if draft.rng.random() < 0.7:
        rich = [replace(stake(draft, player_id, draft.amount(3)), session=None, veto=None)]
        poor = [replace(stake(draft, player_id, 200 * 10**9), session=None, veto=None) for _ in range(2)]
        draft.batch([*rich, *poor], tolerate=draft.rng.choice((_NOTHING, _TOLERATED_TOO)))
    if draft.rng.random() < 0.5:
        bet = replace(stake(draft, player_id, draft.amount(250)), session=None, veto=None)
        draft.batch([bet, win_of(draft, bet)], tolerate=_TOLERATED_TOO)
        draft.now += 200_000
        draft.post(Win(draft.name(GAME, "w"), player_id, draft.currency[player_id], 250 * 10**9, "dice", "", None))


def mixed_batch(draft: Draft, player_id: str) -> None:
    """Bets with wins and rollbacks of them, of earlier ones, of none; repeats inside and outside."""
    rng = draft.rng
    movements: list[Movement] = []
    for _ in range(rng.randint(1, 3)):
        bet = stake(draft, player_id, draft.amount(25))
        movements.append(bet)
        draft.bets.append(bet)
        if rng.random() < 0.5:
            movements.append(replace(win_of(draft, bet), bet=bet.reference, round=bet.round))
        if rng.random() < 0.3:
            movements.append(Rollback(draft.name(GAME, "x"), player_id, bet.reference, bet.game, bet.round))
        if rng.random() < 0.15:
            draft.post(rng.choice(movements), draft.near(20), note="one of a batch")
    if rng.random() < 0.2:
        movements.insert(0, Rollback(draft.name(GAME, "x"), player_id, draft.name(GAME, "none"), "dice", "r1"))
    if rng.random() < 0.2:
        movements.append(movements[0])
    old = [bet for bet in draft.bets[:-3] if bet.player_id == player_id]
    if old and rng.random() < 0.3:
        movements.append(Rollback(draft.name(GAME, "x"), player_id, rng.choice(old).reference, "dice", "r1"))
    draft.batch(movements, tolerate=rng.choice((_NOTHING, _NOTHING, _TOLERATED, _TOLERATED_TOO)))
