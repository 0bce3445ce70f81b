"""What the sandbox's children see: nothing of a real AWS account."""

from pathlib import Path

import pytest

from sandbox import emulator, environment

SHELL = {
    "PATH": "/opt/evil:/usr/bin",
    "HOME": "/home/dev",
    "LANG": "C.UTF-8",
    "AWS_ACCESS_KEY_ID": "AKIAREALREALREALREAL",
    "AWS_SECRET_ACCESS_KEY": "real-secret",
    "AWS_SESSION_TOKEN": "real-token",
    "AWS_PROFILE": "production",
    "AWS_ENDPOINT_URL": "https://example.com",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://169.254.170.2/x",
    "AWS_WEB_IDENTITY_TOKEN_FILE": "/var/run/token",
    "HTTPS_PROXY": "http://proxy.example.com:3128",
    "http_proxy": "http://proxy.example.com:3128",
    "PYTHONPATH": "/home/dev/lib",
    "NODE_OPTIONS": "--require /home/dev/x.js",
    "PIP_INDEX_URL": "https://mirror.example.com/simple",
}
REAL = ("AKIA", "real-", "production", "169.254", "/var/run/token", "/opt/evil", "/home/dev/lib", "/home/dev/x.js")


def leaks(env: dict[str, str]) -> list[str]:
    return [key for key, value in env.items() if any(mark in value for mark in REAL)]


def test_a_child_gets_a_home_of_the_sandbox_and_no_configuration() -> None:
    env = environment.base(SHELL, home=Path("/s/home"), temp=Path("/s/tmp"), path=(Path("/s/bin"),))
    assert leaks(env) == []
    assert env["HOME"] == "/s/home"
    assert env["TMPDIR"] == "/s/tmp"
    assert env["PATH"] == "/s/bin:/usr/local/bin:/usr/bin:/bin"
    assert env["AWS_CONFIG_FILE"] == env["AWS_SHARED_CREDENTIALS_FILE"] == "/dev/null"
    assert env["AWS_EC2_METADATA_DISABLED"] == "true"
    assert env["LANG"] == "C.UTF-8"
    assert not {key for key in env if "proxy" in key.lower()}


def test_the_emulator_gets_its_own_keys_and_enforces_iam(monkeypatch: pytest.MonkeyPatch) -> None:
    for key, value in SHELL.items():
        monkeypatch.setenv(key, value)
    env = emulator.environment(4567, Path("/s/tmp"))
    assert leaks(env) == []
    assert {key: env[key] for key in ("AUTH", "BIND_HOST", "GATEWAY_PORT", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")} == {
        "AUTH": "true",
        "BIND_HOST": "127.0.0.1",
        "GATEWAY_PORT": "4567",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
    }
    assert env["PERSIST_STATE"] == "0"


def test_bundling_fetches_wheels_as_the_user_does_and_nothing_more() -> None:
    passed = environment.package_settings(SHELL)
    assert passed["PIP_INDEX_URL"] == passed["UV_DEFAULT_INDEX"] == "https://mirror.example.com/simple"
    assert passed["HTTPS_PROXY"] == "http://proxy.example.com:3128"
    assert passed["UV_CACHE_DIR"] == "/home/dev/.cache/uv"
    assert leaks(passed) == []
    assert not {key for key in passed if key.startswith("AWS_")}


def test_a_setting_of_the_users_own_is_kept() -> None:
    own = {"PIP_INDEX_URL": "https://a.example", "UV_DEFAULT_INDEX": "https://b.example", "UV_CACHE_DIR": "/c", "HOME": "/h"}
    passed = environment.package_settings(own)
    assert passed["UV_DEFAULT_INDEX"] == "https://b.example"
    assert passed["UV_CACHE_DIR"] == "/c"


def test_this_process_forgets_every_aws_and_proxy_setting() -> None:
    env = dict(SHELL)
    environment.forget_credentials(env)
    assert leaks({key: value for key, value in env.items() if key.startswith("AWS_")}) == []
    assert set(env) - {"AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE", "AWS_EC2_METADATA_DISABLED"} == {
        "PATH",
        "HOME",
        "LANG",
        "PYTHONPATH",
        "NODE_OPTIONS",
        "PIP_INDEX_URL",
    }
