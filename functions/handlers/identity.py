"""Player API: registration, login and the public keys of the access tokens."""

from dataclasses import dataclass
from functools import cache
from typing import Annotated

from aws_lambda_powertools.event_handler import Response
from pydantic import BaseModel, StringConstraints

from countroom.clock import system_clock
from countroom.identity import accounts, rules, tokens
from countroom.identity.keys import KmsPublicKeys, KmsSigner
from countroom.identity.store import PlayersStore
from countroom.ledger.book import Book
from countroom.ledger.store import LedgerStore
from runtime import aws, http, settings, telemetry
from runtime.problems import Code, Problem

JWKS_CACHE_SECONDS = 300

Text = Annotated[str, StringConstraints(max_length=1024)]
"""Any text up to a bound; what it must look like is for the room's rules."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Environment of this function."""

    players_table: str
    ledger_table: str
    token_key_id: str
    token_issuer: str


class RegistrationBody(http.RequestBody):
    """What a new player sends."""

    email: Text
    password: Text
    date_of_birth: Text
    country: Text
    currency: Text
    accepted_terms: Text


class PlayerView(BaseModel):
    """A new account."""

    player_id: str
    email: str
    currency: str
    country: str
    created_at: str


class LoginBody(http.RequestBody):
    """What a player sends to log in."""

    email: Text
    password: Text


class SessionView(BaseModel):
    """An access token, as RFC 6749 §5.1 names its parts."""

    access_token: str
    token_type: str
    expires_in: int
    player_id: str


class KeyView(BaseModel):
    """One public key (RFC 7517 §4)."""

    kty: str
    crv: str
    x: str
    y: str
    use: str
    alg: str
    kid: str


class KeySetView(BaseModel):
    """The public keys (RFC 7517 §5)."""

    keys: list[KeyView]


app = http.create_app(
    {
        accounts.EmailTaken: Code.EMAIL_TAKEN,
        accounts.InvalidCredentials: Code.INVALID_CREDENTIALS,
    }
)


@cache
def _settings() -> Settings:
    return settings.load(Settings)


@cache
def _accounts() -> accounts.Accounts:
    # The ledger repeats its requests itself, inside a time budget of its own.
    ledger = LedgerStore(aws.client("dynamodb", max_attempts=1), _settings().ledger_table)
    players = PlayersStore(aws.client("dynamodb"), _settings().players_table)
    return accounts.Accounts(players, Book(ledger, system_clock), system_clock)


@cache
def _issuer() -> tokens.Issuer:
    signer = KmsSigner(aws.client("kms"), _settings().token_key_id)
    return tokens.Issuer(_settings().token_issuer, signer, system_clock)


@cache
def _public_keys() -> KmsPublicKeys:
    return KmsPublicKeys(aws.client("kms"), (_settings().token_key_id,))


@app.post("/v1/players", status_code=201)
def register_player(body: RegistrationBody) -> PlayerView:
    """Open an account and its wallet."""
    try:
        registered = _accounts().register(rules.Application(**body.model_dump()))
    except rules.InvalidFields as refusal:
        raise http.invalid_fields(*refusal.errors) from None
    telemetry.count("PlayerRegistered")
    return PlayerView.model_validate(registered, from_attributes=True)


@app.post("/v1/sessions", status_code=201)
def log_in(body: LoginBody) -> SessionView:
    """Exchange address and password for an access token."""
    try:
        player_id = _accounts().login(body.email, body.password)
    except accounts.TooManyGuesses as refusal:
        telemetry.count("LoginThrottled")
        raise Problem(Code.TOO_MANY_REQUESTS, headers={"Retry-After": str(refusal.retry_after_seconds)}) from None
    except accounts.InvalidCredentials:
        telemetry.count("LoginRefused")
        raise
    token = _issuer().issue(player_id)
    telemetry.count("LoginSucceeded")
    return SessionView(
        access_token=token,
        token_type=tokens.SCHEME,
        expires_in=tokens.LIFETIME_SECONDS,
        player_id=player_id,
    )


@app.get("/.well-known/jwks.json")
def list_keys() -> Response[KeySetView]:
    """Publish the keys that access tokens are signed with."""
    return Response(
        status_code=200,
        content_type="application/json",
        headers={"Cache-Control": f"public, max-age={JWKS_CACHE_SECONDS}"},
        body=KeySetView.model_validate(tokens.jwks(_public_keys())),
    )


handler = http.entrance(app)
