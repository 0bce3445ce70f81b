"""docs/asvs.md: every item of levels 1 and 2 is there, with a reason or with tests that exist."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
TEXT = (ROOT / "docs" / "asvs.md").read_text(encoding="utf-8")
ROW = re.compile(r"^\| (\d+\.\d+\.\d+) \| ([12]) \| ([^|]+) \| ([^|]+) \|$", re.MULTILINE)
ROWS = {item: (int(level), shown) for item, level, _, shown in ROW.findall(TEXT)}
LEVELS = {
    1: {
        *("6.1.1", "6.2.1", "6.2.2", "6.2.3", "6.2.4", "6.2.5", "6.2.6", "6.2.7", "6.2.8", "6.3.1", "6.3.2", "6.4.1", "6.4.2"),
        *("7.2.1", "7.2.2", "7.2.3", "7.2.4", "7.4.1", "7.4.2"),
        *("9.1.1", "9.1.2", "9.1.3", "9.2.1"),
    },
    2: {
        *("6.1.2", "6.1.3", "6.2.9", "6.2.10", "6.2.11", "6.2.12", "6.3.3", "6.3.4", "6.4.3", "6.4.4"),
        *("6.5.1", "6.5.2", "6.5.3", "6.5.4", "6.5.5", "6.6.1", "6.6.2", "6.6.3", "6.8.1", "6.8.2", "6.8.3", "6.8.4"),
        *("7.1.1", "7.1.2", "7.1.3", "7.3.1", "7.3.2", "7.4.3", "7.4.4", "7.4.5", "7.5.1", "7.5.2", "7.6.1", "7.6.2"),
        *("9.2.2", "9.2.3", "9.2.4"),
    },
}
"""Items by level of chapters V6, V7 and V9 of OWASP ASVS 5.0."""

NAMED = sorted(set(re.findall(r"`(tests/[^`]+::[^`]+)`", TEXT)))


@cache
def names_in(path: Path) -> frozenset[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return frozenset(node.name for node in tree.body if isinstance(node, ast.FunctionDef))


def test_every_item_of_levels_one_and_two_is_there_once_and_no_other() -> None:
    assert {item: level for item, (level, _) in ROWS.items()} == {item: level for level, items in LEVELS.items() for item in items}
    assert len(ROW.findall(TEXT)) == len(ROWS)
    assert len(re.findall(r"^\| \d", TEXT, re.MULTILINE)) == len(ROWS)  # no row is written so that it is not read


@pytest.mark.parametrize("item", ROWS)
def test_every_item_has_a_test_or_a_reason(item: str) -> None:
    _, shown = ROWS[item]
    assert "`tests/" in shown or len(shown.split()) >= 3


@pytest.mark.parametrize("name", NAMED)
def test_a_test_that_is_named_exists(name: str) -> None:
    path, _, test = name.partition("::")
    assert (ROOT / path).is_file()
    assert test.startswith("test_")
    assert test in names_in(ROOT / path)


@pytest.mark.parametrize("path", sorted(set(re.findall(r"`((?:functions|infrastructure)/[^`]+)`|\]\(([^)]+)\)", TEXT))))
def test_a_file_that_is_named_exists(path: tuple[str, str]) -> None:
    code, link = path
    assert (ROOT / code if code else ROOT / "docs" / link).is_file()
