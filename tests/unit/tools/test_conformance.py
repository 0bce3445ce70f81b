"""The conformance report: a rule that fails fails the run, and what is claimed to be held elsewhere is."""

import re
from pathlib import Path

import pytest

from sandbox.stack import ROOT, Stack
from tests.conformance.over_http.casino import Casino
from tests.conformance.over_http.listed import RULES
from tests.conformance.over_http.rule import MEANING, Rule, Rules, Source
from tests.unit.sandbox.test_stack import STACK
from tools import conformance

_TEST = re.compile(r"(tests/[a-z0-9_/]+\.py)::(test_[a-z0-9_]+)")


def held(_: Casino) -> None:
    """Nothing is wrong."""


def broken(_: Casino) -> None:
    raise AssertionError("answered 500,\nexpected 200 | or so")


def speechless(_: Casino) -> None:
    raise AssertionError


def absent(casino: Casino) -> None:
    casino.support("freeze", "pl_1")


def rule(name: str, check: object) -> Rule:
    return Rule(name, "swipe", Source.PUBLISHED, "by a look", check)  # type: ignore[arg-type] # checks of several forms


def test_every_rule_has_a_name_of_its_own_a_source_and_says_how_it_is_checked() -> None:
    assert len({(one.dialect, one.name) for one in RULES}) == len(RULES)
    assert len({one.id for one in RULES}) == len(RULES)
    assert all(one.how.endswith(".") and one.source in MEANING for one in RULES)
    assert {one.dialect for one in RULES if one.check} == {"hub88", "swipe", "action_batch"}


def test_a_rule_that_shows_nothing_over_http_names_tests_that_exist_or_says_that_there_is_none() -> None:
    for one in RULES:
        if one.check is None:
            named = _TEST.findall(one.how)
            assert named or one.how.startswith("Not covered"), one.name
            for path, test in named:
                assert f"def {test}(" in (ROOT / path).read_text(encoding="utf-8"), f"{path} has no {test}"


def test_results() -> None:
    casino = Casino(STACK)
    assert conformance.attempt(rule("a", held), casino).result == "held"
    assert conformance.attempt(rule("a", None), casino).result == "elsewhere"
    failed = conformance.attempt(rule("a", broken), casino)
    assert (failed.result, failed.why) == ("FAILED", "AssertionError: answered 500, expected 200 | or so")
    assert conformance.attempt(rule("a", speechless), casino).why == "AssertionError: raise AssertionError"


def test_a_fault_on_the_way_is_a_failure_and_not_a_crash() -> None:
    without_support = Casino(Stack.from_json(STACK.as_json()))
    assert conformance.attempt(rule("a", absent), without_support).result == "FAILED"


def test_the_table_shows_each_rule_with_source_and_result() -> None:
    casino = Casino(STACK)
    tried = [conformance.attempt(rule(name, check), casino) for name, check in (("a", held), ("b", broken), ("c", None))]
    text = conformance.report(tried)
    assert "1 rules held, 1 failed, 1 do not show over HTTP." in text
    assert "## Swipe Games" in text
    assert "| a | P | held | by a look |" in text
    assert "| b | P | **FAILED** AssertionError: answered 500, expected 200 \\| or so | by a look |" in text
    assert "certification" in text


@pytest.mark.parametrize(("check", "status"), [(held, 0), (broken, 1)])
def test_the_exit_status_says_whether_all_rules_held(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, check: object, status: int
) -> None:
    stack, written = tmp_path / "stack.json", tmp_path / "conformance.md"
    STACK.write(stack)
    monkeypatch.setenv("COUNTROOM_STACK", str(stack))
    monkeypatch.setattr(conformance, "RULES", (rule("a", check),))
    monkeypatch.setattr(conformance, "REPORT", written)
    monkeypatch.setattr(conformance, "ROOT", tmp_path)
    monkeypatch.setattr(conformance, "forget_credentials", lambda _: None)
    assert conformance.main([]) == status
    assert written.exists()
    written.unlink()
    assert conformance.main(["--only", "nothing of that name"]) == 1
    assert conformance.main(["--only", "a"]) == status
    assert not written.exists()


def test_a_sandbox_that_cannot_be_reached_is_said_in_one_line(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COUNTROOM_STACK", str(tmp_path / "none.json"))
    monkeypatch.setattr(conformance, "forget_credentials", lambda _: None)
    assert conformance.main(["--only", "a"]) == 1
    assert "could not be tried" in capsys.readouterr().err


def test_a_rules_docstring_is_how_it_is_checked() -> None:
    rules = Rules("swipe")
    rules(Source.DECIDED, "a name")(held)
    assert [(one.name, one.how, one.id) for one in rules.listed] == [("a name", "Nothing is wrong.", "swipe-a_name")]
