"""A front-end's view of the player API: one method an operation, typed answers, refusals as exceptions."""

import json
import secrets
from dataclasses import dataclass, field
from typing import Any

from sandbox.wire import Answer, send


class RefusedError(Exception):
    """The API answered with a problem (RFC 9457); `code` is the machine-readable name of it."""

    def __init__(self, answer: Answer) -> None:
        self.status = answer.status
        try:
            problem = answer.json()
        except ValueError:
            problem = {}
        self.code = str(problem.get("code", "")) if isinstance(problem, dict) else ""
        super().__init__(f"{answer.status} {self.code or answer.body[:200].decode(errors='replace')}")


@dataclass(frozen=True, slots=True)
class Wallet:
    """Balances as decimal strings in the wallet's currency; `version` counts its changes."""

    player_id: str
    currency: str
    cash: str
    bonus: str
    held: str
    available: str
    version: int
    status: str


@dataclass(frozen=True, slots=True)
class Account:
    """A registered player and what is needed to log in again."""

    player_id: str
    email: str
    password: str = field(repr=False)
    currency: str
    country: str


@dataclass(slots=True)
class PlayerApi:
    """A client of the player API; after `log_in` it carries the player's token."""

    base_url: str
    token: str = field(default="", repr=False)

    def call(self, method: str, path: str, said: object = None, *, headers: dict[str, str] | None = None) -> Any:
        """Make one call and give its parsed answer.

        Raises:
            RefusedError: for any status but 2xx.
            NoAnswerError: when there was no answer.

        """
        answer = self.raw(method, path, None if said is None else json.dumps(said).encode(), headers=headers)
        if not 200 <= answer.status < 300:  # noqa: PLR2004 - success
            raise RefusedError(answer)
        return answer.json()

    def raw(self, method: str, path: str, body: bytes | None, *, headers: dict[str, str] | None = None) -> Answer:
        """Make one call with exactly these bytes."""
        own = {"Accept": "application/json"}
        if body is not None:
            own["Content-Type"] = "application/json"
        if self.token:
            own["Authorization"] = f"Bearer {self.token}"
        return send(method, self.base_url + path, body=body, headers=own | (headers or {}))

    def register(self, *, currency: str = "EUR", country: str = "MT", email: str = "") -> Account:
        """Register a new made-up player with a random password."""
        email = email or f"player-{secrets.token_hex(6)}@example.com"
        password = secrets.token_urlsafe(18)
        said = self.call(
            "POST",
            "/v1/players",
            {
                "email": email,
                "password": password,
                "date_of_birth": "1990-05-17",
                "country": country,
                "currency": currency,
                "accepted_terms": "2026-11",
            },
        )
        return Account(said["player_id"], email, password, currency, country)

    def log_in(self, account: Account) -> dict[str, Any]:
        """Log in and keep the access token; gives the answer."""
        said: dict[str, Any] = self.call("POST", "/v1/sessions", {"email": account.email, "password": account.password})
        self.token = said["access_token"]
        return said

    def wallet(self) -> Wallet:
        """Read the balances."""
        said = self.call("GET", "/v1/wallet")
        return Wallet(**{name: said[name] for name in Wallet.__slots__})

    def transactions(self, limit: int = 50) -> list[dict[str, Any]]:
        """Read the newest transactions, newest first."""
        items: list[dict[str, Any]] = self.call("GET", f"/v1/wallet/transactions?limit={limit}")["items"]
        return items

    def open_deposit(self, amount: str, currency: str, key: str = "") -> dict[str, Any]:
        """Ask for a deposit; the same `key` again gives the same deposit."""
        said: dict[str, Any] = self.call(
            "POST",
            "/v1/deposits",
            {"amount": amount, "currency": currency},
            headers={"Idempotency-Key": key or secrets.token_hex(16)},
        )
        return said

    def deposit(self, deposit_id: str) -> dict[str, Any]:
        """Read one deposit with its states."""
        said: dict[str, Any] = self.call("GET", f"/v1/deposits/{deposit_id}")
        return said

    def games(self) -> list[dict[str, Any]]:
        """Read the catalogue."""
        items: list[dict[str, Any]] = self.call("GET", "/v1/games")["items"]
        return items

    def launch(self, game_id: str) -> dict[str, Any]:
        """Start a game session; `session_token` is what the provider gets."""
        said: dict[str, Any] = self.call("POST", f"/v1/games/{game_id}/sessions", {})
        return said
