"""What must survive: tables, keys, the places for outside parties' keys, settlement files and reports, and the mail domain."""

import aws_cdk as cdk
from aws_cdk import aws_kms as kms
from constructs import Construct

from infrastructure.constructs.bucket import Bucket
from infrastructure.constructs.keys import DataKey, PersonalKey, TokenKey
from infrastructure.constructs.mail import MailIdentity
from infrastructure.constructs.secret import OperatorSecret
from infrastructure.constructs.table import Index, Shape, Table
from infrastructure.stages import StageSettings

LEDGER_INDEX = "history"
CASHIER_INDEX = "by_player"
SETTLEMENT_INDEX = "by_gateway"
WITHDRAWALS_BY_PLAYER = "by_player"
WITHDRAWALS_OPEN = "open"
TRAIL_BY_KIND = "by_kind"
_EXPIRES_BY = "expires_at"


class StateStack(cdk.Stack):
    """Apart from the rest, so that no change of a function or a route can touch it."""

    def __init__(self, scope: Construct, *, settings: StageSettings, synthesizer: cdk.IStackSynthesizer | None = None) -> None:
        super().__init__(
            scope,
            f"Countroom-{settings.name}-State",
            description=f"Countroom {settings.name}: tables, keys, secrets, settlements, mail domain",
            termination_protection=settings.termination_protection,
            synthesizer=synthesizer,
        )
        self.data_key = DataKey(self, "DataKey", settings=settings)
        self.personal_key = PersonalKey(self, "PersonalKey", settings=settings)
        self.token_keys = [TokenKey(self, f"TokenKey-{name}", settings=settings, name=name) for name in settings.token_keys]
        for name in settings.retired_token_keys:
            # CloudFormation removes no export that the other stack, which comes after this one, has not let go of.
            self.export_value(TokenKey(self, f"TokenKey-{name}", settings=settings, name=name).key_arn)
        self.mail = MailIdentity(self, "Mail", settings=settings)
        # By its ARN alone: handed the key itself, constructs would write wildcard grants into its policy.
        key = kms.Key.from_key_arn(self, "DataKeyByArn", self.data_key.key_arn)
        self._tables(settings, key)
        self._secrets(settings, key)
        self.settlements = Bucket(self, "Settlements", settings=settings, key=key)
        # Exported under a name of ours, which a finding about what lies below it can be answered by.
        self.settlements_export = f"{settings.prefix}-settlements"
        self.settlements_arn = self.export_value(self.settlements.bucket_arn, name=self.settlements_export)

    def _tables(self, settings: StageSettings, key: kms.IKey) -> None:
        def table(construct_id: str, shape: Shape) -> Table:
            return Table(self, construct_id, settings=settings, key=key, shape=shape)

        history = Index(LEDGER_INDEX, hash_key="p", range_key="n", numeric_range=True)
        self.ledger = table("Ledger", Shape(indexes=(history,), stream=True))
        self.players = table("Players", Shape(range_key="sk", expires_by=_EXPIRES_BY))
        # One item a player says who is in. It never expires: a mark in it ends a session, and a missing one would be nobody's.
        self.sessions = table("Sessions", Shape())
        self.games = table("Games", Shape(range_key="sk", expires_by=_EXPIRES_BY))
        # In the form in which Powertools' circuit breaker keeps its state.
        self.circuits = table("Circuits", Shape(hash_key="id", expires_by="expiration"))
        by_player = Index(CASHIER_INDEX, hash_key="player_id", range_key="created_at")
        by_gateway = Index(SETTLEMENT_INDEX, hash_key="gateway", range_key="created_at")
        self.cashier = table("Cashier", Shape(range_key="sk", expires_by=_EXPIRES_BY, indexes=(by_player, by_gateway)))
        # Nothing in it expires: what was paid out, and every request that was made for it, is found again for ever.
        of_player = Index(WITHDRAWALS_BY_PLAYER, hash_key="player_id", range_key="created_at")
        not_at_its_end = Index(WITHDRAWALS_OPEN, hash_key="open_status", range_key="changed_at")
        self.withdrawals = table("Withdrawals", Shape(range_key="sk", indexes=(of_player, not_at_its_end)))
        # What a regulator asks for: added to by one function, and never changed. It does not expire.
        by_kind = Index(TRAIL_BY_KIND, hash_key="kind_day", range_key="sk")
        self.safety = table("Safety", Shape(range_key="sk", indexes=(by_kind,)))
        # Apart from the cashier's, so that who takes in webhooks can write nothing else.
        self.raw_events = table("RawEvents", Shape(range_key="sk", expires_by=_EXPIRES_BY))

    def _secrets(self, settings: StageSettings, key: kms.IKey) -> None:
        def secret(construct_id: str, name: str, empty_list: str) -> OperatorSecret:
            return OperatorSecret(self, construct_id, settings=settings, key=key, name=name, empty_list=empty_list)

        self.provider_secrets = {
            "hub88": secret("Hub88Secret", "provider/hub88", "public_keys"),
            "swipe": secret("SwipeSecret", "provider/swipe", "secrets"),
            "action_batch": secret("ActionBatchSecret", "provider/action-batch", "secrets"),
        }
        # By the name of the gateway, as the cashier's dialects have it.
        self.gateway_secrets = {
            "standard": secret("StandardGatewaySecret", "gateway/standard", "secrets"),
            "stripe": secret("StripeGatewaySecret", "gateway/stripe", "secrets"),
            "adyen": secret("AdyenGatewaySecret", "gateway/adyen", "secrets"),
        }
        # What payments are opened with at a gateway: apart from what its webhooks are verified with, for another function reads it.
        self.payment_secrets = {
            "stripe": secret("StripePaymentsSecret", "payments/stripe", "api_keys"),
            "adyen": secret("AdyenPaymentsSecret", "payments/adyen", "api_keys"),
        }
        self.paymentiq_secret = secret("PaymentiqSecret", "gateway/paymentiq", "secrets")
        # Apart from those that prove a webhook: who takes in a gateway's word cannot order a payout from it.
        self.payout_secrets = {
            "adyen": secret("AdyenPayoutSecret", "payout/adyen", "keys"),
            "paymentiq": secret("PaymentiqPayoutSecret", "payout/paymentiq", "keys"),
        }
        # By vendor. Who takes in its webhooks cannot ask it anything, and who asks cannot forge a webhook of its.
        self.verification_secrets = {"sumsub": secret("SumsubVerificationSecret", "verification/sumsub", "api_keys")}
        self.verification_webhook_secrets = {"sumsub": secret("SumsubWebhookSecret", "verification-webhook/sumsub", "secrets")}
        # By register of self-excluded players, as the profiles name them.
        self.register_secrets = {"GAMSTOP": secret("GamstopRegisterSecret", "register/gamstop", "api_key")}
