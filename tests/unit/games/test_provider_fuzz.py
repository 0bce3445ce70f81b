"""More than twenty thousand mutated requests for each dialect: only defined answers, no unknown, no effect without a signature.

Every example is one world with a sequence of calls: well-formed ones with edited fields under any route, bytes that mean nothing,
and calls whose signature or content was tampered with after signing.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, quote

import pytest
import rfc8785
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from countroom.games.providers import action_batch, swipe
from countroom.games.providers.dialect import Call
from countroom.games.providers.hub88 import CALETA, HUB88
from countroom.money import currency, format_amount, to_scaled
from tests.unit.games import wires, world
from tests.unit.games.wires import BatchWorld, SwipeWorld
from tests.unit.games.world import World

SHARDS, EXAMPLES, CALLS = 6, 425, 8
assert SHARDS * EXAMPLES * CALLS >= 20_000

Body = dict[str, Any]
Answer = tuple[int, dict[str, Any]]
Shape = Callable[[str], Body]


class Spec(NamedTuple):
    """How one dialect is fuzzed."""

    make: Callable[[], World]
    shapes: dict[tuple[str, str], Shape]
    fitting: dict[str, list[Any]]
    sign: Callable[[bytes], str]
    header: str
    is_defined: Callable[[int, dict[str, Any]], bool]
    is_done: Callable[[int, dict[str, Any]], bool]
    rejected: Callable[[int, dict[str, Any]], bool]
    told: Callable[[World, str], Any]


# ----------------------------------------------------------------------------------------------------------------------- hub88

HUB88_WORDS = {*HUB88.statuses.values(), *CALETA.statuses.values()} - {"RS_ERROR_UNKNOWN", "RS_ERROR_TIMEOUT"}


def hub88_defined(status: int, answer: dict[str, Any]) -> bool:
    if answer["status"] == "RS_OK":
        return status == 200 and answer.keys() >= {"user", "currency", "balance", "request_uuid"}
    short = answer["status"] == "RS_ERROR_NOT_ENOUGH_MONEY"
    allowed = {"status", "request_uuid"} | ({"balance"} if short else set())
    return status == 200 and answer["status"] in HUB88_WORDS and answer.keys() <= allowed


def question(token: str) -> Body:
    return {"request_uuid": "r", "token": token, "user": "pl_anna"}


TOKENS = ["<bert>", "<old>", "pl_anna." + "a" * 32, "garbage"]
HUB88_SPEC = Spec(
    World,
    {
        ("POST", "/user/info"): question,
        ("POST", "/user/balance"): question,
        ("POST", "/transaction/bet"): world.bet,
        ("POST", "/transaction/win"): world.win,
        ("POST", "/transaction/rollback"): world.rollback,
        ("POST", "/wallet/check"): question,
        ("POST", "/wallet/balance"): question,
        ("POST", "/wallet/bet"): world.bet,
        ("POST", "/wallet/win"): world.win,
        ("POST", "/wallet/rollback"): world.rollback,
    },
    {
        "token": TOKENS,
        "amount": [0, 1, 100_000, 2 * 10**6, 10**9, 10**17],
        "currency": ["USD", "JPY"],
        "game_code": ["x_table", "x_closed", "none"],
        "round": ["round-2"],
        "is_free": [True],
        "supplier_user": ["pl_bert", "pl_none"],
        "user": ["pl_anna", "pl_bert"],
        "transaction_uuid": ["bet-1", "bet-2", "win-1", "rollback-2"],
        "reference_transaction_uuid": ["bet-2", "win-1", "none"],
    },
    world.sign,
    "x-hub88-signature",
    hub88_defined,
    lambda _status, answer: answer["status"] == "RS_OK",
    lambda _status, answer: answer["status"] == "RS_ERROR_INVALID_SIGNATURE" and answer.keys() <= {"status", "request_uuid"},
    lambda house, player_id: to_scaled(house.store.wallets[player_id].available, 5),
)

# ----------------------------------------------------------------------------------------------------------------------- swipe

SWIPE_WORDS = {(word.status, word.code) for word in swipe.WORDS.values()} - {(500, "")}


def swipe_defined(status: int, answer: dict[str, Any]) -> bool:
    if status == 200:
        return answer.keys() in ({"balance"}, {"balance", "txID"})
    return (status, answer.get("code", "")) in SWIPE_WORDS and answer.keys() <= {"message", "details", "code"}


def swipe_told(house: World, player_id: str) -> str:
    wallet = house.store.wallets[player_id]
    return format_amount(max(0, wallet.available), currency(wallet.currency))


SWIPE_SPEC = Spec(
    SwipeWorld,
    {
        ("GET", "/balance"): lambda session: {"sessionID": session},
        ("POST", "/bet"): wires.swipe_bet,
        ("POST", "/win"): wires.swipe_win,
        ("POST", "/refund"): wires.swipe_refund,
    },
    {
        "sessionID": TOKENS,
        "amount": ["0", "0.01", "10", "99.99", "99999999", "1.001", "1e3"],
        "type": ["free", "regular"],
        "txID": [wires.BET_1, wires.BET_2, wires.WIN_1, wires.WIN_2],
        "origTxID": [wires.BET_2, wires.WIN_1],
        "roundID": ["round-2"],
        "frID": ["campaign-1"],
    },
    wires.hexmac,
    "x-request-sign",
    swipe_defined,
    lambda status, _answer: status == 200,
    lambda status, answer: status == 401 and answer.keys() == {"message", "details"},
    swipe_told,
)

# ---------------------------------------------------------------------------------------------------------------- action batch

BATCH_WORDS = {(word.status, word.code) for word in action_batch.WORDS.values()} - {(500, 500)}


def batch_defined(status: int, answer: dict[str, Any]) -> bool:
    if status == 200:
        return {"balance"} <= answer.keys() <= {"balance", "game_id", "transactions"}
    return (status, answer["code"]) in BATCH_WORDS and answer.keys() == {"code", "message"}


BATCH_SPEC = Spec(
    BatchWorld,
    {
        ("POST", "/play"): lambda _: wires.play(wires.act("bet", "bet-1", 100)),
        ("POST", "/play "): lambda _: wires.play(wires.act("bet", "bet-2", 100), wires.act("win", "win-1", 250)),
        ("POST", "/play  "): lambda _: wires.play(
            wires.back("r-1", "bet-1"), wires.act("bet", "bet-1", 100), wires.back("r-2", "win-1")
        ),
        ("POST", "/play   "): lambda _: wires.play(),
        ("POST", "/play    "): lambda _: wires.play(*(wires.act("bet", f"b-{number}", 7) for number in range(21))),
        ("GET", "/play"): lambda _: wires.play(),
    },
    {
        "action": ["bet", "win", "rollback"],
        "action_id": ["bet-1", "bet-2", "win-1", "r-1"],
        "original_action_id": ["bet-1", "bet-2", "win-1", "b-3", "none"],
        "amount": [0, 7, 100, 250, 10**9, 10**13, 10**17],
        "user_id": ["pl_bert", "pl_none", "8|USDT|USD"],
        "currency": ["EUR", "JPY"],
        "game": ["x_table", "x_closed", "none"],
        "game_id": ["round-2"],
        "actions": [[], [{}], [7]],
    },
    wires.hexmac,
    "x-request-sign",
    batch_defined,
    lambda status, _answer: status == 200,
    lambda status, answer: status == 403 and answer.keys() == {"code", "message"},
    lambda house, player_id: to_scaled(house.store.wallets[player_id].available, 2),
)

SPECS = {"hub88": HUB88_SPEC, "swipe": SWIPE_SPEC, "action_batch": BATCH_SPEC}

# ------------------------------------------------------------------------------------------------------------------- what is sent

COMMON: list[Any] = [
    None, True, False, -1, 1.5, float("inf"), 2**53 + 1, -(10**25), "", "a b", "ä", "\ud800", "x" * 65, "pl_anna", "pl_bert",
    "pl_none", "EUR", "USD", "JPY", "XXX", "x_reels", "x_table", "x_closed", [], {}, [[[[[[[[[[]]]]]]]]]],
]  # fmt: skip


def calls(spec: Spec) -> st.SearchStrategy[Any]:
    """Sequences of (route, shape, edits, damage, position); most shapes go where they belong."""
    pairs = list(spec.shapes.items())
    strays = [(route, shape) for route in spec.shapes for shape in spec.shapes.values()]
    pair = st.sampled_from(pairs) | st.sampled_from(pairs) | st.sampled_from(strays)
    names = sorted({name for _, shape in pairs for name in _names(shape("t"))} | {"unheard_of", *spec.fitting})
    fits = [(name, value) for name, values in spec.fitting.items() for value in values]
    values = st.sampled_from([*COMMON, "drop"]) | st.integers(-10, 10**12) | st.text(max_size=12)
    edit = st.sampled_from(fits) | st.sampled_from(fits) | st.tuples(st.sampled_from(names), values)
    damage = st.sampled_from(["none"] * 12 + ["bytes", "signature", "flip", "cut", "insert", "other"])
    call = st.tuples(pair, st.lists(edit, max_size=2), damage, st.integers(0, 10_000))
    return st.lists(call, min_size=CALLS, max_size=CALLS)


def _names(body: Mapping[str, Any]) -> set[str]:
    """Names of a body's fields, and of the fields of its actions."""
    inner = [entry for value in body.values() if isinstance(value, list) for entry in value if isinstance(entry, dict)]
    return {*body, *(name for entry in inner for name in entry)}


