"""Player API: paying out. A withdrawal is asked for here, and the money held; a state machine drives it from there to its end."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any, Final

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.depends import Depends
from pydantic import BaseModel, StringConstraints

from countroom.cashier.store import CashierStore, StoreUnavailable
from countroom.cashier.withdrawals.desk import Rooms, WithdrawalDesk
from countroom.cashier.withdrawals.forms import Ask, Declined, DeclineReason
from countroom.cashier.withdrawals.methods import Methods
from countroom.cashier.withdrawals.views import withdrawal_view
from countroom.clock import system_clock
from countroom.identity.sessions import Live
from handlers.parts import bearer, idempotent, pages, wake, withdrawing
from handlers.parts.people import People
from runtime import aws, http, settings, telemetry
from runtime.problems import Code, FieldError, Problem

Text = Annotated[str, StringConstraints(max_length=64)]
"""Any text up to a bound; what it must look like is for the room's rules."""

CODES: Final[Mapping[DeclineReason, Code]] = {
    DeclineReason.INVALID_REQUEST: Code.INVALID_REQUEST,
    DeclineReason.KEY_MISSING: Code.IDEMPOTENCY_KEY_MISSING,
    DeclineReason.KEY_REUSED: Code.IDEMPOTENCY_KEY_REUSED,
    DeclineReason.NO_WALLET: Code.FORBIDDEN,
    DeclineReason.WRONG_CURRENCY: Code.WRONG_CURRENCY,
    DeclineReason.WALLET_BLOCKED: Code.WALLET_BLOCKED,
    DeclineReason.WALLET_EXCLUDED: Code.WALLET_EXCLUDED,
    DeclineReason.NOT_VERIFIED: Code.VERIFICATION_REQUIRED,
    DeclineReason.METHOD_UNUSABLE: Code.METHOD_NOT_USABLE,
    DeclineReason.LIMIT_REACHED: Code.LIMIT_REACHED,
    DeclineReason.OTHER_METHOD_FIRST: Code.OTHER_METHOD_FIRST,
    DeclineReason.INSUFFICIENT_FUNDS: Code.INSUFFICIENT_FUNDS,
    DeclineReason.NOT_FOUND: Code.NOT_FOUND,
    DeclineReason.CANCEL_NOT_OFFERED: Code.CANCEL_NOT_OFFERED,
    DeclineReason.TOO_LATE: Code.TOO_LATE,
}
"""How the player API calls what the desk declines."""


@dataclass(frozen=True, slots=True)
class Settings(bearer.BearerSettings):
    """Environment of this function."""

    withdrawals_table: str
    cashier_table: str
    ledger_table: str
    players_table: str
    withdrawal_machine_arn: str


class WithdrawalBody(http.RequestBody):
    """What a player sends to be paid. The money goes back to what has paid the deposit `deposit_id`."""

    amount: Text
    currency: Text
    deposit_id: Text


class StageView(BaseModel):
    """One step in a withdrawal's life, in plain words. `transaction_id` is the line of the wallet's history with the money."""

    at: str
    status: str
    text: str
    actor: str
    transaction_id: str | None


class WithdrawalView(BaseModel):
    """One withdrawal; amounts are decimal strings, instants ISO 8601. `reference` is to be quoted, `since` is of `status`."""

    withdrawal_id: str
    reference: str
    status: str
    status_text: str
    since: str
    amount: str
    currency: str
    paid_amount: str | None
    gateway: str
    deposit_id: str
    can_cancel: bool
    created_at: str
    events: list[StageView]


class WithdrawalPage(BaseModel):
    """Withdrawals, newest first."""

    items: list[WithdrawalView]
    next_cursor: str | None


app = http.create_app(
    {
        **bearer.PROBLEMS,
        StoreUnavailable: Code.TEMPORARILY_UNAVAILABLE,
    }
)


_OPENED: Final[dict[int, Any]] = {
    201: {"description": "The withdrawal, just made or replayed", "content": {"application/json": {"model": WithdrawalView}}}
}
"""What asking answers, for OpenAPI: the function returns the text that was kept for a replay."""


@cache
def _settings() -> Settings:
    return settings.load(Settings)


@cache
def _desk() -> WithdrawalDesk:
    told, client = _settings(), aws.client("dynamodb")
    parts = withdrawing.wired(withdrawing.WithdrawalTables(told.withdrawals_table, told.ledger_table))
    rooms = Rooms(parts.book, Methods(CashierStore(client, told.cashier_table)), People(client, told.players_table).person_of)
    return WithdrawalDesk(parts.store, parts.lists, parts.withdrawals, rooms, system_clock)


door = bearer.Door(_settings)

Player = Annotated[str, Depends(door.player_id)]
FreshPlayer = Annotated[Live, Depends(door.fresh)]


@app.post("/v1/withdrawals", status_code=201, responses=_OPENED, security=bearer.SECURITY)
def request_withdrawal(body: WithdrawalBody, live: FreshPlayer) -> Response[str]:
    """Ask for money, once for each Idempotency-Key of a player, who has proved himself lately."""
    keys = idempotent.keys_of(app.current_event.raw_event)
    result = _desk().request(live.player_id, keys, Ask(body.amount, body.currency, body.deposit_id))
    if isinstance(result, Declined):
        raise _problem("WithdrawalDeclined", result)
    telemetry.count("WithdrawalReplayed" if result.replayed else "WithdrawalRequested")
    if not result.replayed:
        wake.start_quietly(result.withdrawal_id)
    return idempotent.answered(result.answer, replayed=result.replayed)


@app.get("/v1/withdrawals", security=bearer.SECURITY)
def list_withdrawals(
    player_id: Player,
    limit: pages.Limit = pages.PAGE_DEFAULT,
    cursor: pages.Cursor = None,
) -> WithdrawalPage:
    """List the player's withdrawals, newest first."""
    with pages.cursor_of_this_list():
        page = _desk().page(player_id, limit, cursor)
    may_cancel = _desk().may_cancel(player_id)
    views = [WithdrawalView.model_validate(withdrawal_view(one, may_cancel=may_cancel)) for one in page.withdrawals]
    return WithdrawalPage(items=views, next_cursor=page.next_cursor)


@app.get("/v1/withdrawals/<withdrawal_id>", security=bearer.SECURITY)
def get_withdrawal(withdrawal_id: str, player_id: Player) -> WithdrawalView:
    """Show one of the player's withdrawals: where it stands, since when, and what happened to it."""
    withdrawal = _desk().get(player_id, withdrawal_id)
    if withdrawal is None:
        raise Problem(Code.NOT_FOUND)
    return WithdrawalView.model_validate(withdrawal_view(withdrawal, may_cancel=_desk().may_cancel(player_id)))


@app.post("/v1/withdrawals/<withdrawal_id>/cancellation", security=bearer.SECURITY)
def cancel_withdrawal(withdrawal_id: str, player_id: Player) -> WithdrawalView:
    """Call a withdrawal back before it is sent, where that is offered. It keeps money in the house, so it asks for no new proof."""
    result = _desk().cancel(player_id, withdrawal_id)
    if isinstance(result, Declined):
        raise _problem("WithdrawalNotCancelled", result)
    telemetry.count("WithdrawalCancelled")
    return WithdrawalView.model_validate(withdrawal_view(result, may_cancel=True))


def _problem(metric: str, declined: Declined) -> Problem:
    telemetry.count(metric, dimensions={"reason": declined.reason.value})
    return Problem(CODES[declined.reason], errors=tuple(FieldError(fault.field, fault.message) for fault in declined.faults))


handler = http.entrance(app)
