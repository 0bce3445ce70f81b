"""Statements add up to the last billionth, in JSON and in CSV, and meet without overlap."""

import csv
import io
import json
import random
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest

from countroom import money
from countroom.ledger import history as history_module
from countroom.ledger.amounts import exact_amount
from countroom.ledger.history import History, Period, PeriodTooLarge
from countroom.ledger.movements import HOUSEKEEPING
from countroom.ledger.views import CSV_COLUMNS, statement_csv, statement_view
from tests.unit.clock import START_MS
from tests.unit.ledger.table import DAY_MS, GAME, UNIT, Ledger, all_kinds

ME = "pl_anna"
BALANCES = ("cash", "bonus", "held")


def period(ledger: Ledger, from_ms: int = 0, to_ms: int = START_MS + DAY_MS, player: str = ME) -> Period:
    found = History(ledger.store, ledger.patience).period(player, from_ms, to_ms)
    assert found is not None
    return found


def rows_of(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline="")))


@pytest.mark.parametrize(
    ("nanos", "code", "text"),
    [
        (0, "EUR", "0.00"),
        (10 * UNIT, "EUR", "10.00"),
        (-10 * UNIT, "EUR", "-10.00"),
        (10_000, "EUR", "0.00001"),
        (-10_000, "EUR", "-0.00001"),
        (1, "EUR", "0.000000001"),
        (-1, "EUR", "-0.000000001"),
        (10_000_000, "EUR", "0.01"),
        (100_000_000, "EUR", "0.10"),
        (9_999_999, "EUR", "0.009999999"),
        (5 * UNIT, "JPY", "5"),
        (-1_500_000_000, "JPY", "-1.5"),
        (0, "JPY", "0"),
        (5 * UNIT, "KWD", "5.000"),
        (1, "ETH", "0.000000001"),
        (UNIT, "ETH", "1.000000000"),
        (100, "BTC", "0.0000001" + "0"),
        (10**12 * UNIT, "EUR", "1000000000000.00"),
    ],
)
def test_amounts_are_exact(nanos: int, code: str, text: str) -> None:
    assert exact_amount(nanos, code) == text
    assert Decimal(text).scaleb(9) == nanos


def test_amounts_within_the_exponent_are_as_everywhere() -> None:
    dice = random.Random(7)  # noqa: S311 - examples, not secrets
    for code in ("EUR", "JPY", "KWD", "BTC", "ETH"):
        cur = money.currency(code)
        for _ in range(200):
            nanos = dice.randint(-(10**6), 10**6) * 10 ** (9 - cur.exponent)
            assert exact_amount(nanos, code) == money.format_amount(nanos, cur)


@pytest.mark.parametrize("player", [ME, "pl_cho"])
def test_a_statement_adds_up(player: str) -> None:
    view = statement_view(period(all_kinds(), player=player))
    for name in BALANCES:
        change = sum(Decimal(line["change"][name]) for line in view["lines"])
        assert Decimal(view["opening"][name]) + change == Decimal(view["closing"][name])
        assert change == sum(Decimal(total["change"][name]) for total in view["totals"])
    assert sum(total["count"] for total in view["totals"]) == len(view["lines"])


def test_a_statement_shows_each_line_after_the_one_before() -> None:
    ledger = all_kinds()
    view = statement_view(period(ledger))
    running = {name: Decimal(view["opening"][name]) for name in BALANCES}
    for line in view["lines"]:
        running = {name: running[name] + Decimal(line["change"][name]) for name in BALANCES}
        assert running == {name: Decimal(line["balances"][name]) for name in BALANCES}
    wallet = ledger.store.wallet(ME)
    assert wallet is not None
    assert running == {name: Decimal(getattr(wallet, name)).scaleb(-9) for name in BALANCES}
    assert view["closing_version"] == wallet.version
    assert {line["kind"] for line in view["lines"]}.isdisjoint(HOUSEKEEPING)


def test_totals_are_of_each_kind() -> None:
    totals = {total["kind"]: total for total in statement_view(period(all_kinds()))["totals"]}
    assert (totals["bet"]["count"], totals["bet"]["amount"]) == (3, "130.00001")
    assert (totals["win"]["count"], totals["win"]["amount"]) == (3, "30.00")
    assert totals["bet"]["change"] == {"cash": "-125.00001", "bonus": "-5.00", "held": "0.00"}
    assert "refused" not in totals
    assert totals["rollback"]["count"] == 2


