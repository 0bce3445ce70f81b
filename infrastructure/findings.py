"""The checks that every synth for AWS must pass, and how a finding that stays is answered."""

import aws_cdk as cdk
from cdk_nag import AwsSolutionsChecks, ServerlessChecks
from constructs import IConstruct


def check(app: cdk.App) -> None:
    """Let cdk-nag's AwsSolutions and Serverless packs judge every resource of `app` at synth."""
    cdk.Validations.of(app).add_plugins(AwsSolutionsChecks(app), ServerlessChecks(app))


def acknowledge(resource: IConstruct, finding: str, reason: str) -> None:
    """Accept `finding` (a rule's id, with the finding's own id in brackets where it has one) at one resource, and say why."""
    cdk.Validations.of(resource).acknowledge(cdk.Acknowledgment(id=finding, reason=reason))
