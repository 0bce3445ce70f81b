"""The guard at every way out: the sandbox talks to loopback addresses and to nothing else."""

import ipaddress
from dataclasses import dataclass
from urllib.parse import urlsplit


class NotLoopbackError(ValueError):
    """An address outside this machine was about to be called."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where a request goes: a literal loopback address, a port, and the path with its query."""

    host: str
    port: int
    path: str


def require_loopback(url: str) -> Target:
    """Take a URL apart if it is plain HTTP to a literal loopback address.

    Names are refused, ``localhost`` too: what a name means is decided outside this process.

    Raises:
        NotLoopbackError: for everything else. The message names the host only, never credentials in the URL.

    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
        if parts.scheme == "http" and port and ipaddress.ip_address(host).is_loopback:
            path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
            return Target(host, port, path)
    except ValueError:
        host = "an unreadable address"
    raise NotLoopbackError(f"The sandbox calls http://127.0.0.1:PORT only, and was asked to call {host or 'no host'}.")
