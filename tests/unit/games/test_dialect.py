"""The shared mechanism, driven by a made-up dialect that is nothing but this file."""

from collections.abc import Mapping, Sequence
from types import ModuleType
from typing import Any

import pytest

from countroom.games.catalogue import Catalogue, CatalogueUnavailable
from countroom.games.providers import registry
from countroom.games.providers.desk import Desk, veto_of
from countroom.games.providers.dialect import (
    OPEN_OUTCOMES,
    Call,
    Cause,
    Done,
    Enquiry,
    Failed,
    Fault,
    Order,
    Reply,
    Request,
)
from countroom.games.providers.strict import BadSyntax, BadType
from countroom.ledger.movements import Bet, Reason, Reference, Rollback, Win
from countroom.ledger.sessions import InvalidToken, parse
from countroom.ledger.store import StoreBusy
from tests.unit.games.world import CATALOGUE, UNIT, World


class Plain:
    """Signs with a shared word, speaks `<verb> <id> <amount>`, answers with the cause itself."""

    provider = "plain"

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.token = ""

    def keys(self, secret: Mapping[str, Any]) -> Sequence[str]:
        return [secret["word"]]

    def authentic(self, call: Call, keys: Sequence[str]) -> bool:
        self.calls.append("authentic")
        return call.headers.get("word") in keys

    def understand(self, call: Call) -> Enquiry | Order:
        self.calls.append("understand")
        verb, _, rest = call.body.decode().partition(" ")
        match verb:
            case "syntax":
                raise BadSyntax
            case "types":
                raise BadType
            case "token":
                raise InvalidToken
            case "reference":
                Reference("game:plain", "")
        if verb == "ask":
            return Enquiry("request", rest or "pl_anna", None)
        return Order("request", self._movement(verb, *rest.split()))

    def _movement(self, verb: str, name: str, amount: str = "0") -> Bet | Win | Rollback:
        reference, nanos = Reference("game:plain", name), int(amount) * UNIT
        if verb == "bet":
            return Bet(reference, "pl_anna", "EUR", nanos, "x_reels", "r", session=parse(self.token).digest)
        if verb == "win":
            return Win(reference, "pl_anna", "EUR", nanos, "x_reels", "r", bet=Reference("game:plain", "b"))
        return Rollback(reference, "pl_anna", Reference("game:plain", "b"), "x_reels", "r")

    def patience_s(self, call: Call) -> float:
        del call
        return 2.5

    def answer(self, call: Call, request: Request | None, result: Done | Failed) -> Reply:
        del call, request
        code = "fine" if isinstance(result, Done) else result.cause
        return Reply(200, f"{code} {result.available}", code)


class PlainWorld(World):
    """The world with the made-up provider in it."""

    def __init__(self) -> None:
        self.plain = Plain()
        super().__init__(self.plain, {"word": "please"})
        self.word = self.secret
        self.plain.token = self.player()
        self.plain_desk: Desk[str] = self.desk

    def tell(self, text: str, word: str = "please") -> str:
        return self.plain_desk.serve(Call("/", {"word": word}, text.encode())).reply.body


@pytest.fixture
def world() -> PlainWorld:
    return PlainWorld()


def test_a_further_dialect_is_one_file(world: PlainWorld) -> None:
    assert world.tell("bet b 10") == f"fine {90 * UNIT}"
    assert world.tell("bet b 10") == f"fine {90 * UNIT}"
    assert world.tell("win w 5") == f"fine {95 * UNIT}"
    assert world.tell("back x") == f"fine {105 * UNIT}"
    assert world.tell("ask") == f"fine {105 * UNIT}"
    assert world.tell("ask pl_nobody") == "unknown_player None"
    assert world.tell("bet b2 1000").startswith("insufficient_funds")


def test_providers_do_not_share_names(world: PlainWorld) -> None:
    world.tell("bet b 10")
    assert Reference("game:plain", "b") in world.store.entries
    assert Reference("game:hub88", "b") not in world.store.entries


def test_nothing_is_understood_before_it_is_authentic(world: PlainWorld) -> None:
    before = world.store.requests
    assert world.tell("bet b 10", word="now!") == "bad_signature None"
    assert world.plain.calls == ["authentic"]
    assert world.store.requests == before


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("syntax", Fault.BAD_SYNTAX),
        ("types", Fault.BAD_TYPES),
        ("token", Fault.BAD_TOKEN),
        ("reference", Fault.BAD_TYPES),
        ("bet b -1", Reason.INVALID_AMOUNT),
    ],
)
def test_what_is_not_understood_has_a_name(world: PlainWorld, text: str, fault: Cause) -> None:
    before = world.store.state()
    assert world.tell(text).split()[0] == fault
    assert world.store.state() == before


def test_a_new_key_is_looked_for_once_when_a_signature_is_unknown(world: PlainWorld) -> None:
    world.word.stored = {"word": "bitte"}
    assert world.tell("ask", word="bitte").startswith("fine")
    assert world.word.refreshes == 1
    assert world.tell("ask", word="please").startswith("bad_signature")


def test_a_refresh_that_is_not_allowed_yet_leaves_the_refusal(world: PlainWorld) -> None:
    world.word.stored, world.word.refresh_allowed = {"word": "bitte"}, False
    assert world.tell("ask", word="bitte").startswith("bad_signature")


def test_without_keys_nothing_is_decided(world: PlainWorld) -> None:
    world.word.broken = True
    before = world.store.state()
    assert world.tell("bet b 10") == "keys_unavailable None"
    assert world.store.state() == before


