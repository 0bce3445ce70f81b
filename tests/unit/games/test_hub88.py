import base64
import json
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding

from countroom.games.providers import hub88
from countroom.games.providers.dialect import OPEN_OUTCOMES, Call, Cause, Done, Enquiry, Failed, Fault, Order
from countroom.games.providers.hub88 import CALETA, DIALECT, HUB88, Flavour
from countroom.games.providers.strict import BadSyntax, BadType
from countroom.ledger.movements import Bet, InvalidReference, Reason, Reference, Rollback, Win
from countroom.ledger.sessions import InvalidToken, issue, parse
from countroom.money import InvalidAmount
from tests.unit.games.world import UNIT, bet, private_key, public_pem, rollback, sign, win

TOKEN = issue("pl_anna", bytes(20))
ROUTES = ["/user/info", "/user/balance", "/transaction/bet", "/transaction/win", "/transaction/rollback"]
ALIASES = ["/wallet/check", "/wallet/balance", "/wallet/bet", "/wallet/win", "/wallet/rollback"]
CAUSES: list[Cause] = [*Reason, *Fault]
UNKNOWN_CLASS = {"RS_ERROR_UNKNOWN", "RS_ERROR_TIMEOUT"}
PUBLISHED = UNKNOWN_CLASS | {
    "RS_ERROR_INVALID_PARTNER",
    "RS_ERROR_INVALID_TOKEN",
    "RS_ERROR_INVALID_GAME",
    "RS_ERROR_WRONG_CURRENCY",
    "RS_ERROR_NOT_ENOUGH_MONEY",
    "RS_ERROR_USER_DISABLED",
    "RS_ERROR_INVALID_SIGNATURE",
    "RS_ERROR_TOKEN_EXPIRED",
    "RS_ERROR_WRONG_SYNTAX",
    "RS_ERROR_WRONG_TYPES",
    "RS_ERROR_DUPLICATE_TRANSACTION",
    "RS_ERROR_TRANSACTION_DOES_NOT_EXIST",
    "RS_ERROR_TRANSACTION_ROLLED_BACK",
    "RS_ERROR_LIMIT_REACHED",
    "RS_ERROR_BET_LIMIT_EXCEEDED",
}


def understood(path: str, body: Any) -> Enquiry | Order:
    return DIALECT.understand(Call(path, {}, json.dumps(body).encode()))


def answered(path: str, result: Done | Failed, body: bytes = b'{"request_uuid": "r"}') -> dict[str, Any]:
    reply = DIALECT.answer(Call(path, {}, body), None, result)
    assert reply.status == 200
    answer: dict[str, Any] = json.loads(reply.body)
    assert reply.code == answer["status"]
    return answer


# ------------------------------------------------------------------------------------------------------- the table, exhaustively


@pytest.mark.parametrize("flavour", [HUB88, CALETA], ids=["hub88", "caleta"])
def test_every_outcome_has_a_published_word(flavour: Flavour) -> None:
    assert set(flavour.statuses) == set(CAUSES)
    assert set(flavour.statuses.values()) <= PUBLISHED


@pytest.mark.parametrize("flavour", [HUB88, CALETA], ids=["hub88", "caleta"])
@pytest.mark.parametrize("cause", CAUSES)
def test_unknown_is_said_of_open_outcomes_and_of_nothing_else(flavour: Flavour, cause: Cause) -> None:
    assert (flavour.statuses[cause] in UNKNOWN_CLASS) is (cause in OPEN_OUTCOMES)


@pytest.mark.parametrize("path", ROUTES + ALIASES)
@pytest.mark.parametrize("available", [None, 7 * UNIT])
@pytest.mark.parametrize("cause", CAUSES)
def test_an_error_carries_nothing_but_its_word(path: str, cause: Cause, available: int | None) -> None:
    answer = answered(path, Failed(cause, available))
    flavour = hub88.flavour_of(path)
    expected: dict[str, Any] = {"request_uuid": "r", "status": flavour.statuses[cause]}
    if answer["status"] == "RS_ERROR_NOT_ENOUGH_MONEY" and path in ROUTES and available is not None:
        expected["balance"] = 700_000
    assert answer == expected


