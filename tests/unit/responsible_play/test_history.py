from dataclasses import replace
from typing import Any

import pytest

from countroom.ledger.book import Posted, Refused
from countroom.ledger.history import Filter, History
from countroom.ledger.movements import ExclusionKind, Kind, Reason, Reference, SetStatus, Status
from countroom.ledger.records import Outcome, Record
from countroom.ledger.safeguards import OpenDeposit, StartExclusion
from countroom.ledger.store import LedgerStore
from countroom.responsible_play.forms import Cap
from countroom.responsible_play.history import CHANGES, STOPPED, SafetyFilter, entry_view, page_view, text_of
from tests.unit.ledger.casino import TABLE, posted
from tests.unit.responsible_play.desk_world import DAY_MS, FOUND, MINUTE_MS, PLAYER, UNIT, Room, done

TOMORROW = "2 January 2026, 12:00 UTC"
LATER = f"from {TOMORROW} on if you confirm it then"


def page(room: Room, wanted: Filter | None = None, limit: int = 20, cursor: str | None = None) -> dict[str, Any]:
    found = History(LedgerStore(room.casino.client, TABLE)).page(PLAYER, wanted or SafetyFilter(), limit, cursor)
    assert found is not None
    return page_view(found)


def entries(room: Room) -> list[dict[str, Any]]:
    """What the history shows, newest first, along the chain of the wallet's records."""
    found, key = [], room.wallet.head_key
    while key:
        record = room.casino.book.find(Reference.from_text(key))
        assert isinstance(record, Record)
        if SafetyFilter().matches(record):
            found.append(entry_view(record))
        key = record.previous_key
    return found


def newest(room: Room) -> dict[str, Any]:
    return entries(room)[0]


def texts(room: Room) -> list[str]:
    return [entry["text"] for entry in entries(room)]


def test_the_life_of_a_limit() -> None:
    room = Room("GB", "GBP")
    desk = room.desk
    done(desk.set_limit(FOUND, "deposit", "24h", Cap("100.00")))
    done(desk.set_limit(FOUND, "deposit", "24h", Cap("100.00")))
    done(desk.set_limit(FOUND, "deposit", "24h", Cap("80.00")))
    done(desk.set_limit(FOUND, "deposit", "24h", Cap("90.00")))
    desk.confirm_raise(FOUND, "deposit", "24h")
    done(desk.withdraw_raise(FOUND, "deposit", "24h"))
    desk.withdraw_raise(FOUND, "deposit", "24h")
    done(desk.remove_limit(FOUND, "deposit", "24h"))
    room.clock.advance(milliseconds=DAY_MS)
    done(desk.confirm_raise(FOUND, "deposit", "24h"))
    assert texts(room) == [
        "You confirmed that you need no longer pay in at most 80.00 GBP in 24 hours.",
        f"You asked that you need no longer pay in at most 80.00 GBP in 24 hours, {LATER}.",
        "You wanted to take back a change of a limit, but none was waiting.",
        "You took back what you had asked for; it stays: pay in at most 80.00 GBP in 24 hours.",
        "You wanted to confirm a change of a limit, but none was ready for that.",
        f"You asked for a higher limit: pay in at most 90.00 GBP in 24 hours instead of 80.00 GBP, {LATER}.",
        "You lowered a limit: pay in at most 80.00 GBP in 24 hours instead of 100.00 GBP.",
        "You kept a limit: pay in at most 100.00 GBP in 24 hours.",
        "You set a limit: pay in at most 100.00 GBP in 24 hours.",
    ]


def test_a_higher_limit_that_is_confirmed() -> None:
    room = Room("GB", "GBP")
    done(room.desk.set_limit(FOUND, "session", "each", Cap(minutes=30)))
    done(room.desk.set_limit(FOUND, "session", "each", Cap(minutes=60)))
    room.clock.advance(milliseconds=DAY_MS)
    done(room.desk.confirm_raise(FOUND, "session", "each"))
    assert texts(room)[0] == "You confirmed a higher limit: play at most 1 hour without a break."
    assert texts(room)[1].startswith(
        "You asked for a higher limit: play at most 1 hour without a break instead of 30 minutes, from"
    )


