"""The cashier's worker: killed between any two calls, delivered again; nothing lost, nothing credited twice."""

from collections import Counter
from dataclasses import replace
from typing import Any

import pytest

from countroom.cashier import apply_event, life
from countroom.cashier.apply_event import EventApplier
from countroom.cashier.store import CashierStore
from tests.simulation.baton import Pool
from tests.simulation.worker import CONFLICT, FAULTS, READ_FAULTS, Episode

EPISODES = 400
SITES = {
    "read DEPOSIT": READ_FAULTS,
    "read PAYMENT": READ_FAULTS,
    "read EARLY": READ_FAULTS,
    "read W": READ_FAULTS,
    "read facts": READ_FAULTS,
    "update DEPOSIT": FAULTS,
    "update EARLY": FAULTS,
    "post with companions": (*FAULTS, CONFLICT),
}


def play(episodes: int, seed: int = 6_000_000) -> Counter[tuple[str, str]]:
    pool, counts = Pool(), Counter[tuple[str, str]]()
    try:
        for number in range(episodes):
            episode = Episode(seed + number, pool)
            try:
                episode.run()
            except AssertionError as error:
                raise AssertionError(f"episode {seed + number}: {error}") from error
            counts += episode.counts
    finally:
        pool.end()
    return counts


def test_every_message_is_applied_once_with_every_fault_at_every_call() -> None:
    counts = play(EPISODES)
    missing = [(site, fault) for site, faults in SITES.items() for fault in faults if not counts[site, fault]]
    assert not missing


def _no_claim(patch: pytest.MonkeyPatch) -> None:
    original = CashierStore.booking
    patch.setattr(CashierStore, "booking", lambda self, *of: [part for part in original(self, *of) if "Put" not in part])


def _no_early_look(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(CashierStore, "early", lambda *_: [])


def _one_step_an_event(patch: pytest.MonkeyPatch) -> None:
    original = life._due
    patch.setattr(life, "_due", lambda deposit: [] if deposit.facts and deposit.is_credited else list(original(deposit)))


def _credit_without_companions(patch: pytest.MonkeyPatch) -> None:
    def commit(self: EventApplier, before: Any, step: Any) -> Any:
        if step.fact is not None:
            self._book.post(apply_event._movement(before, step.fact, step.on))
        return step if self._store.save(before, step.deposit) else None

    patch.setattr(EventApplier, "_commit", commit)


def _other_amount_at_each_try(patch: pytest.MonkeyPatch) -> None:
    original = life._booked

    def booked(deposit: Any, fact: Any, on: Any, now_ms: int) -> Any:
        step = original(deposit, fact, on, now_ms)
        assert step.fact
        return replace(step, fact=replace(step.fact, booked=step.fact.booked + 1))

    patch.setattr(life, "_booked", booked)


MUTATIONS = {
    "a payment is not claimed": _no_claim,
    "early events are not looked for": _no_early_look,
    "what waits does not follow": _one_step_an_event,
    "money and deposit are two writes": _credit_without_companions,
    "a nano too much": _other_amount_at_each_try,
}


@pytest.mark.parametrize("name", MUTATIONS)
def test_a_worker_with_one_thing_wrong_is_caught(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    MUTATIONS[name](monkeypatch)
    with pytest.raises(AssertionError, match="episode"):
        play(EPISODES)
