"""What is kept and shown of where a request came from."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from countroom.identity.visitor import LABEL_MAX, device_label, shown_source, subscriber

IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X)"
APPLE = "AppleWebKit/605.1.15 (KHTML, like Gecko)"
CHROME = "AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0"


@pytest.mark.parametrize(
    ("agent", "label"),
    [
        ("Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0", "Firefox on Windows"),
        (f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {CHROME} Safari/537.36", "Chrome on Windows"),
        (f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {CHROME} Safari/537.36 Edg/140.0.0.0", "Edge on Windows"),
        (f"Mozilla/5.0 (X11; Linux x86_64) {CHROME} Safari/537.36 OPR/120.0.0.0", "Opera on Linux"),
        (f"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) {APPLE} Version/18.5 Safari/605.1.15", "Safari on macOS"),
        (
            f"Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) {APPLE} Version/18.5 Mobile/15E148 Safari/604.1",
            "Safari on iPhone",
        ),
        (
            f"Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) {APPLE} CriOS/140.0 Mobile/15E148 Safari/604.1",
            "Chrome on iPhone",
        ),
        (f"Mozilla/5.0 (iPad; CPU OS 18_5 like Mac OS X) {APPLE} FxiOS/140.0 Mobile/15E148 Safari/605.1.15", "Firefox on iPad"),
        (f"Mozilla/5.0 (Linux; Android 15; Pixel 9) {CHROME} Mobile Safari/537.36", "Chrome on Android"),
        (
            f"Mozilla/5.0 (Linux; Android 15; SM-S928B) SamsungBrowser/28.0 {CHROME} Mobile Safari/537.36",
            "Samsung Internet on Android",
        ),
        (f"Mozilla/5.0 (X11; CrOS x86_64 16181.61.0) {CHROME} Safari/537.36", "Chrome on ChromeOS"),
        ("CountroomApp/3.1 (Android 15)", "CountroomApp on Android"),
        ("curl/8.5.0", "curl"),
        ("Mozilla/5.0 (Windows NT 10.0)", "Windows"),
        ("Mozilla/5.0", "Unknown device"),
        ("", "Unknown device"),
        ("<script>alert(1)</script>", "Unknown device"),
        ("a" * 10_000, "a" * 32),
    ],
)
def test_a_device_is_named_after_what_it_says_of_itself(agent: str, label: str) -> None:
    assert device_label(agent) == label


@given(st.text(max_size=600))
def test_whatever_is_sent_a_label_is_short_and_plain(agent: str) -> None:
    label = device_label(agent)
    assert 0 < len(label) <= LABEL_MAX
    assert re.fullmatch(r"[A-Za-z0-9._ -]+", label, re.ASCII)


@pytest.mark.parametrize(
    ("address", "shown", "counted"),
    [
        ("203.0.113.9", "203.0.113.0/24", "203.0.113.9/32"),
        ("2001:db8:1:2:3::4", "2001:db8:1::/48", "2001:db8:1:2::/64"),
        ("::ffff:203.0.113.9", "203.0.113.0/24", "203.0.113.9/32"),
        ("fe80::1%eth0", "fe80::/48", "fe80::/64"),
        ("::1", "::/48", "::/64"),
        ("", "unknown", "unknown"),
        ("203.0.113.9, 198.51.100.1", "unknown", "unknown"),
        ("<b>", "unknown", "unknown"),
    ],
)
def test_an_address_is_shown_and_counted_by_its_first_part(address: str, shown: str, counted: str) -> None:
    assert (shown_source(address), subscriber(address)) == (shown, counted)
