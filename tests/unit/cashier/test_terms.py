"""What gateways take: methods by currency and country, exact bounds, and fees that are told and never booked."""

from dataclasses import replace

import pytest

from countroom import money
from countroom.cashier import gates, terms
from countroom.cashier.gates import Declined, DeclineReason, Wish
from countroom.cashier.gateways.openers import adyen, stripe
from countroom.cashier.gateways.openers.dialect import PaymentOrder, minor_units
from countroom.cashier.gateways.openers.registry import OPENINGS
from countroom.cashier.terms import METHOD_TEXT, TERMS, Fee, Method, Offer, Range, Terms
from countroom.cashier.views import choice_view
from countroom.faults import Fault
from countroom.ledger.wallet import Wallet
from tests.unit.cashier.support import EUR, PLAYER, nanos

WALLET = Wallet(PLAYER, "EUR", "NL", version=1)
EVERYWHERE = frozenset(TERMS)
ALL_OFFERS = [(name, offer) for name, known in TERMS.items() for offer in known.offers]


def wish(gateway: str, method: Method | None = None, amount: str = "10.00", code: str = "EUR") -> Wish:
    return Wish(nanos(amount, code), money.currency(code), gateway, method)


def test_a_method_is_offered_where_it_is_and_nowhere_else() -> None:
    bank = gates.chosen(WALLET, wish("stripe", Method.BANK), EVERYWHERE)
    assert isinstance(bank, Offer)
    assert bank.method is Method.BANK
    elsewhere = gates.chosen(replace(WALLET, country="MT"), wish("stripe", Method.BANK), EVERYWHERE)
    assert elsewhere == Declined(DeclineReason.METHOD_NOT_ALLOWED)


@pytest.mark.parametrize(
    ("gateway", "method"),
    [("stripe", Method.CRYPTO), ("stripe", Method.CASHIER), ("standard", Method.WALLET), ("paymentiq", Method.CARD)],
)
def test_a_method_that_a_gateway_has_not_is_not_allowed(gateway: str, method: Method) -> None:
    assert gates.chosen(WALLET, wish(gateway, method), EVERYWHERE) == Declined(DeclineReason.METHOD_NOT_ALLOWED)


def test_a_gateway_that_the_stage_cannot_reach_is_not_offered() -> None:
    there = EVERYWHERE - {"adyen"}
    for method in (None, Method.CARD):
        assert gates.chosen(WALLET, wish("adyen", method), there) == Declined(DeclineReason.METHOD_NOT_ALLOWED)
    assert {choice.gateway for choice in gates.choices(WALLET, there)} == there


def test_without_a_method_it_is_the_first_that_takes_the_currency() -> None:
    coins = replace(WALLET, currency="BTC")
    card = gates.chosen(WALLET, wish("standard"), EVERYWHERE)
    crypto = gates.chosen(coins, wish("standard", None, "0.01", "BTC"), EVERYWHERE)
    assert isinstance(card, Offer)
    assert isinstance(crypto, Offer)
    assert (card.method, crypto.method) == (Method.CARD, Method.CRYPTO)
    refused = gates.chosen(coins, wish("adyen", None, "0.01", "BTC"), EVERYWHERE)
    assert isinstance(refused, Declined)
    assert [fault.field for fault in refused.faults] == ["currency"]


def test_what_is_usual_is_what_the_country_has_before_what_comes_first() -> None:
    here, anywhere = (
        Offer(method, {"EUR": Range(1, 2)}, places)
        for method, places in ((Method.BANK, frozenset({"NL"})), (Method.CARD, frozenset()))
    )
    known = Terms((here, anywhere))
    assert known.usual("EUR", "NL") is here
    assert known.usual("EUR", "MT") is anywhere
    assert Terms((here,)).usual("EUR", "MT") is here  # and then declined, by its country
    assert known.usual("USD", "NL") is None


@pytest.mark.parametrize(("amount", "taken"), [("0.99", False), ("1.00", True), ("10000.00", True), ("10000.01", False)])
def test_the_bounds_of_a_method_are_exact(amount: str, taken: bool) -> None:
    found = gates.chosen(WALLET, wish("adyen", Method.WALLET, amount), EVERYWHERE)
    assert isinstance(found, Offer) is taken
    if isinstance(found, Declined):
        assert found.faults == (Fault("amount", "must be from 1.00 to 10000.00 EUR"),)


