"""The operator's AWS clients take nothing from the shell."""

from pathlib import Path

import pytest

from sandbox import aws

HERE = "http://127.0.0.1:4566"


@pytest.fixture
def real_shell(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A shell with a real-looking account in every place that botocore looks at."""
    (tmp_path / "config").write_text("[default]\nregion = us-east-1\nendpoint_url = https://192.0.2.1\n", encoding="utf-8")
    (tmp_path / "credentials").write_text("[default]\naws_access_key_id = AKIAREAL\naws_secret_access_key = x\n", encoding="utf-8")
    for name, value in {
        "AWS_CONFIG_FILE": str(tmp_path / "config"),
        "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "credentials"),
        "AWS_PROFILE": "production",
        "AWS_ACCESS_KEY_ID": "AKIAREAL",
        "AWS_SECRET_ACCESS_KEY": "real",
        "AWS_SESSION_TOKEN": "real",
        "AWS_ENDPOINT_URL": "https://192.0.2.1",
        "AWS_ENDPOINT_URL_STS": "https://192.0.2.2",
        "AWS_USE_FIPS_ENDPOINT": "true",
        "AWS_REGION": "us-east-1",
        "HTTP_PROXY": "http://192.0.2.3:3128",
    }.items():
        monkeypatch.setenv(name, value)


@pytest.mark.usefixtures("real_shell")
@pytest.mark.parametrize("service", ["sts", "s3", "dynamodb", "lambda", "kms", "secretsmanager", "iam", "logs"])
def test_a_client_has_the_emulators_address_region_and_keys(service: str) -> None:
    client = aws.client(service, HERE)
    keys = client._request_signer._credentials
    assert (client.meta.endpoint_url, client.meta.region_name.replace("aws-global", "eu-west-1")) == (HERE, "eu-west-1")
    assert (keys.access_key, keys.secret_key, keys.token) == ("test", "test", None)
    assert client.meta.config.proxies == {}
    assert (client.meta.config.connect_timeout, client.meta.config.read_timeout) == (5, 60)


@pytest.mark.usefixtures("real_shell")
def test_a_role_that_was_taken_on_signs_with_its_own_keys() -> None:
    taken = {"AccessKeyId": "ASIA1", "SecretAccessKey": "s", "SessionToken": "t"}
    keys = aws.client("dynamodb", HERE, taken)._request_signer._credentials
    assert (keys.access_key, keys.secret_key, keys.token) == ("ASIA1", "s", "t")
