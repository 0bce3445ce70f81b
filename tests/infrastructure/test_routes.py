import re
from pathlib import Path

from aws_cdk import aws_apigateway as apigateway

from infrastructure.application import build
from tests.infrastructure.conftest import WITHOUT_BUNDLING
from tests.infrastructure.templates import Resource, Resources, Templates, acknowledged, function_behind, properties, refers
from tools import openapi

PUBLIC = {
    "POST /v1/players": "identity",
    "POST /v1/players/verifications": "identity",
    "POST /v1/sessions": "identity",
    "POST /v1/sessions/refresh": "identity",
    "POST /v1/password-resets": "identity",
    "POST /v1/password-resets/completions": "identity",
    "GET /.well-known/jwks.json": "identity",
    "GET /v1/games": "games",
    "GET /v1/providers/health": "games",
}
PROTECTED = {
    "GET /v1/players/me": "account",
    "PATCH /v1/players/me": "account",
    "GET /v1/players/me/security-events": "account",
    "POST /v1/players/me/password": "account",
    "POST /v1/players/me/email": "account",
    "POST /v1/players/me/email/confirmations": "account",
    "POST /v1/players/me/factor": "account",
    "DELETE /v1/players/me/factor": "account",
    "POST /v1/players/me/factor/confirmations": "account",
    "POST /v1/players/me/closure": "account",
    "GET /v1/sessions": "account",
    "DELETE /v1/sessions": "account",
    "DELETE /v1/sessions/{session_id}": "account",
    "DELETE /v1/sessions/current": "account",
    "POST /v1/sessions/current/step-up": "account",
    "GET /v1/wallet": "wallet",
    "GET /v1/wallet/transactions": "wallet",
    "GET /v1/wallet/transactions/{transaction_id}": "wallet",
    "GET /v1/wallet/statement": "wallet",
    "POST /v1/games/{game_id}/sessions": "games",
    "GET /v1/rounds/{provider}": "games",
    "GET /v1/rounds/{provider}/{round_id}": "games",
    "POST /v1/deposits": "deposits",
    "GET /v1/deposits": "deposits",
    "GET /v1/deposits/methods": "deposits",
    "GET /v1/deposits/{deposit_id}": "deposits",
    "POST /v1/deposits/{deposit_id}/payment": "deposits",
    "POST /v1/withdrawals": "withdrawals",
    "GET /v1/withdrawals": "withdrawals",
    "GET /v1/withdrawals/{withdrawal_id}": "withdrawals",
    "POST /v1/withdrawals/{withdrawal_id}/cancellation": "withdrawals",
    "GET /v1/play-safety": "play_safety",
    "GET /v1/play-safety/history": "play_safety",
    "PUT /v1/limits/{kind}/{period}": "play_safety",
    "DELETE /v1/limits/{kind}/{period}": "play_safety",
    "DELETE /v1/limits/{kind}/{period}/raise": "play_safety",
    "POST /v1/limits/{kind}/{period}/raise/confirmation": "play_safety",
    "POST /v1/exclusions": "play_safety",
    "POST /v1/exclusions/reopening": "play_safety",
    "POST /v1/reality-checks": "play_safety",
    "PUT /v1/reality-checks/interval": "play_safety",
    "GET /v1/verification": "verification",
    "POST /v1/verification/start": "verification",
}
CALLBACK_ROUTES = {
    "POST /v1/hub88/{proxy+}": "hub88",
    "GET /v1/hub88/health": "hub88",
    "GET /v1/swipe/{proxy+}": "swipe",
    "POST /v1/swipe/{proxy+}": "swipe",
    "GET /v1/swipe/health": "swipe",
    "POST /v1/action_batch/{proxy+}": "action_batch",
    "GET /v1/action_batch/health": "action_batch",
    "POST /v1/payments/{gateway}": "payment-webhook",
    "POST /v1/paymentiq/{action}": "paymentiq",
    "POST /v1/verification/sumsub": "verification-webhook",
}
OUTPUTS = {
    "PlayerApiUrl",
    "ProviderApiUrl",
    "WebhookApiUrl",
    "LedgerTableName",
    "PlayersTableName",
    "SessionsTableName",
    "GamesTableName",
    "CashierTableName",
    "Hub88SecretArn",
    "SwipeSecretArn",
    "ActionBatchSecretArn",
    "StandardGatewaySecretArn",
    "StripeGatewaySecretArn",
    "AdyenGatewaySecretArn",
    "StripePaymentsSecretArn",
    "AdyenPaymentsSecretArn",
    "PaymentiqSecretArn",
    "RawEventsTableName",
    "SettlementBucketName",
    "SettlementFunctionName",
    "AuditFunctionName",
    "AuditorRoleArn",
    "SupportFunctionName",
    "SupportRoleArn",
    "GamesStaffFunctionName",
    "GamesStaffRoleArn",
    "MailQueueUrl",
    "MailDeadLetterQueueUrl",
    "PaymentQueueUrl",
    "PaymentDeadLetterQueueUrl",
    "AlarmTopicArn",
}
OF_WITHDRAWALS = {
    "WithdrawalsTableName",
    "WithdrawalMachineArn",
    "WithdrawalSweeperFunctionName",
    "WithdrawalsStaffFunctionName",
    "PaymentsRoleArn",
    "AdyenPayoutSecretArn",
    "PaymentiqPayoutSecretArn",
}
OF_PLAY_SAFETY = {
    "VerificationApiUrl",
    "SafetyTableName",
    "SafetyStaffFunctionName",
    "SafetyRoleArn",
    "SumsubVerificationSecretArn",
    "SumsubWebhookSecretArn",
    "GamstopRegisterSecretArn",
    "VerificationQueueUrl",
    "VerificationDeadLetterQueueUrl",
}


