"""The journey: a player's first euro, over HTTP from outside, every answer compared with what it must be.

Provider and gateway are separate programs (`sandbox.provider`, `sandbox.gateway`), started here as a person would.
"""

import json
import os
import subprocess
import sys
import time
import uuid
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

from sandbox import audit
from sandbox.environment import base
from sandbox.player import Account, PlayerApi, RefusedError, Wallet
from sandbox.provider.hub88 import GAMES, scaled, unscaled
from sandbox.stack import ROOT, Player, Stack
from sandbox.wire import NoAnswerError

PROGRAM_TIMEOUT_SECONDS = 45
CREDIT_TIMEOUT_SECONDS = 30.0
CURRENCY, GAME = "EUR", "hub88-clockwork-reels"
DEPOSIT, BET, WIN, SECOND_BET = "100.00", "10.00", "25.50", "5.00"


class DeviationError(Exception):
    """Something answered differently from what it must; the message says what, where and how."""


@dataclass(slots=True)
class Journey:
    """One walk through the casino; `stack_path` is what the outside programs read their keys from."""

    stack: Stack
    stack_path: Path
    temp: Path
    print_line: Any = print
    _number: int = 0
    _balance: Decimal = Decimal(0)
    _player: PlayerApi = field(init=False)
    _account: Account = field(init=False)
    _wallet: Wallet = field(init=False)
    _game: dict[str, Any] = field(init=False)
    _token: str = field(init=False, default="", repr=False)
    _user: str = field(init=False, default="")

    def walk(self) -> list[Player]:
        """Go all the way; gives two players that can log in.

        Raises:
            DeviationError: at the first answer that is not as it must be.

        """
        try:
            self._register()
            self._deposit()
            self._launch()
            self._play()
            self._refuse_tampering()
            self._look_back()
            self._audit()
            second = PlayerApi(self.stack.apis.player).register(currency=CURRENCY)
        except (RefusedError, NoAnswerError, audit.AuditError) as error:
            raise DeviationError(f"after step {self._number}: {error}") from error
        except (KeyError, ValueError, TypeError) as error:
            raise DeviationError(f"after step {self._number}: an answer is not of the expected form: {error!r}") from error
        except subprocess.TimeoutExpired as error:
            raise DeviationError(f"after step {self._number}: {error.cmd[2]} did not end within {error.timeout:.0f} s") from error
        return [_sample(self._account), _sample(second)]

    # ------------------------------------------------------------------ steps

    def _register(self) -> None:
        self._player = PlayerApi(self.stack.apis.player)
        self._account = self._player.register(currency=CURRENCY)
        self._show("register", f"POST /v1/players {self._account.email}", f"player {self._account.player_id}")
        self._expect("the player logged in", self._player.log_in(self._account)["player_id"], self._account.player_id)
        self._show("log in", "POST /v1/sessions", "a token signed by KMS, good for 10 minutes")
        self._expect("the first balance", self._wallet.available, "0.00")

    def _deposit(self) -> None:
        key = str(uuid.uuid4())
        opened = self._player.open_deposit(DEPOSIT, CURRENCY, key)
        deposit_id = opened["deposit_id"]
        self._show("deposit", f"POST /v1/deposits {DEPOSIT} {CURRENCY}", f"{deposit_id}, {opened['status']}")
        again = self._player.open_deposit(DEPOSIT, CURRENCY, key)
        self._expect("the same Idempotency-Key's deposit", again["deposit_id"], deposit_id)
        said = self._outside("gateway", "standard", "pay", "--deposit", deposit_id, "--amount", DEPOSIT, "--copies", "2")
        self._expect("the gateway's two copies of one webhook", {one["status"] for one in said} <= {200, 202, 204}, True)
        self._show("payment webhook", "signed payment.succeeded, sent twice", f"{said[0]['status']} kept, queued")
        shown = self._await_credit(deposit_id)
        self._balance += Decimal(DEPOSIT)
        self._show("credit", f"GET /v1/deposits/{deposit_id}", f"{shown['status']}, once")
        self._expect_balance()

    def _launch(self) -> None:
        games = {game["game_id"]: game for game in self._player.games()}
        self._expect(f"{GAME} on offer", GAME in games, True)
        self._game = games[GAME]
        launched = self._player.launch(self._game["game_id"])
        self._token = launched["session_token"]
        where = f"POST /v1/games/{self._game['game_id']}/sessions"
        self._show("launch a game", where, f"{self._game['name']}, session until {launched['expires_at']}")

    def _play(self) -> None:
        self._hub88("info", "whose token is this")
        bet, win, round_id = str(uuid.uuid4()), str(uuid.uuid4()), str(uuid.uuid4())
        stake = ("--amount", BET, "--transaction-uuid", bet, "--round", round_id)
        self._balance -= Decimal(BET)
        self._hub88("bet", f"{BET} {CURRENCY}", *stake)
        self._hub88("bet", "the same again: one effect", *stake)
        self._balance += Decimal(WIN)
        pay = ("--amount", WIN, "--transaction-uuid", win, "--round", round_id, "--reference", bet, "--round-closed")
        self._hub88("win", f"{WIN} {CURRENCY}", *pay)
        second, round_id = str(uuid.uuid4()), str(uuid.uuid4())
        self._balance -= Decimal(SECOND_BET)
        self._hub88("bet", f"{SECOND_BET} {CURRENCY}", "--amount", SECOND_BET, "--transaction-uuid", second, "--round", round_id)
        self._balance += Decimal(SECOND_BET)
        self._hub88("rollback", "of that bet", "--reference", second, "--round", round_id)

    def _refuse_tampering(self) -> None:
        said = self._provider("bet", "--amount", "1.00", "--tamper")
        answer = json.loads(said["answer"])
        self._expect("the status of a tampered bet", answer.get("status"), "RS_ERROR_INVALID_SIGNATURE")
        self._expect("what a tampered bet learns", sorted(answer.keys() & {"user", "currency", "balance"}), [])
        self._show("a tampered bet", "amount changed after signing", str(answer["status"]))
        self._expect_balance()

    def _look_back(self) -> None:
        items = self._player.transactions()
        kinds = [str(item["kind"]) for item in items]
        self._show("history", "GET /v1/wallet/transactions", ", ".join(reversed(kinds)))
        self._expect("the history, newest first", kinds[:5], ["rollback", "bet", "win", "bet", "deposit"])

    def _audit(self) -> None:
        report = audit.run(self.stack, self._account.player_id)
        self._expect("the audit's verdict", audit.is_clean(report), True, hint=report)
        recomputed = report["sums"][CURRENCY]["cash"]
        self._expect("the balance recomputed from the records", recomputed, f"{self._balance:.2f}", hint=report["sums"])
        told = f"{recomputed} {CURRENCY} recomputed, {report['records']} records, {report['mismatches']} mismatches"
        self._show("audit", "as the auditor, from the records", told)
        self._expect_balance()

    # ---------------------------------------------------------------- helpers

    def _await_credit(self, deposit_id: str) -> dict[str, Any]:
        end = time.monotonic() + CREDIT_TIMEOUT_SECONDS
        while True:
            shown = self._player.deposit(deposit_id)
            if shown["status"] == "credited":
                return shown
            if time.monotonic() > end:
                raise DeviationError(
                    f"after step {self._number}: the deposit was not credited within {CREDIT_TIMEOUT_SECONDS:.0f} s,"
                    f" it is {shown['status']}"
                )
            time.sleep(0.2)

    def _hub88(self, action: str, what: str, *options: str) -> None:
        said = self._provider(action, *options)
        answer = json.loads(said["answer"])
        self._expect(f"the status of the {action} ({what})", answer.get("status"), "RS_OK", hint=answer)
        self._expect("the request_uuid echoed", answer.get("request_uuid"), said["request"]["request_uuid"])
        self._expect(f"the balance after the {action}", answer.get("balance"), scaled(str(self._balance)))
        self._user = str(answer["user"])
        told = f"{answer['status']}, balance {unscaled(answer['balance'])} {answer['currency']}"
        self._show(f"Hub88 {action}", what, told)
        self._expect_balance()

    def _provider(self, action: str, *options: str) -> dict[str, Any]:
        played = ("--token", self._token, "--currency", CURRENCY, "--game", GAMES[self._game["name"]])
        said: dict[str, Any] = self._outside("provider", "hub88", action, *played, "--user", self._user, *options)
        self._expect(f"the HTTP status of the {action}", said["status"], 200, hint=said["answer"])
        return said

    def _outside(self, program: str, *arguments: str) -> Any:
        """Run one of the outside programs in a process of its own and give what it printed."""
        command: list[str] = [
            *(sys.executable, "-m", f"sandbox.{program}", *arguments),
            *("--json", "--stack", str(self.stack_path)),
        ]
        done = subprocess.run(  # noqa: S603 - our own program, a fixed list of arguments
            command,
            cwd=ROOT,
            env=base(os.environ, home=self.temp, temp=self.temp),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PROGRAM_TIMEOUT_SECONDS,
            check=False,
        )
        if done.returncode != 0:
            raise DeviationError(f"after step {self._number}: {program} {arguments[1]} failed: {done.stderr.strip()[-500:]}")
        return json.loads(done.stdout)

    def _show(self, name: str, asked: str, answered: str) -> None:
        """Print a step, with the balance that the player is told after it."""
        self._number += 1
        balance = ""
        if self._player.token:
            self._wallet = self._player.wallet()
            balance = f"\n      {'':<68} balance {self._wallet.available} {self._wallet.currency}"
        self.print_line(f"  {self._number:2}  {name:<16} {asked:<49} → {answered}{balance}")

    def _expect(self, what: str, got: object, wanted: object, *, hint: object = None) -> None:
        if got != wanted:
            more = f" ({json.dumps(hint, default=str)[:800]})" if hint is not None else ""
            raise DeviationError(f"after step {self._number}: {what} is {got!r} and must be {wanted!r}{more}")

    def _expect_balance(self) -> None:
        self._expect("the balance in the wallet", self._wallet.available, f"{self._balance:.2f}")


def _sample(account: Account) -> Player:
    return Player(account.player_id, account.email, account.password, account.currency, account.country)
