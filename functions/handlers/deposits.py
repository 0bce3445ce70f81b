"""Player API: paying in. A deposit and its payment are opened here; the credit arrives later, with the gateway's word.

See `payment_worker` for that. What a gateway answers for a browser is handed on and neither kept nor logged.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any, Final, Literal

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.depends import Depends
from pydantic import BaseModel, Field, StringConstraints

from countroom.cashier import terms
from countroom.cashier.desk import Ask, DepositDesk
from countroom.cashier.gates import Declined, DeclineReason, LevelsOf
from countroom.cashier.gateways.openers.dialect import GatewayUnavailable, PaymentNotOpened, PaymentRefused, ReturnUrlMissing
from countroom.cashier.opening import NoSuchDeposit, NotPayable, PaymentOpening
from countroom.cashier.store import CashierStore, StoreUnavailable
from countroom.cashier.views import choice_view, deposit_view
from countroom.clock import system_clock
from countroom.ledger.book import Book
from countroom.ledger.movements import LimitKind, Period
from countroom.ledger.safeguards import limit_name
from countroom.ledger.store import LedgerStore
from countroom.urls import is_safe_url
from handlers.parts import bearer, idempotent, pages, standing
from handlers.parts.tills import Tills
from runtime import aws, http, settings, telemetry
from runtime.problems import Code, FieldError, Problem
from runtime.secrets import SecretReader, SecretUnavailable

CONNECT_S: Final = 0.5
READ_S: Final = 1.0
"""For the circuits, which are a help only."""

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
    DeclineReason.METHOD_NOT_ALLOWED: Code.PAYMENT_METHOD_NOT_ALLOWED,
    DeclineReason.LIMIT_REACHED: Code.LIMIT_REACHED,
}
"""How the player API calls what the desk declines."""

LIMIT_TEXT: Final[Mapping[str, str]] = {
    limit_name(LimitKind.DEPOSIT, period): f"Your deposit limit for {words} leaves no room for this amount."
    for period, words in ((Period.DAY, "24 hours"), (Period.WEEK, "7 days"), (Period.MONTH, "a month"))
}
"""What a player is told of the limit that a deposit would pass, by the limit's name in the ledger."""


@dataclass(frozen=True, slots=True)
class Settings(bearer.BearerSettings):
    """Environment of this function. `payment_urls` and `payment_secrets` have a base URL and a secret's ARN for each gateway."""

    cashier_table: str
    ledger_table: str
    players_table: str
    circuits_table: str
    payment_urls: dict[str, str]
    payment_secrets: dict[str, str]


class DepositBody(http.RequestBody):
    """What a player sends to pay in. Without a method, the one that is usual at the gateway (see the list of methods)."""

    amount: Text
    currency: Text
    gateway: Text = terms.DEFAULT_GATEWAY
    method: Text | None = None


class PaymentBody(http.RequestBody):
    """`return_url` (https) is where the player comes back to from a page of the gateway or of a bank. Adyen has to know it."""

    return_url: Annotated[str, Field(min_length=1, max_length=1024)] | None = None


class PaymentView(BaseModel):
    """What a front-end goes on with; what the kind does not have is null.

    session (Adyen's components): `payment_id`, `session_data`, `public_key`, and `expires_at`. intent (Stripe.js): `payment_id`,
    `client_secret`, `public_key`. none: the gateway need not be asked first, the deposit's id is all that it wants to know.
    """

    deposit_id: str
    gateway: str
    kind: Literal["session", "intent", "none"]
    payment_id: str | None
    session_data: str | None
    client_secret: str | None
    public_key: str | None
    expires_at: str | None


class MethodView(BaseModel):
    """One way to pay in, in the currency of the player's wallet; amounts are decimal strings.

    `usual`: what a deposit means that names this gateway and no method. `smallest_fee` and `largest_fee` are what the payment
    service itself charges beside a deposit of the smallest and the largest amount; the house credits a deposit whole.
    """

    gateway: str
    method: str
    name: str
    currency: str
    smallest: str
    largest: str
    smallest_fee: str
    largest_fee: str
    usual: bool


class MethodList(BaseModel):
    """The ways to pay in that this player is offered."""

    items: list[MethodView]


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
    method: str | None
    created_at: str
    events: list[ChangeView]


class DepositPage(BaseModel):
    """Deposits, newest first."""

    items: list[DepositView]
    next_cursor: str | None


