"""Items: what is written reads back, what is not ours is refused, and none ever costs a second write unit."""

from dataclasses import replace
from typing import Any

import pytest

from countroom.ledger import items
from countroom.ledger.decide import Decision, decide
from countroom.ledger.items import ItemTooLarge, NotAnItem
from countroom.ledger.movements import (
    COUNTING,
    Adjustment,
    Bet,
    ExclusionKind,
    Kind,
    LimitKind,
    Period,
    Reason,
    Reference,
    Status,
    Win,
)
from countroom.ledger.records import Balances, Outcome, Record, Resolution, Tombstone
from countroom.ledger.safeguards import LimitChange, limit_name
from countroom.ledger.wallet import (
    INDEX_TOP,
    SESSIONS_MAX,
    Exclusion,
    GameSession,
    Limit,
    Pending,
    PlayClock,
    Totals,
    Wallet,
)
from countroom.money import AMOUNT_MAX
from tests.unit.ledger.examples import NONE, NOW, a_bet, decided, ref, wallet_with

LONGEST = Reference("s" * 12 + ":" + "n" * 16, "i" * 64)
TOP = 10**25 - 1
"""The largest balance in nanos that the sizes are checked for: ten thousand times the largest movement."""

DECISION = decided(wallet_with(cash=5, sessions=(GameSession("hub88", b"d" * 12, b"", NOW),)), a_bet(3))
STONE = Tombstone(ref("bet-1"), "pl_anna", ref("rollback-1"), NOW)
MARKER = Resolution(ref("bet-1"), ref("rollback-1"), Kind.ROLLBACK, "pl_anna")


LAST = 2**48 - 1
SECOND = LAST // 1000 * 1000
VERSION = 10**12 - 1


def every_limit() -> tuple[Limit, ...]:
    """Every limit that a wallet can have, used beyond its cap, with a raise pending that has to be confirmed."""
    pending = Pending(AMOUNT_MAX, SECOND, confirm=True)
    names = [(kind, period) for kind in LimitKind for period in Period if (kind in COUNTING) is (period is not Period.EACH)]
    counter = {"used": 2**80 - 1, "anchor_ms": LAST, "index": INDEX_TOP, "after": VERSION}
    return tuple(
        Limit(kind, period, AMOUNT_MAX, **(counter if kind in COUNTING else {}), pending=pending) for kind, period in names
    )


def fullest_wallet() -> Wallet:
    return Wallet(
        player_id="p" * 32,
        currency="USDT",
        country="MT",
        version=VERSION,
        cash=-TOP,
        bonus=-TOP,
        held=-TOP,
        status=Status.EXCLUDED,
        totals=Totals(-TOP, -TOP, -TOP, -TOP, -TOP, -TOP),
        sessions=tuple(GameSession(letter * 16, b"d" * 12, b"p" * 12, 2**48 - 1) for letter in "abcd"),
        limits=every_limit(),
        exclusion=Exclusion(ExclusionKind.SELF_EXCLUSION, LAST, LAST, LAST),
        play=PlayClock(LAST, LAST, LAST, TOP, TOP, 2**32 - 1, 2**24 - 1),
        head=b"h" * 32,
        head_key=LONGEST.text,
    )


def longest_record(**fields: Any) -> Record:
    longest = {name: max(values, key=len) for name, values in (("kind", Kind), ("outcome", Outcome), ("reason", Reason))}
    balances = Balances("USDT", -TOP, -TOP, -TOP, 10**12 - 1)
    common = {
        "limit": limit_name(LimitKind.SESSION, Period.EACH),
        "reference": LONGEST,
        "player_id": "p" * 32,
        "amount": AMOUNT_MAX - 1,
        "cash": -TOP,
        "bonus": -TOP,
        "held": -TOP,
    }
    seals = {"fingerprint": b"f" * 16, "state": b"s" * 16, "previous": b"p" * 32, "hash": b"h" * 32}
    chain = {"counter": LONGEST.source, "after": balances, "at_ms": 2**48 - 1, "previous_key": LONGEST.text}
    about = {"game": "", "round": "", "related": None, "note": ""}
    return Record(**{**longest, **common, **seals, **chain, **about, **fields})


