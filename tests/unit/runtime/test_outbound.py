"""The way out against a real server on this machine that does whatever a provider may."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from pytest_socket import disable_socket, enable_socket, socket_allow_hosts

from runtime.outbound import Answered, Limits, Outcome, Port, Reason, Request, Target, Unknown
from tests.unit.runtime.peer import Behaviour, Peer, answer_well, drips, hang, peer, reset, sends

QUICK = Limits(connect_s=0.3, read_s=0.3, total_s=0.9, tries_max=3, wait_s=0.001, body_bytes_max=4096)
ASK = Request("POST", "/games", {"Content-Type": "application/json"}, b"{}")
HTML = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 13\r\n\r\n<html></html>"
PATIENCE_S = 20.0
"""No assertion is about time but this: a call that has not come back by then has no end."""


@pytest.fixture
def there() -> Iterator[Peer]:
    enable_socket()
    socket_allow_hosts(["127.0.0.1"])
    with peer() as running:
        yield running
    disable_socket()


def port(url: str, **changes: Any) -> Port:
    return Port(Target("acme", url), limits=replace(QUICK, **changes), sleep=lambda _s: None)


def called(way: Port, *, idempotent: bool = False, request: Request = ASK) -> Outcome:
    """Make the call in a thread, so that one without an end fails the test instead of stopping it."""
    came: list[Outcome] = []
    thread = threading.Thread(target=lambda: came.append(way.call(request, idempotent=idempotent)), daemon=True)
    thread.start()
    thread.join(PATIENCE_S)
    assert came, "the call has no end"
    return came[0]


def test_a_whole_answer_is_answered_and_the_connection_used_again(there: Peer) -> None:
    way = port(there.url + "/api/")
    for _ in range(3):
        outcome = called(way)
        assert isinstance(outcome, Answered)
        assert (outcome.status, outcome.value, outcome.headers["content-type"]) == (200, {"url": "https:"}, "application/json")
    assert len(there.requests) == 3
    assert there.requests[0].startswith(b"POST /api/games HTTP/1.1\r\n")
    assert there.requests[0].endswith(b"\r\n\r\n{}")


@pytest.mark.parametrize("status", [b"400 Bad Request", b"401 Unauthorized", b"404 Not Found", b"409 Conflict", b"429 Too Many"])
def test_a_refusal_is_an_answer(there: Peer, status: bytes) -> None:
    there.behaviour = sends(b"HTTP/1.1 " + status + b"\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}")
    outcome = called(port(there.url), idempotent=True)
    assert isinstance(outcome, Answered)
    assert outcome.status == int(status[:3])
    assert len(there.requests) == 1


ENDLESS = b"HTTP/1.1 200 OK\r\nX-Long: " + b"x" * 4000
"""Dripped, a header that outlasts the patience of every test: no single wait for a byte is long."""

JSON_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
REDIRECT = b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"


@pytest.mark.parametrize(
    ("behaviour", "reason"),
    [
        (hang, Reason.TIMED_OUT),
        (drips(ENDLESS, 0.05), Reason.TIMED_OUT),
        (drips(JSON_HEAD + b"Content-Length: 400\r\n\r\n" + b" " * 400, 0.02), Reason.TIMED_OUT),
        (sends(JSON_HEAD + b"Content-Length: 400\r\n\r\n", b'{"url": "htt'), Reason.CUT_OFF),
        (sends(JSON_HEAD + b"Content-Length: 400\r\n\r\n", b'{"url"', then_close=False), Reason.TIMED_OUT),
        (sends(JSON_HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b'5\r\n{"a":'), Reason.CUT_OFF),
        (sends(b"HTTP/1.1 20"), Reason.CUT_OFF),
        (sends(b""), Reason.CUT_OFF),
        (sends(b"SSH-2.0-OpenSSH_9\r\n"), Reason.CUT_OFF),
        (reset, Reason.CUT_OFF),
        (sends(REDIRECT), Reason.REDIRECTED),
        (sends(HTML), Reason.WRONG_MEDIA_TYPE),
        (sends(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"), Reason.WRONG_MEDIA_TYPE),
        (sends(JSON_HEAD + b"\r\n" + b'{"url": "htt'), Reason.NOT_JSON),
        (sends(JSON_HEAD + b"Content-Length: 16\r\n\r\n" + b'{"a": 1, "a": 2}'), Reason.NOT_JSON),
        (sends(JSON_HEAD + b"Content-Length: 3\r\n\r\n" + b"NaN"), Reason.NOT_JSON),
        (sends(JSON_HEAD + b"Content-Length: 0\r\n\r\n"), Reason.NOT_JSON),
        (sends(JSON_HEAD + b"Content-Encoding: gzip\r\nContent-Length: 4\r\n\r\n\x1f\x8b\x08\x00"), Reason.NOT_JSON),
        (sends(JSON_HEAD + b"Content-Length: 9000\r\n\r\n" + b" " * 9000), Reason.TOO_LARGE),
        (sends(JSON_HEAD + b"\r\n" + b" " * 9000), Reason.TOO_LARGE),
        (sends(b"HTTP/1.1 500 No\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"), Reason.SERVER_ERROR),
        (sends(b"HTTP/1.1 503 No\r\nContent-Type: text/html\r\nContent-Length: 2\r\n\r\nno"), Reason.SERVER_ERROR),
    ],
)
def test_what_is_no_whole_answer_is_unknown(there: Peer, behaviour: Behaviour, reason: Reason) -> None:
    there.behaviour = behaviour
    outcome = called(port(there.url))
    assert isinstance(outcome, Unknown)
    assert outcome.reason is reason
    assert len(there.requests) == 1  # not idempotent: sent once, whatever came of it


def test_nobody_listening_is_not_connected(there: Peer) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
        assert called(port(url)) == Unknown(Reason.NOT_CONNECTED)
    assert there.requests == []


def test_what_may_be_repeated_is_and_the_first_whole_answer_counts(there: Peer) -> None:
    def fails_twice(connection: socket.socket, request: bytes) -> None:
        (reset if len(there.requests) < 3 else answer_well)(connection, request)

    there.behaviour = fails_twice
    assert isinstance(called(port(there.url), idempotent=True), Answered)
    assert len(there.requests) == 3


def test_repeats_have_an_end(there: Peer) -> None:
    there.behaviour = reset
    assert called(port(there.url), idempotent=True) == Unknown(Reason.CUT_OFF)
    assert len(there.requests) == 3


def test_repeats_end_with_the_time(there: Peer) -> None:
    there.behaviour = hang
    assert called(port(there.url, tries_max=1000, read_s=0.2, total_s=0.5), idempotent=True) == Unknown(Reason.TIMED_OUT)
    assert len(there.requests) <= 3


def test_after_a_bad_answer_the_next_call_gets_its_own(there: Peer) -> None:
    way = port(there.url)
    there.behaviour = sends(JSON_HEAD + b"Content-Length: 9000\r\n\r\n" + b" " * 9000, then_close=False)
    assert isinstance(called(way), Unknown)
    there.behaviour = answer_well
    assert isinstance(called(way), Answered)


def test_one_provider_that_hangs_holds_up_its_own_calls_only(there: Peer) -> None:
    there.behaviour = hang
    way = port(there.url, at_once_max=2, read_s=5.0, total_s=5.0)
    came: list[Outcome] = []
    threads = [threading.Thread(target=lambda: came.append(way.call(ASK, idempotent=False)), daemon=True) for _ in range(2)]
    for thread in threads:
        thread.start()
    _until(lambda: len(there.requests) == 2)
    assert called(way) == Unknown(Reason.BULKHEAD_FULL)
    assert came == []
    with peer() as other:
        assert isinstance(called(port(other.url, at_once_max=2)), Answered)
    there.close()
    for thread in threads:
        thread.join(PATIENCE_S)
    assert len(came) == 2


class Watched:
    """A circuit that is open or not, and notes what goes through it."""

    def __init__(self) -> None:
        self.is_open = False
        self.came: list[Outcome] = []

    def guard(self, call: Callable[[], Outcome]) -> Outcome:
        if self.is_open:
            return Unknown(Reason.CIRCUIT_OPEN)
        self.came.append(call())
        return self.came[-1]


def test_a_call_without_a_place_says_nothing_to_the_circuit(there: Peer) -> None:
    there.behaviour = hang
    circuit = Watched()
    way = Port(Target("acme", there.url), limits=replace(QUICK, at_once_max=1, read_s=5.0, total_s=5.0), circuit=circuit)
    thread = threading.Thread(target=lambda: way.call(ASK, idempotent=False), daemon=True)
    thread.start()
    _until(lambda: len(there.requests) == 1)
    for _ in range(10):
        assert called(way, idempotent=True) == Unknown(Reason.BULKHEAD_FULL)
    assert circuit.came == []  # neither a success nor a failure
    there.close()
    thread.join(PATIENCE_S)
    assert [type(one) for one in circuit.came] == [Unknown]


def test_an_open_circuit_keeps_no_place(there: Peer) -> None:
    circuit = Watched()
    circuit.is_open = True
    way = Port(Target("acme", there.url), limits=replace(QUICK, at_once_max=1), circuit=circuit)
    for _ in range(5):
        assert called(way) == Unknown(Reason.CIRCUIT_OPEN)
    circuit.is_open = False
    assert isinstance(called(way), Answered)
    assert len(there.requests) == 1


def test_a_circuit_that_fails_keeps_no_place(there: Peer) -> None:
    class Faulty:
        def guard(self, call: Callable[[], Outcome]) -> Outcome:
            del call
            raise ZeroDivisionError

    faulty = Port(Target("acme", there.url), limits=replace(QUICK, at_once_max=1), circuit=Faulty())
    for _ in range(3):
        with pytest.raises(ZeroDivisionError):
            faulty.call(ASK, idempotent=False)


def test_a_call_that_was_given_up_gives_its_place_back_when_it_has_ended(there: Peer) -> None:
    there.behaviour = drips(ENDLESS, 0.05)
    way = port(there.url, at_once_max=1, total_s=0.3)
    assert called(way) == Unknown(Reason.TIMED_OUT)
    there.behaviour = answer_well
    _until(lambda: isinstance(called(way), Answered))


def _until(happened: Callable[[], bool]) -> None:
    ends = time.monotonic() + PATIENCE_S
    while not happened():
        assert time.monotonic() < ends, "it never happened"
        time.sleep(0.01)


def test_an_observer_is_told_each_outcome_once(there: Peer) -> None:
    told: list[Outcome] = []
    way = Port(Target("acme", there.url), limits=QUICK, observe=told.append, sleep=lambda _s: None)
    there.behaviour = reset
    first = called(way, idempotent=True)
    there.behaviour = answer_well
    second = called(way)
    assert told == [first, second]


@pytest.mark.parametrize("url", ["http://g.example", "https://u:p@g.example", "https://g.example/?a=b", "g.example", ""])
def test_a_target_that_is_not_safe_is_never_called(url: str) -> None:
    with pytest.raises(ValueError, match="base URL"):
        Target("acme", url)
