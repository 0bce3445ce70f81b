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


@pytest.mark.parametrize(
    ("headers", "place"),
    [
        ({"CloudFront-Viewer-Country": "EE"}, "EE"),
        ({"cloudfront-viewer-country": "SE"}, "SE"),
        ({"CloudFront-Viewer-Country": "ee"}, ""),
        ({"CloudFront-Viewer-Country": "EST"}, ""),
        ({"CloudFront-Viewer-Country": "<b"}, ""),
        ({"CloudFront-Viewer-Country": "ÄÖ"}, ""),
        ({}, ""),
        (None, ""),
    ],
)
def test_a_country_is_two_capital_letters_or_nothing(headers: Any, place: str) -> None:
    assert visit.place_of({"headers": headers}) == place
