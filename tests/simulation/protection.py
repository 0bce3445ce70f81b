"""The player's protection, in bursts that overlap: limits, raises, exclusions, reality checks, and deposits that are opened."""

from dataclasses import replace
from typing import Any, Final

from countroom.ledger.movements import (
    Deposit,
    DepositReturned,
    DepositReversal,
    ExclusionKind,
    LimitKind,
    Movement,
    Period,
)
from countroom.ledger.safeguards import (
    AbandonDeposit,
    AcknowledgeCheck,
    AskReopening,
    ConfirmRaise,
    OpenDeposit,
    SetCheckInterval,
    SetLimit,
    StartExclusion,
    WithdrawRaise,
)
from tests.simulation import rooms
from tests.simulation.draft import GATEWAY, HOUSE, Draft
from tests.simulation.play import session, stake
from tests.simulation.requests import DAY, MINUTE, SECOND, Verb

MANY: Final = 12
"""Openings or bets at the same instant; `races` has more of them."""

_PERIODS: Final = (Period.DAY, Period.DAY, Period.WEEK, Period.MONTH)
_WAITS: Final = (0, SECOND, SECOND, SECOND, 11 * MINUTE, DAY)
_COUNTING: Final = (LimitKind.DEPOSIT, LimitKind.WAGER, LimitKind.LOSS)


def limit(draft: Draft, player_id: str, kind: LimitKind, cap: int | None, period: Period = Period.DAY, **asked: Any) -> SetLimit:
    """A limit, under a fresh name."""
    return SetLimit(draft.name(HOUSE, "l"), player_id, draft.currency[player_id], cap, kind, period, **asked)


