"""What is asked of each provider for a game's address, and what of its answer is taken."""

import base64
import hashlib
import hmac
import json
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from countroom.games.launchers import registry
from countroom.games.launchers.dialect import (
    Ask,
    BadCredentials,
    Doorman,
    LaunchOrder,
    Mode,
    Platform,
    ProviderUnavailable,
    Told,
)
from tests.unit.games.world import private_key

REAL = LaunchOrder(
    Mode.REAL, "x_reels", "EUR", "EE", "en", Platform.DESKTOP, "https://casino.example/lobby", "pl_anna", "pl_anna.secret"
)
DEMO = LaunchOrder(Mode.DEMO, "x_reels", "EUR", "EE", "de", Platform.MOBILE)
URL = "https://games.example/play?s=1"


def pem(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> str:
    form = serialization.PrivateFormat.PKCS8
    return key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()).decode()


SECRETS: dict[str, dict[str, Any]] = {
    "hub88": {"public_keys": ["x"], "launch_private_key": pem(private_key()), "operator_id": 816},
    "swipe": {"secrets": ["in"], "launch_secret": "out", "cid": "c-1", "ext_cid": "countroom"},
    "action_batch": {"secrets": ["in"], "launch_secret": "out", "casino_id": "countroom"},
}
ANSWERS: dict[str, dict[str, Any]] = {
    "hub88": {"url": URL},
    "swipe": {"gameURL": URL, "gsID": "7"},
    "action_batch": {"launch_options": {"game_url": URL}, "session_id": "7"},
}
PROVIDERS = sorted(SECRETS)


class Secret:
    def __init__(self, value: dict[str, Any]) -> None:
        self.value = value

    def json(self) -> dict[str, Any]:
        return self.value


def asked(provider: str, order: LaunchOrder, **changes: Any) -> Ask:
    dialect = registry.launcher(provider)
    return dialect.ask(order, dialect.credentials({**SECRETS[provider], **changes}))


def doorman(provider: str, told: Told | None, secret: dict[str, Any] | None = None) -> Doorman[Any]:
    return Doorman(registry.launcher(provider), Secret(SECRETS[provider] if secret is None else secret), lambda _ask: told)


def test_hub88_real() -> None:
    ask = asked("hub88", REAL, sub_partner_id="brand")
    assert ask.path == "/operator/generic/v2/game/url"
    assert json.loads(ask.body) == {
        "operator_id": 816,
        "game_code": "x_reels",
        "platform": "GPL_DESKTOP",
        "lang": "en",
        "country": "EE",
        "currency": "EUR",
        "user": "pl_anna",
        "token": "pl_anna.secret",
        "lobby_url": "https://casino.example/lobby",
        "sub_partner_id": "brand",
    }
    signature = base64.b64decode(ask.headers["X-Hub88-Signature"], validate=True)
    private_key().public_key().verify(signature, ask.body, padding.PKCS1v15(), hashes.SHA256())


def test_hub88_demo_has_its_own_currency_and_nobody_in_it() -> None:
    said = json.loads(asked("hub88", DEMO).body)
    assert (said["currency"], said["platform"], said["lang"]) == ("XXX", "GPL_MOBILE", "de")
    assert not said.keys() & {"user", "token", "lobby_url", "sub_partner_id"}


def test_swipe_real_is_sent_as_it_is_signed() -> None:
    ask = asked("swipe", REAL)
    assert ask.path == "/create-new-game"
    said = json.loads(ask.body)
    assert said == {
        "cID": "c-1",
        "extCID": "countroom",
        "gameID": "x_reels",
        "demo": False,
        "platform": "desktop",
        "currency": "EUR",
        "locale": "en_us",
        "sessionID": "pl_anna.secret",
        "user": {"id": "pl_anna", "country": "EE"},
        "returnURL": "https://casino.example/lobby",
    }
    assert ask.body == json.dumps(said, sort_keys=True, separators=(",", ":")).encode()
    assert ask.headers["X-REQUEST-SIGN"] == hmac.new(b"out", ask.body, hashlib.sha256).hexdigest()


def test_swipe_demo() -> None:
    said = json.loads(asked("swipe", DEMO).body)
    assert (said["demo"], said["locale"], said["platform"]) == (True, "de_de", "mobile")
    assert not said.keys() & {"sessionID", "user", "returnURL"}