def test_the_fullest_wallet_costs_one_write_unit() -> None:
    wallet = fullest_wallet()
    assert (len(wallet.sessions), len(wallet.limits)) == (SESSIONS_MAX, 3 * 3 + 2)
    assert items.item_bytes(items.checked_size(items.wallet_item(wallet))) == 1014
    assert items.wallet_of(items.wallet_item(wallet)) == wallet
    assert items.ITEM_BYTES_MAX == 1024


@pytest.mark.parametrize(
    "fields",
    [
        {"game": "g" * 64, "round": "r" * 64, "related": LONGEST},  # play
        {"amount": 0, "game": "g" * 64, "round": "r" * 64, "related": LONGEST, "note": f"free {AMOUNT_MAX - 1}"},  # and free rounds
        {"note": '"' * 80},  # corrections: a quote takes two bytes
        {"note": "\u00e9" * 80},
        {"note": "\U0001f3b0" * 40},
        {"game": "g" * 64, "note": "9" * 15},  # sessions
        {"note": f"deposit 24h none | {LimitChange(AMOUNT_MAX - 1, AMOUNT_MAX - 1, 2**48 - 1, confirm=True).text}"},
        {"note": f"| {LAST} {-TOP} {-TOP}"},  # reality checks
    ],
)
def test_the_longest_record_costs_one_write_unit(fields: dict[str, Any]) -> None:
    record = longest_record(**fields)
    assert items.item_bytes(items.checked_size(items.record_item(record))) <= 1024
    assert items.record_of(items.record_item(record)) == record


def test_the_longest_names_that_movements_allow_fit() -> None:
    wallet = replace(
        fullest_wallet(), cash=AMOUNT_MAX, bonus=AMOUNT_MAX, status=Status.ACTIVE, exclusion=None, limits=(), totals=Totals()
    )
    related = Reference(LONGEST.source, "j" * 64)
    bet = decided(wallet, Bet(related, "p" * 32, "USDT", AMOUNT_MAX, "g" * 64, "r" * 64))
    for movement in (
        Win(LONGEST, "p" * 32, "USDT", AMOUNT_MAX, "g" * 64, "r" * 64),
        Adjustment(LONGEST, "p" * 32, "USDT", -AMOUNT_MAX + 1, '"' * 76, "staff1"),
    ):
        decision = decided(bet.wallet, movement)
        items.checked_size(items.record_item(decision.record))
        items.checked_size(items.wallet_item(decision.wallet))


def test_an_item_of_exactly_one_kilobyte_is_let_through_and_no_larger_one() -> None:
    assert items.checked_size({"pk": {"S": "x" * 1022}}) == {"pk": {"S": "x" * 1022}}
    with pytest.raises(ItemTooLarge):
        items.checked_size({"pk": {"S": "x" * 1023}})


@pytest.mark.parametrize(
    ("item", "size"),
    [
        ({}, 0),
        ({"pk": {"S": ""}}, 2),
        ({"pk": {"S": "\u00e9"}}, 4),
        ({"u": {"B": b"123"}}, 4),
        ({"n": {"N": "0"}}, 4),
        ({"n": {"N": "7"}}, 3),
        ({"n": {"N": "77"}}, 4),
        ({"n": {"N": "777"}}, 4),
        ({"n": {"N": "-7"}}, 4),
        ({"n": {"N": "700"}}, 4),
    ],
)
def test_sizes_are_never_below_what_is_billed(item: dict[str, Any], size: int) -> None:
    assert items.item_bytes(item) == size


def test_an_attribute_of_another_type_is_not_ours() -> None:
    with pytest.raises(NotAnItem):
        items.item_bytes({"x": {"BOOL": True}})


@pytest.mark.parametrize(
    "wallet",
    [
        Wallet("pl_anna", "EUR", "MT"),
        DECISION.wallet,
        replace(fullest_wallet(), limits=()),
        replace(fullest_wallet(), limits=tuple(replace(limit, pending=None) for limit in every_limit())),
        replace(fullest_wallet(), exclusion=None),
        replace(fullest_wallet(), exclusion=Exclusion(ExclusionKind.TIME_OUT, 1, 2), play=PlayClock(interval_ms=1)),
    ],
)
def test_wallets_read_back(wallet: Wallet) -> None:
    item = items.wallet_item(wallet)
    assert item["pk"] == items.wallet_key(wallet.player_id)["pk"] == {"S": f"W#{wallet.player_id}"}
    assert item["v"] == {"N": str(wallet.version)}
    assert items.wallet_of(item) == wallet
    assert items.kind_of(item) == "wallet"
    assert "p" not in item


