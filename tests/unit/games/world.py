"""A casino in memory: real rules, book and dialect over a table of dictionaries, a clock that stands still, a provider's key."""

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from typing import Any

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from countroom.games.catalogue import Catalogue, Game, StakeRange
from countroom.games.providers.desk import Desk, Served
from countroom.games.providers.dialect import Call, Dialect
from countroom.games.providers.hub88 import DIALECT
from countroom.games.providers.keys import KeyRing
from countroom.ledger.book import Book, Pacing, Posted
from countroom.ledger.decide import Decision
from countroom.ledger.drafts import Draft
from countroom.ledger.movements import Deposit, Movement, OpenWallet, Reference, SetStatus, StartSession, Status
from countroom.ledger.records import Record, Resolution, Tombstone
from countroom.ledger.rules.effects import Facts
from countroom.ledger.sessions import SECRET_BYTES, issue, parse
from countroom.ledger.store import (
    Answer,
    AnswerLost,
    Committed,
    Companion,
    DynamoDB,
    Existing,
    LedgerStore,
    Snapshot,
    Stale,
)
from countroom.ledger.wallet import Wallet
from tests.unit.clock import FixedClock

UNIT = 10**9
WIRE = 100_000

REELS = Game("reels", "hub88", "x_reels", "Reels", "slots", "96.00", frozenset({"EUR", "USD"}), frozenset({"*"}), {}, enabled=True)
TABLE = Game(
    "table",
    "hub88",
    "x_table",
    "Table",
    "table",
    "99.00",
    frozenset({"EUR"}),
    frozenset({"EE", "SE"}),
    {"EUR": StakeRange(1 * UNIT, 100 * UNIT)},
    enabled=True,
)
CLOSED = Game("closed", "hub88", "x_closed", "Closed", "slots", "90.00", frozenset({"EUR"}), frozenset({"*"}), {}, enabled=False)
HUB88_GAMES = (REELS, TABLE, CLOSED)


def games_of(provider: str) -> list[Game]:
    """The same three games at another provider, and the one that its family's acceptance tests name."""
    games = [game._replace(id=f"{provider}-{game.id}", provider=provider) for game in HUB88_GAMES]
    return [*games, games[0]._replace(id=f"{provider}-acceptance", code="acceptance:test")]


CATALOGUE = Catalogue([*HUB88_GAMES, *games_of("swipe"), *games_of("action_batch"), *games_of("plain")])


class NoClient:
    """A client that must not be used."""

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(f"{name} was sent to AWS")


class MemoryStore(LedgerStore):
    """The ledger's table as dictionaries; one commit at a time, with the conditions of the real one."""

    def __init__(self) -> None:
        client: DynamoDB = NoClient()
        super().__init__(client, "none")
        self.wallets: dict[str, Wallet] = {}
        self.entries: dict[Reference, Record | Tombstone] = {}
        self.markers: dict[Reference, Resolution] = {}
        self.faults: list[Exception] = []
        """Raised one by one, by the next requests."""
        self.lose_answers = 0
        """How many commits take effect although their caller is told nothing."""
        self.requests = 0

    def state(self) -> tuple[Any, ...]:
        """Everything that is stored."""
        return (dict(self.wallets), dict(self.entries), dict(self.markers))

    def wallet(self, player_id: str) -> Wallet | None:
        self._request()
        return self.wallets.get(player_id)

    def entry(self, reference: Reference) -> Record | Tombstone | None:
        self._request()
        return self.entries.get(reference)

    def resolutions(self, references: Sequence[Reference]) -> dict[Reference, Resolution]:
        self._request()
        return {name: self.markers[name] for name in references if name in self.markers}

    def snapshot(self, player_id: str, movements: Sequence[Movement | Draft], *, own: bool = False) -> Snapshot:
        self._request()
        related = [movement.related for movement in movements if movement.related]
        named = [*related, *(name for movement in movements if isinstance(movement, Draft) for name in movement.beside)]
        named += [movement.reference for movement in movements] if own else []
        facts = Facts(
            {name: self.entries[name] for name in named if name in self.entries},
            {name: self.markers[name] for name in related if name in self.markers},
        )
        return Snapshot(self.wallets.get(player_id), facts)

    def commit(self, decided_on: int, decisions: Sequence[Decision], companions: Sequence[Companion] = ()) -> Answer:
        self._request()
        assert not companions
        for decision in decisions:
            if found := self.entries.get(decision.record.reference):
                return Existing(found)
        wallet = decisions[-1].wallet
        stored = self.wallets.get(wallet.player_id)
        if (stored.version if stored else 0) != decided_on:
            return Stale()
        if any(self._is_stale(decision) for decision in decisions):
            return Stale()
        for decision in decisions:
            self._write(decision)
        self.wallets[wallet.player_id] = wallet
        if self.lose_answers:
            self.lose_answers -= 1
            raise AnswerLost("lost")
        return Committed()

    def _is_stale(self, decision: Decision) -> bool:
        buried = decision.tombstone is not None and decision.tombstone.reference in self.entries
        return buried or (decision.resolution is not None and decision.resolution.of in self.markers)

    def _write(self, decision: Decision) -> None:
        self.entries[decision.record.reference] = decision.record
        if decision.tombstone:
            self.entries[decision.tombstone.reference] = decision.tombstone
        if decision.resolution:
            self.markers[decision.resolution.of] = decision.resolution

    def _request(self) -> None:
        self.requests += 1
        if self.faults:
            raise self.faults.pop(0)


def private_key(number: int = 0) -> rsa.RSAPrivateKey:
    """A provider's key; the same number gives the same key."""
    return _private_keys(number)