def test_a_table_that_stays_busy_is_out_of_time_and_nothing_else(world: PlainWorld) -> None:
    for text in ("bet b 10", "win w 5", "back x", "ask"):
        world.store.faults = [StoreBusy("ThrottlingException")] * 100
        assert world.tell(text).split()[0] == Fault.OUT_OF_TIME
    assert Fault.OUT_OF_TIME in OPEN_OUTCOMES


def test_a_fault_of_ours_is_raised_for_the_entrance_to_answer(world: PlainWorld) -> None:
    world.store.faults = [ZeroDivisionError()]
    with pytest.raises(ZeroDivisionError):
        world.tell("bet b 10")


def test_giving_up_answers_in_the_dialects_words(world: PlainWorld) -> None:
    served = world.plain_desk.give_up(Call("/", {}, b""), Fault.BROKEN)
    assert (served.reply.code, served.request, served.result) == ("broken", None, Failed(Fault.BROKEN))


def test_what_a_call_did_is_reported(world: PlainWorld) -> None:
    def served(text: str) -> Done | Failed:
        return world.plain_desk.serve(Call("/", {"word": "please"}, text.encode())).result

    first, again = served("bet b 10"), served("bet b 10")
    assert isinstance(first, Done)
    assert isinstance(again, Done)
    assert (first.moved, again.moved) == (True, False)
    unseen = world.plain_desk.serve(Call("/", {"word": "please"}, b"back x"))
    assert isinstance(unseen.result, Done)
    assert unseen.result.moved
    assert isinstance(unseen.request, Order)


@pytest.mark.parametrize(
    ("game", "currency", "amount", "veto"),
    [
        ("x_reels", "EUR", 1, None),
        ("x_closed", "EUR", 1, Reason.GAME_UNAVAILABLE),
        ("nothing", "EUR", 1, Reason.GAME_UNAVAILABLE),
        ("x_table", "USD", UNIT, Reason.GAME_CURRENCY),
        ("x_table", "EUR", UNIT - 1, Reason.STAKE_OUT_OF_RANGE),
        ("x_table", "EUR", UNIT, None),
        ("x_table", "EUR", 100 * UNIT, None),
        ("x_table", "EUR", 100 * UNIT + 1, Reason.STAKE_OUT_OF_RANGE),
        ("x_table", "EUR", 0, None),
    ],
)
def test_the_house_vetoes_a_bet(game: str, currency: str, amount: int, veto: Reason | None) -> None:
    bet = Bet(Reference("game:hub88", "b"), "pl_anna", currency, amount, game, "r")
    assert veto_of(CATALOGUE, "hub88", bet) is veto
    assert veto_of(CATALOGUE, "other", bet) is Reason.GAME_UNAVAILABLE


def test_a_bet_of_which_the_games_are_not_known_is_open_and_a_win_needs_none(
    world: PlainWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.tell("bet b 10")

    def unknown() -> Catalogue:
        raise CatalogueUnavailable

    monkeypatch.setattr(world.desk, "_games", type("Games", (), {"current": staticmethod(unknown)})())
    assert world.tell("bet b2 10") == "games_unavailable None"
    assert Fault.GAMES_UNAVAILABLE in OPEN_OUTCOMES
    assert world.tell("win w 5") == f"fine {95 * UNIT}"
    assert world.tell("back x") == f"fine {105 * UNIT}"


def test_giving_up_says_which_transaction_it_was_about(world: PlainWorld) -> None:
    call = Call("/", {"word": "please"}, b"bet b 10")
    world.store.faults = [ZeroDivisionError()]
    with pytest.raises(ZeroDivisionError):
        world.desk.serve(call)
    request = world.desk.give_up(call, Fault.BROKEN).request
    assert isinstance(request, Order)
    assert request.movement.reference == Reference("game:plain", "b")
    assert world.desk.give_up(Call(*call), Fault.BROKEN).request is None, "an equal call is not the same one"
    world.tell("bet b 10", word="now!")
    assert world.desk.give_up(call, Fault.BROKEN).request is None


def test_the_desk_is_well_while_there_are_keys_and_a_table(world: PlainWorld) -> None:
    assert world.desk.healthy()
    world.store.faults = [StoreBusy("ThrottlingException")]
    assert world.desk.healthy(), "busy for a moment is well"
    world.store.faults = [StoreBusy("ThrottlingException")] * 1_000
    assert not world.desk.healthy()
    world.store.faults = []
    world.word.broken = True
    assert not world.desk.healthy()


def test_a_dialect_is_found_by_its_providers_name() -> None:
    assert registry.dialect("hub88").provider == "hub88"


@pytest.mark.parametrize(
    "name", ["", "nobody", "dialect", "desk", "signing", "strict", "keys", "../hub88", "hub88.Hub88", "HUB88", "x" * 40]
)
def test_no_other_module_is_a_dialect(name: str) -> None:
    with pytest.raises(registry.UnknownProvider):
        registry.dialect(name)


def test_a_dialect_that_calls_itself_otherwise_is_not_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("countroom.games.providers.copy")
    module.DIALECT = Plain()  # type: ignore[attr-defined]  # a module made for this test
    monkeypatch.setitem(__import__("sys").modules, module.__name__, module)
    with pytest.raises(registry.UnknownProvider, match="otherwise"):
        registry.dialect("copy")
