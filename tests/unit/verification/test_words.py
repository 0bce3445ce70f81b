"""Words and figures that are stored, sent, or set up at the vendor: a change of one of them is a change for somebody else."""

from countroom import shared_keys
from countroom.verification import sumsub_api, sumsub_webhooks
from countroom.verification.levels import ACTS, ORDER, State
from countroom.verification.standing import ACTOR_MAX, AGE_LABELS, LABELS_MAX, REASON_MAX, Result, Source, Word
from countroom.verification.views import NAMES, TEXTS


def test_words_are_as_they_are_stored_and_sent() -> None:
    assert [level.value for level in ORDER] == ["age", "identity", "address", "source_of_funds"]
    assert [state.value for state in State] == ["none", "pending", "on_hold", "retry", "approved", "rejected"]
    assert [act.value for act in ACTS] == ["deposit", "play", "free_play", "withdrawal"]
    assert [source.value for source in Source] == ["", "staff", "vendor"]
    assert [word.value for word in Word] == ["verify", "unverify", "recheck"]
    assert [result.value for result in Result] == [
        "applied",
        "older",
        "repeated",
        "staff_decided",
        "unknown_applicant",
        "unknown_level",
    ]
    assert [why.value for why in sumsub_api.Why] == [
        "not_set_up",
        "bad_credentials",
        "unknown",
        "busy",
        "another",
        "refused",
    ]


def test_what_an_operator_sets_up_at_the_vendor() -> None:
    assert [sumsub_webhooks.LEVEL_NAMES[level] for level in ORDER] == [
        "countroom-age",
        "countroom-identity",
        "countroom-address",
        "countroom-source-of-funds",
    ]
    assert list(sumsub_webhooks.DIGESTS) == ["HMAC_SHA256_HEX", "HMAC_SHA512_HEX"]
    assert {"AGE_REQUIREMENT_MISMATCH", "UNDERAGE"} == AGE_LABELS


def test_bounds() -> None:
    assert (sumsub_webhooks.AHEAD_MS_MAX, sumsub_webhooks.BODY_BYTES_MAX) == (300_000, 65_536)
    assert (sumsub_api.LINK_S, sumsub_api.KEYS_MAX) == (1800, 2)
    assert (ACTOR_MAX, REASON_MAX, LABELS_MAX) == (64, 120, 8)
    assert (shared_keys.SECRETS_MAX, shared_keys.SIGNATURES_MAX, shared_keys.KEY_BYTES_MIN) == (4, 8, 16)


def test_each_level_and_state_has_words_for_a_player() -> None:
    assert set(NAMES) == set(ORDER)
    assert set(TEXTS) == set(State)
    assert len(set(TEXTS.values())) == len(State)


def test_keys_are_not_shown() -> None:
    ask = sumsub_api.signed(sumsub_api.Key("sbx:token", "secret-key"), "POST", "/x", b"{}", 1)
    shown = repr((sumsub_api.Key("sbx:token", "secret-key"), ask, sumsub_api.Told(200, {"firstName": "Anna"})))
    for secret in ("sbx:token", "secret-key", "Anna", ask.headers["X-App-Access-Sig"]):
        assert secret not in shown
