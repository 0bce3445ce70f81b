import base64
import json
import string
from collections.abc import Callable
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from countroom.identity import tokens
from countroom.identity.access import SessionEnded
from tests.unit.clock import START_MS, FixedClock
from tests.unit.identity.guests import ANNA, BEN, House
from tests.unit.local_key import LocalKey

ISSUER = "https://countroom.dev/test"
PLAYER = "pl_abcdefghijklmnopqrst"
SESSION = "s" * 22
NOW = START_MS // 1000
KEY = LocalKey("key-1")


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def forge(
    header: dict[str, Any] | None = None,
    claims: dict[str, Any] | None = None,
    sign: Callable[[bytes], bytes] = KEY.sign,
    without: tuple[str, ...] = (),
) -> str:
    """A token as ours in all but what is given."""
    head = {"alg": "ES256", "typ": "at+jwt", "kid": "key-1"} | (header or {})
    body = {
        "iss": ISSUER,
        "sub": PLAYER,
        "aud": "countroom:player",
        "iat": NOW,
        "nbf": NOW,
        "exp": NOW + 600,
        "jti": "x",
        "sid": SESSION,
    } | (claims or {})
    for name in without:
        head.pop(name, None)
        body.pop(name, None)
    message = f"{b64(json.dumps(head).encode())}.{b64(json.dumps(body).encode())}"
    return f"{message}.{b64(sign(message.encode()))}"


@pytest.fixture
def issuer(clock: FixedClock) -> tokens.Issuer:
    return tokens.Issuer(ISSUER, KEY, clock)


@pytest.fixture
def verifier(clock: FixedClock) -> tokens.Verifier:
    return tokens.Verifier(ISSUER, KEY, clock)


def test_what_is_issued_is_what_rfc_9068_describes(issuer: tokens.Issuer) -> None:
    token = issuer.issue(PLAYER, SESSION)
    assert jwt.get_unverified_header(token) == {"alg": "ES256", "typ": "at+jwt", "kid": "key-1"}
    claims = jwt.decode(token, options={"verify_signature": False})
    assert claims.pop("jti")
    assert claims == {
        "iss": ISSUER,
        "sub": PLAYER,
        "aud": "countroom:player",
        "iat": NOW,
        "nbf": NOW,
        "exp": NOW + 600,
        "sid": SESSION,
    }


def test_anyone_can_check_a_token_with_the_published_keys(issuer: tokens.Issuer) -> None:
    token = issuer.issue(PLAYER, SESSION)
    (published,) = jwt.PyJWKSet.from_dict(tokens.jwks(KEY)).keys
    claims = jwt.decode(
        token,
        published.key,
        algorithms=["ES256"],
        audience="countroom:player",
        options={"verify_exp": False, "verify_iat": False, "verify_nbf": False},
    )
    assert claims["sub"] == PLAYER


def test_no_two_tokens_share_an_id(issuer: tokens.Issuer) -> None:
    ids = {jwt.decode(issuer.issue(PLAYER, SESSION), options={"verify_signature": False})["jti"] for _ in range(100)}
    assert len(ids) == 100


def test_a_good_token_names_its_player(issuer: tokens.Issuer, verifier: tokens.Verifier) -> None:
    claims = verifier.claims(issuer.issue(PLAYER, SESSION))
    assert (claims.player_id, claims.session_id, claims.expires_at) == (PLAYER, SESSION, NOW + 600)
    assert verifier.claims(forge()) == tokens.Claims(PLAYER, SESSION, "x", NOW + 600)


@pytest.mark.parametrize(("wanted", "given"), [(1, 1), (599, 599), (600, 600), (601, 600), (10**9, 600)])
def test_a_token_may_be_good_for_less_but_not_for_more(
    issuer: tokens.Issuer, verifier: tokens.Verifier, wanted: int, given: int
) -> None:
    assert verifier.claims(issuer.issue(PLAYER, SESSION, wanted)).expires_at == NOW + given


def test_a_token_lives_for_six_hundred_seconds(issuer: tokens.Issuer, verifier: tokens.Verifier, clock: FixedClock) -> None:
    token = issuer.issue(PLAYER, SESSION)
    clock.advance(seconds=599, milliseconds=999)
    assert verifier.claims(token).player_id == PLAYER
    clock.advance(milliseconds=1)
    with pytest.raises(tokens.TokenExpired):
        verifier.claims(token)


def test_a_clock_that_is_a_little_ahead_is_forgiven(issuer: tokens.Issuer, verifier: tokens.Verifier, clock: FixedClock) -> None:
    token = issuer.issue(PLAYER, SESSION)
    clock.advance(seconds=-60)
    assert verifier.claims(token).player_id == PLAYER
    clock.advance(seconds=-1)
    with pytest.raises(tokens.TokenRefused):
        verifier.claims(token)


