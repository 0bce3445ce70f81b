"""The player's side of a provider's run: somebody has to log in and launch the game before a provider can play."""

import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Self

from sandbox.gateway import standard
from sandbox.mailbox import Mailbox
from sandbox.player import Account, PlayerApi
from sandbox.provider.table import Seat
from sandbox.stack import Stack

CREDIT_SECONDS = 60.0
NEWCOMER = "new"
"""As the name of a player: register one and pay in."""


class NoSeatError(Exception):
    """There is no such player, or no game of this provider that the player could play; the message says which."""


@dataclass(slots=True)
class Guest:
    """A player who is logged in."""

    stack: Stack
    account: Account
    api: PlayerApi

    def deposit(self, amount: str) -> None:
        """Pay in through the sandbox's gateway and wait for the credit.

        Raises:
            NoSeatError: when it does not come.

        """
        currency = self.account.currency
        deposit_id: str = self.api.open_deposit(amount, currency)["deposit_id"]
        gateway, now = self.stack.gateways["standard"], time.time()
        body = standard.payment_event("payment.succeeded", deposit_id, f"pay_{secrets.token_hex(8)}", amount, currency, now)
        standard.deliver(gateway.webhook_url, gateway.secret, body, message_id=f"msg_{secrets.token_hex(8)}", timestamp=int(now))
        end = time.monotonic() + CREDIT_SECONDS
        while self.api.deposit(deposit_id)["status"] != "credited":
            if time.monotonic() > end:
                raise NoSeatError(f"a deposit was not credited within {CREDIT_SECONDS:.0f} s")
            time.sleep(0.1)

    def afresh(self) -> Self:
        """Log in again: a long run outlives the access token that it began with."""
        self.api.log_in(self.account)
        return self

    def available(self) -> Decimal:
        """Read what the player can stake, in main units."""
        return Decimal(self.api.wallet().available)

    def launch(self, provider: str, games: Mapping[str, str], game_id: str = "") -> Seat:
        """Launch a game of a provider (`games`: name → code; the first that is on offer unless `game_id` says which).

        Raises:
            NoSeatError: when none is on offer in the player's currency.
            RefusedError: when the house does not launch it.

        """
        game = self._offered(provider, games, game_id)
        said = self.api.launch(game["game_id"])
        code = games[game["name"]]
        return Seat(self.stack.providers[provider], self.account.player_id, self.account.currency, code, said["session_token"])

    def _offered(self, provider: str, games: Mapping[str, str], game_id: str) -> dict[str, Any]:
        for game in self.api.games():
            known = game["provider"] == provider and game["name"] in games and self.account.currency in game["currencies"]
            if known and game_id in {"", game["game_id"]}:
                return game
        raise NoSeatError(f"no game of {provider} is on offer in {self.account.currency}")


def sit_down(stack: Stack, who: str) -> Guest:
    """Log a sample player of stack.json in, named by e-mail address or id.

    Raises:
        NoSeatError: when stack.json knows no such player.
        RefusedError: when the login is refused.

    """
    for player in stack.players:
        if who in {player.email, player.player_id}:
            account = Account(player.player_id, player.email, player.password, player.currency, player.country)
            return _logged_in(stack, account)
    known = ", ".join(player.email for player in stack.players) or "nobody yet"
    raise NoSeatError(f"stack.json knows no player {who!r} (it knows {known}; `--player {NEWCOMER}` makes one)")


def newcomer(stack: Stack, amount: str = "0", currency: str = "EUR", country: str = "MT", **person: str) -> Guest:
    """Register a new player, log in, and pay in unless the amount is 0. `person`: what else is told at the registration."""
    api = PlayerApi(stack.apis.player)
    guest = _logged_in(stack, api.register(Mailbox(stack.mailbox), currency=currency, country=country, **person))
    if Decimal(amount) > 0:
        guest.deposit(amount)
    return guest


def _logged_in(stack: Stack, account: Account) -> Guest:
    api = PlayerApi(stack.apis.player)
    api.log_in(account)
    return Guest(stack, account, api)
