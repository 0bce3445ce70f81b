"""Markers of harm: simple rules, each explained, that ask people to look at how a player plays. Pure.

A marker blocks nothing: it opens a case for staff, who speak with the player (UKGC LCCP SR 3.4.3; the MGA's Player Protection
Directive, as amended in January 2023, asks for markers of harm too). Which behaviour is looked at follows the indicators that
SR 3.4.3 names in its requirement 5; the figures are the house's own choice, for no rule names any.

Each rule is about *facts*, and a fact is read off one record and named after it. More facts only ever make a rule be met more
often. So neither repeats nor the order in which records come change what is found once they all have, and nothing counts twice.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import cache
from types import MappingProxyType
from typing import Final
from zoneinfo import ZoneInfo

from countroom.ledger.movements import Kind, Reason
from countroom.ledger.records import Outcome, Record
from countroom.ledger.safeguards import change_of
from countroom.responsible_play.trail import slot_of
from countroom.times import DAY_MS

HOUR_MS: Final = 60 * 60_000
WEEK_MS: Final = 7 * DAY_MS

CHASING_DEPOSITS: Final = 3
CHASING_WITHIN_MS: Final = DAY_MS
CHASING_AFTER_MS: Final = HOUR_MS
EMPTY_SHARE: Final = 10
"""A wallet counts as empty when it holds less than one part in so many of what is paid into it."""

RAPID_DEPOSITS: Final = 4
RAPID_WITHIN_MS: Final = HOUR_MS

CANCELLED_WITHDRAWALS: Final = 2
CANCELLED_WITHIN_MS: Final = WEEK_MS

RAISES: Final = 3
RAISES_WITHIN_MS: Final = 30 * DAY_MS

NIGHT_ENDS_HOUR: Final = 6
NIGHT_QUARTERS: Final = 4
NIGHTS: Final = 3
NIGHTS_WITHIN_DAYS: Final = 7

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_DAY: Final = _EPOCH.toordinal()

ZONES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "AT": "Europe/Vienna",
        "CA": "America/Toronto",
        "CH": "Europe/Zurich",
        "CY": "Asia/Nicosia",
        "CZ": "Europe/Prague",
        "DE": "Europe/Berlin",
        "DK": "Europe/Copenhagen",
        "EE": "Europe/Tallinn",
        "ES": "Europe/Madrid",
        "FI": "Europe/Helsinki",
        "GB": "Europe/London",
        "GR": "Europe/Athens",
        "HR": "Europe/Zagreb",
        "HU": "Europe/Budapest",
        "IE": "Europe/Dublin",
        "IS": "Atlantic/Reykjavik",
        "IT": "Europe/Rome",
        "LI": "Europe/Vaduz",
        "LT": "Europe/Vilnius",
        "LU": "Europe/Luxembourg",
        "LV": "Europe/Riga",
        "MT": "Europe/Malta",
        "MX": "America/Mexico_City",
        "NO": "Europe/Oslo",
        "NZ": "Pacific/Auckland",
        "PE": "America/Lima",
        "PT": "Europe/Lisbon",
        "RO": "Europe/Bucharest",
        "SE": "Europe/Stockholm",
        "SI": "Europe/Ljubljana",
        "SK": "Europe/Bratislava",
    }
)
"""The time of day of a country. Of one with several zones it is that of most people, or of the province that we are licensed in."""


class Marker(StrEnum):
    """What a case may be about."""

    CHASING_LOSSES = "chasing_losses"
    NIGHT_PLAY = "night_play"
    CANCELLED_WITHDRAWALS = "cancelled_withdrawals"
    RAISED_LIMITS = "raised_limits"
    RAPID_DEPOSITS = "rapid_deposits"


class FactKind(StrEnum):
    """What a fact says of a player."""

    DEPOSIT = "deposit"  # he paid in, or wanted to and a limit refused it
    EMPTY = "empty"  # he paid in when next to nothing was left
    PLAYED_OUT = "out"  # he staked so much that he could not stake the same again
    CANCELLED = "cancelled"  # he called a withdrawal back
    RAISE = "raise"  # he asked for a higher limit, or for none
    NIGHT = "night"  # he played in that quarter hour of the night


@dataclass(frozen=True, slots=True)
class Fact:
    """One fact of a player, at an instant (epoch milliseconds). `name` is the record's, or a night's quarter hour.

    `night`: the day, counted from 1970-01-01, to whose early hours it belongs where the player lives; 0 for what is no night play.
    """

    kind: FactKind
    at_ms: int
    name: str
    night: int = 0


@dataclass(frozen=True, slots=True)
class Rule:
    """A marker as staff see it: what was done, over which time it is counted, and for how long one case stands for it.

    `facts` are the kinds it is about; `reach_ms` is how far before and after one of them others matter to it.
    """

    marker: Marker
    explanation: str
    source: str
    facts: tuple[FactKind, ...]
    reach_ms: int
    case_ms: int

    def period_of(self, at_ms: int) -> int:
        """Give the start of the period, counted from 1970 on, whose case stands for the rule's being met at an instant."""
        return at_ms - at_ms % self.case_ms


