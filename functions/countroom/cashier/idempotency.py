"""Idempotency-Key for POSTs that move or promise money, after IETF draft-ietf-httpapi-idempotency-key-header-07. Pure.

One mechanism for every such POST: the effect and the record of its answer are written in ONE transaction, by the room's store. So
there is no moment in which one exists without the other: after a crash the retry finds either both or nothing. For the same reason
a record is always finished; "in progress" can be seen only as DynamoDB's conflict between two transactions on one record.

Records do not expire: a retry after a year gets the first answer, not a second effect. Requests refused for their form leave none,
so a corrected request may use its key again. The rules lie with the cashier, because its table holds the records beside what they
protect; nothing in them is about deposits.
"""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

HEADER: Final = "Idempotency-Key"
REPLAY_HEADER: Final = "Idempotency-Replayed"
MAX_KEY_LENGTH: Final = 128
_BARE: Final = re.compile(r"[A-Za-z0-9!#$%&'*+./:=@^_`|~-]+")
_QUOTED: Final = re.compile(r'"((?:[\x20-\x21\x23-\x5b\x5d-\x7e]|\\["\\])*)"')
_ESCAPE: Final = re.compile(r"\\(.)")


class KeyMissing(ValueError):
    """The request has no Idempotency-Key although it needs one."""


class KeyInvalid(ValueError):
    """The Idempotency-Key is not a key; the message says why, in words for the caller."""


@dataclass(frozen=True, slots=True)
class Claim:
    """What a request says of itself: who calls, under which key, and a digest of what is asked."""

    caller: str
    key: str
    fingerprint: bytes


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer that was given the first time: HTTP status and body, byte for byte."""

    status: int
    body: str


@dataclass(frozen=True, slots=True)
class Entry:
    """What is kept of a finished request."""

    fingerprint: bytes
    answer: Answer


@dataclass(frozen=True, slots=True)
class Replay:
    """The same request was finished before: give its answer again."""

    answer: Answer


@dataclass(frozen=True, slots=True)
class KeyReused:
    """The key belongs to another request: refuse (422)."""


Judgement: TypeAlias = Replay | KeyReused


def parse_key(values: Sequence[str]) -> str:
    """Read the key out of the values of the header, one for each time the header was sent.

    The draft makes it a structured-field string, in double quotes (RFC 8941, 3.3.3); most clients send it bare. Both forms of one
    text are one key. Raises KeyMissing, or KeyInvalid for several, an empty, over-long or ill-formed one.
    """
    if not values:
        raise KeyMissing("the header Idempotency-Key is required")
    if len(values) > 1:
        raise KeyInvalid("send the header once")
    text = values[0].strip(" \t")
    if not text:
        raise KeyMissing("the header Idempotency-Key is empty")
    key = _unquoted(text)
    if not 1 <= len(key) <= MAX_KEY_LENGTH:
        raise KeyInvalid(f"use 1 to {MAX_KEY_LENGTH} characters")
    return key


def _unquoted(text: str) -> str:
    if quoted := _QUOTED.fullmatch(text):
        return _ESCAPE.sub(r"\1", quoted.group(1))
    if _BARE.fullmatch(text):
        return text
    raise KeyInvalid('use a string in double quotes, such as "8e03978e-40d5-43dd-bc93-6894a57f9324"')


def fingerprint(operation: str, fields: Mapping[str, str | int]) -> bytes:
    """Digest what is asked for (SHA-256): the operation, such as `POST /v1/deposits`, and its fields in any order."""
    canonical = json.dumps([operation, fields], sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(canonical.encode()).digest()


def judge(claim: Claim, found: Entry) -> Judgement:
    """Say what to do with a request whose caller has used its key before."""
    if found.fingerprint == claim.fingerprint:
        return Replay(found.answer)
    return KeyReused()
