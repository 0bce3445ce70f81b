"""Where the state machine goes when a state's time is up or its step has failed for good: read off what is deployed."""

from typing import Final

from countroom.cashier.withdrawals.course import Next
from countroom.cashier.withdrawals.steps import TIMED_OUT
from infrastructure.paces import ON_AWS
from infrastructure.workflows.withdrawal import definition

FAILED: Final = "Unavailable"
_ANY: Final = "States.ALL"
_DEFINITION: Final = definition(ON_AWS, emulated=False)
_STATES: Final = _DEFINITION["States"]
_STEPS: Final = {
    name: Next(state["Parameters"]["Payload"]["step"])
    for name, state in _STATES.items()
    if "Payload" in state.get("Parameters", {})
}
_NAMES: Final = {step: name for name, step in _STEPS.items()}
BEGINS: Final = _STEPS[_DEFINITION["StartAt"]]


def caught(step: Next, error: str) -> Next | None:
    """Say which step comes after an error that is not tried again (TIMED_OUT or FAILED); None when the execution fails."""
    for catch in _STATES[_NAMES[step]].get("Catch", ()):
        if {error, _ANY} & set(catch["ErrorEquals"]):
            return _STEPS.get(catch["Next"])
    return None


TIMEOUTS: Final = {step: caught(step, TIMED_OUT) for step in _NAMES}
FAILURES: Final = {step: caught(step, FAILED) for step in _NAMES}
