"""What protects a player refuses a bet in each protocol's own word, is never said as unknown, and holds up nothing that is his.

In process, with a clock: breaks, exclusions, reality checks and limits of time are over in hours or months.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import pytest

from countroom.ledger.book import Posted
from countroom.ledger.movements import ExclusionKind, Hold, LimitKind, Movement, Period, Reference
from countroom.ledger.rules.clock import BREAK_MS
from countroom.ledger.safeguards import AcknowledgeCheck, SetLimit, StartExclusion
from tests.unit.games.wires import BatchWorld, SwipeWorld, act, back, play, swipe_bet, swipe_refund, swipe_win, uid
from tests.unit.games.world import UNIT, WIRE, World, bet, rollback, win

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS


class Told(NamedTuple):
    """An answer as its provider reads it: whether the movement stands, the word for what does not, and the status."""

    stands: bool
    word: str
    status: int


class Speaker:
    """One dialect: bets of 10.00 unless told otherwise, on one game, by one player."""

    words: dict[str, str]
    player = "pl_anna"

    def __init__(self, world: World, country: str = "EE") -> None:
        self.world = world
        self.token = world.player(self.player, cash=100, country=country)

    def post(self, movement: Movement) -> None:
        assert isinstance(self.world.book.post(movement), Posted)

    def limit(self, kind: LimitKind, period: Period, cap: int) -> None:
        self.post(SetLimit(Reference("player:limit", f"{kind}-{period}"), self.player, "EUR", cap, kind, period))

    def exclude(self, kind: ExclusionKind) -> None:
        self.post(StartExclusion(Reference("player:exclusion", kind), self.player, kind, self.world.clock() + DAY_MS))

    def cash(self) -> int:
        """The balance in cents."""
        return self.world.cash(self.player) // (WIRE // 100)

    def bet(self, number: int, cents: int = 1000) -> Told:
        raise NotImplementedError

    def win(self, number: int, of: int) -> Told:
        raise NotImplementedError

    def back(self, number: int, of: int) -> Told:
        raise NotImplementedError


class Hub88(Speaker):
    prefix = "/transaction"
    words = {  # noqa: RUF012 - the base class declares it
        "excluded": "RS_ERROR_USER_DISABLED",
        "check": "RS_ERROR_LIMIT_REACHED",
        "time": "RS_ERROR_LIMIT_REACHED",
        "stake": "RS_ERROR_LIMIT_REACHED",
        "loss": "RS_ERROR_LIMIT_REACHED",
        "cap": "RS_ERROR_LIMIT_REACHED",
    }

    def __init__(self, country: str = "EE") -> None:
        super().__init__(World(), country)

    def _told(self, what: str, body: dict[str, Any]) -> Told:
        answer = self.world.say(f"{self.prefix}/{what}", body)
        return Told(answer["status"] == "RS_OK", answer["status"], 200)

    def bet(self, number: int, cents: int = 1000) -> Told:
        return self._told("bet", bet(self.token, transaction_uuid=f"b-{number}", amount=cents * (WIRE // 100)))

    def win(self, number: int, of: int) -> Told:
        body = win(self.token, transaction_uuid=f"w-{number}", reference_transaction_uuid=f"b-{of}")
        return self._told("win", body)

    def back(self, number: int, of: int) -> Told:
        body = rollback(self.token, transaction_uuid=f"r-{number}", reference_transaction_uuid=f"b-{of}")
        return self._told("rollback", body)


class Caleta(Hub88):
    prefix = "/wallet"
    words = {  # noqa: RUF012 - the base class declares it
        name: word if name == "excluded" else "RS_ERROR_BET_LIMIT_EXCEEDED" for name, word in Hub88.words.items()
    }


class Swipe(Speaker):
    words = {  # noqa: RUF012 - the base class declares it
        "excluded": "account_blocked",
        "check": "time_limit",
        "time": "time_limit",
        "stake": "bet_limit",
        "loss": "loss_limit",
        "cap": "bet_limit",
    }

    def __init__(self, country: str = "EE") -> None:
        self.speaks = SwipeWorld()
        super().__init__(self.speaks, country)

    def _told(self, path: str, body: dict[str, Any]) -> Told:
        status, answer = self.speaks.tell(path, body)
        return Told(status == 200, str(answer.get("code", "")), status)

    def bet(self, number: int, cents: int = 1000) -> Told:
        return self._told("/bet", swipe_bet(self.token, txID=uid(number), amount=f"{cents / 100:.2f}"))

    def win(self, number: int, of: int) -> Told:  # noqa: ARG002 - a win names no bet here
        return self._told("/win", swipe_win(self.token, txID=uid(1000 + number)))

    def back(self, number: int, of: int) -> Told:
        return self._told("/refund", swipe_refund(self.token, txID=uid(2000 + number), origTxID=uid(of)))


class Batch(Speaker):
    words = {"excluded": "110", "check": "105", "time": "105", "stake": "105", "loss": "105", "cap": "106"}  # noqa: RUF012 - the base class declares it

    player = "pl_bert"  # for pl_anna of this world has dollars

    def __init__(self, country: str = "EE") -> None:
        self.speaks = BatchWorld()
        super().__init__(self.speaks, country)

    def _told(self, action: dict[str, Any]) -> Told:
        status, answer = self.speaks.tell(play(action, user_id=self.player, currency="EUR", game="x_reels"))
        return Told(status == 200, str(answer.get("code", "")), status)

    def bet(self, number: int, cents: int = 1000) -> Told:
        return self._told(act("bet", f"b-{number}", cents))

    def win(self, number: int, of: int) -> Told:  # noqa: ARG002 - a win names no bet here
        return self._told(act("win", f"w-{number}", 2500))

    def back(self, number: int, of: int) -> Told:
        return self._told(back(f"r-{number}", f"b-{of}"))


SPEAKERS: dict[str, Callable[..., Speaker]] = {"hub88": Hub88, "caleta": Caleta, "swipe": Swipe, "action_batch": Batch}


@pytest.fixture(params=SPEAKERS)
def speaker(request: pytest.FixtureRequest) -> Speaker:
    return SPEAKERS[request.param]()


def refused(told: Told, word: str) -> None:
    """Check that an answer is a known refusal in that word: 4xx or the protocol's 200, never a server error."""
    assert not told.stands
    assert told.word == word
    assert told.status < 500


