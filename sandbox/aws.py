"""AWS clients for the operator's side of the sandbox: emulator keys only, loopback only."""

import os
from typing import Any

import botocore.session
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from sandbox.environment import ACCESS_KEY, REGION, SECRET_KEY
from sandbox.loopback import require_loopback

ERRORS = (BotoCoreError, ClientError)
"""What a client raises: no answer, or a refusal."""

_CONFIG = Config(connect_timeout=5, read_timeout=60, retries={"total_max_attempts": 1}, proxies={}, s3={"addressing_style": "path"})


_NOTHING_OF_THE_SHELL = {
    "profile": (None, None, None, None),
    "config_file": (None, None, os.devnull, None),
    "credentials_file": (None, None, os.devnull, None),
}
"""botocore's session variables as (name in the file, in the environment, default, converter): none comes from outside."""


def client(service: str, endpoint: str, session: dict[str, str] | None = None) -> Any:
    """Make a client of one service of the emulator.

    `session` is the `Credentials` member of an STS answer; without it the emulator's root keys are used. Timeouts are
    explicit and nothing is repeated: whoever calls sees what happened.

    Raises:
        NotLoopbackError: when the endpoint is not on this machine.

    """
    require_loopback(endpoint)
    keys = session or {"AccessKeyId": ACCESS_KEY, "SecretAccessKey": SECRET_KEY}
    return botocore.session.Session(session_vars=_NOTHING_OF_THE_SHELL).create_client(
        service,
        region_name=REGION,
        endpoint_url=endpoint,
        aws_access_key_id=keys["AccessKeyId"],
        aws_secret_access_key=keys["SecretAccessKey"],
        aws_session_token=keys.get("SessionToken"),
        config=_CONFIG,
    )


def take_role(endpoint: str, role_arn: str, name: str) -> dict[str, str]:
    """Take on a role as its holder would, and give its temporary keys (the `Credentials` of the answer)."""
    answer = client("sts", endpoint).assume_role(RoleArn=role_arn, RoleSessionName=name, DurationSeconds=900)
    taken: dict[str, str] = answer["Credentials"]
    return taken
