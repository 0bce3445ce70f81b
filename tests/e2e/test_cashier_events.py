"""What becomes of an event on its way: kept, queued, set aside when it cannot be applied, brought back; and the daily comparison.

Deposits and payments here are these tests' own. Where time would have to pass, or a table to be damaged, the emulator's root
credentials do it: in AWS nobody has them.
"""

import contextlib
import json
import secrets
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from countroom.cashier import items
from countroom.cashier.deposits import Deposit
from countroom.cashier.inbox import MalformedMessage, from_message
from countroom.cashier.settlement_file import HEADER
from sandbox import aws
from sandbox.gateway import standard
from sandbox.stack import Stack
from tests.e2e import world
from tests.e2e.conftest import Sandbox
from tools import redrive

DEAD_SECONDS = 120.0
LOOK_SECONDS = 1
DAY_MS = 24 * 60 * 60 * 1000
KEPT_DAYS = 30


@pytest.fixture
def player(stack: Stack) -> world.Seat:
    """A new player with an empty wallet."""
    return world.seat(stack, "0")


@pytest.fixture(autouse=True)
def _short_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tool hides for a minute what it has looked at; here for a moment."""
    monkeypatch.setattr(redrive, "LOOK_SECONDS", LOOK_SECONDS)


@contextlib.contextmanager
def impatient(stack: Stack) -> Iterator[None]:
    """Let the payment queue show a message that failed again after a second: no test waits a quarter of an hour."""
    sqs, queue = aws.client("sqs", stack.endpoint), stack.resources["PaymentQueueUrl"]
    name = "VisibilityTimeout"
    before = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=[name])["Attributes"][name]
    sqs.set_queue_attributes(QueueUrl=queue, Attributes={name: "1"})
    try:
        yield
    finally:
        sqs.set_queue_attributes(QueueUrl=queue, Attributes={name: before})


def tries_of(stack: Stack) -> int:
    """How often the queue delivers a message before it sets it aside."""
    sqs, queue = aws.client("sqs", stack.endpoint), stack.resources["PaymentQueueUrl"]
    policy = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["RedrivePolicy"])["Attributes"]["RedrivePolicy"]
    return int(json.loads(policy)["maxReceiveCount"])


def dead_letter(stack: Stack, event_id: str, seconds: float = DEAD_SECONDS) -> dict[str, Any] | None:
    """Wait until an event is among the dead letters; None when it does not get there in time."""
    sqs, queue = aws.client("sqs", stack.endpoint), stack.resources["PaymentDeadLetterQueueUrl"]
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = sqs.receive_message(
            QueueUrl=queue, MaxNumberOfMessages=10, VisibilityTimeout=LOOK_SECONDS, AttributeNames=["ApproximateReceiveCount"]
        )
        for letter in found.get("Messages", []):
            with contextlib.suppress(MalformedMessage):
                if from_message(letter["Body"]).event_id == event_id:
                    return dict(letter)
        time.sleep(0.2)
    return None


def bury(stack: Stack, letter: dict[str, Any]) -> None:
    """Take a dead letter away, as if it had lain there for too long."""
    sqs = aws.client("sqs", stack.endpoint)
    sqs.delete_message(QueueUrl=stack.resources["PaymentDeadLetterQueueUrl"], ReceiptHandle=letter["ReceiptHandle"])


@contextlib.contextmanager
def taken_away(stack: Stack, deposit_id: str) -> Iterator[None]:
    """Let the cashier's table lack a deposit for a while, as one does that is being restored."""
    dynamodb, table = aws.client("dynamodb", stack.endpoint), stack.resources["CashierTableName"]
    key = items.deposit_key(deposit_id)
    item = dynamodb.get_item(TableName=table, Key=key, ConsistentRead=True)["Item"]
    dynamodb.delete_item(TableName=table, Key=key)
    try:
        yield
    finally:
        dynamodb.put_item(TableName=table, Item=item)


def opened(player: world.Seat, amount: str) -> str:
    deposit_id: str = player.api.open_deposit(amount, "EUR")["deposit_id"]
    return deposit_id


def payment_of(deposit_id: str) -> str:
    return f"pay_{deposit_id.removeprefix('dep_')}"


