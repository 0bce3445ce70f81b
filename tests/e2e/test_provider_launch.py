"""Launching at the providers' own launch APIs: addresses when they answer, a named refusal when they do anything else."""

import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import pytest

from sandbox.faulty_server import Fault
from sandbox.stack import Stack
from sandbox.wire import Answer, send
from tests.conformance.over_http.casino import Casino, Spot
from tests.conformance.over_http.everywhere import standing

PROVIDERS = ["hub88", "swipe", "action_batch"]
FASTER_THAN_THE_GATEWAY_SECONDS = 29.0
RECOVERY_SECONDS = 90.0


@pytest.fixture(scope="module")
def casino(stack: Stack) -> Casino:
    return Casino(stack)


@pytest.fixture(scope="module")
def seated(casino: Casino) -> Spot:
    return casino.fresh("hub88", "0")


def order(stack: Stack, provider: str, fault: str | None, times: int = 1) -> int:
    """Let the next launches at a provider go wrong; gives how often it has been asked so far."""
    body = json.dumps({"fault": fault, "times": times}).encode()
    answer = send("PUT", f"{stack.launch_api}/{provider}/fault", body=body, headers={"Content-Type": "application/json"})
    assert answer.status == 200, answer.body
    asked: int = answer.json()["asked"]
    return asked


def launch(seated: Spot, provider: str, **said: str) -> Answer:
    game = seated.casino.game(provider)["id"]
    return seated.guest.api.raw("POST", f"/v1/games/{game}/sessions", json.dumps(said).encode())


def launched(seated: Spot, provider: str) -> None:
    """Launch until it works again: a circuit that has opened closes after a while."""
    end = time.monotonic() + RECOVERY_SECONDS
    while (answer := launch(seated, provider)).status != 201:
        assert time.monotonic() < end, answer.body
        time.sleep(1)


@pytest.fixture
def mended(seated: Spot) -> Iterator[None]:
    """Whatever a test breaks is whole afterwards, for the tests that follow."""
    yield
    for provider in PROVIDERS:
        order(seated.casino.stack, provider, None)
        launched(seated, provider)


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("mode", ["real", "demo"])
def test_a_launch_leads_to_a_page_of_the_provider(seated: Spot, provider: str, mode: str) -> None:
    answer = launch(seated, provider, mode=mode)
    assert answer.status == 201, answer.body
    said = answer.json()
    url = said["launch_url"]
    assert url.startswith(f"{seated.casino.stack.launch_api}/{provider}/play?")
    assert f"mode={mode}" in urlsplit(url).query
    assert bool(said.get("session_token")) is (mode == "real")
    page = send("GET", url)
    assert (page.status, page.headers["content-type"]) == (200, "text/html; charset=utf-8")


def test_the_launch_api_takes_nothing_that_the_house_has_not_signed(stack: Stack) -> None:
    headers = {"Content-Type": "application/json", "X-Hub88-Signature": "AAAA", "X-REQUEST-SIGN": "0" * 64}
    for path in ("hub88/operator/generic/v2/game/url", "swipe/create-new-game", "action_batch/sessions"):
        assert send("POST", f"{stack.launch_api}/{path}", body=b"{}", headers=headers).status == 403


@pytest.mark.usefixtures("mended")
@pytest.mark.parametrize("fault", [fault for fault in Fault if fault is not Fault.SLOW])
def test_a_provider_that_goes_wrong_is_unavailable_and_never_a_made_up_address(seated: Spot, fault: Fault) -> None:
    order(seated.casino.stack, "swipe", fault, 10)
    began = time.monotonic()
    answer = launch(seated, "swipe")
    assert (answer.status, answer.json()["code"]) == (503, "provider_unavailable")
    assert "launch_url" not in answer.json()
    assert time.monotonic() - began < FASTER_THAN_THE_GATEWAY_SECONDS


@pytest.mark.usefixtures("mended")
def test_while_one_providers_launches_hang_the_others_launch(seated: Spot) -> None:
    order(seated.casino.stack, "swipe", Fault.HANG, 1000)
    with ThreadPoolExecutor(4) as pool:
        hanging = [pool.submit(launch, seated, "swipe") for _ in range(4)]
        answers = [launch(seated, provider) for provider in ("hub88", "action_batch") for _ in range(3)]
        assert {answer.status for answer in answers} == {201}
        assert {job.result().status for job in hanging} == {503}


@pytest.mark.usefixtures("mended")
def test_a_launch_that_failed_leaves_the_player_where_he_plays(casino: Casino) -> None:
    spot = casino.fresh("hub88", "5.00")
    order(casino.stack, "swipe", Fault.ERROR, 10)
    assert launch(spot, "swipe").status == 503
    standing(spot)
