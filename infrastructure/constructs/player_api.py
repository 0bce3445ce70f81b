"""The players' API: a REST API, because of its web ACL, its throttling by method and its own answers to what never arrives."""

import json
import re
from collections.abc import Sequence

import aws_cdk as cdk
from aws_cdk import aws_apigateway as apigateway
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from infrastructure.constructs.access_log import REST_FORMAT
from infrastructure.constructs.alarm import Alarm
from infrastructure.constructs.function import Elsewhere, Function
from infrastructure.constructs.house import House
from infrastructure.constructs.log_group import LogGroup
from infrastructure.findings import acknowledge
from infrastructure.routes import ALL, Caller, Pace, Route
from infrastructure.stages import StageSettings, Throttle

STAGE_NAME = "live"

# What API Gateway answers on its own: gateway response → (status, code, title, detail). RFC 9457 form, as from our functions.
_GATEWAY_ANSWERS: dict[str, tuple[int, str, str, str]] = {
    "DEFAULT_4XX": (400, "invalid_request", "Invalid request", "The request was refused before it reached the service."),
    "DEFAULT_5XX": (500, "internal_error", "Internal error", "Something went wrong on our side."),
    "INTEGRATION_FAILURE": (503, "temporarily_unavailable", "Temporarily unavailable", "Try again with the same request."),
    "INTEGRATION_TIMEOUT": (504, "temporarily_unavailable", "Temporarily unavailable", "Try again with the same request."),
    "MISSING_AUTHENTICATION_TOKEN": (404, "not_found", "Not found", "There is no such resource, or not with this method."),
    "REQUEST_TOO_LARGE": (413, "body_too_large", "Body too large", "The body is larger than this service reads."),
    "THROTTLED": (429, "too_many_requests", "Too many requests", "Slow down and try again."),
    "WAF_FILTERED": (403, "forbidden", "Forbidden", "The request was refused."),
}


class PlayerApi(Construct):
    """Routes of the players' front-ends. Every one is added by `serve`; there is no catch-all."""

    def __init__(self, scope: Construct, construct_id: str, *, house: House) -> None:
        super().__init__(scope, construct_id)
        settings = house.settings
        self._tracing = settings.tracing
        logs = LogGroup(self, "AccessLogs", settings=settings, key=house.key, name="player-api")
        self.api = apigateway.RestApi(
            self,
            "Api",
            rest_api_name=f"{settings.prefix}-player",
            endpoint_types=[apigateway.EndpointType.REGIONAL],
            cloud_watch_role=False,
            deploy_options=_stage_options(settings, logs),
        )
        self.api.node.try_remove_child("Endpoint")  # an output of CDK's own making; ours have names that do not change
        self.api.deployment_stage.node.add_dependency(self._logging_role(settings))
        for name, answer in _GATEWAY_ANSWERS.items():
            self._gateway_answer(name, *answer)
        acknowledge(
            self.api,
            "AwsSolutions-APIG2",
            "Bodies are validated in the functions, field by field against typed models: a gateway schema would be a second "
            "truth, and its answer cannot name the field.",
        )
        self._alarm(house)

    def serve(self, function: Function | Elsewhere, routes: Sequence[Route]) -> None:
        """Send `routes` to `function`; one of another stack is let to answer by `RoutePermissions` there."""
        integration = apigateway.LambdaIntegration(
            function.alias, proxy=True, allow_test_invoke=False, timeout=cdk.Duration.seconds(function.timeout.to_seconds() + 1)
        )
        for route in routes:
            method = self.api.root.resource_for_path(route.path).add_method(route.method, integration)
            _acknowledge_authorization(method, route)

    def counts(self, route: Route, period: cdk.Duration) -> tuple[cloudwatch.Metric, cloudwatch.Metric]:
        """Give what API Gateway counts of one route: its server errors, and all its requests."""
        dimensions = {
            "ApiName": self.api.rest_api_name,
            "Stage": STAGE_NAME,
            "Method": route.method,
            "Resource": route.path,
        }

        def count(name: str) -> cloudwatch.Metric:
            return cloudwatch.Metric(
                namespace="AWS/ApiGateway", metric_name=name, dimensions_map=dimensions, period=period, statistic="Sum"
            )

        return count("5XXError"), count("Count")

    def _gateway_answer(self, name: str, status: int, code: str, title: str, detail: str) -> None:
        problem = {
            "type": f"https://countroom.dev/problems/{code}",
            "title": title,
            "status": status,
            "detail": detail,
            "code": code,
            "request_id": "$context.requestId",
        }
        keeps_status = name.startswith("DEFAULT_")
        if keeps_status:
            del problem["status"]
        apigateway.GatewayResponse(
            self,
            f"Answer{name.title().replace('_', '')}",
            rest_api=self.api,
            type=apigateway.ResponseType.of(name),
            status_code=None if keeps_status else str(status),
            response_headers={"X-Request-Id": "context.requestId", "Content-Type": "'application/problem+json'"},
            templates={"application/json": json.dumps(problem)},
        )

    def _logging_role(self, settings: StageSettings) -> apigateway.CfnAccount:
        """Let API Gateway write logs. The setting is one for the whole account and region, so it outlives this stack."""
        role = iam.Role(
            self,
            "LoggingRole",
            assumed_by=iam.ServicePrincipal("apigateway.amazonaws.com"),
            description="Lets API Gateway write access and execution logs",
        )
        role.add_to_policy(
            iam.PolicyStatement(
                actions=[
                    "logs:CreateLogGroup",
                    "logs:CreateLogStream",
                    "logs:DescribeLogGroups",
                    "logs:DescribeLogStreams",
                    "logs:FilterLogEvents",
                    "logs:GetLogEvents",
                    "logs:PutLogEvents",
                ],
                resources=["*"],
            )
        )
        acknowledge(
            role,
            "AwsSolutions-IAM5[Resource::*]",
            "API Gateway names its execution log groups itself, and refuses a role whose rights are narrower than those of "
            "AWS's managed policy for it. This one has its actions one by one instead of the policy's wildcard.",
        )
        account = apigateway.CfnAccount(self, "Account", cloud_watch_role_arn=role.role_arn)
        account.node.add_dependency(role)
        if settings.keeps_data:
            role.apply_removal_policy(cdk.RemovalPolicy.RETAIN)
            account.apply_removal_policy(cdk.RemovalPolicy.RETAIN)
        return account

    def _alarm(self, house: House) -> None:
        Alarm(
            self,
            "ServerErrors",
            topic=house.topic,
            metric=self.api.deployment_stage.metric_server_error(period=cdk.Duration.minutes(5), statistic="Sum"),
            means="The player API answered with server errors.",
            runbook="api-server-errors",
            threshold=5,
        )


