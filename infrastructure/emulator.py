"""What the emulator cannot make is left out of the sandbox's templates, by resource type or form, and said so.

Templates are looked at as they were written, so that nothing that reaches the emulator goes past this.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, cast

import aws_cdk as cdk

_TYPES_FILE = Path(__file__).parent / "emulated_types.txt"

# Type → a property that the emulator refuses in it, and why such a resource is left out.
_REFUSED: dict[str, tuple[str, str]] = {
    "AWS::CloudWatch::Alarm": ("Metrics", "the emulator's alarms are on one metric: it does not calculate with several"),
}


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A resource that the sandbox does without."""

    type: str
    logical_id: str
    reason: str


def emulated_types() -> frozenset[str]:
    """Return the resource types that the emulator's CloudFormation can create."""
    lines = _TYPES_FILE.read_text(encoding="utf-8").splitlines()
    return frozenset(line for line in lines if line and not line.startswith("#"))


def leave_out_unknown(app: cdk.App) -> list[LeftOut]:
    """Remove from the stacks of `app` every resource that the emulator lacks, and what refers to one; return them."""
    known = emulated_types()
    left_out: list[LeftOut] = []
    for artifact in app.synth().stacks:
        unknown = find_unknown(artifact.template, known)
        if unknown:
            stack = cast("cdk.Stack", app.node.find_child(artifact.id))
            _remove(stack, {one.logical_id for one in unknown} | set(dangling_outputs(artifact.template, unknown)))
            left_out += unknown
    return left_out


def find_unknown(template: Mapping[str, Any], known: frozenset[str]) -> list[LeftOut]:
    """Return the resources of `template` that the emulator cannot make, then those that refer to one of them."""
    resources: Mapping[str, Mapping[str, Any]] = template.get("Resources", {})
    found: dict[str, LeftOut] = {}
    for name, resource in resources.items():
        refused, why = _REFUSED.get(resource["Type"], ("", ""))
        if resource["Type"] not in known:
            found[name] = LeftOut(resource["Type"], name, "the emulator's CloudFormation does not know this type")
        elif refused in resource.get("Properties", {}):
            found[name] = LeftOut(resource["Type"], name, why)
    grown = True
    while grown:  # at most once for each resource: every round but the last adds one
        grown = False
        for name, resource in resources.items():
            missing = sorted(set(references(resource.get("Properties", {}))) & found.keys())
            if missing and name not in found:
                found[name] = LeftOut(resource["Type"], name, f"it refers to {missing[0]}, which is left out")
                grown = True
    return list(found.values())


def dangling_outputs(template: Mapping[str, Any], left_out: list[LeftOut]) -> list[str]:
    """Return the names of the outputs of `template` that refer to something left out."""
    gone = {one.logical_id for one in left_out}
    outputs: Mapping[str, Any] = template.get("Outputs", {})
    return [name for name, output in outputs.items() if gone & set(references(output))]


def references(value: object) -> Iterator[str]:
    """Yield the logical id of every Ref, Fn::GetAtt and ${...} of Fn::Sub inside `value` (a piece of a template)."""
    if isinstance(value, list):
        for item in value:
            yield from references(item)
    if not isinstance(value, dict):
        return
    for key, inner in value.items():
        if key == "Ref":
            yield inner
        elif key == "Fn::GetAtt":
            yield inner[0] if isinstance(inner, list) else inner.split(".")[0]
        elif key == "Fn::Sub":
            text = inner if isinstance(inner, str) else inner[0]
            yield from (part.split("}")[0].split(".")[0] for part in text.split("${")[1:])
        yield from references(inner)


def write_report(left_out: list[LeftOut], path: Path) -> None:
    """Write what was left out as a JSON list of {type, logical_id, reason} to `path`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps([asdict(one) for one in left_out], indent=2) + "\n", encoding="utf-8")


def _remove(stack: cdk.Stack, logical_ids: set[str]) -> None:
    elements = [node for node in stack.node.find_all() if isinstance(node, cdk.CfnElement)]
    doomed = [element for element in elements if stack.resolve(element.logical_id) in logical_ids]
    resources = [element for element in elements if isinstance(element, cdk.CfnResource)]
    for element in doomed:
        if isinstance(element, cdk.CfnResource):
            for resource in resources:
                resource.remove_resource_dependency(element)
        scope = element.node.scope
        if scope is not None:
            scope.node.try_remove_child(element.node.id)
