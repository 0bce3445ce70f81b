"""Draws the withdrawals' state machine from the template that goes to AWS, into docs/withdrawal-machine.md.

A test holds the file against the template, so the picture cannot grow old.
"""

import json
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from infrastructure.application import build

STAGE: Final = "prod"
PICTURE: Final = Path(__file__).resolve().parent.parent / "docs" / "withdrawal-machine.md"
_TYPE: Final = "AWS::StepFunctions::StateMachine"
_WAITS: Final = ".waitForTaskToken"
_MINUTE, _HOUR, _DAY = 60, 3_600, 86_400

_HEAD: Final = """\
# The state machine of a withdrawal

Drawn from the template of `prod` by `make picture`; do not edit. Solid: what a step says is next. Dotted: where a state goes when
it fails in spite of its retries, or when its time is up. Why it is so is in
[decision 17](decisions/0017-the-withdrawal-decides-the-machine-drives.md).

"""


def definition_of(template: Mapping[str, Any]) -> dict[str, Any]:
    """Take the one state machine's definition out of a template."""
    (machine,) = [one for one in template["Resources"].values() if one["Type"] == _TYPE]
    found: dict[str, Any] = json.loads(machine["Properties"]["DefinitionString"])
    return found


def document(definition: Mapping[str, Any]) -> str:
    """Write the picture, and a line for each state, as Markdown."""
    states: Mapping[str, Mapping[str, Any]] = definition["States"]
    drawn = "\n".join(
        ["```mermaid", "flowchart TD", f"    start(( )) --> {definition['StartAt']}", *_nodes(states), *_edges(states), "```"]
    )
    lines = ["| state | what it does | waits at most | is tried again | and then |", "| --- | --- | --- | --- | --- |"]
    lines += [_line(name, state) for name, state in states.items() if state["Type"] == "Task"]
    ends = [f"- **{name}**: {state.get('Comment') or state['Cause']}" for name, state in states.items() if _is_end(state)]
    whole = f"One execution lasts {_duration(definition['TimeoutSeconds'])} at most. It ends as:"
    return _HEAD + drawn + "\n\n" + "\n".join(lines) + f"\n\n{whole}\n\n" + "\n".join(ends) + "\n"


def _nodes(states: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    for name, state in states.items():
        if state["Type"] == "Choice":
            yield f"    {name}{{{name}}}"
        elif _is_end(state):
            yield f"    {name}(({name}))"
        elif _WAITS in state["Resource"]:
            yield f"    {name}[/{name}: {_duration(state['TimeoutSeconds'])}/]"
        else:
            yield f"    {name}[{name}]"


def _edges(states: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    for name, state in states.items():
        for choice in state.get("Choices", ()):
            yield f"    {name} -->|{choice['StringEquals']}| {choice['Next']}"
        if "Next" in state:
            yield f"    {name} --> {state['Next']}"
        for catch in state.get("Catch", ()):
            yield f"    {name} -.->|{_words(catch['ErrorEquals'])}| {catch['Next']}"


def _line(name: str, state: Mapping[str, Any]) -> str:
    waits = _WAITS in state["Resource"]
    does = f"`{state['Parameters']['Payload']['step']}`" + (", until somebody answers its token" if waits else "")
    (retry,) = state["Retry"]
    again = f"{retry['MaxAttempts']} times, after {_duration(retry['IntervalSeconds'])} to {_duration(retry['MaxDelaySeconds'])}"
    then = "; ".join(f"{_words(catch['ErrorEquals'])}: {catch['Next']}" for catch in state["Catch"])
    return f"| {name} | {does} | {_duration(state['TimeoutSeconds'])} | {again} | {then} |"


def _words(errors: list[str]) -> str:
    return {"States.ALL": "fails", "States.Timeout": "time is up"}[errors[0]]


def _duration(seconds: int) -> str:
    for size, unit in ((_DAY, "d"), (_HOUR, "h"), (_MINUTE, "min")):
        if seconds >= size and seconds % size == 0:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"


def _is_end(state: Mapping[str, Any]) -> bool:
    return state["Type"] in {"Succeed", "Fail"}


def main() -> int:
    """Synthesise the stage without building its assets, and write the file."""
    with tempfile.TemporaryDirectory(prefix="countroom-picture-") as folder:
        build(folder, {"aws:cdk:bundling-stacks": [], "stage": STAGE})
        template = json.loads((Path(folder) / f"Countroom-{STAGE}-Withdrawals.template.json").read_text(encoding="utf-8"))
    PICTURE.write_text(document(definition_of(template)), encoding="utf-8")
    sys.stdout.write(f"{PICTURE.name} is written\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