@pytest.mark.parametrize("kind", list(ExclusionKind))
def test_a_break_or_exclusion_in_mid_round_refuses_the_next_bet_and_holds_up_nothing(speaker: Speaker, kind: ExclusionKind) -> None:
    assert speaker.bet(1).stands
    assert speaker.bet(2).stands
    speaker.exclude(kind)
    refused(speaker.bet(3), speaker.words["excluded"])
    assert speaker.bet(1).stands, "a repeat of what was taken before"
    assert speaker.win(1, of=1).stands
    assert speaker.back(1, of=2).stands
    assert speaker.cash() == 10_000 - 1000 + 2500
    held = speaker.world.book.post(Hold(Reference("house:withdrawal", "w-1"), speaker.player, "EUR", 115 * UNIT))
    assert isinstance(held, Posted), "the money can be taken out"


def test_a_break_ends_by_itself_to_the_millisecond_and_an_exclusion_does_not(speaker: Speaker) -> None:
    speaker.exclude(ExclusionKind.TIME_OUT)
    speaker.world.clock.advance(milliseconds=DAY_MS - 1)
    refused(speaker.bet(1), _away(speaker))
    speaker.world.clock.advance(milliseconds=1)
    refused(speaker.bet(1), _away(speaker))  # a refusal stays one
    speaker.token = speaker.world.launch(speaker.player)
    assert speaker.bet(2).stands
    speaker.exclude(ExclusionKind.SELF_EXCLUSION)
    speaker.world.clock.advance(milliseconds=2 * DAY_MS)
    refused(speaker.bet(3), _away(speaker))


def _away(speaker: Speaker) -> str:
    """The word for somebody who is away: his session of yesterday, where a protocol has one, is asked for first."""
    expired = {"Hub88": "RS_ERROR_TOKEN_EXPIRED", "Caleta": "RS_ERROR_TOKEN_EXPIRED", "Swipe": "session_expired"}
    return expired.get(type(speaker).__name__, speaker.words["excluded"])


