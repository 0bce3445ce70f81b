"""Who a player is: what must be known before what, the vendor's word however it comes, and the register of excluded people."""

import json
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pytest

from sandbox import staff
from sandbox.faulty_server import Fault
from sandbox.player import Account, PlayerApi
from sandbox.provider.guest import Guest, newcomer
from sandbox.provider.line import Outcome, exchange
from sandbox.stack import Stack
from sandbox.vendor.play import Person, Play, Stage
from sandbox.vendor.sumsub import NAME, Say, Word, body_of, webhook
from sandbox.wire import Answer, send
from tests.conformance.over_http.casino import Casino, turn
from tests.e2e import world
from tests.e2e.world import problem, refused

BRITISH = {"country": "GB", "currency": "GBP"}
SCRIPTS: list[Say | Play] = [*Say, *Play]
SIDE_BY_SIDE = 4


def someone() -> dict[str, str]:
    """Names and a postcode that nobody else has."""
    letters = "".join(chr(ord("a") + int(digit, 16)) for digit in secrets.token_hex(4))
    return {"given_name": "Ann", "family_name": f"Example{letters}", "postcode": "SW1A 1AA"}


def british(stack: Stack) -> Guest:
    return newcomer(stack, **BRITISH, **someone())


def stage_of(stack: Stack, guest: Guest) -> Stage:
    person = Person(guest.account.player_id, guest.api.verification, guest.api.start_verification)
    return Stage(person, stack.vendors[NAME], lambda message: exchange(message).answer)


def played(stack: Stack, what: Say | Play) -> list[str]:
    """What was not as it must be, when a new player is verified so."""
    stage = stage_of(stack, newcomer(stack))
    stage.play(what, "identity")
    return stage.differences


@pytest.fixture(scope="module")
def differences(stack: Stack) -> dict[str, list[str]]:
    """All of it at once, each with a player of its own."""
    found = world.at_most_at_once(SIDE_BY_SIDE, len(SCRIPTS), lambda number: played(stack, SCRIPTS[number]))
    return {what.value: told for what, told in zip(SCRIPTS, found, strict=True)}


@pytest.mark.parametrize("what", [what.value for what in SCRIPTS])
def test_the_house_shows_what_the_vendor_has_said_last_and_nothing_that_people_wrote(
    differences: dict[str, list[str]], what: str
) -> None:
    assert differences[what] == []


def test_in_great_britain_nothing_is_paid_in_or_played_before_age_and_identity_are_known(stack: Stack) -> None:
    guest = british(stack)
    assert guest.api.verification()["needed"]["deposit"] == ["age", "identity"]
    before = guest.api.wallet()
    with refused(403, "verification_required"):
        guest.api.open_deposit("20.00", "GBP")
    for mode in ("real", "demo"):
        answer = guest.api.raw("POST", f"/v1/games/{world.GAME_ID}/sessions", world.encoded({"mode": mode}))
        problem(answer, 403, "verification_required")
    assert guest.api.wallet() == before
    stage = stage_of(stack, guest)
    stage.play(Say.APPROVE, "identity")
    assert stage.differences == []
    guest.deposit("20.00")
    assert guest.api.launch(world.GAME_ID)["session_token"]
    with refused(409, "verification_ended"):
        guest.api.start_verification("identity")


def test_who_is_found_too_young_is_out_while_a_round_runs_and_his_money_waits_for_people(stack: Stack) -> None:
    spot = Casino(stack).fresh("hub88", "20.00")
    bet, before = turn("5.00"), spot.balance()
    balance = spot.stands(spot.bet(bet), "-5.00", before)
    stage = stage_of(stack, spot.guest)
    stage.play(Play.UNDERAGE, "age")
    assert stage.differences == []
    with refused(403, "account_frozen"):
        spot.guest.api.wallet()
    assert spot.bet(turn("1.00")).word == "RS_ERROR_USER_DISABLED"
    won = spot.win(turn("12.50", round_id=bet.round_id, reference=bet.transaction_id))
    assert (won.outcome, won.balance) == (Outcome.STANDS, balance + Decimal("12.50"))
    assert staff.support(stack, "show", spot.guest.account.player_id, "looked at")["standing"] == "frozen"


def test_who_is_refused_for_good_stays_out_and_another_try_is_open_to_who_may_try_again(stack: Stack) -> None:
    guest = british(stack)
    stage = stage_of(stack, guest)
    stage.play(Say.RETRY, "identity")
    with refused(403, "verification_required"):
        guest.api.open_deposit("20.00", "GBP")
    assert guest.api.start_verification("identity")["url"].startswith("http")
    stage.play(Say.FINAL, "identity")
    assert stage.differences == []
    with refused(409, "verification_ended"):
        guest.api.start_verification("identity")
    with refused(403, "verification_required"):
        guest.api.open_deposit("20.00", "GBP")


@pytest.mark.parametrize(
    ("body", "status"),
    [(b"", 400), (b"{", 400), (b"[]", 400), (b"{}", 400), (b'{"type":"applicantReviewed"}', 400), (b" " * 70_000, 413)],
)
def test_a_signed_webhook_that_is_none_is_refused_and_moves_nothing(stack: Stack, body: bytes, status: int) -> None:
    assert exchange(webhook(stack.vendors[NAME], body)).answer.status == status


