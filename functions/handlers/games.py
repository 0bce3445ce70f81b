"""Player API: the games on offer, and starting one."""

from dataclasses import dataclass
from functools import cache
from typing import Annotated

from aws_lambda_powertools.event_handler import Depends
from pydantic import BaseModel

from countroom.clock import system_clock
from countroom.games import catalogue
from countroom.games.launch import (
    CurrencyNotTaken,
    GameNotAvailable,
    GameNotFound,
    Launcher,
    LaunchRefused,
    PlayerBlocked,
    PlayerExcluded,
    WalletMissing,
)
from countroom.identity import tokens
from countroom.identity.keys import KmsPublicKeys
from countroom.ledger.book import Book, OutcomeUnknown
from countroom.ledger.store import LedgerStore
from countroom.times import to_iso
from runtime import aws, http, settings, telemetry
from runtime.problems import Code


@dataclass(frozen=True, slots=True)
class Settings:
    """Environment of this function."""

    ledger_table: str
    token_key_id: str
    token_issuer: str


class GameView(BaseModel):
    """One game as front-ends show it; `rtp` is the return to player in percent, as published."""

    game_id: str
    provider: str
    name: str
    category: str
    rtp: str
    currencies: list[str]


class GameList(BaseModel):
    """The games that can be started now."""

    items: list[GameView]


class LaunchBody(http.RequestBody):
    """What a player sends to start a game: nothing yet, and nothing else."""


class SessionView(BaseModel):
    """A game session; `expires_at` is ISO 8601 in UTC. The token goes to the provider, who sends it with every bet."""

    session_token: str
    provider: str
    game_id: str
    expires_at: str


app = http.create_app(
    {
        **tokens.PROBLEMS,
        GameNotFound: Code.NOT_FOUND,
        GameNotAvailable: Code.CONFLICT,
        CurrencyNotTaken: Code.WRONG_CURRENCY,
        PlayerBlocked: Code.WALLET_BLOCKED,
        PlayerExcluded: Code.WALLET_EXCLUDED,
        WalletMissing: Code.FORBIDDEN,
        LaunchRefused: Code.CONFLICT,
        OutcomeUnknown: Code.TEMPORARILY_UNAVAILABLE,
    }
)


@cache
def _settings() -> Settings:
    return settings.load(Settings)


@cache
def _launcher() -> Launcher:
    # The ledger repeats its requests itself, inside a time budget of its own.
    book = Book(LedgerStore(aws.client("dynamodb", max_attempts=1), _settings().ledger_table), system_clock)
    return Launcher(book, catalogue.standard(), system_clock)


@cache
def _verifier() -> tokens.Verifier:
    keys = KmsPublicKeys(aws.client("kms"), (_settings().token_key_id,))
    return tokens.Verifier(_settings().token_issuer, keys, system_clock)


def _verify(token: str) -> str:
    return _verifier().player_id(token)


Player = Annotated[str, Depends(http.Bearer(_verify).player_id)]
"""The player who asks."""


@app.get("/v1/games")
def list_games() -> GameList:
    """List the enabled games; anybody may look."""
    return GameList(
        items=[
            GameView(
                game_id=game.id,
                provider=game.provider,
                name=game.name,
                category=game.category,
                rtp=game.rtp,
                currencies=sorted(game.currencies),
            )
            for game in catalogue.standard().offered()
        ]
    )


@app.post("/v1/games/<game_id>/sessions", status_code=201)
def start_session(game_id: str, player_id: Player, body: LaunchBody | None = None) -> SessionView:
    """Start a game: its session ends the player's earlier one at the same provider for bets."""
    del body  # declared so that an unknown field is refused
    launched = _launcher().launch(player_id, game_id)
    telemetry.count("GameLaunched", dimensions={"provider": launched.game.provider})
    return SessionView(
        session_token=launched.token,
        provider=launched.game.provider,
        game_id=launched.game.id,
        expires_at=to_iso(launched.expires_at_ms),
    )


handler = http.entrance(app)
