"""How the cashier's items lie in DynamoDB: to and from its own JSON. Only `store` and this file spell their keys and attributes.

- `DEPOSIT#<deposit id>`, `DEPOSIT`: one deposit; `player_id` and `created_at` put it into the index by_player, `gateway` and
  `created_at` into the index by_gateway
- `PAYMENT#<gateway>#<payment id>`, `PAYMENT`: which deposit a payment has paid; in no index, never expires
- `EARLY#<gateway>#<payment id>`, `EARLY`: events that name a payment only, which has paid no deposit yet; never expires
- `RETURN#<gateway>#<payment id>`, `CASE#<case id>`: which transaction returns a chargeback or refund, where its gateway
  does not say so; never expires
- `STAFF#<day>`, `<instant>#<ledger transaction>`: money that staff have to know of (see `matters`); in no index, never expires
"""

import hashlib
from typing import Any, Final, TypeAlias

from countroom.cashier.deposits import Actor, Booking, Change, Deposit, DepositStatus, Fact, Payment
from countroom.cashier.gateways.dialect import PaymentEvent, PaymentOutcome
from countroom.cashier.matters import Matter
from countroom.times import to_iso

Item: TypeAlias = dict[str, Any]
"""An item or a transaction's part in DynamoDB's own JSON."""

EARLY_PREFIX: Final = "early_"
"""What the names of attributes that hold early events begin with."""

_DEPOSIT_SORT_KEY: Final = "DEPOSIT"
_PAYMENT_SORT_KEY: Final = "PAYMENT"


def deposit_key(deposit_id: str) -> Item:
    """Give the key of a deposit."""
    return {"pk": {"S": f"DEPOSIT#{deposit_id}"}, "sk": {"S": _DEPOSIT_SORT_KEY}}


def payment_key(gateway: str, payment_id: str) -> Item:
    """Give the key of a payment's claim."""
    return {"pk": {"S": f"PAYMENT#{gateway}#{payment_id}"}, "sk": {"S": _PAYMENT_SORT_KEY}}


def early_key(gateway: str, payment_id: str) -> Item:
    """Give the key of the events that came before their payment."""
    return {"pk": {"S": f"EARLY#{gateway}#{payment_id}"}, "sk": {"S": "EARLY"}}


def return_key(gateway: str, payment_id: str, case_id: str) -> Item:
    """Give the key of the claim to return a chargeback or refund."""
    return {"pk": {"S": f"RETURN#{gateway}#{payment_id}"}, "sk": {"S": f"CASE#{case_id}"}}


def deposit_item(deposit: Deposit) -> Item:
    """Write a deposit."""
    item: Item = {
        **deposit_key(deposit.deposit_id),
        "deposit_id": {"S": deposit.deposit_id},
        "player_id": {"S": deposit.player_id},
        "created_at": {"S": to_iso(deposit.created_at_ms)},
        "gateway": {"S": deposit.gateway},
        "currency": {"S": deposit.currency},
        "amount": {"N": str(deposit.amount)},
        "status": {"S": deposit.status.value},
        "version": {"N": str(deposit.version)},
        "changes": {"L": [change_item(change) for change in deposit.changes]},
    }
    if deposit.facts:
        item["facts"] = {"L": [fact_item(fact) for fact in deposit.facts]}
    if deposit.settled:
        item["settled"] = {"BOOL": True}
    if deposit.method:
        item["method"] = {"S": deposit.method}
    if deposit.counted:
        item["counted"] = {"BOOL": True}
    if deposit.payment is not None:
        item["payment"] = payment_item(deposit.payment)
    return item


def deposit_of(item: Item) -> Deposit:
    """Read a deposit."""
    deposit_id = item["deposit_id"]["S"]
    return Deposit(
        deposit_id=deposit_id,
        player_id=item["player_id"]["S"],
        gateway=item["gateway"]["S"],
        currency=item["currency"]["S"],
        amount=int(item["amount"]["N"]),
        status=DepositStatus(item["status"]["S"]),
        changes=tuple(change_of(change["M"]) for change in item["changes"]["L"]),
        facts=facts_of(deposit_id, item),
        settled="settled" in item,
        method=item["method"]["S"] if "method" in item else "",
        counted="counted" in item,
    )


