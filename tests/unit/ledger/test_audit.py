"""Each thing that an audit can find, made by hand with all hashes fitting; and audits of a table that moves meanwhile."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from countroom.ledger import items, legs
from countroom.ledger.audit import RECHECK_TRIES, Auditor, audit_items
from countroom.ledger.findings import ANCHORS_MAX, LISTED_MAX, Anchor, Finding, Issue, Level, Report, report_view
from countroom.ledger.movements import Kind, LimitKind, Period, Reason, Reference
from countroom.ledger.records import Outcome, Record, Resolution
from countroom.ledger.safeguards import AbandonDeposit, OpenDeposit, SetLimit
from countroom.ledger.store import StoreBusy
from countroom.ledger.wallet import Totals, Wallet
from tests.unit.ledger.table import GAME, GATEWAY, UNIT, Item, Ledger, Player, all_kinds, every_kind

ME = "pl_anna"
Change = Callable[[Record], Record]


def a_ledger() -> Ledger:
    return all_kinds([(ME, "EUR")])


def issues(report: Report) -> set[Issue]:
    return {finding.issue for finding in report.findings if finding.level is Level.MISMATCH}


def record_item_of(ledger: Ledger, name: str) -> Item:
    return next(item for item in ledger.items if item["pk"]["S"].endswith(f"-{name}") and "n" in item)


def resealed(ledger: Ledger, change: Change, wallet_change: Callable[[Wallet], Wallet] = lambda wallet: wallet) -> Ledger:
    """Change records and the wallet, and seal the whole chain anew, so that only the sense of it can be wrong."""
    records = sorted((items.record_of(item) for item in ledger.items if "n" in item), key=lambda record: record.version)
    wallet = wallet_change(items.wallet_of(ledger.item("W#" + ME)))
    previous, previous_key = records[0].previous, ""
    for record in records:
        changed = replace(change(record), previous=previous, previous_key=previous_key)
        if record.version == wallet.version:
            changed = replace(changed, state=wallet.state())
        changed = replace(changed, fingerprint=fingerprint_of(changed))
        changed = replace(changed, hash=changed.sealed())
        ledger.delete(f"TX#{record.reference.text}")
        ledger.put(items.record_item(changed))
        previous, previous_key = changed.hash, changed.reference.text
    ledger.put(items.wallet_item(replace(wallet, head=previous, head_key=previous_key)))
    return ledger


def fingerprint_of(record: Record) -> bytes:
    return legs._fingerprint(record)


def only(name: str, **changes: Any) -> Change:
    """Change the record of that name."""
    return lambda record: replace(record, **changes) if record.reference.transaction_id == f"{ME}-{name}" else record


def name(transaction_id: str, source: str = GAME) -> Reference:
    return Reference(source, f"{ME}-{transaction_id}")


def test_resealing_alone_changes_nothing() -> None:
    assert issues(audit_items(resealed(a_ledger(), lambda record: record).items)) == set()


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (only("bet1", amount=11 * UNIT), {Issue.LEGS, Issue.SUM}),
        (only("bet1", cash=-9 * UNIT), {Issue.LEGS, Issue.SUM, Issue.BALANCES}),
        (only("bet1", cash=-20 * UNIT, bonus=10 * UNIT), {Issue.LEGS, Issue.SUM, Issue.BALANCES}),
        (only("bet1", held=UNIT), {Issue.LEGS, Issue.SUM, Issue.BALANCES}),
        (only("bet1", counter="game:other"), {Issue.LEGS}),
        (only("b1", counter="house:cash"), {Issue.LEGS}),
        (only("h1", counter="house:cash"), {Issue.LEGS}),
        (only("promo", amount=-1), {Issue.LEGS, Issue.SUM}),
        (only("refused", outcome=Outcome.APPLIED), {Issue.LEGS, Issue.SUM}),
        (only("refused", reason=None), {Issue.LEGS}),
        (only("d1", reason=Reason.LIMIT_REACHED), {Issue.LEGS}),
        (only("again2", cash=1), {Issue.LEGS, Issue.SUM, Issue.BALANCES}),
        (only("back2", related=None), {Issue.REFERENCE, Issue.ORPHAN, Issue.SUM}),
        (only("back2", related=name("bet1")), {Issue.LEGS, Issue.MARKER, Issue.ORPHAN}),
        (only("back2", related=name("unheard")), {Issue.REFERENCE, Issue.MARKER, Issue.ORPHAN, Issue.SUM}),
        (only("win1", related=name("bet2")), {Issue.REFERENCE}),
        (only("win1", related=name("promo")), {Issue.REFERENCE}),
        (only("win1", related=name("refused")), {Issue.REFERENCE}),
        (only("win1", round="r9"), {Issue.REFERENCE}),
        (only("c1", amount=29 * UNIT, held=-29 * UNIT), {Issue.HOLD, Issue.LEGS, Issue.SUM, Issue.BALANCES}),
        (only("x2", amount=11 * UNIT), {Issue.HOLD, Issue.LEGS}),
        (only("x2", related=name("h1", GATEWAY)), {Issue.HOLD, Issue.ORPHAN}),
        (only("rev2", related=name("d1", GATEWAY)), {Issue.MARKER, Issue.ORPHAN}),
        (only("early", outcome=Outcome.APPLIED), {Issue.LEGS, Issue.REFERENCE, Issue.MARKER, Issue.ORPHAN}),
        (only("early", related=name("silence")), {Issue.MARKER, Issue.ORPHAN}),
        (only("early", related=name("fine")), {Issue.REFERENCE, Issue.ORPHAN}),
        (only("early", at_ms=5), {Issue.MARKER}),
    ],
)
def test_a_record_that_makes_no_sense_is_found_although_its_chain_fits(change: Change, found: set[Issue]) -> None:
    assert issues(audit_items(resealed(a_ledger(), change).items)) == found


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (lambda wallet: replace(wallet, cash=wallet.cash + 1), {Issue.SUM}),
        (lambda wallet: replace(wallet, bonus=wallet.bonus - 1), {Issue.SUM}),
        (lambda wallet: replace(wallet, held=wallet.held + 1), {Issue.SUM, Issue.HOLD}),
        (lambda wallet: replace(wallet, totals=replace(wallet.totals, staked=wallet.totals.staked + 1)), {Issue.SUM}),
        (
            lambda wallet: replace(
                wallet, totals=replace(wallet.totals, staked=wallet.totals.staked + 1, won=wallet.totals.won + 1)
            ),
            {Issue.SUM},
        ),
        (lambda wallet: replace(wallet, totals=Totals()), {Issue.SUM}),
        (lambda wallet: replace(wallet, currency="USD"), {Issue.CURRENCY}),
    ],
)
def test_a_wallet_that_does_not_add_up_is_found_although_its_chain_fits(
    change: Callable[[Wallet], Wallet], found: set[Issue]
) -> None:
    assert issues(audit_items(resealed(a_ledger(), lambda record: record, change).items)) == found


def test_sums_name_the_account_and_both_figures() -> None:
    ledger = resealed(a_ledger(), lambda record: record, lambda wallet: replace(wallet, cash=wallet.cash + 5))
    cash = items.wallet_of(ledger.item("W#" + ME)).cash
    sentences = [finding.sentence for finding in audit_items(ledger.items).findings if finding.issue is Issue.SUM]
    assert f"The cash balance is {cash} nanos, its records sum to {cash - 5}." in sentences


def test_a_changed_fingerprint_is_found() -> None:
    ledger = a_ledger()
    newest = items.record_of(record_item_of(ledger, "too-much"))
    changed = replace(newest, fingerprint=b"\x01" * 16)
    changed = replace(changed, hash=changed.sealed())
    ledger.put(items.record_item(changed))
    ledger.put(items.wallet_item(replace(items.wallet_of(ledger.item("W#" + ME)), head=changed.hash)))
    assert issues(audit_items(ledger.items)) == {Issue.LEGS}


@pytest.mark.parametrize("number", [1.0, True])
def test_an_amount_that_is_no_whole_number_is_found(number: Any) -> None:
    ledger = resealed(a_ledger(), only("promo", amount=number))
    assert Issue.MALFORMED in issues(audit_items(ledger.items))


def test_a_stake_that_left_a_debt_is_an_invariant_violation() -> None:
    ledger = Ledger()
    me = ledger.open(ME)
    ledger.post(me.deposit("d1", UNIT), me.bet("bet1", UNIT))

    def indebted(record: Record) -> Record:
        if record.kind is not Kind.BET:
            return record
        return replace(record, amount=2 * UNIT, cash=-2 * UNIT, after=replace(record.after, cash=-UNIT))

    def owing(wallet: Wallet) -> Wallet:
        return replace(wallet, cash=-UNIT, totals=replace(wallet.totals, staked=2 * UNIT))

    report = audit_items(resealed(ledger, indebted, owing).items)
    assert issues(report) == {Issue.NEGATIVE}
    assert (report.negatives, report.mismatches) == (1, 1)


def test_a_debt_by_force_is_none() -> None:
    ledger = Ledger()
    me = ledger.open(ME)
    ledger.post(me.deposit("d1", UNIT), me.bet("bet1", UNIT), me.reversal("rev1", "d1", UNIT))
    assert items.wallet_of(ledger.item("W#" + ME)).cash == -UNIT
    assert audit_items(ledger.items).mismatches == 0


def test_more_taken_back_than_a_deposit_was_is_found() -> None:
    ledger = Ledger()
    me = ledger.open(ME)
    ledger.post(me.deposit("d1", UNIT), me.reversal("rev1", "d1", UNIT))

    def excessive(record: Record) -> Record:
        if record.kind is not Kind.DEPOSIT_REVERSAL:
            return record
        return replace(record, amount=2 * UNIT, cash=-2 * UNIT, after=replace(record.after, cash=-UNIT))

    def owing(wallet: Wallet) -> Wallet:
        return replace(wallet, cash=-UNIT, totals=replace(wallet.totals, deposited=-UNIT))

    assert issues(audit_items(resealed(ledger, excessive, owing).items)) == {Issue.LEGS}


def test_more_returned_than_was_taken_back_is_found() -> None:
    ledger = Ledger()
    me = ledger.open(ME)
    ledger.post(me.deposit("d1", UNIT), me.reversal("rev1", "d1", UNIT), me.given_back("back1", "rev1", UNIT))

    def excessive(record: Record) -> Record:
        if record.kind is not Kind.DEPOSIT_RETURNED:
            return record
        return replace(record, amount=2 * UNIT, cash=2 * UNIT, after=replace(record.after, cash=2 * UNIT))

    def richer(wallet: Wallet) -> Wallet:
        return replace(wallet, cash=2 * UNIT, totals=replace(wallet.totals, deposited=2 * UNIT))

    assert issues(audit_items(resealed(ledger, excessive, richer).items)) == {Issue.LEGS}


def test_a_deposit_taken_back_in_parts_is_clean_and_its_missing_marker_is_found() -> None:
    ledger = Ledger()
    me = ledger.open(ME)
    ledger.post(me.deposit("d1", 3 * UNIT), me.reversal("rev1", "d1", UNIT), me.reversal("rev2", "d1", 2 * UNIT))
    assert audit_items(ledger.items).mismatches == 0
    marked = [item for item in ledger.items if items.kind_of(item) == "resolution"]
    assert len(marked) == 1
    assert issues(audit_items([item for item in ledger.items if item not in marked])) == {Issue.MARKER}


def test_every_safeguard_is_clean_and_each_ending_of_an_opening_has_its_marker() -> None:
    ledger = every_kind()
    report = audit_items(ledger.items)
    assert (report.mismatches, {issue for issue in report.counts if issue.level is Level.MISMATCH}) == (0, set())
    records = [items.record_of(item) for item in ledger.items if items.kind_of(item) == "record"]
    assert {record.kind for record in records} == set(Kind)
    for number in range(2):
        key = f"RS#house:deposit#pl_dot-o{number}"
        assert issues(audit_items([item for item in ledger.items if item["pk"]["S"] != key])) == {Issue.MARKER}


def test_money_for_an_opening_that_was_refused_or_has_ended_is_clean() -> None:
    ledger = Ledger()
    me = ledger.open(ME)
    ledger.post(SetLimit(me.name(GATEWAY, "limit"), ME, "EUR", 5 * UNIT, LimitKind.DEPOSIT, Period.DAY))
    refused, opened = (OpenDeposit.of(ME, name, "EUR", amount * UNIT) for name, amount in (("o1", 6), ("o2", 5)))
    ledger.refuse(refused)
    ledger.post(opened, *(replace(me.deposit(f"d{n}", UNIT), opened=opened.reference) for n in range(2)))
    ledger.post(replace(me.deposit("d2", UNIT), opened=refused.reference))
    assert audit_items(ledger.items).mismatches == 0


def test_a_marker_that_names_the_later_of_two_payments_is_found() -> None:
    ledger = Ledger()
    me = ledger.open(ME)
    opened = OpenDeposit.of(ME, "o1", "EUR", UNIT)
    ledger.post(opened, *(replace(me.deposit(f"d{n}", UNIT), opened=opened.reference) for n in range(2)))
    ledger.put(items.resolution_item(Resolution(opened.reference, me.name(GATEWAY, "d1"), Kind.DEPOSIT, ME)))
    assert issues(audit_items(ledger.items)) == {Issue.MARKER}


def test_an_opening_that_is_abandoned_after_its_money_came_is_found() -> None:
    ledger = Ledger()
    me = ledger.open(ME)
    opened = OpenDeposit.of(ME, "o1", "EUR", UNIT)
    ledger.post(opened, AbandonDeposit.of(ME, "o1"), replace(me.deposit("d1", UNIT), opened=opened.reference))
    assert audit_items(ledger.items).mismatches == 0
    end = items.record_of(ledger.item("TX#house:abandoned#o1"))
    again = replace(end, reference=Reference("house:abandoned", "o2"))
    assert issues(_twice(ledger, again, lambda wallet, _record: wallet)) == {Issue.DOUBLE_REVERSAL}


def test_a_limit_named_by_a_record_that_no_limit_has_refused_is_found() -> None:
    ledger = a_ledger()

    def named(record: Record) -> Record:
        return replace(record, limit="wager 24h") if record.kind is Kind.HOLD else record

    assert issues(audit_items(resealed(ledger, named).items)) == {Issue.LEGS}


def _twice(ledger: Ledger, second: Record, wallet_change: Callable[[Wallet, Record], Wallet]) -> Report:
    """Append a record that the rules would have refused, sealed like any other."""
    wallet = items.wallet_of(ledger.item("W#" + ME))
    moved = replace(wallet, version=wallet.version + 1)
    moved = wallet_change(moved, second)
    after = replace(second.after, cash=moved.cash, bonus=moved.bonus, held=moved.held, version=moved.version)
    record = replace(second, after=after, state=moved.state(), previous=wallet.head, previous_key=wallet.head_key)
    record = replace(record, fingerprint=fingerprint_of(record))
    record = replace(record, hash=record.sealed())
    ledger.put(items.record_item(record))
    ledger.put(items.wallet_item(replace(moved, head=record.hash, head_key=record.reference.text)))
    return audit_items(ledger.items)


def test_a_bet_taken_back_twice_is_found() -> None:
    ledger = a_ledger()
    first = items.record_of(record_item_of(ledger, "back2"))
    report = _twice(
        ledger,
        replace(first, reference=name("back2-again")),
        lambda wallet, record: replace(
            wallet,
            cash=wallet.cash + record.cash,
            bonus=wallet.bonus + record.bonus,
            totals=replace(wallet.totals, staked=wallet.totals.staked - record.amount),
        ),
    )
    assert issues(report) == {Issue.DOUBLE_REVERSAL}
    (found,) = [finding for finding in report.findings if finding.issue is Issue.DOUBLE_REVERSAL]
    assert (found.player_id, found.key) == (ME, f"TX#game:hub88#{ME}-back2-again")
    assert "2 times" in found.sentence


def test_a_hold_resolved_twice_is_found() -> None:
    ledger = a_ledger()
    first = items.record_of(record_item_of(ledger, "x2"))
    report = _twice(
        ledger,
        replace(first, reference=name("x2-again", GATEWAY)),
        lambda wallet, record: replace(wallet, cash=wallet.cash + record.cash, held=wallet.held + record.held),
    )
    assert issues(report) == {Issue.HOLD, Issue.NEGATIVE}


def test_a_win_on_a_bet_that_was_taken_back_is_found() -> None:
    ledger = a_ledger()
    win = items.record_of(record_item_of(ledger, "win1"))
    late = replace(win, reference=name("late"), related=name("bet2"), round="r2")
    report = _twice(
        ledger,
        late,
        lambda wallet, record: replace(
            wallet, cash=wallet.cash + record.cash, totals=replace(wallet.totals, won=wallet.totals.won + record.amount)
        ),
    )
    assert issues(report) == {Issue.REFERENCE}


def test_another_players_bet_cannot_be_won_on() -> None:
    ledger = all_kinds([(ME, "EUR")])
    ben = ledger.open("pl_ben")
    ledger.post(ben.deposit("d1", UNIT), ben.bet("bet1", UNIT))
    win = items.record_of(record_item_of(ledger, "win1"))
    ben_only = audit_items(ledger.items)
    assert ben_only.mismatches == 0
    report = _twice(
        ledger,
        replace(win, reference=name("theft"), related=ben.name(GAME, "bet1")),
        lambda wallet, record: replace(
            wallet, cash=wallet.cash + record.cash, totals=replace(wallet.totals, won=wallet.totals.won + record.amount)
        ),
    )
    assert issues(report) == {Issue.REFERENCE}


def test_a_marker_in_another_players_name_is_found_on_both_sides() -> None:
    ledger = a_ledger()
    ledger.open("pl_ben")
    ledger.put(items.resolution_item(Resolution(name("bet2"), name("back2"), Kind.ROLLBACK, "pl_ben")))
    found = {
        (finding.issue, finding.player_id) for finding in audit_items(ledger.items).findings if finding.key[:2] in {"RS", "TX"}
    }
    assert (Issue.MARKER, ME) in found
    assert (Issue.ORPHAN, "pl_ben") in found


def test_open_holds_are_named_but_are_no_mismatch() -> None:
    report = audit_items(a_ledger().items)
    (notice,) = report.findings
    assert (notice.issue, notice.level, notice.player_id) == (Issue.OPEN_HOLD, Level.NOTICE, ME)
    assert notice.key == f"TX#gateway:standard#{ME}-h3"
    assert report.mismatches == 0
    assert report_view(report, 0)["ok"] is True


def test_gaps_name_the_missing_versions_and_where() -> None:
    ledger = a_ledger()
    gone = [record_item_of(ledger, "bet1"), record_item_of(ledger, "win1")]
    for item in gone:
        ledger.delete(item["pk"]["S"])
    (gap,) = [finding for finding in audit_items(ledger.items).findings if finding.issue is Issue.GAP]
    versions = sorted(int(item["n"]["N"]) for item in gone)
    assert f"Version {versions[0]} to {versions[1]} before this record is missing." == gap.sentence
    assert gap.key == record_item_of(ledger, "bet2")["pk"]["S"]


def test_sums_per_currency_add_up_to_nothing() -> None:
    report = audit_items(all_kinds().items)
    assert set(report.sums) == {"EUR", "JPY"}
    assert all(sums.total() == 0 for sums in report.sums.values())
    view = report_view(report, 5)
    assert view["sums"]["EUR"]["held"] == "4.00"
    assert view["elapsed_ms"] == 5
    assert view["wallets"] == 3


def test_a_report_lists_so_many_findings_and_counts_all() -> None:
    report = Report()
    for number in range(LISTED_MAX + 1):
        report.note(Finding(Issue.OPEN_HOLD, f"p{number}", "k", "s."))
    report.note(Finding(Issue.SUM, "last", "k", "s."))
    view = report_view(report, 0)
    assert len(view["findings"]) == LISTED_MAX
    assert view["findings_left_out"] == 2
    assert view["counts"] == {"sum": 1, "open_hold": LISTED_MAX + 1}
    assert "last" in {finding["player_id"] for finding in view["findings"]}
    assert view["ok"] is False


@pytest.mark.parametrize(("players", "listed"), [(ANCHORS_MAX, True), (ANCHORS_MAX + 1, False)])
def test_a_report_lists_so_many_anchors(players: int, listed: bool) -> None:
    report = Report(anchors={f"p{number}": Anchor(1, "00" * 32) for number in range(players)})
    assert (report_view(report, 0)["anchors"] is not None) is listed


@pytest.mark.parametrize("text", ["", "1", "1:", "1:zz", "x:" + "00" * 32, "-1:" + "00" * 32, "1:" + "00" * 31, "1:" + "00" * 33])
def test_what_is_no_anchor_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".*"):
        Anchor.from_text(text)


def test_an_anchor_reads_back() -> None:
    anchor = Anchor(7, "0a" * 32)
    assert Anchor.from_text(anchor.text) == anchor


# A table that moves


def auditor(ledger: Ledger, **more: Any) -> Auditor:
    return Auditor(ledger.store, ledger.patience, **more)


def test_a_live_audit_says_the_same_as_one_of_the_items() -> None:
    ledger = all_kinds()
    live, still = auditor(ledger).audit(), audit_items(ledger.items)
    assert (live.findings, live.sums, live.anchors, live.anchors_digest) == (
        still.findings,
        still.sums,
        still.anchors,
        still.anchors_digest,
    )
    assert live.rechecked == 0
    assert live.complete


@pytest.mark.parametrize("size", [1, 7])
def test_pages_of_any_size_are_read_to_the_end(size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    ledger = all_kinds()
    scan = ledger.model.scan
    monkeypatch.setattr(ledger.model, "scan", lambda **request: scan(**request, Limit=size))
    seen: list[tuple[str, int]] = []
    report = auditor(ledger, progress=lambda what, how_many: seen.append((what, how_many))).audit()
    assert (report.wallets, report.records, report.mismatches) == (3, 99, 0)
    assert ("scanned", len(ledger.items)) in seen
    assert ("proved", 3) in seen


class MovingTable:
    """Lets a movement happen between two pages of a scan, and before each of some re-reads."""

    def __init__(self, ledger: Ledger, player: Player, during_rechecks: int) -> None:
        self.ledger = ledger
        self.player = player
        self.left = during_rechecks
        self.moved = 0
        self._scan = ledger.model.scan
        self._query = ledger.model.query

    def move(self) -> None:
        self.moved += 1
        self.ledger.post(self.player.bet(f"0-{self.moved}", 1))  # sorts before what the first page has shown

    def scan(self, **request: Any) -> Any:
        answer = self._scan(**request, Limit=20)
        if "ExclusiveStartKey" not in request:
            self.move()
        return answer

    def query(self, **request: Any) -> Any:
        if self.left:
            self.left -= 1
            self.move()
        return self._query(**request)


@pytest.mark.parametrize("during_rechecks", [0, 1, RECHECK_TRIES - 1, 50])
def test_movements_that_happen_meanwhile_are_no_mismatch(during_rechecks: int, monkeypatch: pytest.MonkeyPatch) -> None:
    ledger = a_ledger()
    table = MovingTable(ledger, Player(ME), during_rechecks)
    monkeypatch.setattr(ledger.model, "scan", table.scan)
    monkeypatch.setattr(ledger.model, "query", table.query)
    report = auditor(ledger).audit()
    assert table.moved >= 1
    assert report.mismatches == 0
    assert report.rechecked == 1
    assert report.wallets == 1


@pytest.mark.parametrize("during_rechecks", [0, 50])
def test_what_is_wrong_for_good_is_found_in_a_table_that_moves(during_rechecks: int, monkeypatch: pytest.MonkeyPatch) -> None:
    ledger = a_ledger()
    ledger.delete(f"RS#game:hub88#{ME}-bet2")
    table = MovingTable(ledger, Player(ME), during_rechecks)
    monkeypatch.setattr(ledger.model, "scan", table.scan)
    monkeypatch.setattr(ledger.model, "query", table.query)
    assert Issue.MARKER in issues(auditor(ledger).audit())


def test_a_lagging_index_is_no_mismatch() -> None:
    ledger = a_ledger()
    ledger.model.unseen = {3, 17, 18, 30, 31}
    assert auditor(ledger).audit_player(ME).mismatches == 0


@pytest.mark.parametrize(
    "key", ["W#pl_anna", "TX#game:hub88#pl_anna-bet1", "RS#game:hub88#pl_anna-bet2", "TX#game:hub88#pl_anna-never"]
)
def test_an_audit_of_one_player_finds_what_is_missing(key: str) -> None:
    ledger = all_kinds()
    ledger.delete(key)
    report = auditor(ledger).audit_player(ME)
    assert report.mismatches
    assert {finding.player_id for finding in report.findings} == {ME}
    assert auditor(ledger).audit_player("pl_ben").mismatches == 0


def test_an_audit_of_nobody_finds_nobody() -> None:
    report = auditor(all_kinds()).audit_player("pl_nobody")
    assert (report.wallets, report.records, report.findings) == (0, 0, [])


def test_an_audit_of_one_player_holds_an_anchor_against_them() -> None:
    ledger = a_ledger()
    anchor = auditor(ledger).audit_player(ME).anchors[ME]
    assert auditor(ledger).audit_player(ME, anchor).mismatches == 0
    assert issues(auditor(ledger).audit_player(ME, replace(anchor, head="00" * 32))) == {Issue.ANCHOR}
    assert issues(auditor(ledger).audit_player(ME, replace(anchor, version=99))) == {Issue.ANCHOR}
    assert issues(auditor(ledger).audit_player("pl_nobody", anchor)) == {Issue.ANCHOR}


@pytest.mark.parametrize("asked_before_late", [0, 1, 2])
def test_an_audit_that_runs_out_of_time_says_so(asked_before_late: int) -> None:
    answers = iter([False] * asked_before_late + [True] * 100)
    report = auditor(all_kinds(), out_of_time=lambda: next(answers)).audit({"pl_gone": Anchor(1, "00" * 32)})
    assert not report.complete
    assert report.wallets == max(0, asked_before_late - 1)
    assert report.mismatches == 0
    assert report_view(report, 0)["ok"] is False


def test_a_busy_table_is_asked_again_and_given_up_in_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    ledger = a_ledger()
    page = ledger.store.scanned_page
    failures = iter([StoreBusy("ThrottlingException")] * 7)

    def busy(start: Any) -> Any:
        if failure := next(failures, None):
            raise failure
        return page(start)

    monkeypatch.setattr(ledger.store, "scanned_page", busy)
    patient = Auditor(ledger.store, replace(ledger.patience, tries=8))
    assert patient.audit().mismatches == 0
    monkeypatch.setattr(ledger.store, "scanned_page", lambda _start: (_ for _ in ()).throw(StoreBusy("ThrottlingException")))
    with pytest.raises(StoreBusy):
        patient.audit()


def test_a_table_of_strange_items_is_audited_all_the_same() -> None:
    ledger = a_ledger()
    for strange in (
        {"pk": {"S": "W#"}},
        {"pk": {"S": "TX#"}, "n": {"N": "1"}, "p": {"S": ME}},
        {"pk": {"S": "TX#game:hub88#odd"}, "n": {"N": "1"}, "p": {"S": ME}, "d": {"S": "[" * 100_000}},
        {"pk": {"S": "TX#game:hub88#odder"}, "n": {"N": "1"}, "p": {"S": ME}, "d": {"S": '{"q":5}'}},
        {
            "pk": {"S": "W#pl_odd"},
            "v": {"N": "1"},
            "d": {"B": b"\x01\x09"},
            "z": {"B": b""},
            "w": {"S": ""},
        },
        {"pk": {"S": "RS#x"}, "j": {"N": "1"}},
        {"pk": {"S": ""}},
    ):
        ledger.put(strange)
    report = auditor(ledger).audit()
    assert report.counts[Issue.MALFORMED] == 6
    assert report.counts[Issue.UNKNOWN_ITEM] == 1
