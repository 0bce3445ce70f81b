"""A ledger's table in this process, with players of whom everything has happened that can; and an index that can lag."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from countroom.ledger.book import Book, Pacing, Posted, Refused
from countroom.ledger.chain import Patience
from countroom.ledger.movements import (
    DIGEST_BYTES,
    Adjustment,
    Bet,
    BonusConverted,
    BonusForfeited,
    BonusGranted,
    Capture,
    Deposit,
    DepositReturned,
    DepositReversal,
    ExclusionKind,
    Hold,
    LimitKind,
    Movement,
    OpenWallet,
    PayoutReturned,
    Period,
    Reference,
    Release,
    Rollback,
    SetStatus,
    StartSession,
    Status,
    Win,
)
from countroom.ledger.safeguards import (
    AbandonDeposit,
    AcknowledgeCheck,
    AskReopening,
    ConfirmRaise,
    OpenDeposit,
    SetCheckInterval,
    SetLimit,
    StartExclusion,
    WithdrawRaise,
)
from countroom.ledger.store import LedgerStore
from tests.simulation.dynamodb import Model, Schema
from tests.unit.clock import FixedClock

TABLE = "ledger"
UNIT = 10**9
GAME = "game:hub88"
GATEWAY = "gateway:standard"
HOUSE = "house:staff"
DAY_MS = 86_400_000
Item = dict[str, Any]


class LaggingModel(Model):
    """The model of DynamoDB, with records that have not reached the index yet: those whose version is in `unseen`."""

    def __init__(self) -> None:
        super().__init__({TABLE: Schema(("pk",), {"history": ("p", "n")})})
        self.unseen: set[int] = set()
        self.asked: list[str] = []

    def query(self, **request: Any) -> dict[str, Any]:
        self.asked.append("query")
        answer = super().query(**request)
        return {**answer, "Items": [item for item in answer["Items"] if int(item["n"]["N"]) not in self.unseen]}

    def get_item(self, **request: Any) -> dict[str, Any]:
        self.asked.append("get_item")
        return super().get_item(**request)


class Ledger:
    """A ledger over the model, under a clock that stands still."""

    def __init__(self) -> None:
        self.model = LaggingModel()
        self.clock = FixedClock()
        self.store = LedgerStore(self.model, TABLE)
        self.patience = Patience(sleep=lambda _seconds: None)
        self.book = Book(self.store, self.clock, Pacing(sleep=lambda _seconds: None))

    def post(self, *movements: Movement) -> None:
        """Post movements a second apart; none may be refused."""
        for movement in movements:
            self.clock.advance(seconds=1)
            answer = self.book.post(movement)
            assert isinstance(answer, Posted), answer

    def refuse(self, movement: Movement) -> None:
        """Post a movement that is refused."""
        self.clock.advance(seconds=1)
        assert isinstance(self.book.post(movement), Refused)

    @property
    def items(self) -> list[Item]:
        """Everything that is stored."""
        return [dict(item) for item in self.model.tables[TABLE].items.values()]

    def put(self, item: Item) -> None:
        """Write past all rules, as somebody with the keys of the table can."""
        self.model.tables[TABLE].put((item["pk"]["S"],), item)

    def delete(self, key: str) -> None:
        """Delete past all rules."""
        self.model.tables[TABLE].put((key,), None)

    def item(self, key: str) -> Item:
        return dict(self.model.tables[TABLE].items[(key,)])

    def open(self, player_id: str, currency: str = "EUR") -> "Player":
        self.post(OpenWallet.of(player_id, currency, "EE"))
        return Player(player_id, currency)


class Player:
    """Short names for one player's movements; ids carry the player's, because they are unique across all."""

    def __init__(self, player_id: str, currency: str = "EUR") -> None:
        self.player_id = player_id
        self.currency = currency

    def name(self, source: str, transaction_id: str) -> Reference:
        return Reference(source, f"{self.player_id}-{transaction_id}")

    def deposit(self, name: str, amount: int) -> Deposit:
        return Deposit(self.name(GATEWAY, name), self.player_id, self.currency, amount)

    def reversal(self, name: str, of: str, amount: int) -> DepositReversal:
        reference = self.name(GATEWAY, name)
        return DepositReversal(reference, self.player_id, self.currency, amount, self.name(GATEWAY, of))

    def given_back(self, name: str, of: str, amount: int) -> DepositReturned:
        reference = self.name(GATEWAY, name)
        return DepositReturned(reference, self.player_id, self.currency, amount, self.name(GATEWAY, of))

    def bet(self, name: str, amount: int, game_round: str = "r1") -> Bet:
        return Bet(self.name(GAME, name), self.player_id, self.currency, amount, "reels", game_round)

    def win(self, name: str, amount: int, bet: str | None = None, game_round: str = "r1") -> Win:
        about = self.name(GAME, bet) if bet else None
        return Win(self.name(GAME, name), self.player_id, self.currency, amount, "reels", game_round, about)

    def rollback(self, name: str, of: str) -> Rollback:
        return Rollback(self.name(GAME, name), self.player_id, self.name(GAME, of), "reels", "r1")

    def hold(self, name: str, amount: int) -> Hold:
        return Hold(self.name(GATEWAY, name), self.player_id, self.currency, amount)

    def capture(self, name: str, hold: str) -> Capture:
        return Capture(self.name(GATEWAY, name), self.player_id, self.name(GATEWAY, hold))

    def release(self, name: str, hold: str) -> Release:
        return Release(self.name(GATEWAY, name), self.player_id, self.name(GATEWAY, hold))

    def returned(self, name: str, capture: str) -> PayoutReturned:
        return PayoutReturned(self.name(GATEWAY, name), self.player_id, self.name(GATEWAY, capture))

    def bonus(self, name: str, amount: int) -> BonusGranted:
        return BonusGranted(self.name("house:bonus", name), self.player_id, self.currency, amount)

    def adjustment(self, name: str, amount: int) -> Adjustment:
        return Adjustment(self.name(HOUSE, name), self.player_id, self.currency, amount, "late settlement", "staff-7")


def live(ledger: Ledger, player_id: str, currency: str = "EUR") -> Player:
    """Let a player live through every kind of movement, with each outcome."""
    me = ledger.open(player_id, currency)
    house = "house:bonus"
    ledger.post(
        SetLimit(me.name(HOUSE, "limit"), player_id, currency, 10_000 * UNIT, LimitKind.WAGER, Period.DAY),
        StartSession.of(player_id, "hub88", player_id.encode().ljust(DIGEST_BYTES, b"."), "reels", ledger.clock() + DAY_MS),
        me.deposit("d1", 100 * UNIT),
        me.bonus("b1", 50 * UNIT),
        me.bet("bet1", 10 * UNIT),
        me.win("win1", 25 * UNIT, "bet1"),
        me.bet("bet2", 120 * UNIT, "r2"),
        me.rollback("back2", "bet2"),
        me.rollback("again2", "bet2"),
        me.rollback("early", "never"),
        me.rollback("early2", "never"),
        me.bet("fine", 10_000, "r3"),
        me.win("promo", 0),
        me.win("win2", 5 * UNIT),
        me.rollback("back-win2", "win2"),
        BonusConverted(me.name(house, "converted"), player_id, currency, 20 * UNIT),
        BonusForfeited(me.name(house, "forfeited"), player_id, currency, 5 * UNIT),
        me.hold("h1", 30 * UNIT),
        me.capture("c1", "h1"),
        me.returned("p1", "c1"),
        me.hold("h2", 10 * UNIT),
        me.release("x2", "h2"),
        me.deposit("d2", 7 * UNIT),
        me.reversal("rev2", "d2", 7 * UNIT),
        me.given_back("back-d2", "rev2", 7 * UNIT),
        me.reversal("rev2-again", "back-d2", 7 * UNIT),
        me.adjustment("a1", -1_500_000_000),
        me.hold("h3", 2 * UNIT),
        SetStatus(me.name(HOUSE, "blocked"), player_id, Status.BLOCKED),
    )
    ledger.refuse(me.bet("refused", UNIT))
    ledger.post(SetStatus(me.name(HOUSE, "active"), player_id, Status.ACTIVE))
    ledger.refuse(replace(me.bet("too-much", 1), amount=9_000 * UNIT))
    return me


def protected(ledger: Ledger, player_id: str, currency: str = "EUR") -> Player:
    """Let a player use every safeguard, with each outcome."""
    me = ledger.open(player_id, currency)
    deposits, wagers = (LimitKind.DEPOSIT, Period.WEEK), (LimitKind.WAGER, Period.DAY)
    opened = [OpenDeposit.of(player_id, f"{player_id}-o{number}", currency, 4 * UNIT) for number in range(2)]
    ledger.post(
        SetLimit(me.name(HOUSE, "wagers"), player_id, currency, 10_000 * UNIT, *wagers),
        me.deposit("d1", 100 * UNIT),
        me.bet("bet1", 10 * UNIT),
        SetLimit(me.name(HOUSE, "deposits"), player_id, currency, 20 * UNIT, *deposits),
        SetLimit(me.name(HOUSE, "session"), player_id, currency, DAY_MS, LimitKind.SESSION, Period.EACH),
        SetLimit(me.name(HOUSE, "stake"), player_id, currency, 50 * UNIT, LimitKind.STAKE, Period.EACH),
        *opened,
        replace(me.deposit("d3", 5 * UNIT), opened=opened[0].reference),
        AbandonDeposit.of(player_id, f"{player_id}-o1"),
        replace(me.deposit("d4", 4 * UNIT), opened=opened[1].reference),
        me.reversal("rev3", "d3", 5 * UNIT),
        SetLimit(me.name(HOUSE, "higher"), player_id, currency, 30 * UNIT, *deposits, 5_000),
        WithdrawRaise(me.name(HOUSE, "withdrawn"), player_id, *deposits),
        SetLimit(me.name(HOUSE, "none"), player_id, currency, None, *wagers, 1, confirm=True),
        SetCheckInterval(me.name(HOUSE, "interval"), player_id, 1_000),
        ConfirmRaise(me.name(HOUSE, "confirmed"), player_id, *wagers),
    )
    ledger.refuse(me.bet("unseen", UNIT))
    ledger.refuse(OpenDeposit.of(player_id, f"{player_id}-o2", currency, 40 * UNIT))
    ledger.post(
        AcknowledgeCheck(me.name(HOUSE, "seen"), player_id),
        StartExclusion(me.name(HOUSE, "out"), player_id, ExclusionKind.SELF_EXCLUSION, ledger.clock() + 4_000),
    )
    ledger.refuse(AskReopening(me.name(HOUSE, "soon"), player_id, 1))
    ledger.post(
        AskReopening(me.name(HOUSE, "later"), player_id, 1_500),
        AskReopening(me.name(HOUSE, "twice"), player_id, 1),
        StartExclusion(me.name(HOUSE, "break"), player_id, ExclusionKind.TIME_OUT, ledger.clock() + DAY_MS),
    )
    return me


def all_kinds(players: Iterable[tuple[str, str]] = (("pl_anna", "EUR"), ("pl_ben", "EUR"), ("pl_cho", "JPY"))) -> Ledger:
    """Return a ledger of players who have lived."""
    ledger = Ledger()
    for player_id, currency in players:
        live(ledger, player_id, currency)
    return ledger


def every_kind() -> Ledger:
    """Return a ledger of players who have lived, and of one who has used every safeguard."""
    ledger = all_kinds()
    protected(ledger, "pl_dot")
    return ledger
