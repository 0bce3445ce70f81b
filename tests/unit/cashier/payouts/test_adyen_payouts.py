import json
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from countroom.cashier.gateways.adyen_transfers import WORDS
from countroom.cashier.payouts.adyen import PAYOUTS, WINDOW_MS, Account
from countroom.cashier.payouts.dialect import BadCredentials, NotPayable, Told
from countroom.cashier.payouts.port import Declined, NotFound, Pending, Said, Taken, Unclear
from countroom.cashier.withdrawals.withdrawal import Word
from countroom.times import DAY_MS, from_iso
from tests.unit.cashier.payouts.support import OTHER_ID, WITHDRAWAL_ID, transfer, withdrawal
from tests.unit.cashier.support import DEPOSIT_ID, PLAYER, nanos
from tests.unit.clock import START_MS

ACCOUNT = Account("key", "BA1")


def test_an_order_is_the_published_one_under_the_withdrawals_key() -> None:
    ask = PAYOUTS.order(withdrawal("20.05"), ACCOUNT)
    assert (ask.method, ask.path, ask.repeatable) == ("POST", "/transfers", False)
    assert ask.headers == {"Content-Type": "application/json", "Idempotency-Key": WITHDRAWAL_ID, "X-API-Key": "key"}
    card = {"cardHolder": {"reference": PLAYER}, "cardIdentification": {"storedPaymentMethodId": DEPOSIT_ID}}
    assert json.loads(ask.body or b"") == {
        "amount": {"currency": "EUR", "value": 2005},
        "balanceAccountId": "BA1",
        "category": "card",
        "counterparty": {"card": card},
        "reference": WITHDRAWAL_ID,
    }


@pytest.mark.parametrize(
    ("amount", "currency", "units"),
    [("20.00", "EUR", 2000), ("5000", "JPY", 5000), ("20.000", "KWD", 20000), ("5000", "ISK", 500000), ("0.01", "USD", 1)],
)
def test_amounts_are_in_adyens_minor_units(amount: str, currency: str, units: int) -> None:
    assert json.loads(PAYOUTS.order(withdrawal(amount, currency), ACCOUNT).body or b"")["amount"]["value"] == units


def test_what_is_finer_than_adyen_can_pay_is_not_ordered() -> None:
    with pytest.raises(NotPayable):
        PAYOUTS.order(replace(withdrawal("20.00"), amount=nanos("20.00") + 1), ACCOUNT)


@pytest.mark.parametrize(
    "secret", [{}, {"api_key": "k"}, {"api_key": "", "balance_account": "b"}, {"api_key": "k\n", "balance_account": "b"}]
)
def test_a_secret_without_credentials_is_none(secret: dict[str, Any]) -> None:
    with pytest.raises(BadCredentials):
        PAYOUTS.credentials(secret)


def test_a_transfer_that_was_accepted_is_taken() -> None:
    for status in ("received", "authorised", "booked"):
        assert PAYOUTS.ordered(withdrawal(), Told(202, transfer(status=status))) == Taken("TR1")


@pytest.mark.parametrize("status", ["refused", "failed", "cancelled"])
def test_a_transfer_that_is_written_down_as_refused_is_declined(status: str) -> None:
    told = Told(202, transfer(status=status, reason="notEnoughBalance"))
    assert PAYOUTS.ordered(withdrawal(), told) == Declined("notEnoughBalance")


def test_an_answer_422_declines_only_by_naming_the_fields() -> None:
    named = {"status": 422, "errorCode": "30_011", "invalidFields": [{"name": "counterparty"}]}
    assert PAYOUTS.ordered(withdrawal(), Told(422, named)) == Declined("30_011")
    others: list[Any] = [{"errorCode": "704"}, {**named, "invalidFields": []}, {**named, "invalidFields": "x"}, [], None, "no"]
    for value in others:
        assert PAYOUTS.ordered(withdrawal(), Told(422, value)) == Unclear("status_422")


@pytest.mark.parametrize("status", [200, 201, 204, 400, 401, 403, 404, 409, 429])
def test_no_other_status_says_anything(status: int) -> None:
    for value in (transfer(), transfer(status="refused"), None):
        assert PAYOUTS.ordered(withdrawal(), Told(status, value)) == Unclear(f"status_{status}")


@pytest.mark.parametrize(
    "value",
    [
        None,
        [],
        "refused",
        {},
        transfer(reference=OTHER_ID),
        transfer(reference=None),
        transfer(status="error"),
        transfer(status=None),
        transfer(id=None),
        transfer(id="x" * 65),
        transfer(direction="incoming"),
        transfer(amount={"currency": "EUR", "value": 20.0}),
        transfer(amount={"currency": "XXX", "value": 2000}),
    ],
)
def test_what_is_not_exactly_this_transfer_is_unclear(value: Any) -> None:
    assert PAYOUTS.ordered(withdrawal(), Told(202, value)) == Unclear("not_this_transfer")
    assert PAYOUTS.status(withdrawal(), Told(200, {"data": [value]})) == Unclear("not_this_transfer")


def test_the_question_names_reference_account_and_a_window_that_holds_the_withdrawal() -> None:
    for later in (0, 30 * DAY_MS, 400 * DAY_MS):
        ask = PAYOUTS.question(withdrawal(), ACCOUNT, START_MS + later)
        asked = {name: value for name, (value,) in parse_qs(urlsplit(ask.path).query).items()}
        assert (ask.method, urlsplit(ask.path).path, ask.repeatable, ask.body) == ("GET", "/transfers", True, None)
        assert (asked["reference"], asked["balanceAccountId"]) == (WITHDRAWAL_ID, "BA1")
        since, until = from_iso(asked["createdSince"]), from_iso(asked["createdUntil"])
        assert since < START_MS < until <= since + WINDOW_MS


@pytest.mark.parametrize(("status", "word"), WORDS.items())
def test_the_status_is_read_by_its_documented_words(status: str, word: Word) -> None:
    told = Told(200, {"data": [transfer(status=status)]})
    found = PAYOUTS.status(withdrawal(), told)
    if word is Word.TAKEN:
        assert found == Pending("TR1")
    else:
        reason = "approved" if word in {Word.FAILED, Word.RETURNED} else ""
        assert found == Said(word, "TR1", reason, nanos("20.00"), "EUR")


def test_what_was_paid_is_what_adyen_says() -> None:
    told = Told(200, {"data": [transfer(status="booked", amount={"currency": "EUR", "value": 1900})]})
    assert PAYOUTS.status(withdrawal(), told) == Said(Word.PAID, "TR1", "", nanos("19.00"), "EUR")


def test_no_transfer_under_the_reference_is_not_found_and_several_are_for_people() -> None:
    assert PAYOUTS.status(withdrawal(), Told(200, {"data": []})) == NotFound()
    assert PAYOUTS.status(withdrawal(), Told(200, {"data": [], "_links": {}})) == NotFound()
    several: list[Any] = [{"data": [transfer()] * 2}, {"data": [], "_links": {"next": {"href": "x"}}}, {"data": [], "_links": 7}]
    for value in several:
        assert PAYOUTS.status(withdrawal(), Told(200, value)) == Unclear("several_transfers")
    nothing: list[Any] = [{}, {"data": None}, {"data": {}}, [], None]
    for value in nothing:
        assert PAYOUTS.status(withdrawal(), Told(200, value)) == Unclear("not_a_list")
    assert PAYOUTS.status(withdrawal(), Told(404, {"data": []})) == Unclear("status_404")
