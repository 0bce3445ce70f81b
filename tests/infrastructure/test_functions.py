import importlib
import json
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any

import pytest

from countroom.cashier.gateways.openers.registry import OPENINGS
from countroom.jurisdictions.profiles import PROFILES
from countroom.ledger import items
from countroom.ledger.movements import Reference
from handlers.verification_webhook import VENDOR
from infrastructure.application import build
from infrastructure.stages import STAGE_NAMES, StageSettings, stage_settings
from runtime import settings
from tests.infrastructure.conftest import WITHOUT_BUNDLING
from tests.infrastructure.templates import Resource, Templates, function_behind, properties, read_templates, refers, render

HANDLERS = Path("functions/handlers")
COMMON_ENVIRONMENT = {"STAGE", "LOG_LEVEL", "POWERTOOLS_SERVICE_NAME", "POWERTOOLS_METRICS_NAMESPACE"}
HANDLER_FILES = [
    "account",
    "deposits",
    "games",
    "games_staff",
    "identity",
    "identity_staff",
    "ledger_audit",
    "mailer",
    "payment_webhook",
    "payment_worker",
    "paymentiq",
    "play_safety",
    "provider_callback",
    "rounds_report",
    "rounds_worker",
    "safety_staff",
    "safety_worker",
    "settlement_check",
    "verification",
    "verification_webhook",
    "verification_worker",
    "wallet",
    "withdrawal_step",
    "withdrawal_sweeper",
    "withdrawals",
    "withdrawals_staff",
]
_SCHEDULED = {"ledger_audit", "rounds_report", "settlement_check", "withdrawal_sweeper"}
PROVIDERS = {"action_batch", "hub88", "swipe"}


def handler_file(function: Resource) -> str:
    package, file, entry = properties(function)["Handler"].split(".")
    assert (package, entry) == ("handlers", "handler")
    return str(file)


def variables(function: Resource) -> Mapping[str, Any]:
    found: Mapping[str, Any] = properties(function)["Environment"]["Variables"]
    return found


def of_handler(templates: Templates, file: str) -> list[Resource]:
    return [function for function in templates.functions().values() if handler_file(function) == file]


def test_every_handler_file_is_a_function_and_the_other_way_round(every_stage: Templates) -> None:
    files = {path.stem for path in HANDLERS.glob("*.py")} - {"__init__"}
    assert {handler_file(function) for function in every_stage.functions().values()} == files


def test_the_functions_are_those_we_know(every_stage: Templates) -> None:
    """Every entrance once, but that of the providers, which each of them has for itself."""
    files = Counter(handler_file(function) for function in every_stage.functions().values())
    assert files == {file: len(PROVIDERS) if file == "provider_callback" else 1 for file in HANDLER_FILES}


def test_every_provider_has_a_function_with_its_own_name_secret_and_share(every_stage: Templates) -> None:
    functions = of_handler(every_stage, "provider_callback")
    told = {variables(function)["PROVIDER"]: function for function in functions}
    assert told.keys() == PROVIDERS
    secrets = {str(variables(function)["PROVIDER_SECRET"]) for function in functions}
    assert len(secrets) == len(PROVIDERS)
    for provider, function in told.items():
        assert variables(function)["POWERTOOLS_SERVICE_NAME"] == f"provider-{provider.replace('_', '-')}"
        assert provider.replace("_", "") in str(variables(function)["PROVIDER_SECRET"]).lower()


def test_sessions_last_as_long_everywhere_as_the_stage_says(every_stage: Templates) -> None:
    stage = stage_settings(every_stage.stage)
    wanted = (str(stage.session_absolute_seconds), str(stage.session_idle_seconds))
    lifetimes = {
        variables(function)["POWERTOOLS_SERVICE_NAME"]: (
            variables(function)["SESSION_ABSOLUTE_SECONDS"],
            variables(function)["SESSION_IDLE_SECONDS"],
        )
        for function in every_stage.functions().values()
        if "SESSION_ABSOLUTE_SECONDS" in variables(function)
    }
    assert lifetimes.keys() == {
        "identity",
        "account",
        "identity-staff",
        "verification-worker",
        "wallet",
        "games",
        "deposits",
        "withdrawals",
        "play-safety",
        "verification",
    }
    assert set(lifetimes.values()) == {wanted}


def test_all_who_check_a_token_know_the_same_keys_in_the_same_order(every_stage: Templates) -> None:
    told = [variables(one)["TOKEN_KEY_IDS"] for one in every_stage.functions().values() if "TOKEN_KEY_IDS" in variables(one)]
    assert len(told) == 8
    assert all(one == told[0] for one in told)
    assert len(render(told[0]).split(",")) == len(stage_settings(every_stage.stage).token_keys)


