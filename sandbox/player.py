"""A front-end's view of the player API: one method an operation, typed answers, refusals as exceptions."""

import json
import secrets
from dataclasses import dataclass, field
from typing import Any

from sandbox.authenticator import Authenticator
from sandbox.mailbox import Mailbox
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


BROWSER = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
"""What the client calls itself unless told otherwise: the house shows a player on which devices he is logged in."""

RETURN_URL = "https://casino.countroom.example/cashier"
"""Where a front-end would have the player come back to from a page of a gateway or a bank."""

NEW_PLAYER = {"date_of_birth": "1990-05-17", "country": "MT", "currency": "EUR", "accepted_terms": "2026-11"}
"""What a registration says besides address and password."""


@dataclass(slots=True)
class PlayerApi:
    """A client of the player API; after `log_in` it carries the player's tokens, as a front-end keeps them."""

    base_url: str
    token: str = field(default="", repr=False)
    refresh_token: str = field(default="", repr=False)
    session_id: str = ""
    device_token: str = field(default="", repr=False)
    """Given at each login: a login with it is counted apart, so that nobody else's guesses lock this device out."""

    user_agent: str = BROWSER

    def call(self, method: str, path: str, said: object = None, *, headers: dict[str, str] | None = None) -> Any:
        """Make one call and give its parsed answer.

        Raises:
            RefusedError: for any status but 2xx.
            NoAnswerError: when there was no answer.

        """
        answer = self.raw(method, path, None if said is None else json.dumps(said).encode(), headers=headers)
        if not 200 <= answer.status < 300:  # noqa: PLR2004 - success
            raise RefusedError(answer)
        return answer.json() if answer.body else None

    def raw(self, method: str, path: str, body: bytes | None, *, headers: dict[str, str] | None = None) -> Answer:
        """Make one call with exactly these bytes."""
        own = {"Accept": "application/json", "User-Agent": self.user_agent}
        if body is not None:
            own["Content-Type"] = "application/json"
        if self.token:
            own["Authorization"] = f"Bearer {self.token}"
        return send(method, self.base_url + path, body=body, headers=own | (headers or {}))

    # ------------------------------------------------------------- identity

    def apply(self, email: str, password: str, **changes: str) -> str:
        """Ask for an account; gives the registration token, which goes with the code that is mailed."""
        said = self.call("POST", "/v1/players", {"email": email, "password": password} | NEW_PLAYER | changes)
        return str(said["registration_token"])

    def verify(self, registration_token: str, code: str, password: str) -> Account:
        """Confirm the address by its code: only now there is an account."""
        said = self.call("POST", "/v1/players/verifications", {"registration_token": registration_token, "code": code})
        return Account(said["player_id"], said["email"], password, said["currency"], said["country"])

    def register(self, mailbox: Mailbox, *, currency: str = "EUR", country: str = "MT", email: str = "", **person: str) -> Account:
        """Register a new made-up player with a random password: apply, read the mail, confirm. `person`: more that is told.

        Raises:
            MailboxError: when the mail does not come.

        """
        email = email or f"player-{secrets.token_hex(6)}@example.com"
        password = secrets.token_urlsafe(18)
        seen = mailbox.seen(email)
        token = self.apply(email, password, currency=currency, country=country, **person)
        return self.verify(token, mailbox.await_code(email, after=seen), password)

    def log_in(self, account: Account, code: str = "") -> dict[str, Any]:
        """Log in, with the second factor's `code` where one is enrolled, and keep the tokens; gives the answer."""
        asked = {"email": account.email, "password": account.password}
        asked |= {"code": code} if code else {}
        asked |= {"device_token": self.device_token} if self.device_token else {}
        said: dict[str, Any] = self.call("POST", "/v1/sessions", asked)
        self.device_token = said["device_token"]
        return self._keep(said)

    def refresh(self) -> dict[str, Any]:
        """Exchange the refresh token for a new pair of tokens; each is good once."""
        return self._keep(self.call("POST", "/v1/sessions/refresh", {"refresh_token": self.refresh_token}))

    def _keep(self, said: dict[str, Any]) -> dict[str, Any]:
        self.token, self.refresh_token, self.session_id = said["access_token"], said["refresh_token"], said["session_id"]
        return said

    def sessions(self) -> list[dict[str, Any]]:
        """Read where the player is logged in."""
        items: list[dict[str, Any]] = self.call("GET", "/v1/sessions")["items"]
        return items

    def end_session(self, session_id: str = "current") -> None:
        """End one session: this one (log out), or another."""
        self.call("DELETE", f"/v1/sessions/{session_id}")

    def end_all_sessions(self) -> None:
        """Log out everywhere."""
        self.call("DELETE", "/v1/sessions")

    def step_up(self, *, code: str = "", password: str = "") -> None:
        """Show once more who it is, by the second factor's code or by the password, for the routes that ask for it."""
        self.call("POST", "/v1/sessions/current/step-up", {"code": code} if code else {"password": password})

    def enrol_factor(self) -> tuple[Authenticator, list[str]]:
        """Enrol a second factor; gives the authenticator and the recovery codes."""
        authenticator = Authenticator(self.call("POST", "/v1/players/me/factor", {})["secret"])
        said = self.call("POST", "/v1/players/me/factor/confirmations", {"code": authenticator.code()})
        return authenticator, list(said["recovery_codes"])

    def remove_factor(self) -> None:
        """Take the second factor off."""
        self.call("DELETE", "/v1/players/me/factor")

    def profile(self) -> dict[str, Any]:
        """Read what the house knows of the player."""
        said: dict[str, Any] = self.call("GET", "/v1/players/me")
        return said

    def change_password(self, account: Account, new_password: str) -> None:
        """Change the password; every session ends."""
        said = {"current_password": account.password, "new_password": new_password}
        self.call("POST", "/v1/players/me/password", said)

    # ------------------------------------------------------- money and play

    def wallet(self) -> Wallet:
        """Read the balances."""
        said = self.call("GET", "/v1/wallet")
        return Wallet(**{name: said[name] for name in Wallet.__slots__})

    def transactions(self, limit: int = 50) -> list[dict[str, Any]]:
        """Read the newest transactions, newest first."""
        items: list[dict[str, Any]] = self.call("GET", f"/v1/wallet/transactions?limit={limit}")["items"]
        return items

    def open_deposit(self, amount: str, currency: str, key: str = "", gateway: str = "") -> dict[str, Any]:
        """Ask for a deposit, through the house's own choice of gateway unless one is named; the same `key` gives the same again."""
        said: dict[str, Any] = self.call(
            "POST",
            "/v1/deposits",
            {"amount": amount, "currency": currency} | ({"gateway": gateway} if gateway else {}),
            headers={"Idempotency-Key": key or secrets.token_hex(16)},
        )
        return said

    def open_payment(self, deposit_id: str, return_url: str = RETURN_URL) -> dict[str, Any]:
        """Open a deposit's payment at its gateway; gives what a browser would pay it with."""
        said: dict[str, Any] = self.call("POST", f"/v1/deposits/{deposit_id}/payment", {"return_url": return_url})
        return said

    def methods(self) -> list[dict[str, Any]]:
        """Read the ways to pay in."""
        items: list[dict[str, Any]] = self.call("GET", "/v1/deposits/methods")["items"]
        return items

    def deposit(self, deposit_id: str) -> dict[str, Any]:
        """Read one deposit with its states."""
        said: dict[str, Any] = self.call("GET", f"/v1/deposits/{deposit_id}")
        return said

    def withdraw(self, amount: str, currency: str, deposit_id: str, key: str = "") -> dict[str, Any]:
        """Ask for money, back to what has paid a deposit; the same `key` gives the same again."""
        said: dict[str, Any] = self.call(
            "POST",
            "/v1/withdrawals",
            {"amount": amount, "currency": currency, "deposit_id": deposit_id},
            headers={"Idempotency-Key": key or secrets.token_hex(16)},
        )
        return said

    def withdrawal(self, withdrawal_id: str) -> dict[str, Any]:
        """Read one withdrawal with its stages."""
        said: dict[str, Any] = self.call("GET", f"/v1/withdrawals/{withdrawal_id}")
        return said

    def withdrawals(self, limit: int = 50) -> list[dict[str, Any]]:
        """Read the newest withdrawals, newest first."""
        items: list[dict[str, Any]] = self.call("GET", f"/v1/withdrawals?limit={limit}")["items"]
        return items

    def cancel_withdrawal(self, withdrawal_id: str) -> dict[str, Any]:
        """Call a withdrawal back."""
        said: dict[str, Any] = self.call("POST", f"/v1/withdrawals/{withdrawal_id}/cancellation", {})
        return said

    # ---------------------------------------------------------- play safety

    def play_safety(self) -> dict[str, Any]:
        """Read the overview: limits with what is left, exclusion, the clock of play, net position."""
        said: dict[str, Any] = self.call("GET", "/v1/play-safety")
        return said

    def set_limit(self, kind: str, period: str, amount: str, key: str = "") -> dict[str, Any]:
        """Set, lower or raise a limit of money; the same `key` gives the same again."""
        headers = {"Idempotency-Key": key} if key else {}
        said: dict[str, Any] = self.call("PUT", f"/v1/limits/{kind}/{period}", {"amount": amount}, headers=headers)
        return said

    def set_session_limit(self, minutes: int) -> dict[str, Any]:
        """Limit the time of play without a break."""
        said: dict[str, Any] = self.call("PUT", "/v1/limits/session/each", {"minutes": minutes})
        return said

    def remove_limit(self, kind: str, period: str) -> dict[str, Any]:
        """Ask for a limit to be removed."""
        said: dict[str, Any] = self.call("DELETE", f"/v1/limits/{kind}/{period}")
        return said

    def withdraw_raise(self, kind: str, period: str) -> dict[str, Any]:
        """Take back that a limit is to be raised or removed."""
        said: dict[str, Any] = self.call("DELETE", f"/v1/limits/{kind}/{period}/raise")
        return said

    def exclude(self, kind: str, length: str) -> dict[str, Any]:
        """Take a time-out or exclude oneself: all sessions end with it."""
        said: dict[str, Any] = self.call("POST", "/v1/exclusions", {"kind": kind, "length": length})
        return said

    def verification(self) -> dict[str, Any]:
        """Read how the player stands with verification."""
        said: dict[str, Any] = self.call("GET", "/v1/verification")
        return said

    def start_verification(self, level: str) -> dict[str, Any]:
        """Start a check at the vendor; gives the link to it."""
        said: dict[str, Any] = self.call("POST", "/v1/verification/start", {"level": level})
        return said

    def games(self) -> list[dict[str, Any]]:
        """Read the catalogue."""
        items: list[dict[str, Any]] = self.call("GET", "/v1/games")["items"]
        return items

    def launch(self, game_id: str) -> dict[str, Any]:
        """Start a game session; `session_token` is what the provider gets."""
        said: dict[str, Any] = self.call("POST", f"/v1/games/{game_id}/sessions", {})
        return said
