from collections.abc import Mapping
from typing import Any

from tests.infrastructure.templates import Templates, listed, properties, refers

# Resource type whose policies may name the resource `*`, why, and the only actions that may stand there.
_WILDCARDS_WITH_A_REASON = {
    "AWS::KMS::Key": "in a key policy `*` is the key itself",
    "AWS::IAM::Policy": "X-Ray and API Gateway logging know no resource; acknowledged at the role",
}
_WITHOUT_RESOURCES = {"xray:PutTelemetryRecords", "xray:PutTraceSegments"}


def actions_of(templates: Templates, handler: str) -> set[str]:
    """Actions that the role of one function allows."""
    (function,) = [one for one in templates.functions().values() if properties(one)["Handler"] == f"handlers.{handler}.handler"]
    role = properties(function)["Role"]["Fn::GetAtt"][0]
    return {action for statement in statements_of(templates, role) for action in listed(statement["Action"])}


def statements_of(templates: Templates, role: str) -> list[Mapping[str, Any]]:
    policies = templates.of_type("AWS::IAM::Policy").values()
    own = [properties(policy)["PolicyDocument"]["Statement"] for policy in policies if {"Ref": role} in properties(policy)["Roles"]]
    return [statement for document in own for statement in document]


def test_no_policy_allows_an_action_by_wildcard(every_stage: Templates) -> None:
    allowed = [(name, statement) for name, statement in every_stage.policies() if statement["Effect"] == "Allow"]
    assert len(allowed) > 30
    for name, statement in allowed:
        assert "NotAction" not in statement, name
        for action in listed(statement["Action"]):
            assert "*" not in action, name


def test_no_policy_gives_rights_by_exclusion(every_stage: Templates) -> None:
    for name, statement in every_stage.policies():
        assert not {"NotResource", "NotPrincipal"} & statement.keys(), name


def test_wildcard_resources_stand_only_where_there_is_a_reason(every_stage: Templates) -> None:
    (gateway_role,) = [name for name in every_stage.of_type("AWS::IAM::Role") if name.startswith("PlayerApiLoggingRole")]
    for name, statement in every_stage.policies():
        if statement["Effect"] != "Allow" or not any("*" in str(one) for one in listed(statement.get("Resource", []))):
            continue
        resource = every_stage.both()[name]
        assert resource["Type"] in _WILDCARDS_WITH_A_REASON, name
        if resource["Type"] == "AWS::IAM::Policy" and {"Ref": gateway_role} not in properties(resource)["Roles"]:
            assert set(listed(statement["Action"])) <= _WITHOUT_RESOURCES, name


def test_no_role_carries_a_managed_policy(every_stage: Templates) -> None:
    for name, role in every_stage.of_type("AWS::IAM::Role").items():
        assert "ManagedPolicyArns" not in properties(role), name


def test_nobody_may_delete_an_item(every_stage: Templates) -> None:
    for name, statement in every_stage.policies():
        for action in listed(statement["Action"]):
            assert action not in {"dynamodb:DeleteItem", "dynamodb:DeleteTable", "dynamodb:PartiQLDelete"}, name


def test_only_who_posts_movements_writes_the_ledger(every_stage: Templates) -> None:
    writers = set()
    for function in every_stage.functions().values():
        role = properties(function)["Role"]["Fn::GetAtt"][0]
        for statement in statements_of(every_stage, role):
            writes = set(listed(statement["Action"])) & {"dynamodb:PutItem", "dynamodb:UpdateItem"}
            if writes and "Ledger" in str(statement["Resource"]):
                assert writes == {"dynamodb:PutItem"}, "records and wallets are put on a condition, never changed in part"
                writers.add(properties(function)["Handler"].split(".")[1])
    assert writers == {"identity", "games", "provider_callback", "payment_worker"}


def test_only_login_can_sign_a_token(every_stage: Templates) -> None:
    signers = [
        properties(function)["Handler"].split(".")[1]
        for function in every_stage.functions().values()
        if "kms:Sign" in actions_of(every_stage, properties(function)["Handler"].split(".")[1])
    ]
    assert signers == ["identity"]


def test_the_webhook_cannot_touch_a_table(every_stage: Templates) -> None:
    assert not any(action.startswith("dynamodb:") for action in actions_of(every_stage, "payment_webhook"))


def test_the_audit_and_the_auditor_change_nothing(every_stage: Templates) -> None:
    (auditor,) = [name for name in every_stage.of_type("AWS::IAM::Role") if name.startswith("Auditor")]
    auditors = {action for statement in statements_of(every_stage, auditor) for action in listed(statement["Action"])}
    for actions in (actions_of(every_stage, "ledger_audit"), auditors):
        used = {action for action in actions if action.startswith("dynamodb:")}
        assert used <= {"dynamodb:GetItem", "dynamodb:Query", "dynamodb:Scan"}
    assert {action for action in auditors if action.startswith("lambda:")} == {"lambda:InvokeFunction"}


def test_each_key_use_goes_through_a_service(every_stage: Templates) -> None:
    for name, statement in every_stage.policies():
        if every_stage.both()[name]["Type"] == "AWS::IAM::Policy" and "kms:Decrypt" in listed(statement["Action"]):
            assert "kms:ViaService" in str(statement["Condition"]), name


def test_plain_http_is_refused_on_aws(aws_stage: Templates) -> None:
    protected = {
        target
        for policy in aws_stage.of_type("AWS::SQS::QueuePolicy", "AWS::SNS::TopicPolicy").values()
        for statement in properties(policy)["PolicyDocument"]["Statement"]
        if statement["Effect"] == "Deny" and "aws:SecureTransport" in str(statement["Condition"])
        for target in refers(statement["Resource"])
    }
    assert protected == aws_stage.of_type("AWS::SQS::Queue", "AWS::SNS::Topic").keys()