def edited(body: Body, edits: list[tuple[str, Any]], position: int) -> Body:
    """Change or drop fields where they are: in the body, or in one of its actions."""
    actions = body.get("actions")
    for name, value in edits:
        place = body
        if isinstance(actions, list) and actions and name in _names({"actions": actions}):
            place = actions[position % len(actions)]
        if value == "drop":
            place.pop(name, None)
        else:
            place[name] = value
    return body


def flat(body: Body) -> dict[str, str]:
    """A query can hold nothing but texts."""
    return {name: str(value) for name, value in body.items() if "\ud800" not in f"{name}{value}"}


def raw_of(method: str, body: Body) -> tuple[bytes, bytes]:
    """What is sent, and what is signed: for Swipe Games the canonical form, where there is one."""
    if method == "GET":
        fields = flat(body)
        return "&".join(f"{quote(name)}={quote(value)}" for name, value in fields.items()).encode(), rfc8785.dumps(fields)
    sent = json.dumps(body).encode()
    return sent, sent


def canonical(raw: bytes) -> bytes:
    try:
        return rfc8785.dumps(json.loads(raw))
    except (ValueError, RecursionError):
        return raw


def fields_of(query: bytes) -> list[tuple[str, str]]:
    return sorted(parse_qsl(query.decode("latin-1"), keep_blank_values=True))


