"""What all functions and APIs of a stage share."""

from dataclasses import dataclass

from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sns as sns

from infrastructure.stages import StageSettings

METRICS_NAMESPACE = "Countroom"
"""Where the functions count; each under its own name as the dimension `service`."""


@dataclass(frozen=True, slots=True)
class House:
    """Handed to every construct of the service stack."""

    settings: StageSettings
    key: kms.IKey
    topic: sns.ITopic
    code: lambda_.Code
    layer: lambda_.ILayerVersion
