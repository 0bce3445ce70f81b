import json
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from countroom.cashier.desk import OPERATION, Ask, DepositDesk, Opened, _fingerprint, _read, new_deposit_id
from countroom.cashier.gates import Declined, DeclineReason, Wish
from countroom.cashier.idempotency import fingerprint
from countroom.cashier.store import CashierStore, StoreUnavailable
from countroom.ledger.movements import LimitKind, Status
from countroom.ledger.wallet import Limit, Wallet
from tests.unit.cashier.support import OTHER_PLAYER, PLAYER, BreakingClient, InterruptedClient, Killed, lost, nanos
from tests.unit.clock import FixedClock
from tests.unit.conftest import CASHIER_TABLE

ASK = Ask("10.00", "EUR")
WALLET = Wallet(PLAYER, "EUR", "MT", version=1)
KEY = ["key-1"]


def desk_of(client: Any, clock: FixedClock, wallet: Wallet | None = WALLET) -> DepositDesk:
    return DepositDesk(CashierStore(client, CASHIER_TABLE), lambda _player: wallet, clock)


@pytest.fixture
def desk(dynamodb: Any, clock: FixedClock) -> DepositDesk:
    return desk_of(dynamodb, clock)


def count(dynamodb: Any) -> int:
    return int(dynamodb.scan(TableName=CASHIER_TABLE, Select="COUNT")["Count"])


def opened(result: Opened | Declined) -> dict[str, Any]:
    assert isinstance(result, Opened)
    assert result.answer.status == 201
    shown: dict[str, Any] = json.loads(result.answer.body)
    return shown


def test_a_deposit_is_opened_and_can_be_seen(desk: DepositDesk) -> None:
    result = desk.open(PLAYER, KEY, ASK)
    assert isinstance(result, Opened)
    assert not result.replayed
    shown = opened(result)
    assert (shown["status"], shown["amount"], shown["currency"], shown["gateway"]) == ("created", "10.00", "EUR", "standard")
    kept = desk.get(PLAYER, shown["deposit_id"])
    assert kept is not None
    assert kept.amount == nanos("10.00")
    assert desk.page(PLAYER, 10, None).deposits == (kept,)


def test_the_same_request_again_gets_the_first_answer_byte_for_byte(desk: DepositDesk, clock: FixedClock, dynamodb: Any) -> None:
    first = desk.open(PLAYER, KEY, ASK)
    clock.advance(seconds=400 * 24 * 3600)
    for again in (ASK, Ask("10.0", "EUR"), Ask("10", "EUR", "standard")):
        second = desk.open(PLAYER, ['"key-1"'], again)
        assert isinstance(first, Opened)
        assert second == replace(first, replayed=True)
    assert count(dynamodb) == 2


def test_a_finished_request_is_answered_even_if_the_player_could_no_longer_deposit(dynamodb: Any, clock: FixedClock) -> None:
    first = desk_of(dynamodb, clock).open(PLAYER, KEY, ASK)
    later = desk_of(dynamodb, clock, replace(WALLET, status=Status.EXCLUDED)).open(PLAYER, KEY, ASK)
    assert isinstance(first, Opened)
    assert later == replace(first, replayed=True)


def test_the_method_is_kept_and_shown_also_where_none_was_named(desk: DepositDesk) -> None:
    for number, (ask, method) in enumerate(
        [(ASK, "card"), (Ask("10.00", "EUR", "adyen", "wallet"), "wallet"), (Ask("10.00", "EUR", "paymentiq"), "cashier")]
    ):
        shown = opened(desk.open(PLAYER, [f"key-{number}"], ask))
        kept = desk.get(PLAYER, shown["deposit_id"])
        assert kept is not None
        assert shown["method"] == kept.method == method


def test_a_request_from_before_there_were_methods_is_the_same_request() -> None:
    """What was kept of it says nothing of a method; the same request today must meet it."""
    named = replace(ASK, method="card")
    before = fingerprint(OPERATION, {"amount": nanos("10.00"), "currency": "EUR", "gateway": "standard"})
    assert [_fingerprint(wish_of(ask)) == before for ask in (ASK, named)] == [True, False]


def wish_of(ask: Ask) -> Wish:
    understood = _read(KEY, ask)
    assert not isinstance(understood, Declined)
    return understood[1]