@pytest.mark.parametrize("path", ROUTES + ALIASES)
def test_success_carries_user_currency_and_balance(path: str) -> None:
    answer = answered(path, Done("pl_anna", "EUR", "", 7 * UNIT, moved=True))
    assert answer == {"request_uuid": "r", "status": "RS_OK", "user": "pl_anna", "currency": "EUR", "balance": 700_000}


@pytest.mark.parametrize(("nanos", "units"), [(9_999, 0), (10_000, 1), (19_999, 1), (-9_999, 0), (-10_000, -1), (10**21, 10**17)])
def test_a_balance_is_truncated_toward_zero(nanos: int, units: int) -> None:
    assert answered("/user/balance", Done("p", "EUR", "", nanos, moved=False))["balance"] == units


def test_the_words_of_caleta_differ_for_rolled_back_bets_and_limits() -> None:
    differing = {cause for cause in CAUSES if HUB88.statuses[cause] != CALETA.statuses[cause]}
    limits: set[Cause] = {
        Reason.LIMIT_REACHED,
        Reason.STAKE_OUT_OF_RANGE,
        Reason.REALITY_CHECK_DUE,
        Fault.OWN_STAKE,
        Fault.TIME_USED,
    }
    assert differing == {Reason.ROLLED_BACK, *limits}
    assert {HUB88.statuses[cause] for cause in limits} == {"RS_ERROR_LIMIT_REACHED"}
    assert {CALETA.statuses[cause] for cause in limits} == {"RS_ERROR_BET_LIMIT_EXCEEDED"}
    assert CALETA.statuses[Reason.ROLLED_BACK] == "RS_ERROR_TRANSACTION_ROLLED_BACK"
    assert CALETA.statuses[Reason.LIMIT_REACHED] == "RS_ERROR_BET_LIMIT_EXCEEDED"


@pytest.mark.parametrize(
    "body", [b"", b"nonsense", b"[]", b"{}", b'{"request_uuid": 7}', b'{"request_uuid": "a b"}', b'{"request_uuid": ""}']
)
def test_there_is_not_always_an_id_to_echo(body: bytes) -> None:
    assert answered("/user/info", Failed(Fault.BAD_SYNTAX), body) == {"status": "RS_ERROR_WRONG_SYNTAX"}


# -------------------------------------------------------------------------------------------------------------------- signatures


def authentic(headers: dict[str, str], body: bytes = b"{}", *, keys: int = 1) -> bool:
    ring = DIALECT.keys({"public_keys": [public_pem(private_key(number)) for number in range(keys)]})
    return DIALECT.authentic(Call("/user/info", headers, body), ring)


def test_a_good_signature_is_the_measure_of_the_bad_ones_below() -> None:
    assert authentic({"x-hub88-signature": sign(b"{}")})


@pytest.mark.parametrize("header", ["x-hub88-signature", "x-auth-signature"])
def test_either_header_and_either_of_two_keys(header: str) -> None:
    for number in (0, 1):
        assert authentic({header: sign(b"{}", private_key(number))}, keys=2)
    assert not authentic({header: sign(b"{}", private_key(1))}, keys=1)


def test_hub88s_own_header_goes_first() -> None:
    assert not authentic({"x-hub88-signature": sign(b"[]"), "x-auth-signature": sign(b"{}")})


@pytest.mark.parametrize("body", [b"{ }", b"{}\n", b"{", b"", b"{}{}"])
def test_every_byte_counts(body: bytes) -> None:
    assert not authentic({"x-hub88-signature": sign(b"{}")}, body)


def test_another_padding_or_hash_is_no_signature() -> None:
    key = private_key()
    others = [
        key.sign(b"{}", padding.PKCS1v15(), hashes.SHA1()),  # noqa: S303 - refused, that is the point
        key.sign(b"{}", padding.PKCS1v15(), hashes.SHA512()),
        key.sign(b"{}", padding.PSS(padding.MGF1(hashes.SHA256()), 32), hashes.SHA256()),
    ]
    for signature in others:
        assert not authentic({"x-hub88-signature": base64.b64encode(signature).decode()})


