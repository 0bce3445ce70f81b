from tests.infrastructure.templates import Resources, Templates, properties, refers

PLAYER_ROUTES = {
    "POST /v1/players": "identity",
    "POST /v1/sessions": "identity",
    "GET /.well-known/jwks.json": "identity",
    "GET /v1/wallet": "wallet",
    "GET /v1/wallet/transactions": "wallet",
    "GET /v1/wallet/transactions/{transaction_id}": "wallet",
    "GET /v1/wallet/statement": "wallet",
    "GET /v1/games": "games",
    "POST /v1/games/{game_id}/sessions": "games",
    "POST /v1/deposits": "deposits",
    "GET /v1/deposits": "deposits",
    "GET /v1/deposits/{deposit_id}": "deposits",
}
CALLBACK_ROUTES = {
    "POST /v1/hub88/{proxy+}": "provider_callback",
    "POST /v1/payments/{gateway}": "payment_webhook",
}
OUTPUTS = {
    "PlayerApiUrl",
    "ProviderApiUrl",
    "WebhookApiUrl",
    "LedgerTableName",
    "PlayersTableName",
    "CashierTableName",
    "Hub88SecretArn",
    "StandardGatewaySecretArn",
    "AuditFunctionName",
    "AuditorRoleArn",
    "PaymentQueueUrl",
    "PaymentDeadLetterQueueUrl",
    "AlarmTopicArn",
}


def handler_behind(templates: Templates, value: object) -> str:
    aliases = templates.of_type("AWS::Lambda::Alias")
    (alias,) = refers(value) & aliases.keys()
    function = templates.functions()[properties(aliases[alias])["FunctionName"]["Ref"]]
    return str(properties(function)["Handler"].split(".")[1])


def path_of(resources: Resources, reference: dict[str, object]) -> str:
    if "Fn::GetAtt" in reference:
        return ""
    resource = properties(resources[str(reference["Ref"])])
    return f"{path_of(resources, resource['ParentId'])}/{resource['PathPart']}"


def test_the_player_api_has_these_routes_and_no_other(every_stage: Templates) -> None:
    routes = {}
    for method in every_stage.of_type("AWS::ApiGateway::Method").values():
        path = path_of(every_stage.both(), properties(method)["ResourceId"])
        routes[f"{properties(method)['HttpMethod']} {path}"] = handler_behind(every_stage, properties(method)["Integration"])
        assert properties(method)["Integration"]["Type"] == "AWS_PROXY"
    assert routes == PLAYER_ROUTES


def test_the_callback_apis_have_these_routes_and_no_other(every_stage: Templates) -> None:
    integrations = every_stage.of_type("AWS::ApiGatewayV2::Integration")
    routes = {}
    apis = set()
    for route in every_stage.of_type("AWS::ApiGatewayV2::Route").values():
        (integration,) = refers(properties(route)["Target"]) & integrations.keys()
        routes[properties(route)["RouteKey"]] = handler_behind(every_stage, properties(integrations[integration]))
        apis.add(properties(route)["ApiId"]["Ref"])
        assert properties(integrations[integration])["PayloadFormatVersion"] == "2.0"
    assert routes == CALLBACK_ROUTES
    assert len(apis) == 2, "providers and payment gateways do not share an API"


def test_stages_are_named_throttled_and_logged(every_stage: Templates) -> None:
    (rest,) = every_stage.of_type("AWS::ApiGateway::Stage").values()
    assert properties(rest)["StageName"] == "live"
    assert all(setting["ThrottlingRateLimit"] and setting["ThrottlingBurstLimit"] for setting in properties(rest)["MethodSettings"])
    assert not any(setting.get("DataTraceEnabled") for setting in properties(rest)["MethodSettings"]), "bodies hold passwords"
    assert properties(rest)["AccessLogSetting"]["DestinationArn"]
    for stage in every_stage.of_type("AWS::ApiGatewayV2::Stage").values():
        assert properties(stage)["StageName"] == "$default"
        assert properties(stage)["DefaultRouteSettings"]["ThrottlingRateLimit"]
        assert properties(stage)["AccessLogSettings"]["DestinationArn"]


def test_login_is_throttled_more_than_the_rest(prod: Templates) -> None:
    (stage,) = prod.of_type("AWS::ApiGateway::Stage").values()
    rates = {
        (setting["ResourcePath"], setting["HttpMethod"]): setting["ThrottlingRateLimit"]
        for setting in properties(stage)["MethodSettings"]
    }
    everything = rates.pop(("/*", "*"))
    assert rates.keys() == {("/~1v1~1sessions", "POST"), ("/~1v1~1players", "POST")}
    assert max(rates.values()) < everything


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


def test_the_player_api_stands_behind_the_firewall(aws_stage: Templates) -> None:
    (association,) = aws_stage.of_type("AWS::WAFv2::WebACLAssociation").values()
    (stage,) = aws_stage.of_type("AWS::ApiGateway::Stage").keys()
    (acl,) = aws_stage.of_type("AWS::WAFv2::WebACL").items()
    assert {stage, acl[0]} <= refers(properties(association))
    rated = [rule for rule in properties(acl[1])["Rules"] if "RateBasedStatement" in rule["Statement"]]
    assert len(rated) == 2
    priorities = [rule["Priority"] for rule in properties(acl[1])["Rules"]]
    assert len(set(priorities)) == len(priorities)


def test_outputs_are_those_that_others_read(every_stage: Templates) -> None:
    assert every_stage.service["Outputs"].keys() == OUTPUTS
