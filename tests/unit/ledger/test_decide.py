"""What is refused before any rule is asked, and which refusals each kind of movement can meet at all."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import replace

import pytest

from countroom.jurisdictions.profile import StakeCap
from countroom.ledger.decide import Decision, Refusal, decide, refuse
from countroom.ledger.movements import (
    ExclusionKind,
    Kind,
    LimitKind,
    Movement,
    OpenWallet,
    Period,
    Reason,
    SetStatus,
    Status,
)
from countroom.ledger.records import Outcome, Resolution, Tombstone
from countroom.ledger.rules.effects import Facts
from countroom.ledger.safeguards import ConfirmRaise, SetLimit, StartExclusion
from countroom.ledger.wallet import NO_HASH, Exclusion, GameSession, Limit, Pending, PlayClock, Wallet
from countroom.money import AMOUNT_MAX
from tests.unit.ledger.examples import (
    ANNA,
    BEN,
    NONE,
    NOW,
    UNIT,
    a_bet,
    a_deposit,
    a_win,
    changed,
    check_decision,
    decided,
    ref,
    refused,
    wallet_with,
)
from tests.unit.ledger.test_movements import EVERY_MOVEMENT

MONEY_KINDS = [movement for movement in EVERY_MOVEMENT if movement.money[0] and movement.kind is not Kind.OPEN]
PLAYED = decided(wallet_with(cash=UNIT), a_bet(5, round="round")).record
CURRENT, EXPIRED = b"current-----", b"expired-----"
ZERO_ALLOWED = {Kind.BET, Kind.WIN, Kind.LIMIT}


def with_amount(movement: Movement, amount: object) -> Movement:
    """Return the movement with another amount; that of a limit is its cap."""
    return changed(movement, **{"cap" if isinstance(movement, SetLimit) else "amount": amount})


@pytest.mark.parametrize("movement", EVERY_MOVEMENT[1:], ids=lambda movement: movement.kind)
def test_nothing_but_an_opening_happens_to_an_unknown_player(movement: Movement) -> None:
    assert refused(None, movement) is Reason.UNKNOWN_PLAYER


def test_an_opening_makes_the_first_version_of_an_empty_wallet() -> None:
    opening = OpenWallet.of(ANNA, "EUR", "MT")
    decision = decide(None, NONE, opening, NOW)
    assert isinstance(decision, Decision)
    check_decision(Wallet(ANNA, "EUR", "MT"), opening, decision, NOW)
    assert (decision.record.version, decision.record.previous, decision.record.previous_key) == (1, NO_HASH, "")
    assert decision.wallet == Wallet(ANNA, "EUR", "MT", 1, head=decision.record.hash, head_key="wallet:open#pl_anna")


def test_a_wallet_opens_once() -> None:
    assert refused(wallet_with(), OpenWallet.of(ANNA, "EUR", "MT")) is Reason.PLAYER_EXISTS


@pytest.mark.parametrize("movement", MONEY_KINDS, ids=lambda movement: movement.kind)
@pytest.mark.parametrize("currency", ["USD", "eur", "EUR ", "EU", "BTC", "nonsense"])
def test_a_movement_in_another_currency_is_refused(movement: Movement, currency: str) -> None:
    assert refused(wallet_with(cash=5), changed(movement, currency=currency)) is Reason.WRONG_CURRENCY


@pytest.mark.parametrize("movement", MONEY_KINDS, ids=lambda movement: movement.kind)
@pytest.mark.parametrize("amount", [AMOUNT_MAX + 1, 10**38, -AMOUNT_MAX - 1, 1.0, 0.5, float("nan"), float("inf"), True, "1", None])
def test_what_is_no_amount_is_refused(movement: Movement, amount: object) -> None:
    if amount is not None or not isinstance(movement, SetLimit):
        assert refused(wallet_with(cash=5), with_amount(movement, amount)) is Reason.INVALID_AMOUNT


@pytest.mark.parametrize("movement", MONEY_KINDS, ids=lambda movement: movement.kind)
def test_only_a_correction_is_negative_and_only_play_and_limits_may_be_zero(movement: Movement) -> None:
    negative = decide(wallet_with(cash=5), NONE, with_amount(movement, -1), NOW)
    assert (negative == Refusal(Reason.INVALID_AMOUNT)) is (movement.kind is not Kind.ADJUSTMENT)
    zero = decide(wallet_with(cash=5), NONE, with_amount(movement, 0), NOW)
    assert (zero == Refusal(Reason.INVALID_AMOUNT)) is (movement.kind not in ZERO_ALLOWED)


def test_the_largest_amounts_in_either_direction_are_amounts() -> None:
    assert decided(wallet_with(), a_deposit(AMOUNT_MAX)).record.amount == AMOUNT_MAX
    adjustment = next(movement for movement in EVERY_MOVEMENT if movement.kind is Kind.ADJUSTMENT)
    assert decided(wallet_with(), changed(adjustment, amount=-AMOUNT_MAX)).wallet.cash == -AMOUNT_MAX
    assert decided(wallet_with(), changed(adjustment, amount=AMOUNT_MAX)).wallet.cash == AMOUNT_MAX


def test_a_refusal_can_be_written_down_for_any_movement() -> None:
    wallet = wallet_with(cash=5)
    bet = a_bet(9)
    decision = refuse(wallet, bet, Reason.GAME_UNAVAILABLE, NOW)
    check_decision(wallet, bet, decision, NOW)
    record = decision.record
    assert (record.outcome, record.reason, record.amount) == (Outcome.REFUSED, Reason.GAME_UNAVAILABLE, 9)
    assert (record.counter, decision.resolution, decision.tombstone) == ("", None, None)


def test_a_decision_depends_on_nothing_but_what_is_handed_in() -> None:
    wallet = wallet_with(cash=5)
    assert decide(wallet, NONE, a_bet(3), NOW) == decide(wallet, NONE, a_bet(3), NOW)
    assert decide(wallet, NONE, a_bet(3), NOW) != decide(wallet, NONE, a_bet(3), NOW + 1)


ALWAYS = {Reason.UNKNOWN_PLAYER}
AMOUNT = ALWAYS | {Reason.WRONG_CURRENCY, Reason.INVALID_AMOUNT}
UNUSABLE = {Reason.WALLET_BLOCKED, Reason.WALLET_EXCLUDED}
TARGET = {Reason.REFERENCE_UNKNOWN, Reason.REFERENCE_MISMATCH, Reason.ROLLED_BACK}
REASONS_OF: Mapping[Kind, set[Reason]] = {
    Kind.OPEN: {Reason.PLAYER_EXISTS, Reason.WRONG_CURRENCY},
    Kind.SESSION: ALWAYS | UNUSABLE,
    Kind.STATUS: ALWAYS | {Reason.BALANCE_REMAINS},
    Kind.LIMIT: AMOUNT | {Reason.LIMIT_RAISE, Reason.NOTHING_PENDING},
    Kind.RAISE_WITHDRAWN: ALWAYS | {Reason.NOTHING_PENDING},
    Kind.RAISE_CONFIRMED: ALWAYS | {Reason.NOTHING_PENDING, Reason.TOO_EARLY},
    Kind.EXCLUSION: ALWAYS | {Reason.INVALID_AMOUNT, Reason.EXCLUSION_RUNS},
    Kind.REOPENING: ALWAYS | {Reason.NOTHING_PENDING, Reason.TOO_EARLY},
    Kind.REALITY_CHECK: ALWAYS | {Reason.TOO_EARLY},
    Kind.CHECK_INTERVAL: ALWAYS,
    Kind.DEPOSIT_OPENED: AMOUNT | UNUSABLE | {Reason.LIMIT_REACHED},
    Kind.DEPOSIT_ABANDONED: ALWAYS | TARGET | {Reason.ALREADY_RESOLVED},
    Kind.BET: AMOUNT
    | UNUSABLE
    | {
        Reason.SESSION_UNKNOWN,
        Reason.SESSION_EXPIRED,
        Reason.GAME_UNAVAILABLE,
        Reason.GAME_CURRENCY,
        Reason.STAKE_OUT_OF_RANGE,
        Reason.NEGATIVE_BALANCE,
        Reason.LIMIT_REACHED,
        Reason.REALITY_CHECK_DUE,
        Reason.INSUFFICIENT_FUNDS,
    },
    Kind.WIN: AMOUNT | TARGET,
    Kind.ROLLBACK: ALWAYS | {Reason.REFERENCE_MISMATCH},
    Kind.DEPOSIT: AMOUNT | TARGET,
    Kind.DEPOSIT_REVERSAL: AMOUNT | TARGET,
    Kind.DEPOSIT_RETURNED: AMOUNT | TARGET | {Reason.ALREADY_RESOLVED},
    Kind.HOLD: AMOUNT | {Reason.WALLET_BLOCKED, Reason.NEGATIVE_BALANCE, Reason.INSUFFICIENT_FUNDS},
    Kind.CAPTURE: ALWAYS | TARGET | {Reason.ALREADY_RESOLVED},
    Kind.RELEASE: ALWAYS | TARGET | {Reason.ALREADY_RESOLVED},
    Kind.PAYOUT_RETURNED: ALWAYS | TARGET | {Reason.ALREADY_RESOLVED},
    Kind.BONUS_GRANTED: AMOUNT | UNUSABLE,
    Kind.BONUS_CONVERTED: AMOUNT | {Reason.INSUFFICIENT_FUNDS},
    Kind.BONUS_FORFEITED: AMOUNT | {Reason.INSUFFICIENT_FUNDS},
    Kind.ADJUSTMENT: AMOUNT,
}
BEYOND_THE_RULES = {Reason.DUPLICATE_TRANSACTION, Reason.COMPANION_CONFLICT, Reason.BATCH_TOO_LARGE}


def test_each_kind_of_movement_meets_exactly_these_refusals() -> None:
    """Every movement in every shape, on every wallet, beside every fact: what comes out is the table, no more and no less."""
    met: dict[Kind, set[Reason]] = defaultdict(set)
    for movement in _shapes():
        for wallet in _wallets():
            for facts in _facts(movement):
                decision = decide(wallet, facts, movement, NOW)
                reason = decision.reason if isinstance(decision, Refusal) else decision.record.reason
                if reason is not None:
                    met[movement.kind].add(reason)
                    assert reason.recorded is isinstance(decision, Decision)
    assert dict(met) == REASONS_OF
    assert set().union(*met.values()) == set(Reason) - BEYOND_THE_RULES


def _shapes() -> Iterator[Movement]:
    for movement in EVERY_MOVEMENT:
        yield movement
        if movement.money[0]:
            yield changed(movement, currency="XXX")
        if movement.money[0] and movement.kind is not Kind.OPEN:
            yield from (with_amount(movement, amount) for amount in (-AMOUNT_MAX - 1, -1, 0, 1, AMOUNT_MAX + 1))
    yield a_bet(1, session=CURRENT)
    yield a_bet(1, session=EXPIRED)
    yield a_bet(1, veto=Reason.GAME_UNAVAILABLE)
    yield a_bet(1, veto=Reason.GAME_CURRENCY)
    yield a_bet(1, veto=Reason.STAKE_OUT_OF_RANGE)
    yield a_win(1, bet=ref("two"), round="another")
    yield SetStatus(ref("one"), ANNA, Status.CLOSED)
    yield ConfirmRaise(ref("one"), ANNA, LimitKind.LOSS, Period.DAY)
    yield a_bet(2, caps={"MT": StakeCap(1, 1)})
    for cap, waits_ms in ((9, 0), (9, 1), (None, 0), (None, 1)):
        yield SetLimit(ref("one"), ANNA, "EUR", cap, LimitKind.WAGER, Period.DAY, waits_ms)
    yield SetLimit(ref("one"), ANNA, "EUR", 9, LimitKind.WAGER, Period.EACH)
    yield StartExclusion(ref("one"), ANNA, ExclusionKind.TIME_OUT, NOW)


def _wallets() -> Iterator[Wallet | None]:
    yield None
    rich = wallet_with(cash=UNIT, bonus=UNIT)
    yield from (replace(rich, status=status) for status in Status)
    yield from (wallet_with(cash=cash, bonus=bonus) for cash, bonus in ((0, 0), (-1, 0), (0, -1)))
    yield replace(rich, limits=(Limit(LimitKind.WAGER, Period.DAY, 0, 0, NOW),))
    yield replace(rich, limits=(Limit(LimitKind.DEPOSIT, Period.DAY, 0, 0, NOW),))
    for confirm, at_ms in ((True, NOW), (True, NOW + 1), (False, NOW), (False, NOW + 1)):
        yield replace(rich, limits=(Limit(LimitKind.LOSS, Period.DAY, 9, 0, NOW, pending=Pending(10, at_ms, confirm)),))
    for kind, until_ms, reopens_at_ms in (
        (ExclusionKind.TIME_OUT, NOW + 9, 0),
        (ExclusionKind.TIME_OUT, NOW, 0),
        (ExclusionKind.SELF_EXCLUSION, NOW, 0),
        (ExclusionKind.SELF_EXCLUSION, NOW, NOW + 1),
        (ExclusionKind.REGISTER, NOW, NOW),
        (ExclusionKind.STAFF, NOW + 9, 0),
    ):
        yield replace(rich, exclusion=Exclusion(kind, NOW - 9, until_ms, reopens_at_ms))
    yield replace(rich, play=PlayClock(NOW - 9, NOW - 1, NOW - 9, interval_ms=9))
    yield replace(rich, sessions=(GameSession("hub88", CURRENT, EXPIRED, NOW + 1),))


def _facts(movement: Movement) -> Iterator[Facts]:
    yield NONE
    if (target := movement.related) is None:
        return
    for kind in (
        Kind.BET,
        Kind.WIN,
        Kind.DEPOSIT,
        Kind.DEPOSIT_REVERSAL,
        Kind.DEPOSIT_OPENED,
        Kind.HOLD,
        Kind.CAPTURE,
        Kind.SESSION,
    ):
        record = replace(PLAYED, reference=target, kind=kind)
        yield Facts({target: record})
        yield Facts({target: record}, {target: Resolution(target, ref("by"), Kind.ROLLBACK, ANNA)})
        yield Facts({target: replace(record, player_id=BEN)})
        yield from (Facts({target: replace(record, outcome=outcome)}) for outcome in (Outcome.NO_EFFECT, Outcome.REFUSED))
    yield from (Facts({target: Tombstone(target, player, ref("by"), NOW)}) for player in (ANNA, BEN))
