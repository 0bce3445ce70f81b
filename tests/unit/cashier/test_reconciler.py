"""Files in a bucket, deposits in a table, and reports between them; through the function's own entrance where it can be."""

import io
import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from countroom.cashier import uses
from countroom.cashier.deposits import Actor, Booking, Change, Deposit, DepositStatus, Fact, Payment, open_deposit
from countroom.cashier.idempotency import Answer, Claim
from countroom.cashier.reconciler import OutOfTime, Reconciler
from countroom.cashier.settlement_file import HEADER
from countroom.cashier.settlement_shelf import FILE_BYTES_MAX, Carried, FileTooLarge, Shelf, ShelfUnavailable, day_start_ms
from countroom.cashier.store import GATEWAY_INDEX, INDEX, CashierStore
from countroom.ledger.book import Posted
from countroom.ledger.movements import LimitKind, Period, Reference
from countroom.ledger.safeguards import SetLimit
from countroom.times import to_iso
from handlers import settlement_check
from runtime import aws as runtime_aws
from runtime import telemetry
from tests.unit.cashier.support import PLAYER, nanos, open_wallet
from tests.unit.clock import FixedClock
from tests.unit.conftest import LEDGER_TABLE

TABLE, BUCKET = "settled", "settlements-bucket"
DAY = date(2026, 1, 10)
NOON = day_start_ms(DAY) + 12 * 3600 * 1000
HOUR = 3600 * 1000


class Context:
    function_name = "settlement"
    memory_limit_in_mb = 128
    invoked_function_arn = "arn:aws:lambda:eu-west-1:000000000000:function:settlement"
    aws_request_id = "lambda-1"
    left_ms = 600_000

    def get_remaining_time_in_millis(self) -> int:
        return self.left_ms


def deposit_id(number: int) -> str:
    return "dep_" + "a" * 17 + "".join("abcdefghijklmnopqrstuvwxyz"[int(digit)] for digit in f"{number:03}")


class House:
    """The two sides, and the check between them; `clock` is noon two days after DAY."""

    def __init__(self, dynamodb: Any, s3: Any) -> None:
        self.clock = FixedClock()
        self.clock.now_ms = NOON + 2 * 24 * HOUR
        self.s3 = s3
        self.store = CashierStore(dynamodb, TABLE)
        self.shelf = Shelf(s3, BUCKET)
        self.out_of_time = False
        self.reconciler = Reconciler(self.store, self.shelf, self.clock, lambda: self.out_of_time)

    def deposit(
        self,
        number: int,
        *,
        at: int = NOON,
        booking: Booking | None = Booking.PAYMENT,
        status: DepositStatus = DepositStatus.CREDITED,
        amount: str = "10.00",
        gateway: str = "standard",
    ) -> None:
        """Keep a deposit that was opened and, with a booking, moved money at `at`."""
        made = deposit_id(number)
        record = f"{made}:{booking}" if booking else ""
        facts = (Fact(booking, Payment(f"pay_{number}", nanos(amount), "EUR"), "", record, nanos(amount)),) if booking else ()
        changes = (
            Change(at - 1000, DepositStatus.CREATED, "player.request", Actor.PLAYER),
            Change(at, status, "gateway.payment_succeeded", Actor.GATEWAY, record),
        )
        kept = Deposit(made, PLAYER, gateway, "EUR", nanos(amount), status, changes, facts)
        self.store.create(kept, Claim(PLAYER, made, b"print"), Answer(201, made))

    def file(self, *numbers: int, day: date = DAY, amount: str = "10.00", gateway: str = "standard", named: bool = True) -> None:
        at = to_iso(day_start_ms(day) + 12 * HOUR)
        lines = [f"pay_{number},{deposit_id(number) if named else ''},payment,{amount},EUR,{at}" for number in numbers]
        self.put(f"settlements/{gateway}/{day}.csv", "\n".join([HEADER, *lines]).encode())

    def put(self, key: str, body: bytes) -> None:
        self.s3.put_object(Bucket=BUCKET, Key=key, Body=body)

    def report(self, day: date = DAY, gateway: str = "standard") -> Any:
        return json.loads(self.s3.get_object(Bucket=BUCKET, Key=f"reports/{gateway}/{day}.json")["Body"].read())


