"""The wallet as a value: what it adds up to, how it is written, and that no field of it can change unseen."""

import json
from dataclasses import fields, replace

import pytest

from countroom.ledger.movements import LimitKind, Status
from countroom.ledger.wallet import NO_HASH, GameSession, Limit, Packed, Totals, Wallet
from tests.unit.ledger.examples import ANNA, NOW, changed

DIGEST = b"digest------"
FULL = Wallet(
    ANNA,
    "EUR",
    "MT",
    7,
    5,
    -6,
    7,
    Status.BLOCKED,
    Totals(1, 2, 3, 4, -5, 6),
    (GameSession("hub88", DIGEST, b"earlier-----", NOW), GameSession("b", DIGEST, b"", 0)),
    (Limit(LimitKind.DEPOSIT, 1_000, 5, 6, NOW), Limit(LimitKind.LOSS, 86_400_000, 10**21, 0, 0)),
    b"h" * 32,
    "game:hub88#1",
)
EMPTY = Wallet(ANNA, "EUR", "MT")


def read(wallet: Wallet) -> Wallet:
    packed = Packed(wallet.packed_sessions(), wallet.packed_limits())
    return Wallet.read(wallet.player_id, wallet.version, wallet.text(), packed, wallet.head, wallet.head_key)


def test_a_new_wallet_is_empty_and_active() -> None:
    assert (EMPTY.version, EMPTY.cash, EMPTY.bonus, EMPTY.held, EMPTY.status) == (0, 0, 0, 0, Status.ACTIVE)
    assert (EMPTY.totals, EMPTY.sessions, EMPTY.limits) == (Totals(0, 0, 0, 0, 0, 0), (), ())
    assert EMPTY.head == NO_HASH == b"\x00" * 32
    assert EMPTY.head_key == ""
    assert EMPTY.proves_itself


def test_cash_and_bonus_can_be_staked() -> None:
    assert FULL.available == -1


def test_totals_add_up_to_the_balances() -> None:
    assert Totals(deposited=100, withdrawn=20, staked=30, won=7, adjusted=-2, bonus=5).balance == 60
    for name in ("cash", "bonus", "held"):
        wallet = changed(EMPTY, totals=Totals(won=3), **{name: 3})
        assert wallet.proves_itself
        assert not changed(wallet, **{name: 4}).proves_itself


def test_a_provider_has_one_session() -> None:
    assert FULL.session("hub88") == FULL.sessions[0]
    assert FULL.session("b") == FULL.sessions[1]
    assert FULL.session("other") is None


@pytest.mark.parametrize("wallet", [EMPTY, FULL, replace(FULL, limits=()), replace(FULL, sessions=())])
def test_a_wallet_reads_back_as_it_was_written(wallet: Wallet) -> None:
    assert read(wallet) == wallet


def test_every_kind_of_limit_reads_back() -> None:
    wallet = replace(EMPTY, limits=tuple(Limit(kind, 366 * 86_400_000, 10**21, 2**80 - 1, 2**48 - 1) for kind in LimitKind))
    assert read(wallet) == wallet
    assert len(wallet.packed_limits()) == 3 * 31


def test_a_use_beyond_the_field_stays_at_its_top() -> None:
    limit = Limit(LimitKind.WAGER, 1_000, 5, 2**80, NOW)
    assert limit.packed() == replace(limit, used=2**80 - 1).packed() != replace(limit, used=2**80 - 2).packed()