class RoutePermissions(Construct):
    """Lets the player API, whose stack knows `function` by its name alone, call it on `routes`."""

    def __init__(
        self, scope: Construct, construct_id: str, *, api: apigateway.IRestApi, function: Function, routes: Sequence[Route]
    ) -> None:
        super().__init__(scope, construct_id)
        for route in routes:
            where = re.sub(r"\{\w+\}", "*", f"{STAGE_NAME}/{route.method}{route.path}")
            called = cdk.Stack.of(self).format_arn(service="execute-api", resource=api.rest_api_id, resource_name=where)
            lambda_.CfnPermission(
                self,
                f"{route.method}{route.path}",
                action="lambda:InvokeFunction",
                function_name=function.alias.function_arn,
                principal="apigateway.amazonaws.com",
                source_arn=called,
            )


def _stage_options(settings: StageSettings, logs: LogGroup) -> apigateway.StageOptions:
    throttles = {Pace.CREDENTIALS: settings.credential_throttle, Pace.REFRESH: settings.refresh_throttle}
    return apigateway.StageOptions(
        stage_name=STAGE_NAME,
        access_log_destination=apigateway.LogGroupLogDestination(logs),
        access_log_format=apigateway.AccessLogFormat.custom(REST_FORMAT),
        logging_level=apigateway.MethodLoggingLevel.ERROR,
        data_trace_enabled=False,  # bodies hold passwords
        metrics_enabled=True,
        tracing_enabled=settings.tracing,
        throttling_rate_limit=settings.player_throttle.rate,
        throttling_burst_limit=settings.player_throttle.burst,
        method_options={
            f"{route.path}/{route.method}": _method_options(throttles[route.pace]) for route in ALL if route.pace in throttles
        },
    )


def _method_options(throttle: Throttle) -> apigateway.MethodDeploymentOptions:
    return apigateway.MethodDeploymentOptions(
        throttling_rate_limit=throttle.rate,
        throttling_burst_limit=throttle.burst,
        logging_level=apigateway.MethodLoggingLevel.ERROR,
        metrics_enabled=True,
        data_trace_enabled=False,
    )


def _acknowledge_authorization(method: apigateway.Method, route: Route) -> None:
    said = f"{route.method} {route.path}"
    if route.caller is Caller.PLAYER:
        reason = (
            f"{said} is for players: the function verifies the access token with a public key that it keeps, and reads whether "
            "its session still lives. An authorizer would cache its answer, and let a session in that has ended."
        )
    elif route.pace is Pace.ORDINARY:
        reason = f"{said} is public: it says nothing about a player, and nobody needs a token to ask."
    else:
        reason = f"{said} is public: it is for callers who have no access token yet, and is throttled and counted by address."
    acknowledge(method, "AwsSolutions-APIG4", reason)
    acknowledge(method, "AwsSolutions-COG4", f"Cognito is not used. {reason}")
