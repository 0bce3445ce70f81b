"""Player API: registration, login, refresh, forgotten passwords and the public keys. What is done here needs no token."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Final

from aws_lambda_powertools.event_handler import Response
from pydantic import BaseModel, StringConstraints

from countroom.clock import system_clock
from countroom.identity import login, recovery, refusals, registration, rules, tokens
from countroom.identity.keys import KmsPublicKeys, KmsSigner
from countroom.identity.refusals import InvalidCode, InvalidCredentials, SecondFactorRequired
from countroom.identity.register import RegisterListed, RegisterSilent
from countroom.identity.register_check import RegisterCheck
from countroom.identity.sessions import Opened, RefreshRefused, RefreshReused
from countroom.identity.throttle import TooManyGuesses
from countroom.times import to_iso
from handlers.parts import bearer, registers, services, visit
from runtime import aws, gate, http, settings, telemetry
from runtime.problems import Code, Problem

JWKS_CACHE_SECONDS: Final = 300

Text = Annotated[str, StringConstraints(max_length=1024)]
"""Any text up to a bound; what it must look like is for the room's rules."""


@dataclass(frozen=True, slots=True)
class Settings(registers.RegisterSettings):
    """Environment of this function."""

    login_guesses_per_source: int


class RegistrationBody(http.RequestBody):
    """What a new player sends; names and postcode where the country has a register of excluded players."""

    email: Text
    password: Text
    date_of_birth: Text
    country: Text
    currency: Text
    accepted_terms: Text
    given_name: Text = ""
    family_name: Text = ""
    postcode: Text = ""


class RegistrationView(BaseModel):
    """An application that waits for the code that was mailed; `expires_in` in seconds."""

    registration_token: str
    expires_in: int


class VerificationBody(http.RequestBody):
    """The code out of the mail."""

    registration_token: Text
    code: Text


class PlayerView(BaseModel):
    """A new account."""

    player_id: str
    email: str
    currency: str
    country: str
    created_at: str


class LoginBody(http.RequestBody):
    """What a player sends to log in: a code where there is a second factor, the token that this device got at an earlier login."""

    email: Text
    password: Text
    code: Text | None = None
    device_token: Text | None = None


class LastLoginView(BaseModel):
    """The login before this one."""

    at: str
    place: str
    device: str


class TokensView(BaseModel):
    """A pair of tokens, as RFC 6749 §5.1 names their parts; lifetimes in seconds."""

    access_token: str
    refresh_token: str
    token_type: str
    expires_in: int
    refresh_expires_in: int
    player_id: str
    session_id: str


class SessionView(TokensView):
    """A new session."""

    device_token: str
    last_login: LastLoginView | None


class RefreshBody(http.RequestBody):
    """The newest refresh token."""

    refresh_token: Text


class ResetBody(http.RequestBody):
    """Whose password was forgotten."""

    email: Text


class ResetView(BaseModel):
    """A reset that waits for the code that was mailed, if there is such an account; `expires_in` in seconds."""

    reset_token: str
    expires_in: int


class CompletionBody(http.RequestBody):
    """The code out of the mail and the new password; a code of the second factor where there is one."""

    reset_token: Text
    code: Text
    password: Text
    factor_code: Text | None = None


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


PROBLEMS: http.Problems = {
    **refusals.PROBLEMS,
    **bearer.PROBLEMS,
    RegisterSilent: Code.TEMPORARILY_UNAVAILABLE,
    RegisterListed: Code.WALLET_EXCLUDED,
}

app = http.create_app(PROBLEMS)


@cache
def _settings() -> Settings:
    return settings.load(Settings)


@cache
def _services() -> services.Services:
    told = _settings()
    signer = KmsSigner(aws.client("kms"), told.token_key_ids[0])
    return services.services_of(told, tokens.Issuer(told.token_issuer, signer, system_clock))


@cache
def _register() -> RegisterCheck:
    return registers.check_of(_services(), _settings())


def _registration() -> registration.Registration:
    return registration.Registration(_services().desk, _register())


@cache
def _login() -> login.Login:
    proofs, desk = _services().proofs, _services().desk
    return login.Login(proofs, desk.events, desk.outbox, system_clock, _register(), _settings().login_guesses_per_source)


@cache
def _public_keys() -> KmsPublicKeys:
    return bearer.public_keys(_settings())


@app.post("/v1/players", status_code=202, security=bearer.PUBLIC)
def register_player(body: RegistrationBody) -> RegistrationView:
    """Take an application for an account; the mailbox gets a code. The answer is the same for an address that has an account."""
    _admit_source()
    try:
        begun = _registration().begin(rules.Application(**body.model_dump()))
    except rules.InvalidFields as refusal:
        raise http.invalid_fields(*refusal.errors) from None
    telemetry.count("RegistrationBegun")
    return RegistrationView(registration_token=begun.token, expires_in=begun.expires_in)


@app.post("/v1/players/verifications", status_code=201, security=bearer.PUBLIC)
def verify_player(body: VerificationBody) -> PlayerView:
    """Open the account of an application, and its wallet, by the code that was mailed. The same request may be sent again."""
    try:
        registered = _registration().verify(body.registration_token, body.code, _source())
    except InvalidCode:
        telemetry.count("VerificationRefused")
        raise
    except RegisterListed:
        telemetry.count("RegistrationOfExcluded")
        raise
    except RegisterSilent:
        telemetry.count("RegisterSilent", dimensions={"at": "registration"})
        raise
    if not registered.replayed:
        telemetry.count("PlayerRegistered")
    return PlayerView.model_validate(registered, from_attributes=True)


