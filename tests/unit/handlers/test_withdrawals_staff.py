"""Payments staff over the direct invocation: orders, refusals, and what never reaches a log line."""

import io
import json
from typing import Any

import pytest

from countroom.cashier.store import CashierStore, StoreUnavailable
from countroom.cashier.withdrawals.apply import LedgerRefused
from countroom.cashier.withdrawals.desk import Rooms, WithdrawalDesk
from countroom.cashier.withdrawals.forms import Ask, Opened
from countroom.cashier.withdrawals.life import Clearance, RefusalReason, Said, Screened, Submit
from countroom.cashier.withdrawals.methods import Methods
from countroom.cashier.withdrawals.withdrawal import Word
from countroom.ledger.movements import Reason
from countroom.verification.standing import Word as VerificationWord
from handlers import withdrawals_staff
from handlers.parts import withdrawing
from handlers.parts.people import People
from handlers.parts.staff import StaffFailed
from runtime import telemetry
from tests.unit.cashier.support import PLAYER
from tests.unit.clock import FixedClock
from tests.unit.conftest import CASHIER_TABLE, LEDGER_TABLE, PLAYERS_TABLE, WITHDRAWALS_TABLE
from tests.unit.handlers.withdrawal_world import EMAIL, Town
from tests.unit.rest import Context

JANE = {"actor": "jane@example.com", "why": "ticket 4711"}


class Office(Town):
    """The handler, and a withdrawal that waits for approval."""

    def __init__(self, client: Any, clock: FixedClock, monkeypatch: pytest.MonkeyPatch) -> None:
        super().__init__(client, clock, monkeypatch)
        self.parts = withdrawing.wired(withdrawing.WithdrawalTables(WITHDRAWALS_TABLE, LEDGER_TABLE))
        rooms = Rooms(self.book, Methods(CashierStore(client, CASHIER_TABLE)), People(client, PLAYERS_TABLE).person_of)
        desk = WithdrawalDesk(self.parts.store, self.parts.lists, self.parts.withdrawals, rooms, clock)
        made = desk.request(PLAYER, ["k-1"], Ask("50.00", "EUR", self.deposit_id))
        assert isinstance(made, Opened)
        self.one = made.withdrawal_id
        self.happen(Screened(Clearance.REVIEW, ("risk.first_withdrawal",), 2))

    def happen(self, *happenings: Any) -> None:
        for happening in happenings:
            self.parts.withdrawals.happen(self.one, happening)

    def order(self, action: str, **fields: Any) -> dict[str, Any]:
        event = {"action": action, "actor": "jane@example.com", **fields}
        answer: dict[str, Any] = withdrawals_staff.handler(event, Context())
        return json.loads(json.dumps(answer))  # type: ignore[no-any-return]  # what Lambda would send

    def on(self, action: str, **fields: Any) -> dict[str, Any]:
        """Order something about the withdrawal."""
        return self.order(action, **{"withdrawal_id": self.one, "why": "ticket 4711", **fields})


@pytest.fixture
def office(dynamodb: Any, clock: FixedClock, monkeypatch: pytest.MonkeyPatch) -> Office:
    for module in (withdrawals_staff, withdrawing):
        monkeypatch.setattr(module, "system_clock", clock)
    withdrawals_staff._decisions.cache_clear()
    return Office(dynamodb, clock, monkeypatch)


def code(answer: dict[str, Any]) -> str:
    return str(answer["refused"]["code"])


def test_the_queue_shows_who_waits_why_and_how_long(office: Office, clock: FixedClock) -> None:
    clock.advance(seconds=300)
    answer = office.order("queue")
    (waiting,) = answer["withdrawals"]
    assert (waiting["withdrawal_id"], waiting["reasons"], waiting["age_seconds"]) == (office.one, ["risk.first_withdrawal"], 300)
    assert answer["complete"]
    assert office.order("show", withdrawal_id=office.one) == {"withdrawal": waiting}


def test_two_approve_and_what_waits_is_woken(office: Office) -> None:
    waiting = office.parts.store.get(office.one)
    assert waiting is not None
    office.parts.store.wait(waiting, "tok-1")
    assert office.on("approve")["withdrawal"]["status"] == "awaiting_approval"
    assert code(office.on("approve")) == "same_approver"
    done = office.on("approve", actor="joan")["withdrawal"]
    assert (done["status"], done["approvers"]) == ("approved", ["jane@example.com", "joan"])
    assert office.machine.woken[0] == "tok-1"
    assert code(office.on("approve", actor="jim")) == "wrong_stage"


def test_nobody_approves_his_own(office: Office) -> None:
    for actor in (EMAIL, EMAIL.upper(), PLAYER):
        for action, more in (("approve", {}), ("refuse", {"reason": "other"}), ("looked", {}), ("escalate", {})):
            assert code(office.on(action, actor=actor, **more)) == "own_withdrawal"
        assert code(office.on("resolve", actor=actor, outcome="failed")) == "own_withdrawal"
    assert office.balances == (450, 50)


def test_refusing_gives_the_money_back(office: Office) -> None:
    for _ in range(2):
        done = office.on("refuse", reason="documents_needed")["withdrawal"]
        assert (done["status"], office.balances) == ("refused", (500, 0))
    assert (done["events"][-1]["by"], done["events"][-1]["why"]) == ("jane@example.com", "ticket 4711")


