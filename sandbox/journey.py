"""The journey: a player's first evening, over HTTP from outside, every answer compared with what it must be.

Provider and gateway are separate programs (`sandbox.provider`, `sandbox.gateway`), started here as a person would.
"""

import json
import os
import secrets
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

from sandbox import audit, staff
from sandbox.arrival import Arrival, Arrived
from sandbox.environment import base
from sandbox.mailbox import Mailbox, MailboxError
from sandbox.player import Account, PlayerApi, RefusedError
from sandbox.protection import Protection
from sandbox.provider.guest import NoSeatError, newcomer
from sandbox.provider.hub88 import GAMES, scaled, unscaled
from sandbox.stack import ROOT, Player, Stack
from sandbox.teller import DeviationError, Teller
from sandbox.wire import NoAnswerError

PROGRAM_TIMEOUT_SECONDS = 45
CREDIT_TIMEOUT_SECONDS = 30.0
CURRENCY, GAME = "EUR", "hub88-clockwork-reels"
DEPOSIT, SMALL_DEPOSIT, BET, WIN, SECOND_BET = "100.00", "20.00", "10.00", "25.50", "5.00"
CAREFUL_DEPOSIT = "30.00"
PAYOUT_GATEWAY, WITHDRAWAL = "adyen", "15.00"
PAYOUT_TIMEOUT_SECONDS = 60.0