def handler_behind(templates: Templates, value: object) -> str:
    return str(properties(function_behind(templates, value))["Handler"].split(".")[1])


def path_of(resources: Resources, reference: dict[str, object]) -> str:
    if "Fn::GetAtt" in reference:
        return ""
    resource = properties(resources[str(reference["Ref"])])
    return f"{path_of(resources, resource['ParentId'])}/{resource['PathPart']}"


def route_of(templates: Templates, method: Resource) -> str:
    return f"{properties(method)['HttpMethod']} {path_of(templates.every(), properties(method)['ResourceId'])}"


def test_the_player_api_has_these_routes_and_no_other(every_stage: Templates) -> None:
    routes = {}
    for method in every_stage.of_type("AWS::ApiGateway::Method").values():
        routes[route_of(every_stage, method)] = handler_behind(every_stage, properties(method)["Integration"])
        assert properties(method)["Integration"]["Type"] == "AWS_PROXY"
    assert routes == PUBLIC | PROTECTED


def test_no_route_hides_behind_a_word_that_stands_where_it_has_a_variable(every_stage: Templates) -> None:
    """API Gateway prefers the word, and does not look at the variable again when the word has no such method."""
    routes = {tuple(route_of(every_stage, one).split(" ")) for one in every_stage.of_type("AWS::ApiGateway::Method").values()}
    paths = {path_of(every_stage.every(), {"Ref": name}) for name in every_stage.of_type("AWS::ApiGateway::Resource")}
    hidden = {
        (verb, word)
        for verb, path in routes
        for word in paths
        if path.endswith("}") and "{" not in word and word.rpartition("/")[0] == path.rpartition("/")[0]
    }
    assert hidden - routes == {("DELETE", "/v1/sessions/refresh")}, "which is no session, and not found"


def test_each_route_says_at_its_resource_why_the_gateway_asks_for_no_token(tmp_path: Path) -> None:
    app = build(str(tmp_path), {"stage": "prod", **WITHOUT_BUNDLING})
    said: dict[str, str] = {}
    for node in app.node.find_all():
        if isinstance(node, apigateway.Method):
            reason = next(one for one in acknowledged(node) if not one.startswith("Cognito"))
            route, _, rest = reason.partition(" is ")
            said[route] = rest.split(":")[0]
    assert said == dict.fromkeys(PUBLIC, "public") | dict.fromkeys(PROTECTED, "for players")


def test_the_gateway_and_the_functions_agree_on_every_route_and_on_whether_it_needs_a_token() -> None:
    declared = {
        f"{verb.upper()} {path}": (operation["tags"], bool(operation["security"]))
        for path, operations in openapi.document()["paths"].items()
        for verb, operation in operations.items()
    }
    public = {route: ([function], False) for route, function in PUBLIC.items()}
    protected = {route: ([function], True) for route, function in PROTECTED.items()}
    assert declared == public | protected