@pytest.mark.parametrize("algorithm", ["HMAC_SHA1_HEX"])
def test_a_digest_that_is_not_on_the_list_is_refused_whoever_made_it(stack: Stack, algorithm: str) -> None:
    guest = newcomer(stack)
    body = body_of(Word(Say.APPROVE, guest.account.player_id, "identity", 0.0))
    assert exchange(webhook(stack.vendors[NAME], body, algorithm=algorithm)).answer.status == 401


# --------------------------------------------------------------- the register


@dataclass(frozen=True)
class Register:
    """The sandbox's register of excluded people."""

    stack: Stack

    def told(self, path: str, said: object) -> Answer:
        url = f"{self.stack.register_api}/gamstop/{path}"
        return send("PUT", url, body=json.dumps(said).encode(), headers={"Content-Type": "application/json"})

    def enter(self, person: dict[str, str], email: str, entry: str = "excluded") -> None:
        said = {
            "firstName": person["given_name"],
            "lastName": person["family_name"],
            "dateOfBirth": "1990-05-17",
            "email": email,
            "postcode": person["postcode"],
        }
        assert self.told("people", {"person": said, "entry": entry}).status == 200

    def break_next(self, fault: Fault | None, times: int = 1) -> None:
        assert self.told("fault", {"fault": fault, "times": times}).status == 200


@pytest.fixture
def register(stack: Stack) -> Iterator[Register]:
    found = Register(stack)
    yield found
    found.break_next(None)


def applied(stack: Stack, person: dict[str, str]) -> tuple[PlayerApi, str, str, str]:
    """Apply for a British account and read the mail: client, registration token, code, address."""
    api, email = PlayerApi(stack.apis.player), f"{world.unique()}@example.com"
    mails = world.mailbox(stack)
    token = api.apply(email, "a long enough password", **BRITISH, **person)
    return api, token, mails.await_code(email), email


def confirmed(api: PlayerApi, token: str, code: str) -> Answer:
    return world.post(api, "/v1/players/verifications", {"registration_token": token, "code": code})


def test_who_has_excluded_himself_everywhere_gets_no_account_here(stack: Stack, register: Register) -> None:
    person = someone()
    register.enter(person, "another-address@example.com")
    api, token, code, _ = applied(stack, person)
    problem(confirmed(api, token, code), 403, "wallet_excluded")


def test_while_the_register_is_silent_nobody_is_registered_and_afterwards_the_same_code_does(
    stack: Stack, register: Register
) -> None:
    api, token, code, email = applied(stack, someone())
    register.break_next(Fault.ERROR, 10)
    problem(confirmed(api, token, code), 503, "temporarily_unavailable")
    register.break_next(None)
    answer = confirmed(api, token, code)
    assert answer.status == 201, answer.body
    said: dict[str, Any] = answer.json()
    account = Account(said["player_id"], email, "a long enough password", "GBP", "GB")
    register.break_next(Fault.HTML, 10)
    api.log_in(account)  # on the word of a moment ago
    assert api.wallet().status == "active"


@pytest.mark.parametrize("missing", ["given_name", "family_name", "postcode"])
def test_where_there_is_a_register_it_is_told_what_it_matches_by(stack: Stack, missing: str) -> None:
    person = {name: text for name, text in someone().items() if name != missing}
    said = {"email": f"{world.unique()}@example.com", "password": "a long enough password"}
    said |= {"date_of_birth": "1990-05-17", "accepted_terms": "2026-11"} | BRITISH | person
    problem(world.post(PlayerApi(stack.apis.player), "/v1/players", said), 400, "invalid_request", missing)


def test_who_excludes_himself_elsewhere_is_shut_out_of_play_at_his_next_login_and_let_in_for_the_money(
    stack: Stack, register: Register
) -> None:
    person = someone()
    guest = newcomer(stack, **BRITISH, **person)
    register.enter(person, guest.account.email)
    guest.afresh()
    assert guest.api.wallet().status == "excluded"
    found = guest.api.play_safety()["exclusion"]
    assert (found["kind"], found["ends_by_itself"]) == ("register", False)
    with refused(403, "wallet_excluded"):
        guest.api.open_deposit("20.00", "GBP")


def test_elsewhere_no_register_is_asked(stack: Stack, register: Register) -> None:
    register.break_next(Fault.ERROR, 10)
    assert newcomer(stack).api.wallet().status == "active"


# ------------------------------------------- last, for it leaves a circuit open


def test_a_vendor_that_does_not_answer_is_said_and_a_check_can_be_started_later(stack: Stack) -> None:
    guest = newcomer(stack)

    def fault(kind: Fault | None, times: int = 1) -> None:
        told = {"fault": kind, "times": times}
        url = f"{stack.vendor_api}/{NAME}/fault"
        assert send("PUT", url, body=json.dumps(told).encode(), headers={"Content-Type": "application/json"}).status == 200

    fault(Fault.ERROR, 5)
    with refused(503, "verification_unavailable"):
        guest.api.start_verification("address")
    fault(None)
    assert guest.api.start_verification("address")["url"].startswith(stack.vendor_api)