def damaged(raw: bytes, how: str, position: int) -> bytes:
    at = position % (len(raw) + 1)
    match how:
        case "flip":
            return raw[:at] + bytes([raw[at] ^ (1 + position % 255)]) + raw[at + 1 :] if at < len(raw) else raw + b"}"
        case "cut":
            return raw[: at if at < len(raw) else 0]
        case "insert":
            return raw[:at] + (b"\x00", b"{", b"0", b'"')[position % 4] + raw[at:]
    return raw


class Session:
    """One world and what is sent to it."""

    def __init__(self, spec: Spec) -> None:
        self.spec = spec
        self.house = spec.make()
        fresh = "pl_anna" not in self.house.store.wallets
        self.old = self.house.player() if fresh else self.house.launch()
        self.token = self.house.launch()
        self.bert = self.house.player("pl_bert", currency="EUR" if fresh else "USD")
        self.sent = 0

    def send(self, pair: tuple[tuple[str, str], Shape], edits: list[tuple[str, Any]], how: str, position: int) -> None:
        (method, path), shape = pair
        tokens = {"<bert>": self.bert, "<old>": self.old}
        known = [(name, tokens.get(value, value) if isinstance(value, str) else value) for name, value in edits]
        body = edited(shape(self.token), known, position)
        raw, signed = raw_of(method, body)
        if how == "bytes":
            raw = signed = damaged(raw, ("flip", "cut", "insert")[position % 3], position)
        sign_canonical = self.spec is SWIPE_SPEC and method == "POST"
        signature = self.spec.sign(canonical(signed) if sign_canonical else signed)
        tampered = damaged(raw, how, position)
        genuine = tampered == raw or (sign_canonical and canonical(tampered) == canonical(raw))
        if method == "GET" and how != "bytes":
            genuine = fields_of(tampered) == fields_of(raw)
        if how in {"signature", "other"}:
            genuine, signature = False, ("", "0" * 64, signature[:-1], signature + "0")[position % 4]
        query, content = (tampered.decode("latin-1"), b"") if method == "GET" else ("", tampered)
        self._judge(Call(path.strip(" "), {self.spec.header: signature}, content, method, query), genuine=genuine, how=how)

    def _judge(self, call: Call, *, genuine: bool, how: str) -> None:
        store, spec = self.house.store, self.spec
        before, requests = store.state(), store.requests
        served = self.house.desk.serve(call)
        status, answer = served.reply.status, json.loads(served.reply.body)
        self.sent += 1
        assert spec.is_defined(status, answer), (call, status, answer)
        if not genuine and how != "bytes":
            assert spec.rejected(status, answer), (call, status, answer)
        if spec.rejected(status, answer):
            assert (store.state(), store.requests) == (before, requests)
        assert store.requests - requests <= 3
        self._sound(before, done=spec.is_done(status, answer))
        if spec.is_done(status, answer) and served.request is not None:
            request: Any = served.request
            player_id = request.movement.player_id if hasattr(request, "movement") else request.player_id
            assert answer["balance"] == spec.told(self.house, player_id)

    def _sound(self, before: tuple[Any, ...], *, done: bool) -> None:
        for player_id, wallet in self.house.store.wallets.items():
            assert wallet.proves_itself
            earlier = before[0][player_id]
            if not done:
                balances = (wallet.cash, wallet.bonus, wallet.held, wallet.totals)
                assert balances == (earlier.cash, earlier.bonus, earlier.held, earlier.totals)
        if not done:
            assert self.house.store.markers == before[2]


@pytest.mark.parametrize("shard", range(SHARDS))
@pytest.mark.parametrize("name", SPECS)
def test_any_request_gets_a_defined_answer_and_only_a_signed_one_moves_money(name: str, shard: int) -> None:
    del shard  # each draws examples of its own
    sent = 0

    @settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
    @given(calls(SPECS[name]))
    def run(sequence: list[tuple[Any, ...]]) -> None:
        nonlocal sent
        session = Session(SPECS[name])
        for call in sequence:
            session.send(*call)
        sent += session.sent

    run()
    assert sent >= EXAMPLES * CALLS
