"""The vendor's API on loopback, as published: applicants by the house's own ids, and links to where they show their documents.

    POST /sumsub/resources/applicants?levelName=…                          a new applicant; 409 where there is one of that id
    GET  /sumsub/resources/applicants/-;externalUserId=…/one               the applicant of an id
    POST /sumsub/resources/sdkIntegrations/levels/-/websdkLink             a link, which moves the applicant to its level
    GET  /sumsub/websdk/p/…                                                the page behind a link
    PUT  /sumsub/fault  {"fault": "hang", "times": 1}                      see sandbox.faulty_server

Each request is signed; nobody is let in before the key is there (`trust`), nor with a time that is more than a minute off.
"""

import contextlib
import hmac
import json
import re
import secrets
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

from sandbox.faulty_server import FaultyDesk, FaultyHandler, as_object, serving
from sandbox.vendor.sumsub import LEVELS, NAME, applicant_id_of, request_signature

APPLICANTS: Final = "/resources/applicants"
LINKS: Final = "/resources/sdkIntegrations/levels/-/websdkLink"
PAGE: Final = "/websdk/p"
CLOCK_SECONDS: Final = 60
TTL_SECONDS_MAX: Final = 24 * 60 * 60
_ONE: Final = re.compile(re.escape(APPLICANTS) + r"/-;externalUserId=([A-Za-z0-9_-]{1,64})/one", re.ASCII)

PATHS: Final = {NAME: (APPLICANTS, LINKS)}
"""Vendor → the paths of its API, below the vendor's own, that something is posted to."""

Said = tuple[int, dict[str, Any]]
"""Status and body of an answer."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as it came: header names in lower case, the path with its query and without the vendor's name."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(slots=True)
class Desk(FaultyDesk):
    """What the vendor knows beside the faults that are due: the house's key, and the applicants by the house's ids."""

    token: str = ""
    secret_key: str = field(default="", repr=False)
    applicants: dict[str, dict[str, Any]] = field(default_factory=dict)
    links: dict[str, str] = field(default_factory=dict, repr=False)

    @property
    def urls(self) -> dict[str, str]:
        """Vendor → address of its API."""
        return {NAME: f"{self.url}/{NAME}"}

    def trust(self, token: str, secret_key: str) -> None:
        """Take on the token and the key that the house asks with."""
        self.token, self.secret_key = token, secret_key

    def tally(self, name: str) -> dict[str, int]:
        """Say how often the vendor was asked, and how many applicants it knows."""
        return {"asked": self.asked[name], "applicants": len(self.applicants)}

    def serve(self, asked: Asked) -> Said:
        """Answer a request."""
        if not self._knows(asked):
            return _error(401, "the token or the signature is not valid")
        found = _ONE.fullmatch(asked.path)
        with self._lock:
            if asked.method == "GET" and found:
                return self._one(found[1])
            if asked.method == "POST" and urlsplit(asked.path).path == APPLICANTS:
                return self._make(asked)
            if asked.method == "POST" and asked.path == LINKS:
                return self._link(asked)
        return _error(404, "no such method")

    def _knows(self, asked: Asked) -> bool:
        at = asked.headers.get("x-app-access-ts", "")
        if not self.secret_key or not at.isdecimal() or abs(int(at) - time.time()) > CLOCK_SECONDS:
            return False
        mine = request_signature(self.secret_key, at, asked.method, asked.path, asked.body)
        given = asked.headers.get("x-app-access-sig", ""), asked.headers.get("x-app-token", "")
        right = hmac.compare_digest(mine.encode(), given[0].encode())
        return right and hmac.compare_digest(self.token.encode(), given[1].encode())

    def _one(self, player_id: str) -> Said:
        if player_id not in self.applicants:
            return _error(404, "no such applicant")
        return 200, self.applicants[player_id]

    def _make(self, asked: Asked) -> Said:
        level = parse_qs(urlsplit(asked.path).query).get("levelName", [""])[0]
        said = _json(asked.body)
        player_id = said.get("externalUserId")
        if level not in LEVELS.values():
            return _error(404, "there is no level of this name")
        if not isinstance(player_id, str) or not player_id:
            return _error(400, "externalUserId is required")
        if player_id in self.applicants:
            return _error(409, f"Applicant with external user id '{player_id}' already exists")
        made = self._admit(player_id, level)
        return 201, made | {"fixedInfo": made.setdefault("fixedInfo", said.get("fixedInfo", {}))}

    def _admit(self, player_id: str, level: str) -> dict[str, Any]:
        return self.applicants.setdefault(
            player_id,
            {
                "id": applicant_id_of(player_id),
                "externalUserId": player_id,
                "type": "individual",
                "inspectionId": secrets.token_hex(12),
                "info": {"firstName": "Sandra", "lastName": "Box"},  # the house must not keep it
                "review": {"levelName": level, "reviewStatus": "init"},
            },
        )

    def _link(self, asked: Asked) -> Said:
        said = _json(asked.body)
        level, player_id, seconds = said.get("levelName"), said.get("userId"), said.get("ttlInSecs", 1800)
        if level not in LEVELS.values():
            return _error(404, "there is no level of this name")
        if not isinstance(player_id, str) or not player_id:
            return _error(400, "userId is required")
        if type(seconds) is not int or not 0 < seconds <= TTL_SECONDS_MAX:
            return _error(400, "ttlInSecs is a number of seconds, a day at most")
        self._admit(player_id, str(level))["review"]["levelName"] = level
        name = f"sbx_{secrets.token_urlsafe(16)}"
        self.links[name] = player_id
        return 200, {"url": f"{self.url}/{NAME}{PAGE}/{name}"}


def _json(body: bytes) -> dict[str, Any]:
    try:
        return as_object(body)
    except (json.JSONDecodeError, ValueError):
        return {}


def _error(status: int, description: str) -> Said:
    """Refuse in the vendor's own form."""
    return status, {"code": status, "correlationId": f"req-{secrets.token_hex(8)}", "description": description}


class _Handler(FaultyHandler):
    paths = PATHS
    pretence = b'{"id":"5cb56e8e0a975a35f333cb83","url":"https://'

    def serve(self, name: str, path: str, body: bytes) -> None:  # noqa: ARG002 - the path is signed with its query
        """Serve a request that changes something."""
        self._answer_asked("POST", body)

    def show(self, name: str, path: str) -> None:
        """Serve a request that only looks, or the page behind a link."""
        page, _, link = path.rpartition("/")
        if name == NAME and page == PAGE and link in self.desk.links:
            self.send(HTTPStatus.OK, "text/html", b"<html><body>Show your documents here.</body></html>")
        elif name == NAME:
            self._answer_asked("GET", b"")
        else:
            self.answer(HTTPStatus.NOT_FOUND, {"error": "no such page"})

    def _answer_asked(self, method: str, body: bytes) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.answer(*self.desk.serve(Asked(method, self.path.removeprefix(f"/{NAME}"), headers, body)))


@contextlib.contextmanager
def running(port: int = 0) -> Iterator[Desk]:
    """Run the server on loopback, on a free port unless one is named, and give its desk; leaving ends it."""
    with serving(Desk(), _Handler, port) as desk:
        yield desk
