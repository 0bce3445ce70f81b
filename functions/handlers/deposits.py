"""Player API: paying in. A deposit is opened here; its credit arrives later, with the gateway's word (see `payment_worker`)."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any, Final

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.depends import Depends
from aws_lambda_powertools.event_handler.openapi.params import Query
from pydantic import BaseModel, StringConstraints

from countroom.cashier import terms
from countroom.cashier.desk import Ask, Declined, DeclineReason, DepositDesk
from countroom.cashier.store import PAGE_MAX, CashierStore, InvalidCursor, StoreUnavailable
from countroom.cashier.views import deposit_view
from countroom.clock import system_clock
from countroom.ledger.book import Book
from countroom.ledger.store import LedgerStore
from handlers.parts import bearer, idempotent
from runtime import aws, http, settings, telemetry
from runtime.problems import Code, FieldError, Problem

PAGE_DEFAULT: Final = 20

Text = Annotated[str, StringConstraints(max_length=64)]
"""Any text up to a bound; what it must look like is for the room's rules."""

CODES: Final[Mapping[DeclineReason, Code]] = {
    DeclineReason.INVALID_REQUEST: Code.INVALID_REQUEST,
    DeclineReason.KEY_MISSING: Code.IDEMPOTENCY_KEY_MISSING,
    DeclineReason.KEY_REUSED: Code.IDEMPOTENCY_KEY_REUSED,
    DeclineReason.IN_PROGRESS: Code.REQUEST_IN_PROGRESS,
    DeclineReason.NO_WALLET: Code.FORBIDDEN,
    DeclineReason.WRONG_CURRENCY: Code.WRONG_CURRENCY,
    DeclineReason.WALLET_BLOCKED: Code.WALLET_BLOCKED,
    DeclineReason.WALLET_EXCLUDED: Code.WALLET_EXCLUDED,
    DeclineReason.LIMIT_REACHED: Code.LIMIT_REACHED,
}
"""How the player API calls what the desk declines."""


@dataclass(frozen=True, slots=True)
class Settings(bearer.BearerSettings):
    """Environment of this function."""

    cashier_table: str
    ledger_table: str


class DepositBody(http.RequestBody):
    """What a player sends to pay in."""

    amount: Text
    currency: Text
    gateway: Text = terms.DEFAULT_GATEWAY


class ChangeView(BaseModel):
    """One step in a deposit's life, in plain words. `transaction_id` is the line of the wallet's history that moved the money."""

    at: str
    status: str
    text: str
    cause: str
    actor: str
    transaction_id: str | None


class DepositView(BaseModel):
    """One deposit; amounts are decimal strings, instants ISO 8601 in UTC."""

    deposit_id: str
    reference: str
    status: str
    status_text: str
    amount: str
    currency: str
    credited_amount: str | None
    reversed_amount: str | None
    gateway: str
    created_at: str
    events: list[ChangeView]


class DepositPage(BaseModel):
    """Deposits, newest first."""

    items: list[DepositView]
    next_cursor: str | None


app = http.create_app(
    {
        **bearer.PROBLEMS,
        StoreUnavailable: Code.TEMPORARILY_UNAVAILABLE,
    }
)


_OPENED: Final[dict[int, Any]] = {
    201: {"description": "The deposit, just opened or replayed", "content": {"application/json": {"model": DepositView}}}
}
"""What opening answers, for OpenAPI: the function returns the text that was kept for a replay."""


@cache
def _settings() -> Settings:
    return settings.load(Settings)


@cache
def _desk() -> DepositDesk:
    # The ledger repeats its requests itself, inside a time budget of its own.
    book = Book(LedgerStore(aws.client("dynamodb", max_attempts=1), _settings().ledger_table), system_clock)
    return DepositDesk(CashierStore(aws.client("dynamodb"), _settings().cashier_table), book.wallet, system_clock)


door = bearer.Door(_settings)

Player = Annotated[str, Depends(door.player_id)]


@app.post("/v1/deposits", status_code=201, responses=_OPENED, security=bearer.SECURITY)
def open_deposit(body: DepositBody, player_id: Player) -> Response[str]:
    """Open a deposit, once for each Idempotency-Key of a player."""
    keys = idempotent.keys_of(app.current_event.raw_event)
    result = _desk().open(player_id, keys, Ask(body.amount, body.currency, body.gateway))
    if isinstance(result, Declined):
        telemetry.count("DepositDeclined", dimensions={"reason": result.reason.value})
        raise _problem(result)
    telemetry.count("DepositReplayed" if result.replayed else "DepositOpened")
    return idempotent.answered(result.answer, replayed=result.replayed)


@app.get("/v1/deposits", security=bearer.SECURITY)
def list_deposits(
    player_id: Player,
    limit: Annotated[int, Query(ge=1, le=PAGE_MAX)] = PAGE_DEFAULT,
    cursor: Annotated[str | None, Query(max_length=256)] = None,
) -> DepositPage:
    """List the player's deposits, newest first."""
    try:
        page = _desk().page(player_id, limit, cursor)
    except InvalidCursor:
        raise http.invalid_fields(("cursor", "is not a cursor of this list")) from None
    items = [DepositView.model_validate(deposit_view(deposit)) for deposit in page.deposits]
    return DepositPage(items=items, next_cursor=page.next_cursor)


@app.get("/v1/deposits/<deposit_id>", security=bearer.SECURITY)
def get_deposit(deposit_id: str, player_id: Player) -> DepositView:
    """Show one of the player's deposits, with what happened to it and when."""
    deposit = _desk().get(player_id, deposit_id)
    if deposit is None:
        raise Problem(Code.NOT_FOUND)
    return DepositView.model_validate(deposit_view(deposit))


def _problem(declined: Declined) -> Problem:
    return Problem(CODES[declined.reason], errors=tuple(FieldError(fault.field, fault.message) for fault in declined.faults))


handler = http.entrance(app)