def told(deposit_id: str, amount: str, kind: str = "payment.succeeded") -> bytes:
    return standard.payment_event(kind, deposit_id, payment_of(deposit_id), amount, "EUR", time.time())


def played_in(sandbox: Sandbox, event_id: str, *, do: bool) -> int:
    return redrive.main(["--event", f"standard/{event_id}", "--stack", str(sandbox.stack_path), *(["--do"] if do else [])])


def redriven(sandbox: Sandbox, *, do: bool) -> int:
    time.sleep(LOOK_SECONDS)  # what was looked at is hidden for so long
    return redrive.main(["--stack", str(sandbox.stack_path), "--most", "1000", *(["--do"] if do else [])])


# -------------------------------------------------------------------------------------------------- kept as it came


def test_a_webhook_is_kept_as_it_came_and_with_an_end(stack: Stack, player: world.Seat) -> None:
    event_id, deposit_id = f"msg_{secrets.token_hex(8)}", opened(player, "10.00")
    body = told(deposit_id, "10.00") + b"  \n"  # the bytes and not what they mean
    assert player.deliver(body, message_id=event_id).status == 202
    world.await_credit(player, deposit_id)
    dynamodb, table = aws.client("dynamodb", stack.endpoint), stack.resources["RawEventsTableName"]
    found = dynamodb.query(
        TableName=table, KeyConditionExpression="pk = :pk", ExpressionAttributeValues={":pk": {"S": f"standard#{event_id}"}}
    )["Items"]
    assert [item["body"]["B"] for item in found] == [body]
    left = int(found[0]["expires_at"]["N"]) - time.time()
    assert (KEPT_DAYS - 1) * DAY_MS / 1000 < left <= KEPT_DAYS * DAY_MS / 1000


def test_a_webhook_that_was_applied_is_played_in_again_and_changes_nothing(sandbox: Sandbox, player: world.Seat) -> None:
    event_id, deposit_id = f"msg_{secrets.token_hex(8)}", opened(player, "10.00")
    assert player.deliver(told(deposit_id, "10.00"), message_id=event_id).status == 202
    world.await_credit(player, deposit_id)
    before, shown = player.state(), player.api.deposit(deposit_id)
    assert played_in(sandbox, event_id, do=True) == redrive.DONE
    player.deposit("5.00")  # the queue has been worked off since
    assert player.state() == ("15.00", before[1] + world.OF_A_DEPOSIT)
    assert player.api.deposit(deposit_id) == shown


def test_a_webhook_whose_message_is_gone_is_played_in_from_what_was_kept(
    sandbox: Sandbox, player: world.Seat, capsys: pytest.CaptureFixture[str]
) -> None:
    event_id, deposit_id = f"msg_{secrets.token_hex(8)}", opened(player, "10.00")
    with impatient(sandbox.stack), taken_away(sandbox.stack, deposit_id):
        assert player.deliver(told(deposit_id, "10.00"), message_id=event_id).status == 202
        letter = dead_letter(sandbox.stack, event_id)
        assert letter is not None
        bury(sandbox.stack, letter)
    assert played_in(sandbox, event_id, do=False) == redrive.DONE
    assert "Nothing was changed" in capsys.readouterr().out
    assert player.api.deposit(deposit_id)["status"] == "created"
    assert played_in(sandbox, event_id, do=True) == redrive.DONE
    world.await_credit(player, deposit_id)
    assert player.api.wallet().available == "10.00"
    world.clean_audit(player)


def test_what_was_not_kept_cannot_be_played_in(sandbox: Sandbox, capsys: pytest.CaptureFixture[str]) -> None:
    assert played_in(sandbox, f"msg_{secrets.token_hex(8)}", do=True) == redrive.NOT_TRIED
    assert "is kept" in capsys.readouterr().err


# ------------------------------------------------------------------------------------------- set aside, brought back


