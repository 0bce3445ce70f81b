import pytest

from countroom.urls import is_safe_url


@pytest.mark.parametrize(
    ("url", "safe"),
    [
        ("https://games.example/launch?x=1", True),
        ("https://games.example:8443/", True),
        ("http://127.0.0.1:8080/x", True),
        ("http://localhost:8080/x", True),
        ("http://games.example/x", False),
        ("http://127.0.0.1.evil.example/x", False),
        ("ftp://games.example/x", False),
        ("javascript:alert(1)", False),
        ("https://user:secret@games.example/", False),
        ("https://user@games.example/", False),
        ("https:///x", False),
        ("https://games.example:port/", False),
        ("https://games.example/a b", False),
        ("https://games.example/\nx", False),
        ("https://games.example/<x>", False),
        ("https://gåmes.example/", False),
        ("https://games.example/" + "x" * 2048, False),
        ("", False),
        ("/relative", False),
    ],
)
def test_which_urls_are_safe(url: str, safe: bool) -> None:
    assert is_safe_url(url) is safe
