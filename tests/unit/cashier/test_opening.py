"""Opening a deposit's payment: for whom, in which states, for how long, and with nothing of the answer kept."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from countroom.cashier.deposits import UNPAID, Deposit, DepositStatus
from countroom.cashier.gates import Declined, DeclineReason
from countroom.cashier.gateways.openers.dialect import Kind, OpenedPayment, PaymentOrder
from countroom.cashier.opening import OPEN, PAY_MS, PAYABLE_MS, NoSuchDeposit, NotPayable, PaymentOpening
from countroom.cashier.store import CashierStore
from countroom.cashier.terms import TERMS, Method
from countroom.ledger.movements import LimitKind, Status
from countroom.ledger.wallet import Limit, Wallet
from tests.unit.cashier.support import DEPOSIT_ID, OTHER_PLAYER, PLAYER, deposit_of, keep, nanos
from tests.unit.clock import START_MS, FixedClock
from tests.unit.conftest import CASHIER_TABLE

WALLET = Wallet(PLAYER, "EUR", "NL", version=1)
STRIPE = replace(deposit_of("10.00"), gateway="stripe", method="card")


class Gateway:
    """Remembers what it was asked for."""

    def __init__(self) -> None:
        self.asked: list[PaymentOrder] = []

    def open(self, order: PaymentOrder) -> OpenedPayment:
        self.asked.append(order)
        return OpenedPayment(Kind.INTENT, "pi_1", client_secret="pi_1_secret", public_key="pk_1")


@pytest.fixture
def gateway() -> Gateway:
    return Gateway()


def opening(
    dynamodb: Any, clock: FixedClock, gateway: Gateway, wallet: Wallet | None = WALLET, reachable: Mapping[str, Any] = TERMS
) -> PaymentOpening:
    tills = {"stripe": gateway, "adyen": gateway}
    return PaymentOpening(CashierStore(dynamodb, CASHIER_TABLE), lambda _player: wallet, clock, tills.get, reachable)


def everything(dynamodb: Any) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = dynamodb.scan(TableName=CASHIER_TABLE)["Items"]
    return sorted(items, key=lambda item: item["pk"]["S"])


def test_the_gateway_is_asked_for_the_deposit_and_nothing_of_its_answer_is_kept(
    dynamodb: Any, clock: FixedClock, gateway: Gateway
) -> None:
    keep(CashierStore(dynamodb, CASHIER_TABLE), STRIPE)
    before = everything(dynamodb)
    found = opening(dynamodb, clock, gateway).open(PLAYER, DEPOSIT_ID, "https://casino.example/")
    assert not isinstance(found, Declined)
    deposit, opened = found
    assert (deposit, opened.client_secret) == (STRIPE, "pi_1_secret")
    assert gateway.asked == [
        PaymentOrder(
            DEPOSIT_ID, PLAYER, Method.CARD, nanos("10.00"), "EUR", "NL", "https://casino.example/", START_MS + PAYABLE_MS + PAY_MS
        )
    ]
    assert everything(dynamodb) == before


def test_asked_again_later_the_order_is_the_same(dynamodb: Any, clock: FixedClock, gateway: Gateway) -> None:
    keep(CashierStore(dynamodb, CASHIER_TABLE), STRIPE)
    desk = opening(dynamodb, clock, gateway)
    desk.open(PLAYER, DEPOSIT_ID, "")
    clock.advance(seconds=3600)
    desk.open(PLAYER, DEPOSIT_ID, "")
    assert gateway.asked[0] == gateway.asked[1]


def test_a_deposit_is_payable_up_to_its_last_millisecond(dynamodb: Any, clock: FixedClock, gateway: Gateway) -> None:
    keep(CashierStore(dynamodb, CASHIER_TABLE), STRIPE)
    desk = opening(dynamodb, clock, gateway)
    clock.now_ms = START_MS + PAYABLE_MS - 1
    desk.open(PLAYER, DEPOSIT_ID, "")
    clock.now_ms = START_MS + PAYABLE_MS
    with pytest.raises(NotPayable):
        desk.open(PLAYER, DEPOSIT_ID, "")
    assert len(gateway.asked) == 1


def test_a_session_can_live_until_its_end_and_an_id_is_remembered_for_longer() -> None:
    day = 24 * 60 * 60 * 1000
    assert day > PAYABLE_MS + PAY_MS, "Adyen lets no session live longer, Stripe may forget an id then"
    assert PAY_MS >= 60 * 60 * 1000


@pytest.mark.parametrize("status", list(DepositStatus))
def test_only_what_can_still_be_paid_is_opened(dynamodb: Any, clock: FixedClock, gateway: Gateway, status: DepositStatus) -> None:
    keep(CashierStore(dynamodb, CASHIER_TABLE), replace(STRIPE, status=status))
    desk = opening(dynamodb, clock, gateway)
    if status in OPEN:
        assert not isinstance(desk.open(PLAYER, DEPOSIT_ID, ""), Declined)
    else:
        with pytest.raises(NotPayable):
            desk.open(PLAYER, DEPOSIT_ID, "")
    assert len(gateway.asked) == (status in OPEN)


def test_nothing_is_opened_for_a_deposit_that_is_paid_or_over() -> None:
    assert set(UNPAID) - OPEN == {DepositStatus.EXPIRED, DepositStatus.CANCELLED}
    assert set(UNPAID) >= OPEN


def test_a_foreign_an_unknown_and_an_impossible_id_look_the_same(dynamodb: Any, clock: FixedClock, gateway: Gateway) -> None:
    keep(CashierStore(dynamodb, CASHIER_TABLE), STRIPE)
    desk = opening(dynamodb, clock, gateway)
    for player_id, deposit_id in ((OTHER_PLAYER, DEPOSIT_ID), (PLAYER, "dep_" + "z" * 20), (PLAYER, "dep_x")):
        with pytest.raises(NoSuchDeposit):
            desk.open(player_id, deposit_id, "")
    assert gateway.asked == []


@pytest.mark.parametrize(
    ("wallet", "deposit", "reason"),
    [
        (None, STRIPE, DeclineReason.NO_WALLET),
        (replace(WALLET, status=Status.EXCLUDED), STRIPE, DeclineReason.WALLET_EXCLUDED),
        (replace(WALLET, status=Status.BLOCKED), STRIPE, DeclineReason.WALLET_BLOCKED),
        (replace(WALLET, status=Status.CLOSED), STRIPE, DeclineReason.WALLET_BLOCKED),
        (replace(WALLET, country="MT"), replace(STRIPE, method="bank"), DeclineReason.METHOD_NOT_ALLOWED),
        (WALLET, replace(STRIPE, method="crypto"), DeclineReason.METHOD_NOT_ALLOWED),
        (WALLET, replace(STRIPE, amount=nanos("10000.01")), DeclineReason.METHOD_NOT_ALLOWED),
        (
            replace(WALLET, limits=(Limit(LimitKind.DEPOSIT, 10**13, nanos("15.00"), nanos("5.01"), 0),)),
            STRIPE,
            DeclineReason.LIMIT_REACHED,
        ),
    ],
)
def test_who_may_not_pay_in_any_more_is_not_sent_to_pay(
    dynamodb: Any, clock: FixedClock, gateway: Gateway, wallet: Wallet | None, deposit: Deposit, reason: DeclineReason
) -> None:
    keep(CashierStore(dynamodb, CASHIER_TABLE), deposit)
    assert opening(dynamodb, clock, gateway, wallet).open(PLAYER, DEPOSIT_ID, "") == Declined(reason)
    assert gateway.asked == []


def test_a_gateway_that_is_not_set_up_is_not_asked(dynamodb: Any, clock: FixedClock, gateway: Gateway) -> None:
    keep(CashierStore(dynamodb, CASHIER_TABLE), STRIPE)
    found = opening(dynamodb, clock, gateway, reachable={"standard": None}).open(PLAYER, DEPOSIT_ID, "")
    assert found == Declined(DeclineReason.METHOD_NOT_ALLOWED)


@pytest.mark.parametrize("name", ["standard", "paymentiq"])
def test_a_gateway_that_need_not_be_asked_says_so(dynamodb: Any, clock: FixedClock, gateway: Gateway, name: str) -> None:
    keep(CashierStore(dynamodb, CASHIER_TABLE), replace(STRIPE, gateway=name, method=""))
    found = opening(dynamodb, clock, gateway).open(PLAYER, DEPOSIT_ID, "")
    assert not isinstance(found, Declined)
    assert found[1] == OpenedPayment(Kind.NONE)
    assert gateway.asked == []


def test_a_deposit_from_before_there_was_a_choice_is_paid_in_the_usual_way(
    dynamodb: Any, clock: FixedClock, gateway: Gateway
) -> None:
    keep(CashierStore(dynamodb, CASHIER_TABLE), replace(STRIPE, method=""))
    opening(dynamodb, clock, gateway).open(PLAYER, DEPOSIT_ID, "")
    assert [order.method for order in gateway.asked] == [Method.CARD]
