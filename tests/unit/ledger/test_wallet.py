"""The wallet as a value: what it adds up to, how it is written, and that no field of it can change unseen."""

from dataclasses import fields, replace

import pytest

from countroom.ledger.movements import COUNTING, ExclusionKind, LimitKind, Period, Status
from countroom.ledger.wallet import (
    INDEX_TOP,
    NEVER_PLAYED,
    NO_HASH,
    WALLET_FORMAT,
    Exclusion,
    GameSession,
    Limit,
    Packed,
    Pending,
    PlayClock,
    Totals,
    Wallet,
)
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
    (
        Limit(LimitKind.DEPOSIT, Period.DAY, 5, 6, NOW, 3, 9),
        Limit(LimitKind.LOSS, Period.MONTH, 10**21, 0, 0, pending=Pending(None, 12_000, confirm=True)),
        Limit(LimitKind.STAKE, Period.EACH, 7, pending=Pending(8, 5_000)),
    ),
    Exclusion(ExclusionKind.REGISTER, 1, 2, 3),
    PlayClock(1, 2, 3, -4, 5, 6, 7),
    b"h" * 32,
    "game:hub88#1",
)
EMPTY = Wallet(ANNA, "EUR", "MT")


def read(wallet: Wallet) -> Wallet:
    return Wallet.read(wallet.player_id, wallet.version, wallet.packed(), wallet.head, wallet.head_key)


def test_a_new_wallet_is_empty_and_active() -> None:
    assert (EMPTY.version, EMPTY.cash, EMPTY.bonus, EMPTY.held, EMPTY.status) == (0, 0, 0, 0, Status.ACTIVE)
    assert (EMPTY.totals, EMPTY.sessions, EMPTY.limits) == (Totals(0, 0, 0, 0, 0, 0), (), ())
    assert (EMPTY.exclusion, EMPTY.play) == (None, PlayClock(0, 0, 0, 0, 0, 0, 0))
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


def test_a_limit_is_found_by_its_kind_and_period_and_has_a_name() -> None:
    assert FULL.limit(LimitKind.LOSS, Period.MONTH) == FULL.limits[1]
    assert FULL.limit(LimitKind.LOSS, Period.DAY) is None
    assert FULL.limit(LimitKind.WAGER, Period.MONTH) is None
    assert [limit.name for limit in FULL.limits] == ["deposit 24h", "loss 1m", "stake each"]


@pytest.mark.parametrize(
    ("kind", "until_ms", "reopens_at_ms", "runs"),
    [
        (ExclusionKind.TIME_OUT, NOW + 1, 0, True),
        (ExclusionKind.TIME_OUT, NOW, 0, False),
        (ExclusionKind.SELF_EXCLUSION, NOW + 1, 0, True),
        (ExclusionKind.SELF_EXCLUSION, NOW - 1, 0, True),  # doing nothing opens nothing
        (ExclusionKind.SELF_EXCLUSION, NOW - 1, NOW + 1, True),
        (ExclusionKind.SELF_EXCLUSION, NOW - 1, NOW, False),
        (ExclusionKind.REGISTER, NOW - 1, 0, True),
        (ExclusionKind.STAFF, NOW - 1, 0, True),
    ],
)
def test_when_an_exclusion_keeps_away(kind: ExclusionKind, until_ms: int, reopens_at_ms: int, *, runs: bool) -> None:
    assert Exclusion(kind, 1, until_ms, reopens_at_ms).runs(NOW) is runs


@pytest.mark.parametrize(
    "wallet",
    [
        EMPTY,
        FULL,
        replace(FULL, limits=()),
        replace(FULL, sessions=()),
        replace(FULL, exclusion=None),
        replace(FULL, play=NEVER_PLAYED),
        replace(FULL, play=PlayClock(grown_on=1)),
        replace(FULL, currency="USDT", country="GB"),
    ],
)
def test_a_wallet_reads_back_as_it_was_written(wallet: Wallet) -> None:
    assert read(wallet) == wallet


@pytest.mark.parametrize("status", Status)
@pytest.mark.parametrize("kind", ExclusionKind)
def test_every_status_and_exclusion_reads_back(status: Status, kind: ExclusionKind) -> None:
    wallet = replace(EMPTY, status=status, exclusion=Exclusion(kind, 2**48 - 1, 2**48 - 1, 2**48 - 1))
    assert read(wallet) == wallet