app = http.create_app(
    {
        **bearer.PROBLEMS,
        **standing.PROBLEMS,
        StoreUnavailable: Code.TEMPORARILY_UNAVAILABLE,
        NoSuchDeposit: Code.NOT_FOUND,
        NotPayable: Code.DEPOSIT_NOT_PAYABLE,
        PaymentRefused: Code.PAYMENT_REFUSED,
        GatewayUnavailable: Code.GATEWAY_UNAVAILABLE,
        SecretUnavailable: Code.GATEWAY_UNAVAILABLE,
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
def _book() -> Book:
    # The ledger repeats its requests itself, inside a time budget of its own.
    return Book(LedgerStore(aws.client("dynamodb", max_attempts=1), _settings().ledger_table), system_clock)


@cache
def _store() -> CashierStore:
    return CashierStore(aws.client("dynamodb"), _settings().cashier_table)


@cache
def _tills() -> Tills:
    told = _settings()
    secrets = {name: SecretReader(aws.client("secretsmanager"), arn) for name, arn in told.payment_secrets.items()}
    helper = aws.client("dynamodb", connect_timeout=CONNECT_S, read_timeout=READ_S, max_attempts=1)
    return Tills(told.payment_urls, secrets, helper, told.circuits_table)


@cache
def _levels_of() -> LevelsOf:
    return standing.level_of(aws.client("dynamodb"), _settings().players_table)


@cache
def _desk() -> DepositDesk:
    return DepositDesk(_store(), _book(), _levels_of(), system_clock, reachable=_tills().reachable)


@cache
def _opening() -> PaymentOpening:
    return PaymentOpening(_store(), _book().wallet, _levels_of(), system_clock, _tills().of, _tills().reachable)


door = bearer.Door(_settings)

Player = Annotated[str, Depends(door.player_id)]


@app.post("/v1/deposits", status_code=201, responses=_OPENED, security=bearer.SECURITY)
def open_deposit(body: DepositBody, player_id: Player) -> Response[str]:
    """Open a deposit, once for each Idempotency-Key of a player."""
    keys = idempotent.keys_of(app.current_event.raw_event)
    result = _desk().open(player_id, keys, Ask(body.amount, body.currency, body.gateway, body.method))
    if isinstance(result, Declined):
        telemetry.count("DepositDeclined", dimensions={"reason": result.reason.value})
        raise _problem(result)
    telemetry.count("DepositReplayed" if result.replayed else "DepositOpened")
    return idempotent.answered(result.answer, replayed=result.replayed)


@app.get("/v1/deposits", security=bearer.SECURITY)
def list_deposits(
    player_id: Player,
    limit: pages.Limit = pages.PAGE_DEFAULT,
    cursor: pages.Cursor = None,
) -> DepositPage:
    """List the player's deposits, newest first."""
    with pages.cursor_of_this_list():
        page = _desk().page(player_id, limit, cursor)
    items = [DepositView.model_validate(deposit_view(deposit)) for deposit in page.deposits]
    return DepositPage(items=items, next_cursor=page.next_cursor)


@app.get("/v1/deposits/methods", security=bearer.SECURITY)
def list_methods(player_id: Player) -> MethodList:
    """List the ways to pay in that the player is offered, by the wallet's currency and the player's country."""
    found = _desk().choices(player_id)
    if isinstance(found, Declined):
        raise _problem(found)
    return MethodList(items=[MethodView.model_validate(choice_view(choice)) for choice in found])


@app.get("/v1/deposits/<deposit_id>", security=bearer.SECURITY)
def get_deposit(deposit_id: str, player_id: Player) -> DepositView:
    """Show one of the player's deposits, with what happened to it and when."""
    deposit = _desk().get(player_id, deposit_id)
    if deposit is None:
        raise Problem(Code.NOT_FOUND)
    return DepositView.model_validate(deposit_view(deposit))


@app.post("/v1/deposits/<deposit_id>/payment", security=bearer.SECURITY)
def open_payment(deposit_id: str, player_id: Player, body: PaymentBody | None = None) -> PaymentView:
    """Open the deposit's payment at its gateway, or give the one that was opened before. Asking again is always safe."""
    return_url = (body.return_url if body else None) or ""
    if return_url and not is_safe_url(return_url):
        raise http.invalid_fields(("return_url", "must be an https URL"))
    try:
        result = _opening().open(player_id, deposit_id, return_url)
    except ReturnUrlMissing:
        raise http.invalid_fields(("return_url", "is required by this payment gateway")) from None
    except (PaymentNotOpened, SecretUnavailable) as error:
        reason = error.why.value if isinstance(error, PaymentNotOpened) else "secret_unavailable"
        telemetry.count("PaymentNotOpened", dimensions={"reason": reason})
        telemetry.logger.warning("payment not opened", deposit_id=deposit_id, reason=reason)
        raise
    if isinstance(result, Declined):
        telemetry.count("PaymentDeclined", dimensions={"reason": result.reason.value})
        raise _problem(result)
    deposit, opened = result
    telemetry.count("PaymentOpened", dimensions={"gateway": deposit.gateway})
    return PaymentView(
        deposit_id=deposit.deposit_id,
        gateway=deposit.gateway,
        kind=opened.kind.value,
        payment_id=opened.payment_id or None,
        session_data=opened.session_data or None,
        client_secret=opened.client_secret or None,
        public_key=opened.public_key or None,
        expires_at=opened.expires_at or None,
    )


def _problem(declined: Declined) -> Problem:
    errors = tuple(FieldError(fault.field, fault.message) for fault in declined.faults)
    return Problem(CODES[declined.reason], LIMIT_TEXT.get(declined.limit, ""), errors=errors)


handler = http.entrance(app)
