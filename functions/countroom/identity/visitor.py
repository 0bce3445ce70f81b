"""What is kept and shown of where a request came from: enough for its owner to know it again, too little for anybody else. Pure."""

import ipaddress
import re
from typing import Final

LABEL_MAX: Final = 64

_AGENT_MAX: Final = 512
_V4_SHOWN_BITS: Final = 24
_V6_SHOWN_BITS: Final = 48
_V4_SUBSCRIBER_BITS: Final = 32
_V6_SUBSCRIBER_BITS: Final = 64
_UNKNOWN: Final = "unknown"

# In this order: many call themselves by the names of others as well, and by their own last.
_PROGRAMS: Final = (
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("SamsungBrowser/", "Samsung Internet"),
    ("Firefox/", "Firefox"),
    ("FxiOS/", "Firefox"),
    ("CriOS/", "Chrome"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
)
_SYSTEMS: Final = (
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("Windows", "Windows"),
    ("CrOS", "ChromeOS"),
    ("Mac OS X", "macOS"),
    ("Macintosh", "macOS"),
    ("Linux", "Linux"),
)
_PRODUCT: Final = re.compile(r"[A-Za-z][A-Za-z0-9._-]{0,31}", re.ASCII)


def device_label(user_agent: str) -> str:
    """Name a device after its User-Agent (RFC 9110 §10.1.5), as in ``Firefox on Windows``; at most LABEL_MAX characters.

    Words of our own, but for the name of a program that we do not know: letters, digits and ``. _ -``, whatever was sent.
    """
    agent = user_agent[:_AGENT_MAX]
    program = next((name for part, name in _PROGRAMS if part in agent), None)
    system = next((name for part, name in _SYSTEMS if part in agent), None)
    if program is None:
        product = _PRODUCT.match(agent)
        program = product.group() if product and product.group() != "Mozilla" else None
    if program and system:
        return f"{program} on {system}"
    return program or system or "Unknown device"


def shown_source(address: str) -> str:
    """Name a network address by its first part only: ``203.0.113.0/24``, ``2001:db8:1::/48``; what is none is ``unknown``."""
    return _network(address, _V4_SHOWN_BITS, _V6_SHOWN_BITS)


def subscriber(address: str) -> str:
    """Name the part of the network that one subscriber has: an IPv4 address, the /64 of an IPv6 one; else ``unknown``."""
    return _network(address, _V4_SUBSCRIBER_BITS, _V6_SUBSCRIBER_BITS)


def _network(address: str, v4_bits: int, v6_bits: int) -> str:
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return _UNKNOWN
    if isinstance(parsed, ipaddress.IPv6Address) and parsed.ipv4_mapped is None:
        return str(ipaddress.IPv6Network((int(parsed), v6_bits), strict=False))
    v4 = int(parsed) % 2**32  # of an IPv4 address written as an IPv6 one, the last 32 bits
    return str(ipaddress.IPv4Network((v4, v4_bits), strict=False))
