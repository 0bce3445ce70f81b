"""Player API: the games on offer, opening one, and what has happened in a round."""

import hashlib
import json
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any, Final, Literal

from aws_lambda_powertools.event_handler import Depends, Response
from aws_lambda_powertools.event_handler.openapi.params import Query
from pydantic import BaseModel, Field

from countroom.clock import system_clock
from countroom.games import listing
from countroom.games.catalogue import CatalogueUnavailable
from countroom.games.catalogue_source import FRESH_S, TableCatalogue
from countroom.games.catalogue_store import CatalogueStore
from countroom.games.health import HealthBoard, HealthUnavailable
from countroom.games.launch import (
    CurrencyNotTaken,
    GameNotAvailable,
    GameNotFound,
    Launcher,
    LaunchRefused,
    NotVerified,
    PlayerBlocked,
    PlayerExcluded,
    UnderAge,
    WalletMissing,
)
from countroom.games.launchers.dialect import Mode, Platform, ProviderUnavailable
from countroom.games.opening import Opening, Wish
from countroom.games.round_reader import RoundReader
from countroom.games.rounds import key_of
from countroom.games.rounds_store import RoundsStore, RoundsUnavailable
from countroom.identity.people import People
from countroom.identity.refusals import NoSuchAccount, Unavailable
from countroom.identity.store import PlayersStore
from countroom.identity.table import Table
from countroom.identity.vault import Vault
from countroom.ledger.book import Book, OutcomeUnknown
from countroom.ledger.chain import IndexBehind
from countroom.ledger.movements import ID_MAX, InvalidReference
from countroom.ledger.store import LedgerStore, StoreBusy
from countroom.times import to_iso
from countroom.urls import is_safe_url
from countroom.verification.store import StandingsUnavailable
from handlers.parts import bearer, pages, standing
from handlers.parts.admission import admission
from handlers.parts.ways_out import WaysOut
from runtime import aws, gate, http, settings, telemetry
from runtime.problems import Code, FieldError, Problem
from runtime.secrets import SecretReader, SecretUnavailable

PAGE_DEFAULT: Final = 50
NAME_MAX = 64
CONNECT_S = 0.5
READ_S = 1.0
"""For tables that are a help only: catalogue (a copy serves on), health, circuits."""


@dataclass(frozen=True, slots=True)
class Settings(bearer.BearerSettings):
    """Environment of this function. `launch_urls` and `provider_secrets` have a base URL and a secret's ARN for each provider."""

    ledger_table: str
    games_table: str
    circuits_table: str
    players_table: str
    personal_key_id: str
    launch_urls: dict[str, str]
    provider_secrets: dict[str, str]


class StakeView(BaseModel):
    """The smallest and the largest stake of one bet, as decimal texts; null where there is no bound."""

    min: str | None
    max: str | None


class GameView(BaseModel):
    """One game. `rtp` is the return to player in percent, as published; `countries` is ["*"] for all of them."""

    game_id: str
    provider: str
    name: str
    category: str
    rtp: str
    currencies: list[str]
    countries: list[str]
    stakes: dict[str, StakeView]


class GameList(BaseModel):
    """Games that can be started now, in the order of their ids."""

    items: list[GameView]
    next_cursor: str | None


class LaunchBody(http.RequestBody):
    """How a game is to be opened. `language` is ISO 639-1; `return_url` (https) is where the game's way out leads."""

    mode: Literal["real", "demo"] = "real"
    language: Annotated[str, Field(pattern="^[a-z]{2}$")] = "en"
    platform: Literal["desktop", "mobile"] = "desktop"
    return_url: Annotated[str, Field(min_length=1, max_length=512)] | None = None


class SessionView(BaseModel):
    """A game to be shown under `launch_url`. The token goes to the provider, who sends it with every bet; a demo has none."""

    session_token: str | None
    provider: str
    game_id: str
    mode: str
    expires_at: str | None
    launch_url: str


class ProviderView(BaseModel):
    """How a provider answers when we call it: up, down, or unknown when it was not called for a while."""

    provider: str
    condition: str
    checked_at: str


class ProviderList(BaseModel):
    """Every provider that was ever called."""

    items: list[ProviderView]


class MoveView(BaseModel):
    """One movement of a round. `amount` is what was asked for; `reason` why it was refused.

    `free`: a bet of nothing. `promotional`: a win in a round without a bet. `after_close`: it came after the provider had closed
    the round, and is booked all the same.
    """

    transaction_id: str
    kind: str
    outcome: str
    reason: str | None
    amount: str
    game: str | None
    at: str
    related_transaction_id: str | None
    rolled_back: bool
    free: bool
    promotional: bool
    after_close: bool


