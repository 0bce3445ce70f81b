"""DynamoDB's condition and update expressions, compiled once into functions over an item.

The grammar is the part that this house uses: comparisons, AND, OR, NOT, IN, BETWEEN, attribute_exists, attribute_not_exists and
begins_with over top-level attributes; SET with + and -, if_not_exists and list_append; ADD of numbers; REMOVE. Anything else raises
Invalid, so a condition that the model does not understand can never pass for one that holds.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from typing import Any, Final

Value = Mapping[str, Any]
Item = Mapping[str, Value]


class Invalid(ValueError):
    """What DynamoDB answers with a ValidationException."""


@dataclass(frozen=True, slots=True)
class Scope:
    """An item (empty: there is none) and the names and values that come with a request."""

    item: Item
    names: Mapping[str, str]
    values: Mapping[str, Value]


Test = Callable[[Scope], bool]
Operand = Callable[[Scope], Value | None]

_TOKEN: Final = re.compile(r"\s*(<=|>=|<>|[=<>(),+-]|[#:]?[A-Za-z_][A-Za-z0-9_]*)")
_ORDERED: Final = {"S", "N", "B"}


def number(value: Value) -> Decimal:
    """Return a number's value; raise Invalid for any other type."""
    if "N" not in value:
        raise Invalid("an operand has to be a number")
    return Decimal(str(value["N"]))


def _same(left: Value | None, right: Value | None) -> bool:
    if left is None or right is None:
        return False
    if "N" in left and "N" in right:
        return number(left) == number(right)
    return left == right


def _less(left: Value | None, right: Value | None) -> bool:
    if left is None or right is None:
        return False
    ((kind, one),), ((other, two),) = left.items(), right.items()
    if kind != other or kind not in _ORDERED:
        return False
    if kind == "N":
        return number(left) < number(right)
    return bool(one.encode() < two.encode()) if kind == "S" else bool(one < two)


_COMPARE: Final[Mapping[str, Callable[[Value | None, Value | None], bool]]] = {
    "=": _same,
    "<>": lambda left, right: not _same(left, right),
    "<": _less,
    ">": lambda left, right: _less(right, left),
    "<=": lambda left, right: _same(left, right) or _less(left, right),
    ">=": lambda left, right: _same(left, right) or _less(right, left),
}


def _between(value: Value | None, low: Value | None, high: Value | None) -> bool:
    if _less(high, low):
        raise Invalid("The BETWEEN operator requires upper bound to be greater than or equal to lower bound")
    return _COMPARE["<="](low, value) and _COMPARE["<="](value, high)


class Parser:
    """The tokens of one expression, taken from the left; `uses` are the placeholders met on the way."""

    def __init__(self, text: str) -> None:
        self.uses: set[str] = set()
        self._tokens: list[str] = []
        place = 0
        while text[place:].strip():
            match = _TOKEN.match(text, place)
            if match is None:
                raise Invalid("Syntax error")
            self._tokens.append(match.group(1))
            place = match.end()
        self._at = 0

    @property
    def next(self) -> str:
        return self._tokens[self._at] if self._at < len(self._tokens) else ""

    def word(self) -> str:
        """The next token as a keyword."""
        return self.next.upper()

    def take(self, expected: str = "") -> str:
        token = self.next
        if not token or (expected and token.upper() != expected):
            raise Invalid("Syntax error")
        self._at += 1
        return token

    def taken(self, wanted: str) -> bool:
        """Take the next token if it is this keyword."""
        if self.word() == wanted:
            self._at += 1
            return True
        return False

    def path(self) -> Callable[[Scope], str]:
        token = self.take()
        if token.startswith("#"):
            self.uses.add(token)
            return lambda scope: _defined(scope.names, token)
        if not token[0].isalpha() and token[0] != "_":
            raise Invalid("Syntax error")
        return lambda _scope: token

    def operand(self) -> Operand:
        if self.next.startswith(":"):
            token = self.take()
            self.uses.add(token)
            return lambda scope: _defined(scope.values, token)
        name = self.path()
        return lambda scope: scope.item.get(name(scope))

    def either(self) -> Test:
        tests = [self._both()]
        while self.taken("OR"):
            tests.append(self._both())
        return tests[0] if len(tests) == 1 else lambda scope: any(test(scope) for test in tests)

    def _both(self) -> Test:
        tests = [self._not()]
        while self.taken("AND"):
            tests.append(self._not())
        return tests[0] if len(tests) == 1 else lambda scope: all(test(scope) for test in tests)

    def _not(self) -> Test:
        if self.taken("NOT"):
            test = self._not()
            return lambda scope: not test(scope)
        if self.taken("("):
            test = self.either()
            self.take(")")
            return test
        if self.next in {"attribute_exists", "attribute_not_exists", "begins_with"}:
            return self._function(self.take())
        return self._comparison()

    def _function(self, name: str) -> Test:
        self.take("(")
        path = self.path()
        if name == "begins_with":
            self.take(",")
            prefix = self.operand()
            self.take(")")
            return lambda scope: _begins(scope.item.get(path(scope)), prefix(scope))
        self.take(")")
        wanted = name == "attribute_exists"
        return lambda scope: (path(scope) in scope.item) is wanted

    def _comparison(self) -> Test:
        left = self.operand()
        if self.taken("BETWEEN"):
            low = self.operand()
            self.take("AND")
            high = self.operand()
            return lambda scope: _between(left(scope), low(scope), high(scope))
        if self.taken("IN"):
            choices = self._choices()
            return lambda scope: any(_same(left(scope), choice(scope)) for choice in choices)
        compare = _COMPARE.get(self.take())
        if compare is None:
            raise Invalid("Syntax error")
        right = self.operand()
        return lambda scope: compare(left(scope), right(scope))

    def _choices(self) -> list[Operand]:
        self.take("(")
        choices = [self.operand()]
        while self.taken(","):
            choices.append(self.operand())
        self.take(")")
        return choices

    def end(self) -> None:
        if self.next:
            raise Invalid("Syntax error")


def _defined(table: Mapping[str, Any], token: str) -> Any:
    if token not in table:
        raise Invalid(f"An expression attribute used in expression is not defined: {token}")
    return table[token]


def _begins(value: Value | None, prefix: Value | None) -> bool:
    if value is None or prefix is None or value.keys() != prefix.keys():
        return False
    ((_, whole),), ((_, start),) = value.items(), prefix.items()
    return bool(whole.startswith(start))


@lru_cache(maxsize=4096)
def condition(text: str) -> tuple[Test, frozenset[str]]:
    """Compile a condition; answer its test and the placeholders that it uses. Raise Invalid."""
    parser = Parser(text)
    test = parser.either()
    parser.end()
    return test, frozenset(parser.uses)