def test_a_currency_that_the_method_has_not_names_the_field() -> None:
    wallet = replace(WALLET, currency="JPY")
    found = gates.chosen(wallet, wish("adyen", Method.WALLET, "1000", "JPY"), EVERYWHERE)
    assert found == Declined(DeclineReason.INVALID_REQUEST, (Fault("currency", "is not taken by this payment method"),))


def test_the_choices_are_those_that_would_be_taken_and_one_is_usual_at_each_gateway() -> None:
    for country in ("NL", "MT"):
        wallet = replace(WALLET, country=country)
        offered = {(choice.gateway, choice.offer.method) for choice in gates.choices(wallet, EVERYWHERE)}
        taken = {
            (name, method)
            for name in TERMS
            for method in Method
            if isinstance(gates.chosen(wallet, wish(name, method), EVERYWHERE), Offer)
        }
        assert offered == taken
        usual = [choice.gateway for choice in gates.choices(wallet, EVERYWHERE) if choice.usual]
        assert sorted(usual) == sorted(TERMS)
    assert next(iter(gates.choices(WALLET, EVERYWHERE))).gateway == terms.DEFAULT_GATEWAY


def test_a_choice_is_shown_in_plain_form() -> None:
    fee = Fee(150, {"EUR": nanos("0.25")})
    offer = Offer(Method.CARD, {"EUR": Range(nanos("1.00"), nanos("100.00"))}, fee=fee)
    assert choice_view(gates.Choice("stripe", offer, EUR, offer.ranges["EUR"], True)) == {
        "gateway": "stripe",
        "method": "card",
        "name": "Credit or debit card",
        "currency": "EUR",
        "smallest": "1.00",
        "largest": "100.00",
        "smallest_fee": "0.27",
        "largest_fee": "1.75",
        "usual": True,
    }
    assert METHOD_TEXT.keys() == set(Method)


@pytest.mark.parametrize(
    ("rate", "fixed", "amount", "code", "fee"),
    [
        (0, "0.00", "10.00", "EUR", "0.00"),
        (100, "0.00", "10.00", "EUR", "0.10"),
        (1, "0.00", "0.01", "EUR", "0.01"),  # a ten-thousandth of a cent, and it is a cent
        (250, "0.30", "10.01", "EUR", "0.56"),
        (10_000, "0.00", "10.00", "EUR", "10.00"),
        (100, "0", "199", "JPY", "2"),
    ],
)
def test_a_fee_is_rounded_up_to_the_smallest_unit(rate: int, fixed: str, amount: str, code: str, fee: str) -> None:
    assert Fee(rate, {code: nanos(fixed, code)}).of(nanos(amount, code), money.currency(code)) == nanos(fee, code)


@pytest.mark.parametrize(("rate", "fixed"), [(-1, 0), (10_001, 0), (0, -1)])
def test_what_is_no_fee(rate: int, fixed: int) -> None:
    with pytest.raises(ValueError, match="fee"):
        Fee(rate, {"EUR": fixed})


def test_a_gateway_offers_a_method_once() -> None:
    with pytest.raises(ValueError, match="once"):
        Terms((Offer(Method.CARD, {}), Offer(Method.CARD, {})))


@pytest.mark.parametrize(("name", "offer"), ALL_OFFERS, ids=[f"{name}-{offer.method}" for name, offer in ALL_OFFERS])
def test_every_offer_can_be_asked_for_at_its_gateway(name: str, offer: Offer) -> None:
    """A gateway that is asked has a name of its own for the method in every country, and can count every bound."""
    if name not in OPENINGS:
        return
    dialect = {"adyen": adyen, "stripe": stripe}[name]
    for country in offer.countries or {"MT"}:
        assert dialect.types(offer.method, country)
    for code, taken in offer.ranges.items():
        for amount in (taken.smallest, taken.largest):
            order = PaymentOrder("dep", "pl", offer.method, amount, code, "NL", "", 0)
            units = minor_units(order, dialect.PLACES)
            assert name != "stripe" or 50 <= units <= 99_999_999
        assert name != "stripe" or money.currency(code).exponent <= 2, "Stripe takes no third place"
