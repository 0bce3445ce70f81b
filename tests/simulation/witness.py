"""Watches every write as it takes effect and holds it against the invariants, one commit at a time.

I1 the balance is the sum of the records; I2 it is not negative but by forced debits; I3 one effect for each name; I5 a hold ends
once; I8 versions are contiguous and the chain is unbroken. I4 (answers agree with records) is the business of `answers`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass, field
from typing import Any, Final, NoReturn

from countroom.ledger import items
from countroom.ledger.movements import Kind, Movement, Reason
from countroom.ledger.records import Balances, Outcome, Record, Resolution, Tombstone
from countroom.ledger.wallet import Limit, Wallet
from tests.simulation.accounts import Verdict
from tests.simulation.dynamodb import Write
from tests.simulation.expressions import Scope, condition
from tests.simulation.oracle import Oracle
from tests.simulation.rooms import LEDGER, ROOMS
from tests.simulation.safety import Cap, Clock

_FORCED: Final = frozenset({Kind.ROLLBACK, Kind.DEPOSIT_REVERSAL, Kind.ADJUSTMENT})
_NOTHING: Final[Mapping[str, Any]] = {}


class Violation(AssertionError):
    """An invariant does not hold. `rule` names it in a few words."""

    def __init__(self, rule: str, detail: str = "") -> None:
        super().__init__(f"{rule}: {detail}" if detail else rule)
        self.rule = rule


def require(holds: object, rule: str, detail: object = "") -> None:
    """Raise Violation unless it holds."""
    if not holds:
        raise Violation(rule, str(detail))


def fail(rule: str, detail: object = "") -> NoReturn:
    """Raise Violation."""
    raise Violation(rule, str(detail))


@dataclass(slots=True)
class Author:
    """Who writes: a request's movements, its companions, and what it has written so far."""

    movements: Sequence[Movement] = ()
    companions: int = 0
    batch: bool = False
    tolerate: frozenset[Reason] = frozenset()
    started: int = 0
    written: list[str] = field(default_factory=list)
    said_unwritten: bool = False


@dataclass(frozen=True, slots=True)
class Born:
    """When a name was taken, and by whom."""

    commit: int
    author: Author
    entry: Record | Tombstone