_CHOICE: Final = "The figures are the house's own choice."

RULES: Final[Mapping[Marker, Rule]] = MappingProxyType(
    {
        rule.marker: rule
        for rule in (
            Rule(
                Marker.CHASING_LOSSES,
                f"The player paid in at least {CHASING_DEPOSITS} times within {CHASING_WITHIN_MS // HOUR_MS} hours, each time when "
                f"less than a {EMPTY_SHARE}th of the new deposit was left, within {CHASING_AFTER_MS // 60_000} minutes of a stake "
                "after which the money did not cover the same stake again. That is what trying to win back a loss looks like.",
                f"UKGC SR 3.4.3 requirement 5d (gambling behaviour: chasing losses). {_CHOICE}",
                (FactKind.EMPTY, FactKind.PLAYED_OUT),
                CHASING_WITHIN_MS + CHASING_AFTER_MS,
                DAY_MS,
            ),
            Rule(
                Marker.NIGHT_PLAY,
                f"The player played in at least {NIGHT_QUARTERS} quarter hours between midnight and {NIGHT_ENDS_HOUR} in the "
                f"morning, on at least {NIGHTS} of {NIGHTS_WITHIN_DAYS} nights in a row, by the clock of his country.",
                f"UKGC SR 3.4.3 requirement 5c (time spent gambling, time of day). {_CHOICE}",
                (FactKind.NIGHT,),
                (NIGHTS_WITHIN_DAYS + 1) * DAY_MS,
                WEEK_MS,
            ),
            Rule(
                Marker.CANCELLED_WITHDRAWALS,
                f"The player called back at least {CANCELLED_WITHDRAWALS} withdrawals within {CANCELLED_WITHIN_MS // DAY_MS} days.",
                f"UKGC SR 3.4.3 requirement 5g (account indicators: cancelled withdrawals). {_CHOICE}",
                (FactKind.CANCELLED,),
                CANCELLED_WITHIN_MS,
                CANCELLED_WITHIN_MS,
            ),
            Rule(
                Marker.RAISED_LIMITS,
                f"The player asked at least {RAISES} times within {RAISES_WITHIN_MS // DAY_MS} days for a higher limit or none.",
                f"UKGC SR 3.4.3 requirement 5f (use of gambling management tools: changing limits). {_CHOICE}",
                (FactKind.RAISE,),
                RAISES_WITHIN_MS,
                RAISES_WITHIN_MS,
            ),
            Rule(
                Marker.RAPID_DEPOSITS,
                f"The player paid in, or wanted to and was refused by his limit, at least {RAPID_DEPOSITS} times within "
                f"{RAPID_WITHIN_MS // 60_000} minutes.",
                f"UKGC SR 3.4.3 requirement 5b (patterns of spend: frequency of deposits). {_CHOICE}",
                (FactKind.DEPOSIT,),
                RAPID_WITHIN_MS,
                DAY_MS,
            ),
        )
    }
)


def concerned(kinds: Iterable[FactKind]) -> list[Rule]:
    """Give the rules that facts of these kinds matter to."""
    told = frozenset(kinds)
    return [rule for rule in RULES.values() if told.intersection(rule.facts)]


@cache
def zone_of(country: str) -> ZoneInfo:
    """Give the zone by whose clock a country's nights are told; UTC for one that has none here."""
    return ZoneInfo(ZONES.get(country, "UTC"))


def night_of(at_ms: int, country: str) -> int | None:
    """Give the day, counted from 1970-01-01, in whose early hours an instant lies by a country's clock; None by day.

    The instant itself is on no clock: in a night in which one hour comes twice, both count.
    """
    local = (_EPOCH + timedelta(milliseconds=at_ms)).astimezone(zone_of(country))
    return local.toordinal() - _EPOCH_DAY if local.hour < NIGHT_ENDS_HOUR else None


