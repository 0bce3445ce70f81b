"""An API that another company's servers call: an HTTP API, the cheapest and fastest way from there to a function."""

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


class CallbackApi(Construct):
    """Routes that carry signed requests. The signature covers the raw body, which this kind of API passes on byte for byte."""

    def __init__(self, scope: Construct, construct_id: str, *, house: House, name: str, throttle: Throttle) -> None:
        super().__init__(scope, construct_id)
        settings = house.settings
        logs = LogGroup(self, "AccessLogs", settings=settings, key=house.key, name=f"{name}-api")
        self.api = apigatewayv2.HttpApi(self, "Api", api_name=f"{settings.prefix}-{name}", create_default_stage=False)
        stage = apigatewayv2.HttpStage(
            self,
            "Stage",
            http_api=self.api,
            stage_name="$default",
            auto_deploy=True,
            detailed_metrics_enabled=True,
            throttle=apigatewayv2.ThrottleSettings(rate_limit=throttle.rate, burst_limit=throttle.burst),
        )
        resource = cast("apigatewayv2.CfnStage", stage.node.default_child)
        resource.access_log_settings = apigatewayv2.CfnStage.AccessLogSettingsProperty(
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

    def serve(self, function: Function, route: str) -> None:
        """Send `route` (such as "POST /v1/hub88/{proxy+}") to `function`, in payload format 2.0."""
        verb, path = route.split(" ")
        added = self.api.add_routes(
            path=path,
            methods=[apigatewayv2.HttpMethod(verb)],
            integration=integrations.HttpLambdaIntegration(
                f"{function.node.id}Integration",
                function.alias,
                payload_format_version=apigatewayv2.PayloadFormatVersion.VERSION_2_0,
                timeout=cdk.Duration.seconds(function.timeout.to_seconds() + 1),
            ),
        )
        for one in added:
            acknowledge(
                one,
                "AwsSolutions-APIG4",
                "The caller is another company's server that signs the raw body; the function checks that signature first. "
                "An authorizer does not see the body.",
            )
