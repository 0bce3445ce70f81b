"""The vendor's plays against the house's own entrance and desk: what must follow follows, and a wrong house is found out."""

import base64
import json
from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from countroom.verification.inbox import Inbox, from_message
from countroom.verification.intake import Intake
from countroom.verification.standing import Order, Word
from countroom.verification.views import verification_view
from handlers import verification_webhook
from sandbox.player import Account, PlayerApi, RefusedError
from sandbox.provider.guest import Guest, NoSeatError
from sandbox.provider.line import Message
from sandbox.stack import Gateway, Stack
from sandbox.vendor import __main__ as program
from sandbox.vendor.play import Person, Play, Stage
from sandbox.vendor.sumsub import COMMENT, Say, applicant_id_of
from sandbox.wire import Answer
from tests.unit.rest import Context
from tests.unit.verification.house import PLAYER, House

SECRET = "the-vendor-s-webhook-secret"
VENDOR = Gateway("http://127.0.0.1:4566/v1/verification/sumsub", SECRET)


class Secrets:
    def json(self) -> dict[str, Any]:
        return {"secrets": [SECRET]}

    def refresh(self) -> bool:
        return False


class World:
    """The house in memory: what is queued is heard when time passes."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.house = House(started=False)
        self.queue: list[str] = []
        self.links = 0
        self.deaf = False
        self.shut_out = False
        intake = Intake(Secrets(), Inbox(self, "queue"), self.house.clock)
        monkeypatch.setattr(verification_webhook, "_intake", lambda: intake)
        person = Person(PLAYER, self.look, self.start)
        self.stage = Stage(person, VENDOR, self.deliver, pause=self.pause, clock=lambda: self.house.clock() / 1000)

    def send_message(self, QueueUrl: str, MessageBody: str) -> dict[str, str]:  # noqa: N803, ARG002 - botocore's spelling
        self.queue.append(MessageBody)
        return {"MessageId": "m-1"}

    def look(self) -> dict[str, Any]:
        if self.shut_out:
            raise RefusedError(Answer(403, b'{"code": "account_frozen"}'))
        return verification_view(self.house.standing, {})

    def start(self, _level: str) -> dict[str, Any]:
        self.links += 1
        self.house.desk.name_applicant(PLAYER, applicant_id_of(PLAYER))
        return {"url": "http://127.0.0.1/websdk/p/x"}

    def deliver(self, message: Message) -> Answer:
        event = {
            "headers": dict(message.headers),
            "requestContext": {"requestId": "r"},
            "isBase64Encoded": True,
            "body": base64.b64encode(message.body or b"").decode(),
        }
        answer = verification_webhook.handler(event, Context())
        return Answer(answer["statusCode"], answer["body"].encode())

    def pause(self, seconds: float) -> None:
        self.house.clock.advance(milliseconds=int(seconds * 1000))
        while self.queue and not self.deaf:
            self.shut_out |= self.house.desk.hear(from_message(self.queue.pop(0))).too_young


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    return World(monkeypatch)


@pytest.mark.parametrize("level", ["identity", "address"])
@pytest.mark.parametrize("what", [*Say, *Play])
def test_what_is_played_comes_out_as_it_must(world: World, what: Say | Play, level: str) -> None:
    world.stage.play(what, level)
    assert world.stage.differences == []
    assert world.links == 1
    assert len(world.stage.said) == {"duplicate": 5, "out-of-order": 2}.get(what.value, 1)


def test_one_play_may_follow_another(world: World) -> None:
    for what in (Say.PENDING, Play.FORGED, Play.WEAK_DIGEST, Say.RETRY, Play.UNKNOWN, Say.APPROVE, Play.DUPLICATE, Say.FINAL):
        world.pause(1)
        world.stage.play(what, "identity")
        assert world.stage.differences == []
    assert world.stage.person.state("identity") == "rejected"


def test_a_house_that_does_not_listen_is_found_out(world: World) -> None:
    world.deaf = True
    world.stage.play(Say.APPROVE, "identity")
    assert world.stage.differences == ["identity is none and must be approved"]


def test_a_house_that_lets_the_young_play_on_is_found_out(world: World) -> None:
    world.deaf = True
    world.stage.play(Play.UNDERAGE, "identity")
    assert world.stage.differences == ["who is too young is still in"]


def test_another_refusal_of_the_house_is_no_freeze(world: World) -> None:
    def look() -> dict[str, Any]:
        raise RefusedError(Answer(503, b""))

    with pytest.raises(RefusedError):
        replace(world.stage.person, look=look).is_out()


def test_a_house_in_which_staff_have_decided_is_found_out(world: World) -> None:
    world.start("identity")
    world.house.desk.carry_out(Order(PLAYER, Word.UNVERIFY, "jane", "forged", "r-1"))
    world.stage.play(Say.APPROVE, "identity")
    assert world.stage.differences == ["identity is rejected and must be approved"]


def test_a_house_that_believes_anybody_is_found_out(world: World) -> None:
    world.stage.send = lambda _message: Answer(202, b"")
    world.stage.play(Play.FORGED, "identity")
    assert world.stage.differences == ["a webhook was answered 202 and must be answered 401"]


def test_a_house_without_links_or_discretion_is_found_out(world: World) -> None:
    start = world.stage.person.start
    world.stage.person.start = lambda level: start(level) | {"url": ""}
    world.stage.person.look = lambda: world.look() | {"why": COMMENT}
    world.stage.play(Say.RETRY, "identity")
    assert world.stage.differences == ["the house gave no link", "the house shows what the vendor's people wrote"]


# ---------------------------------------------------------------------- the program

Run = Callable[..., int]


@pytest.fixture
def run(world: World, monkeypatch: pytest.MonkeyPatch) -> Run:
    """The program, with a player who is logged in."""
    told: Any = SimpleNamespace(vendors={"sumsub": VENDOR})
    monkeypatch.setattr(Stack, "read", lambda _path: told)

    class Api(PlayerApi):
        def call(self, method: str, path: str, said: object = None, *, headers: object = None) -> Any:  # noqa: ARG002 - the base's
            assert path.startswith("/v1/verification")
            return world.look() if method == "GET" else world.start(str(said))

    def seat(*_names: object, **_more: object) -> Guest:
        return Guest(told, Account(PLAYER, "a@example.com", "x", "EUR", "MT"), Api("http://127.0.0.1:1"))

    for name in ("sit_down", "newcomer"):
        monkeypatch.setattr(program, name, seat)
    monkeypatch.setattr(program, "_send", world.deliver)
    monkeypatch.setattr("sandbox.vendor.play.time.sleep", world.pause)
    monkeypatch.setattr(program, "Stage", lambda *parts: replace(world.stage, send=parts[2], person=parts[0]))
    return lambda *words: program.main(list(words))


@pytest.mark.parametrize(
    "words",
    [
        ("approve", "--player", "new"),
        ("approve", "--player", "new", "--country", "GB"),
        ("out-of-order", "--player", "a@example.com", "--level", "address"),
        ("underage", "--player", "new"),
    ],
)
def test_the_program_plays_it_and_says_where_the_level_stands(
    run: Run, capsys: pytest.CaptureFixture[str], words: tuple[str, ...]
) -> None:
    assert run(*words) == 0
    assert "→ 202" in (seen := capsys.readouterr()).out
    said = {"approve": "has identity approved", "out-of-order": "has address retry", "underage": "is shut out"}
    assert f"{PLAYER} {said[words[0]]}" in seen.err


def test_it_prints_what_went_over_the_wire_for_other_programs(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("final", "--player", "new", "--json") == 0
    (told,) = json.loads(capsys.readouterr().out.splitlines()[-1])  # what comes before is the handler's log
    assert (told["status"], told["request"]["reviewResult"]["reviewRejectType"]) == (202, "FINAL")


def test_its_exit_status_says_what_came_of_it(
    run: Run, world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    world.deaf = True
    assert run("approve", "--player", "new") == 1
    assert "is none and must be approved" in capsys.readouterr().err

    def nobody(*_: object) -> Guest:
        raise NoSeatError("stack.json knows no player 'x'")

    monkeypatch.setattr(program, "sit_down", nobody)
    assert run("approve", "--player", "x") == 1
    assert "knows no player" in capsys.readouterr().err
    assert RefusedError in program.ERRORS


@pytest.mark.parametrize("words", [(), ("approve",), ("praise", "--player", "new"), ("approve", "--player", "new", "--level", "x")])
def test_wrong_usage_is_2(words: tuple[str, ...]) -> None:
    with pytest.raises(SystemExit) as ended:
        program.main(list(words))
    assert ended.value.code == 2


def test_a_sandbox_without_the_vendor_s_keys_says_so(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(Stack, "read", lambda _path: SimpleNamespace(vendors={}))
    assert program.main(["approve", "--player", "new"]) == 1
    assert "has no keys of sumsub" in capsys.readouterr().err
