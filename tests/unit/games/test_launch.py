import pytest

from countroom.games.launch import (
    SESSION_MS,
    Admission,
    CurrencyNotTaken,
    GameNotAvailable,
    GameNotFound,
    Launched,
    Launcher,
    LaunchRefused,
    PlayerBlocked,
    PlayerExcluded,
    WalletMissing,
)
from countroom.ledger import sessions
from countroom.ledger.book import OutcomeUnknown
from countroom.ledger.movements import ExclusionKind, Reference, Status
from countroom.ledger.safeguards import StartExclusion
from countroom.ledger.store import StoreBusy
from tests.unit.games.world import CATALOGUE, World


def launched(launcher: Launcher, player_id: str, game_id: str) -> Launched:
    """Check, and start: what opening a game does."""
    game, _ = launcher.check(player_id, game_id)
    return launcher.start(player_id, game, Admission())


class LaunchWorld(World):
    """The world with sessions that are started by the launcher."""

    def launch(self, player_id: str = "pl_anna", game: str = "reels", **_told: int) -> str:
        return launched(Launcher(self.book, CATALOGUE, self.clock), player_id, game).token


@pytest.fixture
def world() -> World:
    world = LaunchWorld()
    world.player()
    return world


def test_a_launch_leaves_the_tokens_digest_in_the_wallet_and_the_secret_nowhere(world: World) -> None:
    fixed = Launcher(world.book, CATALOGUE, world.clock, lambda size: bytes(range(size)))
    started = launched(fixed, "pl_anna", "reels")
    assert started.expires_at_ms == world.clock() + SESSION_MS
    assert started.token == sessions.issue("pl_anna", bytes(range(20)))
    session = world.store.wallets["pl_anna"].session("hub88")
    assert session is not None
    assert session.digest == sessions.parse(started.token).digest
    assert session.expires_at_ms == started.expires_at_ms
    assert started.token.partition(".")[2] not in repr(world.store.state())


def test_every_launch_has_a_token_of_its_own(world: World) -> None:
    assert len({world.launch() for _ in range(20)}) == 20


def test_a_launch_moves_no_money(world: World) -> None:
    before = world.cash()
    world.launch()
    assert world.cash() == before


@pytest.mark.parametrize(
    ("player", "game", "refusal"),
    [
        ("pl_anna", "no-such-game", GameNotFound),
        ("pl_anna", "x_reels", GameNotFound),
        ("pl_anna", "closed", GameNotAvailable),
        ("pl_nobody", "reels", WalletMissing),
        ("pl_dora", "table", CurrencyNotTaken),
        ("pl_emil", "table", GameNotAvailable),
    ],
)
def test_refusals_leave_the_wallet_alone(world: World, player: str, game: str, refusal: type[LaunchRefused]) -> None:
    world.player("pl_dora", currency="USD")
    world.player("pl_emil", country="FR")
    before = world.store.state()
    with pytest.raises(refusal):
        world.launch(player, game)
    assert world.store.state() == before


@pytest.mark.parametrize(
    ("status", "refusal"),
    [(Status.BLOCKED, PlayerBlocked), (Status.CLOSED, PlayerBlocked), (Status.EXCLUDED, PlayerExcluded)],
)
def test_a_player_who_may_not_play_gets_no_session(world: World, status: Status, refusal: type[LaunchRefused]) -> None:
    before = world.store.wallets["pl_anna"].session("hub88")
    world.set_status("pl_anna", status)
    with pytest.raises(refusal):
        world.launch()
    assert world.store.wallets["pl_anna"].session("hub88") == before


def test_a_table_that_stays_busy_is_not_a_refusal(world: World) -> None:
    world.store.faults = [StoreBusy("ThrottlingException")] * 100
    with pytest.raises(OutcomeUnknown):
        world.launch()


def test_what_the_country_says_of_a_player_goes_along_with_the_session(world: World) -> None:
    launcher = Launcher(world.book, CATALOGUE, world.clock)
    game, _ = launcher.check("pl_anna", "reels")
    launcher.start("pl_anna", game, Admission(interval_ms=3_600_000, grown_on=20_000))
    play = world.store.wallets["pl_anna"].play
    assert (play.interval_ms, play.grown_on, play.started_ms) == (3_600_000, 20_000, world.clock())


@pytest.mark.parametrize("kind", list(ExclusionKind))
def test_a_break_is_refused_like_an_exclusion_and_a_break_is_over_by_itself(world: World, kind: ExclusionKind) -> None:
    until_ms = world.clock() + 86_400_000
    world.book.post(StartExclusion(Reference("player:exclusion", "x"), "pl_anna", kind, until_ms))
    for _ in range(2):
        with pytest.raises(PlayerExcluded):
            world.launch()
        world.clock.advance(milliseconds=86_399_999 - (world.clock() - (until_ms - 86_400_000)))
    world.clock.advance(milliseconds=1)
    if kind is ExclusionKind.TIME_OUT:
        assert world.launch()
    else:
        with pytest.raises(PlayerExcluded):
            world.launch()


def test_an_exclusion_between_the_check_and_the_start_is_the_wallets_to_refuse(world: World) -> None:
    launcher = Launcher(world.book, CATALOGUE, world.clock)
    game, _ = launcher.check("pl_anna", "reels")
    movement = StartExclusion(Reference("player:exclusion", "x"), "pl_anna", ExclusionKind.TIME_OUT, world.clock() + 1)
    world.book.post(movement)
    with pytest.raises(PlayerExcluded):
        launcher.start("pl_anna", game, Admission())