def test_an_entry_names_the_limit_and_what_came_of_it() -> None:
    room = Room()
    done(room.desk.set_limit(FOUND, "loss", "7d", Cap("50.00")))
    entry = newest(room)
    assert entry == {
        "transaction_id": entry["transaction_id"],
        "at": "2026-01-01T12:00:00.000Z",
        "kind": "limit",
        "outcome": "applied",
        "reason": None,
        "limit": "loss 7d",
        "text": "You set a limit: lose at most 50.00 EUR in 7 days.",
    }
    room.desk.withdraw_raise(FOUND, "loss", "7d")
    entry = newest(room)
    assert (entry["kind"], entry["outcome"], entry["reason"]) == ("raise_withdrawn", "refused", "nothing_pending")
    assert entry["limit"] == "loss 7d"


def test_breaks_exclusions_and_the_way_back() -> None:
    room = Room()
    done(room.desk.exclude(FOUND, "time_out", "24h"))
    done(room.desk.exclude(FOUND, "self_exclusion", "6m"))
    room.desk.exclude(FOUND, "time_out", "7d")
    room.desk.ask_reopening(FOUND)
    exclusion = room.wallet.exclusion
    assert exclusion is not None
    room.clock.now_ms = exclusion.until_ms
    done(room.desk.ask_reopening(FOUND))
    assert texts(room) == [
        "You asked to be let in again; play opens on 2 July 2026, 12:00 UTC.",
        "You asked to be let in again before that was possible.",
        "You asked for a break or an exclusion that would have been shorter than the one that runs.",
        "You excluded yourself, until 1 July 2026, 12:00 UTC at least.",
        f"You began a break, until {TOMORROW}.",
    ]


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (ExclusionKind.REGISTER, f"A register named you as excluded, until {TOMORROW} at least."),
        (ExclusionKind.STAFF, f"We excluded you from play, until {TOMORROW} at least."),
    ],
)
def test_exclusions_by_others(kind: ExclusionKind, text: str) -> None:
    room = Room()
    posted(room.casino.book.post(StartExclusion(Reference("house:x", "1"), PLAYER, kind, room.clock() + DAY_MS)))
    assert texts(room) == [text]


@pytest.mark.parametrize(
    ("status", "text"),
    [
        (Status.BLOCKED, "We blocked your account."),
        (Status.EXCLUDED, "We excluded you from play."),
        (Status.ACTIVE, "We opened your account for play."),
    ],
)
def test_orders_of_staff(status: Status, text: str) -> None:
    room = Room()
    posted(room.casino.book.post(SetStatus(Reference("house:staff", "1"), PLAYER, status)))
    assert texts(room) == [text]


def test_a_refusal_of_a_kind_without_words_of_its_own() -> None:
    room = Room()
    room.casino.book.post(SetStatus(Reference("house:staff", "1"), PLAYER, Status.CLOSED))
    assert texts(room) == ["You asked for something that could not be done."]


def test_reality_checks() -> None:
    room = Room()
    room.launch()
    room.desk.acknowledge(FOUND)
    done(room.desk.set_interval(FOUND, 10))
    assert isinstance(room.bet(1), Posted)
    room.clock.advance(milliseconds=10 * MINUTE_MS)
    assert isinstance(room.bet(7), Refused)
    done(room.desk.acknowledge(FOUND))
    assert texts(room) == [
        "You acknowledged a reality check.",
        "A stake of 7.00 EUR was refused: a reality check was to be acknowledged first.",
        "You asked for a reality check every 10 minutes.",
        "You acknowledged a reality check, but none was due.",
    ]


@pytest.mark.parametrize(
    ("kind", "period", "cap", "why"),
    [
        ("wager", "24h", Cap("5.00"), "your limit on what you stake over 24 hours"),
        ("loss", "7d", Cap("5.00"), "your limit on what you lose over 7 days"),
        ("wager", "1m", Cap("5.00"), "your limit on what you stake over a month"),
        ("stake", "each", Cap("5.00"), "your limit on a single stake"),
    ],
)
def test_stakes_that_a_limit_refused(kind: str, period: str, cap: Cap, why: str) -> None:
    room = Room()
    done(room.desk.set_limit(FOUND, kind, period, cap))
    assert isinstance(room.bet(6), Refused)
    assert newest(room)["limit"] == f"{kind} {period}"
    assert newest(room)["text"] == f"A stake of 6.00 EUR was refused: {why}."