@pytest.mark.parametrize("period", Period)
@pytest.mark.parametrize("kind", LimitKind)
@pytest.mark.parametrize("pending", [None, Pending(10**21, 2**40 - 1000), Pending(None, 0), Pending(0, 0, confirm=True)])
def test_every_limit_reads_back(kind: LimitKind, period: Period, pending: Pending | None) -> None:
    pending = pending and pending._replace(at_ms=pending.at_ms // 1000 * 1000)
    limit = Limit(kind, period, 10**21, pending=pending)
    if period is not Period.EACH:
        limit = replace(limit, used=2**80 - 1, anchor_ms=2**48 - 1, index=INDEX_TOP, after=2**40 - 1)
    assert read(replace(EMPTY, limits=(limit, limit))).limits == (limit, limit)


def test_a_use_beyond_the_field_stays_at_its_top() -> None:
    limit = Limit(LimitKind.WAGER, Period.DAY, 5, 2**80, NOW)
    assert limit.packed() == replace(limit, used=2**80 - 1).packed() != replace(limit, used=2**80 - 2).packed()


def test_the_packing_is_what_it_has_always_been() -> None:
    assert FULL.sessions[0].packed() == b"\x05hub88digest------\x0cearlier-----" + NOW.to_bytes(6, "big")
    assert FULL.sessions[1].packed() == b"\x01bdigest------\x00" + bytes(6)
    counter = bytes(9) + b"\x06" + NOW.to_bytes(6, "big") + b"\x00\x03" + b"\x00\x00\x00\x00\x09"
    assert FULL.limits[0].packed() == b"\x00" + bytes(8) + b"\x05" + counter
    assert FULL.limits[1].packed() == b"\xea" + (10**21).to_bytes(9, "big") + bytes(10 + 6 + 2 + 5) + b"\x00\x00\x00\x00\x0c"
    assert FULL.limits[2].packed() == b"\x2f" + bytes(8) + b"\x07" + b"\x00\x00\x00\x00\x05" + bytes(8) + b"\x08"
    heads = [Limit(kind, period, 0).packed()[0] for kind in LimitKind for period in Period]
    assert heads == list(range(20))
    assert len(COUNTING) == 3
    sums = [number.to_bytes(11, "big", signed=True) for number in (5, -6, 7, 1, 2, 3, 4, -5, 6)]
    packed = FULL.packed()
    assert packed.core == bytes((WALLET_FORMAT, 1)) + b"".join(sums) + b"MTEUR"
    assert packed.sessions == FULL.sessions[0].packed() + FULL.sessions[1].packed()
    assert packed.limits == b"".join(limit.packed() for limit in FULL.limits)
    assert packed.exclusion == b"\x02" + b"\x00\x00\x00\x00\x00\x01" + b"\x00\x00\x00\x00\x00\x02" + b"\x00\x00\x00\x00\x00\x03"
    instants = b"".join(number.to_bytes(6, "big") for number in (1, 2, 3))
    assert packed.play == instants + b"\xff" * 10 + b"\xfc" + bytes(10) + b"\x05" + b"\x00\x00\x00\x06" + b"\x00\x00\x07"
    assert EMPTY.packed() == Packed(bytes((WALLET_FORMAT, 0)) + bytes(99) + b"MTEUR")


def test_the_digest_is_what_it_has_always_been() -> None:
    assert FULL.state().hex() == "f6ff59c9da539f482ea60f1069904186"
    assert EMPTY.state().hex() == "0c2c7b8cbb7351b71cf2ca3ccefaefc6"


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
        "exclusion": None,
        "play": NEVER_PLAYED,
    }
    assert set(others) | {"head", "head_key"} == {field.name for field in fields(Wallet)}
    variants = [changed(FULL, **{name: value}) for name, value in others.items()]
    for name in ("kind", "period", "cap", "used", "anchor_ms", "index", "after", "pending"):
        value = {"kind": LimitKind.WAGER, "period": Period.WEEK, "pending": Pending(1, 1000)}.get(name, 99)
        variants.append(replace(FULL, limits=(changed(FULL.limits[0], **{name: value}), *FULL.limits[1:])))
    for name in ("since_ms", "until_ms", "reopens_at_ms"):
        variants.append(replace(FULL, exclusion=changed(FULL.exclusion, **{name: 99})))  # noqa: PERF401 - reads better
    variants += [replace(FULL, play=FULL.play._replace(**{name: 99})) for name in PlayClock._fields]
    assert len({variant.state() for variant in variants} | {FULL.state()}) == len(variants) + 1
    assert replace(FULL, head=NO_HASH, head_key="").state() == FULL.state()


@pytest.mark.parametrize(
    "packed",
    [
        Packed(b""),
        Packed(FULL.packed().core[:100]),
        Packed(b"\x02" + FULL.packed().core[1:]),
        Packed(FULL.packed().core[:1] + b"\x04" + FULL.packed().core[2:]),
        Packed(FULL.packed().core + b"\xff"),
        FULL.packed()._replace(sessions=b"\x05hub88digest"),
        FULL.packed()._replace(sessions=b"\x01\xffdigest------\x00" + bytes(6)),
        FULL.packed()._replace(sessions=FULL.packed().sessions + b"\x00"),
        FULL.packed()._replace(limits=FULL.packed().limits + b"\x00"),
        FULL.packed()._replace(limits=FULL.packed().limits[:-1]),
        FULL.packed()._replace(limits=b"\x14" + FULL.packed().limits[1:]),
        FULL.packed()._replace(limits=b"\x40" + FULL.packed().limits[1:]),  # no raise is pending, and yet it is a removal
        FULL.packed()._replace(exclusion=b"\x04" + bytes(18)),
        FULL.packed()._replace(exclusion=bytes(18)),
        FULL.packed()._replace(exclusion=bytes(20)),
        FULL.packed()._replace(play=bytes(47)),
        FULL.packed()._replace(play=b"\x01" * 46),
        FULL.packed()._replace(play=b"\x01" * 48),
    ],
)
def test_bytes_that_no_wallet_packed_are_not_read(packed: Packed) -> None:
    with pytest.raises((IndexError, ValueError)):
        Wallet.read(ANNA, 7, packed, FULL.head, FULL.head_key)


def test_reading_keeps_what_stands_beside_the_bytes() -> None:
    wallet = Wallet.read("pl_x", 3, EMPTY.packed(), b"z", "w")
    assert (wallet.player_id, wallet.version, wallet.head, wallet.head_key) == ("pl_x", 3, b"z", "w")
