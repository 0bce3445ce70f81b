"""A provider's list of games, read strictly: everything that is wrong with it is named, and nothing of it is used then.

An entry is ``{"id", "provider", "code", "name", "category", "rtp", "currencies", "countries", "stakes", "enabled"}``; the
category is one of those that the house knows (see `_CATEGORY`). Pure.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

from countroom import money
from countroom.games.catalogue import EVERYWHERE, Game, StakeRange

GAMES_MAX: Final = 10_000
"""Games of one list, and of the whole catalogue."""

FAULTS_MAX: Final = 50
"""How many wrong entries a refusal names; it says how many there are."""

_ID: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,63}", re.ASCII)
_PROVIDER: Final = re.compile(r"[a-z][a-z0-9_]{1,31}", re.ASCII)
_CODE: Final = re.compile(r"[A-Za-z0-9._:|@~+=/-]{1,64}", re.ASCII)
_CATEGORY: Final = re.compile(r"slots|table|card|live|poker|bingo|lottery|scratch|crash", re.ASCII)
"""The categories that the house knows. Stake caps go by them, so a game under a word of its provider's own could slip past one."""

_RTP: Final = re.compile(r"(?:100(?:\.0{1,2})?|[1-9]?[0-9](?:\.[0-9]{1,2})?)", re.ASCII)
_COUNTRY: Final = re.compile(r"[A-Z]{2}", re.ASCII)
_NAME_MAX: Final = 80
_CURRENCIES_MAX: Final = 250
_COUNTRIES_MAX: Final = 250
_FIELDS: Final = ("id", "provider", "code", "name", "category", "rtp", "currencies", "countries", "stakes", "enabled")
_WORDS: Final[Mapping[str, re.Pattern[str]]] = {"id": _ID, "provider": _PROVIDER, "code": _CODE, "category": _CATEGORY, "rtp": _RTP}


class BadList(ValueError):
    """A list that is not used. `faults` are ``(entry, what is wrong)``, at most FAULTS_MAX of `count`.

    An entry is named by its id where that can be read, else by its place: ``#0`` is the first.
    """

    def __init__(self, faults: Sequence[tuple[str, str]]) -> None:
        super().__init__("; ".join(f"{name}: {fault}" for name, fault in faults[:3]))
        self.faults = tuple(faults[:FAULTS_MAX])
        self.count = len(faults)


class _Fault(ValueError):
    """What is wrong with one entry; never repeats a value of it."""


def is_game_id(text: object) -> bool:
    """Tell whether something can be our id of a game."""
    return isinstance(text, str) and _ID.fullmatch(text) is not None


def is_provider(text: object) -> bool:
    """Tell whether something can name a provider."""
    return isinstance(text, str) and _PROVIDER.fullmatch(text) is not None


def read_list(entries: object, provider: str) -> tuple[Game, ...]:
    """Read the games of one provider; raise BadList with every wrong entry."""
    if not isinstance(entries, list):
        raise BadList([("games", "must be a list")])
    if not entries:  # it would take every game of the provider off, which staff can do by name
        raise BadList([("games", "must name at least one")])
    if len(entries) > GAMES_MAX:
        raise BadList([("games", f"has more than {GAMES_MAX} entries")])
    faults: list[tuple[str, str]] = []
    games: list[Game] = []
    for place, entry in enumerate(entries):
        try:
            games.append(_read_entry(entry, provider))
        except _Fault as fault:
            faults.append((_name_of(entry, place), str(fault)))
    faults += _twice(games)
    if faults:
        raise BadList(faults)
    return tuple(games)


def _twice(games: Sequence[Game]) -> Iterator[tuple[str, str]]:
    ids: set[str] = set()
    codes: set[str] = set()
    for game in games:
        if game.id in ids:
            yield game.id, "the id appears twice"
        if game.code in codes:
            yield game.id, "the code appears twice"
        ids.add(game.id)
        codes.add(game.code)


def _name_of(entry: object, place: int) -> str:
    if isinstance(entry, dict) and is_game_id(entry.get("id")):
        return str(entry["id"])
    return f"#{place}"


def _read_entry(entry: object, provider: str) -> Game:
    if not isinstance(entry, dict):
        raise _Fault("must be an object")
    if missing := [name for name in _FIELDS if name not in entry]:
        raise _Fault(f"{missing[0]} is missing")
    if entry.keys() - set(_FIELDS):
        raise _Fault("has a field that is not known")
    words = {name: _word(entry, name, pattern) for name, pattern in _WORDS.items()}
    if words["provider"] != provider:
        raise _Fault("is of another provider")
    name = entry["name"]
    if not isinstance(name, str) or not name.isprintable() or not 0 < len(name.strip()) <= len(name) <= _NAME_MAX:
        raise _Fault(f"name must be 1 to {_NAME_MAX} printable characters")
    if not isinstance(entry["enabled"], bool):
        raise _Fault("enabled must be true or false")
    currencies = frozenset(_currency(code) for code in _texts(entry, "currencies", _CURRENCIES_MAX))
    return Game(
        id=words["id"],
        provider=provider,
        code=words["code"],
        name=name,
        category=words["category"],
        rtp=words["rtp"],
        currencies=currencies,
        countries=frozenset(_country(code) for code in _texts(entry, "countries", _COUNTRIES_MAX)),
        stakes=MappingProxyType(_stakes(entry["stakes"], currencies)),
        enabled=entry["enabled"],
    )


def _word(entry: Mapping[str, Any], name: str, pattern: re.Pattern[str]) -> str:
    value = entry[name]
    if not isinstance(value, str) or not pattern.fullmatch(value):
        raise _Fault(f"{name} is not in its form")
    return value


def _texts(entry: Mapping[str, Any], name: str, most: int) -> list[str]:
    value = entry[name]
    if not isinstance(value, list) or not 0 < len(value) <= most or not all(isinstance(text, str) for text in value):
        raise _Fault(f"{name} must be a list of 1 to {most} texts")
    if len(set(value)) != len(value):
        raise _Fault(f"{name} names something twice")
    return value


def _currency(code: str) -> str:
    try:
        return money.currency(code).code
    except money.UnknownCurrency:
        raise _Fault("currencies has a code that is not known") from None


def _country(code: str) -> str:
    if code != EVERYWHERE and not _COUNTRY.fullmatch(code):
        raise _Fault("countries must be ISO 3166 codes of two letters, or *")
    return code


def _stakes(value: object, currencies: frozenset[str]) -> dict[str, StakeRange]:
    if not isinstance(value, dict):
        raise _Fault("stakes must be an object")
    if value.keys() - currencies:
        raise _Fault("stakes has a currency that the game does not take")
    return {code: _stake_range(code, bounds) for code, bounds in value.items()}


def _stake_range(code: str, bounds: object) -> StakeRange:
    if not isinstance(bounds, dict) or bounds.keys() - {"min", "max"}:
        raise _Fault(f"the stakes in {code} may have min and max only")
    minimum, maximum = (_bound(code, bounds[name]) if name in bounds else None for name in ("min", "max"))
    if minimum is not None and maximum is not None and minimum > maximum:
        raise _Fault(f"the smallest stake in {code} is above the largest")
    return StakeRange(minimum, maximum)


def _bound(code: str, text: object) -> int:
    try:
        return money.parse_amount(text if isinstance(text, str) else "", money.currency(code))
    except money.InvalidAmount:
        raise _Fault(f"a bound of the stakes in {code} is no amount of it") from None
