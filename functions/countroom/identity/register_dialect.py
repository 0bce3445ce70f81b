"""How a register is asked over HTTP, after GAMSTOP's batch API: POST a list of people, get a list of answers. Pure.

The house asks about one person at a time. The key goes in X-API-Key. A person is ``{"correlationId", "firstName", "lastName",
"dateOfBirth", "email", "postcode", "mobile"?}``, an answer ``{"correlationId", "msRequestId", "exclusion"}`` with Y (excluded), N
(not in the register) or P (was excluded, and the time is over). Whatever is not exactly that is no answer: a register that is
misread for "clear" lets somebody in who has asked to be kept out.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from countroom.identity.register import Answer, RegisterSilent, Subject, Verdict

PATH: Final = "/v2"
KEY_HEADER: Final = "X-API-Key"

_OK: Final = 200
_VERDICTS: Final = {"Y": Verdict.LISTED, "N": Verdict.CLEAR, "P": Verdict.LAPSED}
_RECEIPT: Final = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)
_SIGNIFICANT: Final = 20
"""GAMSTOP matches by the first twenty characters of a name; what comes after them need not leave the house."""


@dataclass(frozen=True, slots=True, repr=False)
class Question:
    """A request: POST to `path` below the register's base URL."""

    path: str
    headers: Mapping[str, str]
    body: bytes


def key_of(secret: Mapping[str, Any]) -> str:
    """Read the key from the register's secret, ``{"api_key": ...}``. Raise RegisterSilent: nobody can be asked without one."""
    key = secret.get("api_key")
    if not isinstance(key, str) or not key:
        raise RegisterSilent("the secret of the register holds no key")
    return key


def question(subject: Subject, name: str, key: str) -> Question:
    """Write the request about one person."""
    person = {
        "correlationId": name,
        "firstName": subject.given_name[:_SIGNIFICANT],
        "lastName": subject.family_name[:_SIGNIFICANT],
        "dateOfBirth": subject.born,
        "email": subject.email,
        "postcode": subject.postcode.replace(" ", ""),
    }
    if subject.phone:
        person["mobile"] = subject.phone
    body = json.dumps([person], separators=(",", ":"), ensure_ascii=False).encode()
    return Question(PATH, {"Content-Type": "application/json", "Accept": "application/json", KEY_HEADER: key}, body)


def read(status: int, value: Any, name: str) -> Answer:
    """Read the answer to the question of that name. Raise RegisterSilent for anything that is not exactly one."""
    if status != _OK or not isinstance(value, list) or len(value) != 1 or not isinstance(value[0], dict):
        raise RegisterSilent("the register did not answer the question")
    said = value[0]
    verdict = _VERDICTS.get(said["exclusion"]) if isinstance(said.get("exclusion"), str) else None
    receipt = said.get("msRequestId")
    if verdict is None or said.get("correlationId") != name:
        raise RegisterSilent("the register answered something else")
    if not isinstance(receipt, str) or not _RECEIPT.fullmatch(receipt):
        raise RegisterSilent("the register's answer has no name to show it by")
    return Answer(verdict, receipt)
