"""One-time codes that people read in one place and type in another. Pure.

Eight characters of Crockford's base 32: forty bits, and no two characters that look alike. Reading forgives what people do to
codes: lower case, spaces and dashes, O for zero, I and L for one. A code is kept as a digest bound to its subject, so that neither
the table nor the code of somebody else is of use.
"""

import hashlib
import secrets
from typing import Final

ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
LENGTH: Final = 8

_PREFIX: Final = b"countroom/code/1\x00"
_INPUT_MAX: Final = 32
_MEANT: Final = str.maketrans({"O": "0", "I": "1", "L": "1", " ": None, "-": None})


def new_code() -> str:
    """Return a fresh code, 40 random bits (OWASP ASVS 5.0 6.5.4 asks for 20)."""
    return "".join(secrets.choice(ALPHABET) for _ in range(LENGTH))


def spaced(code: str) -> str:
    """Write a code as people read it best: ``ABCD-EFGH``."""
    return f"{code[:4]}-{code[4:]}"


def normalise_code(text: str) -> str | None:
    """Return the one spelling of what somebody typed, or None when it cannot be a code."""
    if len(text) > _INPUT_MAX or not text.isascii():
        return None
    code = text.upper().translate(_MEANT)
    if len(code) != LENGTH or any(character not in ALPHABET for character in code):
        return None
    return code


def code_digest(subject: str, code: str) -> str:
    """Return 64 hexadecimal digits of a normalised code; the same code of another subject gives others."""
    text = _PREFIX + subject.encode("utf-8") + b"\x00" + code.encode("ascii")
    return hashlib.sha256(text).hexdigest()
