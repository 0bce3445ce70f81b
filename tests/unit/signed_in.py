"""Players who are logged in: a token key in (emulated) KMS, sessions in the sessions table, and the environment that names both."""

from typing import Any

import pytest

from countroom.clock import Clock, system_clock
from countroom.identity import tokens
from countroom.identity.access import Lifetimes
from countroom.identity.access_store import AccessStore
from countroom.identity.keys import KmsSigner
from countroom.identity.sessions import Opened, Sessions
from countroom.identity.table import Table
from handlers.parts.bearer import Door
from runtime import aws as runtime_aws
from tests.unit.conftest import SESSIONS_TABLE

ISSUER = "https://countroom.dev/test"
ABSOLUTE_SECONDS = 43_200
IDLE_SECONDS = 1_800


class Visitors:
    """Whoever logs in. Their sessions are real; the passwords are another room's."""

    def __init__(self, client: Any, clock: Clock = system_clock, signer: tokens.Signer | None = None) -> None:
        self.client = client
        self.clock = clock
        self.key_arn = new_key() if signer is None else f"arn:aws:kms:eu-west-1:000000000000:key/{signer.key_id}"
        self.issuer = tokens.Issuer(ISSUER, signer or KmsSigner(runtime_aws.client("kms"), self.key_arn), clock)
        self.store = AccessStore(Table(client, SESSIONS_TABLE))
        lifetimes = Lifetimes(absolute_ms=ABSOLUTE_SECONDS * 1000, idle_ms=IDLE_SECONDS * 1000)
        self.sessions = Sessions(self.store, self.issuer, clock, lifetimes, sleep=lambda _seconds: None)
        self._known: set[str] = set()

    def come_to(self, door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
        """Let a function check these visitors' tokens: its environment, its clock, and nothing kept from before."""
        self.set_environment(monkeypatch)
        monkeypatch.setattr(door, "clock", self.clock)
        door.forget()

    def set_environment(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """What a function that checks tokens finds in its environment."""
        monkeypatch.setenv("TOKEN_KEY_IDS", self.key_arn)
        monkeypatch.setenv("TOKEN_ISSUER", ISSUER)
        monkeypatch.setenv("SESSIONS_TABLE", SESSIONS_TABLE)
        monkeypatch.setenv("SESSION_ABSOLUTE_SECONDS", str(ABSOLUTE_SECONDS))
        monkeypatch.setenv("SESSION_IDLE_SECONDS", str(IDLE_SECONDS))

    def join(self, player_id: str) -> None:
        """Become known, once."""
        if player_id not in self._known:
            self._known.add(player_id)
            self.client.transact_write_items(TransactItems=[self.store.creation(player_id)])

    def open(self, player_id: str, *, device: str = "Firefox on Linux", stepped_up: bool = True) -> Opened:
        """Log in."""
        self.join(player_id)
        return self.sessions.open(player_id, device, "EE", stepped_up=stepped_up)

    def token(self, player_id: str) -> str:
        """Log in, and give the access token."""
        return self.open(player_id).access_token


def new_key() -> str:
    """Make a signing key in KMS; gives its ARN."""
    return str(runtime_aws.client("kms").create_key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")["KeyMetadata"]["Arn"])
