"""Four ways to take a bet: ours, two that are common, and the floor below which no answer can go.

Each is written as its own documentation teaches, on a table of its own, through the same kind of client.
"""

import json
from collections.abc import Mapping
from typing import Any, Protocol

from aws_lambda_powertools.utilities.idempotency import DynamoDBPersistenceLayer, IdempotencyConfig, idempotent_function
from aws_lambda_powertools.utilities.idempotency.exceptions import (
    IdempotencyAlreadyInProgressError,
    IdempotencyValidationError,
)
from botocore.exceptions import BotoCoreError, ClientError

from benchmarks.meter import Meter
from benchmarks.stream import OPENING, Bet
from countroom.clock import system_clock
from countroom.ledger import items
from countroom.ledger.book import Book, OutcomeUnknown, Posted
from countroom.ledger.movements import Bet as LedgerBet
from countroom.ledger.movements import Deposit, OpenWallet, Reference
from countroom.ledger.store import LedgerStore
from countroom.money import from_scaled, to_scaled

ACCEPTED, REFUSED, UNKNOWN = "accepted", "refused", "unknown"
_CENTS = 2


class Contender(Protocol):
    """A way to take a bet."""

    name: str
    claims: str
    index_units: int
    meter: Meter

    def open(self, player: str) -> None:
        """Give a player the opening balance."""

    def place(self, bet: Bet) -> str:
        """Take one delivery of a bet and answer it."""

    def balance(self, player: str) -> int:
        """Return a player's balance in cents."""


class Countroom:
    """One item decides, one transaction per movement."""

    name = "Countroom"
    claims = "record and balance in one transaction under the wallet's version"
    index_units = 1  # the history index takes the record after the fact

    def __init__(self, client: Any, table: str) -> None:
        self.meter = Meter(client, writes=1)
        self._book = Book(LedgerStore(self.meter, table), system_clock)

    def open(self, player: str) -> None:
        """Open the wallet and deposit."""
        self._book.post(OpenWallet.of(player, "EUR", "MT"))
        self._book.post(Deposit(Reference("gateway:bench", player), player, "EUR", from_scaled(OPENING, _CENTS)))

    def place(self, bet: Bet) -> str:
        """Post the bet."""
        amount = from_scaled(bet.amount, _CENTS)
        movement = LedgerBet(Reference("game:bench", bet.transaction_id), bet.player, "EUR", amount, "bench", "r-1")
        try:
            answer = self._book.post(movement)
        except OutcomeUnknown:
            return UNKNOWN
        return ACCEPTED if isinstance(answer, Posted) else REFUSED

    def balance(self, player: str) -> int:
        """Return cash and bonus in cents."""
        wallet = self._book.wallet(player)
        return to_scaled(wallet.available, _CENTS) if wallet else 0


class _Plain:
    """What the two usual ways share: a balance item in cents and a bet item."""

    writes = 2
    index_units = 0

    def __init__(self, client: Any, table: str) -> None:
        self.meter = Meter(client, self.writes)
        self.table = table

    def open(self, player: str) -> None:
        self.meter.put_item(TableName=self.table, Item={"pk": {"S": player}, "balance": {"N": str(OPENING)}})

    def balance(self, player: str) -> int:
        answer = self.meter.get_item(TableName=self.table, Key={"pk": {"S": player}}, ConsistentRead=True)
        return int(answer["Item"]["balance"]["N"])

    def put_bet(self, bet: Mapping[str, Any]) -> None:
        item = {"pk": {"S": f"bet#{bet['transaction_id']}"}, "player": {"S": bet["player"]}, "amount": {"N": str(bet["amount"])}}
        self.meter.put_item(TableName=self.table, Item=item)


class _Context:
    """What Powertools asks of a Lambda context: how long this invocation may still run."""

    def get_remaining_time_in_millis(self) -> int:
        return 300


