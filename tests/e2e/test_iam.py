"""IAM is enforced: a function can do what its role grants and nothing else."""

import time
from typing import Any

import pytest
from botocore.exceptions import ClientError

from sandbox import aws
from sandbox.player import RefusedError
from sandbox.stack import Stack
from tests.e2e import world

LEDGER, PLAYERS, CASHIER = "LedgerTableName", "PlayersTableName", "CashierTableName"
# Function → tables that it must not even read.
STRANGERS = {
    "identity": [CASHIER],
    "wallet": [PLAYERS, CASHIER],
    "games": [PLAYERS, CASHIER],
    "deposits": [PLAYERS],
    "provider-hub88": [PLAYERS, CASHIER],
    "payment-webhook": [LEDGER, PLAYERS, CASHIER],
    "payment-worker": [PLAYERS],
    "ledger-audit": [PLAYERS, CASHIER],
}
READ_ONLY = ["wallet", "deposits", "payment-webhook", "ledger-audit"]
DENIED = ("AccessDeniedException", "AccessDenied")


def key_of(table: str) -> dict[str, Any]:
    key = {"pk": {"S": "PROBE"}}
    return key if table == LEDGER else key | {"sk": {"S": "PROBE"}}


def denied(call: Any, **arguments: Any) -> bool:
    with pytest.raises(ClientError) as refused:
        call(**arguments)
    return refused.value.response["Error"]["Code"] in DENIED


def as_function(stack: Stack, name: str, service: str) -> Any:
    return aws.client(service, stack.endpoint, aws.take_role(stack.endpoint, world.role_of(stack, name), "probe"))


def test_the_list_below_is_complete() -> None:
    assert STRANGERS.keys() == set(world.FUNCTIONS)


@pytest.mark.parametrize("name", world.FUNCTIONS)
def test_a_function_cannot_read_tables_of_other_rooms(stack: Stack, name: str) -> None:
    dynamodb = as_function(stack, name, "dynamodb")
    for table in STRANGERS[name]:
        assert denied(dynamodb.get_item, TableName=stack.resources[table], Key=key_of(table))
        assert denied(dynamodb.put_item, TableName=stack.resources[table], Item=key_of(table))


@pytest.mark.parametrize("name", world.FUNCTIONS)
def test_no_function_deletes_or_updates_a_record(stack: Stack, name: str) -> None:
    dynamodb = as_function(stack, name, "dynamodb")
    table = stack.resources[LEDGER]
    assert denied(dynamodb.delete_item, TableName=table, Key=key_of(LEDGER))
    assert denied(dynamodb.batch_write_item, RequestItems={table: [{"DeleteRequest": {"Key": key_of(LEDGER)}}]})
    assert denied(dynamodb.delete_table, TableName=table)
    update = {"UpdateExpression": "SET x = :x", "ExpressionAttributeValues": {":x": {"S": "x"}}}
    assert denied(dynamodb.update_item, TableName=table, Key=key_of(LEDGER), **update)


@pytest.mark.parametrize("name", READ_ONLY)
def test_who_only_reads_the_ledger_cannot_write_it(stack: Stack, name: str) -> None:
    dynamodb = as_function(stack, name, "dynamodb")
    assert denied(dynamodb.put_item, TableName=stack.resources[LEDGER], Item=key_of(LEDGER))
    put = {"Put": {"TableName": stack.resources[LEDGER], "Item": key_of(LEDGER)}}
    assert denied(dynamodb.transact_write_items, TransactItems=[put])


def test_secrets_and_keys_are_for_those_who_need_them(stack: Stack) -> None:
    hub88, standard = stack.resources["Hub88SecretArn"], stack.resources["StandardGatewaySecretArn"]
    for name in world.FUNCTIONS:
        manager = as_function(stack, name, "secretsmanager")
        if name != "provider-hub88":
            assert denied(manager.get_secret_value, SecretId=hub88), name
        if name != "payment-webhook":
            assert denied(manager.get_secret_value, SecretId=standard), name
        assert denied(manager.put_secret_value, SecretId=hub88, SecretString="{}"), name
    signing = {"KeyId": world.token_key(stack), "Message": b"x", "SigningAlgorithm": "ECDSA_SHA_256"}
    for name in world.FUNCTIONS:
        if name != "identity":
            assert denied(as_function(stack, name, "kms").sign, **signing), name


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
