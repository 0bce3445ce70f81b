"""The sandbox's providers play with all the trouble that theirs make, and their own books agree with the house's."""

import dataclasses
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path
from threading import Event

import pytest

from sandbox import aws, keys
from sandbox.provider.__main__ import main
from sandbox.provider.line import Outcome, Verdict
from sandbox.stack import Stack
from tests.conformance.over_http.casino import Casino, Spot, turn
from tests.e2e.conftest import Sandbox

PROVIDERS = ["hub88", "swipe", "action_batch"]
FLOOD_THREADS = 6


def play(stack: Path, provider: str, *words: str) -> int:
    return main([provider, "--player", "new", "--stack", str(stack), *words])


@pytest.mark.parametrize("provider", PROVIDERS)
def test_thirty_rounds_with_much_trouble(sandbox: Sandbox, provider: str, capsys: pytest.CaptureFixture[str]) -> None:
    status = play(sandbox.stack_path, provider, "--rounds", "30", "--chaos", "0.2", "--seed", "20261123")
    said = capsys.readouterr()
    assert status == 0, said.out + said.err
    assert "the count is right" in said.out
    for trouble in ("answers lost", "sent twice", "bets taken back", "originals after their rollback"):
        assert trouble in said.out


@pytest.mark.parametrize("provider", PROVIDERS)
def test_rounds_side_by_side(sandbox: Sandbox, provider: str, capsys: pytest.CaptureFixture[str]) -> None:
    status = play(sandbox.stack_path, provider, "--rounds", "12", "--chaos", "0.2", "--burst", "6", "--seed", "7")
    said = capsys.readouterr()
    assert status == 0, said.out + said.err


def test_a_sample_player_is_found_by_address_and_a_stranger_is_not(sandbox: Sandbox, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["hub88", "--player", "nobody@example.com", "--stack", str(sandbox.stack_path)]) == 1
    assert "knows no player 'nobody@example.com'" in capsys.readouterr().err


def test_a_provider_whose_key_the_house_does_not_know_is_told_apart_from_one_that_plays_well(
    sandbox: Sandbox, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The run must be able to fail: every bet is refused, and the exit status says so."""
    stack = Stack.read(sandbox.stack_path)
    providers = stack.providers | {"swipe": dataclasses.replace(stack.providers["swipe"], secret=keys.new_shared_secret())}
    path = tmp_path / "stack.json"
    dataclasses.replace(stack, providers=providers).write(path)
    assert play(path, "swipe", "--rounds", "2", "--seed", "1") == 1
    said = capsys.readouterr().out
    assert "DIFFERENCE bets: refused with 401" in said
    assert "NOT RIGHT (seed 1)" in said


# ------------------------------------------------------------------------------------------------------------ isolation


@pytest.fixture(scope="module")
def casino(stack: Stack) -> Casino:
    return Casino(stack)


@pytest.fixture
def flood(casino: Casino) -> Iterator[list[Verdict]]:
    """One provider sends bets with a bad and a good signature as fast as it can, until the test is over."""
    spot, stop, verdicts = casino.fresh("hub88", "100.00"), Event(), list[Verdict]()
    forged = dataclasses.replace(spot.seat, provider=casino.foreign("hub88"))

    def send() -> None:
        while not stop.is_set():
            for seat in (forged, spot.seat):
                verdicts.append(spot.verdict(spot.speaker.bet(seat, turn("0.10"))))

    with ThreadPoolExecutor(FLOOD_THREADS) as pool:
        jobs = [pool.submit(send) for _ in range(FLOOD_THREADS)]
        try:
            yield verdicts
        finally:
            stop.set()
    for job in jobs:
        job.result()


def standing(spot: Spot) -> Outcome:
    return spot.bet(turn("0.10")).outcome


@pytest.mark.parametrize("other", ["swipe", "action_batch"])
def test_while_one_provider_floods_another_plays_on(casino: Casino, flood: list[Verdict], other: str) -> None:
    spot = casino.fresh(other, "20.00")
    assert {standing(spot) for _ in range(20)} == {Outcome.STANDS}
    assert spot.balance() == 18
    assert {verdict.word for verdict in flood} <= {"RS_OK", "RS_ERROR_INVALID_SIGNATURE", "RS_ERROR_NOT_ENOUGH_MONEY"}
    assert len(flood) > FLOOD_THREADS


@pytest.fixture
def narrow(stack: Stack) -> Iterator[int]:
    """Let each route of Hub88 have two requests at one moment, and a new one every minute; give how many at one moment."""
    apis = aws.client("apigatewayv2", stack.endpoint)
    (api,) = [one["ApiId"] for one in apis.get_apis()["Items"] if one["Name"].endswith("-provider")]
    (stage,) = apis.get_stages(ApiId=api)["Items"]
    place = {"ApiId": api, "StageName": stage["StageName"]}
    wide = {route: {"ThrottlingRateLimit": 5_000, "ThrottlingBurstLimit": 5_000} for route in stage["RouteSettings"]}
    tight = {route: {"ThrottlingRateLimit": 1 / 60, "ThrottlingBurstLimit": 2} for route in wide if "/v1/hub88" in route}
    assert tight
    apis.update_stage(**place, RouteSettings=wide | tight)
    yield 2
    apis.update_stage(**place, RouteSettings=wide)


def test_beyond_its_own_throttle_a_provider_is_refused_before_any_function_and_the_others_are_not(
    casino: Casino, narrow: int
) -> None:
    flooding, other = casino.fresh("hub88", "20.00"), casino.fresh("swipe", "20.00")
    bets = [flooding.send(flooding.speaker.bet(flooding.seat, turn("1.00"))) for _ in range(6)]
    assert [answer.status for answer in bets] == [200] * narrow + [429] * (6 - narrow)
    assert {answer.body for answer in bets[narrow:]} == {b'{"message":"Too Many Requests"}'}
    assert {standing(other) for _ in range(6)} == {Outcome.STANDS}
    assert (flooding.balance(), other.balance()) == (Decimal(20 - narrow), Decimal("19.4"))