@pytest.mark.parametrize("damage", ["flip", "cut", "pad", "urlsafe", "space", "line", "none"])
def test_a_damaged_signature(damage: str) -> None:
    body = b'{"a":"' + b"x" * 40 + b'"}'
    text = sign(body)
    assert authentic({"x-hub88-signature": text}, body)
    raw = base64.b64decode(text)
    damaged = {
        "flip": base64.b64encode(bytes([raw[0] ^ 1]) + raw[1:]).decode(),
        "cut": text[:-4],
        "pad": text + "AAAA",
        "urlsafe": "-_" + text[2:],
        "space": " " + text,
        "line": text[:76] + "\n" + text[76:],
        "none": "",
    }[damage]
    assert not authentic({"x-hub88-signature": damaged}, body)


# ------------------------------------------------------------------------------------------------------------------------ parsing


def test_a_bet_is_read() -> None:
    order = understood("/transaction/bet", bet(TOKEN, amount=356_000))
    expected = Bet(
        Reference("game:hub88", "bet-1"),
        "pl_anna",
        "EUR",
        3_560_000_000,
        "x_reels",
        "round-1",
        session=parse(TOKEN).digest,
        closes=False,
    )
    assert order == Order("583c985f-fee6-4c0e-bbf5-308aad6265af", expected)


def test_a_win_is_read() -> None:
    order = understood("/transaction/win", win(TOKEN))
    won, bet_1 = Reference("game:hub88", "win-1"), Reference("game:hub88", "bet-1")
    expected = Win(won, "pl_anna", "EUR", 25 * UNIT, "x_reels", "round-1", bet=bet_1, closes=True)
    assert order == Order("583c985f-fee6-4c0e-bbf5-308aad6265af", expected, own_token=True)


def test_a_rollback_is_read() -> None:
    order = understood("/transaction/rollback", rollback(TOKEN))
    source = "game:hub88"
    expected = Rollback(Reference(source, "rollback-1"), "pl_anna", Reference(source, "bet-1"), "x_reels", "round-1", closes=True)
    assert order == Order("0b53a1a8-9d3b-4b8e-8a4f-0d3e6a3a3d6e", expected, own_token=True)


@pytest.mark.parametrize(("path", "alias"), list(zip(ROUTES, ALIASES, strict=True)))
def test_an_alias_is_read_alike(path: str, alias: str) -> None:
    body = {**win(TOKEN), "transaction_uuid": "t"}
    assert understood(path, body) == understood(alias, body)


def test_optional_fields_may_be_left_out_null_or_unknown() -> None:
    body = bet(TOKEN, user="pl_anna", reward_uuid=None, campaign_uuid="c", bet="{}", game_id=17, meta={"a": [1.5, None]})
    for name in ("is_free", "round_closed", "supplier_user"):
        del body[name]
    order = understood("/transaction/bet", body)
    assert isinstance(order, Order)
    assert order.movement.player_id == "pl_anna"


PLAY = ["amount", "currency", "game_code", "request_uuid", "round", "supplier_user", "token", "transaction_uuid"]
REQUIRED = {
    "/transaction/bet": (bet, PLAY),
    "/transaction/win": (win, [*PLAY, "reference_transaction_uuid"]),
    "/transaction/rollback": (
        rollback,
        ["game_code", "reference_transaction_uuid", "request_uuid", "round", "token", "transaction_uuid"],
    ),
}


@pytest.mark.parametrize(("path", "field"), [(path, field) for path, (_, fields) in REQUIRED.items() for field in fields])
def test_a_missing_field_is_bad_syntax(path: str, field: str) -> None:
    body = REQUIRED[path][0](TOKEN)
    del body[field]
    with pytest.raises(BadSyntax):
        understood(path, body)


