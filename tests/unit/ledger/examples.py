"""Short ways to say what the examples of the ledger are about, and the checks that hold for every decision."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any, Final, TypeVar, cast

from countroom.ledger.decide import Decision, Refusal, decide
from countroom.ledger.movements import Bet, Deposit, Hold, Movement, Reason, Reference, Rollback, Win, business_note_of
from countroom.ledger.records import Balances, Outcome, Record, Tombstone
from countroom.ledger.rules.effects import Facts
from countroom.ledger.wallet import Totals, Wallet
from tests.unit.clock import START_MS

UNIT: Final = 10**9
NOW: Final = START_MS
ANNA: Final = "pl_anna"
BEN: Final = "pl_ben"
GAME: Final = "game:hub88"
GATEWAY: Final = "gateway:standard"
HOUSE: Final = "house:staff"
NONE: Final = Facts()

T = TypeVar("T")


def changed(value: T, **fields: object) -> T:
    """Return a copy of a dataclass with some fields changed to anything, even to what their types forbid."""
    return cast("T", replace(cast("Any", value), **fields))


def ref(transaction_id: str, source: str = GAME) -> Reference:
    """Name a movement."""
    return Reference(source, transaction_id)


def wallet_with(cash: int = 0, bonus: int = 0, held: int = 0, **fields: object) -> Wallet:
    """Return a wallet in the middle of its life, whose balances equal its totals."""
    totals = Totals(deposited=cash + held, bonus=bonus)
    before = Wallet(ANNA, "EUR", "MT", 7, cash, bonus, held, totals=totals, head=b"\x07" * 32, head_key="game:hub88#before")
    return changed(before, **fields)


def a_bet(amount: int, transaction_id: str = "bet-1", **fields: object) -> Bet:
    """Return a stake in nanos."""
    return changed(Bet(ref(transaction_id), ANNA, "EUR", amount, "slot", "round-1"), **fields)


def a_win(amount: int, transaction_id: str = "win-1", **fields: object) -> Win:
    """Return winnings in nanos, without a bet."""
    return changed(Win(ref(transaction_id), ANNA, "EUR", amount, "slot", "round-1"), **fields)


def a_rollback(target: str = "bet-1", transaction_id: str = "rollback-1", player: str = ANNA) -> Rollback:
    """Return a rollback at the provider of `a_bet`."""
    return Rollback(ref(transaction_id), player, ref(target), "slot", "round-1")


def a_deposit(amount: int, transaction_id: str = "dep-1", player: str = ANNA) -> Deposit:
    """Return money that came in."""
    return Deposit(ref(transaction_id, GATEWAY), player, "EUR", amount)


def a_hold(amount: int, transaction_id: str = "hold-1") -> Hold:
    """Return a wish to pay out."""
    return Hold(ref(transaction_id, "house:withdraw"), ANNA, "EUR", amount)


def facts_of(*entries: Record | Tombstone | Decision) -> Facts:
    """Return the facts that these leave behind, with the markers and tombstones of decisions among them."""
    found: dict[Reference, Record | Tombstone] = {}
    resolutions = {}
    for entry in entries:
        if isinstance(entry, Decision):
            found[entry.record.reference] = entry.record
            if entry.tombstone:
                found[entry.tombstone.reference] = entry.tombstone
            if entry.resolution:
                resolutions[entry.resolution.of] = entry.resolution
        else:
            found[entry.reference] = entry
    return Facts(found, resolutions)


def check_decision(before: Wallet, movement: Movement, decision: Decision, now_ms: int) -> None:
    """Check what holds for every decision, whatever the movement."""
    after, record = decision.wallet, decision.record
    assert after.proves_itself == before.proves_itself
    assert after.version == before.version + 1 == record.version
    assert (after.player_id, after.currency, after.country) == (before.player_id, before.currency, before.country)
    assert sum(posting.amount for posting in record.postings) == 0
    assert all(posting.account and posting.amount for posting in record.postings)
    assert record.after == Balances(after.currency, after.cash, after.bonus, after.held, after.version)
    moved = (after.cash - before.cash, after.bonus - before.bonus, after.held - before.held)
    assert (record.cash, record.bonus, record.held) == moved
    assert (record.reference, record.kind, record.player_id) == (movement.reference, movement.kind, before.player_id)
    assert (record.game, record.round) == (movement.game_code, movement.round_id)
    assert record.note.startswith(movement.note)
    assert business_note_of(record.kind, record.note) == movement.business_note
    assert bool(record.limit) == (record.reason is Reason.LIMIT_REACHED)
    assert (record.related, record.fingerprint, record.at_ms) == (movement.related, movement.fingerprint, now_ms)
    assert (record.previous, record.previous_key) == (before.head, before.head_key)
    assert record.hash == record.sealed() == after.head
    assert after.head_key == movement.reference.text
    assert record.state == after.state()
    assert (record.reason is not None) == (record.outcome is Outcome.REFUSED)
    if record.outcome is not Outcome.APPLIED:
        assert replace(after, version=before.version, head=before.head, head_key=before.head_key) == before
        assert record.postings == ()
        assert decision.resolution is None
    if decision.resolution:
        marker = decision.resolution
        assert (marker.of, marker.by) == (movement.related, movement.reference)
        assert (marker.kind, marker.player_id) == (movement.kind, before.player_id)
    if decision.tombstone:
        stone = decision.tombstone
        assert (stone.reference, stone.by) == (movement.related, movement.reference)
        assert (stone.player_id, stone.at_ms) == (before.player_id, now_ms)


def decided(wallet: Wallet, movement: Movement, facts: Facts = NONE, now_ms: int = NOW) -> Decision:
    """Decide a movement that is not refused."""
    decision = decide(wallet, facts, movement, now_ms)
    assert isinstance(decision, Decision), decision
    assert decision.record.reason is None, decision.record.reason
    check_decision(wallet, movement, decision, now_ms)
    return decision


def refused(wallet: Wallet | None, movement: Movement, facts: Facts = NONE, now_ms: int = NOW) -> Reason:
    """Decide a movement that is refused, recorded exactly when its reason says so; return the reason."""
    decision = decide(wallet, facts, movement, now_ms)
    if isinstance(decision, Refusal):
        assert not decision.reason.recorded
        return decision.reason
    assert wallet is not None
    check_decision(wallet, movement, decision, now_ms)
    reason = decision.record.reason
    assert reason is not None
    assert reason.recorded
    assert decision.record.amount == movement.money[1]
    assert decision.record.counter == ""
    assert decision.tombstone is None
    return reason


def after_all(wallet: Wallet, movements: Iterable[Movement], now_ms: int = NOW) -> tuple[Wallet, Facts]:
    """Decide movements one after another; return where they lead, and what they leave behind."""
    decisions: list[Decision] = []
    for movement in movements:
        decisions.append(decided(wallet, movement, facts_of(*decisions), now_ms))
        wallet = decisions[-1].wallet
    return wallet, facts_of(*decisions)