def test_a_session_that_was_over() -> None:
    room = Room()
    done(room.desk.set_limit(FOUND, "session", "each", Cap(minutes=10)))
    assert isinstance(room.bet(1), Posted)
    room.clock.advance(milliseconds=10 * MINUTE_MS)
    assert isinstance(room.bet(1), Refused)
    assert newest(room)["text"] == "A stake of 1.00 EUR was refused: your limit on playing without a break."


def test_deposits_that_were_refused() -> None:
    room = Room()
    done(room.desk.set_limit(FOUND, "deposit", "24h", Cap("10.00")))
    room.casino.book.post(OpenDeposit.of(PLAYER, "dep_1", "EUR", 10 * UNIT + 1))
    assert newest(room)["text"] == "A deposit of 10.000000001 EUR was refused: your limit on what you pay in over 24 hours."
    done(room.desk.exclude(FOUND, "time_out", "24h"))
    room.casino.book.post(OpenDeposit.of(PLAYER, "dep_2", "EUR", UNIT))
    assert newest(room)["text"] == "A deposit of 1.00 EUR was refused: you were taking a break or were excluded."


def test_what_went_through_and_what_was_refused_for_other_reasons_is_not_shown() -> None:
    room = Room()
    room.launch()
    assert isinstance(room.bet(1), Posted)
    assert isinstance(room.bet(5_000), Refused)
    room.win(1)
    posted(room.casino.book.post(OpenDeposit.of(PLAYER, "dep_1", "EUR", UNIT)))
    assert entries(room) == []


def test_pages_go_on_where_they_stopped(dynamodb: Any) -> None:
    room = Room(client=dynamodb)
    for cap in ("50.00", "40.00", "30.00"):
        done(room.desk.set_limit(FOUND, "deposit", "24h", Cap(cap)))
        room.clock.advance(seconds=60)
    first = page(room, limit=2)
    second = page(room, limit=2, cursor=first["next_cursor"])
    assert [len(first["items"]), len(second["items"])] == [2, 1]
    assert second["items"][0]["text"].startswith("You set a limit")
    assert second["next_cursor"] is None


def test_a_year_is_there_and_can_be_narrowed(dynamodb: Any) -> None:
    room = Room(client=dynamodb)
    start_ms = room.clock()
    done(room.desk.set_limit(FOUND, "deposit", "24h", Cap("50.00")))
    room.clock.advance(milliseconds=400 * DAY_MS)
    done(room.desk.set_limit(FOUND, "deposit", "24h", Cap("40.00")))
    assert len(page(room)["items"]) == 2
    assert len(page(room, SafetyFilter(from_ms=start_ms + 1))["items"]) == 1
    assert len(page(room, SafetyFilter(to_ms=start_ms + 1))["items"]) == 1


def record(kind: Kind, **fields: Any) -> Record:
    """A record of a kind as it might be, for words that no ledger of today writes."""
    room = Room()
    found = room.casino.book.find(Reference("gateway:standard", "d1"))
    assert isinstance(found, Record)
    return replace(found, kind=kind, **fields)


def test_every_kind_has_words_whatever_its_note() -> None:
    assert text_of(record(Kind.RAISE_WITHDRAWN, note="deposit 24h")) == "You took back a change of a limit."
    assert text_of(record(Kind.RAISE_CONFIRMED, note="deposit 24h")) == "You confirmed a change of a limit."
    assert text_of(record(Kind.LIMIT, note="deposit 24h")) == "You asked for another limit, and that could not be done."
    assert text_of(record(Kind.REOPENING, note="")) == "You asked to be let in again."
    assert text_of(record(Kind.CHECK_INTERVAL, note="0")) == "You asked for no reality checks."
    stopped = record(Kind.BET, outcome=Outcome.REFUSED, reason=Reason.LIMIT_REACHED, limit="")
    assert text_of(stopped).endswith("was refused: a limit of yours.")
    assert entry_view(stopped)["limit"] is None


def test_the_kinds_do_not_overlap() -> None:
    assert not CHANGES & STOPPED
    assert SafetyFilter().kinds == CHANGES | STOPPED
