import re

from tests.infrastructure.roles import exported
from tests.infrastructure.templates import Templates, listed, properties, refers

# Resource type whose policies may name the resource `*`, why, and the only actions that may stand there.
_WILDCARDS_WITH_A_REASON = {
    "AWS::KMS::Key": "in a key policy `*` is the key itself",
    "AWS::IAM::Policy": "X-Ray and API Gateway logging know no resource; acknowledged at the role",
}
_WITHOUT_RESOURCES = {"xray:PutTelemetryRecords", "xray:PutTraceSegments"}
# Objects under a prefix have names that only time brings; acknowledged at the role.
_ON_OBJECTS = {"s3:GetObject", "s3:PutObject"}
_BLIND_IN_THE_EMULATOR = {"ses:SendEmail", "states:SendTaskSuccess"}
# Executions have the names of withdrawals; acknowledged at the role.
_ON_EXECUTIONS = {"states:DescribeExecution"}


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
    (machine_role,) = [name for name in every_stage.of_type("AWS::IAM::Role") if name.startswith("MachineRole")]
    for name, statement in every_stage.policies():
        if statement["Effect"] != "Allow" or not any("*" in str(one) for one in listed(statement.get("Resource", []))):
            continue
        resource = every_stage.every()[name]
        assert resource["Type"] in _WILDCARDS_WITH_A_REASON, name
        if set(listed(statement["Action"])) <= _ON_OBJECTS:
            assert all(re.search(r"/(settlements|reports)/\*'\]\]\}$", str(one)) for one in listed(statement["Resource"])), name
        elif set(listed(statement["Action"])) <= _ON_EXECUTIONS:
            assert str(statement["Resource"]).endswith(f":execution:countroom-{every_stage.stage}-withdrawal:*']]}}"), name
        elif resource["Type"] == "AWS::IAM::Policy" and {"Ref": machine_role} in properties(resource)["Roles"]:
            assert {action.split(":")[0] for action in listed(statement["Action"])} <= {"logs", "xray"}, name
        elif resource["Type"] == "AWS::IAM::Policy" and {"Ref": gateway_role} not in properties(resource)["Roles"]:
            known = _WITHOUT_RESOURCES | (_BLIND_IN_THE_EMULATOR if every_stage.stage == "sandbox" else set())
            assert set(listed(statement["Action"])) <= known, name


def test_no_role_carries_a_managed_policy(every_stage: Templates) -> None:
    for name, role in every_stage.of_type("AWS::IAM::Role").items():
        assert "ManagedPolicyArns" not in properties(role), name


def test_nobody_may_delete_an_item(every_stage: Templates) -> None:
    for name, statement in every_stage.policies():
        for action in listed(statement["Action"]):
            assert action not in {"dynamodb:DeleteItem", "dynamodb:DeleteTable", "dynamodb:PartiQLDelete"}, name
            assert not action.startswith("s3:Delete"), name


def test_each_key_use_goes_through_a_service(every_stage: Templates) -> None:
    for name, statement in every_stage.policies():
        if every_stage.every()[name]["Type"] == "AWS::IAM::Policy" and "kms:Decrypt" in listed(statement["Action"]):
            direct = exported(statement["Resource"]).startswith("PersonalKey")
            assert ("kms:EncryptionContext:holds" if direct else "kms:ViaService") in str(statement["Condition"]), name


def test_plain_http_is_refused_on_aws(aws_stage: Templates) -> None:
    protected = {
        target
        for policy in aws_stage.of_type("AWS::SQS::QueuePolicy", "AWS::SNS::TopicPolicy", "AWS::S3::BucketPolicy").values()
        for statement in properties(policy)["PolicyDocument"]["Statement"]
        if statement["Effect"] == "Deny" and "aws:SecureTransport" in str(statement["Condition"])
        for target in refers(statement["Resource"])
    }
    assert protected == aws_stage.of_type("AWS::SQS::Queue", "AWS::SNS::Topic", "AWS::S3::Bucket").keys()