def test_the_packing_is_what_it_has_always_been() -> None:
    assert FULL.sessions[0].packed() == b"\x05hub88digest------\x0cearlier-----" + NOW.to_bytes(6, "big")
    assert FULL.sessions[1].packed() == b"\x01bdigest------\x00" + bytes(6)
    limit = b"\x00" + b"\x00\x00\x00\x01" + b"\x00" * 9 + b"\x05" + b"\x00" * 9 + b"\x06" + NOW.to_bytes(6, "big")
    assert FULL.limits[0].packed() == limit
    assert FULL.packed_sessions() == FULL.sessions[0].packed() + FULL.sessions[1].packed()
    assert FULL.packed_limits() == FULL.limits[0].packed() + FULL.limits[1].packed()
    assert [Limit(kind, 0, 0, 0, 0).packed()[0] for kind in (LimitKind.DEPOSIT, LimitKind.WAGER, LimitKind.LOSS)] == [0, 1, 2]


def test_the_text_is_what_it_has_always_been() -> None:
    assert FULL.text() == '{"m":"EUR","l":"MT","y":"blocked","b":[5,-6,7],"t":[1,2,3,4,-5,6]}'


def test_the_digest_is_what_it_has_always_been() -> None:
    assert FULL.state().hex() == "73ecd20bc7330dd4020c3d76fd625287"
    assert EMPTY.state().hex() == "21d028f3105e63273b8e31b074953645"


def test_no_field_but_the_head_can_change_without_changing_the_digest() -> None:
    others: dict[str, object] = {
        "player_id": "pl_ben",
        "currency": "USD",
        "country": "IT",
        "version": 8,
        "cash": 6,
        "bonus": 6,
        "held": 8,
        "status": Status.ACTIVE,
        "totals": Totals(1, 2, 3, 4, 5, 7),
        "sessions": FULL.sessions[:1],
        "limits": FULL.limits[1:],
    }
    assert set(others) | {"head", "head_key"} == {field.name for field in fields(Wallet)}
    digests = {changed(FULL, **{name: value}).state() for name, value in others.items()}
    assert len(digests | {FULL.state()}) == len(others) + 1
    assert replace(FULL, head=NO_HASH, head_key="").state() == FULL.state()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"m":"EUR",', ""),
        ('"l":"MT",', ""),
        ('"y":"blocked",', ""),
        ('"y":"blocked"', '"y":"sleeping"'),
        ('"b":[5,-6,7]', '"b":[5,-6]'),
        ('"b":[5,-6,7]', '"b":5'),
        ('"t":[1,2,3,4,-5,6]', '"t":[1,2,3,4,-5,6,7]'),
        ('"t":[1,2,3,4,-5,6]', '"t":[1,2,3,4,-5]'),
        (",", ", "),
        ("}", ',"more":1}'),
        ("}", ""),
        ("{", "["),
    ],
)
def test_a_text_that_no_wallet_wrote_is_not_read(old: str, new: str) -> None:
    packed = Packed(FULL.packed_sessions(), FULL.packed_limits())
    text = FULL.text().replace(old, new, 1)
    assert text != FULL.text()
    with pytest.raises((KeyError, TypeError, ValueError)):
        Wallet.read(ANNA, 7, text, packed, FULL.head, FULL.head_key)


@pytest.mark.parametrize(
    "packed",
    [
        Packed(b"\x05hub88digest"),
        Packed(b"\x01\xffdigest------\x00" + bytes(6)),
        Packed(FULL.packed_sessions() + b"\x00"),
        Packed(limits=FULL.packed_limits() + b"\x00"),
        Packed(limits=FULL.packed_limits()[:-1]),
        Packed(limits=b"\x03" + FULL.packed_limits()[1:]),
    ],
)
def test_bytes_that_no_wallet_packed_are_not_read(packed: Packed) -> None:
    with pytest.raises((IndexError, ValueError)):
        Wallet.read(ANNA, 7, FULL.text(), packed, FULL.head, FULL.head_key)


def test_reading_keeps_what_stands_beside_the_text() -> None:
    wallet = Wallet.read("pl_x", 3, json.dumps(json.loads(EMPTY.text()), separators=(",", ":")), Packed(), b"z", "w")
    assert (wallet.player_id, wallet.version, wallet.head, wallet.head_key) == ("pl_x", 3, b"z", "w")
