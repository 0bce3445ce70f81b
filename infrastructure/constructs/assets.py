"""The two things that every function is made of: the layer with third-party packages, and the folder with our own code."""

import aws_cdk as cdk
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from infrastructure import bundling
from infrastructure.stages import Architecture, StageSettings


def runtime_of(settings: StageSettings) -> lambda_.Runtime:
    """Return the Lambda runtime of a stage: Python of the version that the layer is built for."""
    return lambda_.Runtime(f"python{settings.target.python}", lambda_.RuntimeFamily.PYTHON)


def architecture_of(settings: StageSettings) -> lambda_.Architecture:
    """Return the processor that the stage's functions run on."""
    arm = settings.target.architecture is Architecture.ARM64
    return lambda_.Architecture.ARM_64 if arm else lambda_.Architecture.X86_64


def functions_code(settings: StageSettings) -> lambda_.AssetCode:
    """Return the folder functions/ as the code of every function of this stage."""
    name, options = bundling.code_options(settings.target)
    return lambda_.Code.from_asset(
        str(bundling.FUNCTIONS_FOLDER), asset_hash=name, asset_hash_type=cdk.AssetHashType.CUSTOM, bundling=options
    )


class DependencyLayer(lambda_.LayerVersion):
    """Third-party packages, pinned with hashes. Own code never goes in: on an update the layer changes before the code does."""

    def __init__(self, scope: Construct, construct_id: str, *, settings: StageSettings) -> None:
        name, options = bundling.layer_options(settings.target)
        super().__init__(
            scope,
            construct_id,
            code=lambda_.Code.from_asset(
                str(bundling.LAYER_FOLDER), asset_hash=name, asset_hash_type=cdk.AssetHashType.CUSTOM, bundling=options
            ),
            description="Third-party packages of the Countroom functions",
            compatible_runtimes=[runtime_of(settings)],
            compatible_architectures=[architecture_of(settings)],
            # Published function versions go on pointing at the layer version that they were made with.
            removal_policy=cdk.RemovalPolicy.RETAIN if settings.keeps_data else cdk.RemovalPolicy.DESTROY,
        )