def test_records_read_back_and_are_the_only_items_of_the_index() -> None:
    record = DECISION.record
    item = items.record_item(record)
    assert item["pk"] == items.record_key(record.reference)["pk"] == {"S": "TX#game:hub88#bet-1"}
    assert (item["p"], item["n"]) == ({"S": "pl_anna"}, {"N": "8"})
    assert items.record_of(item) == items.entry_of(item) == record
    assert items.kind_of(item) == "record"
    for other in (items.wallet_item(DECISION.wallet), items.tombstone_item(STONE), items.resolution_item(MARKER)):
        assert not {"p", "n"} & set(other)


def test_a_recorded_refusal_reads_back() -> None:
    decision = decide(wallet_with(), NONE, a_bet(3), NOW)
    assert isinstance(decision, Decision)
    record = decision.record
    assert record.reason is Reason.INSUFFICIENT_FUNDS
    assert items.record_of(items.record_item(record)) == record


def test_tombstones_and_markers_read_back() -> None:
    stone = items.tombstone_item(STONE)
    assert stone["pk"] == items.record_key(STONE.reference)["pk"]
    assert items.entry_of(stone) == STONE
    assert items.kind_of(stone) == "tombstone"
    marker = items.resolution_item(MARKER)
    assert marker["pk"] == items.resolution_key(MARKER.of)["pk"] == {"S": "RS#game:hub88#bet-1"}
    assert items.resolution_of(marker) == MARKER
    assert items.kind_of(marker) == "resolution"
    assert items.kind_of({"pk": {"S": "X#1"}}) == "foreign"


@pytest.mark.parametrize("name", ["pk", "v", "d", "z", "w"])
def test_a_wallet_without_one_of_its_attributes_is_not_ours(name: str) -> None:
    item = items.wallet_item(DECISION.wallet)
    del item[name]
    with pytest.raises(NotAnItem):
        items.wallet_of(item)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("v", {"N": "x"}),
        ("v", {"S": "7"}),
        ("d", {"S": ""}),
        ("d", {"B": b""}),
        ("d", {"B": b"\x01\x00" + bytes(98)}),
        ("s", {"B": b"\x05"}),
        ("l", {"B": b"\x05"}),
        ("e", {"B": b"\x04" + bytes(18)}),
        ("e", {"B": bytes(18)}),
        ("c", {"B": bytes(47)}),
        ("c", {"B": b"\x01" * 46}),
    ],
)
def test_a_wallet_with_a_broken_attribute_is_not_ours(name: str, value: dict[str, Any]) -> None:
    with pytest.raises(NotAnItem):
        items.wallet_of({**items.wallet_item(DECISION.wallet), name: value})


@pytest.mark.parametrize("name", ["pk", "p", "n", "d", "u", "z"])
def test_a_record_without_one_of_its_attributes_is_not_ours(name: str) -> None:
    item = items.record_item(DECISION.record)
    del item[name]
    with pytest.raises(NotAnItem):
        items.record_of(item)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("pk", {"S": "TX#"}),
        ("pk", {"S": "TX#game:hub88"}),
        ("n", {"N": "x"}),
        ("d", {"S": "{}"}),
        ("d", {"S": "[]"}),
        ("d", {"S": "7"}),
        ("d", {"S": "{"}),
        ("d", {"S": DECISION.record.text().replace('"t":', '"q":5,"t":')}),
    ],
)
def test_a_record_with_a_broken_attribute_is_not_ours(name: str, value: dict[str, Any]) -> None:
    with pytest.raises(NotAnItem):
        items.entry_of({**items.record_item(DECISION.record), name: value})


@pytest.mark.parametrize("name", ["pk", "j", "q", "t"])
def test_a_tombstone_without_one_of_its_attributes_is_not_ours(name: str) -> None:
    item = items.tombstone_item(STONE)
    del item[name]
    with pytest.raises(NotAnItem):
        items.entry_of(item)


@pytest.mark.parametrize("name", ["pk", "j", "q", "k"])
def test_a_marker_without_one_of_its_attributes_is_not_ours(name: str) -> None:
    item = items.resolution_item(MARKER)
    del item[name]
    with pytest.raises(NotAnItem):
        items.resolution_of(item)
