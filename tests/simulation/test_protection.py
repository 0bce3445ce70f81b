"""The player's protection under faults: as many pass a limit as it covers, and what weakens a rule of it does not go unseen."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

import pytest

from countroom.ledger.movements import ExclusionKind, LimitKind, Period
from countroom.ledger.rules import clock, effects, limits, payments
from countroom.ledger.wallet import Exclusion
from tests.simulation import races
from tests.simulation.baton import Pool
from tests.simulation.races import Race
from tests.simulation.run import Part, Seed, simulate
from tests.simulation.safety import DAY_MS, Cap
from tests.simulation.test_simulation import require_clean

SEED: Final = Seed(20260103)
STEPS: Final = 40_000
Patch = pytest.MonkeyPatch


@pytest.mark.parametrize("kind", [LimitKind.DEPOSIT, LimitKind.WAGER, LimitKind.LOSS])
@pytest.mark.parametrize(("covers", "lowered"), [(1, None), (7, None), (20, None), (1, 0), (7, 3), (20, 6)])
def test_of_fifty_at_once_exactly_as_many_pass_as_the_limit_covers(kind: LimitKind, covers: int, lowered: int | None) -> None:
    pool = Pool()
    try:
        passed, _ = races.run(Race(covers, kind, covers, lowered), pool)
    finally:
        pool.end()
    assert passed == covers if lowered is None else lowered <= passed <= covers


def test_so_it_is_from_a_fresh_seed(fresh_seed: int) -> None:
    raced = races.several(fresh_seed, 12)
    assert raced.failure == ""
    assert raced.races == 12


def test_everything_of_it_is_met() -> None:
    result = simulate(SEED, STEPS, parts=[Part.LEDGER])
    require_clean(result)
    counts = result.figures.counts
    cases = [
        *(f"case: {case}" for case in ("opening", "abandoned", "lowered meanwhile", "raise", "exclusion")),
        *(f"refused: {reason}" for reason in ("limit_reached", "limit_raise", "wallet_excluded", "already_resolved")),
        *(f"refused: {reason}" for reason in ("too_early", "nothing_pending", "reality_check_due")),
    ]
    assert [case for case in cases if counts[case] < 3] == []


def _no_limit_stops(patch: Patch) -> None:
    patch.setattr(limits, "blocking", lambda *_: None)


def _one_more_passes(patch: Patch) -> None:
    left = limits.left
    patch.setattr(limits, "left", lambda limit, now_ms: left(limit, now_ms) + 1)


def _openings_are_not_counted(patch: Patch) -> None:
    original = limits.counted

    def counted(wallet: Any, uses: Any, now_ms: int) -> Any:
        return original(wallet, {} if LimitKind.DEPOSIT in uses else uses, now_ms)

    patch.setattr(limits, "counted", counted)


def _credits_count_again(patch: Patch) -> None:
    patch.setattr(payments, "_deposited", lambda wallet, amount, _opening, now_ms: _all_of(wallet, amount, now_ms))


def _all_of(wallet: Any, amount: int, now_ms: int) -> Any:
    return limits.counted(wallet, {LimitKind.DEPOSIT: amount}, now_ms)


def _given_back_whenever(patch: Patch) -> None:
    original = limits._returning
    patch.setattr(limits, "_returning", lambda limit, use, _by, version, now_ms: original(limit, use, 1 << 40, version, now_ms))


def _nothing_given_back(patch: Patch) -> None:
    patch.setattr(limits, "_returning", lambda limit, *_: limit)


def _raises_ripen_at_once(patch: Patch) -> None:
    original = limits._matured
    patch.setattr(limits, "_matured", lambda limit, _now_ms: original(limit, 1 << 46))


def _raises_need_no_confirmation(patch: Patch) -> None:
    original = limits._matured

    def matured(limit: Any, now_ms: int) -> Any:
        pending = limit.pending and limit.pending._replace(confirm=False)
        return original(replace(limit, pending=pending), now_ms)

    patch.setattr(limits, "_matured", matured)


def _windows_never_end(patch: Patch) -> None:
    patch.setattr(limits, "window_at", lambda limit, _now_ms: limit.index)


def _exclusions_end_by_themselves(patch: Patch) -> None:
    patch.setattr(Exclusion, "runs", lambda self, now_ms: now_ms < self.until_ms)


def _time_outs_do_not_end(patch: Patch) -> None:
    original = Exclusion.runs

    def runs(self: Exclusion, now_ms: int) -> bool:
        return self.kind is ExclusionKind.TIME_OUT or original(self, now_ms)

    patch.setattr(Exclusion, "runs", runs)


def _exclusion_is_not_asked(patch: Patch) -> None:
    patch.setattr(payments, "unusable", lambda wallet, now_ms: effects.unusable(replace(wallet, exclusion=None), now_ms))


def _checks_are_never_due(patch: Patch) -> None:
    patch.setattr(clock, "is_due", lambda *_: False)


def _a_short_pause_ends_play(patch: Patch) -> None:
    patch.setattr(clock, "BREAK_MS", 40_000)


BROKEN: Final[dict[str, Callable[[Patch], None]]] = {
    "no limit stops anything": _no_limit_stops,
    "a nano more passes": _one_more_passes,
    "openings are not counted": _openings_are_not_counted,
    "credits count once more": _credits_count_again,
    "what another window used is given back": _given_back_whenever,
    "nothing is given back": _nothing_given_back,
    "a raise takes effect at once": _raises_ripen_at_once,
    "a raise needs no confirmation": _raises_need_no_confirmation,
    "windows never end": _windows_never_end,
    "exclusions end by themselves": _exclusions_end_by_themselves,
    "time-outs do not end": _time_outs_do_not_end,
    "an exclusion is not asked for when a deposit is opened": _exclusion_is_not_asked,
    "reality checks are never due": _checks_are_never_due,
    "a short pause ends a stretch of play": _a_short_pause_ends_play,
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_rule_with_one_thing_wrong_is_caught(name: str, monkeypatch: Patch) -> None:
    BROKEN[name](monkeypatch)
    failure = simulate(SEED, 2 * STEPS, parts=[Part.LEDGER]).failure
    assert failure is not None, f"not caught within {2 * STEPS} steps"


def test_a_limit_that_lets_one_more_through_is_seen_in_a_race_by_its_number(monkeypatch: Patch) -> None:
    left = limits.left
    monkeypatch.setattr(limits, "left", lambda limit, now_ms: left(limit, now_ms) + limit.cap)
    assert races.several(1, 3).failure != ""


def test_months_are_counted_to_the_same_day_or_the_last_one() -> None:
    """The second opinion by itself: 31 January 2026, 12:00."""
    cap = Cap(LimitKind.DEPOSIT, Period.MONTH, 1, anchor=1_769_860_800_000)
    days = [(cap.begins(index) - cap.anchor) / DAY_MS for index in range(5)]
    assert days == [0, 28, 59, 89, 120]
