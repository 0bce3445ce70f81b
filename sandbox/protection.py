"""The journey's last part: a player keeps himself safe. A limit is set, hit, not to be raised at once; then he takes a break."""

import time
import uuid
from dataclasses import dataclass, field
from decimal import Decimal

from sandbox.player import PlayerApi, RefusedError
from sandbox.provider.guest import Guest
from sandbox.provider.hub88 import SPEAKER
from sandbox.provider.line import Outcome, exchange
from sandbox.provider.table import Seat, Turn
from sandbox.teller import Teller

GAME_ID = "hub88-clockwork-reels"
LIMIT, RAISED, STAKE, TOO_MUCH = "10.00", "50.00", "6.00", "5.00"
BREAK = "24h"
ENDED_WITHIN_SECONDS = 1.0
LIMIT_WORD, EXCLUDED_WORD = "RS_ERROR_LIMIT_REACHED", "RS_ERROR_USER_DISABLED"


@dataclass(slots=True)
class Protection:
    """Walks a player who has money through the tools that keep him safe."""

    teller: Teller
    guest: Guest
    _seat: Seat = field(init=False)
    _left: Decimal = field(init=False, default=Decimal(0))

    def walk(self) -> None:
        """Go all the way.

        Raises:
            DeviationError: at the first answer that is not as it must be.
            RefusedError, NoAnswerError, NoSeatError: when there is no such answer.

        """
        self._left = self.guest.available()
        self._seat = self.guest.launch("hub88", SPEAKER.games, GAME_ID)
        self._hit_a_limit()
        self._ask_for_more()
        self._take_a_break()

    @property
    def _player(self) -> PlayerApi:
        return self.guest.api

    def _hit_a_limit(self) -> None:
        said = self._player.set_limit("loss", BREAK, LIMIT)["limit"]
        self._expect("what is left of a new limit", said["left"], LIMIT)
        self.teller.show("limit", f"PUT /v1/limits/loss/{BREAK} {LIMIT}", said["text"].partition(". ")[0])
        self._bet(STAKE, Outcome.STANDS, "RS_OK")
        self._bet(TOO_MUCH, Outcome.REFUSED, LIMIT_WORD)
        left = next(one for one in self._player.play_safety()["limits"] if one["kind"] == "loss")
        told = f"{LIMIT_WORD}: {left['spent']} are lost already, {left['left']} may be"
        self._show("hit", f"a bet of {STAKE}, then one of {TOO_MUCH}", told)

    def _ask_for_more(self) -> None:
        self._player.step_up(password=self.guest.account.password)
        said = self._player.set_limit("loss", BREAK, RAISED)["limit"]
        self._expect("the limit while its raise waits", said["cap"], LIMIT)
        waits = said["pending"] or {}
        self._expect("what waits", waits.get("cap"), RAISED)
        self._bet(TOO_MUCH, Outcome.REFUSED, LIMIT_WORD)
        told = f"not before {waits['effective_at'][:16]}; the same bet again is refused"
        self.teller.show("ask for more", f"PUT /v1/limits/loss/{BREAK} {RAISED}", told)

    def _take_a_break(self) -> None:
        said = self._player.exclude("time_out", BREAK)["exclusion"]
        ended = time.monotonic()
        self._refused("what the session gets after that", 401, "session_ended")
        within = time.monotonic() - ended
        self._expect("the session dead within a second", within < ENDED_WITHIN_SECONDS, True)
        told = f"until {said['until'][:16]}; the session is dead {within * 1000:.0f} ms later"
        self.teller.show("break", f"POST /v1/exclusions time_out {BREAK}", told)
        self._bet("1.00", Outcome.REFUSED, EXCLUDED_WORD)
        self.guest.afresh()
        self._refused("what a deposit gets", 403, "wallet_excluded", deposit=True)
        self._show("while it lasts", "a bet, a log-in, a deposit", f"{EXCLUDED_WORD}; let in for the money; refused")

    def _bet(self, amount: str, outcome: Outcome, word: str) -> None:
        turn = Turn(str(uuid.uuid4()), str(uuid.uuid4()), Decimal(amount), closes=True)
        verdict = SPEAKER.read(self._seat, exchange(SPEAKER.bet(self._seat, turn)).answer)
        self._expect(f"a bet of {amount}", (verdict.outcome, verdict.word), (outcome, word))
        self._left -= Decimal(amount) if outcome is Outcome.STANDS else 0

    def _refused(self, what: str, status: int, code: str, *, deposit: bool = False) -> None:
        try:
            if deposit:
                self._player.open_deposit("10.00", self.guest.account.currency)
            else:
                self._player.wallet()
            got = (200, "")
        except RefusedError as refusal:
            got = (refusal.status, refusal.code)
        self._expect(what, got, (status, code))

    def _show(self, name: str, asked: str, answered: str) -> None:
        wallet = self._player.wallet()
        self.teller.show(name, asked, answered, f"{wallet.available} {wallet.currency}")
        self._expect("the balance in the wallet", wallet.available, f"{self._left:.2f}")

    def _expect(self, what: str, got: object, wanted: object) -> None:
        self.teller.expect(what, got, wanted)
