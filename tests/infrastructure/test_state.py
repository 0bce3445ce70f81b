from pathlib import Path
from typing import Any

import pytest

from infrastructure.stages import stage_settings
from tests.infrastructure.templates import Templates, properties, refers

STATEFUL = ("AWS::DynamoDB::Table", "AWS::DynamoDB::GlobalTable", "AWS::KMS::Key", "AWS::SecretsManager::Secret")


def key_schema(part: Any) -> list[tuple[str, str]]:
    return [(key["AttributeName"], key["KeyType"]) for key in part["KeySchema"]]


def table(templates: Templates, prefix: str) -> Any:
    (found,) = [properties(one) for name, one in templates.of_type("AWS::DynamoDB::Table").items() if name.startswith(prefix)]
    return found


def test_what_must_survive_lies_in_the_state_stack_and_nothing_else_does(every_stage: Templates) -> None:
    assert {resource["Type"] for resource in every_stage.state["Resources"].values()} <= set(STATEFUL)
    assert not {resource["Type"] for resource in every_stage.service["Resources"].values()} & set(STATEFUL)
    assert len(every_stage.of_type("AWS::DynamoDB::Table")) == 3


def test_tables_on_aws_cannot_be_lost(aws_stage: Templates) -> None:
    for resource in aws_stage.of_type("AWS::DynamoDB::Table").values():
        assert properties(resource)["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
        assert properties(resource)["DeletionProtectionEnabled"] is True
        assert (resource["DeletionPolicy"], resource["UpdateReplacePolicy"]) == ("Retain", "Retain")


def test_keys_secrets_and_queues_on_aws_outlive_their_stack(aws_stage: Templates) -> None:
    for resource in aws_stage.of_type("AWS::KMS::Key", "AWS::SecretsManager::Secret", "AWS::SQS::Queue").values():
        assert (resource["DeletionPolicy"], resource["UpdateReplacePolicy"]) == ("Retain", "Retain")


def test_everything_stored_is_encrypted_with_our_own_key(every_stage: Templates) -> None:
    encrypted_by: list[tuple[str, Any]] = []
    for name, resource in every_stage.both().items():
        match resource["Type"]:
            case "AWS::DynamoDB::Table":
                encrypted_by.append((name, properties(resource)["SSESpecification"]["KMSMasterKeyId"]))
            case "AWS::SQS::Queue" | "AWS::SNS::Topic":
                encrypted_by.append((name, properties(resource)["KmsMasterKeyId"]))
            case "AWS::SecretsManager::Secret" | "AWS::Logs::LogGroup":
                encrypted_by.append((name, properties(resource)["KmsKeyId"]))
    assert len(encrypted_by) > 15
    for name, key in encrypted_by:
        assert "DataKey" in str(key), name


def test_the_ledger_has_its_shape(every_stage: Templates) -> None:
    ledger = table(every_stage, "Ledger")
    assert key_schema(ledger) == [("pk", "HASH")]
    assert ledger["BillingMode"] == "PAY_PER_REQUEST"
    assert ledger["StreamSpecification"] == {"StreamViewType": "NEW_AND_OLD_IMAGES"}
    (history,) = ledger["GlobalSecondaryIndexes"]
    assert (history["IndexName"], key_schema(history)) == ("history", [("p", "HASH"), ("n", "RANGE")])
    assert history["Projection"] == {"ProjectionType": "ALL"}
    types = {attribute["AttributeName"]: attribute["AttributeType"] for attribute in ledger["AttributeDefinitions"]}
    assert types == {"pk": "S", "p": "S", "n": "N"}
    assert "TimeToLiveSpecification" not in ledger, "records are for ever"


@pytest.mark.parametrize("prefix", ["Players", "Cashier"])
def test_the_other_tables_have_theirs(every_stage: Templates, prefix: str) -> None:
    found = table(every_stage, prefix)
    assert key_schema(found) == [("pk", "HASH"), ("sk", "RANGE")]
    assert found["TimeToLiveSpecification"] == {"AttributeName": "expires_at", "Enabled": True}


def test_deposits_are_found_by_player(every_stage: Templates) -> None:
    (index,) = table(every_stage, "Cashier")["GlobalSecondaryIndexes"]
    assert (index["IndexName"], key_schema(index)) == ("by_player", [("player_id", "HASH"), ("created_at", "RANGE")])


def test_the_token_key_signs_and_nothing_else(every_stage: Templates) -> None:
    (key,) = [properties(one) for name, one in every_stage.of_type("AWS::KMS::Key").items() if name.startswith("TokenKey")]
    assert (key["KeySpec"], key["KeyUsage"]) == ("ECC_NIST_P256", "SIGN_VERIFY")


def test_the_data_key_is_rotated(every_stage: Templates) -> None:
    (key,) = [properties(one) for name, one in every_stage.of_type("AWS::KMS::Key").items() if name.startswith("DataKey")]
    assert key["EnableKeyRotation"] is True


def test_no_secret_has_a_value_in_the_template(every_stage: Templates) -> None:
    secrets = every_stage.of_type("AWS::SecretsManager::Secret").values()
    names = {properties(secret)["Name"] for secret in secrets}
    assert names == {f"countroom/{every_stage.stage}/provider/hub88", f"countroom/{every_stage.stage}/gateway/standard"}
    for secret in secrets:
        assert "SecretString" not in properties(secret)
        assert properties(secret)["GenerateSecretString"]["GenerateStringKey"] == "filler"


def test_templates_hold_nothing_that_looks_like_a_key(every_stage: Templates) -> None:
    for stack in ("State", "Service"):
        text = (every_stage.folder / f"Countroom-{every_stage.stage}-{stack}.template.json").read_text(encoding="utf-8")
        for sign in ("PRIVATE KEY", "whsec_", "AKIA", "BEGIN ", "password="):
            assert sign not in text


@pytest.mark.parametrize(("stage", "protected"), [("sandbox", False), ("dev", False), ("prod", True)])
def test_production_is_protected_from_termination(stage: str, *, protected: bool) -> None:
    assert stage_settings(stage).termination_protection is protected


def test_queues_have_dead_letters_and_dead_letters_have_an_alarm(every_stage: Templates) -> None:
    queues = every_stage.of_type("AWS::SQS::Queue")
    redriven = {
        name: refers(properties(queue)["RedrivePolicy"]) for name, queue in queues.items() if "RedrivePolicy" in properties(queue)
    }
    terminal = queues.keys() - redriven.keys()
    alarmed = {
        name
        for alarm in every_stage.of_type("AWS::CloudWatch::Alarm").values()
        if properties(alarm).get("MetricName") == "ApproximateNumberOfMessagesVisible"
        for name in refers(properties(alarm)["Dimensions"])
    }
    assert redriven
    for name, targets in redriven.items():
        assert targets <= terminal, name
    assert terminal == alarmed
    pointed_at = {target for targets in redriven.values() for target in targets}
    for kind in ("AWS::Lambda::EventInvokeConfig", "AWS::Scheduler::Schedule"):
        for resource in every_stage.of_type(kind).values():
            pointed_at |= refers(properties(resource)) & queues.keys()
    assert terminal == pointed_at, "a queue that nothing reads and nothing fails into"


def test_a_message_stays_hidden_for_longer_than_its_worker_may_take(every_stage: Templates) -> None:
    aliases = every_stage.of_type("AWS::Lambda::Alias")
    for source in every_stage.of_type("AWS::Lambda::EventSourceMapping").values():
        (queue,) = refers(properties(source)["EventSourceArn"])
        (alias,) = refers(properties(source)["FunctionName"])
        worker = every_stage.functions()[properties(aliases[alias])["FunctionName"]["Ref"]]
        assert properties(every_stage.both()[queue])["VisibilityTimeout"] >= 6 * properties(worker)["Timeout"]
        assert properties(source)["FunctionResponseTypes"] == ["ReportBatchItemFailures"]


def test_every_business_metric_with_an_alarm_is_counted_by_the_function_it_names(every_stage: Templates) -> None:
    services = {
        properties(function)["Environment"]["Variables"]["POWERTOOLS_SERVICE_NAME"]: properties(function)["Handler"].split(".")[1]
        for function in every_stage.functions().values()
    }
    alarms = [properties(alarm) for alarm in every_stage.of_type("AWS::CloudWatch::Alarm").values()]
    own = [alarm for alarm in alarms if alarm.get("Namespace") == "Countroom"]
    assert len(own) > 5
    for alarm in own:
        (dimension,) = alarm["Dimensions"]
        assert dimension["Name"] == "service"
        source = Path(f"functions/handlers/{services[dimension['Value']]}.py").read_text(encoding="utf-8")
        assert f'"{alarm["MetricName"]}"' in source


def test_every_alarm_tells_somebody_and_names_its_runbook(every_stage: Templates) -> None:
    alarms = every_stage.of_type("AWS::CloudWatch::Alarm")
    (topic,) = every_stage.of_type("AWS::SNS::Topic")
    assert len(alarms) > 10
    for alarm in alarms.values():
        assert refers(properties(alarm)["AlarmActions"]) == {topic}
        assert "docs/runbook.md#" in properties(alarm)["AlarmDescription"]
        assert properties(alarm)["TreatMissingData"] == "notBreaching"