class Witness:
    """What is true, built from the commits alone."""

    def __init__(self) -> None:
        self.oracle = Oracle()
        self.wallets: dict[str, Wallet] = {}
        self.history: dict[str, list[tuple[int, Wallet]]] = {}
        self.balances: dict[tuple[str, int], Balances] = {}
        self.born: dict[str, Born] = {}
        self.markers: dict[str, Resolution] = {}
        self.never: dict[tuple[str, bytes], str] = {}
        self.commits = 0
        self.checks = 0
        self.outcomes: dict[Outcome, int] = dict.fromkeys(Outcome, 0)

    def landed(self, author: Author, writes: Sequence[Write]) -> None:
        """Check one transaction that has just taken effect."""
        ours = [write for write in writes if write.table == LEDGER]
        if not ours:
            return
        self.commits += 1
        self.checks += 1
        require(not author.said_unwritten, "a write landed although the caller was told that nothing was written", author.movements)
        parts: dict[str, list[Any]] = {"wallet": [], "record": [], "tombstone": [], "resolution": []}
        for write in ours:
            require(write.after is not None, "something was deleted", write.key)
            assert write.after is not None
            kind = items.kind_of(write.after)
            require(kind in parts, "a foreign item in the ledger", write.key)
            require(kind == "wallet" or write.before is None, f"a {kind} was overwritten", write.key)
            parts[kind].append(write)
        require(len(parts["wallet"]) == 1, "a commit writes exactly one wallet", len(parts["wallet"]))
        records = sorted((items.record_of(write.after) for write in parts["record"]), key=lambda record: record.version)
        before, after = self._wallets(parts["wallet"][0])
        self._chain(before, after, records)
        resolutions = [items.resolution_of(write.after) for write in parts["resolution"]]
        tombstones = [items.entry_of(write.after) for write in parts["tombstone"]]
        self._judge(author, records, resolutions, tombstones)
        self._account(after)
        self._companions(author, records, [write for write in writes if write.table == ROOMS])
        self._remember(author, after, records, resolutions, tombstones)

    def _wallets(self, write: Write) -> tuple[Wallet, Wallet]:
        assert write.after is not None
        after = items.wallet_of(write.after)
        known = self.wallets.get(after.player_id)
        stood = items.wallet_of(write.before) if write.before else None
        require(stood == known, "the wallet was changed outside a commit", after.player_id)
        return known or Wallet(after.player_id, after.currency, after.country), after

    def _chain(self, before: Wallet, after: Wallet, records: Sequence[Record]) -> None:
        """Versions are contiguous, each record continues the one before it, the wallet is where the last one leaves it."""
        require(records, "a wallet changed without a record", after.player_id)
        versions = [record.version for record in records]
        contiguous = versions == list(range(before.version + 1, after.version + 1))
        require(contiguous, "versions are not contiguous", f"{before.version} -> {versions} -> {after.version}")
        head, key = before.head, before.head_key
        sums = before.cash, before.bonus, before.held
        for record in records:
            name = record.reference.text
            require((record.previous, record.previous_key) == (head, key), "the chain is broken", name)
            require(record.hash == record.sealed(), "a record's hash is wrong", name)
            changes = record.cash, record.bonus, record.held
            sums = sums[0] + changes[0], sums[1] + changes[1], sums[2] + changes[2]
            stands = record.after.cash, record.after.bonus, record.after.held
            require(stands == sums, "a balance is not the sum of the records", name)
            require(sum(leg.amount for leg in record.postings) == 0, "the legs do not add up to nothing", name)
            _no_debt(record)
            head, key = record.hash, name
        require((after.head, after.head_key) == (head, key), "the wallet does not end the chain", after.player_id)
        require((after.cash, after.bonus, after.held) == sums, "a balance is not the sum of the records", after.player_id)
        require(after.proves_itself, "the totals do not prove the balance", after.player_id)
        require(records[-1].state == after.state(), "the last record does not seal the wallet", after.player_id)

    def _judge(
        self, author: Author, records: Sequence[Record], markers: Sequence[Resolution], tombs: Sequence[Record | Tombstone]
    ) -> None:
        """Each record is what the second opinion says it has to be, and so is what stands beside it."""
        asked = {movement.reference: movement for movement in author.movements}
        resolves: set[tuple[str, str]] = set()
        buries: set[tuple[str, str]] = set()
        for record in records:
            movement = asked.get(record.reference)
            if movement is None:
                fail("a record that nobody asked for", record.reference.text)
            verdict = self._verdict(author, movement, record)
            _compare(record, verdict, movement)
            self.oracle.apply(movement, verdict, record.at_ms)
            about = record.related.text if record.related else ""
            if verdict.resolves:
                resolves.add((about, record.reference.text))
            if verdict.buries:
                buries.add((about, record.reference.text))
        require({(one.of.text, one.by.text) for one in markers} == resolves, "the markers are not those of the records", resolves)
        laid = {(one.reference.text, one.by.text) for one in tombs if isinstance(one, Tombstone)}
        require(laid == buries, "the tombstones are not those of the records", buries)

    def _verdict(self, author: Author, movement: Movement, record: Record) -> Verdict:
        """Ask the oracle; a batch's refusal stands for the whole of it, after those of its movements that come before."""
        if not (author.batch and record.outcome is Outcome.REFUSED):
            return self.oracle.judge(movement, record.at_ms)
        trial = self.oracle.fork()
        for earlier in author.movements:
            if earlier is movement:
                break
            if earlier.reference.text not in trial.seen:
                verdict = trial.judge(earlier, record.at_ms)
                if verdict.reason is None:
                    trial.apply(earlier, verdict, record.at_ms)
        return trial.judge(movement, record.at_ms)

    def _account(self, after: Wallet) -> None:
        """The whole wallet is what the second opinion holds."""
        account = self.oracle.accounts[after.player_id]
        total = after.totals
        totals = (total.deposited, total.withdrawn, total.staked, total.won, total.adjusted, total.bonus)
        ours = (after.currency, after.cash, after.bonus, after.held, after.status, totals)
        theirs = (account.currency, account.cash, account.bonus, account.held, account.status, tuple(account.totals.values()))
        require(ours == theirs, "the wallet is not what its records make it", f"{ours} {theirs}")
        sessions = [(one.provider, one.digest, one.previous, one.expires_at_ms) for one in after.sessions]
        require(sessions == account.sessions, "the sessions are not what the records make them", after.player_id)
        limits = [_cap(one) for one in after.limits]
        require(limits == account.guard.caps, "the limits are not what the records make them", f"{limits} {account.guard.caps}")
        away = [*astuple(after.exclusion)] if after.exclusion else None
        require(away == account.guard.away, "the exclusion is not what the records make it", f"{away} {account.guard.away}")
        clock = Clock(*after.play)
        require(clock == account.guard.clock, "the clock is not what the records make it", f"{clock} {account.guard.clock}")

    def _companions(self, author: Author, records: Sequence[Record], rows: Sequence[Write]) -> None:
        """Another room's rows move with the money or not at all."""
        moved = any(record.outcome is not Outcome.REFUSED for record in records)
        require(len(rows) == (author.companions if moved else 0), "the companions did not go with the money", len(rows))

    def _remember(
        self,
        author: Author,
        after: Wallet,
        records: Sequence[Record],
        markers: Sequence[Resolution],
        tombs: Sequence[Record | Tombstone],
    ) -> None:
        for record in records:
            self.outcomes[record.outcome] += 1
            promised = self.never.get((record.reference.text, record.fingerprint))
            require(promised is None, "a movement was recorded after it had been refused for good", promised)
            self.balances[after.player_id, record.version] = record.after
            author.written.append(record.reference.text)
        for entry in (*records, *tombs):
            self.born[entry.reference.text] = Born(self.commits, author, entry)
        for marker in markers:
            require(marker.of.text not in self.markers, "something was resolved twice", marker.of.text)
            self.markers[marker.of.text] = marker
        self.history.setdefault(after.player_id, []).append((self.commits, after))
        self.wallets[after.player_id] = after

    def guarded(self, entries: Sequence[Mapping[str, Any]]) -> None:
        """Every write of a commit is refused when its place is taken, or the wallet is at any other version.

        Looked at in the request itself, so that one condition cannot hide behind another that happens to fail as well.
        """
        self.checks += 1
        puts = [entry["Put"] for entry in entries if "Put" in entry and entry["Put"]["TableName"] == LEDGER]
        decided = [put for put in puts if items.kind_of(put["Item"]) == "record"]
        for put in puts:
            kind = items.kind_of(put["Item"])
            require("ConditionExpression" in put, f"a {kind} is written without a condition")
            test, _ = condition(put["ConditionExpression"])
            values = put.get("ExpressionAttributeValues", _NOTHING)

            def holds(item: Mapping[str, Any], test: Any = test, values: Any = values) -> bool:
                return bool(test(Scope(item, _NOTHING, values)))

            if kind != "wallet":
                require(holds(_NOTHING) and not holds(put["Item"]), f"a {kind} is not guarded by its condition")
                continue
            version = int(put["Item"][items.WALLET_VERSION]["N"]) - len(decided)
            right = [_at(put["Item"], version)] if version else [_NOTHING]
            wrong = [_at(put["Item"], version + 1), _at(put["Item"], version - 1) if version > 1 else _at(put["Item"], version + 2)]
            wrong += [_NOTHING] if version else []
            guards = all(holds(item) for item in right) and not any(holds(item) for item in wrong)
            require(guards, "the wallet is not guarded by its version", put["ConditionExpression"])


