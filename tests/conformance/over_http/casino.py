"""Seats at a running casino for the rules to be tried at, and the few questions that every rule asks."""

import contextlib
import json
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

from sandbox import aws, keys, staff
from sandbox.player import RefusedError, Wallet
from sandbox.provider import action_batch, hub88, swipe
from sandbox.provider.guest import Guest, newcomer
from sandbox.provider.line import Message, Outcome, Verdict, exchange
from sandbox.provider.table import Seat, Speaker, Turn
from sandbox.stack import Provider, Stack
from sandbox.wire import Answer, NoAnswerError

SPEAKERS: dict[str, Speaker] = {"hub88": hub88.SPEAKER, "swipe": swipe.SPEAKER, "action_batch": action_batch.SPEAKER}
PURSE, PURSES, COUNTRY = "9000.00", {"JPY": "1000000"}, "EE"
"""As much as a player may pay in, in a country that asks for no proof of its source before that."""

TRIES_MAX = 30
SECRETS = {"hub88": "Hub88SecretArn", "swipe": "SwipeSecretArn", "action_batch": "ActionBatchSecretArn"}
UNAUTHORIZED, FAULT = 401, 500


def new_id() -> str:
    """Name a transaction or a round."""
    return str(uuid.uuid4())


def turn(amount: str | Decimal = "1.00", *, round_id: str = "", reference: str = "", closes: bool = False) -> Turn:
    """Make a movement with a new id."""
    return Turn(new_id(), round_id or new_id(), Decimal(amount), reference, closes)


@dataclass(slots=True)
class Spot:
    """A player's seat at one provider's game, with that provider's keys."""

    name: str
    guest: Guest
    seat: Seat
    casino: "Casino"

    @property
    def speaker(self) -> Speaker:
        """Give the dialect."""
        return SPEAKERS[self.name]

    def wallet(self) -> Wallet:
        """Read the wallet as its player; log in again when the token has run out."""
        try:
            return self.guest.api.wallet()
        except RefusedError as refused:
            if refused.status != UNAUTHORIZED:
                raise
            self.guest.api.log_in(self.guest.account)
            return self.guest.api.wallet()

    def balance(self) -> Decimal:
        """Read what the player can stake, in main units."""
        return Decimal(self.wallet().available)

    def send(self, message: Message) -> Answer:
        """Send a call and read its answer; while the outcome is open, the same bytes again."""
        last = ""
        for _ in range(TRIES_MAX):
            try:
                answer = exchange(message).answer
            except NoAnswerError as error:
                last = str(error)
                continue
            if answer.status < FAULT and not _asks_again(answer):
                return answer
            last = f"{answer.status} {answer.body[:200]!r}"
        raise AssertionError(f"no final answer after {TRIES_MAX} tries, last {last}")

    def verdict(self, message: Message) -> Verdict:
        """Send a call and read its answer in common words."""
        return self.speaker.read(self.seat, self.send(message))

    def bet(self, bet: Turn) -> Verdict:
        """Place a bet."""
        return self.verdict(self.speaker.bet(self.seat, bet))

    def win(self, win: Turn) -> Verdict:
        """Pay a win."""
        return self.verdict(self.speaker.win(self.seat, win))

    def back(self, of: Turn, *, name: str = "") -> Verdict:
        """Roll a movement back."""
        return self.verdict(self.speaker.rollback(self.seat, Turn(name or new_id(), of.round_id, of.amount, of.transaction_id)))

    def stands(self, verdict: Verdict, change: str | Decimal | int, since: Decimal) -> Decimal:
        """Expect that a movement stands and that the balance, told and real, is what it was and the change; gives it."""
        wanted = since + Decimal(change)
        assert verdict.outcome is Outcome.STANDS, f"answered {verdict.word}, expected that it stands"
        assert verdict.balance == wanted, f"the answer tells a balance of {verdict.balance}, expected {wanted}"
        self.holds(wanted)
        return wanted

    def holds(self, wanted: Decimal | int) -> None:
        """Expect this balance in the wallet."""
        balance = self.balance()
        assert balance == wanted, f"the wallet holds {balance}, expected {wanted}"

    def refused(self, verdict: Verdict, word: str) -> None:
        """Expect a refusal in exactly this word."""
        assert verdict.outcome is Outcome.REFUSED, f"answered {verdict.word}, expected a refusal"
        assert verdict.word == word, f"refused with {verdict.word}, expected {word}"

    @contextlib.contextmanager
    def unmoved(self) -> Iterator[Decimal]:
        """Expect that the balance after the block is the one before it."""
        before = self.balance()
        yield before
        assert self.balance() == before, f"the balance moved from {before} to {self.balance()}"

    def other_game(self, code: str) -> "Spot":
        """Give the same seat, with calls that name another game."""
        return replace(self, seat=replace(self.seat, game_code=code))

    def relaunched(self) -> "Spot":
        """Launch again: the same player with a newer session. The old seat keeps the old token."""
        game_id = next(game["id"] for game in self.casino.games if game["code"] == self.seat.game_code)
        self.wallet()  # logs in again if need be
        return replace(self, seat=self.guest.launch(self.name, self.casino.codes, game_id))


