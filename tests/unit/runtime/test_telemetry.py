import io
import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from runtime import telemetry
from tests.unit.rest import Context


def lines(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    """What the process's logger writes during this test."""
    stream = io.StringIO()
    monkeypatch.setattr(telemetry.logger.registered_handler, "stream", stream)
    return stream


def test_a_line_carries_the_request_and_never_the_event(log: io.StringIO, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POWERTOOLS_LOGGER_LOG_EVENT", "true")

    @telemetry.observed
    def handler(_event: dict[str, Any], _context: Any) -> str:
        telemetry.set_correlation_id("gateway-1")
        telemetry.logger.info("hello", player_id="pl_1")
        return "answer"

    assert handler({"body": "hunter2hunter2"}, Context()) == "answer"
    (line,) = lines(log.getvalue())
    assert line["function_request_id"] == "lambda-request"
    assert (line["correlation_id"], line["player_id"], line["message"]) == ("gateway-1", "pl_1", "hello")
    assert "hunter2" not in json.dumps(line)


def test_nothing_of_one_invocation_shows_in_the_next(log: io.StringIO) -> None:
    @telemetry.observed
    def handler(event: dict[str, Any], _context: Any) -> None:
        if event:
            telemetry.set_correlation_id("first")
            telemetry.logger.append_keys(player_id="pl_1")
        telemetry.logger.info("x")

    handler({"a": 1}, Context())
    handler({}, Context())
    first, second = lines(log.getvalue())
    assert first["player_id"] == "pl_1"
    assert "player_id" not in second
    assert second.get("correlation_id") != "first"


def test_counts_are_flushed_once_also_when_the_handler_fails(capsys: pytest.CaptureFixture[str]) -> None:
    @telemetry.observed
    def handler(_event: dict[str, Any], _context: Any) -> None:
        telemetry.count("Things", 2)
        raise RuntimeError

    with pytest.raises(RuntimeError):
        handler({}, Context())
    (line,) = lines(capsys.readouterr().out)
    assert line["Things"] == [2.0]
    assert line["_aws"]["CloudWatchMetrics"][0]["Namespace"] == "Countroom"
    assert not telemetry.metrics.metric_set


def test_no_metric_no_line(capsys: pytest.CaptureFixture[str]) -> None:
    telemetry.observed(lambda _event, _context: None)({}, Context())
    assert lines(capsys.readouterr().out) == []


def test_a_count_with_dimensions_stands_alone(capsys: pytest.CaptureFixture[str]) -> None:
    telemetry.count("SignatureRejected", dimensions={"provider": "hub88"})
    (line,) = lines(capsys.readouterr().out)
    assert (line["provider"], line["SignatureRejected"]) == ("hub88", [1.0])


def test_an_error_is_described_without_its_words() -> None:
    def inner() -> None:
        raise KeyError("secret one")

    def outer() -> None:
        try:
            inner()
        except KeyError as cause:
            raise ValueError("secret two") from cause

    with pytest.raises(ValueError, match="secret") as caught:
        outer()
    described = telemetry.describe(caught.value)
    assert described["error"] == "builtins.ValueError"
    assert described["causes"] == ["builtins.KeyError"]
    assert described["frames"][-1].endswith(" outer")
    assert "secret" not in json.dumps(described)


def test_a_service_s_error_keeps_its_code_and_operation() -> None:
    error = ClientError({"Error": {"Code": "AccessDeniedException", "Message": "secret"}}, "Sign")
    described = telemetry.describe(error)
    assert (described["code"], described["operation"]) == ("AccessDeniedException", "Sign")
    assert "secret" not in json.dumps(described)


def test_frames_and_causes_are_bounded() -> None:
    def sink(depth: int) -> None:
        if depth == 0:
            raise RuntimeError
        try:
            sink(depth - 1)
        except RuntimeError as error:
            raise RuntimeError from error

    with pytest.raises(RuntimeError) as caught:
        sink(60)
    described = telemetry.describe(caught.value)
    assert len(described["frames"]) <= telemetry.FRAMES_MAX
    assert len(described["causes"]) == telemetry.CAUSES_MAX
