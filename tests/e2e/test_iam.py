"""IAM is enforced: a function can do what its role grants and nothing else."""

import time
from functools import cache
from typing import Any

import pytest
from botocore.exceptions import ClientError

from sandbox import aws
from sandbox.player import RefusedError
from sandbox.stack import Stack
from tests.e2e import world

LEDGER, PLAYERS, CASHIER, SESSIONS, GAMES, RAW_EVENTS, WITHDRAWALS, SAFETY = (
    *("LedgerTableName", "PlayersTableName", "CashierTableName", "SessionsTableName", "GamesTableName"),
    *("RawEventsTableName", "WithdrawalsTableName", "SafetyTableName"),
)
EVERY_TABLE = {LEDGER, PLAYERS, CASHIER, SESSIONS, GAMES, RAW_EVENTS, WITHDRAWALS, SAFETY}
WITHOUT_SORT_KEY = {LEDGER, SESSIONS}
# Function → tables that it reads. It must not even read any other.
READS = {
    "identity": {PLAYERS, SESSIONS, LEDGER},
    "account": {PLAYERS, SESSIONS, LEDGER},
    "identity-staff": {PLAYERS, SESSIONS, LEDGER},
    "mailer": set[str](),
    "wallet": {LEDGER, SESSIONS},
    "games": {LEDGER, SESSIONS, GAMES, PLAYERS},
    "games-staff": {GAMES, LEDGER},
    "rounds-worker": {GAMES, LEDGER},
    "rounds-report": {GAMES},
    "deposits": {CASHIER, LEDGER, SESSIONS, PLAYERS},
    "provider-hub88": {LEDGER, GAMES},
    "provider-swipe": {LEDGER, GAMES},
    "provider-action-batch": {LEDGER, GAMES},
    "payment-webhook": set[str](),
    "payment-worker": {LEDGER, CASHIER, WITHDRAWALS},
    "paymentiq": {LEDGER, CASHIER, WITHDRAWALS},
    "settlement-check": {CASHIER, LEDGER},
    "ledger-audit": {LEDGER},
    "withdrawals": {LEDGER, CASHIER, WITHDRAWALS, PLAYERS, SESSIONS},
    "withdrawals-staff": {LEDGER, CASHIER, WITHDRAWALS, PLAYERS},
    "withdrawal-step": {LEDGER, CASHIER, WITHDRAWALS, PLAYERS},
    "withdrawal-sweeper": {WITHDRAWALS},
    "play-safety": {LEDGER, PLAYERS, SESSIONS},
    "safety-worker": {LEDGER, WITHDRAWALS, SAFETY},
    "safety-staff": {SAFETY, PLAYERS},
    "verification": {PLAYERS, LEDGER, SESSIONS},
    "verification-webhook": set[str](),
    "verification-worker": {PLAYERS, SESSIONS, LEDGER},
}
# Table → who may put items into it: nobody else can, whatever is done to them.
WRITERS = {
    LEDGER: {
        *("identity", "account", "identity-staff", "games", "payment-worker", "paymentiq"),
        *("provider-hub88", "provider-swipe", "provider-action-batch"),
        *("withdrawals", "withdrawals-staff", "withdrawal-step"),
        *("play-safety", "deposits", "settlement-check", "verification-worker"),
    },
    PLAYERS: {"identity", "account", "identity-staff", "play-safety", "verification", "verification-worker"},
    SESSIONS: {"identity", "account", "identity-staff", "play-safety", "verification-worker"},
    CASHIER: {"deposits", "payment-worker", "paymentiq", "settlement-check"},
    RAW_EVENTS: {"payment-webhook"},
    GAMES: {"games", "games-staff", "rounds-worker"},
    WITHDRAWALS: {
        *("withdrawals", "withdrawals-staff", "withdrawal-step", "withdrawal-sweeper"),
        *("payment-worker", "paymentiq"),
    },
    SAFETY: {"safety-worker", "safety-staff"},
}
SIGNS_TOKENS, SEALS_PERSONAL_DATA, SENDS_MAIL = {"identity"}, {"identity", "account"}, {"mailer"}
# A launch asks how old the player is; the verification vendor is told as whom he has registered.
OPENS_PERSONAL_DATA = SEALS_PERSONAL_DATA | {"games", "verification"}
# Secret → who reads it. A launch is asked for with the provider's own key, a payment with another than webhooks are signed with.
READ_SECRETS = {
    "Hub88SecretArn": {"provider-hub88", "games"},
    "SwipeSecretArn": {"provider-swipe", "games"},
    "ActionBatchSecretArn": {"provider-action-batch", "games"},
    **{f"{gateway}GatewaySecretArn": {"payment-webhook"} for gateway in ("Standard", "Stripe", "Adyen")},
    "PaymentiqSecretArn": {"paymentiq"},
    **{f"{gateway}PaymentsSecretArn": {"deposits"} for gateway in ("Stripe", "Adyen")},
    # Who takes in a gateway's word cannot order a payout from it, and the other way round.
    **{f"{gateway}PayoutSecretArn": {"withdrawal-step"} for gateway in ("Adyen", "Paymentiq")},
    # Who takes in the vendor's word cannot ask it anything, and the other way round.
    "SumsubVerificationSecretArn": {"verification"},
    "SumsubWebhookSecretArn": {"verification-webhook"},
    "GamstopRegisterSecretArn": {"identity"},
}
STAFF = [
    ("support", "SupportFunctionName"),
    ("games", "GamesStaffFunctionName"),
    ("payments", "WithdrawalsStaffFunctionName"),
    ("safety", "SafetyStaffFunctionName"),
]
STARTS_EXECUTIONS = {"withdrawals", "withdrawal-sweeper"}
QUERY = {"KeyConditionExpression": "pk = :pk", "ExpressionAttributeValues": {":pk": {"S": "PROBE"}}}
DENIED = ("AccessDeniedException", "AccessDenied")


