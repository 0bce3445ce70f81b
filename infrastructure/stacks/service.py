"""What does the work: functions, APIs, queues, schedules, their alarms. The ledger depends on nothing that lies here."""

import aws_cdk as cdk
from aws_cdk import aws_apigateway as apigateway
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sns as sns
from constructs import Construct

from infrastructure import routes
from infrastructure.catalogue import safety
from infrastructure.catalogue.cashier import (
    PAYMENT_WORKER_TIMEOUT_SECONDS,
    SETTLEMENT_FILES,
    SETTLEMENT_REPORTS,
    CashierFunctions,
)
from infrastructure.catalogue.common import Shared
from infrastructure.catalogue.games import ROUND_RECORDS, GamesFunctions, provider_service
from infrastructure.catalogue.identity import MAILER_TIMEOUT_SECONDS, IdentityFunctions
from infrastructure.catalogue.ledger import LedgerFunctions
from infrastructure.catalogue.withdrawals import WithdrawalFunctions
from infrastructure.constructs.alarm import AlarmTopic
from infrastructure.constructs.assets import DependencyLayer, functions_code
from infrastructure.constructs.callback_api import CallbackApi, CallbackRoute
from infrastructure.constructs.function import Function, FunctionSpec, elsewhere
from infrastructure.constructs.function_source import QueueSource, StreamSource
from infrastructure.constructs.house import House
from infrastructure.constructs.mail import MailReputation
from infrastructure.constructs.permissions import accept_prefixes
from infrastructure.constructs.player_api import PlayerApi
from infrastructure.constructs.queue import FailureQueue, WorkQueue
from infrastructure.constructs.schedule import Scheduled, every_hour, every_night
from infrastructure.constructs.signals import MoneyFlowStopped, Slow, Unavailable, WritesThrottled
from infrastructure.constructs.staff import AuditorRole, StaffRole
from infrastructure.constructs.web_acl import WebAcl
from infrastructure.stacks.state import LEDGER_INDEX, StateStack
from infrastructure.stages import StageSettings, Throttle