@pytest.mark.parametrize(("stage", "guesses"), [("sandbox", "1000000"), ("dev", "100"), ("prod", "100")])
def test_guesses_from_one_address_are_limited_by_stage(synthesised: Callable[[str], Templates], stage: str, guesses: str) -> None:
    (identity,) = of_handler(synthesised(stage), "identity")
    assert variables(identity)["LOGIN_GUESSES_PER_SOURCE"] == guesses


def at(name: str) -> dict[str, str]:
    return {name: f"http://127.0.0.1:1/{name.lower()}"}


ADDRESSES = {
    "launch-urls": ("games", "LAUNCH_URLS", at("swipe"), {}),
    "payout-urls": ("withdrawal_step", "PAYOUT_URLS", at("adyen"), {}),
    "payment-urls": ("deposits", "PAYMENT_URLS", at("adyen"), {"stripe": "https://api.stripe.com"}),
    "verification-urls": ("verification", "VERIFICATION_URLS", at("sumsub"), {"sumsub": "https://api.sumsub.com"}),
    "register-urls": ("identity", "REGISTER_URLS", at("GAMSTOP"), {}),
}
"""What the command line names → whom it reaches, in which variable, what it says, and what production says whatever it says."""


@pytest.fixture(scope="module")
def told_addresses(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Templates]:
    """The sandbox and production as they are made when the command line names every address at once."""
    said = {name: json.dumps(addresses) for name, (_, _, addresses, _) in ADDRESSES.items()}

    def made(stage: str) -> Templates:
        folder = tmp_path_factory.mktemp(stage)
        build(str(folder), {"stage": stage, **said, **WITHOUT_BUNDLING})
        return read_templates(folder, stage)

    return {stage: made(stage) for stage in ("sandbox", "prod")}


@pytest.mark.parametrize("context", ADDRESSES)
def test_other_companies_are_where_the_stage_says_and_whoever_starts_the_emulator_says_it_there(
    told_addresses: dict[str, Templates], context: str
) -> None:
    handler, variable, addresses, in_production = ADDRESSES[context]

    def told(stage: str) -> Any:
        (function,) = of_handler(told_addresses[stage], handler)
        return json.loads(variables(function)[variable])

    assert told("sandbox") == addresses
    assert told("prod") == in_production, "an argument of the command line must not send players, money or names elsewhere"


def named_in(value: Any) -> set[str]:
    """The names in a table of secrets, as it stands in a template."""
    (text, _) = value["Fn::Sub"]
    return set(json.loads(text))


def test_every_register_of_a_profile_and_the_vendor_have_a_place_for_their_keys(every_stage: Templates) -> None:
    (identity,) = of_handler(every_stage, "identity")
    registers = {profile.register for profile in PROFILES.values() if profile.register}
    assert named_in(variables(identity)["REGISTER_SECRETS"]) == registers
    assert stage_settings(every_stage.stage).register_urls.keys() <= registers
    (asking,), (proving,) = of_handler(every_stage, "verification"), of_handler(every_stage, "verification_webhook")
    assert named_in(variables(asking)["VERIFICATION_SECRETS"]) == named_in(variables(proving)["WEBHOOK_SECRETS"]) == {VENDOR}
    assert stage_settings(every_stage.stage).verification_urls.keys() <= {VENDOR}


@pytest.mark.parametrize("stage", STAGE_NAMES)
def test_a_gateway_with_an_address_has_a_dialect_and_a_secret(synthesised: Callable[[str], Templates], stage: str) -> None:
    (deposits,) = of_handler(synthesised(stage), "deposits")
    assert json.loads(variables(deposits)["PAYMENT_URLS"]).keys() <= OPENINGS.keys()
    (named, _) = variables(deposits)["PAYMENT_SECRETS"]["Fn::Sub"]
    assert json.loads(named).keys() == OPENINGS.keys()


@pytest.mark.parametrize("file", HANDLER_FILES)
def test_the_environment_is_exactly_what_the_settings_ask_for(every_stage: Templates, file: str) -> None:
    wanted = importlib.import_module(f"handlers.{file}").Settings
    known = {field.name.upper() for field in fields(wanted)}
    required = {field.name.upper() for field in fields(wanted) if field.default is field.default_factory is MISSING}
    functions = of_handler(every_stage, file)
    assert functions
    for function in functions:
        environment = variables(function)
        assert environment.keys() >= COMMON_ENVIRONMENT
        own = environment.keys() - COMMON_ENVIRONMENT
        assert own <= known, "set, but read by nobody"
        assert own >= required, "read, but not set"
        settings.load(wanted, {name: render(value) for name, value in environment.items()})


