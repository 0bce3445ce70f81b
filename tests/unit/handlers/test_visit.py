"""What an event tells of where a request came from."""

from typing import Any

import pytest

from handlers.parts import visit


@pytest.mark.parametrize(
    ("context", "address", "source"),
    [
        ({"identity": {"sourceIp": "203.0.113.77"}}, "203.0.113.77", "203.0.113.0/24"),
        ({"identity": {"sourceIp": "2001:db8:1:2::3"}}, "2001:db8:1:2::3", "2001:db8:1::/48"),
        ({"identity": {"sourceIp": None}}, "", "unknown"),
        ({"identity": None}, "", "unknown"),
        ({}, "", "unknown"),
        (None, "", "unknown"),
    ],
)
def test_an_address_is_counted_by_and_shown_in_part(context: Any, address: str, source: str) -> None:
    event = {"requestContext": context}
    assert (visit.address_of(event), visit.source_of(event)) == (address, source)
