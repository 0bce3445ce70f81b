import dataclasses
import itertools
import json
import re
from pathlib import Path
from typing import Any

import pytest
from aws_lambda_powertools.utilities.circuit_breaker.persistence import CircuitBreakerDynamoDBPersistence

from countroom.cashier import store
from countroom.responsible_play import safety_store
from infrastructure import application
from infrastructure.stages import STAGE_NAMES, stage_settings
from tests.infrastructure.conftest import WITHOUT_BUNDLING
from tests.infrastructure.templates import Templates, properties, read_templates, refers

STATEFUL = (
    "AWS::DynamoDB::Table",
    "AWS::DynamoDB::GlobalTable",
    "AWS::KMS::Key",
    "AWS::S3::Bucket",
    "AWS::S3::BucketPolicy",
    "AWS::SecretsManager::Secret",
    "AWS::SES::ConfigurationSet",
    "AWS::SES::EmailIdentity",
)


def key_schema(part: Any) -> list[tuple[str, str]]:
    return [(key["AttributeName"], key["KeyType"]) for key in part["KeySchema"]]


def table(templates: Templates, prefix: str) -> Any:
    (found,) = [properties(one) for name, one in templates.of_type("AWS::DynamoDB::Table").items() if name.startswith(prefix)]
    return found


def test_what_must_survive_lies_in_the_state_stack_and_nothing_else_does(every_stage: Templates) -> None:
    assert {resource["Type"] for resource in every_stage.state["Resources"].values()} <= set(STATEFUL)
    for stack in every_stage.stacks()[1:]:
        assert not {resource["Type"] for resource in stack["Resources"].values()} & set(STATEFUL)
    assert len(every_stage.of_type("AWS::DynamoDB::Table")) == 9