def test_statements_that_meet_share_nothing_and_lose_nothing() -> None:
    ledger = all_kinds()
    whole = statement_view(period(ledger))
    cuts = [0, *range(START_MS, START_MS + 120_000, 7_000), START_MS + DAY_MS]
    parts = [statement_view(period(ledger, before, after)) for before, after in pairwise(cuts)]
    assert [line for part in parts for line in part["lines"]] == whole["lines"]
    for earlier, later in pairwise(parts):
        assert earlier["closing"] == later["opening"]


def test_a_period_before_and_after_everything() -> None:
    ledger = all_kinds()
    before = statement_view(period(ledger, 0, START_MS))
    assert before["opening"] == before["closing"] == {"cash": "0.00", "bonus": "0.00", "held": "0.00"}
    assert before["closing_version"] == 0
    after = statement_view(period(ledger, START_MS + DAY_MS, START_MS + 2 * DAY_MS))
    assert after["opening"] == after["closing"] == statement_view(period(ledger))["closing"]
    assert before["lines"] == after["lines"] == after["totals"] == []


@pytest.mark.parametrize("unseen", [{31}, {5, 6, 30}, set(range(1, 32))])
def test_a_lagging_index_changes_no_statement(unseen: set[int]) -> None:
    ledger = all_kinds()
    expected = statement_csv(period(ledger))
    ledger.model.unseen = unseen
    assert statement_csv(period(ledger)) == expected


@pytest.mark.parametrize(("most", "refused"), [(33, False), (32, True)])
def test_a_statement_has_bounds(most: int, refused: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history_module, "RECORDS_MAX", most)
    if not refused:
        assert period(all_kinds()).records
        return
    with pytest.raises(PeriodTooLarge) as refusal:
        period(all_kinds())
    assert refusal.value.records == 33


def test_a_csv_reads_back_and_adds_up() -> None:
    ledger = all_kinds()
    text = statement_csv(period(ledger))
    rows = rows_of(text)
    view = statement_view(period(ledger))
    assert tuple(rows[0]) == CSV_COLUMNS
    assert text.count("\r\n") == len(rows) + 1
    assert "\n" not in text.replace("\r\n", "")
    assert (rows[0]["kind"], rows[-1]["kind"]) == ("opening_balance", "closing_balance")
    for name in BALANCES:
        changes = sum(Decimal(row[f"{name}_change"]) for row in rows[1:-1])
        assert Decimal(rows[0][name]) + changes == Decimal(rows[-1][name]) == Decimal(view["closing"][name])
    assert [row["transaction_id"] for row in rows[1:-1]] == [line["transaction_id"] for line in view["lines"]]
    assert {row["currency"] for row in rows} == {"EUR"}


@pytest.mark.parametrize("game_round", ["=1+1", "+1", "-1", "@SUM", "=cmd|/C-calc"])
def test_no_cell_of_a_csv_is_a_formula(game_round: str) -> None:
    ledger = Ledger()
    me = ledger.open(ME)
    ledger.post(me.deposit("d1", UNIT), me.bet("b1", UNIT, game_round), me.bet("=b2", 0))
    rows = rows_of(statement_csv(period(ledger)))
    assert rows[2]["round"] == "'" + game_round
    assert rows[2]["cash_change"] == "-1.00"
    for row in rows:
        for column, text in row.items():
            assert not text.startswith(("=", "+", "@", "\t", "\r"))
            assert not text.startswith("-") or column.endswith(("change", "cash", "bonus", "held", "amount"))


def test_a_statement_of_the_largest_size_fits_the_answer_of_a_lambda() -> None:
    ledger = Ledger()
    me = ledger.open(ME)
    long = "w" * 60
    ledger.post(me.deposit("d1", UNIT), me.bet(long[:56], 1, long))
    (line,) = [line for line in statement_view(period(ledger))["lines"] if line["source"] == GAME]
    size = len(json.dumps(line))
    assert size * history_module.RECORDS_MAX < 6 * 1024 * 1024


def test_views_hold_texts_only_where_amounts_are() -> None:
    def amounts(value: Any) -> list[Any]:
        if isinstance(value, dict):
            return [leaf for name, inner in value.items() for leaf in ([inner] if name in BALANCES else amounts(inner))]
        return [leaf for inner in value for leaf in amounts(inner)] if isinstance(value, list) else []

    found = amounts(statement_view(period(all_kinds())))
    assert found
    assert all(isinstance(amount, str) for amount in found)
