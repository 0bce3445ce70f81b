"""What must survive: the tables, the keys, and the places for outside parties' keys."""

import aws_cdk as cdk
from aws_cdk import aws_kms as kms
from constructs import Construct

from infrastructure.constructs.keys import DataKey, TokenKey
from infrastructure.constructs.secret import OperatorSecret
from infrastructure.constructs.table import Index, Table
from infrastructure.stages import StageSettings

LEDGER_INDEX = "history"
CASHIER_INDEX = "by_player"


class StateStack(cdk.Stack):
    """Apart from the rest, so that no change of a function or a route can touch it."""

    def __init__(self, scope: Construct, *, settings: StageSettings, synthesizer: cdk.IStackSynthesizer | None = None) -> None:
        super().__init__(
            scope,
            f"Countroom-{settings.name}-State",
            description=f"Countroom {settings.name}: tables, keys, secrets",
            termination_protection=settings.termination_protection,
            synthesizer=synthesizer,
        )
        self.data_key = DataKey(self, "DataKey", settings=settings)
        self.token_key = TokenKey(self, "TokenKey", settings=settings)
        # By its ARN alone: handed the key itself, constructs would write wildcard grants into its policy.
        key = kms.Key.from_key_arn(self, "DataKeyByArn", self.data_key.key_arn)
        self.ledger = Table(
            self,
            "Ledger",
            settings=settings,
            key=key,
            index=Index(LEDGER_INDEX, hash_key="p", range_key="n", numeric_range=True),
            stream=True,
        )
        self.players = Table(self, "Players", settings=settings, key=key, sorted_by="sk", expires_by="expires_at")
        self.cashier = Table(
            self,
            "Cashier",
            settings=settings,
            key=key,
            sorted_by="sk",
            index=Index(CASHIER_INDEX, hash_key="player_id", range_key="created_at"),
            expires_by="expires_at",
        )
        self.hub88_secret = OperatorSecret(
            self, "Hub88Secret", settings=settings, key=key, name="provider/hub88", empty_list="public_keys"
        )
        self.standard_secret = OperatorSecret(
            self, "StandardGatewaySecret", settings=settings, key=key, name="gateway/standard", empty_list="secrets"
        )
