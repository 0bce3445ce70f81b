"""An API that another company's servers call: an HTTP API, the cheapest and fastest way from there to a function."""

from dataclasses import dataclass
from typing import cast

import aws_cdk as cdk
from aws_cdk import aws_apigatewayv2 as apigatewayv2
from aws_cdk import aws_apigatewayv2_integrations as integrations
from constructs import Construct

from infrastructure.constructs.access_log import HTTP_FORMAT
from infrastructure.constructs.alarm import Alarm
from infrastructure.constructs.function import Function
from infrastructure.constructs.house import House
from infrastructure.constructs.log_group import LogGroup
from infrastructure.findings import acknowledge
from infrastructure.stages import Throttle


@dataclass(frozen=True, slots=True)
class CallbackRoute:
    """One method of one path (such as "/v1/hub88/{proxy+}"), and how often it may be called: a limit that it shares with none."""

    method: str
    path: str
    throttle: Throttle


class CallbackApi(Construct):
    """Routes that carry signed requests. The signature covers the raw body, which this kind of API passes on byte for byte.

    Every route has a throttle of its own; `otherwise` is that of a route which somebody adds past `serve`.
    """

    def __init__(self, scope: Construct, construct_id: str, *, house: House, name: str, otherwise: Throttle) -> None:
        super().__init__(scope, construct_id)
        settings = house.settings
        self._throttles: dict[str, dict[str, object]] = {}
        logs = LogGroup(self, "AccessLogs", settings=settings, key=house.key, name=f"{name}-api")
        self.api = apigatewayv2.HttpApi(self, "Api", api_name=f"{settings.prefix}-{name}", create_default_stage=False)
        stage = apigatewayv2.HttpStage(
            self,
            "Stage",
            http_api=self.api,
            stage_name="$default",
            auto_deploy=True,
            detailed_metrics_enabled=True,
            throttle=apigatewayv2.ThrottleSettings(rate_limit=otherwise.rate, burst_limit=otherwise.burst),
        )
        self._stage = cast("apigatewayv2.CfnStage", stage.node.default_child)
        self._stage.access_log_settings = apigatewayv2.CfnStage.AccessLogSettingsProperty(
            destination_arn=cdk.Fn.select(0, cdk.Fn.split(":*", logs.log_group_arn)), format=HTTP_FORMAT
        )
        Alarm(
            self,
            "ServerErrors",
            topic=house.topic,
            metric=stage.metric_server_error(period=cdk.Duration.minutes(5), statistic="Sum"),
            means=f"The {name} API answered with server errors.",
            runbook="api-server-errors",
            threshold=5,
        )

    def serve(self, function: Function, *routes: CallbackRoute, public: CallbackRoute | None = None) -> None:
        """Send `routes`, whose calls are signed, and the one that is `public` to `function`, in payload format 2.0."""
        integration = integrations.HttpLambdaIntegration(
            f"{function.node.id}Integration",
            function.alias,
            payload_format_version=apigatewayv2.PayloadFormatVersion.VERSION_2_0,
            timeout=cdk.Duration.seconds(function.timeout.to_seconds() + 1),
        )
        for route in routes:
            self._add(
                route,
                integration,
                "The caller is another company's server that signs the raw request; the function checks that signature first. "
                "An authorizer does not see the body.",
            )
        if public is not None:
            self._add(public, integration, "It says whether the service is up, to who asks, and reads nothing about anybody.")

    def _add(self, route: CallbackRoute, integration: integrations.HttpLambdaIntegration, why_open: str) -> None:
        (added,) = self.api.add_routes(path=route.path, methods=[apigatewayv2.HttpMethod(route.method)], integration=integration)
        acknowledge(added, "AwsSolutions-APIG4", why_open)
        self._throttles[f"{route.method} {route.path}"] = {
            "ThrottlingRateLimit": route.throttle.rate,
            "ThrottlingBurstLimit": route.throttle.burst,
            "DetailedMetricsEnabled": True,
        }
        self._stage.route_settings = self._throttles
        # The stage refuses settings of a route that is not there yet.
        self._stage.add_resource_dependency(cast("apigatewayv2.CfnRoute", added.node.default_child))