class PowertoolsIdempotent(_Plain):
    """The idempotency decorator around a conditional update and a put."""

    name = "Powertools idempotency + update + put"
    claims = "an idempotency record beside a conditional balance update"
    writes = 4

    def __init__(self, client: Any, table: str, keys: str) -> None:
        super().__init__(client, table)
        store = DynamoDBPersistenceLayer(table_name=keys, boto3_client=self.meter)
        config = IdempotencyConfig(event_key_jmespath="transaction_id", payload_validation_jmespath="amount")
        config.register_lambda_context(_Context())  # type: ignore[arg-type]  # only the time that is left is asked for
        self._take = idempotent_function(self._debit, data_keyword_argument="bet", persistence_store=store, config=config)

    def _debit(self, *, bet: Mapping[str, Any]) -> dict[str, Any]:
        try:
            self.meter.update_item(
                TableName=self.table,
                Key={"pk": {"S": bet["player"]}},
                UpdateExpression="SET balance = balance - :stake",
                ConditionExpression="balance >= :stake",
                ExpressionAttributeValues={":stake": {"N": str(bet["amount"])}},
            )
        except ClientError as error:
            if error.response["Error"]["Code"] == "ConditionalCheckFailedException":
                return {"outcome": REFUSED}
            raise
        self.put_bet(bet)
        return {"outcome": ACCEPTED}

    def place(self, bet: Bet) -> str:
        """Call the decorated function."""
        asked = {"player": bet.player, "transaction_id": bet.transaction_id, "amount": bet.amount}
        try:
            return str(self._take(bet=asked)["outcome"])
        except IdempotencyValidationError:
            return REFUSED
        except IdempotencyAlreadyInProgressError:
            return UNKNOWN
        except Exception as error:  # noqa: BLE001 - a Lambda that raises is an unknown outcome to the provider
            return _unknown(error)


class ReadCompareSet(_Plain):
    """Read the balance, compare in Python, set the new one, put the bet: the sequence of AWS's sportsbook guidance."""

    name = "read, compare, set"
    claims = "none"

    def place(self, bet: Bet) -> str:
        """Read, compare, set, put."""
        try:
            answer = self.meter.get_item(TableName=self.table, Key={"pk": {"S": bet.player}})
            left = int(answer["Item"]["balance"]["N"]) - bet.amount
            if left < 0:
                return REFUSED
            self.meter.update_item(
                TableName=self.table,
                Key={"pk": {"S": bet.player}},
                UpdateExpression="SET balance = :left",
                ExpressionAttributeValues={":left": {"N": str(left)}},
            )
            self.put_bet({"player": bet.player, "transaction_id": bet.transaction_id, "amount": bet.amount})
        except Exception as error:  # noqa: BLE001 - a Lambda that raises is an unknown outcome to the provider
            return _unknown(error)
        return ACCEPTED


class Floor(_Plain):
    """Two raw calls that move bytes of our sizes and decide nothing: what the service itself costs."""

    name = "floor: two raw calls"
    claims = "none: it decides nothing"
    writes = 1

    def __init__(self, client: Any, table: str) -> None:
        super().__init__(client, table)
        self._filler = "x" * 200

    def place(self, bet: Bet) -> str:
        """Make the two calls."""
        key = {items.KEY: {"S": bet.player}}
        self.meter.get_item(TableName=self.table, Key=key, ConsistentRead=True)
        puts = [{"pk": {"S": name}, "filler": {"S": self._filler}} for name in (f"w#{bet.player}", f"t#{bet.transaction_id}")]
        writes = [{"Put": {"TableName": self.table, "Item": item}} for item in puts]
        try:
            self.meter.transact_write_items(TransactItems=writes)
        except (BotoCoreError, ClientError) as error:
            return _unknown(error)
        return ACCEPTED


def _unknown(error: Exception) -> str:
    """Answer a failure that says nothing of the money; faults of the benchmark itself must not pass for one."""
    if isinstance(error, TypeError | KeyError | AttributeError | json.JSONDecodeError):
        raise error
    return UNKNOWN
