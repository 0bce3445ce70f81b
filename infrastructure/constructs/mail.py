"""Whom the house's e-mail comes from."""

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_iam as iam
from aws_cdk import aws_ses as ses
from aws_cdk import aws_sns as sns
from constructs import Construct

from infrastructure.constructs.alarm import Alarm
from infrastructure.stages import StageSettings

_BOUNCES_MAX = 0.05
_COMPLAINTS_MAX = 0.001


class MailIdentity(Construct):
    """The stage's mail domain with SES: signed (DKIM), sent over TLS or not at all, and never again to who bounced."""

    def __init__(self, scope: Construct, construct_id: str, *, settings: StageSettings) -> None:
        super().__init__(scope, construct_id)
        keep = cdk.RemovalPolicy.RETAIN if settings.keeps_data else cdk.RemovalPolicy.DESTROY
        self._settings = settings
        self._rules = ses.CfnConfigurationSet(
            self,
            "Rules",
            name=f"{settings.prefix}-mail",
            delivery_options=ses.CfnConfigurationSet.DeliveryOptionsProperty(tls_policy="REQUIRE"),
            reputation_options=ses.CfnConfigurationSet.ReputationOptionsProperty(reputation_metrics_enabled=True),
            sending_options=ses.CfnConfigurationSet.SendingOptionsProperty(sending_enabled=True),
            suppression_options=ses.CfnConfigurationSet.SuppressionOptionsProperty(suppressed_reasons=["BOUNCE", "COMPLAINT"]),
        )
        self._identity = ses.CfnEmailIdentity(
            self,
            "Domain",
            email_identity=settings.mail_domain,
            configuration_set_attributes=ses.CfnEmailIdentity.ConfigurationSetAttributesProperty(
                configuration_set_name=self._rules.ref
            ),
            dkim_attributes=ses.CfnEmailIdentity.DkimAttributesProperty(signing_enabled=True),
            # Bounces are counted and suppressed; nobody reads them in a mailbox.
            feedback_attributes=ses.CfnEmailIdentity.FeedbackAttributesProperty(email_forwarding_enabled=False),
        )
        for part in (self._rules, self._identity):
            part.apply_removal_policy(keep)

    def sending(self, stack: cdk.Stack) -> iam.PolicyStatement:
        """Allow to send as the stage's sender, from this domain only.

        The emulator says `*` for the resource of a sent e-mail and names no sender, so there the two cannot be limited.
        """
        statement = iam.PolicyStatement(actions=["ses:SendEmail"])
        if self._settings.emulated:
            statement.add_resources("*")
            return statement
        base = f"arn:{stack.partition}:ses:{stack.region}:{stack.account}"
        statement.add_resources(f"{base}:identity/{self._settings.mail_domain}", f"{base}:configuration-set/{self._rules.ref}")
        statement.add_condition("StringEquals", {"ses:FromAddress": self._settings.mail_sender})
        return statement


class MailReputation(Construct):
    """Alarms on what mailboxes think of the account's e-mail. SES reviews an account from 5 % bounces or 0.1 % complaints on."""

    def __init__(self, scope: Construct, construct_id: str, *, topic: sns.ITopic) -> None:
        super().__init__(scope, construct_id)
        for name, threshold, means in (
            ("BounceRate", _BOUNCES_MAX, "One e-mail in twenty bounces: SES may stop the account's sending."),
            ("ComplaintRate", _COMPLAINTS_MAX, "One e-mail in a thousand is called spam: SES may stop the account's sending."),
        ):
            Alarm(
                self,
                name,
                topic=topic,
                metric=cloudwatch.Metric(
                    namespace="AWS/SES",
                    metric_name=f"Reputation.{name}",
                    period=cdk.Duration.hours(1),
                    statistic="Maximum",
                ),
                threshold=threshold,
                means=means,
                runbook="mail",
            )
