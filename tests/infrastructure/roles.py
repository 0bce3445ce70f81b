"""What the roles in a template may do, for the tests of this folder."""

import re
from collections.abc import Mapping
from typing import Any

from tests.infrastructure.templates import Resource, Templates, listed, properties


def handler_of(function: Resource) -> str:
    return str(properties(function)["Handler"].split(".")[1])


def role_of(function: Resource) -> str:
    return str(properties(function)["Role"]["Fn::GetAtt"][0])


def actions_of(templates: Templates, handler: str) -> set[str]:
    """Actions that the role of one function allows."""
    (function,) = [one for one in templates.functions().values() if handler_of(one) == handler]
    return actions_at(templates, function)


def actions_at(templates: Templates, function: Resource) -> set[str]:
    return {action for statement in statements_of(templates, role_of(function)) for action in listed(statement["Action"])}


def exported(reference: Any) -> str:
    """The resource of the state stack that a reference points at, by its logical id without the digest at its end."""
    match = re.search(r"FnGetAtt([A-Za-z0-9]+?)[0-9A-F]{8}(Arn|Id)", str(reference))
    return match[1] if match else ""


def statements_of(templates: Templates, role: str) -> list[Mapping[str, Any]]:
    policies = templates.of_type("AWS::IAM::Policy").values()
    own = [properties(policy)["PolicyDocument"]["Statement"] for policy in policies if {"Ref": role} in properties(policy)["Roles"]]
    return [statement for document in own for statement in document]