def limits(draft: Draft, player_id: str) -> None:
    """A limit that is set, lowered, raised or removed, and what becomes of the raise."""
    rng = draft.rng
    kind = rng.choice((*_COUNTING, *_COUNTING, LimitKind.STAKE, LimitKind.SESSION))
    period = rng.choice(_PERIODS) if kind in _COUNTING or rng.random() < 0.1 else Period.EACH
    cap = rng.choice((MINUTE, 20 * MINUTE)) // 1000 if kind is LimitKind.SESSION else draft.amount(90)
    draft.post(limit(draft, player_id, kind, cap, period))
    if rng.random() < 0.6:
        asked = {"waits_ms": rng.choice(_WAITS) // 1000, "confirm": rng.random() < 0.5}
        draft.post(
            limit(draft, player_id, kind, rng.choice((None, 2 * cap, 3 * cap)), period, **asked), draft.near(60), note="raise"
        )
        for ending in (ConfirmRaise, WithdrawRaise):
            if rng.random() < 0.3:
                draft.post(ending(draft.name(HOUSE, "l"), player_id, kind, period), rng.choice((draft.near(60), 2 * SECOND)))
        draft.post(stake(draft, player_id), 3 * SECOND)
        opened(draft, player_id, draft.amount(), 3 * SECOND + draft.near())


def away(draft: Draft) -> None:
    """A time-out or an exclusion while the player plays and pays in, asked for twice, and asked to end."""
    rng, player_id = draft.rng, draft.player()
    kind = rng.choice((ExclusionKind.TIME_OUT, ExclusionKind.TIME_OUT, ExclusionKind.SELF_EXCLUSION, ExclusionKind.STAFF))
    until = draft.now // 1000 + rng.choice((1_000, 30_000))
    first = StartExclusion(draft.name(HOUSE, "x"), player_id, kind, until)
    draft.post(stake(draft, player_id), draft.near(60))
    draft.post(first, draft.near(60), note="exclusion")
    if rng.random() < 0.4:
        other = rng.choice((replace(first, until_ms=until - 500), replace(first, until_ms=until + 1_000)))
        draft.post(replace(other, reference=draft.name(HOUSE, "x")), draft.near(60))
    opened(draft, player_id, draft.amount(20), draft.near(60))
    draft.now += 40 * SECOND
    for _ in range(rng.randint(1, 2)):
        draft.post(AskReopening(draft.name(HOUSE, "o"), player_id, 2_000), draft.near(60))
    draft.post(stake(draft, player_id), draft.near(60))
    draft.now += 3 * SECOND


def checks(draft: Draft) -> None:
    """Reality checks that come while bets are under way."""
    player_id = draft.player()
    draft.post(SetCheckInterval(draft.name(HOUSE, "i"), player_id, draft.rng.choice((500, 5_000))), 0)
    session(draft, player_id)
    for at in (draft.near(60), SECOND, 6 * SECOND):
        draft.post(stake(draft, player_id, draft.amount(5)), at + draft.near(60))
        draft.post(AcknowledgeCheck(draft.name(HOUSE, "c"), player_id), at + draft.near(60))
    draft.now += 8 * SECOND
    draft.post(SetCheckInterval(draft.name(HOUSE, "i"), player_id, 0), 0)


def opened(draft: Draft, player_id: str, amount: int, at: int) -> OpenDeposit:
    """A deposit that is opened together with its row."""
    name = draft.name("house:deposit", "dep").transaction_id
    opening = OpenDeposit.of(player_id, name, draft.currency[player_id], amount)
    row = rooms.new_row(f"opened#{name}", rooms.CREATED)
    guarded = {"Put": {**row["Put"], "ConditionExpression": "attribute_not_exists(pk)"}}
    draft.post(opening, at, guarded, note="opening")
    return opening


def paid(draft: Draft, opening: OpenDeposit, at: int) -> Deposit:
    """The payment of an opened deposit: of what was asked for, of less, or of more."""
    amount = opening.amount + draft.rng.choice((0, 0, 0, -(opening.amount // 3), opening.amount // 2))
    code = draft.currency[opening.player_id]
    movement = Deposit(draft.name(GATEWAY, "dep"), opening.player_id, code, amount, "pay", opening.reference)
    draft.post(movement, at)
    return movement


def openings(draft: Draft) -> None:
    """Deposits opened at the same instant under a limit that covers some of them, and their ends: paid, abandoned, both or none."""
    rng, player_id = draft.rng, draft.player()
    amount = draft.amount(12)
    cap = rng.randint(1, 5) * amount + rng.choice((0, amount - 1))
    draft.post(limit(draft, player_id, LimitKind.DEPOSIT, cap), 0)
    if rng.random() < 0.4:
        draft.post(limit(draft, player_id, LimitKind.DEPOSIT, cap // 2), 50_000 + draft.near(), note="lowered meanwhile")
    for _ in range(rng.randint(2, MANY)):
        opening = opened(draft, player_id, amount, 50_000 + draft.near())
        if rng.random() < 0.4:
            abandoned(draft, opening)
        if rng.random() < 0.5:
            deposit = paid(draft, opening, rng.choice((100_000 + draft.near(80), SECOND + draft.near(80))))
            if rng.random() < 0.4:
                taken_back(draft, deposit)
    draft.now += SECOND


def abandoned(draft: Draft, opening: OpenDeposit) -> None:
    """A deposit that comes to nothing, told twice perhaps, at about the time at which it is opened or paid."""
    ending = AbandonDeposit.of(opening.player_id, opening.reference.transaction_id)
    for _ in range(draft.rng.randint(1, 2)):
        draft.post(ending, draft.rng.choice((60_000 + draft.near(80), SECOND + draft.near(80))), note="abandoned")


def taken_back(draft: Draft, deposit: Deposit) -> None:
    """A payment that is taken back, in one part or two, and given back."""
    rng, code = draft.rng, deposit.currency
    whole = rng.random() < 0.5
    parts = (deposit.amount,) if whole else (deposit.amount // 3, deposit.amount - deposit.amount // 3)
    earlier, at = 0, 2 * SECOND
    for part in parts:
        known = rng.choice((earlier, earlier, None))
        back = DepositReversal(draft.name(GATEWAY, "cb"), deposit.player_id, code, part, deposit.reference, known)
        draft.post(back, at + draft.near(80))
        earlier, at = earlier + part, at + SECOND
    if rng.random() < 0.4:
        draft.post(DepositReturned(draft.name(GATEWAY, "rt"), deposit.player_id, code, part, back.reference), at + draft.near(80))


def rationed(draft: Draft) -> None:
    """Bets at the same instant under a limit that covers some of them, which is lowered meanwhile."""
    rng, player_id = draft.rng, draft.player()
    kind = rng.choice((LimitKind.WAGER, LimitKind.LOSS, LimitKind.STAKE))
    period = Period.EACH if kind is LimitKind.STAKE else rng.choice(_PERIODS)
    cap = draft.amount(30)
    draft.post(limit(draft, player_id, kind, cap, period), 0)
    if rng.random() < 0.5:
        draft.post(limit(draft, player_id, kind, cap // 2, period), 50_000 + draft.near(), note="lowered meanwhile")
    bets: list[Movement] = [
        replace(stake(draft, player_id, cap // 5), session=None, veto=None) for _ in range(rng.randint(3, MANY))
    ]
    for bet in bets:
        draft.post(bet, 50_000 + draft.near())
    draft.bets += bets
    draft.add(Verb.WALLET, 60_000, player_id=player_id)
