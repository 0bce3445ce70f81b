"""Reading of synthesised templates, for the tests of this folder."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aws_cdk as cdk
from constructs import IConstruct

from infrastructure.emulator import references

Resource = Mapping[str, Any]
Resources = Mapping[str, Resource]


@dataclass(frozen=True)
class Templates:
    stage: str
    folder: Path
    state: Mapping[str, Any]
    service: Mapping[str, Any]
    watch: Mapping[str, Any]
    withdrawals: Mapping[str, Any]
    play_safety: Mapping[str, Any]

    def stacks(self) -> tuple[Mapping[str, Any], ...]:
        return self.state, self.service, self.watch, self.withdrawals, self.play_safety

    def every(self) -> Resources:
        """All resources of all stacks; no two have the same logical id."""
        found = [one for stack in self.stacks() for one in stack["Resources"].items()]
        assert len(dict(found)) == len(found)
        return dict(found)

    def of_type(self, *types: str) -> dict[str, Resource]:
        return {name: resource for name, resource in self.every().items() if resource["Type"] in types}

    def functions(self) -> dict[str, Resource]:
        return self.of_type("AWS::Lambda::Function")

    def policies(self) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """Every statement of every policy document, wherever in a resource it stands, with the resource's logical id."""
        for name, resource in self.every().items():
            for document in _documents(resource.get("Properties", {})):
                for statement in listed(document["Statement"]):
                    yield name, statement


def read_templates(folder: Path, stage: str) -> Templates:
    def read(part: str) -> Any:
        return json.loads((folder / f"Countroom-{stage}-{part}.template.json").read_text(encoding="utf-8"))

    return Templates(stage, folder, *map(read, ("State", "Service", "Watch", "Withdrawals", "PlaySafety")))


def function_behind(templates: Templates, value: object) -> Resource:
    """The function that `value` leads to: by its alias, or, where it lies in a stack that comes later, by its name and alias."""
    aliases = templates.of_type("AWS::Lambda::Alias")
    named = re.findall(r":function:([a-z0-9-]+):live\b", str(value))
    if named:
        (name,) = named
        (found,) = [one for one in templates.functions().values() if one["Properties"]["FunctionName"] == name]
        return found
    (alias,) = refers(value) & aliases.keys()
    return templates.functions()[properties(aliases[alias])["FunctionName"]["Ref"]]


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def refers(value: object) -> set[str]:
    return set(references(value))


def properties(resource: Resource) -> Mapping[str, Any]:
    found: Mapping[str, Any] = resource["Properties"]
    return found


def render(value: object) -> str:
    """A text such as CloudFormation would make of `value`, with made-up values for what only a deployment knows."""
    match value:
        case str():
            return value
        case {"Ref": name}:
            return f"ref-{name}"
        case {"Fn::GetAtt": _}:
            return "arn:aws:made:up:1:attribute"
        case {"Fn::ImportValue": _}:
            return "arn:aws:made:up:1:imported"
        case {"Fn::Sub": [text, {**variables}]}:
            for name, inner in variables.items():
                text = text.replace(f"${{{name}}}", render(inner))
            return str(text)
        case {"Fn::Join": [separator, parts]}:
            return str(separator).join(render(part) for part in parts)
        case _:
            raise AssertionError(f"an environment variable of a form that the tests do not know: {value}")


def acknowledged(node: IConstruct) -> list[str]:
    """The reasons for which findings are accepted at one construct."""
    key = cdk.Validations.ACKNOWLEDGED_RULES_METADATA_KEY
    found: list[str] = []
    for entry in node.node.metadata:
        if entry.type == key:
            found += [str(reason) for reason in entry.data.values()]
    return found


def _documents(value: object) -> Iterator[Mapping[str, Any]]:
    if isinstance(value, dict):
        if {"Version", "Statement"} <= value.keys():
            yield value
        else:
            for inner in value.values():
                yield from _documents(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _documents(inner)