def test_a_gateway_that_the_stage_cannot_reach_opens_nothing(dynamodb: Any, clock: FixedClock) -> None:
    desk = DepositDesk(CashierStore(dynamodb, CASHIER_TABLE), lambda _player: WALLET, clock, reachable={"standard"})
    assert desk.open(PLAYER, KEY, Ask("10.00", "EUR", "adyen")) == Declined(DeclineReason.METHOD_NOT_ALLOWED)
    assert count(dynamodb) == 0
    assert isinstance(desk.open(PLAYER, KEY, ASK), Opened)


@pytest.mark.parametrize("other", [Ask("10.01", "EUR"), Ask("10.00", "USD"), Ask("10.00", "EUR", "standard", "card")])
def test_the_same_key_with_another_request_is_refused(desk: DepositDesk, dynamodb: Any, other: Ask) -> None:
    desk.open(PLAYER, KEY, ASK)
    assert desk.open(PLAYER, KEY, other) == Declined(DeclineReason.KEY_REUSED)
    assert count(dynamodb) == 2


def test_a_key_is_the_callers_own(dynamodb: Any, clock: FixedClock) -> None:
    mine = opened(desk_of(dynamodb, clock).open(PLAYER, KEY, ASK))
    theirs = opened(desk_of(dynamodb, clock, replace(WALLET, player_id=OTHER_PLAYER)).open(OTHER_PLAYER, KEY, ASK))
    assert mine["deposit_id"] != theirs["deposit_id"]


@pytest.mark.parametrize(
    ("ask", "fields"),
    [
        (Ask("0.00", "EUR"), ["amount"]),
        (Ask("-5", "EUR"), ["amount"]),
        (Ask("10.001", "EUR"), ["amount"]),
        (Ask("1e2", "EUR"), ["amount"]),
        (Ask("", "EUR"), ["amount"]),
        (Ask("9" * 32, "EUR"), ["amount"]),
        (Ask("0.99", "EUR"), ["amount"]),
        (Ask("10000.01", "EUR"), ["amount"]),
        (Ask("10.00", "XXX"), ["currency"]),
        (Ask("10.00", "EUR", "nobody"), ["gateway"]),
        (Ask("ten", "EUR", "nobody"), ["gateway", "amount"]),
        (Ask("10.00", "EUR", "standard", "cash"), ["method"]),
        (Ask("10.00", "EUR", "standard", ""), ["method"]),
        (Ask("10.00", "XXX", "nobody", "CARD"), ["gateway", "method", "currency"]),
    ],
)
def test_what_is_not_well_formed_names_its_fields_and_writes_nothing(
    desk: DepositDesk, dynamodb: Any, ask: Ask, fields: list[str]
) -> None:
    declined = desk.open(PLAYER, KEY, ask)
    assert isinstance(declined, Declined)
    assert declined.reason is DeclineReason.INVALID_REQUEST
    assert [fault.field for fault in declined.faults] == fields
    assert count(dynamodb) == 0


def test_a_corrected_request_may_use_its_key_again(desk: DepositDesk) -> None:
    assert isinstance(desk.open(PLAYER, KEY, Ask("0", "EUR")), Declined)
    assert isinstance(desk.open(PLAYER, KEY, ASK), Opened)


def test_without_a_key_or_with_a_broken_one_nothing_is_written(desk: DepositDesk, dynamodb: Any) -> None:
    assert desk.open(PLAYER, [], ASK) == Declined(DeclineReason.KEY_MISSING)
    broken = desk.open(PLAYER, ["a", "b"], ASK)
    assert isinstance(broken, Declined)
    assert [fault.field for fault in broken.faults] == ["Idempotency-Key"]
    assert count(dynamodb) == 0


