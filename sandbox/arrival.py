"""The journey's first part: a player arrives. Registration by a mailed code, a second factor, and a session that ends at once."""

import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from http import HTTPStatus

from sandbox.authenticator import Authenticator
from sandbox.mailbox import Mailbox
from sandbox.player import Account, PlayerApi, RefusedError
from sandbox.stack import Stack
from sandbox.teller import Teller

PASSWORD = "correct horse, countroom battery"  # noqa: S105 - of a made-up player, in a sandbox
PHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Safari/604.1"
REVOKED_WITHIN_SECONDS = 1.0
RECOVERY_CODES = 10
SESSION_ROUTES = (
    ("GET", "/v1/wallet"),
    ("GET", "/v1/wallet/transactions"),
    ("GET", "/v1/deposits"),
    ("GET", "/v1/players/me"),
    ("GET", "/v1/sessions"),
    ("GET", "/v1/play-safety"),
    ("GET", "/v1/verification"),
    ("POST", "/v1/games/hub88-clockwork-reels/sessions"),
)
"""Routes of every function that takes a token: what a stolen phone would be used for."""


@dataclass(frozen=True, slots=True)
class Arrived:
    """A player who is logged in with a second factor."""

    api: PlayerApi
    account: Account
    authenticator: Authenticator


@dataclass(slots=True)
class Arrival:
    """Walks a new player from nothing to a session that holds."""

    stack: Stack
    teller: Teller
    currency: str

    def walk(self, email: str) -> Arrived:
        """Go all the way.

        Raises:
            DeviationError: at the first answer that is not as it must be.
            RefusedError, NoAnswerError, MailboxError: when there is no such answer.

        """
        desk = PlayerApi(self.stack.apis.player)
        account = self._register(desk, email)
        said = desk.log_in(account)
        self.teller.expect("the player logged in", said["player_id"], account.player_id)
        self.teller.expect("the last login of a new player", said["last_login"], None)
        self.teller.show("log in", "POST /v1/sessions", f"a token signed by KMS, good for {said['expires_in'] // 60} minutes")
        authenticator, recovery_codes = desk.enrol_factor()
        self.teller.expect("the number of recovery codes", len(set(recovery_codes)), RECOVERY_CODES)
        told = f"confirmed by a first code, {RECOVERY_CODES} recovery codes"
        self.teller.show("second factor", "POST /v1/players/me/factor, …/confirmations", told)
        phone = self._log_in_on_the_phone(account, authenticator)
        self._end_the_other_session(desk, phone)
        self._refresh(phone)
        return Arrived(phone, account, authenticator)

    def leave_without_factor(self, arrived: Arrived) -> None:
        """Take the second factor off, so that the sample player can be used with address and password."""
        arrived.api.remove_factor()
        self.teller.expect("the second factor in the profile", arrived.api.profile()["second_factor"], False)
        self.teller.show("factor removed", "DELETE /v1/players/me/factor", "allowed: the code at log-in was a step-up, minutes ago")

    def _register(self, desk: PlayerApi, email: str) -> Account:
        mailbox = Mailbox(self.stack.mailbox)
        began = time.monotonic()
        token = desk.apply(email, PASSWORD, currency=self.currency)
        self.teller.show("register", f"POST /v1/players {email}", "accepted: a code is on its way, no account yet")
        code = mailbox.await_code(email)
        waited = time.monotonic() - began
        self.teller.show("mail", f"to {email}", f"a code, {waited:.1f} s after it was asked for")
        account = desk.verify(token, code, PASSWORD)
        self.teller.show("verify", "POST /v1/players/verifications", f"player {account.player_id}")
        return account

    def _log_in_on_the_phone(self, account: Account, authenticator: Authenticator) -> PlayerApi:
        phone = PlayerApi(self.stack.apis.player, user_agent=PHONE)
        try:
            phone.log_in(account)
            refused = "a session"
        except RefusedError as refusal:
            refused = refusal.code
        self.teller.expect("what a log-in without the code gets", refused, "second_factor_required")
        self.teller.show("log in (phone)", "POST /v1/sessions, right password, no code", refused)
        said = phone.log_in(account, authenticator.code())
        before = said["last_login"] or {}
        self.teller.show("log in (phone)", "POST /v1/sessions, with the code", f"welcome back; last login: {before.get('device')}")
        return phone

    def _end_the_other_session(self, desk: PlayerApi, phone: PlayerApi) -> None:
        sessions = phone.sessions()
        places = ", ".join(f"{one['device']}{' (this one)' if one['current'] else ''}" for one in sessions)
        self.teller.expect("the sessions listed", {one["session_id"] for one in sessions}, {desk.session_id, phone.session_id})
        self.teller.show("sessions", "GET /v1/sessions", places)
        phone.end_session(desk.session_id)
        ended = time.monotonic()

        def ask(route: tuple[str, str]) -> tuple[float, int]:
            asked = time.monotonic() - ended
            return asked, desk.raw(*route, b"{}" if route[0] == "POST" else None).status

        with ThreadPoolExecutor(len(SESSION_ROUTES)) as pool:
            answers = list(pool.map(ask, SESSION_ROUTES))
        statuses = Counter(status for _, status in answers)
        wanted = {HTTPStatus.UNAUTHORIZED.value: len(SESSION_ROUTES)}
        self.teller.expect("what the ended session gets", dict(statuses), wanted)
        last = max(asked for asked, _ in answers)
        self.teller.expect("asking within a second", last < REVOKED_WITHIN_SECONDS, True)
        told = f"its token is refused {last * 1000:.0f} ms later on {len(answers)} of {len(answers)} routes"
        self.teller.show("end the desk's", "DELETE /v1/sessions/{session_id}", told)
        self.teller.expect("a route for the session that stays", phone.profile()["second_factor"], True)

    def _refresh(self, phone: PlayerApi) -> None:
        old = phone.token, phone.refresh_token
        phone.refresh()
        changed = phone.token != old[0] and phone.refresh_token != old[1]
        self.teller.expect("both tokens new after a refresh", changed, True)
        self.teller.show("refresh", "POST /v1/sessions/refresh", "a new pair; the old refresh token has been used up")