def test_escalating_and_having_looked(office: Office) -> None:
    assert office.on("escalate")["withdrawal"]["attention"] == "escalated"
    assert office.on("looked")["withdrawal"]["attention"] is None


def test_who_may_not_withdraw_any_more_is_not_approved(office: Office) -> None:
    office.say(VerificationWord.UNVERIFY, "r-2")
    assert code(office.on("approve")) == "barred"
    assert office.balances == (450, 50)


def test_what_people_heard_from_the_gateway(office: Office) -> None:
    assert code(office.on("resolve", outcome="paid")) == "wrong_stage"
    office.on("approve")
    office.on("approve", actor="joan")
    office.happen(Submit(), Said(Word.TAKEN))
    for amount in ("0", "-1", "40.001", "x"):
        answer = office.on("resolve", outcome="paid", amount=amount)
        assert (code(answer), answer["refused"]["errors"][0]["field"]) == ("invalid_request", "amount")
    paid = office.on("resolve", outcome="paid", amount="40.00")["withdrawal"]
    assert (paid["status"], paid["paid_amount"], paid["attention"]) == ("paid", "40.00", "other_figures")
    assert office.balances == (460, 0)
    assert office.on("resolve", outcome="returned")["withdrawal"]["status"] == "returned"
    assert office.balances == (500, 0)


def test_an_unknown_one(office: Office) -> None:
    assert code(office.order("show", withdrawal_id="wdr_" + "a" * 20)) == "not_found"
    assert code(office.on("approve", withdrawal_id="wdr_" + "a" * 20)) == "not_found"


@pytest.mark.parametrize(
    ("event", "fields"),
    [
        ({}, ["action", "actor"]),
        ({"action": "pay", "actor": "jane"}, ["action"]),
        ({"action": "queue", "actor": "two words"}, ["actor"]),
        ({"action": "queue", "actor": "jane", "limit": 0}, ["limit"]),
        ({"action": "queue", "actor": "jane", "limit": "5"}, ["limit"]),
        ({"action": "queue", "actor": "jane", "withdrawal_id": "wdr_" + "a" * 20}, ["action"]),
        ({"action": "show", "actor": "jane"}, ["action"]),
        ({"action": "show", "actor": "jane", "withdrawal_id": "nonsense"}, ["withdrawal_id"]),
        ({"action": "approve", "actor": "jane", "withdrawal_id": "wdr_" + "a" * 20}, ["action"]),
        ({"action": "approve", "withdrawal_id": "wdr_" + "a" * 20, **JANE, "why": ""}, ["why"]),
        ({"action": "approve", "withdrawal_id": "wdr_" + "a" * 20, **JANE, "why": "line\nbreak"}, ["why"]),
        ({"action": "approve", "withdrawal_id": "wdr_" + "a" * 20, **JANE, "outcome": "paid"}, ["action"]),
        ({"action": "refuse", "withdrawal_id": "wdr_" + "a" * 20, **JANE}, ["action"]),
        ({"action": "refuse", "withdrawal_id": "wdr_" + "a" * 20, **JANE, "reason": "mood"}, ["reason"]),
        ({"action": "resolve", "withdrawal_id": "wdr_" + "a" * 20, **JANE, "outcome": "perhaps"}, ["outcome"]),
        ({"action": "queue", "actor": "jane", "hunter2": "hunter2"}, ["hunter2"]),
    ],
)
def test_a_bad_order_is_refused_by_its_fields(event: dict[str, Any], fields: list[str]) -> None:
    """Before anything is wired: this test has no tables."""
    answer = withdrawals_staff.handler(event, Context())
    assert code(answer) == "invalid_request"
    assert [error["field"] for error in answer["refused"]["errors"]] == fields
    assert "Value error" not in json.dumps(answer)


@pytest.mark.parametrize(
    ("error", "expected"),
    [(StoreUnavailable("x"), "temporarily_unavailable"), (LedgerRefused(Reason.ALREADY_RESOLVED), "ledger_differs")],
)
def test_what_cannot_be_done_now(office: Office, monkeypatch: pytest.MonkeyPatch, error: Exception, expected: str) -> None:
    def failing(*_args: Any) -> Any:
        raise error

    monkeypatch.setattr(withdrawals_staff._decisions()._withdrawals, "happen", failing)
    assert code(office.on("approve")) == expected


def test_what_nobody_expected_is_an_error_without_a_word_of_it(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(*_args: Any) -> Any:
        raise KeyError("secret detail")

    monkeypatch.setattr(withdrawals_staff._decisions()._withdrawals, "happen", failing)
    with pytest.raises(StaffFailed) as raised:
        office.on("approve")
    assert "secret" not in str(raised.value)


def test_no_address_reaches_a_log_line(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    monkeypatch.setattr(telemetry.logger.registered_handler, "stream", stream)
    office.on("approve")
    office.on("approve")
    assert "withdrawal order done" in stream.getvalue()
    assert "withdrawal order refused" in stream.getvalue()
    assert "@" not in stream.getvalue()


def test_every_reason_has_its_words() -> None:
    assert withdrawals_staff.NOT_ALLOWED.keys() == set(RefusalReason)
