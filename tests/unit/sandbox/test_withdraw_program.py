"""The run of withdrawals: what it draws, and which differences it finds between player, house and gateways."""

from collections import Counter
from decimal import Decimal
from types import SimpleNamespace
from typing import Any, cast

import pytest

from sandbox import withdraw
from sandbox.payouts import play
from sandbox.payouts.lives import LIVES, MAGIC
from sandbox.payouts.play import EACH_MAX, PAID_IN, Plan, Result, Wish
from sandbox.player import Wallet


class Player:
    """A customer whose wallet holds what it is told to."""

    def __init__(self, available: str = "400.00", held: str = "0.00") -> None:
        wallet = Wallet("pl_1", "EUR", available, "0.00", held, available, 1, "active")
        self.guest = SimpleNamespace(api=SimpleNamespace(wallet=lambda: wallet))
        self.deposits = {"adyen": "dep_1", "paymentiq": "dep_2"}
        self.player_id = "pl_1"

    def ask(self, question: Any) -> Any:
        return question()


def wish(player: Player, digits: int = 0, **shown: Any) -> Wish:
    life = LIVES[digits]
    standing = {"status": life.status, "attention": life.attention or None, "paid_amount": f"12.{digits:02}", **shown}
    amount = Decimal(f"12.{digits:02}")
    return Wish(cast("Any", player), "adyen", amount, life, twice=False, regrets=False, withdrawal_id="wdr_1", shown=standing)


def kept(paid: str, returned: str = "0") -> dict[str, Any]:
    return {"reference": "wdr_1", "paid": paid, "returned": returned, "orders": 1}


def compare(one: Wish, player: Player, *books: dict[str, Any]) -> list[str]:
    return play._compare([one], [cast("Any", player)], books)


def test_the_same_seed_draws_the_same_and_chaos_draws_magic() -> None:
    customers = [cast("Any", Player()) for _ in range(20)]

    def drawn(seed: int, chaos: float = 0.2) -> list[tuple[str, Decimal, bool, bool]]:
        return [(one.gateway, one.amount, one.twice, one.regrets) for one in play.draw(Plan(200, chaos, 10, seed), customers)]

    assert drawn(1) == drawn(1) != drawn(2)
    assert {amount % 1 for _, amount, _, _ in drawn(1, 0.0)} == {Decimal(0)}
    magic = sum(amount % 1 != 0 for _, amount, _, _ in drawn(1))
    assert 20 <= magic <= 60
    assert {int(amount % 1 * 100) for _, amount, _, _ in drawn(1, 1.0)} == set(MAGIC)
    assert sum(amount for _, amount, _, _ in drawn(3, 1.0)[:EACH_MAX]) <= PAID_IN


@pytest.mark.parametrize(
    ("digits", "available", "held", "books"),
    [
        (0, "388.00", "0.00", [kept("12.00")]),
        (1, "400.00", "0.00", [kept("0")]),
        (11, "400.00", "0.00", [kept("12.11", "12.11")]),
        (14, "387.86", "12.14", [kept("0")]),
        (6, "387.94", "12.06", []),
    ],
)
def test_what_agrees_is_no_difference(digits: int, available: str, held: str, books: list[dict[str, Any]]) -> None:
    player = Player(available, held)
    assert compare(wish(player, digits), player, *books) == []


def test_each_difference_is_found() -> None:
    player = Player("388.00")
    right = wish(player)
    assert "was paid 2 times" in " ".join(compare(right, player, kept("12.00"), kept("12.00")))
    assert "the gateway has paid 11.00" in " ".join(compare(right, player, kept("11.00")))
    assert "the gateway has paid 0" in " ".join(compare(right, player))
    assert "is submitted" not in " ".join(compare(right, player, kept("12.00")))
    assert "submitted (None) and must be paid" in " ".join(compare(wish(player, status="submitted"), player, kept("12.00")))
    poor = Player("387.99")
    assert compare(wish(poor), poor, kept("12.00")) == [
        "pl_1: the wallet has 387.99 and 0.00 held, by the withdrawals it is 388.00 and 0"
    ]


def test_with_people_is_an_end_and_a_cancel_only_for_who_asked_for_it() -> None:
    player = Player()
    assert wish(player, status="submitting", attention="outcome_unknown").is_settled
    assert not wish(player, status="submitting", attention="step_failed").is_settled
    assert not wish(player, status="cancelled").is_settled
    assert not wish(player, 9, attention=None).is_settled
    regretted = wish(player, status="cancelled")
    regretted.regrets = True
    assert (regretted.is_settled, regretted.left) == (True, Decimal(0))


def test_the_summary_says_the_verdict() -> None:
    player = Player("388.00")
    result = Result(
        Plan(1, 0.0, 1, 7), [wish(player)], [kept("12.00")], {"ok": True, "wallets": 1, "records": 5}, 1.0, 2.0, Counter(), []
    )
    assert play.told(result).endswith("the count is right")
    assert "12.00 EUR, by the gateways' 12.00 EUR: agree" in play.told(result)
    result.differences.append("something")
    assert play.told(result).endswith("THE COUNT IS NOT RIGHT (seed 7)")


@pytest.mark.parametrize("words", [["--withdrawals", "0"], ["--burst", "41"], ["--chaos", "1.1"], ["--withdrawals", "x"]])
def test_wrong_usage_is_said(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        withdraw.main(words)
    assert ended.value.code == 2
    assert "error" in capsys.readouterr().err


def test_without_a_sandbox_it_says_so(tmp_path: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert withdraw.main(["--stack", str(tmp_path / "stack.json")]) == 1
    assert "start the sandbox with `make run` first" in capsys.readouterr().err
