"""What a secret is here: a place for it. The value never passes through a template."""

import json
from typing import cast

import aws_cdk as cdk
from aws_cdk import aws_kms as kms
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from infrastructure.findings import acknowledge
from infrastructure.stages import StageSettings


class OperatorSecret(secretsmanager.Secret):
    """Keys of an outside party, put in by an operator.

    It is born with an empty list under `empty_list` and a random filler, so that until then every signature is refused.
    """

    def __init__(
        self, scope: Construct, construct_id: str, *, settings: StageSettings, key: kms.IKey, name: str, empty_list: str
    ) -> None:
        super().__init__(
            scope,
            construct_id,
            secret_name=f"countroom/{settings.name}/{name}",
            encryption_key=key,
            generate_secret_string=secretsmanager.SecretStringGenerator(
                secret_string_template=json.dumps({empty_list: []}), generate_string_key="filler"
            ),
            removal_policy=cdk.RemovalPolicy.RETAIN if settings.keeps_data else cdk.RemovalPolicy.DESTROY,
        )
        # `Id` is the full ARN by its documentation as `Ref` is, but the emulator's `Ref` gives the name, which no policy matches.
        self.arn = cast("secretsmanager.CfnSecret", self.node.default_child).attr_id
        acknowledge(
            self,
            "AwsSolutions-SMG4",
            "The other side issues these keys, so no function of ours can rotate them. Several are valid at a time: an operator "
            "adds the new one and removes the old one when the other side has changed over.",
        )
