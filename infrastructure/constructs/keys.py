"""The KMS keys: one encrypts what is stored, one what is personal, and one or more sign access tokens."""

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from constructs import Construct

from infrastructure.constructs.permissions import KEY_USE
from infrastructure.stages import StageSettings

# CDK's own default is kms:* for the account. This is what an administrator or a policy of this account can be given instead.
_ADMINISTRATION = (
    "kms:CancelKeyDeletion",
    "kms:CreateAlias",
    "kms:CreateGrant",
    "kms:DeleteAlias",
    "kms:DescribeKey",
    "kms:DisableKey",
    "kms:DisableKeyRotation",
    "kms:EnableKey",
    "kms:EnableKeyRotation",
    "kms:GetKeyPolicy",
    "kms:GetKeyRotationStatus",
    "kms:GetPublicKey",
    "kms:ListGrants",
    "kms:ListKeyPolicies",
    "kms:ListKeyRotations",
    "kms:ListResourceTags",
    "kms:PutKeyPolicy",
    "kms:RevokeGrant",
    "kms:RotateKeyOnDemand",
    "kms:ScheduleKeyDeletion",
    "kms:TagResource",
    "kms:UntagResource",
    "kms:UpdateAlias",
    "kms:UpdateKeyDescription",
)
_SIGNING = ("kms:Sign", "kms:Verify")
_SEALING = ("kms:Decrypt", "kms:Encrypt")


class DataKey(kms.Key):
    """Encrypts tables, queues, secrets, logs and alarms. Who may use it is said in the role of each function."""

    def __init__(self, scope: Construct, construct_id: str, *, settings: StageSettings) -> None:
        super().__init__(
            scope,
            construct_id,
            description=f"Countroom {settings.name}: tables, queues, secrets, logs",
            enable_key_rotation=True,
            policy=iam.PolicyDocument(statements=[_account(scope, KEY_USE), _logs(scope, settings), _alarms()]),
            removal_policy=_removal(settings),
        )
        cdk.Tags.of(self).add("countroom:purpose", "data")


class PersonalKey(kms.Key):
    """Encrypts what is personal: profiles, second factors, registrations that wait for their code.

    Tables are encrypted with the data key already, for whoever may read them. What this key seals, they cannot read: it takes a
    right of its own, which `permissions.sealing` gives for named uses only. Rotation keeps what older versions have sealed.
    """

    def __init__(self, scope: Construct, construct_id: str, *, settings: StageSettings) -> None:
        super().__init__(
            scope,
            construct_id,
            description=f"Countroom {settings.name}: personal data and second factors",
            enable_key_rotation=True,
            policy=iam.PolicyDocument(statements=[_account(scope, _SEALING)]),
            removal_policy=_removal(settings),
        )
        cdk.Tags.of(self).add("countroom:purpose", "personal")


class TokenKey(kms.Key):
    """Signs access tokens (ES256, RFC 7518 §3.4) under a name that tells it from those before and after it.

    Its private half never leaves KMS, and KMS rotates no key of this kind: a new one is a new name in the stage's settings.
    """

    def __init__(self, scope: Construct, construct_id: str, *, settings: StageSettings, name: str) -> None:
        super().__init__(
            scope,
            construct_id,
            description=f"Countroom {settings.name}: signature of access tokens, {name}",
            key_spec=kms.KeySpec.ECC_NIST_P256,
            key_usage=kms.KeyUsage.SIGN_VERIFY,
            policy=iam.PolicyDocument(statements=[_account(scope, _SIGNING)]),
            removal_policy=_removal(settings),
        )
        cdk.Tags.of(self).add("countroom:purpose", "tokens")


def _removal(settings: StageSettings) -> cdk.RemovalPolicy:
    return cdk.RemovalPolicy.RETAIN if settings.keeps_data else cdk.RemovalPolicy.DESTROY


def _account(scope: Construct, use: tuple[str, ...]) -> iam.PolicyStatement:
    """Let policies of this account give out these actions. In a key policy, `*` means this key and nothing else."""
    return iam.PolicyStatement(
        sid="AccountPolicies",
        principals=[iam.AccountPrincipal(cdk.Stack.of(scope).account)],
        actions=sorted({*_ADMINISTRATION, *use}),
        resources=["*"],
    )


def _logs(scope: Construct, settings: StageSettings) -> iam.PolicyStatement:
    stack = cdk.Stack.of(scope)
    groups = f"arn:{stack.partition}:logs:{stack.region}:{stack.account}:log-group:/countroom/{settings.name}/*"
    return iam.PolicyStatement(
        sid="LogGroups",
        principals=[iam.ServicePrincipal(f"logs.{stack.region}.amazonaws.com")],
        actions=list(KEY_USE),
        resources=["*"],
        conditions={"ArnLike": {"kms:EncryptionContext:aws:logs:arn": groups}},
    )


def _alarms() -> iam.PolicyStatement:
    # No condition: CloudWatch's documentation names none for its use of a key. Who may publish is limited by the topic's policy.
    return iam.PolicyStatement(
        sid="AlarmsToTopic",
        principals=[iam.ServicePrincipal("cloudwatch.amazonaws.com")],
        actions=["kms:Decrypt", "kms:GenerateDataKey"],
        resources=["*"],
    )
