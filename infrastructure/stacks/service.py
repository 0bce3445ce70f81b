"""What does the work: functions, APIs, queues, schedule, alarms. The ledger depends on nothing that lies here."""

import aws_cdk as cdk
from aws_cdk import aws_kms as kms
from constructs import Construct

from infrastructure.catalogue import PAYMENT_WORKER_TIMEOUT_SECONDS, Catalogue
from infrastructure.constructs.alarm import AlarmTopic
from infrastructure.constructs.assets import DependencyLayer, functions_code
from infrastructure.constructs.auditor import AuditorRole
from infrastructure.constructs.callback_api import CallbackApi
from infrastructure.constructs.function import Function
from infrastructure.constructs.function_source import QueueSource
from infrastructure.constructs.house import House
from infrastructure.constructs.player_api import PlayerApi
from infrastructure.constructs.queue import FailureQueue, WorkQueue
from infrastructure.constructs.schedule import Nightly
from infrastructure.constructs.signals import SignalAlarms
from infrastructure.constructs.web_acl import WebAcl
from infrastructure.stacks.state import LEDGER_INDEX, StateStack
from infrastructure.stages import StageSettings

_IDENTITY_ROUTES = ("POST /v1/players", "POST /v1/sessions", "GET /.well-known/jwks.json")
_WALLET_ROUTES = (
    "GET /v1/wallet",
    "GET /v1/wallet/transactions",
    "GET /v1/wallet/transactions/{transaction_id}",
    "GET /v1/wallet/statement",
)
_GAMES_ROUTES = ("GET /v1/games", "POST /v1/games/{game_id}/sessions")
_DEPOSIT_ROUTES = ("POST /v1/deposits", "GET /v1/deposits", "GET /v1/deposits/{deposit_id}")
_HUB88_ROUTE = "POST /v1/hub88/{proxy+}"
_PAYMENT_ROUTE = "POST /v1/payments/{gateway}"
_AUDIT_HOUR_UTC = 3


class ServiceStack(cdk.Stack):
    """Can be deleted and made again without losing a cent."""

    def __init__(
        self,
        scope: Construct,
        *,
        settings: StageSettings,
        state: StateStack,
        synthesizer: cdk.IStackSynthesizer | None = None,
    ) -> None:
        super().__init__(
            scope,
            f"Countroom-{settings.name}-Service",
            description=f"Countroom {settings.name}: functions, APIs, queues, alarms",
            termination_protection=settings.termination_protection,
            synthesizer=synthesizer,
        )
        self._state = state
        self._house = self._found_house(settings)
        self._queues(settings)
        self._catalogue = Catalogue(self, self._house, state, self._payments, self._audit_failures)
        self._serve_players()
        self._serve_providers()
        self._serve_payments()
        self._audit()
        self._outputs()

    def _found_house(self, settings: StageSettings) -> House:
        key = kms.Key.from_key_arn(self, "DataKey", self._state.data_key.key_arn)
        return House(
            settings=settings,
            key=key,
            topic=AlarmTopic(self, "Alarms", settings=settings, key=key),
            code=functions_code(settings),
            layer=DependencyLayer(self, "Dependencies", settings=settings),
        )

    def _queues(self, settings: StageSettings) -> None:
        house = self._house
        self._payments = WorkQueue(
            self,
            "Payments",
            settings=settings,
            key=house.key,
            topic=house.topic,
            runbook="payment-queue",
            worker_timeout=cdk.Duration.seconds(PAYMENT_WORKER_TIMEOUT_SECONDS),
        )
        self._audit_failures = FailureQueue(
            self, "AuditFailures", settings=settings, key=house.key, topic=house.topic, runbook="audit-failed"
        )

    def _serve_players(self) -> None:
        house, catalogue = self._house, self._catalogue
        self._player_api = PlayerApi(self, "PlayerApi", house=house)
        self._player_api.serve(Function(self, "Identity", house=house, spec=catalogue.identity()), _IDENTITY_ROUTES)
        self._player_api.serve(Function(self, "Wallet", house=house, spec=catalogue.wallet()), _WALLET_ROUTES)
        self._player_api.serve(Function(self, "Games", house=house, spec=catalogue.games()), _GAMES_ROUTES)
        self._player_api.serve(Function(self, "Deposits", house=house, spec=catalogue.deposits()), _DEPOSIT_ROUTES)
        WebAcl(self, "PlayerFirewall", settings=house.settings, protects=self._player_api.api.deployment_stage)

    def _serve_providers(self) -> None:
        house = self._house
        self._provider_api = CallbackApi(
            self, "ProviderApi", house=house, name="provider", throttle=house.settings.provider_throttle
        )
        hub88 = Function(self, "ProviderHub88", house=house, spec=self._catalogue.provider_hub88())
        self._provider_api.serve(hub88, _HUB88_ROUTE)

    def _serve_payments(self) -> None:
        house = self._house
        self._webhook_api = CallbackApi(self, "WebhookApi", house=house, name="webhook", throttle=house.settings.webhook_throttle)
        webhook = Function(self, "PaymentWebhook", house=house, spec=self._catalogue.payment_webhook())
        self._webhook_api.serve(webhook, _PAYMENT_ROUTE)
        worker = Function(self, "PaymentWorker", house=house, spec=self._catalogue.payment_worker())
        QueueSource(self, "PaymentsToWorker", queue=self._payments, function=worker)

    def _audit(self) -> None:
        house = self._house
        self._audit_function = Function(self, "LedgerAudit", house=house, spec=self._catalogue.ledger_audit())
        Nightly(
            self,
            "NightlyAudit",
            house=house,
            function=self._audit_function,
            failures=self._audit_failures,
            hour_utc=_AUDIT_HOUR_UTC,
        )
        self._auditor = AuditorRole(
            self, "Auditor", house=house, ledger=self._state.ledger, index=LEDGER_INDEX, audit=self._audit_function
        )
        SignalAlarms(self, "Signals", topic=house.topic, ledger=self._state.ledger)

    def _outputs(self) -> None:
        state = self._state
        outputs = {
            "PlayerApiUrl": self._player_api.api.url,
            "ProviderApiUrl": self._provider_api.api.api_endpoint,
            "WebhookApiUrl": self._webhook_api.api.api_endpoint,
            "LedgerTableName": state.ledger.table_name,
            "PlayersTableName": state.players.table_name,
            "CashierTableName": state.cashier.table_name,
            "Hub88SecretArn": state.hub88_secret.arn,
            "StandardGatewaySecretArn": state.standard_secret.arn,
            "AuditFunctionName": self._audit_function.alias.function_arn,
            "AuditorRoleArn": self._auditor.role_arn,
            "PaymentQueueUrl": self._payments.queue_url,
            "PaymentDeadLetterQueueUrl": self._payments.dead_letters.queue_url,
            "AlarmTopicArn": self._house.topic.topic_arn,
        }
        for name, value in outputs.items():
            cdk.CfnOutput(self, name, value=value)
