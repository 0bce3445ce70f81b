import json
from typing import Any

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError

from runtime.secrets import SecretReader, SecretUnavailable

ARN = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:x"


class Vault:
    """Answers like Secrets Manager's client; `value` None is an outage."""

    def __init__(self, value: str | None) -> None:
        self.value = value
        self.reads = 0
        self.error: Exception = ClientError({"Error": {"Code": "InternalServiceError"}}, "GetSecretValue")

    def get_secret_value(self, **request: Any) -> dict[str, Any]:
        assert request == {"SecretId": ARN}
        self.reads += 1
        if self.value is None:
            raise self.error
        return {"SecretString": self.value}


class Stopwatch:
    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


def make(value: str | None) -> tuple[Vault, Stopwatch, SecretReader]:
    vault, stopwatch = Vault(value), Stopwatch()
    return vault, stopwatch, SecretReader(vault, ARN, monotonic=stopwatch)


def test_one_read_serves_until_the_time_to_live_is_over() -> None:
    vault, stopwatch, reader = make('{"a": 1}')
    assert [reader.json(), reader.json()] == [{"a": 1}, {"a": 1}]
    stopwatch.seconds += 59.9
    reader.json()
    assert vault.reads == 1
    vault.value = '{"a": 2}'
    stopwatch.seconds += 0.1
    assert reader.json() == {"a": 2}
    assert vault.reads == 2


def test_refresh_brings_a_rotated_value_but_not_in_a_flood() -> None:
    vault, stopwatch, reader = make('{"a": 1}')
    reader.json()
    vault.value = '{"a": 2}'
    assert [reader.refresh() for _ in range(100)] == [False] * 100
    assert vault.reads == 1
    stopwatch.seconds += 5
    assert reader.refresh() is True
    assert reader.json() == {"a": 2}
    stopwatch.seconds += 5
    assert reader.refresh() is False
    assert vault.reads == 3


@pytest.mark.parametrize("error", [None, ReadTimeoutError(endpoint_url="x")])
def test_a_held_value_serves_through_an_outage_for_a_bounded_time(error: Exception | None) -> None:
    vault, stopwatch, reader = make('{"a": 1}')
    reader.json()
    vault.value = None
    vault.error = error or vault.error
    stopwatch.seconds += 899
    assert reader.json() == {"a": 1}
    stopwatch.seconds += 1
    with pytest.raises(SecretUnavailable):
        reader.json()


def test_an_outage_is_not_met_with_a_flood_of_reads_and_ends_by_itself() -> None:
    vault, stopwatch, reader = make(None)
    for _ in range(50):
        with pytest.raises(SecretUnavailable):
            reader.json()
    assert vault.reads == 1
    vault.value = '{"a": 1}'
    stopwatch.seconds += 5
    assert reader.json() == {"a": 1}


@pytest.mark.parametrize("value", ["placeholder-not-json", "[]", '"text"', ""])
def test_what_is_not_a_json_object_is_no_value_and_is_not_repeated(value: str) -> None:
    _, _, reader = make(value)
    with pytest.raises(SecretUnavailable) as caught:
        reader.json()
    assert str(caught.value) == "the secret cannot be read"


def test_a_binary_secret_is_no_value() -> None:
    class Binary:
        def get_secret_value(self, **_request: Any) -> dict[str, Any]:
            return {"SecretBinary": b"{}"}

    with pytest.raises(SecretUnavailable):
        SecretReader(Binary(), ARN).json()


@pytest.mark.usefixtures("aws")
def test_against_secrets_manager() -> None:
    from runtime import aws  # noqa: PLC0415 - the fixture of that name is meant above

    client = aws.client("secretsmanager")
    arn = client.create_secret(Name="n", SecretString=json.dumps({"secrets": ["whsec_x"]}))["ARN"]
    assert SecretReader(client, arn).json() == {"secrets": ["whsec_x"]}
