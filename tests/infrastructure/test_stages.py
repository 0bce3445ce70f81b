import dataclasses
import json
import os
import subprocess
import sys
from pathlib import Path

import aws_cdk as cdk
import pytest
from aws_cdk import aws_sns as sns

from countroom.jurisdictions.profiles import PROFILES
from infrastructure import findings
from infrastructure.application import build
from infrastructure.stages import STAGE_NAMES, UnknownStageError, stage_settings
from tests.infrastructure.templates import Templates, acknowledged

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("name", STAGE_NAMES)
def test_a_stage_is_a_frozen_record(name: str) -> None:
    settings = stage_settings(name)
    assert settings.name == name
    with pytest.raises(dataclasses.FrozenInstanceError):
        settings.name = "other"  # type: ignore[misc] # that it cannot be assigned is the point


def test_an_unknown_stage_is_one_clear_sentence(tmp_path: Path) -> None:
    with pytest.raises(UnknownStageError, match=r"^There is no stage 'prood': choose one of sandbox, dev, prod"):
        build(str(tmp_path), {"stage": "prood"})


def test_the_entrance_ends_with_that_sentence_and_no_traceback(tmp_path: Path) -> None:
    environment = {**os.environ, "CDK_CONTEXT_JSON": json.dumps({"stage": "prood"}), "CDK_OUTDIR": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "app.py"], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert done.stderr.splitlines()[-1].startswith("There is no stage 'prood'")


def test_only_the_sandbox_is_emulated_and_forgetful() -> None:
    assert [name for name in STAGE_NAMES if stage_settings(name).emulated] == ["sandbox"]
    assert [name for name in STAGE_NAMES if not stage_settings(name).keeps_data] == ["sandbox"]


def test_a_session_ends_before_an_exclusion_does_so_that_play_after_it_takes_a_login() -> None:
    """At the login the register of the excluded is asked again; who asks to be let in keeps his session."""
    shortest_ms = min(profile.reopening_wait_ms for profile in PROFILES.values())
    assert all(stage_settings(name).session_absolute_seconds * 1000 < shortest_ms for name in STAGE_NAMES)


def test_tokens_of_one_stage_mean_nothing_in_another() -> None:
    assert len({stage_settings(name).token_issuer for name in STAGE_NAMES}) == len(STAGE_NAMES)


@pytest.mark.parametrize(("stage", "protected"), [("sandbox", False), ("dev", False), ("prod", True)])
def test_termination_protection_reaches_every_stack(
    synthesised_manifest: dict[str, dict[str, object]], stage: str, *, protected: bool
) -> None:
    stacks = [
        one for one in synthesised_manifest[stage].values() if isinstance(one, dict) and one["type"] == "aws:cloudformation:stack"
    ]
    assert len(stacks) == 5
    for stack in stacks:
        assert stack["properties"].get("terminationProtection", False) is protected


@pytest.fixture
def synthesised_manifest(request: pytest.FixtureRequest) -> dict[str, dict[str, object]]:
    synthesised = request.getfixturevalue("synthesised")
    return {
        stage: json.loads((synthesised(stage).folder / "manifest.json").read_text(encoding="utf-8"))["artifacts"]
        for stage in STAGE_NAMES
    }


def test_no_stack_grows_out_of_what_cloudformation_holds(every_stage: Templates) -> None:
    """It refuses a stack of more than 500 resources."""
    assert max(len(stack["Resources"]) for stack in every_stage.stacks()) <= 480


def test_the_sandbox_deploys_with_the_callers_own_credentials(sandbox: Templates) -> None:
    assert "cdk-hnb659fds-deploy-role" not in (sandbox.folder / "manifest.json").read_text(encoding="utf-8")


def test_synth_for_aws_has_no_finding_left(aws_stage: Templates) -> None:
    """The synth of the fixture would have failed on an error; warnings do not fail it, so they are looked for here."""
    report = aws_stage.folder / "validation-report.json"
    found = json.loads(report.read_text(encoding="utf-8"))["pluginReports"] if report.exists() else []
    severities = {violation["severity"] for plugin in found for violation in plugin["violations"]}
    assert severities <= {"info"}


def test_a_finding_stops_the_synth(tmp_path: Path) -> None:
    app = cdk.App(outdir=str(tmp_path))
    sns.Topic(cdk.Stack(app, "Careless"), "Plain")
    findings.check(app)
    with pytest.raises(RuntimeError, match="AwsSolutions-SNS3"):
        app.synth()


def test_acknowledgements_give_reasons(tmp_path: Path) -> None:
    app = build(str(tmp_path), {"stage": "prod", "aws:cdk:bundling-stacks": []})
    reasons = [reason for node in app.node.find_all() for reason in acknowledged(node) if not reason.startswith("Annotation")]
    assert len(reasons) > 20
    assert min(map(len, reasons)) > 40