def public_pem() -> bytes:
    return KEY.private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def hs256_with_the_public_key() -> str:
    import hashlib  # noqa: PLC0415 - one forgery's tools
    import hmac  # noqa: PLC0415 - one forgery's tools

    def sign(message: bytes) -> bytes:
        return hmac.digest(public_pem(), message, hashlib.sha256)

    return forge({"alg": "HS256"}, sign=sign)


def rs256() -> str:
    key = rsa.generate_private_key(65537, 2048)
    return jwt.encode({"iss": ISSUER, "sub": PLAYER}, key, "RS256", headers={"typ": "at+jwt", "kid": "key-1"})


def embedded_key() -> str:
    stranger = LocalKey("key-1")
    jwk = tokens.jwks(stranger)["keys"][0]
    return forge({"jwk": jwk}, sign=stranger.sign)


def der_signature() -> str:
    from cryptography.hazmat.primitives.hashes import SHA256  # noqa: PLC0415 - one forgery's tools

    return forge(sign=lambda message: KEY.private.sign(message, ec.ECDSA(SHA256())))


def spare_bits_set() -> str:
    """Another text for the same 64 bytes: the last character's unused bits, set."""
    token = forge()
    alphabet = string.ascii_uppercase + string.ascii_lowercase + string.digits + "-_"
    return token[:-1] + alphabet[alphabet.index(token[-1]) + 1]


def payload_swapped() -> str:
    head, _, signature = forge().split(".")
    _, payload, _ = forge(claims={"sub": "pl_somebodyelse"}).split(".")
    return f"{head}.{payload}.{signature}"


def session_swapped() -> str:
    head, _, signature = forge().split(".")
    _, payload, _ = forge(claims={"sid": "t" * 22}).split(".")
    return f"{head}.{payload}.{signature}"


def compact(header: str, payload: str = "{}") -> str:
    message = f"{b64(header.encode())}.{b64(payload.encode())}"
    return f"{message}.{b64(KEY.sign(message.encode()))}"


HEADER = '{"alg":"ES256","typ":"at+jwt","kid":"key-1"}'

CORPUS: dict[str, str] = {
    "alg none": forge({"alg": "none"}, sign=lambda _m: b""),
    "alg none with our signature": forge({"alg": "none"}),
    "alg None": forge({"alg": "None"}),
    "alg missing": forge(without=("alg",)),
    "alg es256": forge({"alg": "es256"}),
    "HS256 with the public key": hs256_with_the_public_key(),
    "HS256 header, our signature": forge({"alg": "HS256"}),
    "ES384": forge({"alg": "ES384"}),
    "RS256": rs256(),
    "a stranger's key under our kid": forge(sign=LocalKey("key-1").sign),
    "a stranger's kid": forge({"kid": "key-2"}, sign=LocalKey("key-2").sign),
    "a stranger's kid, our signature": forge({"kid": "key-2"}),
    "kid missing": forge(without=("kid",)),
    "kid empty": forge({"kid": ""}),
    "kid null": forge({"kid": None}),
    "kid a number": forge({"kid": 1}),
    "kid a list": forge({"kid": ["key-1"]}),
    "kid a path": forge({"kid": "../../key-1"}),
    "jku": forge({"jku": "https://evil.example/jwks.json"}),
    "jwk": embedded_key(),
    "jwk beside our signature": forge({"jwk": tokens.jwks(KEY)["keys"][0]}),
    "x5u": forge({"x5u": "https://evil.example/"}),
    "crit": forge({"crit": ["exp"]}),
    "b64 false": forge({"b64": False, "crit": ["b64"]}),
    "typ JWT": forge({"typ": "JWT"}),
    "typ missing": forge(without=("typ",)),
    "typ of another case": forge({"typ": "AT+JWT"}),
    "typ spelled out": forge({"typ": "application/at+jwt"}),
    "another issuer": forge(claims={"iss": "https://countroom.dev/prod"}),
    "issuer with a slash more": forge(claims={"iss": ISSUER + "/"}),
    "issuer a list": forge(claims={"iss": [ISSUER]}),
    "another audience": forge(claims={"aud": "countroom:staff"}),
    "several audiences": forge(claims={"aud": ["countroom:player", "countroom:staff"]}),
    "audience a number": forge(claims={"aud": 1}),
    "not yet valid": forge(claims={"nbf": NOW + 61}),
    "issued in the future": forge(claims={"iat": NOW + 61}),
    "expiry a text": forge(claims={"exp": str(NOW + 600)}),
    "expiry a float": forge(claims={"exp": NOW + 600.5}),
    "expiry true": forge(claims={"exp": True}),
    "expiry null": forge(claims={"exp": None}),
    "expiry infinite": compact(
        HEADER,
        json.dumps(
            {"iss": ISSUER, "sub": "x", "aud": "countroom:player", "iat": 0, "nbf": 0, "jti": "x", "sid": "s", "exp": float("inf")}
        ),
    ),
    "subject a number": forge(claims={"sub": 7}),
    "subject null": forge(claims={"sub": None}),
    "session a number": forge(claims={"sid": 7}),
    "session null": forge(claims={"sid": None}),
    "session empty": forge(claims={"sid": ""}),
    "session a list": forge(claims={"sid": [SESSION]}),
    "session too long": forge(claims={"sid": "s" * 65}),
    "session missing and expired": forge(claims={"exp": NOW - 1}, without=("sid",)),
    "session swapped": session_swapped(),
    **{f"without {name}": forge(without=(name,)) for name in ("iss", "sub", "aud", "iat", "nbf", "exp", "jti", "sid")},
    "payload swapped": payload_swapped(),
    "signature empty": forge(sign=lambda _m: b""),
    "signature zero": forge(sign=lambda _m: bytes(64)),
    "signature short": forge(sign=lambda message: KEY.sign(message)[:63]),
    "signature long": forge(sign=lambda message: KEY.sign(message) + b"\x00"),
    "signature DER": der_signature(),
    "signature with spare bits set": spare_bits_set(),
    "padded signature": forge() + "==",
    "padded header": forge().replace(".", "=.", 1),
    "space before": " " + forge(),
    "newline after": forge() + "\n",
    "empty": "",
    "dots": "..",
    "one part": "abc",
    "two parts": ".".join(forge().split(".")[:2]),
    "four parts": forge() + ".abc",
    "five parts": forge() + ".a.b",
    "not ASCII": "é" + forge(),
    "standard alphabet": "+/" + forge()[2:],
    "header no JSON": compact("alg"),
    "header a list": compact("[]"),
    "header a text": compact('"x"'),
    "header not UTF-8": b64(b"\xff\xfe") + forge()[forge().index(".") :],
    "payload no JSON": compact(HEADER, "x"),
    "payload a list": compact(HEADER, "[]"),
    "payload empty": compact(HEADER, ""),
    "enormous": forge(claims={"x": "y" * 3000}),
    "deep": compact(HEADER, "[" * 1000),
}


