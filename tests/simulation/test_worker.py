"""The cashier's worker: killed between any two calls, delivered again; nothing lost, nothing credited twice."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest

from countroom.cashier import apply_event, life, store, uses
from countroom.cashier.apply_event import EventApplier, Outcome
from countroom.cashier.store import CashierStore
from tests.simulation.baton import Pool
from tests.simulation.run import Failure, Part, Result, Seed, play, simulate
from tests.simulation.worker import Episode, handler
from tests.simulation.worker_trace import shortest, traced

FIXED = Seed(20260102)
STEPS = 20_000
STEPS_UNTIL_CAUGHT = 40_000


def simulated(seed: Seed, steps: int) -> Result:
    return simulate(seed, steps, parts=[Part.WORKER])


def test_every_message_is_applied_once_whatever_happens() -> None:
    result = simulated(FIXED, STEPS)
    assert result.failure is None, result.failure
    counts = result.figures.counts
    results = ("Credited", "PaidAgain", "Reversed", "Returned", "Settled", "Failed", "Moved")
    cases = [
        *(f"worker: Deposit{what}" for what in results),
        *(f"worker: {what}" for what in ("deliveries again", "dead letters", "dead letters put back", "table restored")),
        *("killed", "late deliveries"),
    ]
    assert [case for case in cases if counts[case] < 5] == []


def test_every_message_is_applied_once_from_a_fresh_seed(fresh_seed: int) -> None:
    result = simulated(Seed(fresh_seed), 10_000)
    assert result.failure is None, f"{result.failure}\nto see it: make simulate SEED={result.failure.seed}"


def test_the_same_seed_is_the_same_episode() -> None:
    assert traced(3) == traced(3)
    assert traced(3) != traced(4)


# ------------------------------------------------------------------------------------------------ the worker, broken


def _no_claim(patch: pytest.MonkeyPatch) -> None:
    original = CashierStore.booking

    def booking(self: CashierStore, *of: Any) -> Any:
        return [part for part in original(self, *of) if "PAYMENT" not in str(part.get("Put"))]

    patch.setattr(CashierStore, "booking", booking)


def _nothing_for_staff(patch: pytest.MonkeyPatch) -> None:
    original = CashierStore.booking
    patch.setattr(CashierStore, "booking", lambda self, before, after, fact, _matter: original(self, before, after, fact, None))


def _no_early_look(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(CashierStore, "early", lambda *_: [])


def _early_look_after_a_new_credit_only(patch: pytest.MonkeyPatch) -> None:
    def apply(self: EventApplier, gateway: str, event: Any) -> Any:
        deposit_id = event.deposit_id or self._deposit_of(gateway, event)
        if deposit_id is None:
            return Outcome((), None)
        steps, deposit = self._advance(gateway, deposit_id, event)
        for early in self._store.early(gateway, event.payment.payment_id) if any(step.fact for step in steps) else ():
            more, deposit = self._advance(gateway, deposit_id, early)
            steps += more
        return Outcome(tuple(steps), deposit)

    patch.setattr(EventApplier, "apply", apply)


def _one_step_an_event(patch: pytest.MonkeyPatch) -> None:
    original = life._due
    patch.setattr(life, "_due", lambda deposit: [] if deposit.facts and deposit.is_credited else list(original(deposit)))


def _money_first(patch: pytest.MonkeyPatch) -> None:
    def commit(self: EventApplier, before: Any, step: Any) -> Any:
        if step.fact is not None:
            self._book.post(apply_event._movement(before, step.fact, step.on))
        return step if self._store.save(before, step.deposit) else None

    patch.setattr(EventApplier, "_commit", commit)


def _deposit_first(patch: pytest.MonkeyPatch) -> None:
    def commit(self: EventApplier, before: Any, step: Any) -> Any:
        if not self._store.save(before, step.deposit):
            return None
        if step.fact is not None:
            self._book.post(apply_event._movement(before, step.fact, step.on))
        return step

    patch.setattr(EventApplier, "_commit", commit)


def _nothing_is_given_back(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(uses, "move", lambda store, _book, before, after: store.save(before, after))


def _given_back_first(patch: pytest.MonkeyPatch) -> None:
    original = uses.move

    def move(store: Any, book: Any, before: Any, after: Any) -> bool:
        class Apart:
            moving = staticmethod(lambda *_: [])
            save = store.save

        moved = original(Apart(), book, before, after)  # type: ignore[arg-type] # a store that sends nothing along
        return moved and (not uses.has_ended(after) or store.save(before, after))

    patch.setattr(uses, "move", move)


def _the_opening_is_forgotten(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(uses, "opened", lambda *_: None)


def _other_amount_at_each_try(patch: pytest.MonkeyPatch) -> None:
    original = life._booked

    def booked(deposit: Any, fact: Any, on: Any, now_ms: int) -> Any:
        step = original(deposit, fact, on, now_ms)
        assert step.fact
        return replace(step, fact=replace(step.fact, booked=step.fact.booked + 1))

    patch.setattr(life, "_booked", booked)


def _credit_before_dedupe(patch: pytest.MonkeyPatch) -> None:
    """The ledger's name of a payment is another at each try, so that only the deposit's version keeps it from moving twice."""
    names = iter(range(10**9))
    original = life._own_name
    patch.setattr(life, "_own_name", lambda deposit, fact: f"{original(deposit, fact)[:48]}:{next(names)}")


def _no_version(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(store, "_IS_UNCHANGED", "#version = :expected OR attribute_exists(pk)")


def _replayed_is_done(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(CashierStore, "catch_up", lambda *_: True)


def _serving(patch: pytest.MonkeyPatch, change: Callable[[Any, Any], Any]) -> None:
    original = handler()._serve
    patch.setattr(handler(), "_serve", lambda event, context: change(event, original(event, context)))


def _failed_messages_are_deleted(patch: pytest.MonkeyPatch) -> None:
    _serving(patch, lambda _event, _answer: {"batchItemFailures": []})


def _a_batch_is_done_with_its_first(patch: pytest.MonkeyPatch) -> None:
    def first(_event: Any, answer: Any) -> Any:
        return {"batchItemFailures": [one for one in answer["batchItemFailures"] if one["itemIdentifier"] == "0"]}

    _serving(patch, first)


def _one_failure_keeps_the_whole_batch(patch: pytest.MonkeyPatch) -> None:
    def all_of_it(event: Any, answer: Any) -> Any:
        records = event["Records"] if answer["batchItemFailures"] else []
        return {"batchItemFailures": [{"itemIdentifier": one["messageId"]} for one in records]}

    _serving(patch, all_of_it)


def _failures_are_swallowed(patch: pytest.MonkeyPatch) -> None:
    original = handler()._apply_event

    def swallow(*of: Any) -> None:
        with suppress(Exception):
            original(*of)

    patch.setattr(handler(), "_apply_event", swallow)


def _the_first_failure_ends_the_message(patch: pytest.MonkeyPatch) -> None:
    def apply(record: Any) -> None:
        received = handler().from_message(record.body)
        for event in handler().dialect(received.gateway).parse(received.body):
            handler()._apply_event(received.gateway, event, {})

    patch.setattr(handler(), "_apply", apply)


BROKEN = {
    "a payment is not claimed": _no_claim,
    "staff are not told": _nothing_for_staff,
    "early events are not looked for": _no_early_look,
    "early events are looked for after a new credit only": _early_look_after_a_new_credit_only,
    "what waits does not follow": _one_step_an_event,
    "the money and then the deposit, in two writes": _money_first,
    "the deposit and then the money, in two writes": _deposit_first,
    "an end without money gives nothing back": _nothing_is_given_back,
    "what is given back and then the deposit, in two writes": _given_back_first,
    "a payment forgets its opening": _the_opening_is_forgotten,
    "a nano too much": _other_amount_at_each_try,
    "the money has another name at each try": _credit_before_dedupe,
    "the deposit's version is not looked at": _no_version,
    "what the ledger has is not caught up with": _replayed_is_done,
    "a message is deleted although it failed": _failed_messages_are_deleted,
    "of a batch the failures behind the first are deleted": _a_batch_is_done_with_its_first,
    "one failure keeps the whole batch": _one_failure_keeps_the_whole_batch,
    "failures are swallowed": _failures_are_swallowed,
    "the first failure of a message keeps its other events": _the_first_failure_ends_the_message,
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_worker_with_one_thing_wrong_is_caught(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    BROKEN[name](monkeypatch)
    failure = simulated(FIXED, STEPS_UNTIL_CAUGHT).failure
    assert failure is not None, f"not caught within {STEPS_UNTIL_CAUGHT} steps"
    assert FIXED.part(failure.seed.episode or 0) is Part.WORKER


def test_a_failure_is_traced_with_as_few_faults_as_it_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    _money_first(monkeypatch)
    failure = simulated(FIXED, STEPS_UNTIL_CAUGHT).failure
    assert failure is not None
    (again,) = play(FIXED, failure.seed.episode or 0, 1)
    assert again == Failure(failure.seed, failure.rule, failure.message)
    short = shortest(FIXED.dice(failure.seed.episode or 0), failure.rule)
    assert short.faults <= short.of
    assert short.lines[-1].startswith(f"VIOLATION  {failure.rule}")


def test_a_calm_episode_needs_no_second_delivery_of_what_can_be_applied() -> None:

    pool = Pool()
    episode = Episode(1, pool, faults_max=0)
    figures = episode.run()
    pool.end()
    assert (episode.faults, figures.counts["killed"]) == (0, 0)