def facts_of(record: Record, country: str, *, cancelled: bool = False) -> tuple[Fact, ...]:
    """Read off a record what markers ask about. `cancelled`: it released a withdrawal that its player called back."""
    if cancelled:
        return (_fact(FactKind.CANCELLED, record),)
    match record.kind:
        case Kind.BET if record.outcome is Outcome.APPLIED:
            return tuple(_of_stake(record, country))
        case Kind.DEPOSIT if record.outcome is Outcome.APPLIED:
            before = record.after.available - record.amount
            empty = (_fact(FactKind.EMPTY, record),) if before * EMPTY_SHARE < record.amount else ()
            return (_fact(FactKind.DEPOSIT, record), *empty)
        case Kind.DEPOSIT_OPENED if record.reason is Reason.LIMIT_REACHED:
            return (_fact(FactKind.DEPOSIT, record),)
        case Kind.LIMIT if _is_raise(record):
            return (_fact(FactKind.RAISE, record),)
    return ()


def _of_stake(record: Record, country: str) -> Iterator[Fact]:
    if record.after.available < record.amount:
        yield _fact(FactKind.PLAYED_OUT, record)
    slot = slot_of(record.at_ms)
    if (night := night_of(slot, country)) is not None:
        yield Fact(FactKind.NIGHT, slot, str(slot), night)


def _fact(kind: FactKind, record: Record) -> Fact:
    return Fact(kind, record.at_ms, record.reference.text)


def _is_raise(record: Record) -> bool:
    """Whether a player asked for a higher limit or for none, granted, waiting or refused."""
    change = change_of(record)
    if change is None:
        return record.reason is Reason.LIMIT_RAISE
    return change.before is not None and (change.after is None or change.after > change.before)


def met(rule: Rule, facts: Iterable[Fact]) -> frozenset[int]:
    """Give the instants at which a rule is met by facts of one player: of each fact that makes the number full, or overfull.

    A number within a time means within less than it: what lies exactly the time apart does not count together.
    """
    known = sorted(set(facts), key=lambda fact: (fact.at_ms, fact.name))
    match rule.marker:
        case Marker.CHASING_LOSSES:
            return _crowded(list(_chasing(known)), CHASING_DEPOSITS, CHASING_WITHIN_MS)
        case Marker.NIGHT_PLAY:
            return _nights(known)
        case Marker.CANCELLED_WITHDRAWALS:
            return _crowded(_instants(known, FactKind.CANCELLED), CANCELLED_WITHDRAWALS, CANCELLED_WITHIN_MS)
        case Marker.RAISED_LIMITS:
            return _crowded(_instants(known, FactKind.RAISE), RAISES, RAISES_WITHIN_MS)
        case Marker.RAPID_DEPOSITS:
            return _crowded(_instants(known, FactKind.DEPOSIT), RAPID_DEPOSITS, RAPID_WITHIN_MS)


def _instants(facts: Iterable[Fact], kind: FactKind) -> list[int]:
    return [fact.at_ms for fact in facts if fact.kind is kind]


def _crowded(instants: list[int], number: int, within_ms: int) -> frozenset[int]:
    """Give those of sorted instants that end a run of a number within a time."""
    pairs = zip(instants, instants[number - 1 :], strict=False)
    return frozenset(last for first, last in pairs if last - first < within_ms)


def _chasing(facts: list[Fact]) -> Iterator[int]:
    """Yield when a player paid in with next to nothing left, soon after he had played the wallet down."""
    # A stake and a deposit of the same millisecond may be told in either order: the stake counts as the earlier one.
    outs = _instants(facts, FactKind.PLAYED_OUT)
    place = 0
    played_out: int | None = None
    for at_ms in _instants(facts, FactKind.EMPTY):
        while place < len(outs) and outs[place] <= at_ms:
            played_out, place = outs[place], place + 1
        if played_out is not None and at_ms - played_out < CHASING_AFTER_MS:
            yield at_ms


def _nights(facts: Iterable[Fact]) -> frozenset[int]:
    """Give the nights, as the midnights (UTC) of their days, that end a run: enough nights of enough play."""
    quarters: dict[int, set[int]] = {}
    for fact in facts:
        if fact.kind is FactKind.NIGHT:
            quarters.setdefault(fact.night, set()).add(fact.at_ms)
    nights = sorted(night for night, played in quarters.items() if len(played) >= NIGHT_QUARTERS)
    return frozenset(day * DAY_MS for day in _crowded(nights, NIGHTS, NIGHTS_WITHIN_DAYS))