@pytest.mark.parametrize("value", [None, True, 1.5, 7, [], {}, "", "a b", "x" * 65, "ä", "a\u0000"], ids=repr)
@pytest.mark.parametrize(
    ("path", "field"),
    [
        (path, field)
        for path, (_, fields) in REQUIRED.items()
        for field in fields
        if field not in {"amount", "token", "supplier_user"}
    ],
)
def test_an_id_of_another_type_or_form_is_bad(path: str, field: str, value: Any) -> None:
    with pytest.raises(BadType):
        understood(path, REQUIRED[path][0](TOKEN, **{field: value}))


@pytest.mark.parametrize("value", [None, True, False, 1.0, 1e5, "100000", "1", [], {}, -1, -(2**63), 10**40], ids=repr)
@pytest.mark.parametrize("path", ["/transaction/bet", "/transaction/win"])
def test_an_amount_is_a_whole_number_of_hundred_thousandths(path: str, value: Any) -> None:
    with pytest.raises((BadType, InvalidAmount)):
        understood(path, REQUIRED[path][0](TOKEN, amount=value))


@pytest.mark.parametrize("value", [None, True, 7, "", "x" * 1_025, []], ids=lambda value: repr(value)[:12])
@pytest.mark.parametrize("path", list(REQUIRED))
def test_a_token_is_a_text(path: str, value: Any) -> None:
    with pytest.raises(BadType):
        understood(path, {**REQUIRED[path][0](TOKEN), "token": value})


@pytest.mark.parametrize(
    "change",
    [
        {"is_free": None},
        {"is_free": 0},
        {"is_free": "true"},
        {"round_closed": 1},
        {"reward_uuid": 7},
        {"campaign_uuid": []},
        {"bet": {}},
        {"supplier_user": 7},
        {"user": 7},
        {"user": "x" * 65},
    ],
    ids=str,
)
def test_an_optional_field_of_another_type_is_bad(change: dict[str, Any]) -> None:
    with pytest.raises(BadType):
        understood("/transaction/bet", bet(TOKEN, **change))


def test_a_player_that_no_wallet_could_have() -> None:
    with pytest.raises(InvalidReference):
        understood("/transaction/bet", bet(TOKEN, supplier_user="a.b"))


@pytest.mark.parametrize("path", ["/transaction/win", "/transaction/rollback"])
def test_nothing_refers_to_itself(path: str) -> None:
    with pytest.raises(BadType):
        understood(path, REQUIRED[path][0](TOKEN, reference_transaction_uuid="t", transaction_uuid="t"))


@pytest.mark.parametrize("path", ["", "/", "/transaction", "/transaction/refund", "/transaction/bet/", "/TRANSACTION/BET", "/user"])
def test_there_are_ten_routes_and_no_more(path: str) -> None:
    with pytest.raises(BadSyntax):
        understood(path, bet(TOKEN))


def test_a_question_by_user_needs_no_token_but_a_token_must_fit() -> None:
    assert understood("/user/info", {"request_uuid": "r", "user": "pl_anna"}) == Enquiry("r", "pl_anna", None)
    by_token = Enquiry("r", "pl_anna", parse(TOKEN).digest)
    assert understood("/user/info", {"request_uuid": "r", "token": TOKEN}) == by_token
    assert understood("/user/balance", {"request_uuid": "r", "user": "pl_anna", "token": TOKEN}) == by_token
    for path in ("/user/info", "/user/balance"):
        with pytest.raises(InvalidToken):
            understood(path, {"request_uuid": "r", "user": "pl_bert", "token": TOKEN})
        with pytest.raises(InvalidToken):
            understood(path, {"request_uuid": "r", "token": "garbage"})
        with pytest.raises(BadSyntax):
            understood(path, {"request_uuid": "r"})
    with pytest.raises(BadSyntax):
        understood("/user/balance", {"request_uuid": "r", "user": "pl_anna"})


def test_a_rollback_needs_someone_to_be_for() -> None:
    with pytest.raises(InvalidToken):
        understood("/transaction/rollback", rollback("garbage"))
    order = understood("/transaction/rollback", rollback("garbage", user="pl_anna"))
    assert isinstance(order, Order)
    assert not order.own_token