def _asks_again(answer: Answer) -> bool:
    """Tell whether a Hub88 answer says that the outcome is open."""
    with contextlib.suppress(ValueError):
        said = answer.json()
        return isinstance(said, dict) and said.get("status") in hub88.OPEN_STATUSES
    return False


@dataclass(slots=True)
class Casino:
    """A running casino. Seats are shared by the rules that leave nothing behind but money; others ask for a fresh one."""

    stack: Stack
    games: list[dict[str, Any]] = field(default_factory=lambda: json.loads(staff.CATALOGUE.read_text(encoding="utf-8")))
    _own: dict[tuple[str, str], Spot] = field(default_factory=dict)
    _guests: dict[tuple[str, bool], Guest] = field(default_factory=dict)
    _spots: dict[tuple[str, str, bool], Spot] = field(default_factory=dict)

    @property
    def codes(self) -> dict[str, str]:
        """Give the providers' codes of all games by name."""
        return {game["name"]: game["code"] for game in self.games}

    def game(self, provider: str, currency: str = "EUR", *, enabled: bool = True, maximum: bool = False) -> dict[str, Any]:
        """Find a game of a provider: with a largest stake or with no bounds, enabled or not."""
        for game in self.games:
            bounds = game["stakes"].get(currency, {})
            fits = ("max" in bounds) if maximum else not bounds
            known = game["provider"] == provider and currency in game["currencies"] and "*" in game["countries"]
            if known and game["enabled"] is enabled and (fits or not enabled):
                return game
        raise AssertionError(f"the catalogue has no such game of {provider}: enabled {enabled}, {currency}, maximum {maximum}")

    def spot(self, provider: str, currency: str = "EUR", *, maximum: bool = False) -> Spot:
        """Give a shared seat with plenty of money, at a game without bounds or one with a largest stake."""
        key = (provider, currency, maximum)
        if key not in self._spots:
            # Two games of one provider share its session, so the second kind of game has players of its own.
            guest = self._guests.get((currency, maximum)) or newcomer(self.stack, PURSES.get(currency, PURSE), currency, COUNTRY)
            self._guests[currency, maximum] = guest
            game = self.game(provider, currency, maximum=maximum)
            self._spots[key] = Spot(provider, guest, guest.launch(provider, self.codes, game["id"]), self)
        return self._spots[key]

    def own(self, provider: str, currency: str) -> Spot:
        """Give a seat that only rules which put its balance right themselves share."""
        key = (provider, currency)
        if key not in self._own:
            self._own[key] = self.fresh(provider, PURSE, currency)
        return self._own[key]

    def fresh(self, provider: str, amount: str = "20.00", currency: str = "EUR") -> Spot:
        """Seat a new player with exactly this money."""
        guest = newcomer(self.stack, amount, currency, COUNTRY)
        game = self.game(provider, currency)
        return Spot(provider, guest, guest.launch(provider, self.codes, game["id"]), self)

    def support(self, what: str, player_id: str) -> None:
        """Let a support agent act on a player: freeze, unfreeze or exclude."""
        staff.support(self.stack, what, player_id, "conformance run")

    def foreign(self, provider: str) -> Provider:
        """Make keys that the casino does not know."""
        known = self.stack.providers[provider]
        private, _ = keys.new_rsa_key()
        return replace(known, private_key=private) if known.private_key else replace(known, secret=keys.new_shared_secret())

    @contextlib.contextmanager
    def second_key(self, provider: str) -> Iterator[Provider]:
        """Put a further key beside the provider's own, as an operator does during a rotation, and take it away afterwards."""
        manager = aws.client("secretsmanager", self.stack.endpoint)
        arn = self.stack.resources[SECRETS[provider]]
        before = manager.get_secret_value(SecretId=arn)["SecretString"]
        said = json.loads(before)
        private, public = keys.new_rsa_key()
        known, secret = self.stack.providers[provider], keys.new_shared_secret()
        listed, added = ("public_keys", public) if known.private_key else ("secrets", secret)
        said[listed] = [added, *said[listed]]
        manager.put_secret_value(SecretId=arn, SecretString=json.dumps(said))
        try:
            yield replace(known, private_key=private) if known.private_key else replace(known, secret=secret)
        finally:
            manager.put_secret_value(SecretId=arn, SecretString=before)

    def at_once(self, count: int, job: Any, threads: int = 8) -> list[Any]:
        """Run `job(0) … job(count - 1)`, `threads` at a time, and give what they returned."""
        with ThreadPoolExecutor(threads) as pool:
            return list(pool.map(job, range(count)))