_AUDIT_HOUR_UTC = 3
_REPORT_MINUTE = 17
_SETTLEMENT_MINUTE = 42
_CALLS_WORTH_A_BET = 50
_PROVIDER_METHODS = {"hub88": ("POST",), "swipe": ("GET", "POST"), "action_batch": ("POST",)}


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
        self._settings = settings
        self._state = state
        self._house = self._found_house()
        self._shared = Shared(self, self._house, state)
        self._player_api = PlayerApi(self, "PlayerApi", house=self._house)
        WebAcl(self, "PlayerFirewall", settings=settings, protects=self._player_api.api.deployment_stage)
        self._identity()
        self._ledger()
        self._games()
        self._cashier()
        self._play_safety()
        self._outputs()

    @property
    def alarms(self) -> sns.ITopic:
        """Where all alarms go, those of other stacks too."""
        return self._house.topic

    @property
    def player_api(self) -> apigateway.IRestApi:
        """What functions of other stacks answer for, too."""
        return self._player_api.api

    def _found_house(self) -> House:
        settings = self._settings
        key = kms.Key.from_key_arn(self, "DataKey", self._state.data_key.key_arn)
        return House(
            settings=settings,
            key=key,
            topic=AlarmTopic(self, "Alarms", settings=settings, key=key),
            code=functions_code(settings),
            layer=DependencyLayer(self, "Dependencies", settings=settings),
        )

    def _identity(self) -> None:
        topic = self._house.topic
        self._mails = self._work_queue("Mails", "mail", MAILER_TIMEOUT_SECONDS)
        functions = IdentityFunctions(self._shared, self._mails)
        self._player_api.serve(self._function("Identity", functions.identity()), routes.IDENTITY)
        self._player_api.serve(self._function("Account", functions.account()), routes.ACCOUNT)
        QueueSource(self, "MailsToMailer", queue=self._mails, function=self._function("Mailer", functions.mailer()))
        MailReputation(self, "MailReputation", topic=topic)
        self._support_function = self._function("IdentityStaff", functions.staff())
        self._support = StaffRole(
            self, "Support", house=self._house, may="freezes and unfreezes accounts", through_function=self._support_function
        )
        WritesThrottled(
            self, "SessionsThrottled", topic=topic, table=self._state.sessions, called="sessions", runbook="login-unavailable"
        )
        for construct_id, route in (("LoginUnavailable", routes.LOGIN), ("RefreshUnavailable", routes.REFRESH)):
            Unavailable(
                self,
                construct_id,
                topic=topic,
                api=self._player_api,
                route=route,
                percent=2,
                requests_min=20,
                runbook="login-unavailable",
            )

    def _ledger(self) -> None:
        house, state = self._house, self._state
        failures = self._failure_queue("AuditFailures", "audit-failed")
        functions = LedgerFunctions(self._shared, failures)
        self._player_api.serve(self._function("Wallet", functions.wallet()), routes.WALLET)
        self._audit = self._function("LedgerAudit", functions.audit())
        times = every_night(_AUDIT_HOUR_UTC)
        Scheduled(self, "NightlyAudit", house=house, function=self._audit, failures=failures, times=times, runbook="audit-failed")
        self._auditor = AuditorRole(self, "Auditor", house=house, ledger=state.ledger, index=LEDGER_INDEX, audit=self._audit)
        WritesThrottled(self, "LedgerThrottled", topic=house.topic, table=state.ledger, called="ledger", runbook="ledger-throttled")

    def _games(self) -> None:
        house = self._house
        report_failures = self._failure_queue("RoundsReportFailures", "rounds-report-failed")
        functions = GamesFunctions(self._shared, report_failures)
        self._player_api.serve(self._function("Games", functions.games()), routes.GAMES)
        self._provider_api = CallbackApi(
            self, "ProviderApi", house=house, name="provider", otherwise=self._settings.health_throttle
        )
        for provider, throttle in self._settings.provider_throttles.items():
            self._serve_provider(functions, provider, throttle)
        self._games_function = self._function("GamesStaff", functions.staff())
        self._games_role = StaffRole(
            self, "GamesRole", house=house, may="looks after the games on offer", through_function=self._games_function
        )
        StreamSource(
            self,
            "LedgerToRounds",
            house=house,
            table=self._state.ledger,
            function=self._function("RoundsWorker", functions.rounds_worker()),
            failures=self._failure_queue("RoundsFailures", "rounds-behind"),
            only=ROUND_RECORDS,
            runbook="rounds-behind",
        )
        report = self._function("RoundsReport", functions.rounds_report())
        times = every_hour(_REPORT_MINUTE)
        Scheduled(
            self,
            "HourlyRounds",
            house=house,
            function=report,
            failures=report_failures,
            times=times,
            runbook="rounds-report-failed",
        )

    def _serve_provider(self, functions: GamesFunctions, provider: str, throttle: Throttle) -> None:
        topic, service = self._house.topic, provider_service(provider)
        name = "".join(part.title() for part in service.split("-"))
        function = self._function(name, functions.provider(provider))
        signed = [CallbackRoute(method, f"/v1/{provider}/{{proxy+}}", throttle) for method in _PROVIDER_METHODS[provider]]
        health = CallbackRoute("GET", f"/v1/{provider}/health", self._settings.health_throttle)
        self._provider_api.serve(function, *signed, public=health)
        Slow(self, f"{name}Slow", topic=topic, function=function)
        MoneyFlowStopped(self, f"{name}Flow", topic=topic, service=service, calls_min=_CALLS_WORTH_A_BET)

    def _cashier(self) -> None:
        house = self._house
        self._payments = self._work_queue("Payments", "payment-queue", PAYMENT_WORKER_TIMEOUT_SECONDS)
        failures = self._failure_queue("SettlementFailures", "settlement-failed")
        withdrawals = WithdrawalFunctions(self._shared)
        self._player_api.serve(self._function("Withdrawals", withdrawals.player()), routes.WITHDRAWALS)
        functions = CashierFunctions(self._shared, self._payments, failures, withdrawals)
        self._player_api.serve(self._function("Deposits", functions.deposits()), routes.DEPOSITS)
        throttle = self._settings.webhook_throttle
        self._webhook_api = CallbackApi(self, "WebhookApi", house=house, name="webhook", otherwise=throttle)
        webhooks = CallbackRoute("POST", "/v1/payments/{gateway}", throttle)
        self._webhook_api.serve(self._function("PaymentWebhook", functions.payment_webhook()), webhooks)
        paymentiq = CallbackRoute("POST", "/v1/paymentiq/{action}", throttle)
        self._webhook_api.serve(self._function("Paymentiq", functions.paymentiq()), paymentiq)
        worker = self._function("PaymentWorker", functions.payment_worker())
        QueueSource(self, "PaymentsToWorker", queue=self._payments, function=worker)
        self._settlement = self._function("SettlementCheck", functions.settlement_check())
        accept_prefixes(self._settlement.role, self._state.settlements_export, SETTLEMENT_FILES, SETTLEMENT_REPORTS)
        times = every_hour(_SETTLEMENT_MINUTE)
        Scheduled(
            self,
            "HourlySettlement",
            house=house,
            function=self._settlement,
            failures=failures,
            times=times,
            runbook="settlement-failed",
        )

    def _play_safety(self) -> None:
        """Send the routes of play safety to functions of a stack that comes after this one, by their names."""
        for name, timeout_seconds, served in safety.ROUTES:
            construct_id = "".join(part.title() for part in name.split("-"))
            function = elsewhere(self, construct_id, settings=self._settings, name=name, timeout_seconds=timeout_seconds)
            self._player_api.serve(function, served)

    def _function(self, construct_id: str, spec: FunctionSpec) -> Function:
        return Function(self, construct_id, house=self._house, spec=spec)

    def _work_queue(self, construct_id: str, runbook: str, worker_timeout_seconds: int) -> WorkQueue:
        house = self._house
        return WorkQueue(
            self,
            construct_id,
            settings=house.settings,
            key=house.key,
            topic=house.topic,
            runbook=runbook,
            worker_timeout=cdk.Duration.seconds(worker_timeout_seconds),
        )

    def _failure_queue(self, construct_id: str, runbook: str) -> FailureQueue:
        house = self._house
        return FailureQueue(self, construct_id, settings=house.settings, key=house.key, topic=house.topic, runbook=runbook)

    def _outputs(self) -> None:
        state = self._state
        outputs = {
            "PlayerApiUrl": self._player_api.api.url,
            "ProviderApiUrl": self._provider_api.api.api_endpoint,
            "WebhookApiUrl": self._webhook_api.api.api_endpoint,
            "LedgerTableName": state.ledger.table_name,
            "PlayersTableName": state.players.table_name,
            "SessionsTableName": state.sessions.table_name,
            "GamesTableName": state.games.table_name,
            "CashierTableName": state.cashier.table_name,
            "Hub88SecretArn": state.provider_secrets["hub88"].arn,
            "SwipeSecretArn": state.provider_secrets["swipe"].arn,
            "ActionBatchSecretArn": state.provider_secrets["action_batch"].arn,
            "StandardGatewaySecretArn": state.gateway_secrets["standard"].arn,
            "StripeGatewaySecretArn": state.gateway_secrets["stripe"].arn,
            "AdyenGatewaySecretArn": state.gateway_secrets["adyen"].arn,
            "StripePaymentsSecretArn": state.payment_secrets["stripe"].arn,
            "AdyenPaymentsSecretArn": state.payment_secrets["adyen"].arn,
            "PaymentiqSecretArn": state.paymentiq_secret.arn,
            "RawEventsTableName": state.raw_events.table_name,
            "SettlementBucketName": state.settlements.bucket_name,
            "SettlementFunctionName": self._settlement.alias.function_arn,
            "AuditFunctionName": self._audit.alias.function_arn,
            "AuditorRoleArn": self._auditor.role_arn,
            "SupportFunctionName": self._support_function.alias.function_arn,
            "SupportRoleArn": self._support.role_arn,
            "GamesStaffFunctionName": self._games_function.alias.function_arn,
            "GamesStaffRoleArn": self._games_role.role_arn,
            "MailQueueUrl": self._mails.queue_url,
            "MailDeadLetterQueueUrl": self._mails.dead_letters.queue_url,
            "PaymentQueueUrl": self._payments.queue_url,
            "PaymentDeadLetterQueueUrl": self._payments.dead_letters.queue_url,
            "AlarmTopicArn": self._house.topic.topic_arn,
        }
        for name, value in outputs.items():
            cdk.CfnOutput(self, name, value=value)
