"""What the command that deploys says before it starts anything."""

import pytest

from tools import cdk


@pytest.fixture
def bare_shell(monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> pytest.MonkeyPatch:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE", "AWS_DEFAULT_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", f"{tmp_path}/credentials")
    monkeypatch.setenv("AWS_CONFIG_FILE", f"{tmp_path}/config")
    return monkeypatch


@pytest.mark.parametrize("action", ["deploy", "bootstrap"])
def test_without_credentials_nothing_is_started_and_the_message_says_what_to_do(
    action: str, bare_shell: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    bare_shell.setattr("sys.argv", ["cdk", action, "dev"])
    bare_shell.setattr("subprocess.run", lambda *_args, **_kwargs: pytest.fail("the CDK was started"))
    assert cdk.main() == 1
    assert "AWS_PROFILE" in capsys.readouterr().err


def test_a_profile_that_does_not_exist_is_said_so(bare_shell: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    bare_shell.setenv("AWS_PROFILE", "nobody")
    assert not cdk.has_credentials()
    assert "nobody" in capsys.readouterr().err


def test_credentials_are_found(bare_shell: pytest.MonkeyPatch) -> None:
    bare_shell.setenv("AWS_ACCESS_KEY_ID", "test")
    bare_shell.setenv("AWS_SECRET_ACCESS_KEY", "test")
    assert cdk.has_credentials()


@pytest.mark.parametrize("stage", cdk.STAGES)
def test_a_placeholder_for_the_mail_domain_is_named(stage: str) -> None:
    assert "mail_domain" in cdk.warning(stage)
