import re

import pytest

from infrastructure.stages import StageSettings, Throttle, stage_settings
from tests.infrastructure.templates import Templates, properties, refers
from tests.infrastructure.test_routes import PROTECTED, PUBLIC

CREDENTIALS = {
    "POST /v1/players",
    "POST /v1/players/verifications",
    "POST /v1/sessions",
    "POST /v1/password-resets",
    "POST /v1/password-resets/completions",
    "POST /v1/players/me/password",
    "POST /v1/players/me/email",
    "POST /v1/players/me/email/confirmations",
    "POST /v1/players/me/factor",
    "DELETE /v1/players/me/factor",
    "POST /v1/players/me/factor/confirmations",
    "POST /v1/players/me/closure",
    "POST /v1/sessions/current/step-up",
}
REFRESH = "POST /v1/sessions/refresh"


def method_throttles(templates: Templates) -> dict[str, Throttle]:
    (stage,) = templates.of_type("AWS::ApiGateway::Stage").values()
    return {
        f"{setting['HttpMethod']} {setting['ResourcePath'].replace('~1', '/').replace('//', '/')}": Throttle(
            setting["ThrottlingRateLimit"], setting["ThrottlingBurstLimit"]
        )
        for setting in properties(stage)["MethodSettings"]
    }


def test_what_takes_a_password_or_a_code_is_throttled_apart(every_stage: Templates) -> None:
    settings = stage_settings(every_stage.stage)
    throttles = method_throttles(every_stage)
    assert throttles.pop("* /*") == settings.player_throttle
    assert throttles.pop(REFRESH) == settings.refresh_throttle
    assert throttles.keys() == CREDENTIALS
    assert set(throttles.values()) == {settings.credential_throttle}


@pytest.mark.parametrize("stage", ["dev", "prod"])
def test_credentials_are_throttled_more_than_the_rest(stage: str) -> None:
    settings = stage_settings(stage)
    assert settings.credential_throttle.rate < settings.refresh_throttle.rate < settings.player_throttle.rate


def route_throttles(templates: Templates) -> dict[str, Throttle]:
    return {
        route: Throttle(setting["ThrottlingRateLimit"], setting["ThrottlingBurstLimit"])
        for stage in templates.of_type("AWS::ApiGatewayV2::Stage").values()
        for route, setting in properties(stage)["RouteSettings"].items()
    }


def test_every_callback_route_has_a_limit_that_it_shares_with_no_other(every_stage: Templates) -> None:
    settings: StageSettings = stage_settings(every_stage.stage)
    routes = {properties(route)["RouteKey"] for route in every_stage.of_type("AWS::ApiGatewayV2::Route").values()}
    throttles = route_throttles(every_stage)
    assert throttles.keys() == routes
    for route, throttle in throttles.items():
        name = route.split("/")[2]
        if route.endswith("/health"):
            assert throttle == settings.health_throttle
        elif name in {"payments", "paymentiq", "verification"}:
            assert throttle == settings.webhook_throttle
        else:
            assert throttle == settings.provider_throttles[name]


def test_a_route_past_those_we_know_gets_least(every_stage: Templates) -> None:
    """cdk-nag asks for a default, too; it must not be the limit of a provider, or a forgotten route would have as much."""
    for stage in every_stage.of_type("AWS::ApiGatewayV2::Stage").values():
        own = [setting["ThrottlingRateLimit"] for setting in properties(stage)["RouteSettings"].values()]
        assert 0 < properties(stage)["DefaultRouteSettings"]["ThrottlingRateLimit"] <= min(own)


def test_a_stage_is_changed_after_the_routes_that_its_settings_name(every_stage: Templates) -> None:
    routes = {properties(one)["RouteKey"]: name for name, one in every_stage.of_type("AWS::ApiGatewayV2::Route").items()}
    for stage in every_stage.of_type("AWS::ApiGatewayV2::Stage").values():
        assert {routes[route] for route in properties(stage)["RouteSettings"]} <= set(stage["DependsOn"])


