from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError, ReadTimeoutError

from countroom.identity.refusals import Unavailable
from countroom.identity.vault import DATA_MAX, Holds, NotOurs, Vault
from runtime import aws as runtime_aws
from tests.simulation.errors import client_error


@pytest.fixture
def vault(aws: None) -> Vault:  # noqa: ARG001 - the account must be there first
    client = runtime_aws.client("kms")
    return Vault(client, client.create_key()["KeyMetadata"]["Arn"])


def test_what_is_sealed_opens_for_the_same_player_and_use(vault: Vault) -> None:
    data = bytes(range(256)) * (DATA_MAX // 256)
    sealed = vault.seal("pl_ann", Holds.PROFILE, data)
    assert data not in sealed
    assert vault.open("pl_ann", Holds.PROFILE, sealed) == data


def test_it_opens_for_no_other_and_not_when_altered(vault: Vault) -> None:
    sealed = vault.seal("pl_ann", Holds.PROFILE, b"1990-05-17")
    altered = sealed[:-1] + bytes([sealed[-1] ^ 1])
    for player_id, holds, text in (
        ("pl_bob", Holds.PROFILE, sealed),
        ("pl_ann", Holds.FACTOR, sealed),
        ("pl_ann", Holds.REGISTRATION, sealed),
        ("pl_ann", Holds.PROFILE, altered),
    ):
        with pytest.raises(NotOurs):
            vault.open(player_id, holds, text)


def test_too_much_is_refused_before_it_is_sent(vault: Vault) -> None:
    with pytest.raises(ValueError, match="4096"):
        vault.seal("pl_ann", Holds.PROFILE, bytes(DATA_MAX + 1))


class Answering:
    def __init__(self, answer: Any) -> None:
        self.answer = answer

    def encrypt(self, **_request: Any) -> Any:
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    decrypt = encrypt


@pytest.mark.parametrize(
    "answer",
    [
        {},
        ReadTimeoutError(endpoint_url="https://kms"),
        EndpointConnectionError(endpoint_url="https://kms"),
        client_error("KMSInternalException", "Encrypt", status=500),
        client_error("ThrottlingException", "Encrypt"),
        client_error("KeyUnavailableException", "Encrypt"),
        client_error("SomethingNew", "Encrypt", status=503),
    ],
)
def test_a_key_that_does_not_answer(answer: Any) -> None:
    vault = Vault(Answering(answer), "arn")
    for call in (vault.seal, vault.open):
        with pytest.raises(Unavailable):
            call("pl_ann", Holds.PROFILE, b"1990-05-17")


def test_a_fault_of_ours_stays_itself() -> None:
    denied = client_error("AccessDeniedException", "Encrypt")
    with pytest.raises(type(denied)):
        Vault(Answering(denied), "arn").seal("pl_ann", Holds.PROFILE, b"")