def key_of(table: str) -> dict[str, Any]:
    key = {"pk": {"S": "PROBE"}}
    return key if table in WITHOUT_SORT_KEY else key | {"sk": {"S": "PROBE"}}


def denied(call: Any, **arguments: Any) -> bool:
    with pytest.raises(ClientError) as refused:
        call(**arguments)
    return refused.value.response["Error"]["Code"] in DENIED


def as_function(stack: Stack, name: str, service: str) -> Any:
    return client_of(stack.endpoint, world.role_of(stack, name), service)


@cache
def client_of(endpoint: str, role: str, service: str) -> Any:
    return aws.client(service, endpoint, keys_of(endpoint, role))


@cache
def keys_of(endpoint: str, role: str) -> dict[str, str]:
    return aws.take_role(endpoint, role, "probe")  # good for a quarter of an hour: longer than this module takes


def test_the_lists_above_are_complete() -> None:
    assert READS.keys() == set(world.FUNCTIONS)
    named = set().union(*WRITERS.values(), *READ_SECRETS.values(), SIGNS_TOKENS, OPENS_PERSONAL_DATA, SENDS_MAIL)
    assert named <= set(world.FUNCTIONS)


def test_these_are_all_functions_that_there_are(stack: Stack) -> None:
    pages = aws.client("lambda", stack.endpoint).get_paginator("list_functions").paginate()
    prefix = f"countroom-{stack.stage}-"
    found = {one["FunctionName"].removeprefix(prefix) for page in pages for one in page["Functions"]}
    assert {name for name in found if not name.startswith("Countroom")} == set(world.FUNCTIONS)


@pytest.mark.parametrize("name", world.FUNCTIONS)
def test_a_function_cannot_read_tables_of_other_rooms(stack: Stack, name: str) -> None:
    dynamodb = as_function(stack, name, "dynamodb")
    for table in EVERY_TABLE - READS[name]:
        assert denied(dynamodb.get_item, TableName=stack.resources[table], Key=key_of(table)), table
        assert denied(dynamodb.query, TableName=stack.resources[table], **QUERY), table
        assert denied(dynamodb.scan, TableName=stack.resources[table]), table


@pytest.mark.parametrize("table", sorted(EVERY_TABLE))
def test_only_the_rooms_own_functions_write_a_table(stack: Stack, table: str) -> None:
    name = stack.resources[table]
    put = {"Put": {"TableName": name, "Item": key_of(table)}}
    change = {"UpdateExpression": "SET x = :x", "ExpressionAttributeValues": {":x": {"S": "x"}}}
    update = {"Update": {"TableName": name, "Key": key_of(table)} | change}
    for function in set(world.FUNCTIONS) - WRITERS[table]:
        dynamodb = as_function(stack, function, "dynamodb")
        assert denied(dynamodb.put_item, TableName=name, Item=key_of(table)), function
        assert denied(dynamodb.update_item, TableName=name, Key=key_of(table), **change), function
        for write in (put, update):
            assert denied(dynamodb.transact_write_items, TransactItems=[write]), function


@pytest.mark.parametrize("name", world.FUNCTIONS)
def test_who_is_in_is_never_forgotten(stack: Stack, name: str) -> None:
    """No function can take an access item away, or change it otherwise than by putting the next version of it."""
    dynamodb, table = as_function(stack, name, "dynamodb"), stack.resources[SESSIONS]
    assert denied(dynamodb.delete_item, TableName=table, Key=key_of(SESSIONS))
    assert denied(dynamodb.delete_item, TableName=stack.resources[PLAYERS], Key=key_of(PLAYERS))


@pytest.mark.parametrize("name", world.FUNCTIONS)
@pytest.mark.parametrize("holds", [LEDGER, SAFETY])
def test_no_function_deletes_or_updates_a_record_or_what_the_trail_holds(stack: Stack, name: str, holds: str) -> None:
    dynamodb = as_function(stack, name, "dynamodb")
    table = stack.resources[holds]
    assert denied(dynamodb.delete_item, TableName=table, Key=key_of(holds))
    assert denied(dynamodb.batch_write_item, RequestItems={table: [{"DeleteRequest": {"Key": key_of(holds)}}]})
    assert denied(dynamodb.delete_table, TableName=table)
    update = {"UpdateExpression": "SET x = :x", "ExpressionAttributeValues": {":x": {"S": "x"}}}
    assert denied(dynamodb.update_item, TableName=table, Key=key_of(holds), **update)