@dataclass(slots=True)
class Journey:
    """One walk through the casino; `stack_path` is what the outside programs read their keys from."""

    stack: Stack
    stack_path: Path
    temp: Path
    print_line: Callable[[str], None] = print
    _teller: Teller = field(init=False)
    _balance: Decimal = Decimal(0)
    _arrived: Arrived = field(init=False)
    _game: dict[str, Any] = field(init=False)
    _token: str = field(init=False, default="", repr=False)
    _user: str = field(init=False, default="")
    _deposits: dict[str, str] = field(init=False, default_factory=dict)
    _withdrawal_id: str = field(init=False, default="")

    def __post_init__(self) -> None:
        self._teller = Teller(self.print_line)

    def walk(self) -> list[Player]:
        """Go all the way; gives two players that can log in.

        Raises:
            DeviationError: at the first answer that is not as it must be.

        """
        try:
            second = self._walk()
        except (RefusedError, NoAnswerError, NoSeatError, MailboxError, audit.AuditError, staff.StaffError) as error:
            raise DeviationError(f"after step {self._teller.number}: {error}") from error
        except (KeyError, ValueError, TypeError) as error:
            what = f"an answer is not of the expected form: {error!r}"
            raise DeviationError(f"after step {self._teller.number}: {what}") from error
        except subprocess.TimeoutExpired as error:
            what = f"{error.cmd[2]} did not end within {error.timeout:.0f} s"
            raise DeviationError(f"after step {self._teller.number}: {what}") from error
        return [_sample(self._arrived.account), _sample(second)]

    def _walk(self) -> Account:
        arrival = Arrival(self.stack, self._teller, CURRENCY)
        self._arrived = arrival.walk(f"player-{secrets.token_hex(6)}@example.com")
        with ThreadPoolExecutor(2) as office:  # the staff, who work while the player does, and another player who arrives
            verified = office.submit(self._verify)
            self._deposit()
            # Not before a deposit has been seen to be credited: this player waits a minute for one that is not.
            careful = office.submit(newcomer, self.stack, CAREFUL_DEPOSIT, CURRENCY)
            self._withdraw(verified)
            approved = office.submit(self._approve)
            self._launch()
            self._play()
            self._refuse_tampering()
            self._look_back()
            arrival.leave_without_factor(self._arrived)
            second = PlayerApi(self.stack.apis.player).register(Mailbox(self.stack.mailbox), currency=CURRENCY)
            self._be_paid(approved)
            Protection(self._teller, careful.result()).walk()
        self._audit()
        return second

    @property
    def _player(self) -> PlayerApi:
        return self._arrived.api

    # ------------------------------------------------------------------ steps

    def _deposit(self) -> None:
        self._expect("the first balance", self._player.wallet().available, "0.00")
        key = str(uuid.uuid4())
        opened = self._player.open_deposit(DEPOSIT, CURRENCY, key)
        deposit_id = opened["deposit_id"]
        self._show("deposit", f"POST /v1/deposits {DEPOSIT} {CURRENCY}", f"{deposit_id}, {opened['status']}")
        again = self._player.open_deposit(DEPOSIT, CURRENCY, key)
        self._expect("the same Idempotency-Key's deposit", again["deposit_id"], deposit_id)
        said = self._outside("gateway", "standard", "pay", "--deposit", deposit_id, "--amount", DEPOSIT, "--copies", "2")
        self._expect("the gateway's two copies of one webhook", {one["status"] for one in said} <= {200, 202, 204}, True)
        kept = f"{said[0]['status']} kept, queued"
        self._show("payment webhook", "signed payment.succeeded, sent twice", kept, settled=False)
        shown = self._await_credit(deposit_id)
        self._balance += Decimal(DEPOSIT)
        self._show("credit", f"GET /v1/deposits/{deposit_id}", f"{shown['status']}, once")
        for gateway in sorted(self.stack.gateways.keys() - {"standard"}):
            self._deposit_through(gateway)

    def _deposit_through(self, gateway: str) -> None:
        """Pay in through a gateway with a dialect of its own: twice said, once credited."""
        opened = self._player.open_deposit(SMALL_DEPOSIT, CURRENCY, gateway=gateway)
        payment = self._player.open_payment(opened["deposit_id"])
        said = self._outside(
            *("gateway", gateway, "pay", "--deposit", opened["deposit_id"], "--amount", SMALL_DEPOSIT),
            *("--user", self._arrived.account.player_id, "--copies", "2"),
            *(("--payment", payment["payment_id"]) if payment["kind"] == "intent" else ()),
        )
        shown = self._await_credit(opened["deposit_id"])
        self._deposits[gateway] = opened["deposit_id"]
        self._balance += Decimal(SMALL_DEPOSIT)
        asked = f"{SMALL_DEPOSIT} {CURRENCY}, payment: {payment['kind']}, {len(said)} calls of its own dialect"
        self._show(f"by {gateway}", asked, f"{said[-1]['status']}, {shown['status']}, once")

    def _verify(self) -> dict[str, Any]:
        return staff.support(self.stack, "verify", self._arrived.account.player_id, "the passport was seen")

    def _withdraw(self, verified: "Future[dict[str, Any]]") -> None:
        """Ask for a part of the money: it is set aside at once, and the rest happens while the player plays on."""
        verified.result()
        self._show("verified", "by the support staff", "the player may withdraw")
        key, deposit_id = str(uuid.uuid4()), self._deposits[PAYOUT_GATEWAY]
        asked = self._player.withdraw(WITHDRAWAL, CURRENCY, deposit_id, key)
        self._withdrawal_id = asked["withdrawal_id"]
        again = self._player.withdraw(WITHDRAWAL, CURRENCY, deposit_id, key)
        self._expect("the same Idempotency-Key's withdrawal", again["withdrawal_id"], self._withdrawal_id)
        self._balance -= Decimal(WITHDRAWAL)
        self._show(
            "withdraw", f"POST /v1/withdrawals {WITHDRAWAL} {CURRENCY}, by {PAYOUT_GATEWAY}", f"{asked['reference']}, set aside"
        )

    def _approve(self) -> list[str]:
        """Approve the withdrawal as the payments staff, once it waits for that; gives why people were asked."""
        order = {"actor": staff.ACTOR, "withdrawal_id": self._withdrawal_id}
        end = time.monotonic() + PAYOUT_TIMEOUT_SECONDS
        while True:
            shown = staff.invoke(self.stack, "payments", "WithdrawalsStaffFunctionName", order | {"action": "show"})["withdrawal"]
            if shown["status"] == "awaiting_approval" or time.monotonic() > end:
                break
            time.sleep(0.2)
        said = staff.invoke(
            self.stack, "payments", "WithdrawalsStaffFunctionName", order | {"action": "approve", "why": "a player's own money"}
        )
        if "refused" in said:
            raise staff.StaffError(f"the withdrawal was not approved: {said['refused']}")
        return list(shown["reasons"])

    def _be_paid(self, approved: "Future[list[str]]") -> None:
        """See the withdrawal approved and paid, and each of its stages as its player is told."""
        reasons = ", ".join(reason.partition(".")[2] for reason in approved.result())
        self._show("approval", f"by the payments staff: {reasons}", "approved")
        end = time.monotonic() + PAYOUT_TIMEOUT_SECONDS
        while (shown := self._player.withdrawal(self._withdrawal_id))["status"] != "paid" and time.monotonic() < end:
            time.sleep(0.2)
        self._expect("the withdrawal's end", shown["status"], "paid", hint=shown)
        self._show("paid out", f"GET /v1/withdrawals/{self._withdrawal_id}", f"{shown['paid_amount']} {CURRENCY}, once")
        for event in shown["events"]:
            self.print_line(f"      {event['at'][11:23]}  {event['status']:<18} {event['text']}")

    def _launch(self) -> None:
        games = {game["game_id"]: game for game in self._player.games()}
        self._expect(f"{GAME} on offer", GAME in games, True)
        self._game = games[GAME]
        launched = self._player.launch(self._game["game_id"])
        self._token = launched["session_token"]
        self._expect("a page of the provider's to play at", launched["launch_url"].startswith(self.stack.launch_api), True)
        where = f"POST /v1/games/{self._game['game_id']}/sessions"
        self._show("launch a game", where, f"{self._game['name']}, at a URL that the provider gave")

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
        said = self._provider("bet", "--amount", "1.00", "--tamper", "--expect", "RS_ERROR_INVALID_SIGNATURE")
        answer = json.loads(said["answer"])
        self._expect("the status of a tampered bet", answer.get("status"), "RS_ERROR_INVALID_SIGNATURE")
        self._expect("what a tampered bet learns", sorted(answer.keys() & {"user", "currency", "balance"}), [])
        self._show("a tampered bet", "amount changed after signing", str(answer["status"]))

    def _look_back(self) -> None:
        items = self._player.transactions()
        kinds = [str(item["kind"]) for item in items]
        self._show("history", "GET /v1/wallet/transactions", ", ".join(reversed(kinds)))
        played = [kind for kind in kinds if kind not in {"hold", "capture"}]
        self._expect("the history, newest first", played[:5], ["rollback", "bet", "win", "bet", "deposit"])
        self._expect("the money set aside in it", kinds.count("hold"), 1)

    def _audit(self) -> None:
        report = audit.run(self.stack, self._arrived.account.player_id)
        self._expect("the audit's verdict", audit.is_clean(report), True, hint=report)
        recomputed = report["sums"][CURRENCY]["cash"]
        self._expect("the balance recomputed from the records", recomputed, f"{self._balance:.2f}", hint=report["sums"])
        told = f"{recomputed} {CURRENCY} recomputed, {report['records']} records, {report['mismatches']} mismatches"
        self._show("audit", "as the auditor, from the records", told)

    # ---------------------------------------------------------------- helpers

    def _await_credit(self, deposit_id: str) -> dict[str, Any]:
        end = time.monotonic() + CREDIT_TIMEOUT_SECONDS
        while True:
            shown = self._player.deposit(deposit_id)
            if shown["status"] == "credited":
                return shown
            if time.monotonic() > end:
                raise DeviationError(
                    f"after step {self._teller.number}: the deposit was not credited within {CREDIT_TIMEOUT_SECONDS:.0f} s,"
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
            raise DeviationError(
                f"after step {self._teller.number}: {program} {' '.join(arguments[:2])} failed: {done.stderr.strip()[-500:]}"
            )
        return json.loads(done.stdout)

    def _show(self, name: str, asked: str, answered: str, *, settled: bool = True) -> None:
        """Print a step, with the balance that the player is told after it; unless money is on its way, that must be right."""
        wallet = self._player.wallet()
        self._teller.show(name, asked, answered, f"{wallet.available} {wallet.currency}")
        if settled:
            self._expect("the balance in the wallet", wallet.available, f"{self._balance:.2f}")

    def _expect(self, what: str, got: object, wanted: object, *, hint: object = None) -> None:
        self._teller.expect(what, got, wanted, hint=hint)


def _sample(account: Account) -> Player:
    return Player(account.player_id, account.email, account.password, account.currency, account.country)
