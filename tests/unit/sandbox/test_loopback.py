"""The guard: nothing but literal loopback addresses over plain HTTP."""

import pytest

from sandbox import aws, wire
from sandbox.deploy import Place, Tools, deploy
from sandbox.loopback import NotLoopbackError, Target, require_loopback


@pytest.mark.parametrize(
    ("url", "target"),
    [
        ("http://127.0.0.1:4566", Target("127.0.0.1", 4566, "/")),
        ("http://127.8.9.10:80/a/$default?x=1", Target("127.8.9.10", 80, "/a/$default?x=1")),
        ("http://[::1]:4566/x", Target("::1", 4566, "/x")),
    ],
)
def test_loopback_addresses_pass(url: str, target: Target) -> None:
    assert require_loopback(url) == target


@pytest.mark.parametrize(
    "url",
    [
        "https://dynamodb.eu-west-1.amazonaws.com",
        "http://10.0.0.1:4566",
        "http://169.254.169.254:80/latest/meta-data",
        "http://0.0.0.0:4566",
        "http://localhost:4566",
        "http://127.0.0.1.example.com:4566",
        "http://127.0.0.1:4566@10.0.0.1:80",
        "http://2130706433:4566",
        "http://0x7f000001:4566",
        "http://[::ffff:10.0.0.1]:80",
        "http://127.0.0.1",
        "http://127.0.0.1:0",
        "http://127.0.0.1:99999",
        "https://127.0.0.1:4566",
        "file:///etc/passwd",
        "127.0.0.1:4566",
        "",
        "http://[",
    ],
)
def test_everything_else_is_refused(url: str) -> None:
    with pytest.raises(NotLoopbackError, match=r"calls http://127\.0\.0\.1:PORT only"):
        require_loopback(url)


def test_a_refusal_never_repeats_the_credentials_of_a_url() -> None:
    with pytest.raises(NotLoopbackError) as refused:
        require_loopback("http://user:hunter2@10.0.0.1:80/path")
    assert "hunter2" not in str(refused.value)


def test_no_client_leaves_the_machine() -> None:
    with pytest.raises(NotLoopbackError):
        wire.send("GET", "http://192.0.2.1:80/")
    with pytest.raises(NotLoopbackError):
        aws.client("sts", "https://sts.eu-west-1.amazonaws.com")
    with pytest.raises(NotLoopbackError):
        aws.take_role("https://sts.eu-west-1.amazonaws.com", "arn:aws:iam::1:role/x", "x")
    tools = Tools.__new__(Tools)
    place = Place.__new__(Place)
    with pytest.raises(NotLoopbackError):
        deploy(tools, place, "https://cloudformation.eu-west-1.amazonaws.com", lambda _: None)
