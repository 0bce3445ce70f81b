"""The second factor: codes of an app that work once, recovery codes that work once each, and few guesses."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import parse_qs, unquote, urlsplit

import pyotp
import pytest
from botocore.exceptions import ReadTimeoutError

from countroom.identity import factor
from countroom.identity.factor import Checked, Factors, Kind
from countroom.identity.factor_store import FactorStore
from countroom.identity.refusals import InvalidCode, Unavailable
from countroom.identity.table import Table
from countroom.identity.throttle import Throttle, TooManyGuesses
from countroom.identity.throttle_store import ThrottleStore
from countroom.identity.vault import NotOurs, Vault
from tests.unit.clock import FixedClock
from tests.unit.identity.memory import TABLE, MemoryKms, MemoryTable

ANN, BOB = "pl_ann", "pl_bob"
DOOR = "se_ann"
EMAIL = "ann+casino@example.com"
LOST = ReadTimeoutError(endpoint_url="http://127.0.0.1/")


@dataclass
class World:
    clock: FixedClock
    table: MemoryTable
    kms: MemoryKms
    factors: Factors
    secret: str = ""

    def code(self, steps: int = 0) -> str:
        """What the app shows now, or some steps later."""
        return pyotp.TOTP(self.secret).at(self.clock() // 1000 + 30 * steps)

    def enrolled(self, player_id: str = ANN) -> tuple[str, ...]:
        """Enrol and confirm, and let the step of that code pass."""
        self.secret = self.factors.enrol(player_id, EMAIL).secret
        shown = self.factors.confirm(player_id, self.code(), DOOR)
        self.clock.advance(seconds=30)
        return shown


@pytest.fixture
def world(clock: FixedClock) -> World:
    table, kms = MemoryTable(), MemoryKms()
    throttle = Throttle(ThrottleStore(Table(table, TABLE)), clock)
    return World(clock, table, kms, Factors(FactorStore(Table(table, TABLE)), Vault(kms, "key"), throttle, clock))


def refused(world: World, code: str, player_id: str = ANN) -> None:
    with pytest.raises(InvalidCode):
        world.factors.check(player_id, code, DOOR)


# RFC 6238, appendix B: the eight digits for SHA-1, of which six digits are the last six.
@pytest.mark.parametrize(
    ("seconds", "digits"),
    [
        (59, "94287082"),
        (1111111109, "07081804"),
        (1111111111, "14050471"),
        (1234567890, "89005924"),
        (2000000000, "69279037"),
        (20000000000, "65353130"),
    ],
)
def test_the_rfc_s_own_examples(seconds: int, digits: str) -> None:
    secret = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"  # base 32 of 12345678901234567890
    assert factor.matching_step(secret, digits[-6:], seconds * 1000) == seconds // 30
    assert factor.matching_step(secret, digits[-6:], seconds * 1000 + 29_999 + 60_000) is None


def test_an_enrolment_is_what_apps_read(world: World) -> None:
    enrolment = world.factors.enrol(ANN, EMAIL)
    uri = urlsplit(enrolment.otpauth_uri)
    assert (uri.scheme, uri.netloc, unquote(uri.path)) == ("otpauth", "totp", f"/Countroom:{EMAIL}")
    assert parse_qs(uri.query) == {"secret": [enrolment.secret], "issuer": ["Countroom"]}
    assert len(enrolment.secret) == 32  # 160 bits: no padding
    assert world.factors.enrol(ANN, EMAIL).secret != enrolment.secret


def test_a_secret_counts_from_its_first_code_on(world: World) -> None:
    world.secret = world.factors.enrol(ANN, EMAIL).secret
    refused(world, world.code())
    shown = world.factors.confirm(ANN, world.code(), DOOR)
    assert len(set(shown)) == 10
    world.clock.advance(seconds=30)
    assert world.factors.check(ANN, world.code(), DOOR) == Checked(Kind.APP, 10, guess_given_back=True)


def test_the_code_that_confirmed_is_used(world: World) -> None:
    world.secret = world.factors.enrol(ANN, EMAIL).secret
    code = world.code()
    world.factors.confirm(ANN, code, DOOR)
    refused(world, code)
    with pytest.raises(InvalidCode):
        world.factors.confirm(ANN, code, DOOR)  # nothing is pending any more


def test_an_enrolment_does_not_wait_for_ever(world: World) -> None:
    world.secret = world.factors.enrol(ANN, EMAIL).secret
    world.clock.advance(seconds=900)
    with pytest.raises(InvalidCode):
        world.factors.confirm(ANN, world.code(), DOOR)


def test_a_wrong_first_code_leaves_the_enrolment_pending(world: World) -> None:
    world.secret = world.factors.enrol(ANN, EMAIL).secret
    with pytest.raises(InvalidCode):
        world.factors.confirm(ANN, world.code(5), DOOR)
    world.factors.confirm(ANN, world.code(), DOOR)


def test_until_a_new_secret_is_confirmed_the_old_one_counts(world: World) -> None:
    world.enrolled()
    newer = world.factors.enrol(ANN, EMAIL).secret
    world.factors.check(ANN, world.code(), DOOR)
    world.clock.advance(seconds=60)
    old, world.secret = world.secret, newer
    world.factors.confirm(ANN, world.code(), DOOR)
    world.clock.advance(seconds=30)
    world.secret = old
    refused(world, world.code())


@pytest.mark.parametrize("steps", [-1, 0, 1])
def test_a_clock_that_is_a_step_off_is_forgiven(world: World, steps: int) -> None:
    world.enrolled()
    world.clock.advance(seconds=300)
    assert world.factors.check(ANN, world.code(steps), DOOR).kind is Kind.APP


@pytest.mark.parametrize("steps", [-20, -2, 2, 20])
def test_other_steps_are_not(world: World, steps: int) -> None:
    world.enrolled()
    world.clock.advance(seconds=900)
    refused(world, world.code(steps))


def test_a_code_works_once(world: World) -> None:
    world.enrolled()
    code = world.code()
    world.factors.check(ANN, code, DOOR)
    refused(world, code)
    world.clock.advance(seconds=30)
    refused(world, code)


def test_a_step_before_one_that_was_used_is_used_too(world: World) -> None:
    """Whoever looked over a shoulder cannot use the code that was shown a moment before (RFC 6238 §5.2)."""
    world.enrolled()
    world.clock.advance(seconds=300)
    before, now = world.code(-1), world.code()
    world.factors.check(ANN, now, DOOR)
    refused(world, before)


def together(count: int, call: Callable[[], object]) -> list[object]:
    """What each of several calls at the same instant answers or raises."""
    start, found = threading.Barrier(count), []

    def run() -> None:
        start.wait(timeout=60)
        try:
            found.append(call())
        except (InvalidCode, TooManyGuesses, Unavailable) as refusal:
            found.append(type(refusal))

    threads = [threading.Thread(target=run) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert len(found) == count
    return found


def all_read_before_any_writes(world: World, count: int) -> None:
    """Hold each first write of a factor back until every call has read it: the worst that can happen."""
    read = threading.Barrier(count)
    waited = threading.local()
    original = world.factors._store.replace

    def held(player_id: str, known: factor.Factor, after: factor.Factor) -> bool:
        if not getattr(waited, "once", False):
            waited.once = True
            read.wait(timeout=60)
        return original(player_id, known, after)

    world.factors._store.replace = held  # type: ignore[method-assign]  # the point at which the race is decided


@pytest.mark.parametrize("recovery", [False, True], ids=["app", "recovery code"])
def test_a_code_sent_by_many_at_the_same_instant_works_once(world: World, recovery: bool) -> None:
    shown = world.enrolled()
    code = shown[3] if recovery else world.code()
    all_read_before_any_writes(world, 5)
    outcomes = together(5, lambda: world.factors.check(ANN, code, DOOR))
    assert sum(isinstance(outcome, Checked) for outcome in outcomes) == 1
    assert outcomes.count(InvalidCode) == 4


def test_two_recovery_codes_at_the_same_instant_both_work(world: World) -> None:
    shown = list(world.enrolled()[:2])
    all_read_before_any_writes(world, 2)
    outcomes = together(2, lambda: world.factors.check(ANN, shown.pop(), DOOR))
    assert all(isinstance(outcome, Checked) for outcome in outcomes)


def test_recovery_codes_work_once_each(world: World) -> None:
    shown = world.enrolled()
    for left, code in zip(range(9, -1, -1), shown, strict=True):
        assert world.factors.check(ANN, code, DOOR) == Checked(Kind.RECOVERY_CODE, left, guess_given_back=True)
        refused(world, code)
        world.clock.advance(seconds=900)
    assert world.factors.check(ANN, world.code(), DOOR).recovery_codes_left == 0


def test_recovery_codes_are_read_as_people_type_them(world: World) -> None:
    first, second, *_ = world.enrolled()
    assert len(first.replace("-", "")) == 24
    world.factors.check(ANN, f" {first.lower().replace('-', ' ')} ", DOOR)
    world.factors.check(ANN, second.replace("0", "o").replace("1", "l"), DOOR)


def test_codes_belong_to_their_player(world: World) -> None:
    mine = world.enrolled(ANN)
    hers, secret = mine[0], world.secret
    world.enrolled(BOB)
    refused(world, hers, BOB)
    world.secret = secret
    refused(world, world.code(), BOB)
    world.factors.check(ANN, hers, DOOR)


@pytest.mark.parametrize(
    "code", ["", "12345", "1234567", "abcdef", "\uff11\uff12\uff13\uff14\uff15\uff16", "-12345", "x" * 10_000, "0" * 24, "\x00" * 6]
)
def test_what_is_no_code_is_refused(world: World, code: str) -> None:
    world.enrolled()
    refused(world, code)


def test_digits_may_be_spaced(world: World) -> None:
    world.enrolled()
    code = world.code()
    world.factors.check(ANN, f"{code[:3]} {code[3:]}", DOOR)


def test_five_wrong_codes_in_a_quarter_of_an_hour(world: World) -> None:
    shown = world.enrolled()
    for _ in range(factor.GUESSES_MAX):
        refused(world, world.code(7))
    world.clock.advance(seconds=60)
    opened = world.kms.opened
    for right in (world.code(), shown[0]):
        with pytest.raises(TooManyGuesses) as caught:
            world.factors.check(ANN, right, DOOR)
        assert caught.value.retry_after_seconds == 870
    with pytest.raises(TooManyGuesses):
        world.factors.confirm(ANN, world.code(), DOOR)
    assert world.kms.opened == opened  # not even looked at
    world.clock.advance(seconds=870)
    world.factors.check(ANN, shown[0], DOOR)


def test_guesses_are_counted_by_door_and_a_code_is_used_up_for_all(world: World) -> None:
    world.enrolled()
    for _ in range(factor.GUESSES_MAX):
        refused(world, world.code(7))
    code = world.code()
    with pytest.raises(TooManyGuesses):
        world.factors.check(ANN, code, DOOR)
    assert world.factors.check(ANN, code, "se_other").guess_given_back
    with pytest.raises(InvalidCode):
        world.factors.check(ANN, code, "")


def test_guesses_at_the_same_instant_are_counted_before_they_are_checked(world: World) -> None:
    world.enrolled()
    outcomes = together(60, lambda: world.factors.check(ANN, world.code(9), DOOR))
    assert set(outcomes) == {InvalidCode, TooManyGuesses}
    assert outcomes.count(InvalidCode) == factor.GUESSES_MAX


def test_right_codes_use_up_no_guesses(world: World) -> None:
    world.enrolled()
    for _ in range(factor.GUESSES_MAX + 2):
        world.factors.check(ANN, world.code(), DOOR)
        world.clock.advance(seconds=30)


def test_a_guess_that_cannot_be_given_back_is_told(world: World) -> None:
    shown = world.enrolled()
    writes: list[str] = []

    def strike(name: str) -> None:
        writes.extend([name] if name == "put_item" else [])
        if len(writes) == 3:  # reserved, used up, given back
            raise LOST

    world.table.before = strike
    assert world.factors.check(ANN, shown[0], DOOR) == Checked(Kind.RECOVERY_CODE, 9, guess_given_back=False)


def strike_second(world: World, *, landed: bool) -> None:
    """Lose the answer of the second write (the first one reserves the guess)."""
    writes: list[str] = []

    def strike(name: str) -> None:
        writes.extend([name] if name == "put_item" else [])
        if name == "put_item" and len(writes) == 2:
            raise LOST

    setattr(world.table, "after" if landed else "before", strike)


@pytest.mark.parametrize("landed", [True, False])
def test_a_lost_answer_neither_uses_a_code_twice_nor_refuses_it(world: World, landed: bool) -> None:
    shown = world.enrolled()
    strike_second(world, landed=landed)
    assert world.factors.check(ANN, shown[0], DOOR).recovery_codes_left == 9
    refused(world, shown[0])


@pytest.mark.parametrize("landed", [True, False])
def test_a_lost_answer_does_not_lose_the_recovery_codes(world: World, landed: bool) -> None:
    world.secret = world.factors.enrol(ANN, EMAIL).secret
    strike_second(world, landed=landed)
    shown = world.factors.confirm(ANN, world.code(), DOOR)
    assert world.factors.check(ANN, shown[9], DOOR).recovery_codes_left == 9


def test_when_storage_is_gone_no_code_is_right(world: World) -> None:
    shown = world.enrolled()

    def never(_name: str) -> None:
        raise LOST

    world.table.before = never
    for code in (world.code(), shown[0]):
        with pytest.raises(Unavailable):
            world.factors.check(ANN, code, DOOR)


def test_removing_forgets_everything(world: World) -> None:
    shown = world.enrolled()
    world.factors.enrol(ANN, EMAIL)
    world.factors.remove(ANN)
    refused(world, world.code())
    refused(world, shown[0])
    with pytest.raises(InvalidCode):
        world.factors.confirm(ANN, world.code(), DOOR)
    (item,) = world.table.of_kind("PLAYER#")
    assert not {"sealed", "pending"} & item.keys()
    world.factors.remove(ANN)
    world.factors.remove(BOB)
    assert (item,) == tuple(world.table.of_kind("PLAYER#"))


def test_after_removing_an_old_code_stays_used(world: World) -> None:
    world.enrolled()
    world.factors.check(ANN, world.code(), DOOR)
    world.factors.remove(ANN)
    world.clock.advance(seconds=60)
    world.enrolled()
    world.factors.check(ANN, world.code(), DOOR)


def test_at_rest_there_is_neither_secret_nor_code(world: World) -> None:
    shown = world.enrolled()
    pending = world.factors.enrol(ANN, EMAIL).secret
    stored = repr(world.table.tables[TABLE].items)
    for text in (world.secret, pending, EMAIL, *shown, *(code.replace("-", "") for code in shown)):
        assert text not in stored


def test_a_sealed_secret_moved_to_another_player_does_not_open(world: World) -> None:
    world.enrolled(ANN)
    mine = world.table.tables[TABLE].items["PLAYER#pl_ann", "FACTOR"]
    world.table.tables[TABLE].put(("PLAYER#pl_bob", "FACTOR"), {**mine, "pk": {"S": "PLAYER#pl_bob"}})
    with pytest.raises(NotOurs):
        world.factors.check(BOB, world.code(), DOOR)
