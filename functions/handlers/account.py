"""Player API: a player's own account and sessions. Every route needs a token; what could cost the account, a fresh proof too."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Annotated

from aws_lambda_powertools.event_handler import Depends, Response

from countroom.identity import refusals, rules
from countroom.identity.access import Ended
from countroom.identity.events import EventKind, SecurityEvent
from countroom.identity.factor import Checked, Kind
from countroom.identity.profile import Change
from countroom.identity.refusals import InvalidCode, InvalidCredentials
from countroom.identity.sessions import Live
from countroom.identity.throttle import TooManyGuesses
from handlers.parts import account_views as views
from handlers.parts import bearer, pages, services, visit
from runtime import http, settings, telemetry
from runtime.problems import Code, Problem


@dataclass(frozen=True, slots=True)
class Settings(services.AccountSettings):
    """Environment of this function."""


app = http.create_app({**refusals.PROBLEMS, **bearer.PROBLEMS})


@cache
def _settings() -> Settings:
    return settings.load(Settings)


@cache
def _services() -> services.Services:
    return services.services_of(_settings())


door = bearer.Door(_settings)

Player = Annotated[Live, Depends(door.live)]
"""Who asks, and in which session."""
FreshPlayer = Annotated[Live, Depends(door.fresh)]
"""The same, of somebody who has just proved himself again."""


@app.get("/v1/players/me", security=bearer.SECURITY)
def show_profile(live: Player) -> views.ProfileView:
    """Show the account."""
    return views.profile_view(_services().profiles.read(live.player_id), live)


@app.patch("/v1/players/me", security=bearer.SECURITY)
def change_profile(live: Player, body: views.ProfileBody) -> views.ProfileView:
    """Change names or telephone number, or accept new terms."""
    with _as_problems():
        profile = _services().profiles.change(live.player_id, Change(**body.model_dump()), live.session_id, _source())
    return views.profile_view(profile, live)


@app.get("/v1/players/me/security-events", security=bearer.SECURITY)
def list_events(
    live: Player,
    limit: pages.Limit = pages.PAGE_DEFAULT,
    cursor: pages.Cursor = None,
) -> views.EventPageView:
    """List what happened to the account, newest first."""
    with pages.cursor_of_this_list():
        page = _services().events.page(live.player_id, limit, cursor)
    return views.EventPageView(items=[views.event_view(event) for event in page.events], next_cursor=page.next_cursor)


@app.post("/v1/players/me/password", status_code=204, security=bearer.SECURITY)
def change_password(live: FreshPlayer, body: views.PasswordBody) -> Response[str]:
    """Change the password; every session ends, this one too."""
    with _as_problems():
        is_told = _services().passwords.change(live.player_id, body.current_password, body.new_password, live.session_id, _source())
    telemetry.count("PasswordChanged")
    _report_untold(live, is_told=is_told)
    return _nothing()


@app.post("/v1/players/me/email", status_code=202, security=bearer.SECURITY)
def begin_email_change(live: FreshPlayer, body: views.EmailBody) -> views.ChangeView:
    """Ask for another e-mail address: a code goes there."""
    with _as_problems():
        begun = _services().emails.begin(live.player_id, body.email, live.session_id, _source())
    return views.ChangeView(change_token=begun.token, expires_in=begun.expires_in)


@app.post("/v1/players/me/email/confirmations", status_code=204, security=bearer.SECURITY)
def confirm_email_change(live: FreshPlayer, body: views.EmailCodeBody) -> Response[str]:
    """Send the code back; the address is changed and every session ends."""
    with _as_problems():
        is_told = _services().emails.confirm(live.player_id, body.change_token, body.code, live.session_id, _source())
    telemetry.count("EmailChanged")
    _report_untold(live, is_told=is_told)
    return _nothing()


@app.post("/v1/players/me/factor", status_code=201, security=bearer.SECURITY)
def begin_factor(live: FreshPlayer, body: views.EmptyBody | None = None) -> views.EnrolmentView:
    """Ask for a second factor: the secret for the authenticator app."""
    del body  # declared so that an unknown field is refused
    begun = _services().factors.begin(live.player_id)
    return views.EnrolmentView(secret=begun.secret, otpauth_uri=begun.otpauth_uri)


@app.post("/v1/players/me/factor/confirmations", security=bearer.SECURITY)
def confirm_factor(live: FreshPlayer, body: views.CodeBody) -> views.RecoveryView:
    """Show a code of the app; from now on one is asked for, and all other sessions end."""
    with _as_problems():
        confirmed = _services().factors.confirm(live.player_id, body.code, live.session_id, _source())
    telemetry.count("FactorEnrolled")
    _report_untold(live, is_told=confirmed.is_told)
    return views.RecoveryView(recovery_codes=list(confirmed.recovery_codes))


@app.delete("/v1/players/me/factor", status_code=204, security=bearer.SECURITY)
def remove_factor(live: FreshPlayer) -> Response[str]:
    """Do without a second factor; all other sessions end."""
    is_told = _services().factors.remove(live.player_id, live.session_id, _source())
    telemetry.count("FactorRemoved")
    _report_untold(live, is_told=is_told)
    return _nothing()


@app.post("/v1/players/me/closure", status_code=204, security=bearer.SECURITY)
def close_account(live: FreshPlayer, body: views.EmptyBody | None = None) -> Response[str]:
    """Close the account for good; there must be no money left in it."""
    del body  # declared so that an unknown field is refused
    is_told = _services().closing.close(live.player_id, live.session_id, _source())
    telemetry.count("AccountClosed")
    _report_untold(live, is_told=is_told)
    return _nothing()


@app.get("/v1/sessions", security=bearer.SECURITY)
def list_sessions(live: Player) -> views.SessionList:
    """List the sessions that live."""
    return views.SessionList(items=[views.session_view(session, live) for session in _services().sessions.list(live.player_id)])


@app.delete("/v1/sessions", status_code=204, security=bearer.SECURITY)
def end_sessions(live: Player) -> Response[str]:
    """End every session, this one too."""
    _services().sessions.end_all(live.player_id, Ended.ALL_ENDED, source=_source())
    return _nothing()


@app.delete("/v1/sessions/current", status_code=204, security=bearer.SECURITY)
def log_out(live: Player) -> Response[str]:
    """End the session that asks."""
    # A path of its own: API Gateway never takes `current`, under which other routes lie, for a {session_id}.
    return end_session(live.session_id, live)


@app.delete("/v1/sessions/<session_id>", status_code=204, security=bearer.SECURITY)
def end_session(session_id: str, live: Player) -> Response[str]:
    """End one session."""
    is_own = session_id == live.session_id
    wanted, why = (live.session_id, Ended.LOGGED_OUT) if is_own else (session_id, Ended.ENDED_BY_PLAYER)
    # One's own is gone when somebody else was faster: that is what was asked for.
    if not _services().sessions.end(live.player_id, wanted, why, source=_source()) and not is_own:
        raise Problem(Code.NOT_FOUND)
    return _nothing()


@app.post("/v1/sessions/current/step-up", status_code=204, security=bearer.SECURITY)
def step_up(live: Player, body: views.ProofBody) -> Response[str]:
    """Prove oneself again, by a code where there is a second factor, else by the password."""
    with _as_problems():
        try:
            checked = _prove(live, body)
        except (InvalidCode, InvalidCredentials):
            telemetry.count("StepUpRefused")
            _services().events.append(live.player_id, _event(live, EventKind.STEP_UP_REFUSED))
            raise
    if checked:
        _report_checked(live, checked)
    told = _services().events.put_item(live.player_id, _event(live, EventKind.STEPPED_UP))
    _services().sessions.step_up(live.player_id, live.session_id, beside=[told])
    return _nothing()


def _prove(live: Live, body: views.ProofBody) -> Checked | None:
    if live.factor:
        return _services().proofs.require(live.player_id, body.code, door=live.session_id)
    if body.password is None:
        raise http.invalid_fields(("password", "is required"))
    _services().proofs.check_password(live.player_id, body.password)
    return None


def _report_checked(live: Live, checked: Checked) -> None:
    """Leave an event of a recovery code, which is used up whatever comes of the step-up; report a guess that goes on counting."""
    if checked.kind is Kind.RECOVERY_CODE:
        left = f"recovery codes left: {checked.recovery_codes_left}"
        _services().events.append(live.player_id, _event(live, EventKind.RECOVERY_CODE_USED, left))
    if not checked.guess_given_back:
        _report_undone(live, "give_back")


def _event(live: Live, kind: EventKind, detail: str = "") -> SecurityEvent:
    return SecurityEvent(kind, door.clock(), live.session_id, _source(), detail)


def _source() -> str:
    return visit.source_of(app.current_event.raw_event)


def _report_untold(live: Live, *, is_told: bool) -> None:
    """Report a notice to the owner that is not on its way; what it tells of is done, and cannot be asked for again."""
    if not is_told:
        _report_undone(live, "mail")


def _report_undone(live: Live, what: str) -> None:
    telemetry.count("LeftUndone", dimensions={"what": what})
    telemetry.logger.warning("left undone", what=what, player_id=live.player_id)


def _nothing() -> Response[str]:
    return Response(status_code=204, content_type=None, body="")


@contextmanager
def _as_problems() -> Iterator[None]:
    """Answer with the fields that a room's rules found wrong, and with how long to wait after too many guesses."""
    try:
        yield
    except rules.InvalidFields as refusal:
        raise http.invalid_fields(*refusal.errors) from None
    except TooManyGuesses as refusal:
        telemetry.count("GuessesThrottled")
        raise Problem(Code.TOO_MANY_REQUESTS, headers={"Retry-After": str(refusal.retry_after_seconds)}) from None


handler = http.entrance(app)
