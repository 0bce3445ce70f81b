"""Deployment: outputs become addresses on loopback, failures become sentences."""

import json
import sys
from pathlib import Path

import pytest

from sandbox import deploy
from sandbox.processes import Program
from sandbox.stack import Apis, LeftOut

HERE = "http://127.0.0.1:4566"


def outputs(**changes: str) -> dict[str, str]:
    return {
        "PlayerApiUrl": "https://abc123.execute-api.eu-west-1.amazonaws.com/live/",
        "ProviderApiUrl": "http://def456.execute-api.127.0.0.1:4566",
        "WebhookApiUrl": "https://ghi789.execute-api.eu-west-1.amazonaws.com",
        "VerificationApiUrl": "https://jkl012.execute-api.eu-west-1.amazonaws.com",
    } | changes


def test_api_addresses_point_at_the_emulator() -> None:
    assert deploy.apis(HERE, outputs()) == Apis(
        player=f"{HERE}/_aws/execute-api/abc123/live",
        provider=f"{HERE}/_aws/execute-api/def456/$default",
        webhook=f"{HERE}/_aws/execute-api/ghi789/$default",
        verification=f"{HERE}/_aws/execute-api/jkl012/$default",
    )


@pytest.mark.parametrize("url", ["", "https://example.com/live", "https://abc.example.com"])
def test_an_output_that_is_no_api_is_named(url: str) -> None:
    with pytest.raises(deploy.DeployError, match="output PlayerApiUrl is no API's address"):
        deploy.apis(HERE, outputs(PlayerApiUrl=url))


def test_what_was_left_out_is_read_from_the_assembly(tmp_path: Path) -> None:
    noted = [{"type": "AWS::X::Y", "logical_id": "Y1", "reason": "unknown"}]
    (tmp_path / deploy.LEFT_OUT_FILE).write_text(json.dumps(noted), encoding="utf-8")
    assert deploy.left_out(tmp_path) == [LeftOut("AWS::X::Y", "Y1", "unknown")]


def run(tmp_path: Path, code: str) -> Program:
    return Program([sys.executable, "-S", "-c", code], env={}, cwd=tmp_path, log=tmp_path / "synth.log")


def test_a_failed_synth_says_what_matters_and_where_the_rest_is(tmp_path: Path) -> None:
    code = "print('harmless'); print('KeyError: no such thing'); print('bye'); raise SystemExit(1)"
    with run(tmp_path, code) as program, pytest.raises(deploy.DeployError) as failed:
        deploy.finish_synth(program)
    assert str(tmp_path / "synth.log") in str(failed.value)
    assert "KeyError: no such thing" in str(failed.value)
    assert "harmless" not in str(failed.value)


def test_a_synth_that_does_not_end_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deploy, "SYNTH_TIMEOUT_SECONDS", 0.2)
    with run(tmp_path, "import time; time.sleep(60)") as program:
        with pytest.raises(deploy.DeployError, match="cdk synth did not end within 0 s"):
            deploy.finish_synth(program)
        program.stop()
        assert program.exit_status == 128 + 15


def test_a_synth_that_works_passes(tmp_path: Path) -> None:
    with run(tmp_path, "pass") as program:
        deploy.finish_synth(program)


def test_the_app_is_told_where_the_providers_and_gateways_apis_listen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[list[str | Path]] = []
    monkeypatch.setattr(deploy, "Program", lambda command, **_: started.append(command))
    tools = deploy.Tools(tmp_path / "python", tmp_path / "node", tmp_path / "cdk", tmp_path)
    place = deploy.Place(tmp_path, tmp_path, tmp_path, tmp_path, tmp_path)
    urls = {
        "launch-urls": {"swipe": "http://127.0.0.1:1/swipe"},
        "payment-urls": {"adyen": "http://127.0.0.1:2/adyen"},
        "payout-urls": {"adyen": "http://127.0.0.1:3/adyen"},
    }
    deploy.synth(tools, place, urls)
    (command,) = started
    context = [command[place + 1] for place, word in enumerate(command) if word == "-c"]
    assert context == [
        "stage=sandbox",
        'launch-urls={"swipe": "http://127.0.0.1:1/swipe"}',
        'payment-urls={"adyen": "http://127.0.0.1:2/adyen"}',
        'payout-urls={"adyen": "http://127.0.0.1:3/adyen"}',
    ]


def test_assets_of_earlier_syntheses_are_removed(tmp_path: Path) -> None:
    for name in ("asset.aa", "asset.bb"):
        (tmp_path / name).mkdir()
    (tmp_path / "asset.cc.zip").touch()
    (tmp_path / "One.assets.json").write_text('{"path": "asset.bb"}', encoding="utf-8")
    deploy.prune(tmp_path)
    assert sorted(one.name for one in tmp_path.iterdir()) == ["One.assets.json", "asset.bb", "asset.cc.zip"]
