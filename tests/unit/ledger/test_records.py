"""Records as values: both legs, the seal over every field, and the id that a player may quote."""

import base64
import json
from dataclasses import fields, replace

import pytest

from countroom.ledger.movements import InvalidReference, Kind, Reason, Reference
from countroom.ledger.records import (
    RECORD_FORMAT,
    Balances,
    Outcome,
    Posting,
    Record,
    public_id_of,
    reference_of,
)
from tests.unit.ledger.examples import ANNA, GAME, NOW, changed, ref

FULL = Record(
    reference=ref("win-1"),
    kind=Kind.WIN,
    outcome=Outcome.REFUSED,
    reason=Reason.LIMIT_REACHED,
    player_id=ANNA,
    amount=9,
    cash=4,
    bonus=5,
    held=-2,
    counter=GAME,
    after=Balances("EUR", 10, 11, 12, 7),
    at_ms=NOW,
    game="slot",
    round="round-1",
    related=ref("bet-1"),
    note="a note: \u00e9",
    fingerprint=b"f" * 16,
    state=b"s" * 16,
    previous=b"p" * 32,
    previous_key="game:hub88#before",
    hash=b"h" * 32,
)
BARE = replace(
    FULL,
    outcome=Outcome.APPLIED,
    reason=None,
    counter="",
    game="",
    round="",
    related=None,
    note="",
    cash=0,
    bonus=0,
    held=0,
)


def read(record: Record, text: str) -> Record:
    return Record.read(record.reference, record.player_id, record.version, text, record.previous, record.hash)


def test_balances_can_be_staked_but_for_what_is_held() -> None:
    assert FULL.after.available == 21


def test_the_version_of_a_record_is_that_of_the_wallet_after_it() -> None:
    assert FULL.version == 7


@pytest.mark.parametrize(
    ("moved", "legs"),
    [
        ((0, 0, 0), ()),
        ((5, 0, 0), (("player:pl_anna:cash", 5), (GAME, -5))),
        ((-3, -2, 0), (("player:pl_anna:cash", -3), ("player:pl_anna:bonus", -2), (GAME, 5))),
        ((-5, 0, 5), (("player:pl_anna:cash", -5), ("player:pl_anna:held", 5))),
        ((0, 0, -5), (("player:pl_anna:held", -5), (GAME, 5))),
        ((1, 2, 4), (("player:pl_anna:cash", 1), ("player:pl_anna:bonus", 2), ("player:pl_anna:held", 4), (GAME, -7))),
    ],
)
def test_legs_add_up_to_nothing(moved: tuple[int, int, int], legs: tuple[tuple[str, int], ...]) -> None:
    cash, bonus, held = moved
    record = replace(FULL, cash=cash, bonus=bonus, held=held)
    assert record.postings == tuple(Posting(*leg) for leg in legs)
    assert sum(posting.amount for posting in record.postings) == 0


def test_the_text_is_what_it_has_always_been() -> None:
    assert RECORD_FORMAT == 1
    assert FULL.text() == (
        '{"i":1,"k":"win","o":"refused","a":9,"c":[4,5,-2],"m":"EUR","b":[10,11,12],"t":1767268800000,'
        f'"f":"{"66" * 16}","s":"{"73" * 16}","w":"game:hub88#before","y":"limit_reached","x":"game:hub88","g":"slot",'
        '"r":"round-1","q":"game:hub88#bet-1","d":"NOTE"}'
    ).replace("NOTE", FULL.note)
    assert set(json.loads(BARE.text())) == set("ikoacmbtfsw")


def test_the_seal_is_what_it_has_always_been() -> None:
    assert FULL.sealed().hex() == "d95b6273e8e8ba8c1760e20d765bdc3e3779bf7de9cba425bf0ac3a1ef84e906"
    assert BARE.sealed().hex() == "5f8fa6c78b7009d4c86bfd179e61b991bf5d0e462a5c1b36177b0414e0bef526"


@pytest.mark.parametrize("record", [FULL, BARE, replace(BARE, game="slot"), replace(BARE, related=ref("bet-1"))])
def test_a_record_reads_back_as_it_was_written(record: Record) -> None:
    assert read(record, record.text()) == record