class RoundView(BaseModel):
    """A player's round. `state` is open, settled, rolled_back, promotion or refused; `won` and `staked` are what stands.

    `closed_at` is null where the provider has not said that the round is over. `whole` is false where only the newest movements
    of a very long round are shown.
    """

    provider: str
    round_id: str
    state: str
    open_since: str | None
    closed_at: str | None
    currency: str
    staked: str
    won: str
    net: str
    started_at: str
    last_at: str
    games: list[str]
    whole: bool
    moves: list[MoveView]


app = http.create_app(
    {
        **bearer.PROBLEMS,
        **standing.PROBLEMS,
        GameNotFound: Code.NOT_FOUND,
        GameNotAvailable: Code.CONFLICT,
        CurrencyNotTaken: Code.WRONG_CURRENCY,
        PlayerBlocked: Code.WALLET_BLOCKED,
        PlayerExcluded: Code.WALLET_EXCLUDED,
        UnderAge: Code.UNDER_AGE,
        WalletMissing: Code.FORBIDDEN,
        NoSuchAccount: Code.FORBIDDEN,
        Unavailable: Code.TEMPORARILY_UNAVAILABLE,
        LaunchRefused: Code.CONFLICT,
        ProviderUnavailable: Code.PROVIDER_UNAVAILABLE,
        SecretUnavailable: Code.PROVIDER_UNAVAILABLE,
        CatalogueUnavailable: Code.TEMPORARILY_UNAVAILABLE,
        RoundsUnavailable: Code.TEMPORARILY_UNAVAILABLE,
        HealthUnavailable: Code.TEMPORARILY_UNAVAILABLE,
        StoreBusy: Code.TEMPORARILY_UNAVAILABLE,
        IndexBehind: Code.TEMPORARILY_UNAVAILABLE,
    }
)


_FAILURES = (
    ProviderUnavailable,
    SecretUnavailable,
    CatalogueUnavailable,
    OutcomeUnknown,
    LaunchRefused,
    Unavailable,
    StandingsUnavailable,
)


@cache
def _settings() -> Settings:
    return settings.load(Settings)


def _helper() -> Any:
    return aws.client("dynamodb", connect_timeout=CONNECT_S, read_timeout=READ_S, max_attempts=1)


@cache
def _ledger() -> LedgerStore:
    # The ledger repeats its requests itself, inside a time budget of its own.
    return LedgerStore(aws.client("dynamodb", max_attempts=1), _settings().ledger_table)


@cache
def _catalogue() -> TableCatalogue:
    return TableCatalogue(CatalogueStore(_helper(), _settings().games_table), on_stale=_report_stale)


@cache
def _health() -> HealthBoard:
    return HealthBoard(_helper(), _settings().games_table, system_clock)


@cache
def _ways_out() -> WaysOut:
    # Imported when the first game is opened: the breaker brings a second AWS SDK with it.
    from runtime.circuit import TableCircuit  # noqa: PLC0415

    told = _settings()
    secrets = {name: SecretReader(aws.client("secretsmanager"), arn) for name, arn in told.provider_secrets.items()}
    return WaysOut(told.launch_urls, secrets, TableCircuit(_helper(), told.circuits_table).of, _health())


@cache
def _opening() -> Opening:
    launcher = Launcher(Book(_ledger(), system_clock), _catalogue(), system_clock)
    told = _settings()
    players = PlayersStore(Table(aws.client("dynamodb"), told.players_table))
    people = People(players, Vault(aws.client("kms"), told.personal_key_id))
    levels_of = standing.level_of(aws.client("dynamodb"), told.players_table)
    return Opening(launcher, lambda provider: _ways_out().of(provider), admission(people, levels_of, system_clock))


@cache
def _rounds() -> RoundReader:
    return RoundReader(_ledger(), RoundsStore(aws.client("dynamodb"), _settings().games_table))


def _report_stale() -> None:
    telemetry.logger.error("the catalogue cannot be read; an older copy serves on")
    telemetry.count("CatalogueStale")


door = bearer.Door(_settings)

Player = Annotated[str, Depends(door.player_id)]
"""The player who asks."""

Word = Query(max_length=NAME_MAX)


