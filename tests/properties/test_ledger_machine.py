"""Whatever is posted in whatever order: money is conserved, repeats are identities, refusals move nothing, batches are whole."""

from collections import Counter
from dataclasses import replace

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from countroom.ledger import items
from countroom.ledger.book import BatchPosted, Posted, Refused
from countroom.ledger.movements import Adjustment, DepositReversal, Kind, Movement, Reason, Reference, Rollback
from countroom.ledger.records import Outcome, Record, Tombstone
from countroom.ledger.wallet import NO_HASH, Wallet
from tests.properties.movements import PLAYERS, any_movement
from tests.unit.ledger.casino import TABLE, Casino, posted
from tests.unit.ledger.examples import ANNA, a_deposit
from tests.unit.ledger.memory import MemoryTable, Stored

RESOLVING_ONCE = {Kind.ROLLBACK, Kind.DEPOSIT_ABANDONED, Kind.DEPOSIT_RETURNED, Kind.CAPTURE, Kind.RELEASE, Kind.PAYOUT_RETURNED}
"""What takes back or resolves an earlier movement, which can happen to it once."""


def records_of(stored: Stored) -> list[Record]:
    """Return every record of a table."""
    return [items.record_of(item) for item in stored.values() if items.kind_of(item) == "record"]


class Ledger(RuleBasedStateMachine):
    """One book, two players, and what has been answered so far."""

    def __init__(self) -> None:
        super().__init__()
        self.casino = Casino()
        self.said: dict[Movement, Posted | Refused] = {}
        self.buried: set[Reference] = set()

    @initialize(cash=st.integers(0, 40))
    def open(self, cash: int) -> None:
        for player in PLAYERS:
            self.casino.open(cash, player)
        posted(self.casino.book.post(a_deposit(5, "d0", ANNA)))

    @rule(movement=any_movement)
    def post(self, movement: Movement) -> None:
        before = dict(self.casino.client.stored)
        wallet = self.casino.wallet(movement.player_id)
        result = self.casino.book.post(movement)
        if isinstance(result, Refused):
            self._check_refused(before, wallet, movement, result)
        elif result.replayed:
            assert self.casino.client.stored == before
        else:
            assert result.record.version == wallet.version + 1
            self._check_debt(wallet, movement)
            if isinstance(movement, Rollback) and (TABLE, f"TX#{movement.target.text}") not in before:
                self.buried.add(movement.target)
        if result.record is not None:
            self.said.setdefault(movement, result)

    @rule(data=st.data())
    def repeat(self, data: st.DataObject) -> None:
        if not self.said:
            return
        movement = data.draw(st.sampled_from(list(self.said)))
        before = dict(self.casino.client.stored)
        again = self.casino.book.post(movement)
        assert again.replayed
        assert again.record == self.said[movement].record
        assert self.casino.client.stored == before

    @rule(data=st.data(), number=st.integers(0, 99))
    def post_again_under_another_name(self, data: st.DataObject, number: int) -> None:
        if not self.said:
            return
        movement = data.draw(st.sampled_from(list(self.said)))
        self.post(replace(movement, reference=Reference(movement.reference.source, f"again-{number}")))

    @rule(movements=st.lists(any_movement, min_size=1, max_size=5))
    def batch(self, movements: list[Movement]) -> None:
        batch = [replace(movement, player_id=ANNA) for movement in movements]
        before = dict(self.casino.client.stored)
        wallet = self.casino.wallet(ANNA)
        result = self.casino.book.post_batch(batch)
        alone = Casino(MemoryTable(dict(before)), self.casino.clock)
        if isinstance(result, BatchPosted):
            one_by_one = [alone.book.post(movement) for movement in batch]
            assert [entry.record for entry in result.results] == [entry.record for entry in one_by_one]
            assert [entry.replayed for entry in result.results] == [entry.replayed for entry in one_by_one]
            assert self.casino.client.stored == alone.client.stored
            return
        for movement in batch[: result.index]:
            posted(alone.book.post(movement))
        last = alone.book.post(batch[result.index])
        assert isinstance(last, Refused)
        assert last.reason is result.reason
        if not result.replayed:
            self._check_refused(before, wallet, batch[result.index], result)

    @rule(milliseconds=st.sampled_from([-600_000, 1, 499, 500, 1_000, 60_000, 1_800_000, 86_400_000]))
    def wait(self, milliseconds: int) -> None:
        self.casino.clock.advance(milliseconds=milliseconds)

    @invariant()
    def the_records_explain_every_balance(self) -> None:
        records = records_of(self.casino.client.stored)
        accounts: Counter[str] = Counter()
        for record in records:
            for posting in record.postings:
                accounts[posting.account] += posting.amount
        assert sum(accounts.values()) == 0
        for player in PLAYERS:
            wallet = self.casino.book.wallet(player)
            if wallet is None:
                continue
            sums = tuple(accounts[f"player:{player}:{name}"] for name in ("cash", "bonus", "held"))
            assert (wallet.cash, wallet.bonus, wallet.held) == sums
            assert wallet.proves_itself
            assert wallet.held >= 0
            self._check_chain(wallet, [record for record in records if record.player_id == player])

    @invariant()
    def nothing_is_taken_back_or_resolved_twice(self) -> None:
        records = records_of(self.casino.client.stored)
        applied = [record for record in records if record.outcome is Outcome.APPLIED]
        resolved = Counter(record.related for record in applied if record.kind in RESOLVING_ONCE)
        assert not [name for name, times in resolved.items() if times > 1]

    @invariant()
    def what_is_buried_stays_buried(self) -> None:
        for name in self.buried:
            assert isinstance(self.casino.book.find(name), Tombstone)

    def _check_chain(self, wallet: Wallet, records: list[Record]) -> None:
        head, name = NO_HASH, ""
        for version, record in enumerate(sorted(records, key=lambda record: record.version), start=1):
            assert (record.version, record.previous, record.previous_key) == (version, head, name)
            assert record.hash == record.sealed()
            head, name = record.hash, record.reference.text
        assert (wallet.version, wallet.head, wallet.head_key) == (len(records), head, name)

    def _check_refused(self, before: Stored, wallet: Wallet, movement: Movement, result: Refused) -> None:
        """Check that a refusal moved nothing, and was written down exactly when its reason says so."""
        stored = self.casino.client.stored
        if result.replayed or not result.reason.recorded:
            assert stored == before
            return
        changed = {place[1] for place in stored if stored[place] != before.get(place)}
        assert changed == {f"W#{movement.player_id}", f"TX#{movement.reference.text}"}
        after = self.casino.wallet(movement.player_id)
        assert replace(after, version=wallet.version, head=wallet.head, head_key=wallet.head_key) == wallet
        assert result.record is not None
        assert stored[TABLE, f"TX#{movement.reference.text}"] == items.record_item(result.record)
        assert result.record.outcome is Outcome.REFUSED

    def _check_debt(self, before: Wallet, movement: Movement) -> None:
        """Check that only what is forced makes a debt, or makes one deeper."""
        after = self.casino.wallet(movement.player_id)
        deeper = after.cash < min(0, before.cash) or after.bonus < min(0, before.bonus)
        if not deeper:
            return
        assert isinstance(movement, Rollback | DepositReversal | Adjustment)
        if isinstance(movement, Rollback):
            target = self.casino.book.find(movement.target)
            assert isinstance(target, Record)
            assert target.kind is Kind.WIN
        if isinstance(movement, Adjustment):
            assert movement.amount < 0


TestLedger = Ledger.TestCase
TestLedger.settings = settings(max_examples=100, stateful_step_count=40, deadline=None)


def test_reasons_that_are_never_recorded_are_the_only_ones_without_a_record() -> None:
    assert {reason for reason in Reason if reason.recorded} == {
        Reason.INSUFFICIENT_FUNDS,
        Reason.NEGATIVE_BALANCE,
        Reason.WALLET_BLOCKED,
        Reason.WALLET_EXCLUDED,
        Reason.SESSION_UNKNOWN,
        Reason.SESSION_EXPIRED,
        Reason.GAME_UNAVAILABLE,
        Reason.GAME_CURRENCY,
        Reason.STAKE_OUT_OF_RANGE,
        Reason.LIMIT_REACHED,
        Reason.LIMIT_RAISE,
        Reason.NOTHING_PENDING,
        Reason.TOO_EARLY,
        Reason.EXCLUSION_RUNS,
        Reason.REALITY_CHECK_DUE,
        Reason.BALANCE_REMAINS,
    }