@app.post("/v1/sessions", status_code=201, security=bearer.PUBLIC)
def log_in(body: LoginBody) -> SessionView:
    """Open a session for an address and its password, and a code of the second factor where there is one."""
    event = app.current_event.raw_event
    attempt = login.Attempt(
        email=body.email,
        password=body.password,
        source=visit.address_of(event),
        user_agent=gate.header(event, "User-Agent"),
        code=body.code,
        device_token=body.device_token,
    )
    try:
        with _throttled("LoginThrottled"):
            logged_in = _login().log_in(attempt)
    except SecondFactorRequired:
        telemetry.count("LoginFactorRequired")
        raise
    except (InvalidCredentials, InvalidCode):
        telemetry.count("LoginRefused")
        raise
    except RegisterSilent:
        telemetry.count("RegisterSilent", dimensions={"at": "login"})
        raise
    opened = logged_in.opened
    telemetry.count("LoginSucceeded")
    telemetry.count("RegisterAsked", dimensions={"said": logged_in.register})
    _report_undone(opened.player_id, logged_in.undone)
    last = opened.last_login
    return SessionView(
        **_tokens(opened).model_dump(),
        device_token=logged_in.device_token,
        last_login=LastLoginView(at=to_iso(last.at_ms), place=last.place, device=last.device) if last else None,
    )


@app.post("/v1/sessions/refresh", security=bearer.PUBLIC)
def refresh_session(body: RefreshBody) -> TokensView:
    """Exchange a refresh token for a new pair. A token that comes twice ends its session."""
    try:
        opened = _services().desk.sessions.refresh(body.refresh_token, _source())
    except RefreshReused as reuse:
        telemetry.count("RefreshReused")
        telemetry.logger.warning("refresh token reused", player_id=reuse.player_id, session_id=reuse.session_id)
        raise
    except RefreshRefused:
        telemetry.count("RefreshRefused")
        raise
    telemetry.count("SessionRefreshed")
    return _tokens(opened)


@app.post("/v1/password-resets", status_code=202, security=bearer.PUBLIC)
def reset_password(body: ResetBody) -> ResetView:
    """Have a code mailed to the owner of an address, if it has an account. The answer is the same if it has none."""
    _admit_source()
    try:
        begun = recovery.Recovery(_services().desk, _services().proofs).begin(body.email, _source())
    except rules.InvalidFields as refusal:
        raise http.invalid_fields(*refusal.errors) from None
    telemetry.count("PasswordResetBegun")
    return ResetView(reset_token=begun.token, expires_in=begun.expires_in)


@app.post("/v1/password-resets/completions", status_code=204, security=bearer.PUBLIC)
def complete_reset(body: CompletionBody) -> Response[str]:
    """Set a new password by the code that was mailed, and end all sessions."""
    _admit_source()
    try:
        with _throttled("PasswordResetThrottled"):
            recovery.Recovery(_services().desk, _services().proofs).complete(
                body.reset_token, body.code, body.password, body.factor_code, _source()
            )
    except rules.InvalidFields as refusal:
        raise http.invalid_fields(*refusal.errors) from None
    except InvalidCode:
        telemetry.count("PasswordResetRefused")
        raise
    telemetry.count("PasswordReset")
    return Response(status_code=204, content_type=None, body="")


@app.get("/.well-known/jwks.json", security=bearer.PUBLIC)
def list_keys() -> Response[KeySetView]:
    """Publish the keys that access tokens are signed with, the next one and the one before included."""
    return Response(
        status_code=200,
        content_type="application/json",
        headers={"Cache-Control": f"public, max-age={JWKS_CACHE_SECONDS}"},
        body=KeySetView.model_validate(tokens.jwks(_public_keys())),
    )


def _tokens(opened: Opened) -> TokensView:
    return TokensView(
        access_token=opened.access_token,
        refresh_token=opened.refresh_token,
        token_type=tokens.SCHEME,
        expires_in=opened.expires_in,
        refresh_expires_in=opened.refresh_expires_in,
        player_id=opened.player_id,
        session_id=opened.session_id,
    )


def _source() -> str:
    return visit.source_of(app.current_event.raw_event)


def _admit_source() -> None:
    """Count a request as a try of the caller's network, together with its logins; a source that tries too much gets no further."""
    with _throttled("SourceThrottled"):
        address = visit.address_of(app.current_event.raw_event)
        _services().proofs.throttle.reserve_source(address, _settings().login_guesses_per_source)


@contextmanager
def _throttled(metric: str) -> Iterator[None]:
    """Count a refused guess, and say when to come back."""
    try:
        yield
    except TooManyGuesses as refusal:
        telemetry.count(metric)
        raise Problem(Code.TOO_MANY_REQUESTS, headers={"Retry-After": str(refusal.retry_after_seconds)}) from None


def _report_undone(player_id: str, undone: tuple[str, ...]) -> None:
    """Report what a login that succeeded could not do besides: its player is not to suffer for it, operators are to know."""
    for name in undone:
        telemetry.count("LeftUndone", dimensions={"what": name})
        telemetry.logger.warning("left undone", what=name, player_id=player_id)


handler = http.entrance(app)