@pytest.fixture
def house(aws: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:  # noqa: ARG001 - the emulated account
    dynamodb, s3 = runtime_aws.client("dynamodb"), runtime_aws.client("s3")
    names = ("pk", "sk", "player_id", "gateway", "created_at")

    def keys(first: str, second: str) -> list[dict[str, str]]:
        return [{"AttributeName": first, "KeyType": "HASH"}, {"AttributeName": second, "KeyType": "RANGE"}]

    dynamodb.create_table(
        TableName=TABLE,
        BillingMode="PAY_PER_REQUEST",
        KeySchema=keys("pk", "sk"),
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in names],
        GlobalSecondaryIndexes=[
            {"IndexName": name, "KeySchema": keys(first, "created_at"), "Projection": {"ProjectionType": "ALL"}}
            for name, first in ((INDEX, "player_id"), (GATEWAY_INDEX, "gateway"))
        ],
    )
    s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    made = House(dynamodb, s3)
    monkeypatch.setenv("CASHIER_TABLE", TABLE)
    monkeypatch.setenv("LEDGER_TABLE", LEDGER_TABLE)
    monkeypatch.setenv("SETTLEMENT_BUCKET", BUCKET)
    monkeypatch.setattr(settlement_check, "system_clock", made.clock)
    for parts in (settlement_check._parts, settlement_check._book):
        parts.cache_clear()
    yield made
    for parts in (settlement_check._parts, settlement_check._book):
        parts.cache_clear()


