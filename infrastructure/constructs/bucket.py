"""What an S3 bucket is here."""

import aws_cdk as cdk
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from constructs import Construct

from infrastructure.findings import acknowledge
from infrastructure.stages import StageSettings

_OLD_VERSIONS_KEPT = cdk.Duration.days(365)
_UPLOAD_GIVEN_UP = cdk.Duration.days(7)


class Bucket(s3.Bucket):
    """Nothing in it is public, everything is encrypted with the house's own key, and what is written over is kept for a year."""

    def __init__(self, scope: Construct, construct_id: str, *, settings: StageSettings, key: kms.IKey) -> None:
        super().__init__(
            scope,
            construct_id,
            encryption=s3.BucketEncryption.KMS,
            encryption_key=key,
            # One data key for many objects: fewer calls of KMS, and nothing else changes.
            bucket_key_enabled=True,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
            enforce_ssl=settings.tls_only,
            minimum_tls_version=1.2 if settings.tls_only else None,
            versioned=True,
            lifecycle_rules=[
                s3.LifecycleRule(
                    noncurrent_version_expiration=_OLD_VERSIONS_KEPT, abort_incomplete_multipart_upload_after=_UPLOAD_GIVEN_UP
                )
            ],
            removal_policy=cdk.RemovalPolicy.RETAIN if settings.keeps_data else cdk.RemovalPolicy.DESTROY,
        )
        acknowledge(
            self,
            "AwsSolutions-S1",
            "One function and a few people use it. Their calls are in CloudTrail where the account records data events; access "
            "logs would need a second bucket, and say less.",
        )
