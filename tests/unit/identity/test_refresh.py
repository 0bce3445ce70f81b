"""Refresh tokens, and pairs sealed under them."""

import re

import pytest

from countroom.identity import refresh
from countroom.identity.refresh import Pair, RefreshToken, SealBroken

TOKEN = refresh.first_token("pl_anna")
PAIR = Pair("header.payload.signature", 1_767_268_800, TOKEN.next())


def test_a_token_has_256_random_bits_after_what_it_belongs_to() -> None:
    assert re.fullmatch(r"rt\.pl_anna\.[A-Za-z0-9_-]{22}\.[A-Za-z0-9_-]{43}", TOKEN.text)
    assert refresh.parse(TOKEN.text) == TOKEN
    assert len({refresh.first_token("pl_anna").text for _ in range(200)}) == 200
    assert (TOKEN.next().session_id, TOKEN.next().player_id) == (TOKEN.session_id, "pl_anna")
    assert TOKEN.next().secret != TOKEN.secret


def test_the_longest_player_id_fits() -> None:
    longest = refresh.first_token("p" * 32)
    assert len(longest.text) <= refresh.TOKEN_MAX
    assert refresh.parse(longest.text) == longest


@pytest.mark.parametrize(
    "text",
    [
        "",
        "rt",
        "rt...",
        TOKEN.text + "=",
        TOKEN.text[:-1],
        TOKEN.text + "A",
        " " + TOKEN.text,
        TOKEN.text + "\n",
        TOKEN.text.replace("rt.", "RT."),
        TOKEN.text.replace("rt.", "dv."),
        TOKEN.text.replace("pl_anna", "pl_änna"),
        TOKEN.text.replace("pl_anna", ""),
        TOKEN.text.replace("pl_anna", "pl.anna"),
        TOKEN.text.replace("pl_anna", "PLAYER#x"),
        TOKEN.text.replace("pl_anna", "p" * 33),
        TOKEN.text + "." + TOKEN.secret,
        "x" * 100_000,
    ],
    ids=range(17),  # the token is a random one, and every process must call its tests the same
)
def test_what_is_no_token(text: str) -> None:
    assert refresh.parse(text) is None


def test_a_digest_is_of_the_whole_token() -> None:
    others = [
        RefreshToken("pl_ben", TOKEN.session_id, TOKEN.secret),
        RefreshToken("pl_anna", TOKEN.next().session_id[::-1], TOKEN.secret),
        TOKEN.next(),
    ]
    assert len(TOKEN.digest) == 32
    assert len({TOKEN.digest, *(other.digest for other in others)}) == 4


def test_neither_a_token_nor_a_pair_shows_itself() -> None:
    assert TOKEN.secret not in repr(TOKEN)
    assert "signature" not in repr(PAIR)


def test_what_is_sealed_under_a_token_opens_with_it() -> None:
    sealed = refresh.seal(TOKEN, PAIR)
    assert refresh.unseal(TOKEN, sealed) == PAIR
    assert sealed != refresh.seal(TOKEN, PAIR)
    assert PAIR.refresh.secret.encode() not in sealed
    assert b"signature" not in sealed


@pytest.mark.parametrize(
    "other",
    [
        TOKEN.next(),
        RefreshToken("pl_ben", TOKEN.session_id, TOKEN.secret),
        RefreshToken("pl_anna", "A" * 22, TOKEN.secret),
    ],
)
def test_and_with_no_other(other: RefreshToken) -> None:
    with pytest.raises(SealBroken):
        refresh.unseal(other, refresh.seal(TOKEN, PAIR))


def test_nothing_that_was_changed_opens() -> None:
    sealed = refresh.seal(TOKEN, PAIR)
    changed = [sealed[:place] + bytes([sealed[place] ^ 1]) + sealed[place + 1 :] for place in range(len(sealed))]
    for broken in [*changed, sealed[:-1], sealed + b"\x00", b"", sealed[:12]]:
        with pytest.raises(SealBroken):
            refresh.unseal(TOKEN, broken)