def test_no_provider_can_use_up_the_concurrency_of_another_or_of_the_players(prod: Templates) -> None:
    shares = stage_settings("prod").reserved_concurrency
    providers = {name: share for name, share in shares.items() if name.startswith("provider-")}
    assert len(providers) == 3
    assert sum(shares.values()) <= 900
    assert max(providers.values()) == min(providers.values())
    assert {properties(function)["ReservedConcurrentExecutions"] for function in prod.functions().values()} == set(shares.values())


def rules(templates: Templates) -> dict[str, dict[str, object]]:
    (acl,) = templates.of_type("AWS::WAFv2::WebACL").values()
    return {rule["Name"]: rule for rule in properties(acl)["Rules"]}


def test_the_player_api_stands_behind_the_firewall(aws_stage: Templates) -> None:
    (association,) = aws_stage.of_type("AWS::WAFv2::WebACLAssociation").values()
    (stage,) = aws_stage.of_type("AWS::ApiGateway::Stage").keys()
    (acl,) = aws_stage.of_type("AWS::WAFv2::WebACL").keys()
    assert {stage, acl} <= refers(properties(association))
    priorities = [rule["Priority"] for rule in rules(aws_stage).values()]
    assert len(set(priorities)) == len(priorities)


def test_the_firewall_counts_by_address_and_blocks(aws_stage: Templates) -> None:
    settings = stage_settings(aws_stage.stage)
    found = {}
    for name, rule in rules(aws_stage).items():
        statement = rule["Statement"]
        assert isinstance(statement, dict)
        if rated := statement.get("RateBasedStatement"):
            assert (rated["AggregateKeyType"], rated["EvaluationWindowSec"]) == ("IP", 300)
            assert rule["Action"] == {"Block": {"CustomResponse": {"ResponseCode": 429}}}
            found[name] = rated["Limit"]
    assert found == {
        "FloodByAddress": settings.requests_per_ip_5_min,
        "CredentialsByAddress": settings.credentials_per_ip_5_min,
        "RefreshesByAddress": settings.refreshes_per_ip_5_min,
    }


@pytest.mark.parametrize(
    ("rule", "wanted"),
    [
        ("CredentialsByAddress", {route.split(" ")[1] for route in CREDENTIALS if route.startswith("POST")}),
        ("RefreshesByAddress", {REFRESH.split(" ")[1]}),
    ],
)
def test_the_firewall_finds_the_routes_of_a_rule_and_no_other(prod: Templates, rule: str, wanted: set[str]) -> None:
    statement = rules(prod)[rule]["Statement"]
    assert isinstance(statement, dict)
    method, path = statement["RateBasedStatement"]["ScopeDownStatement"]["AndStatement"]["Statements"]
    assert method["ByteMatchStatement"]["SearchString"] == "POST"
    assert method["ByteMatchStatement"]["PositionalConstraint"] == "EXACTLY"
    matching = path["RegexMatchStatement"]
    assert [one["Type"] for one in matching["TextTransformations"]] == ["URL_DECODE"]
    assert len(matching["RegexString"]) <= 512, "WAF takes no longer one"
    pattern = re.compile(matching["RegexString"])
    every = {route.split(" ")[1] for route in PUBLIC | PROTECTED}
    for dressed in ("{}", "/live{}", "{}/", "/live{}//"):
        assert {path for path in every if pattern.search(dressed.format(path))} == wanted


def test_no_managed_rule_blocks_for_what_stands_in_a_body(aws_stage: Templates) -> None:
    counting: dict[str, set[str]] = {}
    for name, rule in rules(aws_stage).items():
        statement = rule["Statement"]
        assert isinstance(statement, dict)
        if group := statement.get("ManagedRuleGroupStatement"):
            overrides = group.get("RuleActionOverrides", [])
            assert all(one["ActionToUse"] == {"Count": {}} for one in overrides)
            counting[name] = {one["Name"] for one in overrides}
    assert counting == {
        "AWSManagedRulesAmazonIpReputationList": set(),
        "AWSManagedRulesKnownBadInputsRuleSet": {"JavaDeserializationRCE_BODY", "Log4JRCE_BODY"},
        "AWSManagedRulesCommonRuleSet": {
            "SizeRestrictions_BODY",
            "EC2MetaDataSSRF_BODY",
            "GenericLFI_BODY",
            "GenericRFI_BODY",
            "CrossSiteScripting_BODY",
        },
    }
