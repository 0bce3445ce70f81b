"""Update expressions of the model: SET, ADD and REMOVE over top-level attributes."""

from collections.abc import Callable
from functools import lru_cache
from typing import Any

from tests.simulation.expressions import Invalid, Operand, Parser, Scope, number

Change = Callable[[Scope, dict[str, Any]], None]
"""Reads the item as it was, writes into the item as it will be."""


def _present(value: Any) -> Any:
    if value is None:
        raise Invalid("The provided expression refers to an attribute that does not exist in the item")
    return value


def _term(parser: Parser) -> Operand:
    if parser.next == "if_not_exists":
        parser.take()
        parser.take("(")
        path = parser.path()
        parser.take(",")
        otherwise = parser.operand()
        parser.take(")")
        return lambda scope: scope.item.get(path(scope)) or otherwise(scope)
    if parser.next == "list_append":
        parser.take()
        parser.take("(")
        first = _term(parser)
        parser.take(",")
        second = _term(parser)
        parser.take(")")
        return lambda scope: {"L": [*_present(first(scope))["L"], *_present(second(scope))["L"]]}
    return parser.operand()


def _set(parser: Parser) -> Change:
    path = parser.path()
    parser.take("=")
    value = _term(parser)
    if parser.next in {"+", "-"}:
        sign = 1 if parser.take() == "+" else -1
        left, right = value, _term(parser)
        value = lambda scope: {"N": format(number(_present(left(scope))) + sign * number(_present(right(scope))), "f")}  # noqa: E731

    def change(scope: Scope, after: dict[str, Any]) -> None:
        after[path(scope)] = _present(value(scope))

    return change


def _add(parser: Parser) -> Change:
    path = parser.path()
    amount = parser.operand()

    def change(scope: Scope, after: dict[str, Any]) -> None:
        name = path(scope)
        before = scope.item.get(name, {"N": "0"})
        after[name] = {"N": format(number(before) + number(_present(amount(scope))), "f")}

    return change


def _remove(parser: Parser) -> Change:
    path = parser.path()

    def change(scope: Scope, after: dict[str, Any]) -> None:
        after.pop(path(scope), None)

    return change


_CLAUSES = {"SET": _set, "ADD": _add, "REMOVE": _remove}


@lru_cache(maxsize=1024)
def update(text: str) -> tuple[tuple[Change, ...], frozenset[str]]:
    """Compile an update; answer its changes and the placeholders that it uses. Raise Invalid."""
    parser = Parser(text)
    changes: list[Change] = []
    while parser.next:
        clause = _CLAUSES.get(parser.take().upper())
        if clause is None:
            raise Invalid("Syntax error")
        changes.append(clause(parser))
        while parser.taken(","):
            changes.append(clause(parser))
    return tuple(changes), frozenset(parser.uses)