@cache
def _private_keys(number: int) -> rsa.RSAPrivateKey:
    del number  # tells the keys apart
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def public_pem(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> str:
    public = key.public_key()
    return public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode()


def sign(body: bytes, key: rsa.RSAPrivateKey | None = None) -> str:
    signature = (key or private_key()).sign(body, padding.PKCS1v15(), hashes.SHA256())
    return base64.b64encode(signature).decode()


class Secret:
    """A secret store in memory: what is stored, and what the reader still remembers."""

    def __init__(self, value: dict[str, Any]) -> None:
        self.stored = value
        self.held = value
        self.refreshes = 0
        self.refresh_allowed = True
        self.broken = False

    def json(self) -> Mapping[str, Any]:
        if self.broken:
            raise OSError("Secrets Manager is away")
        return self.held

    def refresh(self) -> bool:
        self.refreshes += 1
        if self.broken or not self.refresh_allowed:
            return False
        changed, self.held = self.held != self.stored, self.stored
        return changed


SESSION_MS = 12 * 3_600_000


class World:
    """One provider, its desk, and players with money and a running game."""

    def __init__(self, dialect: Dialect[Any] = DIALECT, secret: dict[str, Any] | None = None) -> None:
        self.clock = FixedClock()
        self.store = MemoryStore()
        self.slept: list[float] = []
        pacing = Pacing(timer=lambda: self.clock.now_ms / 1000, sleep=self._sleep, jitter=lambda: 1.0)
        self.book = Book(self.store, self.clock, pacing)
        self.provider = dialect.provider
        self.secret = Secret({"public_keys": [public_pem(private_key())]} if secret is None else secret)
        self.reported: list[Exception] = []
        self.desk = Desk(dialect, KeyRing(self.secret, dialect.keys, self.reported.append), self.book, CATALOGUE, self.clock)
        self._numbers = 0

    def _sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.clock.advance(milliseconds=int(seconds * 1000) + 1)

    def player(
        self, player_id: str = "pl_anna", cash: int = 100, currency: str = "EUR", country: str = "EE", *, nanos: int = 0
    ) -> str:
        """Open a wallet with `cash` main units (and `nanos`) and start a game; gives the session token."""
        assert isinstance(self.book.post(OpenWallet.of(player_id, currency, country)), Posted)
        if amount := cash * UNIT + nanos:
            deposit = Deposit(Reference("gateway:standard", f"dep-{player_id}"), player_id, currency, amount)
            assert isinstance(self.book.post(deposit), Posted)
        return self.launch(player_id)

    def launch(self, player_id: str = "pl_anna", game: str = "x_reels", **told: int) -> str:
        """Start a session at the provider, with what else a launch is `told` (interval_ms, grown_on); gives its token."""
        self._numbers += 1
        token = issue(player_id, self._numbers.to_bytes(SECRET_BYTES, "big"))
        expires_at_ms = self.clock.now_ms + SESSION_MS
        movement = StartSession.of(player_id, self.provider, parse(token).digest, game, expires_at_ms, **told)
        assert isinstance(self.book.post(movement), Posted)
        return token

    def set_status(self, player_id: str, status: Status) -> None:
        if status is Status.CLOSED:
            # no movement closes a wallet with money in it, so what happens to a closed one is seen on one that is made so
            self.store.wallets[player_id] = replace(self.store.wallets[player_id], status=status)
            return
        self._numbers += 1
        movement = SetStatus(Reference("house:staff", f"status-{self._numbers}"), player_id, status)
        assert isinstance(self.book.post(movement), Posted)

    def cash(self, player_id: str = "pl_anna") -> int:
        """The balance in units of the wire."""
        wallet = self.store.wallets[player_id]
        assert wallet.proves_itself
        assert wallet.cash % (UNIT // WIRE) == 0
        return wallet.available // (UNIT // WIRE)

    def serve(self, path: str, body: bytes, headers: Mapping[str, str] | None = None) -> Served:
        return self.desk.serve(Call(path, {"x-hub88-signature": sign(body)} if headers is None else headers, body))

    def say(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Send a signed body; gives the answer, of which every dialect's rule must hold."""
        served = self.serve(path, json.dumps(body).encode())
        assert served.reply.status == 200
        answer: dict[str, Any] = json.loads(served.reply.body)
        assert answer.get("request_uuid") == body.get("request_uuid")
        return answer


def bet(token: str, **changes: Any) -> dict[str, Any]:
    """A bet of 10.00 by pl_anna, as Hub88 sends it."""
    return {
        "amount": 10 * WIRE,
        "currency": "EUR",
        "game_code": "x_reels",
        "is_free": False,
        "request_uuid": "583c985f-fee6-4c0e-bbf5-308aad6265af",
        "round": "round-1",
        "round_closed": False,
        "supplier_user": "pl_anna",
        "token": token,
        "transaction_uuid": "bet-1",
        **changes,
    }


def win(token: str, **changes: Any) -> dict[str, Any]:
    """A win of 25.00 on that bet."""
    body = {"amount": 25 * WIRE, "transaction_uuid": "win-1", "reference_transaction_uuid": "bet-1", "round_closed": True}
    return bet(token, **{**body, **changes})


def rollback(token: str, **changes: Any) -> dict[str, Any]:
    """A rollback of that bet: no amount, no currency, no user."""
    return {
        "game_code": "x_reels",
        "reference_transaction_uuid": "bet-1",
        "request_uuid": "0b53a1a8-9d3b-4b8e-8a4f-0d3e6a3a3d6e",
        "round": "round-1",
        "round_closed": True,
        "token": token,
        "transaction_uuid": "rollback-1",
        **changes,
    }
