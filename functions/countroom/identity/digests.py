"""How addresses and other subjects appear in keys, logs and metrics: as digests. Pure.

A digest keeps an address out of what people and tools look at. It hides nothing from somebody who holds the table and a list of
addresses; the table's key in KMS is what protects it.
"""

import hashlib
from typing import Final

_EMAIL_PREFIX: Final = b"countroom/email/1\x00"
_SUBJECT_PREFIX: Final = b"countroom/subject/1\x00"


def email_digest(email: str) -> str:
    """Return 64 hexadecimal digits for a normalised address (see `rules.normalise_email`)."""
    return hashlib.sha256(_EMAIL_PREFIX + email.encode("ascii")).hexdigest()


def subject_digest(text: str) -> str:
    """Return 64 hexadecimal digits for anything that is counted: an account's name, an address of the network, a token."""
    return hashlib.sha256(_SUBJECT_PREFIX + text.encode("utf-8", "surrogatepass")).hexdigest()