@app.get("/v1/games", security=bearer.PUBLIC)
def list_games(
    provider: Annotated[str, Word] = "",
    category: Annotated[str, Word] = "",
    currency: Annotated[str, Word] = "",
    country: Annotated[str, Word] = "",
    limit: pages.Limit = PAGE_DEFAULT,
    cursor: pages.Cursor = None,
) -> Response[GameList | str]:
    """List the enabled games, page by page; anybody may look, and may keep the answer for half a minute."""
    wanted = listing.GamesFilter(provider, category, currency, country)
    with pages.cursor_of_this_list():
        page = listing.page(_catalogue().current(), wanted, limit, cursor)
    items = [listing.game_view(game) for game in page.games]
    text = json.dumps([items, page.next_cursor], separators=(",", ":"))
    etag = f'"{hashlib.sha256(text.encode()).hexdigest()[:32]}"'
    headers = {"ETag": etag, "Cache-Control": f"public, max-age={FRESH_S:.0f}"}
    if _knows(etag):
        return Response(status_code=304, headers=headers, content_type=None, body="")
    games = GameList(items=[GameView(**item) for item in items], next_cursor=page.next_cursor)
    return Response(status_code=200, content_type="application/json", headers=headers, body=games)


def _knows(etag: str) -> bool:
    """Tell whether the caller has this very answer (RFC 9110 §13.1.2; the comparison is the weak one)."""
    asked = gate.header(app.current_event.raw_event, "If-None-Match")
    return asked.strip() == "*" or etag in (tag.strip().removeprefix("W/") for tag in asked.split(","))


@app.post("/v1/games/<game_id>/sessions", status_code=201, security=bearer.SECURITY)
def start_session(game_id: str, player_id: Player, body: LaunchBody | None = None) -> SessionView:
    """Open a game. For money, its session ends the player's earlier one at the same provider for bets."""
    wish = _wish(body or LaunchBody())
    try:
        opened = _opening().open(player_id, game_id, wish)
    except _FAILURES as error:
        telemetry.count("LaunchFailed", dimensions={"reason": type(error).__name__})
        if isinstance(error, NotVerified):
            lacking = tuple(FieldError("level", level.value) for level in error.levels)
            raise Problem(Code.VERIFICATION_REQUIRED, errors=lacking) from None
        raise
    telemetry.count("GameLaunched", dimensions={"provider": opened.game.provider})
    return SessionView(
        session_token=opened.token,
        provider=opened.game.provider,
        game_id=opened.game.id,
        mode=opened.mode.value,
        expires_at=None if opened.expires_at_ms is None else to_iso(opened.expires_at_ms),
        launch_url=opened.url,
    )


def _wish(body: LaunchBody) -> Wish:
    if body.return_url is not None and not is_safe_url(body.return_url):
        raise http.invalid_fields(("return_url", "must be an https URL"))
    return Wish(Mode(body.mode), body.language, Platform(body.platform), body.return_url or "")


@app.get("/v1/rounds/<provider>/<round_id>", security=bearer.SECURITY)
def show_round(provider: str, round_id: str, player_id: Player) -> RoundView:
    """Show one of the player's own rounds: its bets, wins and rollbacks, what was staked and won, and how it stands.

    An id with a slash in it does not fit into a path: it goes into the query of the route without it.
    """
    return _round(player_id, provider, round_id)


@app.get("/v1/rounds/<provider>", security=bearer.SECURITY)
def find_round(provider: str, round_id: Annotated[str, Query(min_length=1, max_length=ID_MAX)], player_id: Player) -> RoundView:
    """Show one of the player's own rounds, whatever characters its id has: it is given in the query, percent-encoded."""
    return _round(player_id, provider, round_id)


def _round(player_id: str, provider: str, round_id: str) -> RoundView:
    if len(provider) > NAME_MAX or len(round_id) > ID_MAX:
        raise Problem(Code.NOT_FOUND)
    try:
        key = key_of(player_id, provider, round_id)
    except InvalidReference:
        raise Problem(Code.NOT_FOUND) from None
    found = _rounds().read(key)
    if found is None:
        raise Problem(Code.NOT_FOUND)
    return RoundView(**found.view())


@app.get("/v1/providers/health", security=bearer.PUBLIC)
def show_health() -> ProviderList:
    """Show how each provider answers when we call it."""
    now_ms = system_clock()
    return ProviderList(items=[ProviderView(**health.public_view(now_ms)) for health in _health().all()])


handler = http.entrance(app)
