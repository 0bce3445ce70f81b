import importlib
from collections import Counter
from dataclasses import MISSING, fields
from pathlib import Path

import pytest

from infrastructure.stages import StageSettings, stage_settings
from runtime import settings
from tests.infrastructure.templates import Resource, Templates, properties, refers, render

HANDLERS = Path("functions/handlers")
COMMON_ENVIRONMENT = {"STAGE", "LOG_LEVEL", "POWERTOOLS_SERVICE_NAME", "POWERTOOLS_METRICS_NAMESPACE"}
HANDLER_FILES = [
    "deposits",
    "games",
    "identity",
    "ledger_audit",
    "payment_webhook",
    "payment_worker",
    "provider_callback",
    "wallet",
]


def handler_file(function: Resource) -> str:
    package, file, entry = properties(function)["Handler"].split(".")
    assert (package, entry) == ("handlers", "handler")
    return str(file)


def of_handler(templates: Templates, file: str) -> list[Resource]:
    return [function for function in templates.functions().values() if handler_file(function) == file]


def test_every_handler_file_is_a_function_and_the_other_way_round(every_stage: Templates) -> None:
    files = {path.stem for path in HANDLERS.glob("*.py")} - {"__init__"}
    assert {handler_file(function) for function in every_stage.functions().values()} == files


def test_the_functions_are_those_we_know(every_stage: Templates) -> None:
    assert sorted(handler_file(function) for function in every_stage.functions().values()) == HANDLER_FILES


@pytest.mark.parametrize("file", HANDLER_FILES)
def test_the_environment_is_exactly_what_the_settings_ask_for(every_stage: Templates, file: str) -> None:
    wanted = importlib.import_module(f"handlers.{file}").Settings
    known = {field.name.upper() for field in fields(wanted)}
    required = {field.name.upper() for field in fields(wanted) if field.default is field.default_factory is MISSING}
    functions = of_handler(every_stage, file)
    assert functions
    for function in functions:
        environment = properties(function)["Environment"]["Variables"]
        assert environment.keys() >= COMMON_ENVIRONMENT
        own = environment.keys() - COMMON_ENVIRONMENT
        assert own <= known, "set, but read by nobody"
        assert own >= required, "read, but not set"
        settings.load(wanted, {name: render(value) for name, value in environment.items()})


def test_every_function_has_a_role_of_its_own(every_stage: Templates) -> None:
    roles = Counter(properties(function)["Role"]["Fn::GetAtt"][0] for function in every_stage.functions().values())
    assert set(roles.values()) == {1}
    for name in roles:
        assert "ManagedPolicyArns" not in properties(every_stage.both()[name])


def test_every_function_has_a_log_group_of_its_own_with_retention_and_key(every_stage: Templates) -> None:
    groups = Counter(properties(function)["LoggingConfig"]["LogGroup"]["Ref"] for function in every_stage.functions().values())
    assert set(groups.values()) == {1}
    for name in groups:
        group = properties(every_stage.both()[name])
        assert group["RetentionInDays"] == stage_settings(every_stage.stage).log_retention_days
        assert group["KmsKeyId"]
        assert group["LogGroupName"].startswith(f"/countroom/{every_stage.stage}/")


def test_every_function_is_published_behind_the_alias_live(every_stage: Templates) -> None:
    versions = {
        name: properties(version)["FunctionName"]["Ref"] for name, version in every_stage.of_type("AWS::Lambda::Version").items()
    }
    aliases = every_stage.of_type("AWS::Lambda::Alias").values()
    live = {versions[properties(alias)["FunctionVersion"]["Fn::GetAtt"][0]] for alias in aliases}
    assert {properties(alias)["Name"] for alias in aliases} == {"live"}
    assert live == every_stage.functions().keys()


