"""Opening a deposit's payment: for whom, in which states, for how long, and with nothing of the answer kept."""

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

import pytest

from countroom.cashier.deposits import UNPAID, Actor, Change, Deposit, DepositStatus
from countroom.cashier.gates import Declined, DeclineReason
from countroom.cashier.gateways.openers.dialect import Kind, OpenedPayment, PaymentOrder
from countroom.cashier.opening import OPEN, PAY_MS, PAYABLE_MS, NoSuchDeposit, NotPayable, PaymentOpening
from countroom.cashier.overdue import expired
from countroom.cashier.store import CashierStore
from countroom.cashier.terms import TERMS, Method
from countroom.jurisdictions.profile import Level
from countroom.ledger.movements import ExclusionKind, LimitKind, Period, Status
from countroom.ledger.wallet import Exclusion, Limit, Wallet
from tests.unit.cashier.support import DEPOSIT_ID, OTHER_PLAYER, PLAYER, deposit_of, keep, nanos
from tests.unit.clock import START_MS, FixedClock
from tests.unit.conftest import CASHIER_TABLE

WALLET = Wallet(PLAYER, "EUR", "NL", version=1)
STRIPE = replace(deposit_of("10.00"), gateway="stripe", method="card")
COUNTED = replace(STRIPE, counted=True)


def limit(cap: str, used: str = "0.00", *, begun_ms: int = START_MS - 1) -> Limit:
    return Limit(LimitKind.DEPOSIT, Period.WEEK, nanos(cap), nanos(used), begun_ms)


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
    dynamodb: Any,
    clock: FixedClock,
    gateway: Gateway,
    wallet: Wallet | None = WALLET,
    reachable: Mapping[str, Any] = TERMS,
    levels: Collection[Level] = frozenset(Level),
) -> PaymentOpening:
    tills = {"stripe": gateway, "adyen": gateway}
    store = CashierStore(dynamodb, CASHIER_TABLE)
    return PaymentOpening(store, lambda _player: wallet, lambda _player: levels, clock, tills.get, reachable)


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
        *(
            (replace(WALLET, exclusion=Exclusion(kind, START_MS - 1, START_MS + 1)), COUNTED, DeclineReason.WALLET_EXCLUDED)
            for kind in ExclusionKind
        ),
    ],
)
def test_who_may_not_pay_in_any_more_is_not_sent_to_pay(
    dynamodb: Any, clock: FixedClock, gateway: Gateway, wallet: Wallet | None, deposit: Deposit, reason: DeclineReason
) -> None:
    keep(CashierStore(dynamodb, CASHIER_TABLE), deposit)
    declined = opening(dynamodb, clock, gateway, wallet).open(PLAYER, DEPOSIT_ID, "")
    assert isinstance(declined, Declined)
    assert declined.reason is reason
    assert gateway.asked == []


@pytest.mark.parametrize(
    ("deposit", "running", "is_opened"),
    [
        (STRIPE, limit("15.00", "5.00"), False),  # from before openings were recorded: the limit has counted nothing of it
        (COUNTED, limit("10.00", "10.00"), True),  # it was counted when it was opened
        (COUNTED, limit("1.00", "10.00"), True),  # lowered since
        (COUNTED, limit("10.00", begun_ms=START_MS), False),  # the limit is newer: each of many such would find this room
        (COUNTED, limit("10.00", "10.00", begun_ms=START_MS - 1), True),
    ],
)
def test_a_deposit_that_was_counted_when_it_was_opened_is_not_counted_again(
    dynamodb: Any, clock: FixedClock, gateway: Gateway, deposit: Deposit, running: Limit, *, is_opened: bool
) -> None:
    keep(CashierStore(dynamodb, CASHIER_TABLE), deposit)
    desk = opening(dynamodb, clock, gateway, replace(WALLET, limits=(running,)))
    if is_opened:
        assert isinstance(desk.open(PLAYER, DEPOSIT_ID, ""), tuple)
    else:
        with pytest.raises(NotPayable):
            desk.open(PLAYER, DEPOSIT_ID, "")
    assert len(gateway.asked) == is_opened


@pytest.mark.parametrize(("levels", "is_opened"), [(set(), False), ({Level.AGE}, False), ({Level.AGE, Level.IDENTITY}, True)])
def test_who_is_no_longer_verified_is_not_sent_to_pay(
    dynamodb: Any, clock: FixedClock, gateway: Gateway, levels: set[Level], *, is_opened: bool
) -> None:
    keep(CashierStore(dynamodb, CASHIER_TABLE), COUNTED)
    found = opening(dynamodb, clock, gateway, replace(WALLET, country="GB"), levels=levels).open(PLAYER, DEPOSIT_ID, "")
    assert isinstance(found, tuple) is is_opened
    assert len(gateway.asked) == is_opened


def test_a_failed_one_that_has_given_back_what_it_took_is_not_opened_again(
    dynamodb: Any, clock: FixedClock, gateway: Gateway
) -> None:
    failed = replace(COUNTED, status=DepositStatus.FAILED)
    keep(CashierStore(dynamodb, CASHIER_TABLE), expired(failed, START_MS))
    with pytest.raises(NotPayable):
        opening(dynamodb, clock, gateway).open(PLAYER, DEPOSIT_ID, "")
    assert gateway.asked == []


def test_a_failed_one_that_still_counts_can_be_tried_again(dynamodb: Any, clock: FixedClock, gateway: Gateway) -> None:
    last = Change(START_MS, DepositStatus.FAILED, "gateway.payment_failed:card_declined", Actor.GATEWAY)
    keep(CashierStore(dynamodb, CASHIER_TABLE), replace(COUNTED, status=last.status, changes=(*COUNTED.changes, last)))
    full = replace(WALLET, limits=(limit("10.00", "10.00"),))
    assert isinstance(opening(dynamodb, clock, gateway, full).open(PLAYER, DEPOSIT_ID, ""), tuple)


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