@pytest.mark.parametrize("name", CORPUS)
def test_every_forgery_is_refused_as_not_ours(name: str, verifier: tokens.Verifier) -> None:
    with pytest.raises(tokens.TokenRefused) as caught:
        verifier.claims(CORPUS[name])
    assert type(caught.value) is tokens.TokenRefused
    assert caught.value.args == ()


def test_another_player_s_session_opens_nothing() -> None:
    """A token that we signed, for the wrong session: nothing is wrong with it, and still nobody is let in."""
    house = House()
    anna, ben = house.open(ANNA), house.open(BEN)
    for player_id, session_id in ((ANNA, ben.session_id), (BEN, anna.session_id), ("pl_nobody", anna.session_id)):
        claims = house.verifier.claims(house.issuer.issue(player_id, session_id))
        with pytest.raises(SessionEnded):
            house.sessions.check(claims)
    assert house.sessions.check(house.claims(anna)).player_id == ANNA


def test_no_truncation_passes(verifier: tokens.Verifier) -> None:
    token = forge()
    for end in range(len(token)):
        with pytest.raises(tokens.TokenRefused):
            verifier.claims(token[:end])


def test_no_changed_character_passes(verifier: tokens.Verifier) -> None:
    token = forge()
    for place in range(len(token)):
        other = "A" if token[place] != "A" else "B"
        with pytest.raises(tokens.TokenRefused):
            verifier.claims(token[:place] + other + token[place + 1 :])


def test_an_expired_forgery_is_a_forgery_not_an_expired_token(verifier: tokens.Verifier) -> None:
    with pytest.raises(tokens.TokenRefused) as caught:
        verifier.claims(forge(claims={"exp": NOW - 1}, sign=LocalKey("key-1").sign))
    assert not isinstance(caught.value, tokens.TokenExpired)


def test_an_expired_token(verifier: tokens.Verifier) -> None:
    with pytest.raises(tokens.TokenExpired):
        verifier.claims(forge(claims={"iat": NOW - 600, "nbf": NOW - 600, "exp": NOW}))


def test_the_key_set_holds_public_halves_only() -> None:
    (key,) = tokens.jwks(KEY)["keys"]
    assert set(key) == {"kty", "crv", "x", "y", "use", "alg", "kid"}
    assert (key["kty"], key["crv"], key["use"], key["alg"], key["kid"]) == ("EC", "P-256", "sig", "ES256", "key-1")
    assert all(len(base64.urlsafe_b64decode(key[name] + "=")) == 32 for name in "xy")


def test_the_key_set_refuses_another_curve() -> None:
    class Other:
        def key(self, _key_id: str) -> None:
            return None

        def all(self) -> dict[str, ec.EllipticCurvePublicKey]:
            return {"k": ec.generate_private_key(ec.SECP384R1()).public_key()}

    with pytest.raises(TypeError, match="P-256"):
        tokens.jwks(Other())


def test_the_api_s_names_of_these_refusals() -> None:
    assert {tokens.TokenExpired: "token_expired", tokens.TokenRefused: "not_authenticated"} == tokens.PROBLEMS