def test_what_cannot_be_applied_is_set_aside_after_bounded_tries_while_others_go_on_and_is_cured_and_brought_back(
    sandbox: Sandbox, player: world.Seat, capsys: pytest.CaptureFixture[str]
) -> None:
    stack, event_id, deposit_id = sandbox.stack, f"msg_{secrets.token_hex(8)}", opened(player, "10.00")
    with impatient(stack), taken_away(stack, deposit_id):
        assert player.deliver(told(deposit_id, "10.00"), message_id=event_id).status == 202
        player.deposit("5.00")  # which goes all the way while the other fails
        letter = dead_letter(stack, event_id)
        assert letter is not None
        # The queue counts the delivery to the dead letters' reader, too.
        assert int(letter["Attributes"]["ApproximateReceiveCount"]) >= tries_of(stack)
        player.deposit("6.00")
        assert redriven(sandbox, do=False) == redrive.DONE
        said = capsys.readouterr().out
        assert f"standard {event_id}  came " in said
        assert deposit_id not in said
        assert "Nothing was changed" in said
    assert player.api.wallet().available == "11.00"
    assert player.api.deposit(deposit_id)["status"] == "created"
    assert redriven(sandbox, do=True) == redrive.DONE
    assert event_id in capsys.readouterr().out
    world.await_credit(player, deposit_id)
    assert player.api.wallet().available == "21.00"
    assert dead_letter(stack, event_id, seconds=3) is None
    world.clean_audit(player)


def test_what_nobody_can_cure_comes_back_to_the_dead_letters_and_no_money_moves(sandbox: Sandbox, player: world.Seat) -> None:
    stack, event_id = sandbox.stack, f"msg_{secrets.token_hex(8)}"
    unknown = "dep_" + "".join(secrets.choice("abcdefghijklmnopqrstuvwxyz234567") for _ in range(20))
    with impatient(stack):
        assert player.deliver(told(unknown, "10.00"), message_id=event_id).status == 202
        assert dead_letter(stack, event_id) is not None
        assert redriven(sandbox, do=True) == redrive.DONE
        letter = dead_letter(stack, event_id)
        assert letter is not None
    bury(stack, letter)
    assert player.state()[0] == "0.00"


# ------------------------------------------------------------------------------------------------ the daily comparison


@pytest.fixture
def day(stack: Stack) -> date:
    """A day in the past that has no file yet; those of today are nobody's here."""
    found = aws.client("s3", stack.endpoint).list_objects_v2(
        Bucket=stack.resources["SettlementBucketName"], Prefix="settlements/standard/"
    )
    taken = {one["Key"].rpartition("/")[2].removesuffix(".csv") for one in found.get("Contents", [])}
    days = [datetime.now(UTC).date() - timedelta(days=back) for back in range(10, 100)]
    return secrets.choice([one for one in days if str(one) not in taken])


def moved_to(stack: Stack, deposit_id: str, at_ms: int) -> Deposit:
    """Let a deposit have been opened and credited at another time: no test waits until tomorrow."""
    dynamodb, table = aws.client("dynamodb", stack.endpoint), stack.resources["CashierTableName"]
    found = dynamodb.get_item(TableName=table, Key=items.deposit_key(deposit_id), ConsistentRead=True)["Item"]
    deposit = items.deposit_of(found)
    changes = tuple(replace(change, at_ms=at_ms + number) for number, change in enumerate(deposit.changes))
    old = replace(deposit, changes=changes)
    dynamodb.put_item(TableName=table, Item={**found, **items.deposit_item(old), "changes": {"L": _changes(old)}})
    return old


def _changes(deposit: Deposit) -> list[Any]:
    return [items.change_item(change) for change in deposit.changes]


def line(deposit_id: str, amount: str, at_ms: int, *, payment_id: str = "") -> str:
    at = datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return f"{payment_id or payment_of(deposit_id)},{deposit_id},payment,{amount},EUR,{at}"


def compared(stack: Stack, day: date) -> dict[str, Any]:
    """Run the scheduled function for one file, as operators do."""
    answer = aws.client("lambda", stack.endpoint).invoke(
        FunctionName=stack.resources["SettlementFunctionName"],
        Payload=json.dumps({"gateway": "standard", "day": str(day)}).encode(),
    )
    said: dict[str, Any] = json.loads(answer["Payload"].read())
    assert "FunctionError" not in answer, said
    assert said["complete"] is True
    (report,) = said["reports"]
    return dict(report)