def test_every_function_has_a_role_of_its_own(every_stage: Templates) -> None:
    roles = Counter(properties(function)["Role"]["Fn::GetAtt"][0] for function in every_stage.functions().values())
    assert set(roles.values()) == {1}
    for name in roles:
        assert "ManagedPolicyArns" not in properties(every_stage.every()[name])


def test_every_function_has_a_log_group_of_its_own_with_retention_and_key(every_stage: Templates) -> None:
    groups = Counter(properties(function)["LoggingConfig"]["LogGroup"]["Ref"] for function in every_stage.functions().values())
    assert set(groups.values()) == {1}
    for name in groups:
        group = properties(every_stage.every()[name])
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
        function = function_behind(every_stage, properties(method)["Integration"]["Uri"])
        assert properties(method)["Integration"]["TimeoutInMillis"] > properties(function)["Timeout"] * 1000
        assert properties(function)["Timeout"] < 29


def test_the_runtime_is_that_which_the_layer_was_built_for(every_stage: Templates) -> None:
    target = stage_settings(every_stage.stage).target
    layers = every_stage.of_type("AWS::Lambda::LayerVersion").values()
    assert len(layers) == 3, "one in each stack with functions: what another stack uses cannot be replaced"
    for part in (*every_stage.functions().values(), *layers):
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
    """That is what a schedule starts: failures of the function and of the delivery end in one queue, one for each."""
    scheduled = {name for name, function in every_stage.functions().items() if handler_file(function) in _SCHEDULED}
    aliases = every_stage.of_type("AWS::Lambda::Alias")
    ends: dict[str, set[str]] = {}
    for one in every_stage.of_type("AWS::Lambda::EventInvokeConfig").values():
        assert properties(one)["Qualifier"] == "live"
        ends[properties(one)["FunctionName"]["Ref"]] = refers(properties(one)["DestinationConfig"]["OnFailure"]["Destination"])
    assert ends.keys() == scheduled
    schedules = every_stage.of_type("AWS::Scheduler::Schedule").values()
    assert len(schedules) == len(scheduled)
    for schedule in schedules:
        target = properties(schedule)["Target"]
        (alias,) = refers(target["Arn"])
        function = properties(aliases[alias])["FunctionName"]["Ref"]
        assert refers(target["DeadLetterConfig"]) == ends[function]
        assert every_stage.every()[next(iter(ends[function]))]["Type"] == "AWS::SQS::Queue"


def test_what_runs_by_the_clock_runs_when_it_should(every_stage: Templates) -> None:
    times = {properties(one)["ScheduleExpression"] for one in every_stage.of_type("AWS::Scheduler::Schedule").values()}
    assert times == {"cron(0 3 * * ? *)", "cron(17 * * * ? *)", "cron(42 * * * ? *)", "cron(* * * * ? *)"}


def streams(templates: Templates) -> dict[str, Any]:
    """Handler → its source, for those that follow a table."""
    sources = [properties(one) for one in templates.of_type("AWS::Lambda::EventSourceMapping").values()]
    following = [source for source in sources if "StartingPosition" in source]
    return {handler_file(function_behind(templates, source["FunctionName"])): source for source in following}


def test_two_follow_the_ledger_as_many_as_a_shard_feeds(every_stage: Templates) -> None:
    """DynamoDB throttles readers from the third on a shard."""
    assert streams(every_stage).keys() == {"rounds_worker", "safety_worker"}


@pytest.mark.parametrize("handler", ["rounds_worker", "safety_worker"])
def test_the_ledgers_stream_is_worked_off_with_bounds_and_nothing_is_dropped_in_silence(
    every_stage: Templates, handler: str
) -> None:
    stream = streams(every_stage)[handler]
    assert "Ledger" in str(stream["EventSourceArn"])
    assert stream["StartingPosition"] == "TRIM_HORIZON", "a new deployment must not skip what was played meanwhile"
    assert stream["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert stream["BisectBatchOnFunctionError"] is True
    assert 0 < stream["MaximumRetryAttempts"] <= 10
    assert 0 < stream["MaximumRecordAgeInSeconds"] < 86_400, "the stream itself forgets after a day"
    (queue,) = refers(stream["DestinationConfig"]["OnFailure"]["Destination"])
    assert every_stage.every()[queue]["Type"] == "AWS::SQS::Queue"
    (only,) = stream["FilterCriteria"]["Filters"]
    (prefix,) = json.loads(only["Pattern"])["dynamodb"]["Keys"]["pk"]["S"]
    record = items.record_key(Reference("game:hub88", "x"))[items.KEY]["S"]
    assert record.startswith(prefix["prefix"])
    assert not items.wallet_key("x")[items.KEY]["S"].startswith(prefix["prefix"])
