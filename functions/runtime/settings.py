"""Typed settings of one Lambda, read from its environment once, at its cold start.

A setting's environment name is its field name in upper case: `ledger_table` is read from `LEDGER_TABLE`.
A field with a default may be left out; any other missing or unreadable one is an error, and one error names them all.
"""

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields, is_dataclass
from typing import Any, TypeVar, get_type_hints

T = TypeVar("T")

_WORDS_FOR_TRUE = frozenset({"true", "1"})
_WORDS_FOR_FALSE = frozenset({"false", "0"})


class SettingsError(RuntimeError):
    """The environment does not hold what a function needs. Names each variable, never its value."""

    def __init__(self, problems: tuple[str, ...]) -> None:
        super().__init__("Settings cannot be loaded: " + "; ".join(problems))
        self.problems = problems


def load(cls: type[T], environ: Mapping[str, str] | None = None) -> T:
    """Build `cls`, a dataclass of str, int, bool, tuple[str, ...] (comma separated) or dict[str, str] (JSON) fields.

    Raises SettingsError with every missing or invalid name. An empty variable counts as missing.
    """
    if not is_dataclass(cls):
        raise TypeError(f"{cls.__name__} is not a dataclass")
    environ = os.environ if environ is None else environ
    hints = get_type_hints(cls)
    values: dict[str, Any] = {}
    problems: list[str] = []
    for field in fields(cls):
        name = field.name.upper()
        text = environ.get(name, "")
        if text:
            try:
                values[field.name] = _reader(hints[field.name])(text)
            except ValueError as error:
                problems.append(f"{name} {error}")
        elif field.default is MISSING and field.default_factory is MISSING:
            problems.append(f"{name} is missing")
    if problems:
        raise SettingsError(tuple(problems))
    return cls(**values)


def _reader(hint: Any) -> Callable[[str], Any]:
    try:
        return _READERS[hint]
    except KeyError:
        raise TypeError(f"settings of type {hint} are not supported") from None


def _read_text(text: str) -> str:
    return text


def _read_integer(text: str) -> int:
    if not (text.isascii() and text.removeprefix("-").isdigit()):
        raise ValueError("is not an integer")
    return int(text)


def _read_switch(text: str) -> bool:
    word = text.lower()
    if word in _WORDS_FOR_TRUE:
        return True
    if word in _WORDS_FOR_FALSE:
        return False
    raise ValueError("is neither true nor false")


def _read_list(text: str) -> tuple[str, ...]:
    parts = tuple(part.strip() for part in text.split(","))
    if not all(parts):
        raise ValueError("is not a comma-separated list")
    return parts


def _read_table(text: str) -> dict[str, str]:
    try:
        table = json.loads(text)
    except ValueError:
        table = None
    if not isinstance(table, dict) or not all(isinstance(value, str) and value for value in table.values()):
        raise ValueError("is not a JSON object of texts")
    return table


_READERS: dict[Any, Callable[[str], Any]] = {
    str: _read_text,
    int: _read_integer,
    bool: _read_switch,
    tuple[str, ...]: _read_list,
    dict[str, str]: _read_table,
}