def test_action_batch_real() -> None:
    ask = asked("action_batch", REAL)
    assert ask.path == "/sessions"
    assert json.loads(ask.body) == {
        "casino_id": "countroom",
        "game": "x_reels",
        "locale": "en",
        "client_type": "desktop",
        "currency": "EUR",
        "user": {"id": "pl_anna", "country": "EE"},
        "urls": {"return_url": "https://casino.example/lobby"},
    }
    assert ask.headers["X-REQUEST-SIGN"] == hmac.new(b"out", ask.body, hashlib.sha256).hexdigest()
    assert b"secret" not in ask.body  # their callbacks carry no session, so they get none


def test_action_batch_demo() -> None:
    ask = asked("action_batch", DEMO)
    assert ask.path == "/demo"
    assert not json.loads(ask.body).keys() & {"user", "currency"}


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("order", [REAL, DEMO], ids=["real", "demo"])
def test_the_url_of_a_good_answer(provider: str, order: LaunchOrder) -> None:
    assert doorman(provider, Told(200, ANSWERS[provider])).address(order) == URL
    assert doorman(provider, Told(201, ANSWERS[provider])).address(order) == URL


def placed(provider: str, url: Any) -> Any:
    return json.loads(json.dumps(ANSWERS[provider]).replace(json.dumps(URL), json.dumps(url)))


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize(
    "url",
    [
        None,
        "",
        7,
        True,
        [URL],
        "javascript:alert(1)",
        "http://games.example/",
        "https://u:p@games.example/",
        "/play",
        "https://a b/",
    ],
    ids=str,
)
def test_an_answer_without_a_safe_url_is_no_answer(provider: str, url: Any) -> None:
    with pytest.raises(ProviderUnavailable):
        doorman(provider, Told(200, placed(provider, url))).address(REAL)


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("value", [None, [], {}, "x", 7, [[]], {"launch_options": None}, {"launch_options": []}], ids=str)
def test_an_answer_of_another_shape_is_no_answer(provider: str, value: Any) -> None:
    with pytest.raises(ProviderUnavailable):
        doorman(provider, Told(200, value)).address(REAL)


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_refusal_with_a_url_in_it_is_a_refusal_and_silence_is_silence(provider: str) -> None:
    for told in (Told(400, ANSWERS[provider]), Told(404, ANSWERS[provider]), None):
        with pytest.raises(ProviderUnavailable):
            doorman(provider, told).address(REAL)


@pytest.mark.parametrize(
    ("provider", "change"),
    [
        ("hub88", {"operator_id": "816"}),
        ("hub88", {"operator_id": True}),
        ("hub88", {"operator_id": 0}),
        ("hub88", {"sub_partner_id": 7}),
        ("hub88", {"launch_private_key": ""}),
        ("hub88", {"launch_private_key": "-----BEGIN PRIVATE KEY-----"}),
        ("hub88", {"launch_private_key": "ключ"}),
        ("hub88", {"launch_private_key": pem(ec.generate_private_key(ec.SECP256R1()))}),
        ("hub88", {"launch_private_key": pem(rsa.generate_private_key(65537, 1024))}),  # noqa: S505 - refused
        ("swipe", {"launch_secret": ""}),
        ("swipe", {"cid": None}),
        ("swipe", {"ext_cid": 7}),
        ("action_batch", {"launch_secret": None}),
        ("action_batch", {"casino_id": ""}),
    ],
    ids=lambda v: str(v)[:40],
)
def test_a_secret_without_credentials_is_unavailable_and_asks_nothing(provider: str, change: dict[str, Any]) -> None:
    secret = {**SECRETS[provider], **change}
    with pytest.raises(BadCredentials) as refused:
        registry.launcher(provider).credentials(secret)
    assert not any(isinstance(value, str) and len(value) > 3 and value in str(refused.value) for value in change.values())

    def sends(_ask: Ask) -> Told:
        raise AssertionError("asked without credentials")

    with pytest.raises(ProviderUnavailable):
        Doorman(registry.launcher(provider), Secret(secret), sends).address(REAL)


@pytest.mark.parametrize("provider", ["", "dialect", "registry", "nobody", "../x", "Hub88", "__init__", "os"])
def test_nobody_else_is_known(provider: str) -> None:
    with pytest.raises(registry.UnknownLauncher):
        registry.launcher(provider)


@pytest.mark.parametrize("provider", PROVIDERS)
def test_each_dialect_knows_its_own_name(provider: str) -> None:
    assert registry.launcher(provider).provider == provider