def test_a_reality_check_stops_play_until_it_is_acknowledged(speaker: Speaker) -> None:
    checked(speaker, HOUR_MS)
    assert speaker.bet(1).stands
    for number, passed_ms in ((2, BREAK_MS - 1), (3, BREAK_MS - 1), (6, 1)):
        speaker.world.clock.advance(milliseconds=passed_ms)
        assert speaker.bet(number).stands, "up to a millisecond before"
    speaker.world.clock.advance(milliseconds=1)
    refused(speaker.bet(4), speaker.words["check"])
    refused(speaker.bet(4), speaker.words["check"])
    assert speaker.win(1, of=1).stands
    assert speaker.back(1, of=2).stands
    speaker.post(AcknowledgeCheck(Reference("player:check", "c-1"), speaker.player))
    refused(speaker.bet(4), speaker.words["check"])  # a refusal stays one
    assert speaker.bet(5).stands


def test_the_longest_session_ends_bets_until_there_was_a_break(speaker: Speaker) -> None:
    speaker.limit(LimitKind.SESSION, Period.EACH, HOUR_MS)
    assert speaker.bet(1).stands
    for number in (2, 3, 4):
        speaker.world.clock.advance(milliseconds=HOUR_MS // 4)
        assert speaker.bet(number).stands
    speaker.world.clock.advance(milliseconds=HOUR_MS // 4)
    refused(speaker.bet(5), speaker.words["time"])
    assert speaker.win(1, of=1).stands
    speaker.world.clock.advance(milliseconds=BREAK_MS - HOUR_MS // 4)
    assert speaker.bet(6).stands


def test_the_players_own_limits_and_the_countrys_have_their_own_words(speaker: Speaker) -> None:
    speaker.limit(LimitKind.STAKE, Period.EACH, 5 * UNIT)
    refused(speaker.bet(1, 501), speaker.words["stake"])
    assert speaker.bet(2, 500).stands
    speaker.limit(LimitKind.LOSS, Period.WEEK, 8 * UNIT)
    assert speaker.bet(3, 500).stands
    refused(speaker.bet(4, 301), speaker.words["loss"])
    assert speaker.bet(5, 300).stands
    assert speaker.back(1, of=5).stands
    assert speaker.bet(6, 300).stands, "a rollback gives back what was used"


@pytest.mark.parametrize(
    ("country", "grown", "most"), [("GB", False, 200), ("GB", True, 500), ("EE", False, 10_000), ("ZZ", False, 200)]
)
@pytest.mark.parametrize("dialect", SPEAKERS)
def test_the_largest_stake_is_the_countrys_and_by_age(dialect: str, country: str, most: int, *, grown: bool) -> None:
    """Slots in Great Britain, and where nothing is written down: 2.00 under 25 and 5.00 from the birthday on; elsewhere none."""
    speaker = SPEAKERS[dialect](country)
    today = speaker.world.clock() // DAY_MS
    told(speaker, grown_on=today if grown else today + 1)
    if most < 10_000:
        refused(speaker.bet(1, most + 1), speaker.words["cap"])
    before = speaker.cash()
    assert speaker.bet(2, most).stands
    assert speaker.cash() == before - most


@pytest.mark.parametrize("dialect", SPEAKERS)
def test_whose_age_is_not_known_is_held_to_the_smaller_stake(dialect: str) -> None:
    speaker = SPEAKERS[dialect]("GB")
    refused(speaker.bet(1, 201), speaker.words["cap"])
    assert speaker.bet(2, 200).stands


def test_none_of_it_costs_a_bet_a_request(speaker: Speaker) -> None:
    checked(speaker, HOUR_MS)
    for kind, period in [(LimitKind.WAGER, Period.DAY), (LimitKind.LOSS, Period.MONTH), (LimitKind.WAGER, Period.WEEK)]:
        speaker.limit(kind, period, 90 * UNIT)
    speaker.limit(LimitKind.STAKE, Period.EACH, 10 * UNIT)
    speaker.limit(LimitKind.SESSION, Period.EACH, HOUR_MS)
    before = speaker.world.store.requests
    assert speaker.bet(1).stands
    assert speaker.world.store.requests - before == 2, "the wallet is read, and written with the record"


def checked(speaker: Speaker, interval_ms: int) -> None:
    """Launch as a country that asks for reality checks has it."""
    told(speaker, interval_ms=interval_ms)


def told(speaker: Speaker, interval_ms: int = 0, grown_on: int = 0) -> None:
    """Launch with what a country says of the player."""
    speaker.token = speaker.world.launch(speaker.player, interval_ms=interval_ms, grown_on=grown_on)
