"""Hub88 in particular, beside what every dialect is put through: only defined words, exact amounts, signatures over every byte."""

import json
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from countroom.games.providers.hub88 import CALETA, HUB88
from countroom.ledger.wallet import Wallet
from tests.unit.games.world import WIRE, World, bet, rollback, sign, win

STATUSES = {"RS_OK", *HUB88.statuses.values(), *CALETA.statuses.values()}
PATHS = [
    "/user/info",
    "/user/balance",
    "/transaction/bet",
    "/transaction/win",
    "/transaction/rollback",
    "/wallet/check",
    "/wallet/balance",
    "/wallet/bet",
    "/wallet/win",
    "/wallet/rollback",
]
FUZZ = settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(10**20), 10**20)
    | st.integers(0, 3_000_000)
    | st.floats()
    | st.text(max_size=80)
    | st.sampled_from(
        ["bet-1", "bet-2", "win-1", "pl_anna", "pl_bert", "EUR", "USD", "x_reels", "x_table", "x_closed", "round-1", ""]
    )
)
VALUES = SCALARS | st.lists(SCALARS, max_size=3) | st.dictionaries(st.text(max_size=8), SCALARS, max_size=3)
FIELDS = st.sampled_from([*win("t"), "user", "reward_uuid", "campaign_uuid", "bet", "unheard_of"])
SHAPES = st.sampled_from([bet, win, rollback])
EDITS = st.lists(st.tuples(FIELDS, st.just("drop") | VALUES), max_size=3)
SENT = st.lists(st.tuples(st.sampled_from(PATHS), SHAPES, EDITS), min_size=1, max_size=4)


def edited(body: dict[str, Any], edits: list[tuple[str, Any]]) -> bytes:
    for field, value in edits:
        if value == "drop":
            body.pop(field, None)
        else:
            body[field] = value
    return json.dumps(body).encode()


def started() -> tuple[World, str]:
    world = World()
    token = world.player()
    world.player("pl_bert")
    world.say("/transaction/bet", bet(token, transaction_uuid="bet-2"))
    return world, token


def answer_of(world: World, path: str, raw: bytes, headers: dict[str, str] | None = None) -> dict[str, Any]:
    served = world.serve(path, raw, headers)
    assert served.reply.status == 200
    answer: dict[str, Any] = json.loads(served.reply.body)
    assert answer["status"] in STATUSES
    if answer["status"] == "RS_OK":
        assert answer.keys() >= {"user", "currency", "balance", "request_uuid"}
    else:
        assert answer.keys() <= {"status", "request_uuid", "balance"}
        assert ("balance" not in answer) or answer["status"] == "RS_ERROR_NOT_ENOUGH_MONEY"
    return answer


def assert_sound(before: Wallet, after: Wallet, status: str) -> None:
    assert after.proves_itself
    if status != "RS_OK":
        assert (after.cash, after.bonus, after.held, after.totals) == (before.cash, before.bonus, before.held, before.totals)


@FUZZ
@given(SENT)
def test_signed_calls_get_defined_answers_and_only_success_moves_money(sent: list[tuple[str, Any, list[tuple[str, Any]]]]) -> None:
    world, token = started()
    for path, shape, edits in sent:
        before = dict(world.store.wallets)
        answer = answer_of(world, path, edited(shape(token), edits))
        assert answer["status"] not in {"RS_ERROR_UNKNOWN", "RS_ERROR_TIMEOUT"}
        for player_id, wallet in before.items():
            assert_sound(wallet, world.store.wallets[player_id], answer["status"])
        if answer["status"] == "RS_OK":
            assert answer["balance"] == world.cash(answer["user"])
        if not path.endswith(("win", "rollback")):
            assert world.cash() >= 0


@FUZZ
@given(st.sampled_from(PATHS), SHAPES, EDITS, st.data())
def test_without_its_own_signature_a_call_moves_and_tells_nothing(
    path: str, shape: Any, edits: list[tuple[str, Any]], data: st.DataObject
) -> None:
    world, token = started()
    raw = edited(shape(token), edits)
    position = data.draw(st.integers(0, len(raw) - 1))
    change = data.draw(st.sampled_from(["signature", "flip", "cut", "insert", "drop"]))
    signature = sign(raw)
    match change:
        case "signature":
            signature = data.draw(st.text(max_size=400))
        case "flip":
            raw = raw[:position] + bytes([raw[position] ^ data.draw(st.integers(1, 255))]) + raw[position + 1 :]
        case "cut":
            raw = raw[:position]
        case "insert":
            raw = raw[:position] + data.draw(st.sampled_from([b" ", b"\n", b"\x00", b"{", b"0"])) + raw[position:]
        case "drop":
            signature = ""
    before = world.store.state(), world.store.requests
    answer = answer_of(world, path, raw, {"x-hub88-signature": signature})
    assert answer["status"] == "RS_ERROR_INVALID_SIGNATURE"
    assert (world.store.state(), world.store.requests) == before


@FUZZ
@given(
    st.sampled_from([*PATHS, "/", "/other"]),
    st.binary(max_size=300) | st.text(max_size=200).map(lambda text: text.encode("utf-8", "replace")),
)
def test_any_signed_bytes_get_a_defined_answer(path: str, raw: bytes) -> None:
    world, _ = started()
    before = world.store.state()
    assert answer_of(world, path, raw)["status"] in {"RS_ERROR_WRONG_SYNTAX", "RS_ERROR_WRONG_TYPES"}
    assert world.store.state() == before


@settings(FUZZ, max_examples=500)
@given(st.integers(-(10**16), 10**18))
def test_an_amount_is_taken_exactly_or_not_at_all(amount: int) -> None:
    world, token = started()
    answer = answer_of(world, "/transaction/bet", edited(bet(token), [("amount", amount)]))
    if 0 <= amount <= 90 * WIRE:
        assert answer["balance"] == 90 * WIRE - amount
    else:
        expected = "RS_ERROR_NOT_ENOUGH_MONEY" if 0 <= amount <= 10**12 * WIRE else "RS_ERROR_WRONG_TYPES"
        assert answer["status"] == expected
        assert world.cash() == 90 * WIRE