def change_item(change: Change) -> Item:
    """Write one step of a deposit."""
    fields: Item = {
        "at": {"N": str(change.at_ms)},
        "status": {"S": change.status.value},
        "cause": {"S": change.cause},
        "actor": {"S": change.actor.value},
    }
    if change.record:
        fields["record"] = {"S": change.record}
    return {"M": fields}


def change_of(item: Item) -> Change:
    """Read one step of a deposit."""
    record = item["record"]["S"] if "record" in item else ""
    return Change(int(item["at"]["N"]), DepositStatus(item["status"]["S"]), item["cause"]["S"], Actor(item["actor"]["S"]), record)


def fact_item(fact: Fact) -> Item:
    """Write what a gateway has said about money."""
    fields: Item = {"booking": {"S": fact.booking.value}, "payment": payment_item(fact.payment)}
    if fact.case_id:
        fields["case"] = {"S": fact.case_id}
    if fact.is_booked:
        fields |= {"record": {"S": fact.record}, "booked": {"N": str(fact.booked)}}
    return {"M": fields}


def fact_of(item: Item) -> Fact:
    """Read what a gateway has said about money."""
    return Fact(
        booking=Booking(item["booking"]["S"]),
        payment=payment_of(item["payment"]["M"]),
        case_id=item["case"]["S"] if "case" in item else "",
        record=item["record"]["S"] if "record" in item else "",
        booked=int(item["booked"]["N"]) if "booked" in item else 0,
    )


def facts_of(deposit_id: str, item: Item) -> tuple[Fact, ...]:
    """Read the facts. A deposit that was credited before there were facts has its payment only, booked under its own name."""
    facts = tuple(fact_of(fact["M"]) for fact in item["facts"]["L"]) if "facts" in item else ()
    if "payment" not in item:
        return facts
    payment = payment_of(item["payment"]["M"])
    paid = Fact(Booking.PAYMENT, payment, record=deposit_id, booked=payment.amount)
    if any(fact.key == paid.key and fact.is_booked for fact in facts):
        return facts
    return (paid, *(fact for fact in facts if fact.key != paid.key))


def event_digest(event: PaymentEvent) -> str:
    """Name an event by what it says, so that a repeat falls on itself."""
    said = (event.outcome.value, event.case_id, str(event.payment.amount), event.payment.currency)
    return hashlib.blake2b("\x1f".join(said).encode(), digest_size=8).hexdigest()


def event_item(event: PaymentEvent) -> Item:
    """Write an early event."""
    return {
        "outcome": {"S": event.outcome.value},
        "amount": {"N": str(event.payment.amount)},
        "currency": {"S": event.payment.currency},
        "occurred_at": {"N": str(event.occurred_at_ms)},
        "reason": {"S": event.reason},
        "event": {"S": event.event_id},
        "case": {"S": event.case_id},
    }


def event_of(payment_id: str, item: Item) -> PaymentEvent:
    """Read an early event of a payment."""
    return PaymentEvent(
        outcome=PaymentOutcome(item["outcome"]["S"]),
        deposit_id="",
        payment=Payment(payment_id, int(item["amount"]["N"]), item["currency"]["S"]),
        occurred_at_ms=int(item["occurred_at"]["N"]),
        reason=item["reason"]["S"],
        event_id=item["event"]["S"],
        case_id=item["case"]["S"],
    )


def matter_item(matter: Matter) -> Item:
    """Write an entry for staff."""
    at = to_iso(matter.at_ms)
    return {
        "pk": {"S": f"STAFF#{at[:10]}"},
        "sk": {"S": f"{at}#{matter.record}"},
        "matter": {"S": matter.kind.value},
        "gateway": {"S": matter.gateway},
        "deposit_id": {"S": matter.deposit_id},
        "player_id": {"S": matter.player_id},
        "payment_id": {"S": matter.payment_id},
        "amount": {"N": str(matter.amount)},
        "currency": {"S": matter.currency},
    }


def payment_item(payment: Payment) -> Item:
    """Write a payment."""
    return {
        "M": {"id": {"S": payment.payment_id}, "amount": {"N": str(payment.amount)}, "currency": {"S": payment.currency}},
    }


def payment_of(item: Item) -> Payment:
    """Read a payment."""
    return Payment(item["id"]["S"], int(item["amount"]["N"]), item["currency"]["S"])