def test_tables_on_aws_cannot_be_lost(aws_stage: Templates) -> None:
    for resource in aws_stage.of_type("AWS::DynamoDB::Table").values():
        assert properties(resource)["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
        assert properties(resource)["DeletionProtectionEnabled"] is True
        assert (resource["DeletionPolicy"], resource["UpdateReplacePolicy"]) == ("Retain", "Retain")


def test_keys_secrets_queues_and_the_mail_domain_on_aws_outlive_their_stack(aws_stage: Templates) -> None:
    kept = aws_stage.of_type(
        "AWS::KMS::Key", "AWS::SecretsManager::Secret", "AWS::SQS::Queue", "AWS::SES::EmailIdentity", "AWS::S3::Bucket"
    )
    for resource in kept.values():
        assert (resource["DeletionPolicy"], resource["UpdateReplacePolicy"]) == ("Retain", "Retain")


def test_everything_stored_is_encrypted_with_our_own_key(every_stage: Templates) -> None:
    encrypted_by: list[tuple[str, Any]] = []
    for name, resource in every_stage.every().items():
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


@pytest.mark.parametrize("prefix", ["Players", "Games", "Cashier", "RawEvents"])
def test_the_other_tables_have_theirs(every_stage: Templates, prefix: str) -> None:
    found = table(every_stage, prefix)
    assert key_schema(found) == [("pk", "HASH"), ("sk", "RANGE")]
    assert found["TimeToLiveSpecification"] == {"AttributeName": "expires_at", "Enabled": True}


def test_deposits_are_found_by_player_and_by_gateway(every_stage: Templates) -> None:
    indexes = {index["IndexName"]: key_schema(index) for index in table(every_stage, "Cashier")["GlobalSecondaryIndexes"]}
    assert indexes == {
        store.INDEX: [("player_id", "HASH"), ("created_at", "RANGE")],
        store.GATEWAY_INDEX: [("gateway", "HASH"), ("created_at", "RANGE")],
    }


def test_settlement_files_are_private_encrypted_and_never_written_over(every_stage: Templates) -> None:
    (bucket,) = [properties(one) for one in every_stage.of_type("AWS::S3::Bucket").values()]
    assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
    assert len(bucket["PublicAccessBlockConfiguration"]) == 4
    (rule,) = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert rule["ServerSideEncryptionByDefault"]["SSEAlgorithm"] == "aws:kms"
    assert "DataKey" in str(rule["ServerSideEncryptionByDefault"]["KMSMasterKeyID"])
    assert bucket["VersioningConfiguration"] == {"Status": "Enabled"}
    (kept,) = bucket["LifecycleConfiguration"]["Rules"]
    assert kept["NoncurrentVersionExpiration"] == {"NoncurrentDays": 365}
    assert "ExpirationInDays" not in kept, "files and reports themselves are kept"


def test_the_trail_never_expires_and_is_found_by_kind_and_day(every_stage: Templates) -> None:
    safety = table(every_stage, "Safety")
    assert key_schema(safety) == [("pk", "HASH"), ("sk", "RANGE")]
    assert "TimeToLiveSpecification" not in safety
    indexes = {index["IndexName"]: key_schema(index) for index in safety["GlobalSecondaryIndexes"]}
    assert indexes == {safety_store.BY_KIND: [("kind_day", "HASH"), ("sk", "RANGE")]}


def test_who_is_in_never_expires(every_stage: Templates) -> None:
    sessions = table(every_stage, "Sessions")
    assert key_schema(sessions) == [("pk", "HASH")]
    assert "TimeToLiveSpecification" not in sessions


def test_circuits_have_the_form_that_the_breaker_expects(every_stage: Templates) -> None:
    circuits = table(every_stage, "Circuits")
    breaker = CircuitBreakerDynamoDBPersistence("-", boto3_client=object())
    assert key_schema(circuits) == [(breaker.key_attr, "HASH")]
    assert circuits["TimeToLiveSpecification"] == {"AttributeName": breaker.expiry_attr, "Enabled": True}


def test_only_the_ledger_has_a_stream(every_stage: Templates) -> None:
    tables = every_stage.of_type("AWS::DynamoDB::Table")
    streaming = [name for name, one in tables.items() if "StreamSpecification" in properties(one)]
    assert [name.startswith("Ledger") for name in streaming] == [True]


def keys(templates: Templates, prefix: str) -> dict[str, Any]:
    return {name: properties(one) for name, one in templates.of_type("AWS::KMS::Key").items() if name.startswith(prefix)}


def test_token_keys_sign_and_nothing_else_and_are_as_many_as_the_stage_names(every_stage: Templates) -> None:
    found = keys(every_stage, "TokenKey")
    assert len(found) == len(stage_settings(every_stage.stage).token_keys)
    for key in found.values():
        assert (key["KeySpec"], key["KeyUsage"]) == ("ECC_NIST_P256", "SIGN_VERIFY")


def test_the_sandbox_lives_in_the_middle_of_a_rotation() -> None:
    assert len(stage_settings("sandbox").token_keys) == 2


def test_token_keys_are_rotated_as_the_runbook_has_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A key keeps its identity wherever its name stands, and no step takes an export away that the step before made use of."""

    def synthesised(number: int, names: tuple[str, ...], retired: tuple[str, ...] = ()) -> Templates:
        stage = dataclasses.replace(stage_settings("prod"), token_keys=names, retired_token_keys=retired)
        monkeypatch.setattr(application, "stage_settings", lambda _name: stage)
        application.build(str(tmp_path / str(number)), {"stage": "prod", **WITHOUT_BUNDLING})
        return read_templates(tmp_path / str(number), "prod")

    plan = ((("old",), ()), (("old", "new"), ()), (("new", "old"), ()), (("new",), ("old",)), (("new",), ()))
    steps = [synthesised(number, names, retired) for number, (names, retired) in enumerate(plan)]
    first, overlap, turned, retired, last = [keys(step, "TokenKey").keys() for step in steps]
    assert overlap == turned == retired == first | last
    assert len(overlap) == 2
    assert not first & last
    for before, after in itertools.pairwise(steps):
        assert imports(before) <= exports(after)
    assert imports(steps[3]) == imports(steps[4]), "a retired key is used by nobody"
    assert len(imports(steps[2])) == len(imports(steps[3])) + 1


def imports(templates: Templates) -> set[str]:
    """Names of what the other stacks take from the state stack."""
    others = json.dumps(templates.stacks()[1:])
    return set(re.findall(r'"Fn::ImportValue": "([^"]+)"', others)) - {
        output["Export"]["Name"] for output in templates.service["Outputs"].values() if "Export" in output
    }


def exports(templates: Templates) -> set[str]:
    return {output["Export"]["Name"] for output in templates.state["Outputs"].values()}


def test_the_personal_key_encrypts_and_is_not_the_data_key(every_stage: Templates) -> None:
    (key,) = keys(every_stage, "PersonalKey").values()
    assert key.get("KeySpec", "SYMMETRIC_DEFAULT") == "SYMMETRIC_DEFAULT"
    assert key["EnableKeyRotation"] is True
    (statement,) = key["KeyPolicy"]["Statement"]
    assert {"kms:Decrypt", "kms:Encrypt"} <= set(statement["Action"])
    assert not {"kms:GenerateDataKey", "kms:ReEncryptFrom", "kms:ReEncryptTo"} & set(statement["Action"])


def test_the_data_key_is_rotated(every_stage: Templates) -> None:
    (key,) = keys(every_stage, "DataKey").values()
    assert key["EnableKeyRotation"] is True


def test_mail_is_signed_sent_over_tls_and_not_repeated_to_who_bounced(every_stage: Templates) -> None:
    (identity,) = every_stage.of_type("AWS::SES::EmailIdentity").values()
    ((name, rules),) = every_stage.of_type("AWS::SES::ConfigurationSet").items()
    assert properties(identity)["EmailIdentity"] == stage_settings(every_stage.stage).mail_domain
    assert properties(identity)["DkimAttributes"] == {"SigningEnabled": True}
    assert refers(properties(identity)["ConfigurationSetAttributes"]) == {name}
    assert properties(rules)["DeliveryOptions"] == {"TlsPolicy": "REQUIRE"}
    assert properties(rules)["SuppressionOptions"] == {"SuppressedReasons": ["BOUNCE", "COMPLAINT"]}


def test_stages_do_not_share_a_mail_domain() -> None:
    assert len({stage_settings(name).mail_domain for name in STAGE_NAMES}) == len(STAGE_NAMES)


def test_no_secret_has_a_value_in_the_template(every_stage: Templates) -> None:
    secrets = every_stage.of_type("AWS::SecretsManager::Secret").values()
    names = {properties(secret)["Name"] for secret in secrets}
    parties = ("provider/hub88", "provider/swipe", "provider/action-batch")
    gateways = ("gateway/standard", "gateway/stripe", "gateway/adyen", "gateway/paymentiq")
    payments = ("payments/stripe", "payments/adyen")
    payouts = ("payout/adyen", "payout/paymentiq")
    safety = ("verification/sumsub", "verification-webhook/sumsub", "register/gamstop")
    known = (*parties, *gateways, *payments, *payouts, *safety)
    assert names == {f"countroom/{every_stage.stage}/{party}" for party in known}
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
    for kind in ("AWS::Lambda::EventInvokeConfig", "AWS::Lambda::EventSourceMapping", "AWS::Scheduler::Schedule"):
        for resource in every_stage.of_type(kind).values():
            told = {name: part for name, part in properties(resource).items() if name != "EventSourceArn"}
            pointed_at |= refers(told) & queues.keys()
    assert terminal == pointed_at, "a queue that nothing reads and nothing fails into"


def test_a_message_stays_hidden_for_longer_than_its_worker_may_take(every_stage: Templates) -> None:
    aliases = every_stage.of_type("AWS::Lambda::Alias")
    for source in every_stage.of_type("AWS::Lambda::EventSourceMapping").values():
        if "StartingPosition" in properties(source):
            continue  # a stream hides nothing: it waits
        (queue,) = refers(properties(source)["EventSourceArn"])
        (alias,) = refers(properties(source)["FunctionName"])
        worker = every_stage.functions()[properties(aliases[alias])["FunctionName"]["Ref"]]
        assert properties(every_stage.every()[queue])["VisibilityTimeout"] >= 6 * properties(worker)["Timeout"]
        assert properties(source)["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