def test_nothing_may_invoke_a_function_but_through_its_alias(every_stage: Templates) -> None:
    aliases = every_stage.of_type("AWS::Lambda::Alias").keys()
    for permission in every_stage.of_type("AWS::Lambda::Permission").values():
        assert properties(permission)["FunctionName"]["Ref"] in aliases
    for name, statement in every_stage.policies():
        if "lambda:InvokeFunction" in statement["Action"]:
            assert refers(statement["Resource"]) <= aliases, name


def test_every_function_says_how_long_and_how_big_and_has_an_alarm(every_stage: Templates) -> None:
    alarmed = {
        name
        for alarm in every_stage.of_type("AWS::CloudWatch::Alarm").values()
        if properties(alarm).get("MetricName") == "Errors"
        for name in refers(properties(alarm)["Dimensions"])
    }
    for name, function in every_stage.functions().items():
        assert properties(function)["Timeout"] <= 900
        assert properties(function)["MemorySize"] >= 512
        assert name in alarmed


def test_an_answer_through_an_api_comes_within_the_gateways_patience(every_stage: Templates) -> None:
    for method in every_stage.of_type("AWS::ApiGateway::Method").values():
        function = of_alias(every_stage, refers(properties(method)["Integration"]["Uri"]))
        assert properties(method)["Integration"]["TimeoutInMillis"] > properties(function)["Timeout"] * 1000
        assert properties(function)["Timeout"] < 29


def of_alias(templates: Templates, names: set[str]) -> Resource:
    aliases = templates.of_type("AWS::Lambda::Alias")
    (name,) = names & aliases.keys()
    return templates.functions()[properties(aliases[name])["FunctionName"]["Ref"]]


def test_the_runtime_is_that_which_the_layer_was_built_for(every_stage: Templates) -> None:
    target = stage_settings(every_stage.stage).target
    (layer,) = every_stage.of_type("AWS::Lambda::LayerVersion").values()
    for part in (*every_stage.functions().values(), layer):
        runtimes = properties(part).get("CompatibleRuntimes") or [properties(part)["Runtime"]]
        architectures = properties(part).get("CompatibleArchitectures") or properties(part)["Architectures"]
        assert (runtimes, architectures) == ([f"python{target.python}"], [target.architecture.value])


def test_functions_on_aws_run_on_arm_with_the_newest_python(aws_stage: Templates) -> None:
    for function in aws_stage.functions().values():
        assert properties(function)["Runtime"] == "python3.14"
        assert properties(function)["Architectures"] == ["arm64"]
        assert properties(function)["TracingConfig"] == {"Mode": "Active"}


def test_in_production_each_function_has_its_own_share_of_the_concurrency(prod: Templates) -> None:
    shares = [properties(function)["ReservedConcurrentExecutions"] for function in prod.functions().values()]
    assert min(shares) >= 1
    assert sum(shares) <= 900, "an account's default is 1,000, and 100 of it can never be reserved"


def test_every_reserved_share_names_a_function(prod: Templates) -> None:
    stage: StageSettings = stage_settings("prod")
    names = {properties(function)["FunctionName"].removeprefix("countroom-prod-") for function in prod.functions().values()}
    assert stage.reserved_concurrency.keys() == names


def test_what_is_invoked_asynchronously_has_a_failure_destination(every_stage: Templates) -> None:
    (audit,) = [name for name, function in every_stage.functions().items() if handler_file(function) == "ledger_audit"]
    configs = [properties(one) for one in every_stage.of_type("AWS::Lambda::EventInvokeConfig").values()]
    assert [(config["FunctionName"]["Ref"], config["Qualifier"]) for config in configs] == [(audit, "live")]
    (queue,) = refers(configs[0]["DestinationConfig"]["OnFailure"]["Destination"])
    assert every_stage.both()[queue]["Type"] == "AWS::SQS::Queue"
    (schedule,) = every_stage.of_type("AWS::Scheduler::Schedule").values()
    assert refers(properties(schedule)["Target"]["DeadLetterConfig"]) == {queue}
