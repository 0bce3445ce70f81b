"""Every rule of the providers' protocols over HTTP; `make conformance` tries the same list and writes it down."""

import pytest

from sandbox.stack import Stack
from tests.conformance.over_http.casino import Casino
from tests.conformance.over_http.listed import RULES
from tests.conformance.over_http.rule import Rule


@pytest.fixture(scope="module")
def casino(stack: Stack) -> Casino:
    return Casino(stack)


@pytest.mark.parametrize("rule", [rule for rule in RULES if rule.check], ids=lambda rule: rule.id)
def test_rule(rule: Rule, casino: Casino) -> None:
    assert rule.check is not None
    rule.check(casino)
