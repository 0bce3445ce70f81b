"""What keeps play safe: the functions of limits, exclusion and verification, the trail's worker, its staff, and their alarms.

Apart from the service stack, so that neither grows out of what one stack can hold. The player API calls two of the functions by
their names, so it needs nothing of this stack, which comes after it; and a bet, decided with the limits, needs none of them.
"""

import aws_cdk as cdk
from aws_cdk import aws_apigateway as apigateway
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sns as sns
from constructs import Construct

from infrastructure import signals
from infrastructure.catalogue import safety
from infrastructure.catalogue.common import Shared
from infrastructure.catalogue.safety import SafetyFunctions
from infrastructure.constructs.assets import DependencyLayer, functions_code
from infrastructure.constructs.callback_api import CallbackApi, CallbackRoute
from infrastructure.constructs.function import Function, FunctionSpec
from infrastructure.constructs.function_source import QueueSource, StreamSource
from infrastructure.constructs.house import House
from infrastructure.constructs.player_api import RoutePermissions
from infrastructure.constructs.queue import FailureQueue, WorkQueue
from infrastructure.constructs.signals import SignalAlarms
from infrastructure.constructs.staff import StaffRole
from infrastructure.stacks.state import StateStack
from infrastructure.stages import StageSettings


class PlaySafetyStack(cdk.Stack):
    """Can be deleted and made again: limits stand in the ledger, and the trail in a table of the state stack."""

    def __init__(
        self,
        scope: Construct,
        *,
        settings: StageSettings,
        state: StateStack,
        topic: sns.ITopic,
        player_api: apigateway.IRestApi,
        synthesizer: cdk.IStackSynthesizer | None = None,
    ) -> None:
        super().__init__(
            scope,
            f"Countroom-{settings.name}-PlaySafety",
            description=f"Countroom {settings.name}: limits, exclusion, verification, and the trail of all that",
            termination_protection=settings.termination_protection,
            synthesizer=synthesizer,
        )
        self._house = House(
            settings=settings,
            key=kms.Key.from_key_arn(self, "DataKey", state.data_key.key_arn),
            topic=topic,
            code=functions_code(settings),
            # A layer of its own, of the same content: one that another stack uses could never be replaced.
            layer=DependencyLayer(self, "PlaySafetyDependencies", settings=settings),
        )
        self._verifications = self._work_queue()
        self._functions = SafetyFunctions(Shared(self, self._house, state), self._verifications)
        self._answer_players(player_api)
        self._take_in_verifications()
        self._follow_the_ledger(state)
        self._staff = self._function("SafetyStaff", self._functions.staff())
        may = "searches the trail of play safety and works on its cases"
        self._role = StaffRole(self, "SafetyRole", house=self._house, may=may, through_function=self._staff)
        SignalAlarms(self, "PlaySafetySignals", topic=topic, signals=signals.PLAY_SAFETY)
        self._outputs(state)

    def _answer_players(self, api: apigateway.IRestApi) -> None:
        specs = (self._functions.player(), self._functions.verification())
        named = {spec.name: spec for spec in specs}
        for name, _, served in safety.ROUTES:
            construct_id = "".join(part.title() for part in name.split("-"))
            function = self._function(construct_id, named[name])
            RoutePermissions(self, f"{construct_id}Routes", api=api, function=function, routes=served)

    def _take_in_verifications(self) -> None:
        throttle = self._house.settings.webhook_throttle
        self._webhooks = CallbackApi(self, "VerificationApi", house=self._house, name="verification", otherwise=throttle)
        intake = self._function("VerificationWebhook", self._functions.webhook())
        self._webhooks.serve(intake, CallbackRoute("POST", "/v1/verification/sumsub", throttle))
        worker = self._function("VerificationWorker", self._functions.verification_worker())
        QueueSource(self, "VerificationsToWorker", queue=self._verifications, function=worker)

    def _follow_the_ledger(self, state: StateStack) -> None:
        house = self._house
        StreamSource(
            self,
            "LedgerToTrail",
            house=house,
            table=state.ledger,
            function=self._function("SafetyWorker", self._functions.worker()),
            failures=FailureQueue(
                self, "TrailFailures", settings=house.settings, key=house.key, topic=house.topic, runbook="trail-behind"
            ),
            only=safety.ALL_RECORDS,
            runbook="trail-behind",
        )

    def _work_queue(self) -> WorkQueue:
        house = self._house
        return WorkQueue(
            self,
            "Verifications",
            settings=house.settings,
            key=house.key,
            topic=house.topic,
            runbook="verification-queue",
            worker_timeout=cdk.Duration.seconds(safety.VERIFICATION_WORKER_TIMEOUT_SECONDS),
        )

    def _function(self, construct_id: str, spec: FunctionSpec) -> Function:
        return Function(self, construct_id, house=self._house, spec=spec)

    def _outputs(self, state: StateStack) -> None:
        outputs = {
            "VerificationApiUrl": self._webhooks.api.api_endpoint,
            "SafetyTableName": state.safety.table_name,
            "SafetyStaffFunctionName": self._staff.alias.function_arn,
            "SafetyRoleArn": self._role.role_arn,
            "SumsubVerificationSecretArn": state.verification_secrets["sumsub"].arn,
            "SumsubWebhookSecretArn": state.verification_webhook_secrets["sumsub"].arn,
            "GamstopRegisterSecretArn": state.register_secrets["GAMSTOP"].arn,
            "VerificationQueueUrl": self._verifications.queue_url,
            "VerificationDeadLetterQueueUrl": self._verifications.dead_letters.queue_url,
        }
        for name, value in outputs.items():
            cdk.CfnOutput(self, name, value=value)