def put_file(stack: Stack, day: date, *lines: str) -> None:
    key = f"settlements/standard/{day}.csv"
    body = "\n".join((HEADER, *lines, "")).encode()
    aws.client("s3", stack.endpoint).put_object(Bucket=stack.resources["SettlementBucketName"], Key=key, Body=body)


def report_of(stack: Stack, key: str) -> dict[str, Any]:
    found = aws.client("s3", stack.endpoint).get_object(Bucket=stack.resources["SettlementBucketName"], Key=key)
    report: dict[str, Any] = json.loads(found["Body"].read())
    return report


def credited(player: world.Seat, amount: str, at_ms: int) -> str:
    """A deposit that was credited at that time."""
    deposit_id = opened(player, amount)
    assert player.deliver(told(deposit_id, amount)).status == 202
    world.await_credit(player, deposit_id)
    moved_to(player.stack, deposit_id, at_ms)
    return deposit_id


def test_a_settlement_file_is_compared_and_the_report_says_what_is_missing_differs_or_was_late(
    stack: Stack, player: world.Seat, day: date
) -> None:
    noon = int(datetime(day.year, day.month, day.day, 12, tzinfo=UTC).timestamp() * 1000)
    hour = 60 * 60 * 1000
    right, other, late, unlisted = (credited(player, f"{amount}.00", noon) for amount in (10, 11, 12, 13))
    strange = f"pay_{secrets.token_hex(8)}"
    put_file(
        stack,
        day,
        line(right, "10.00", noon),
        line(other, "11.50", noon),
        line(late, "12.00", noon - 3 * hour),
        line("", "14.00", noon, payment_id=strange),
        line(right, "10.00", noon),
        "not a line",
    )
    said = compared(stack, day)
    counts = {"missing_here": 1, "missing_there": 1, "amount_differs": 1, "listed_twice": 1, "late": 1, "unreadable": 1}
    assert {name: said[name] for name in counts} == counts
    assert (said["gateway"], said["day"], said["lines"], said["matched"]) == ("standard", str(day), 6, 3)
    report = report_of(stack, said["report"])
    assert report["counts"] == counts
    assert report["agrees"] is False
    found = {finding["difference"]: finding for finding in report["findings"]}
    assert found["missing_here"]["gateway"]["payment_id"] == strange
    assert found["missing_there"]["house"]["deposit_id"] == unlisted
    assert (found["amount_differs"]["gateway"]["amount"], found["amount_differs"]["house"]["amount"]) == ("11.50", "11.00")
    assert found["amount_differs"]["house"]["deposit_id"] == other
    assert found["late"]["house"]["deposit_id"] == late
    assert found["listed_twice"]["gateway"]["line"] == 6
    assert found["unreadable"]["line"] == 7
    # Files decide nothing: no deposit and no balance has changed.
    assert player.api.wallet().available == "46.00"
    # The gateway sends a better file: the next report is about that one.
    named = ((right, "10"), (other, "11"), (late, "12"), (unlisted, "13"))
    put_file(stack, day, *(line(deposit_id, f"{amount}.00", noon) for deposit_id, amount in named))
    said = compared(stack, day)
    assert report_of(stack, said["report"])["agrees"] is True
    assert (said["lines"], said["matched"], *(said[name] for name in counts)) == (4, 4, 0, 0, 0, 0, 0, 0)


def test_a_file_that_is_none_is_told_and_an_event_that_is_none_is_refused(stack: Stack, day: date) -> None:
    bucket, key = stack.resources["SettlementBucketName"], f"settlements/standard/{day}.csv"
    aws.client("s3", stack.endpoint).put_object(Bucket=bucket, Key=key, Body=b"<html>504</html>")
    said = compared(stack, day)
    assert (said["unreadable"], said["lines"], said["matched"]) == (1, 0, 0)
    assert report_of(stack, said["report"])["findings"][0]["reason"]
    for payload in ({"gateway": "nobody", "day": str(day)}, {"gateway": "standard"}, {"gateway": "standard", "day": "soon"}):
        answer = aws.client("lambda", stack.endpoint).invoke(
            FunctionName=stack.resources["SettlementFunctionName"], Payload=json.dumps(payload).encode()
        )
        assert answer.get("FunctionError"), payload