@pytest.mark.parametrize("secret", sorted(READ_SECRETS))
def test_a_secret_is_for_those_who_need_it(stack: Stack, secret: str) -> None:
    for name in world.FUNCTIONS:
        manager = as_function(stack, name, "secretsmanager")
        if name not in READ_SECRETS[secret]:
            assert denied(manager.get_secret_value, SecretId=stack.resources[secret]), name
        assert denied(manager.put_secret_value, SecretId=stack.resources[secret], SecretString="{}"), name


@pytest.mark.parametrize("name", world.FUNCTIONS)
def test_keys_are_for_those_who_need_them(stack: Stack, name: str) -> None:
    kms, personal = as_function(stack, name, "kms"), world.personal_key(stack)
    if name not in SIGNS_TOKENS:
        signing = {"Message": b"x", "SigningAlgorithm": "ECDSA_SHA_256"}
        for key in world.token_keys(stack):
            assert denied(kms.sign, KeyId=key, **signing)
    context = {"player_id": "pl_x", "holds": "profile"}
    if name not in OPENS_PERSONAL_DATA:
        sealed = aws.client("kms", stack.endpoint).encrypt(KeyId=personal, Plaintext=b"x", EncryptionContext=context)
        assert denied(kms.decrypt, KeyId=personal, CiphertextBlob=sealed["CiphertextBlob"], EncryptionContext=context)
    if name not in SEALS_PERSONAL_DATA:
        assert denied(kms.encrypt, KeyId=personal, Plaintext=b"x", EncryptionContext=context)


@pytest.mark.parametrize("name", sorted(set(world.FUNCTIONS) - SENDS_MAIL))
def test_only_the_mailer_sends_mail(stack: Stack, name: str) -> None:
    text = {"Data": "x"}
    mail = {
        "FromEmailAddress": world.configuration(stack, "mailer")["Environment"]["Variables"]["MAIL_SENDER"],
        "Destination": {"ToAddresses": ["a@example.com"]},
        "Content": {"Simple": {"Subject": text, "Body": {"Text": text}}},
    }
    assert denied(as_function(stack, name, "sesv2").send_email, **mail)


@pytest.mark.parametrize(("role", "own"), STAFF)
def test_a_member_of_staff_may_invoke_one_function_and_nothing_else(stack: Stack, role: str, own: str) -> None:
    session = aws.take_role(stack.endpoint, stack.role(role), "probe")
    functions = aws.client("lambda", stack.endpoint, session)
    for other in {"AuditFunctionName", *(function for _, function in STAFF)} - {own}:
        assert denied(functions.invoke, FunctionName=stack.resources[other], Payload=b"{}")
    dynamodb = aws.client("dynamodb", stack.endpoint, session)
    for table in EVERY_TABLE:
        assert denied(dynamodb.get_item, TableName=stack.resources[table], Key=key_of(table))


@pytest.mark.parametrize("name", sorted(set(world.FUNCTIONS) - STARTS_EXECUTIONS))
def test_only_two_functions_start_executions(stack: Stack, name: str) -> None:
    states = as_function(stack, name, "stepfunctions")
    assert denied(states.start_execution, stateMachineArn=stack.resources["WithdrawalMachineArn"], name="probe", input="{}")


def test_unknown_keys_are_refused(stack: Stack) -> None:
    stranger = {"AccessKeyId": "AKIAIOSFODNN7EXAMPLE", "SecretAccessKey": "wJalrXUtnFEMI"}
    with pytest.raises(ClientError, match="UnrecognizedClientException"):
        aws.client("dynamodb", stack.endpoint, stranger).list_tables()


def test_a_running_function_loses_what_its_role_loses(stack: Stack, player: world.Seat) -> None:
    """The function itself is refused: without its policy the wallet cannot be read, with it again it can."""
    iam = aws.client("iam", stack.endpoint)
    role = world.role_of(stack, "wallet").rsplit("/", 1)[-1]
    names = iam.list_role_policies(RoleName=role)["PolicyNames"]
    policies = {name: iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"] for name in names}
    assert policies
    before = player.state()
    for name in policies:
        iam.delete_role_policy(RoleName=role, PolicyName=name)
    try:
        with pytest.raises(RefusedError) as refused:
            player.api.wallet()
        assert refused.value.status in {500, 503}
        assert refused.value.code in {"internal_error", "temporarily_unavailable"}
    finally:
        for name, document in policies.items():
            iam.put_role_policy(RoleName=role, PolicyName=name, PolicyDocument=world.as_text(document))
    end = time.monotonic() + 10
    while True:
        try:
            assert player.state() == before
            break
        except RefusedError:
            assert time.monotonic() < end
            time.sleep(0.2)
