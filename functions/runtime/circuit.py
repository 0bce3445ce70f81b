"""A circuit breaker per provider, shared by all processes: after failures in a row nobody calls it for a while, then one tries.

Powertools' breaker with its state in DynamoDB. It is a help, never a condition: a table that fails, hangs or is missing makes it
call as if there were none. Powertools takes care of that where it reads the state and where it writes a result, but not where it
elects who may try first, and it would wait for a hanging table at every call; so both are seen to here.
"""

import logging
import time
from collections.abc import Callable
from typing import Any, Final

from aws_lambda_powertools.utilities.circuit_breaker import (
    CircuitBreakerConfig,
    CircuitState,
    CircuitTransition,
    circuit_breaker,
)
from aws_lambda_powertools.utilities.circuit_breaker.exceptions import CircuitBreakerOpenError
from aws_lambda_powertools.utilities.circuit_breaker.persistence import CircuitBreakerDynamoDBPersistence
from aws_lambda_powertools.utilities.circuit_breaker.persistence.base import CircuitBreakerExistingLockError
from aws_lambda_powertools.utilities.circuit_breaker.persistence.record import CircuitStateRecord
from botocore.exceptions import BotoCoreError, ClientError

from runtime import telemetry
from runtime.outbound import Outcome, Reason, Unknown

FAILURES: Final = 5
"""Failures in a row, seen by one process, that open the circuit."""

REST_S: Final = 20
"""How long it stays open before one call is let through."""

SUCCESSES: Final = 1
CACHE_S: Final = 3
QUIET_S: Final = 10.0
"""How long the table is left alone after it has failed."""

# Powertools would log its own failures with the words of exceptions; they are counted and logged here, without them.
logging.getLogger("aws_lambda_powertools.utilities.circuit_breaker").setLevel(logging.CRITICAL)

ALIVE: Final = frozenset({Reason.TOO_LARGE})
"""Unknown outcomes of a provider that is there. One that was never sent for want of a place does not come here at all."""


class _Failure(Exception):
    def __init__(self, outcome: Unknown) -> None:
        super().__init__(outcome.reason.value)
        self.outcome = outcome


class _OpenHanded(CircuitBreakerDynamoDBPersistence):
    """Keeps the states, and stands aside when the table does not answer."""

    def __init__(self, client: Any, table: str, timer: Callable[[], float]) -> None:
        super().__init__(table_name=table, boto3_client=client)
        self._timer = timer
        self._failed_at: float | None = None

    def get_state(self, name: str) -> CircuitStateRecord:
        """Return the state; closed, without a request, while the table has failed a moment ago."""
        if self._failed_at is not None and self._timer() - self._failed_at < QUIET_S:
            return CircuitStateRecord(name=name, state=CircuitState.CLOSED)
        return super().get_state(name)

    def read(self, name: str) -> CircuitStateRecord | None:
        """Read what is stored of a circuit; raise what the table raises."""
        return self._get_record(name)

    def _get_record(self, name: str) -> CircuitStateRecord | None:
        try:
            return super()._get_record(name)
        except Exception:
            self._note("read")
            raise  # the breaker takes it for closed

    def _put_record(self, record: CircuitStateRecord, condition: str | None = None, expected_opened_at: int | None = None) -> None:
        try:
            super()._put_record(record, condition, expected_opened_at)
        except CircuitBreakerExistingLockError:
            raise  # another process was elected
        except Exception:
            self._note("put")
            raise

    def _update_record(self, record: CircuitStateRecord) -> None:
        try:
            super()._update_record(record)
        except Exception:
            self._note("update")
            raise

    def try_acquire_half_open(self, name: str, owner: str, opened_at: int) -> bool:
        """Try to become the one who calls first; yes, where the table cannot tell."""
        try:
            return super().try_acquire_half_open(name, owner, opened_at)
        except Exception:  # noqa: BLE001 - whatever is wrong with the table (it is noted) must not keep a call back
            return True

    def _note(self, what: str) -> None:
        self._failed_at = self._timer()
        telemetry.count("CircuitStateUnavailable")
        telemetry.logger.warning("circuit state unavailable", what=what)


class TableCircuit:
    """The circuits of several providers in one table. `client` is a low-level DynamoDB client with small timeouts and one try."""

    def __init__(self, client: Any, table: str, *, timer: Callable[[], float] = time.monotonic) -> None:
        self._store = _OpenHanded(client, table, timer)

    def of(self, provider: str) -> "ProviderCircuit":
        """Return the circuit of one provider."""
        return ProviderCircuit(self._store, provider)

    def state(self, provider: str) -> str:
        """Say how a provider's circuit stands: closed, open or half_open; "unknown" where the table does not tell."""
        try:
            record = self._store.read(_name_of(provider))
        except (ClientError, BotoCoreError, KeyError, ValueError):
            return "unknown"
        return (CircuitState.CLOSED if record is None else record.state).value.lower()


class ProviderCircuit:
    """A Circuit of `runtime.outbound`."""

    def __init__(self, store: CircuitBreakerDynamoDBPersistence, provider: str) -> None:
        config = CircuitBreakerConfig(
            failure_threshold=FAILURES,
            recovery_timeout=REST_S,
            success_threshold=SUCCESSES,
            handled_exceptions=_Failure,
            local_cache_max_age=CACHE_S,
        )
        self._provider = provider
        self._run = circuit_breaker(name=_name_of(provider), persistence_store=store, on_transition=self._changed, config=config)(
            _counted
        )

    def guard(self, call: Callable[[], Outcome]) -> Outcome:
        """Make the call, or answer Unknown(CIRCUIT_OPEN) without it."""
        try:
            outcome: Outcome = self._run(call)
        except CircuitBreakerOpenError:
            return Unknown(Reason.CIRCUIT_OPEN)
        except _Failure as failure:
            return failure.outcome
        return outcome

    def _changed(self, transition: CircuitTransition) -> None:
        opened = transition.to_state is CircuitState.OPEN
        if opened:
            telemetry.count("CircuitOpened", dimensions={"provider": self._provider})
        log = telemetry.logger.error if opened else telemetry.logger.info
        log("circuit changed", provider=self._provider, to=transition.to_state.value.lower())


def _name_of(provider: str) -> str:
    return f"provider:{provider}"


def _counted(call: Callable[[], Outcome]) -> Outcome:
    outcome = call()
    if isinstance(outcome, Unknown) and outcome.reason not in ALIVE:
        raise _Failure(outcome)
    return outcome
