"""The register's API on loopback, after GAMSTOP's batch API: who has the key asks about people, and learns Y, N or P of each.

    POST /gamstop/v2        [{"correlationId", "firstName", "lastName", "dateOfBirth", "email", "postcode", "mobile"?}, …]
    PUT  /gamstop/people    {"person": {…}, "entry": "excluded" | "lapsed" | "none"}     who is in it
    PUT  /gamstop/fault     {"fault": "hang", "times": 1}                                see sandbox.faulty_server

Nothing is answered before the key is there (`trust`). A question that lacks something is 400, another key 403.
"""

import contextlib
import hmac
import json
import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field
from http import HTTPStatus

from sandbox.faulty_server import FaultyDesk, FaultyHandler, as_object, parts, serving
from sandbox.register.roll import Person, Roll

NAME = "gamstop"
REGISTER = "GAMSTOP"
"""What jurisdictions call it."""

KEY_HEADER = "X-API-Key"
PEOPLE_MAX = 1000
ENTRIES = ("excluded", "lapsed", "none")


@dataclass(slots=True)
class Desk(FaultyDesk):
    """What the register knows beside the faults that are due: its key, and who is in it."""

    roll: Roll = field(default_factory=Roll)
    key: str = field(default="", repr=False)

    @property
    def urls(self) -> dict[str, str]:
        """The register's name → base URL of its API."""
        return {REGISTER: f"{self.url}/{NAME}"}

    def trust(self, key: str) -> None:
        """Take on the key that the house asks with."""
        self.key = key

    def knows(self, key: str) -> bool:
        """Say whether that is the house's key; before `trust` none is."""
        return bool(self.key) and hmac.compare_digest(key.encode(), self.key.encode())

    def answers(self, questions: object) -> list[dict[str, str]]:
        """Answer the questions of one call.

        Raises:
            ValueError: naming what is wrong with one of them.

        """
        if not isinstance(questions, list) or not 0 < len(questions) <= PEOPLE_MAX:
            raise ValueError(f"ask about 1 to {PEOPLE_MAX} people")
        return [self._answer(one) for one in questions]

    def _answer(self, asked: object) -> dict[str, str]:
        if not isinstance(asked, dict):
            raise ValueError("a person is an object")  # noqa: TRY004 - what is wrong with a request is a ValueError throughout
        answer = {"msRequestId": secrets.token_hex(16), "exclusion": self.roll.say(Person.of(asked))}
        name = asked.get("correlationId")
        return answer | ({"correlationId": name} if isinstance(name, str) else {})

    def enter(self, said: dict[str, object]) -> int:
        """Change who is in the register; gives how many are.

        Raises:
            ValueError: naming what is wrong.

        """
        person, entry = said.get("person"), said.get("entry")
        if not isinstance(person, dict) or entry not in ENTRIES:
            raise ValueError(f"person is an object, entry one of {', '.join(ENTRIES)}")
        if entry == "none":
            self.roll.strike(Person.of(person))
        else:
            self.roll.enter(Person.of(person), lapsed=entry == "lapsed")
        return len(self.roll)


class _Handler(FaultyHandler):
    paths = {NAME: ("/v2",)}  # noqa: RUF012 - the base class declares it
    pretence = b'[{"exclusion":"N"}]'

    def serve(self, name: str, path: str, body: bytes) -> None:  # noqa: ARG002 - there is one of each
        """Answer who asks about people."""
        if not self.desk.knows(self.headers.get(KEY_HEADER, "")):
            self.answer(HTTPStatus.FORBIDDEN, {"error": "the key is not the house's"})
            return
        try:
            answers = self.desk.answers(json.loads(body))
        except ValueError as error:
            self.answer(HTTPStatus.BAD_REQUEST, {"error": str(error)})
            return
        self.send(HTTPStatus.OK, "application/json", json.dumps(answers).encode())

    def do_PUT(self) -> None:  # noqa: N802 - the name is the base class's
        """Change who is in the register, or order a fault."""
        if parts(self.path) != (NAME, "/people"):
            super().do_PUT()
            return
        try:
            self.answer(HTTPStatus.OK, {"people": self.desk.enter(as_object(self.body()))})
        except ValueError as error:
            self.answer(HTTPStatus.BAD_REQUEST, {"error": str(error)})


@contextlib.contextmanager
def running(port: int = 0) -> Iterator[Desk]:
    """Run the register on loopback, on a free port unless one is named, and give its desk; leaving ends it."""
    with serving(Desk(), _Handler, port) as desk:
        yield desk