def test_the_callback_apis_have_these_routes_and_no_other(every_stage: Templates) -> None:
    integrations = every_stage.of_type("AWS::ApiGatewayV2::Integration")
    routes = {}
    apis = set()
    for route in every_stage.of_type("AWS::ApiGatewayV2::Route").values():
        (integration,) = refers(properties(route)["Target"]) & integrations.keys()
        told = properties(function_behind(every_stage, properties(integrations[integration])))["Environment"]["Variables"]
        routes[properties(route)["RouteKey"]] = told.get("PROVIDER") or told["POWERTOOLS_SERVICE_NAME"]
        apis.add(properties(route)["ApiId"]["Ref"])
        assert properties(integrations[integration])["PayloadFormatVersion"] == "2.0"
    assert routes == CALLBACK_ROUTES
    assert len(apis) == 3, "providers, payment gateways and verification vendors do not share an API"


def test_the_api_may_call_what_another_stack_defines_on_its_routes_and_on_no_other(every_stage: Templates) -> None:
    """The gateway asks for a permission at the function, which names method and path."""
    permissions = [properties(one) for one in every_stage.of_type("AWS::Lambda::Permission").values()]
    called = {
        (
            handler_behind(every_stage, permission["FunctionName"]),
            re.sub(r"^.*/live/([A-Z]+)(/[^']*)'.*$", r"\1 \2", str(permission["SourceArn"])),
        )
        for permission in permissions
        if "/live/" in str(permission["SourceArn"])
    }
    for route, handler in PROTECTED.items():
        if handler in {"play_safety", "verification"}:
            assert (handler, re.sub(r"\{\w+\}", "*", route)) in called
    assert len([one for one in called if one[0] in {"play_safety", "verification"}]) == 12


def test_stages_are_named_and_logged(every_stage: Templates) -> None:
    (rest,) = every_stage.of_type("AWS::ApiGateway::Stage").values()
    assert properties(rest)["StageName"] == "live"
    assert not any(setting.get("DataTraceEnabled") for setting in properties(rest)["MethodSettings"]), "bodies hold passwords"
    assert properties(rest)["AccessLogSetting"]["DestinationArn"]
    for stage in every_stage.of_type("AWS::ApiGatewayV2::Stage").values():
        assert properties(stage)["StageName"] == "$default"
        assert properties(stage)["AccessLogSettings"]["DestinationArn"]


def test_access_logs_hold_nothing_about_a_person(every_stage: Templates) -> None:
    (rest,) = every_stage.of_type("AWS::ApiGateway::Stage").values()
    formats = [properties(rest)["AccessLogSetting"]["Format"]]
    formats += [
        properties(stage)["AccessLogSettings"]["Format"] for stage in every_stage.of_type("AWS::ApiGatewayV2::Stage").values()
    ]
    for text in formats:
        for personal in ("identity.sourceIp", "$context.path", "requestOverride", "authorizer", "userAgent", "queryString"):
            assert personal not in text


def test_the_gateways_own_answers_are_problem_documents(every_stage: Templates) -> None:
    answers = {
        properties(answer)["ResponseType"]: properties(answer)
        for answer in every_stage.of_type("AWS::ApiGateway::GatewayResponse").values()
    }
    assert {"DEFAULT_4XX", "DEFAULT_5XX", "MISSING_AUTHENTICATION_TOKEN", "THROTTLED", "INTEGRATION_TIMEOUT"} <= answers.keys()
    for answer in answers.values():
        parameters = answer["ResponseParameters"]
        assert parameters["gatewayresponse.header.Content-Type"] == "'application/problem+json'"
        assert parameters["gatewayresponse.header.X-Request-Id"] == "context.requestId"
        assert '"code"' in answer["ResponseTemplates"]["application/json"]


def test_outputs_are_those_that_others_read(every_stage: Templates) -> None:
    assert every_stage.service["Outputs"].keys() - exports(every_stage) == OUTPUTS
    assert every_stage.withdrawals["Outputs"].keys() == OF_WITHDRAWALS
    assert every_stage.play_safety["Outputs"].keys() == OF_PLAY_SAFETY


def exports(templates: Templates) -> set[str]:
    """What one stack hands to another under a name of CDK's making."""
    return {name for name, output in templates.service["Outputs"].items() if "Export" in output}
