from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError, ConnectTimeoutError

from countroom.identity import tokens
from countroom.identity.keys import KeysUnavailable, KmsPublicKeys, KmsSigner
from runtime import aws as runtime_aws
from tests.unit.clock import FixedClock
from tests.unit.local_key import LocalKey

Call = Callable[[], object]


class Watched:
    """Counts the calls to a KMS client."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self.calls: list[str] = []

    def sign(self, **request: Any) -> dict[str, Any]:
        self.calls.append("sign")
        assert request["SigningAlgorithm"] == "ECDSA_SHA_256"
        answer: dict[str, Any] = self._client.sign(**request)
        return answer

    def get_public_key(self, **request: Any) -> dict[str, Any]:
        self.calls.append("get_public_key")
        answer: dict[str, Any] = self._client.get_public_key(**request)
        return answer


@pytest.fixture
def kms(aws: None) -> Watched:  # noqa: ARG001 - the account must be there first
    return Watched(runtime_aws.client("kms"))


@pytest.fixture
def key_arn(kms: Watched) -> str:
    return new_key(kms, "ECC_NIST_P256")


def new_key(kms: Watched, spec: str) -> str:
    metadata = kms._client.create_key(KeySpec=spec, KeyUsage="SIGN_VERIFY")["KeyMetadata"]
    return str(metadata["Arn"])


def test_a_token_signed_by_kms_is_good_and_costs_one_fetch_of_the_key(kms: Watched, key_arn: str, clock: FixedClock) -> None:
    issuer = tokens.Issuer("iss", KmsSigner(kms, key_arn), clock)
    verifier = tokens.Verifier("iss", KmsPublicKeys(kms, (key_arn,)), clock)
    for _ in range(20):  # r and s are sometimes shorter than 32 bytes in DER
        assert verifier.claims(issuer.issue("pl_1", "s1")).player_id == "pl_1"
    assert kms.calls.count("sign") == 20
    assert kms.calls.count("get_public_key") == 1


def test_a_foreign_key_id_costs_no_call(kms: Watched, key_arn: str, clock: FixedClock) -> None:
    verifier = tokens.Verifier("iss", KmsPublicKeys(kms, (key_arn,)), clock)
    forged = tokens.Issuer("iss", LocalKey("somebody-else"), clock).issue("pl_1", "s1")
    for _ in range(5):
        with pytest.raises(tokens.TokenRefused):
            verifier.claims(forged)
    assert kms.calls == []


def test_two_keys_overlap_in_a_rotation(kms: Watched, key_arn: str, clock: FixedClock) -> None:
    newer = new_key(kms, "ECC_NIST_P256")
    keys = KmsPublicKeys(kms, (newer, key_arn))
    verifier = tokens.Verifier("iss", keys, clock)
    for arn in (key_arn, newer):
        assert verifier.claims(tokens.Issuer("iss", KmsSigner(kms, arn), clock).issue("pl_1", "s1")).player_id == "pl_1"
    assert [key["kid"] for key in tokens.jwks(keys)["keys"]] == [newer.rpartition("/")[2], key_arn.rpartition("/")[2]]


def test_the_key_id_is_the_last_part_of_the_arn(kms: Watched) -> None:
    assert KmsSigner(kms, "arn:aws:kms:eu-west-1:123456789012:key/1234-abcd").key_id == "1234-abcd"
    assert kms.calls == []


def test_a_key_of_another_kind_is_refused(kms: Watched) -> None:
    arn = new_key(kms, "RSA_2048")
    with pytest.raises(TypeError, match="elliptic"):
        KmsPublicKeys(kms, (arn,)).all()


class Broken:
    """A KMS that does not answer, or not in whole."""

    def __init__(self, fault: Exception | None) -> None:
        self.fault = fault

    def sign(self, **_request: Any) -> dict[str, Any]:
        return self._answer()

    def get_public_key(self, **_request: Any) -> dict[str, Any]:
        return self._answer()

    def _answer(self) -> dict[str, Any]:
        if self.fault:
            raise self.fault
        return {}  # what botocore makes of a body that it cannot read


def error(code: str, status: int) -> ClientError:
    return ClientError({"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}, "Sign")


@pytest.mark.parametrize(
    "fault",
    [
        None,
        ConnectTimeoutError(endpoint_url="https://kms"),
        error("ThrottlingException", 400),
        error("Odd", 503),
        error("KMSInternalException", 500),
    ],
)
def test_without_an_answer_nothing_is_known_of_a_token(fault: Exception | None, clock: FixedClock) -> None:
    arn = "arn:aws:kms:eu-west-1:123456789012:key/key-1"
    good = tokens.Issuer("iss", LocalKey("key-1"), clock).issue("pl_1", "s1")
    kms = Broken(fault)
    calls: list[Call] = [
        lambda: tokens.Verifier("iss", KmsPublicKeys(kms, (arn,)), clock).claims(good),
        lambda: KmsPublicKeys(kms, (arn,)).all(),
        lambda: tokens.Issuer("iss", KmsSigner(kms, arn), clock).issue("pl_1", "s1"),
    ]
    for call in calls:
        with pytest.raises(KeysUnavailable):
            call()


def test_a_refusal_that_no_waiting_cures_stays_itself() -> None:
    with pytest.raises(ClientError):
        KmsPublicKeys(Broken(error("AccessDeniedException", 400)), ("arn:aws:kms:r:1:key/k",)).all()


def test_an_outage_is_not_remembered(kms: Watched, key_arn: str) -> None:
    keys = KmsPublicKeys(kms, (key_arn,))
    client, kms._client = kms._client, Broken(None)
    with pytest.raises(KeysUnavailable):
        keys.all()
    kms._client = client
    assert len(keys.all()) == 1
