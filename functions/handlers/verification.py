"""Player API: verification. Where a player stands, what he lacks for what, and the way to where he shows his documents.

They go to the vendor and never come here; it is told as whom the player has registered, and compares. How a check ended arrives
later, with the vendor's word: see `verification_worker`.
"""

from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any, Final, Literal

from aws_lambda_powertools.event_handler.depends import Depends
from pydantic import BaseModel

from countroom.clock import system_clock
from countroom.identity.people import People
from countroom.identity.refusals import NoSuchAccount, Unavailable
from countroom.identity.store import PlayersStore
from countroom.identity.table import Table
from countroom.identity.vault import Vault
from countroom.jurisdictions.profiles import profile_of
from countroom.ledger.book import Book
from countroom.ledger.store import LedgerStore
from countroom.times import to_iso
from countroom.verification import views
from countroom.verification.desk import KeptChanging, VerificationDesk
from countroom.verification.levels import Act, Level
from countroom.verification.standing import Standing
from countroom.verification.starting import CheckEnded, Started, Starter
from countroom.verification.store import StandingStore
from countroom.verification.sumsub_api import Registered, VendorUnavailable
from handlers.parts import bearer
from handlers.parts import standing as standings
from handlers.parts.vendor_line import VendorLine
from runtime import aws, http, settings, telemetry
from runtime.problems import Code, Problem
from runtime.secrets import SecretReader, SecretUnavailable

CONNECT_S: Final = 0.5
READ_S: Final = 1.0
"""For the circuit, which is a help only."""


@dataclass(frozen=True, slots=True)
class Settings(bearer.BearerSettings):
    """Environment of this function. `verification_urls` and `verification_secrets`: by vendor, its base URL and a secret's ARN."""

    players_table: str
    personal_key_id: str
    ledger_table: str
    circuits_table: str
    verification_urls: dict[str, str]
    verification_secrets: dict[str, str]


class StartBody(http.RequestBody):
    """Which level is to be checked; the one that the player needs next unless it says which."""

    level: Literal["age", "identity", "address", "source_of_funds"] | None = None


class LevelView(BaseModel):
    """One level. `state` is none, pending, on_hold, retry, approved or rejected; `text` says it in plain words."""

    level: str
    name: str
    state: str
    text: str
    since: str | None


class NeededView(BaseModel):
    """The levels that the player still lacks for each of these, in the order in which to have them checked."""

    deposit: list[str]
    play: list[str]
    free_play: list[str]
    withdrawal: list[str]


class VerificationView(BaseModel):
    """Where the player stands. `needed` follows from the rules of his country and from what he has paid in so far."""

    levels: list[LevelView]
    needed: NeededView


class StartedView(BaseModel):
    """Where the player goes to be checked; whoever has the link can answer in his name."""

    level: str
    url: str
    expires_at: str


app = http.create_app(
    {
        **bearer.PROBLEMS,
        **standings.PROBLEMS,
        KeptChanging: Code.TEMPORARILY_UNAVAILABLE,
        Unavailable: Code.TEMPORARILY_UNAVAILABLE,
        NoSuchAccount: Code.FORBIDDEN,
        VendorUnavailable: Code.VERIFICATION_UNAVAILABLE,
        SecretUnavailable: Code.VERIFICATION_UNAVAILABLE,
    }
)


@cache
def _settings() -> Settings:
    return settings.load(Settings)


@cache
def _book() -> Book:
    # The ledger repeats its requests itself, inside a time budget of its own.
    return Book(LedgerStore(aws.client("dynamodb", max_attempts=1), _settings().ledger_table), system_clock)


@cache
def _desk() -> VerificationDesk:
    return VerificationDesk(StandingStore(aws.client("dynamodb"), _settings().players_table), system_clock)


@cache
def _starter() -> Starter:
    told = _settings()
    secrets = {name: SecretReader(aws.client("secretsmanager"), arn) for name, arn in told.verification_secrets.items()}
    return Starter(_desk(), VendorLine(told.verification_urls, secrets, _circuit_of, system_clock), _registered_as, system_clock)


@cache
def _people() -> People:
    players = PlayersStore(Table(aws.client("dynamodb"), _settings().players_table))
    return People(players, Vault(aws.client("kms"), _settings().personal_key_id))


def _registered_as(player_id: str) -> Registered:
    person = _people().find(player_id).data
    return Registered(person.date_of_birth, person.given_name, person.family_name)


def _circuit_of(vendor: str) -> Any:
    # Imported when the first check is started: the breaker brings a second AWS SDK with it.
    from runtime.circuit import TableCircuit  # noqa: PLC0415

    helper = aws.client("dynamodb", connect_timeout=CONNECT_S, read_timeout=READ_S, max_attempts=1)
    return TableCircuit(helper, _settings().circuits_table).of(vendor)


door = bearer.Door(_settings)

Player = Annotated[str, Depends(door.player_id)]


@app.get("/v1/verification", security=bearer.SECURITY)
def show_verification(player_id: Player) -> VerificationView:
    """Show where the player stands, level by level, and what is needed before what."""
    standing = _desk().standing(player_id)
    return VerificationView.model_validate(views.verification_view(standing, _lacking(standing)))


@app.post("/v1/verification/start", status_code=201, security=bearer.SECURITY)
def start_verification(player_id: Player, body: StartBody | None = None) -> StartedView:
    """Start a check, or go on with one: gives the link to it. Asking again is always safe."""
    level = Level(body.level) if body and body.level else views.first_needed(_lacking(_desk().standing(player_id)))
    if level is None:
        raise Problem(Code.VERIFICATION_ENDED, "There is nothing to be checked.")
    try:
        started = _starter().start(player_id, level)
    except CheckEnded as ended:
        raise Problem(Code.VERIFICATION_ENDED, views.TEXTS[ended.state]) from None
    except (VendorUnavailable, SecretUnavailable) as error:
        reason = error.why.value if isinstance(error, VendorUnavailable) else "secret_unavailable"
        telemetry.count("VerificationStartUnknown", dimensions={"reason": reason})
        telemetry.logger.warning("verification not started", level=level.value, reason=reason)
        raise
    telemetry.count("VerificationStarted", dimensions={"level": level.value})
    return _started_view(started)


def _lacking(standing: Standing) -> dict[Act, tuple[Level, ...]]:
    wallet = _book().wallet(standing.player_id)
    if wallet is None:
        raise Problem(Code.FORBIDDEN)
    net_deposits = wallet.totals.deposited - wallet.totals.withdrawn
    return views.needed(profile_of(wallet.country), wallet.currency, net_deposits, standing.approved)


def _started_view(started: Started) -> StartedView:
    return StartedView(level=started.level.value, url=started.url, expires_at=to_iso(started.expires_at_ms))


handler = http.entrance(app)
