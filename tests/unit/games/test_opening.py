"""Opening games: session first, address after, and a demo that leaves nothing behind."""

import pytest

from countroom.games.launch import (
    Admission,
    CurrencyNotTaken,
    GameNotAvailable,
    GameNotFound,
    Launcher,
    LaunchRefused,
    PlayerBlocked,
    PlayerExcluded,
    UnderAge,
)
from countroom.games.launchers.dialect import LaunchOrder, Mode, Platform, ProviderUnavailable
from countroom.games.opening import Opening, Wish
from countroom.ledger import sessions
from countroom.ledger.movements import ExclusionKind, Reference, Status
from countroom.ledger.safeguards import StartExclusion
from countroom.ledger.wallet import Wallet
from tests.unit.games.world import CATALOGUE, World

URL = "https://games.example/play"


class Provider:
    """Hands out its address, unless it is away; remembers what it was asked, and what the wallet knew then."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.orders: list[LaunchOrder] = []
        self.known: list[bool] = []
        self.away = False

    def address(self, order: LaunchOrder) -> str:
        self.orders.append(order)
        session = self._world.store.wallets["pl_anna"].session("hub88")
        known = session is not None and bool(order.token) and session.digest == sessions.parse(order.token).digest
        self.known.append(known)
        if self.away:
            raise ProviderUnavailable
        return URL


def of_age(_wallet: Wallet, _mode: Mode) -> Admission:
    """Nobody here is too young."""
    return Admission()


@pytest.fixture
def world() -> World:
    world = World()
    world.player()
    return world


@pytest.fixture
def provider(world: World) -> Provider:
    return Provider(world)


@pytest.fixture
def opening(world: World, provider: Provider) -> Opening:
    return Opening(Launcher(world.book, CATALOGUE, world.clock), lambda _name: provider, of_age)


def test_a_game_is_opened_with_a_session_that_the_wallet_knows_already(opening: Opening, provider: Provider) -> None:
    wish = Wish(language="et", platform=Platform.MOBILE, return_url="https://casino.example/")
    opened = opening.open("pl_anna", "reels", wish)
    assert (opened.url, opened.mode, opened.game.id) == (URL, Mode.REAL, "reels")
    assert opened.token is not None
    assert opened.expires_at_ms is not None
    assert provider.known == [True]
    assert provider.orders == [
        LaunchOrder(Mode.REAL, "x_reels", "EUR", "EE", "et", Platform.MOBILE, "https://casino.example/", "pl_anna", opened.token)
    ]


def test_a_demo_starts_nothing_and_names_nobody(world: World, opening: Opening, provider: Provider) -> None:
    before = world.store.state()
    opened = opening.open("pl_anna", "reels", Wish(mode=Mode.DEMO))
    assert (opened.token, opened.expires_at_ms, opened.url) == (None, None, URL)
    assert world.store.state() == before
    (order,) = provider.orders
    assert (order.player_id, order.token) == ("", "")


@pytest.mark.parametrize("mode", list(Mode))
@pytest.mark.parametrize(
    ("player", "game", "refusal"),
    [
        ("pl_anna", "nothing", GameNotFound),
        ("pl_anna", "closed", GameNotAvailable),
        ("pl_emil", "table", GameNotAvailable),
        ("pl_dora", "table", CurrencyNotTaken),
    ],
)
def test_a_demo_asks_the_same_questions(
    world: World, opening: Opening, provider: Provider, mode: Mode, player: str, game: str, refusal: type[LaunchRefused]
) -> None:
    world.player("pl_dora", currency="USD")
    world.player("pl_emil", country="FR")
    with pytest.raises(refusal):
        opening.open(player, game, Wish(mode=mode))
    assert provider.orders == []


@pytest.mark.parametrize("mode", list(Mode))
@pytest.mark.parametrize(
    ("status", "refusal"),
    [(Status.BLOCKED, PlayerBlocked), (Status.CLOSED, PlayerBlocked), (Status.EXCLUDED, PlayerExcluded)],
)
def test_who_may_not_play_gets_no_demo_either(
    world: World, opening: Opening, provider: Provider, mode: Mode, status: Status, refusal: type[LaunchRefused]
) -> None:
    world.set_status("pl_anna", status)
    with pytest.raises(refusal):
        opening.open("pl_anna", "reels", Wish(mode=mode))
    assert provider.orders == []


def test_without_an_address_the_game_is_not_open(world: World, opening: Opening, provider: Provider) -> None:
    provider.away = True
    cash = world.cash()
    with pytest.raises(ProviderUnavailable):
        opening.open("pl_anna", "reels", Wish())
    assert world.cash() == cash
    provider.away = False
    assert opening.open("pl_anna", "reels", Wish()).url == URL


def test_a_provider_that_is_not_set_up_costs_the_player_no_session(world: World) -> None:
    def none(_name: str) -> Provider:
        raise ProviderUnavailable

    before = world.store.state()
    with pytest.raises(ProviderUnavailable):
        Opening(Launcher(world.book, CATALOGUE, world.clock), none, of_age).open("pl_anna", "reels", Wish())
    assert world.store.state() == before


@pytest.mark.parametrize("mode", list(Mode))
def test_who_is_too_young_opens_nothing(world: World, provider: Provider, mode: Mode) -> None:
    asked: list[tuple[str, Mode]] = []

    def too_young(wallet: Wallet, asked_mode: Mode) -> Admission:
        asked.append((wallet.player_id, asked_mode))
        raise UnderAge

    before = world.store.state()
    opening = Opening(Launcher(world.book, CATALOGUE, world.clock), lambda _name: provider, too_young)
    with pytest.raises(UnderAge):
        opening.open("pl_anna", "reels", Wish(mode=mode))
    assert (world.store.state(), provider.orders, asked) == (before, [], [("pl_anna", mode)])
    with pytest.raises(GameNotFound):
        opening.open("pl_anna", "no-such-game", Wish(mode=mode))
    assert asked == [("pl_anna", mode)]  # what cannot be opened anyway opens no profile


@pytest.mark.parametrize("mode", list(Mode))
def test_who_takes_a_break_does_not_play_for_fun_either_and_is_asked_nothing_more(
    world: World, provider: Provider, mode: Mode
) -> None:
    def unasked(_wallet: Wallet, _mode: Mode) -> Admission:
        raise AssertionError("whoever is away need not be verified first")

    world.book.post(StartExclusion(Reference("player:exclusion", "x"), "pl_anna", ExclusionKind.TIME_OUT, world.clock() + 1000))
    opening = Opening(Launcher(world.book, CATALOGUE, world.clock), lambda _name: provider, unasked)
    with pytest.raises(PlayerExcluded):
        opening.open("pl_anna", "reels", Wish(mode=mode))
    assert provider.orders == []