def _cap(limit: Limit) -> Cap:
    waits = (limit.pending.cap, limit.pending.at_ms, limit.pending.confirm) if limit.pending else None
    return Cap(limit.kind, limit.period, limit.cap, limit.anchor_ms, limit.after, limit.index, limit.used, waits)


def _at(item: Mapping[str, Any], version: int) -> Mapping[str, Any]:
    return {**item, items.WALLET_VERSION: {"N": str(version)}}


def _no_debt(record: Record) -> None:
    """Only what has happened already may lead into debt, or deeper into it; what is held is never negative."""
    after = record.after
    require(after.held >= 0, "held is negative", record.reference.text)
    for change, stands in ((record.cash, after.cash), (record.bonus, after.bonus)):
        if change < 0 and stands < 0:
            require(record.kind in _FORCED, "a balance is negative", f"{record.reference.text} {stands}")


def _compare(record: Record, verdict: Verdict, movement: Movement) -> None:
    name = record.reference.text
    require(record.fingerprint == movement.fingerprint, "a record is not of the movement that was asked", name)
    said = (record.outcome, record.reason, record.limit)
    meant = (verdict.outcome, verdict.reason, verdict.limit)
    require(said == meant, "a record is not what its moment demands", f"{name}: {said}, and it should be {meant}")
    if record.outcome is Outcome.REFUSED:
        require(record.cash == record.bonus == record.held == 0, "a refusal moved money", name)
        return
    moved = (record.cash, record.bonus, record.held, record.amount)
    due = (verdict.cash, verdict.bonus, verdict.held, verdict.amount)
    require(moved == due, "a record does not move what it has to", f"{name}: {moved}, and it should be {due}")