@pytest.mark.parametrize("name", ["reason", "counter", "game", "round", "related", "note"])
def test_each_field_that_may_be_empty_reads_back_alone(name: str) -> None:
    record = changed(BARE, **{name: getattr(FULL, name)})
    assert read(record, record.text()) == record


def test_the_limit_that_refused_is_named_where_one_did() -> None:
    limited = replace(FULL, limit="wager 24h")
    assert limited.text() == FULL.text()[:-1] + ',"l":"wager 24h"}'
    assert read(limited, limited.text()) == limited
    assert read(FULL, FULL.text()).limit == ""


def test_no_field_can_change_without_breaking_the_seal() -> None:
    others: dict[str, object] = {
        "reference": ref("win-2"),
        "kind": Kind.BET,
        "outcome": Outcome.APPLIED,
        "reason": Reason.LIMIT_RAISE,
        "player_id": "pl_ben",
        "amount": 10,
        "cash": 5,
        "bonus": 6,
        "held": -3,
        "counter": "game:other",
        "after": replace(FULL.after, currency="USD"),
        "at_ms": NOW + 1,
        "game": "slot2",
        "round": "",
        "related": None,
        "note": "another",
        "fingerprint": b"g" * 16,
        "state": b"t" * 16,
        "previous": b"q" * 32,
        "previous_key": "",
        "limit": "loss 7d",
    }
    assert set(others) | {"hash"} == {field.name for field in fields(Record)}
    variants = [changed(FULL, **{name: value}) for name, value in others.items()]
    for name in ("cash", "bonus", "held", "version"):
        variants.append(changed(FULL, after=changed(FULL.after, **{name: 99})))  # noqa: PERF401 - reads better
    assert len({variant.sealed() for variant in variants} | {FULL.sealed()}) == len(variants) + 1
    assert replace(FULL, hash=b"").sealed() == FULL.sealed()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"i":1', '"i":2'),
        ('"k":"win"', '"k":"loss"'),
        ('"o":"refused"', '"o":"perhaps"'),
        ('"y":"limit_reached"', '"y":"tired"'),
        ('"a":9,', ""),
        ('"c":[4,5,-2]', '"c":[4,5]'),
        ('"c":[4,5,-2]', '"c":4'),
        ('"q":"game:hub88#bet-1"', '"q":"bet-1"'),
        ('"f":"66', '"f":"6'),
        (",", ", "),
        ("}", ',"more":1}'),
        ("}", ""),
    ],
)
def test_a_text_that_no_record_wrote_is_not_read(old: str, new: str) -> None:
    text = FULL.text().replace(old, new, 1)
    assert text != FULL.text()
    with pytest.raises((KeyError, TypeError, ValueError)):
        read(FULL, text)


@pytest.mark.parametrize("transaction_id", ["1", "ab", "abc", "abcd", "x" * 64, "a/b+c~d"])
def test_a_public_id_leads_back_to_its_reference(transaction_id: str) -> None:
    reference = ref(transaction_id)
    record = replace(FULL, reference=reference)
    assert record.public_id == public_id_of(reference)
    assert record.public_id.startswith("tx_")
    assert "=" not in record.public_id
    assert reference_of(record.public_id) == reference


def test_the_public_id_is_what_it_has_always_been() -> None:
    assert public_id_of(ref("bet-1")) == "tx_" + base64.b64encode(b"game:hub88#bet-1").decode().rstrip("=")
    assert public_id_of(Reference("a:b", "~~?".replace("?", "|"))) == "tx_YTpiI35-fA"


@pytest.mark.parametrize(
    "public_id",
    [
        "",
        "tx_",
        "YTpiIzE",
        "ty_YTpiIzE",
        "TX_YTpiIzE",
        "tx_YTpiIzE=",  # padded
        "tx_YTpiIzF",  # other bits behind the last character
        "tx_YTpiIz",  # no id
        "tx_YTpi",  # no separator
        "tx_YTpi!IzE",
        "tx_YTpiIzE\n",
        "tx_YTpiI35+fA",  # the other alphabet
        "tx_A",
        "tx_" + base64.urlsafe_b64encode("a:b#\u00e9".encode()).decode().rstrip("="),
        "tx_\u00e9",
    ],
)
def test_any_other_public_id_is_refused(public_id: str) -> None:
    with pytest.raises(InvalidReference):
        reference_of(public_id)