@pytest.mark.parametrize(
    ("wallet", "ask", "reason"),
    [
        (None, ASK, DeclineReason.NO_WALLET),
        (replace(WALLET, status=Status.BLOCKED), ASK, DeclineReason.WALLET_BLOCKED),
        (replace(WALLET, status=Status.CLOSED), ASK, DeclineReason.WALLET_BLOCKED),
        (replace(WALLET, status=Status.EXCLUDED), ASK, DeclineReason.WALLET_EXCLUDED),
        (WALLET, Ask("10.00", "USD"), DeclineReason.WRONG_CURRENCY),
        (WALLET, Ask("10.00", "EUR", "stripe", "bank"), DeclineReason.METHOD_NOT_ALLOWED),
        (WALLET, Ask("10.00", "EUR", "stripe", "crypto"), DeclineReason.METHOD_NOT_ALLOWED),
        (replace(WALLET, currency="XOF"), Ask("10", "XOF"), DeclineReason.INVALID_REQUEST),
        (
            replace(WALLET, limits=(Limit(LimitKind.DEPOSIT, 10**13, nanos("15.00"), nanos("5.01"), 0),)),
            ASK,
            DeclineReason.LIMIT_REACHED,
        ),
    ],
)
def test_what_the_house_has_against_a_deposit(
    dynamodb: Any, clock: FixedClock, wallet: Wallet | None, ask: Ask, reason: DeclineReason
) -> None:
    declined = desk_of(dynamodb, clock, wallet).open(PLAYER, KEY, ask)
    assert isinstance(declined, Declined)
    assert declined.reason is reason
    assert count(dynamodb) == 0


@pytest.mark.parametrize(
    "wallet",
    [
        replace(WALLET, cash=-nanos("50.00")),
        replace(WALLET, limits=(Limit(LimitKind.DEPOSIT, 10**13, nanos("15.00"), nanos("5.00"), 0),)),
        replace(WALLET, limits=(Limit(LimitKind.LOSS, 10**13, 1, 1, 0),)),
    ],
)
def test_a_debt_or_a_limit_with_room_is_no_obstacle(dynamodb: Any, clock: FixedClock, wallet: Wallet) -> None:
    assert isinstance(desk_of(dynamodb, clock, wallet).open(PLAYER, KEY, ASK), Opened)


def test_a_foreign_an_unknown_and_an_impossible_id_look_the_same(desk: DepositDesk) -> None:
    mine = opened(desk.open(PLAYER, KEY, ASK))["deposit_id"]
    assert desk.get(OTHER_PLAYER, mine) is None
    assert desk.get(PLAYER, new_deposit_id()) is None
    assert desk.get(PLAYER, "DEPOSIT#" + mine) is None
    assert desk.page(OTHER_PLAYER, 10, None).deposits == ()


@pytest.mark.parametrize("before", [True, False])
@pytest.mark.parametrize("fault", [Killed, lost])
def test_broken_at_any_call_and_asked_again_there_is_one_deposit(
    dynamodb: Any, clock: FixedClock, before: bool, fault: Callable[[], BaseException]
) -> None:
    broken_calls = 0
    for at in range(10):
        client = BreakingClient(dynamodb, at, before=before, fault=fault)
        key = [f"key-{at}"]
        try:
            first = desk_of(client, clock).open(PLAYER, key, ASK)
        except (Killed, StoreUnavailable):
            first = None
        again = desk_of(dynamodb, clock).open(PLAYER, key, ASK)
        assert isinstance(again, Opened)
        assert first is None or first == replace(again, replayed=False)
        assert count(dynamodb) == 2 * (at + 1)
        if not client.broke:
            break
        broken_calls += 1
    assert broken_calls == 2


def test_twins_interleaved_at_any_call_open_one_deposit(dynamodb: Any, clock: FixedClock) -> None:
    interrupted_calls = 0
    for at in range(10):
        key = [f"key-{at}"]
        twins: list[Opened | Declined] = []

        def twin(key: list[str] = key, twins: list[Opened | Declined] = twins) -> None:
            twins.append(desk_of(dynamodb, clock).open(PLAYER, key, ASK))

        client = InterruptedClient(dynamodb, at, twin)
        mine = desk_of(client, clock).open(PLAYER, key, ASK)
        if not client.interrupted:
            break
        interrupted_calls += 1
        assert isinstance(twins[0], Opened)
        assert mine == replace(twins[0], replayed=True)
        assert count(dynamodb) == 2 * (at + 1)
    assert interrupted_calls == 2


def test_ids_have_their_form_and_do_not_repeat() -> None:
    ids = {new_deposit_id() for _ in range(1000)}
    assert len(ids) == 1000
    assert all(re.fullmatch(r"dep_[a-z2-7]{20}", text) for text in ids)
