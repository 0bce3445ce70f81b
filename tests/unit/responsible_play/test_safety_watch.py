"""Following the stream: whatever is repeated, late, out of order or in parallel batches, the trail and the cases are the same."""

from collections.abc import Sequence
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from countroom.ledger.movements import Hold, Kind, Release
from countroom.ledger.records import Record
from countroom.responsible_play.cases import CaseKey
from countroom.responsible_play.markers import Marker
from countroom.responsible_play.safety_store import SafetyStore, SafetyUnavailable
from countroom.responsible_play.trail import Play
from tests.unit.ledger.table import Ledger
from tests.unit.responsible_play.safety_world import (
    ANNA,
    DAY_MS,
    HOUR_MS,
    MINUTE_MS,
    SAFETY_TABLE,
    UNIT,
    MemoryStore,
    Story,
    at,
    make_table,
    records,
    take,
    watch,
)

NOON = at("2026-02-02T12:00")


def is_cancelled(record: Record) -> bool:
    return record.kind is Kind.RELEASE


def eventful() -> Ledger:
    """Two players, of whom one meets every marker and the other one none."""
    ledger = Ledger()
    calm, anna = Story("GB", "pl_ben", ledger), Story("GB", ANNA, ledger)
    anna.at(NOON).limits(5_000)
    calm.pays(500)
    for number in range(4):
        start = NOON + number * 10 * MINUTE_MS
        anna.at(start).pays(100)
        anna.at(start + MINUTE_MS).stakes(100)
        anna.at(start + 2 * MINUTE_MS).limits(5_000 + number)
        calm.at(start + 3 * MINUTE_MS).stakes(1)
    anna.at(NOON + HOUR_MS).pays(2_000)
    for _ in range(2):
        hold = Hold(anna.name("gateway:standard"), ANNA, "EUR", UNIT)
        anna.posts(hold)
        anna.posts(Release(anna.name("gateway:standard"), ANNA, hold.reference))
    for day in (1, 2, 4):
        for quarter in range(5):
            anna.at(at("2026-02-02T01:00") + day * DAY_MS + quarter * 15 * MINUTE_MS).stakes(1)
    calm.at(NOON + 6 * DAY_MS).stakes(1)
    return ledger


LEDGER = eventful()
RECORDS = records(LEDGER)


def taken_in(batches: Sequence[Sequence[Record]], workers: int = 1) -> MemoryStore:
    store = MemoryStore()
    crew = [watch(LEDGER, store, is_cancelled) for _ in range(workers)]
    for number, batch in enumerate(batches):
        take(crew[number % workers], batch)
    return store


EXPECTED = taken_in([RECORDS])


def test_every_marker_is_met_once_by_the_one_and_none_by_the_other() -> None:
    assert {key.marker for key in EXPECTED.cases} == set(Marker)
    assert {key.player_id for key in EXPECTED.cases} == {ANNA}
    assert len(EXPECTED.cases) == len(Marker)
    assert CaseKey(ANNA, Marker.RAPID_DEPOSITS, at("2026-02-02T00:00")) in EXPECTED.cases
    assert {case.country for case in EXPECTED.cases.values()} == {"GB"}


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.randoms(use_true_random=False), st.integers(1, 3), st.integers(1, 30))
def test_any_order_repeats_and_batches_of_several_workers_come_to_the_same(dice: Random, workers: int, size: int) -> None:
    stream = RECORDS + dice.sample(RECORDS, k=len(RECORDS) // 2)
    dice.shuffle(stream)
    batches = [stream[start : start + size] for start in range(0, len(stream), size)]
    assert taken_in(batches, workers).seen == EXPECTED.seen


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.randoms(use_true_random=False))
def test_workers_side_by_side_come_to_the_same(dice: Random) -> None:
    """Every worker keeps its batch before any of them asks the rules, or after: each keeps before it asks."""
    stream = list(RECORDS)
    dice.shuffle(stream)
    store = MemoryStore()
    crew = [watch(LEDGER, store, is_cancelled) for _ in range(4)]
    steps: list[list[Any]] = []
    for number, worker in enumerate(crew):
        batch = stream[number :: len(crew)]
        kept: list[Any] = []
        steps.append(
            [
                *[lambda record=record, worker=worker, kept=kept: kept.append(worker.take(record)) for record in batch],
                lambda worker=worker, batch=batch: worker.played(batch),
                lambda worker=worker, kept=kept: [worker.look(one.player_id, one.facts) for one in kept if one.facts],
            ]
        )
    while any(steps):
        line = dice.choice([line for line in steps if line])
        line.pop(0)()
    assert store.seen == EXPECTED.seen


def test_a_repeat_keeps_nothing_and_opens_nothing() -> None:
    store = MemoryStore()
    watching = watch(LEDGER, store, is_cancelled)
    assert len(take(watching, RECORDS)) == len(Marker)
    before = dict(store.cases)
    assert not any(watching.take(record).kept for record in RECORDS)
    for again in (watching, watch(LEDGER, store, is_cancelled)):
        assert take(again, RECORDS) == []
    assert store.cases == before


def test_a_worker_that_died_between_keeping_and_asking_is_made_up_for() -> None:
    store = MemoryStore()
    dying = watch(LEDGER, store, is_cancelled)
    for record in RECORDS:
        dying.take(record)
    assert store.cases == {}
    take(watch(LEDGER, store, is_cancelled), RECORDS)
    assert set(store.cases) == set(EXPECTED.cases)


def test_a_rule_that_could_not_be_asked_is_asked_again() -> None:
    class Away(MemoryStore):
        away = True

        def facts(self, *told: Any) -> Any:
            if self.away:
                raise SafetyUnavailable("away")
            return super().facts(*told)

    store = Away()
    watching = watch(LEDGER, store, is_cancelled)
    with pytest.raises(SafetyUnavailable):
        take(watching, RECORDS)
    store.away = False
    take(watching, RECORDS)
    assert set(store.cases) == set(EXPECTED.cases)


def test_the_real_table_comes_to_the_same_as_the_one_in_memory(dynamodb: Any) -> None:
    make_table(dynamodb)
    store = SafetyStore(dynamodb, SAFETY_TABLE)
    stream = RECORDS + RECORDS[::3]
    Random(7).shuffle(stream)  # noqa: S311 - an order
    for start in range(0, len(stream), 20):
        take(watch(LEDGER, store, is_cancelled), stream[start : start + 20])
    assert {case.key for case in store.cases_of(ANNA, 100).cases} == set(EXPECTED.cases)
    found = [*store.entries(ANNA, 0, NOON + 30 * DAY_MS, 100).entries, *store.entries("pl_ben", 0, NOON + 30 * DAY_MS, 100).entries]
    kept = {(entry.player_id, entry.at_ms, entry.name): entry for entry in found if not entry.name.startswith("case:")}
    assert kept == EXPECTED.trail
    slots = sorted((play.first_ms, play.last_ms) for play in store.play("pl_ben", 0, NOON + 30 * DAY_MS))
    assert slots == sorted(
        (play.first_ms, play.last_ms) for (player_id, _), play in EXPECTED.plays.items() if player_id == "pl_ben"
    )
    assert Play(NOON + 6 * DAY_MS, NOON + 6 * DAY_MS) in EXPECTED.plays.values()


def test_a_record_of_nobody_is_not_kept_for_a_country_made_up() -> None:
    stake = next(record for record in RECORDS if record.kind is Kind.BET)
    with pytest.raises(LookupError):
        watch(Ledger(), MemoryStore()).take(stake)
