"""Clients of AWS services with budgets of their own.

botocore's defaults wait 60 s and try four times; an answer that comes after the caller has hung up is worth nothing. So each
service has explicit small figures here. The clients are botocore's own low-level ones: boto3 adds only resources, which nobody
here uses, and its import is paid at every cold start.
"""

import os
from dataclasses import dataclass
from functools import cache
from typing import Any

from botocore.config import Config
from botocore.session import Session, get_session


@dataclass(frozen=True, slots=True)
class Budget:
    """How long one call may take: seconds to connect, seconds to wait for an answer, tries in all."""

    connect_timeout: float
    read_timeout: float
    max_attempts: int


BUDGETS = {
    "dynamodb": Budget(1.0, 2.5, 2),
    "kms": Budget(1.0, 2.5, 2),
    "secretsmanager": Budget(1.0, 2.5, 2),
    "sqs": Budget(1.0, 2.5, 2),
}
DEFAULT_BUDGET = Budget(1.0, 2.5, 2)


def client(
    service: str,
    *,
    connect_timeout: float | None = None,
    read_timeout: float | None = None,
    max_attempts: int | None = None,
) -> Any:
    """Give the process's low-level client of `service`; the same arguments give the same client.

    Timeouts are seconds; `max_attempts` counts the first try. Region, credentials and (in the sandbox) the endpoint come from
    the environment. The type is Any because botocore makes its clients at run time.
    """
    budget = BUDGETS.get(service, DEFAULT_BUDGET)
    return _client(
        service,
        budget.connect_timeout if connect_timeout is None else connect_timeout,
        budget.read_timeout if read_timeout is None else read_timeout,
        budget.max_attempts if max_attempts is None else max_attempts,
    )


def forget_clients() -> None:
    """Drop every cached client and the session: for tests, which change the world under them."""
    _client.cache_clear()
    _session.cache_clear()


@cache
def _client(service: str, connect_timeout: float, read_timeout: float, max_attempts: int) -> Any:
    config = Config(
        connect_timeout=connect_timeout,
        read_timeout=read_timeout,
        retries={"mode": "standard", "total_max_attempts": max_attempts},
        tcp_keepalive=True,
    )
    return _session().create_client(service, region_name=_region(), config=config)


@cache
def _session() -> Session:
    return get_session()


def _region() -> str | None:
    # Lambda sets AWS_REGION; botocore by itself reads only the other name.
    return os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
