"""Which URLs may be called, or handed to a browser. Pure."""

from typing import Final
from urllib.parse import urlsplit

URL_MAX: Final = 2048
_LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})
_BREAKING_OUT: Final = frozenset(" \"'<>\\^`{|}")


def is_safe_url(url: str, *, most: int = URL_MAX) -> bool:
    """Tell whether a URL is https (http on this very machine), with a host, no credentials, and nothing to break out of markup."""
    if not 0 < len(url) <= most or not url.isascii() or not url.isprintable() or _BREAKING_OUT & set(url):
        return False
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return False
    if not host or parts.username is not None or parts.password is not None:
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and host in _LOOPBACK)
