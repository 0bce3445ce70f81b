"""Player API: the balance, and what has happened to it."""

from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any, Literal

from aws_lambda_powertools.event_handler import Depends, Response
from aws_lambda_powertools.event_handler.openapi.params import Query
from pydantic import BaseModel

from countroom.clock import system_clock
from countroom.ledger import views
from countroom.ledger.amounts import exact_amount
from countroom.ledger.book import Book
from countroom.ledger.chain import IndexBehind
from countroom.ledger.history import (
    MONEY,
    RECORDS_MAX,
    Filter,
    History,
    PeriodTooLarge,
)
from countroom.ledger.movements import ID_MAX, InvalidReference, Kind
from countroom.ledger.records import reference_of
from countroom.ledger.rules.effects import status_at
from countroom.ledger.store import LedgerStore, StoreBusy
from countroom.times import DAY_MS, InvalidInstant, from_iso_or_day
from handlers.parts import bearer, pages
from runtime import aws, http, settings
from runtime.problems import Code, Problem

PERIOD_DAYS_MAX = 366
INSTANT_MAX = 40
"""Longest text of a date or instant in a query, in characters."""


@dataclass(frozen=True, slots=True)
class Settings(bearer.BearerSettings):
    """Environment of this function."""

    ledger_table: str


class WalletView(BaseModel):
    """Balances as decimal texts in the wallet's currency; `available` is what can be staked."""

    player_id: str
    currency: str
    cash: str
    bonus: str
    held: str
    available: str
    version: int
    status: str


app = http.create_app(
    {
        **bearer.PROBLEMS,
        StoreBusy: Code.TEMPORARILY_UNAVAILABLE,
        IndexBehind: Code.TEMPORARILY_UNAVAILABLE,
    }
)


@cache
def _settings() -> Settings:
    return settings.load(Settings)


@cache
def _store() -> LedgerStore:
    # The ledger repeats its requests itself, inside a time budget of its own.
    return LedgerStore(aws.client("dynamodb", max_attempts=1), _settings().ledger_table)


door = bearer.Door(_settings)

Player = Annotated[str, Depends(door.player_id)]
"""The player who asks."""

Kinds = Annotated[list[Kind] | None, Query(alias="kind", max_length=len(Kind))]
Round = Annotated[str, Query(alias="round", max_length=ID_MAX)]
From = Query(alias="from", max_length=INSTANT_MAX)
To = Query(alias="to", max_length=INSTANT_MAX)


@app.get("/v1/wallet", security=bearer.SECURITY)
def show_wallet(player_id: Player) -> WalletView:
    """Show the balances."""
    wallet = Book(_store(), system_clock).wallet(player_id)
    if wallet is None:
        raise Problem(Code.NOT_FOUND)
    return WalletView(
        player_id=player_id,
        currency=wallet.currency,
        cash=exact_amount(wallet.cash, wallet.currency),
        bonus=exact_amount(wallet.bonus, wallet.currency),
        held=exact_amount(wallet.held, wallet.currency),
        available=exact_amount(wallet.available, wallet.currency),
        version=wallet.version,
        status=status_at(wallet, system_clock()).value,
    )


@app.get("/v1/wallet/transactions", security=bearer.SECURITY)
def list_transactions(
    player_id: Player,
    limit: pages.Limit = pages.PAGE_DEFAULT,
    cursor: pages.Cursor = None,
    kinds: Kinds = None,
    game_round: Round = "",
    since: Annotated[str | None, From] = None,
    until: Annotated[str | None, To] = None,
) -> dict[str, Any]:
    """List transactions, newest first: of some kinds, of one round, from an instant on and before another.

    Without kinds, all that are about money; what only changes the wallet's settings is shown to whoever asks for its kind.
    """
    wanted = Filter(frozenset(kinds) if kinds else MONEY, game_round, _instant("from", since), _instant("to", until))
    with pages.cursor_of_this_list():
        page = History(_store()).page(player_id, wanted, limit, cursor)
    if page is None:
        raise Problem(Code.NOT_FOUND)
    return views.page_view(page)


@app.get("/v1/wallet/transactions/<transaction_id>", security=bearer.SECURITY)
def show_transaction(transaction_id: str, player_id: Player) -> dict[str, Any]:
    """Show one of the player's own transactions with the states it went through."""
    try:
        reference = reference_of(transaction_id)
    except InvalidReference:
        raise Problem(Code.NOT_FOUND) from None
    transaction = History(_store()).transaction(player_id, reference)
    if transaction is None:
        raise Problem(Code.NOT_FOUND)
    return views.transaction_view(transaction)


@app.get("/v1/wallet/statement", security=bearer.SECURITY)
def show_statement(
    player_id: Player,
    since: Annotated[str, From],
    until: Annotated[str, To],
    form: Annotated[Literal["json", "csv"], Query(alias="format")] = "json",
) -> Response[Any]:
    """Show a period, from an instant on and before another: balances before and after, totals, lines oldest first."""
    from_ms, to_ms = _instant("from", since), _instant("to", until)
    if from_ms is None or to_ms is None or from_ms >= to_ms:
        raise http.invalid_fields(("to", "is not after from"))
    if to_ms - from_ms > PERIOD_DAYS_MAX * DAY_MS:
        raise http.invalid_fields(("to", f"is more than {PERIOD_DAYS_MAX} days after from"))
    try:
        period = History(_store()).period(player_id, from_ms, to_ms)
    except PeriodTooLarge:
        message = f"makes a period of more than {RECORDS_MAX} records, which is more than one statement may have"
        raise http.invalid_fields(("to", message)) from None
    if period is None:
        raise Problem(Code.NOT_FOUND)
    if form == "csv":
        attachment = {"Content-Disposition": 'attachment; filename="statement.csv"'}
        return Response(200, "text/csv; charset=utf-8", views.statement_csv(period), attachment)
    return Response(200, "application/json", views.statement_view(period))


def _instant(field: str, text: str | None) -> int | None:
    try:
        return None if text is None else from_iso_or_day(text)
    except InvalidInstant:
        raise http.invalid_fields((field, "is neither a date nor a date and time with its offset")) from None


handler = http.entrance(app)