@pytest.fixture
def counts(monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    found: dict[str, int] = {}

    def count(name: str, value: int = 1, dimensions: dict[str, str] | None = None) -> None:
        name = ":".join((name, *(dimensions or {}).values()))
        found[name] = found.get(name, 0) + value

    monkeypatch.setattr(telemetry, "count", count)
    return found


def check(event: dict[str, Any] | None = None, context: Context | None = None) -> Any:
    return settlement_check.handler(event or {}, context or Context())


def test_a_file_that_agrees_has_a_report_that_says_so(house: House, counts: dict[str, int]) -> None:
    house.deposit(1)
    house.deposit(2)
    house.file(1, 2)
    answer = check()
    assert answer["complete"] is True
    assert [(one["gateway"], one["day"], one["matched"]) for one in answer["reports"]] == [("standard", "2026-01-10", 2)]
    report = house.report()
    assert (report["agrees"], report["lines"], report["findings"], report["carried"]) == (True, 2, [], [])
    assert not any(counts.values())
    assert set(settlement_check.COUNTS.values()) <= counts.keys(), "a zero is counted, too"


def test_every_kind_of_difference_is_counted_and_shown(house: House, counts: dict[str, int]) -> None:
    house.deposit(1)
    house.deposit(2, amount="20.00")
    house.deposit(4, at=NOON + 3 * HOUR)
    at = to_iso(NOON)
    lines = [
        f"pay_2,{deposit_id(2)},payment,19.00,EUR,{at}",
        f"pay_3,{deposit_id(3)},payment,10.00,EUR,{at}",
        f"pay_4,{deposit_id(4)},payment,10.00,EUR,{at}",
        f"pay_4,{deposit_id(4)},payment,10.00,EUR,{at}",
        "nonsense",
    ]
    house.put(f"settlements/standard/{DAY}.csv", "\n".join([HEADER, *lines]).encode())
    check()
    assert {name: value for name, value in counts.items() if value} == {
        "SettlementMissingHere": 2,
        "SettlementMissingThere": 1,
        "SettlementAmountDiffers": 1,
        "SettlementLate": 1,
        "SettlementUnreadable": 1,
    }
    report = house.report()
    assert [one["difference"] for one in report["findings"]] == [
        "amount_differs",
        "missing_here",
        "late",
        "listed_twice",
        "unreadable",
        "missing_there",
    ]
    assert (report["findings"][0]["gateway"]["amount"], report["findings"][0]["house"]["amount"]) == ("19.00", "20.00")
    assert report["findings"][4] == {"difference": "unreadable", "line": 6, "reason": "must have 6 fields"}
    assert report["findings"][5]["house"]["deposit_id"] == deposit_id(1)


def test_a_deposit_of_another_gateway_is_not_that_gateways(house: House, counts: dict[str, int]) -> None:
    house.deposit(1, gateway="stripe")
    house.file(1)
    check()
    assert counts["SettlementMissingHere"] == 1


def test_a_file_is_compared_once_and_again_when_it_is_replaced(house: House) -> None:
    house.file(1)
    assert len(check()["reports"]) == 1
    assert check()["reports"] == []
    key = {"Bucket": BUCKET, "Key": f"reports/standard/{DAY}.json"}
    older = house.s3.get_object(**key)["LastModified"]
    assert house.shelf.reports("standard", DAY) == {DAY: older}

    class Replaced(Shelf):
        def files(self, gateway: str, since: date) -> dict[date, datetime]:
            return {day: at + timedelta(seconds=5) for day, at in super().files(gateway, since).items()}

    replaced = Reconciler(house.store, Replaced(house.s3, BUCKET), house.clock, lambda: False)
    assert replaced.due("standard") == [DAY]


def test_days_after_one_that_is_due_are_due_again(house: House) -> None:
    house.file(1, day=DAY)
    house.file(2, day=DAY - timedelta(days=1))
    house.s3.put_object(Bucket=BUCKET, Key=f"reports/standard/{DAY}.json", Body=b'{"carried": []}')
    assert house.reconciler.due("standard") == [DAY - timedelta(days=1), DAY]


def test_a_file_waits_until_its_day_has_been_over_for_a_while(house: House) -> None:
    house.file(1)
    house.clock.now_ms = day_start_ms(DAY) + 26 * HOUR - 1
    assert house.reconciler.due("standard") == []
    house.clock.now_ms = day_start_ms(DAY) + 26 * HOUR
    assert house.reconciler.due("standard") == [DAY]


def test_names_that_are_no_days_and_old_files_are_let_be(house: House) -> None:
    for name in ("2026-01-10.csv.bak", "2026-1-10.csv", "20260110.csv", "latest.csv", "2026-01-10.CSV", "2025-12-01.csv"):
        house.put(f"settlements/standard/{name}", b"")
    house.file(1, gateway="stripe")
    assert house.reconciler.due("standard") == []
    assert house.reconciler.due("stripe") == [DAY]


def test_what_was_booked_at_the_edge_of_the_day_is_found_in_the_next_file(house: House, counts: dict[str, int]) -> None:
    midnight = day_start_ms(DAY) + 24 * HOUR
    house.deposit(1, at=midnight - 1000)
    house.deposit(2, at=midnight - 1000)
    house.file(day=DAY)
    house.file(1, day=DAY + timedelta(days=1))
    house.clock.now_ms = NOON + 3 * 24 * HOUR
    assert [one["day"] for one in check()["reports"]] == ["2026-01-10", "2026-01-11"]
    assert [one["deposit_id"] for one in house.report()["carried"]] == [deposit_id(1), deposit_id(2)]
    assert counts["SettlementMissingThere"] == 1
    assert house.report(DAY + timedelta(days=1))["findings"][0]["house"]["deposit_id"] == deposit_id(2)


def test_a_file_that_is_none_is_reported_and_not_tried_again(house: House, counts: dict[str, int]) -> None:
    house.put(f"settlements/standard/{DAY}.csv", b"hello")
    check()
    assert counts["SettlementUnreadable"] == 1
    assert house.report()["findings"][0]["reason"] == "the first line is not that of a settlement file"
    assert check()["reports"] == []


def test_one_file_can_be_asked_for_by_hand(house: House) -> None:
    house.file(1)
    check()
    answer = check({"gateway": "standard", "day": str(DAY)})
    assert [one["day"] for one in answer["reports"]] == ["2026-01-10"]


@pytest.mark.parametrize(
    "event",
    [
        {"gateway": "standard"},
        {"gateway": "paypal", "day": "2026-01-10"},
        {"gateway": ["standard"], "day": "2026-01-10"},
        {"gateway": "standard", "day": "yesterday"},
        {"gateway": "standard", "day": 20260110},
        {"gateway": "standard", "day": "2026-01-10", "key": "x"},
    ],
)
def test_an_order_that_is_none_is_refused(house: House, event: dict[str, Any]) -> None:  # noqa: ARG001 - an account that it must not use
    with pytest.raises(settlement_check.CheckFailed):
        check(event)


def test_a_file_that_is_not_there_fails_the_order_without_its_words(
    house: House,  # noqa: ARG001 - the empty bucket
    counts: dict[str, int],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stream = io.StringIO()
    monkeypatch.setattr(telemetry.logger.registered_handler, "stream", stream)
    with pytest.raises(settlement_check.CheckFailed, match="its log says why"):
        check({"gateway": "standard", "day": "2026-01-10"})
    assert counts["SettlementIncomplete"] == 1
    assert "NoSuchKey" in stream.getvalue()


def test_a_missing_file_is_missed_only_where_something_was_credited(house: House, counts: dict[str, int]) -> None:
    check()
    assert counts["SettlementFileMissing"] == 0
    house.deposit(1)
    check()
    assert counts["SettlementFileMissing"] == 1
    house.file(1)
    assert not house.reconciler.file_missing("standard")


def test_deposits_that_are_pending_for_more_than_a_day_are_counted_by_gateway(house: House, counts: dict[str, int]) -> None:
    now = house.clock()
    for number, hours in enumerate((23, 25, 24 * 6, 24 * 8)):
        house.deposit(number, at=now - hours * HOUR, booking=None, status=DepositStatus.PENDING)
    house.deposit(5, at=now - 30 * HOUR, booking=None, status=DepositStatus.PENDING, gateway="stripe")
    house.deposit(9, at=now - 30 * HOUR, booking=None, status=DepositStatus.FAILED)
    check()
    found = {name: value for name, value in counts.items() if name.startswith("DepositsPendingTooLong")}
    assert found == {f"DepositsPendingTooLong:{name}": 0 for name in settlement_check.GATEWAYS} | {
        "DepositsPendingTooLong:standard": 2,
        "DepositsPendingTooLong:stripe": 1,
    }
    assert {house.store.get(deposit_id(number)).status for number in (1, 2, 5)} == {DepositStatus.PENDING}  # type: ignore[union-attr]


def test_what_nobody_completed_for_a_day_is_closed_and_nobody_is_called(house: House, counts: dict[str, int]) -> None:
    now = house.clock()
    for number, (hours, status) in enumerate(
        ((23, DepositStatus.CREATED), (25, DepositStatus.CREATED), (24 * 6, DepositStatus.REQUIRES_ACTION))
    ):
        house.deposit(number, at=now - hours * HOUR, booking=None, status=status)
    check()
    assert counts["DepositsExpired:standard"] == 2
    assert counts["DepositsPendingTooLong:standard"] == 0
    kept = [house.store.get(deposit_id(number)) for number in range(3)]
    assert [one and one.status for one in kept] == [DepositStatus.CREATED, DepositStatus.EXPIRED, DepositStatus.EXPIRED]
    check()
    assert counts["DepositsExpired:standard"] == 2
    assert [house.store.get(deposit_id(number)) for number in range(3)] == kept


def test_what_is_closed_gives_back_what_it_took_of_the_players_limit(house: House, counts: dict[str, int], dynamodb: Any) -> None:
    book = open_wallet(dynamodb, house.clock)
    limit = SetLimit(Reference("house:limit", "l-1"), PLAYER, "EUR", nanos("25.00"), LimitKind.DEPOSIT, Period.MONTH)
    assert isinstance(book.post(limit), Posted)
    now = house.clock()
    for number, hours in enumerate((23, 25)):
        name = deposit_id(number)
        made = open_deposit(name, PLAYER, "standard", "EUR", nanos("10.00"), now - hours * HOUR, counted=True)
        parts = house.store.opening(made, Claim(PLAYER, name, b"print"), Answer(201, ""))
        assert isinstance(book.post(uses.opening(made), companions=parts), Posted)

    def used() -> int:
        wallet = book.wallet(PLAYER)
        assert wallet is not None
        return wallet.limits[0].used

    assert used() == nanos("20.00")
    for _ in range(2):
        check()
        assert used() == nanos("10.00")
    assert counts["DepositsExpired:standard"] == 1


def test_out_of_time_it_says_that_it_is_incomplete_and_keeps_nothing_half_done(house: House, counts: dict[str, int]) -> None:
    house.deposit(1)
    house.file(1)
    context = Context()
    context.left_ms = 29_999
    assert check(context=context) == {"complete": False, "reports": []}
    assert counts["SettlementIncomplete"] == 1
    assert house.shelf.reports("standard", DAY) == {}
    house.out_of_time = True
    with pytest.raises(OutOfTime):
        house.reconciler.compare("standard", DAY)


@pytest.mark.parametrize("trouble", ["slow", "broken"])
def test_what_one_gateways_files_need_or_break_is_not_taken_from_the_others(
    house: House, counts: dict[str, int], monkeypatch: pytest.MonkeyPatch, trouble: str
) -> None:
    house.deposit(1)
    house.file(1)
    context, compare = Context(), Reconciler._compare
    monkeypatch.setattr(Reconciler, "due", lambda _self, gateway: [DAY] if gateway in {"adyen", "standard"} else [])

    def troubled(self: Reconciler, gateway: str, day: date) -> Any:
        while gateway == "adyen":
            if trouble == "broken":
                raise ShelfUnavailable("a report could not be read")
            context.left_ms -= 1_000
            self.check_time()
        return compare(self, gateway, day)

    monkeypatch.setattr(Reconciler, "_compare", troubled)
    if trouble == "broken":
        with pytest.raises(settlement_check.CheckFailed):
            check(context=context)
    else:
        answer = check(context=context)
        assert not answer["complete"]
        assert [report["gateway"] for report in answer["reports"]] == ["standard"]
    assert counts["SettlementIncomplete"] == 1
    assert house.shelf.reports("standard", DAY).keys() == {DAY}


def test_a_gateway_that_needs_more_than_its_share_has_what_the_others_leave(
    house: House, counts: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    house.deposit(1)
    house.file(1)
    context, compare = Context(), Reconciler._compare

    def slow(self: Reconciler, _gateway: str, day: date) -> Any:
        for _ in range(200):  # of 570 seconds, in four shares
            context.left_ms -= 1_000
            self.check_time()
        return compare(self, "standard", day)

    monkeypatch.setattr(Reconciler, "due", lambda _self, gateway: [DAY] if gateway == "adyen" else [])
    monkeypatch.setattr(Reconciler, "_compare", slow)
    answer = check(context=context)
    assert answer["complete"]
    assert [report["gateway"] for report in answer["reports"]] == ["adyen"]
    assert counts["SettlementIncomplete"] == 0


def test_a_payment_that_names_no_deposit_is_found_by_its_payment(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    house.deposit(1, at=NOON - 24 * HOUR)
    house.file(1, named=False)
    monkeypatch.setattr(
        house.store, "paid_by", lambda gateway, payment: {("standard", "pay_1"): deposit_id(1)}.get((gateway, payment))
    )
    assert house.reconciler.compare("standard", DAY).report.counts["missing_here"] == 0  # type: ignore[index] # a StrEnum is its text


class Broken:
    """An S3 client of which one call goes wrong, or answers oddly."""

    def __init__(self, answer: Any) -> None:
        self._answer = answer

    def __getattr__(self, _name: str) -> Any:
        def call(**_request: Any) -> Any:
            if isinstance(self._answer, Exception):
                raise self._answer
            return self._answer

        return call


DENIED = ClientError({"Error": {"Code": "AccessDenied", "Message": ""}}, "GetObject")
UNREACHABLE = EndpointConnectionError(endpoint_url="http://127.0.0.1:9")


@pytest.mark.parametrize("error", [DENIED, UNREACHABLE])
def test_a_bucket_that_does_not_answer_is_no_empty_bucket(error: Exception) -> None:
    shelf = Shelf(Broken(error), BUCKET)
    for ask in (
        lambda: shelf.files("standard", DAY),
        lambda: list(shelf.open_file("standard", DAY)),
        lambda: shelf.carried("standard", DAY),
        lambda: shelf.put_report("standard", DAY, "{}"),
    ):
        with pytest.raises(ShelfUnavailable):
            ask()


def test_an_answer_cut_short_is_no_empty_bucket() -> None:
    with pytest.raises(ShelfUnavailable):
        Shelf(Broken({}), BUCKET).files("standard", DAY)


def test_a_file_that_is_too_large_is_not_begun() -> None:
    with pytest.raises(FileTooLarge):
        next(Shelf(Broken({"ContentLength": FILE_BYTES_MAX + 1, "Body": None}), BUCKET).open_file("standard", DAY))


@pytest.mark.parametrize("text", [b"", b"[]", b"{}", b'{"carried": [{}]}', b'{"carried": 1}'])
def test_a_report_that_cannot_be_read_is_not_taken_for_one_that_carries_nothing(text: bytes) -> None:
    with pytest.raises(ShelfUnavailable):
        Shelf(Broken({"Body": io.BytesIO(text)}), BUCKET).carried("standard", DAY)


def test_a_day_without_a_report_carries_nothing(house: House) -> None:
    assert house.shelf.carried("standard", DAY) == []
    house.shelf.put_report("standard", DAY, json.dumps({"carried": [{"deposit_id": "dep_1", "record": "r"}]}))
    assert house.shelf.carried("standard", DAY) == [Carried("dep_1", "r")]


def test_days_begin_in_utc() -> None:
    assert datetime.fromtimestamp(day_start_ms(DAY) / 1000, tz=UTC).isoformat() == "2026-01-10T00:00:00+00:00"
