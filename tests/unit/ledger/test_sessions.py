"""Game session tokens: their one shape, and that they hold nothing that the wallet's digest gives away."""

import hashlib

import pytest

from countroom.ledger import sessions
from countroom.ledger.movements import DIGEST_BYTES
from countroom.ledger.sessions import SECRET_BYTES, InvalidToken, SessionToken

SECRET = bytes(range(20))
TOKEN = "pl_anna.aaaqeayeaudaocajbifqydiob4ibceqt"


def test_a_token_is_the_player_and_the_secret() -> None:
    assert (SECRET_BYTES, DIGEST_BYTES) == (20, 12)
    assert sessions.issue("pl_anna", SECRET) == TOKEN


def test_a_token_reads_back_to_its_player_and_digest() -> None:
    digest = hashlib.sha256(b"aaaqeayeaudaocajbifqydiob4ibceqt").digest()[:12]
    assert sessions.parse(TOKEN) == SessionToken("pl_anna", digest)
    assert sessions.parse(sessions.issue("x" * 32, b"\xff" * 20)).player_id == "x" * 32


@pytest.mark.parametrize("secret", [b"", b"x" * 19, b"x" * 21])
def test_a_secret_has_twenty_bytes(secret: bytes) -> None:
    with pytest.raises(ValueError, match="20"):
        sessions.issue("pl_anna", secret)


@pytest.mark.parametrize(
    "token",
    [
        "",
        ".",
        "pl_anna",
        TOKEN[:-1],
        TOKEN + "a",
        TOKEN + "\n",
        TOKEN.upper(),
        TOKEN.replace(".", ""),
        TOKEN.replace(".", ":"),
        TOKEN[7:],
        "x" * 33 + TOKEN[7:],
        "pl anna" + TOKEN[7:],
        TOKEN[:-1] + "1",
        TOKEN[:-1] + "8",
        TOKEN[:-1] + "\u0662",
    ],
)
def test_any_other_shape_is_no_token(token: str) -> None:
    with pytest.raises(InvalidToken):
        sessions.parse(token)
