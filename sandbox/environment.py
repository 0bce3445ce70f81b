"""Environments of the programs that the sandbox starts, built from nothing.

A developer's shell may hold the keys of a real AWS account. None of it is passed on: what a child sees is listed here.
"""

import os
from collections.abc import Mapping, MutableMapping
from pathlib import Path

from sandbox.setup import tool_environment

REGION = "eu-west-1"
ACCOUNT = "000000000000"
ACCESS_KEY = "test"
SECRET_KEY = "test"  # noqa: S105 - the emulator's public default, worth nothing elsewhere
_HARMLESS = ("LANG", "LC_ALL", "TERM", "TZ")
_INDEX_PREFIXES = ("PIP_", "UV_", "SSL_CERT_")
_INDEX_NAMES = ("REQUESTS_CA_BUNDLE", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "XDG_CACHE_HOME")
_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
NO_CONFIGURATION = {
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "AWS_EC2_METADATA_DISABLED": "true",
}


def base(environ: Mapping[str, str], *, home: Path, temp: Path, path: tuple[Path, ...] = ()) -> dict[str, str]:
    """Give what any child gets: a home and a temporary folder of the sandbox, the system's programs, a locale."""
    env = {key: environ[key] for key in _HARMLESS if key in environ}
    folders = [str(folder) for folder in path] + ["/usr/local/bin", "/usr/bin", "/bin"]
    env |= {"PATH": os.pathsep.join(folders), "HOME": str(home), "TMPDIR": str(temp), "PYTHONUNBUFFERED": "1"}
    return env | NO_CONFIGURATION


def credentials() -> dict[str, str]:
    """Give the emulator's own keys and region."""
    return {
        "AWS_ACCESS_KEY_ID": ACCESS_KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
    }


def package_settings(environ: Mapping[str, str]) -> dict[str, str]:
    """Give what bundling at synth needs to fetch wheels as the user does: index, proxy and certificate settings."""
    passed = {
        key: value
        for key, value in tool_environment(environ).items()
        if key.startswith(_INDEX_PREFIXES) or key.upper() in _INDEX_NAMES
    }
    cache = environ.get("XDG_CACHE_HOME") or str(Path(environ.get("HOME", "/nonexistent")) / ".cache")
    passed.setdefault("UV_CACHE_DIR", str(Path(cache) / "uv"))
    passed.setdefault("PIP_CACHE_DIR", str(Path(cache) / "pip"))
    return passed


def forget_credentials(environ: MutableMapping[str, str]) -> None:
    """Take every AWS and proxy setting out of this process's own environment, before any AWS client is made."""
    for key in list(environ):
        if key.startswith("AWS_") or key.upper() in _PROXIES:
            del environ[key]
    environ.update(NO_CONFIGURATION)
