"""The vendor's webhooks: whose they are, by which hashes, and what they say; nothing of what its people write."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from countroom.shared_keys import SecretsUnusable
from countroom.verification.inbox import MalformedMessage, from_message, to_message
from countroom.verification.levels import Level, State
from countroom.verification.standing import VendorEvent
from countroom.verification.sumsub_webhooks import (
    AHEAD_MS_MAX,
    BODY_BYTES_MAX,
    LEVEL_NAMES,
    MalformedEvent,
    SignatureInvalid,
    parse,
    verify,
)
from tests.unit.clock import START_MS
from tests.unit.verification.house import APPLICANT, PLAYER
from tests.unit.verification.wire import COMMENT, OLD_SECRET, SECRET, body_of, fields_of, headers_of, red

BODY = body_of()


def read(body: bytes) -> VendorEvent:
    event = parse("e-1", body, START_MS + 60_000)
    assert event is not None
    return event


class TestSignature:
    @pytest.mark.parametrize("algorithm", ["HMAC_SHA256_HEX", "HMAC_SHA512_HEX"])
    @pytest.mark.parametrize("secret", [SECRET, OLD_SECRET])
    def test_both_secrets_are_valid_by_each_hash_that_is_taken(self, algorithm: str, secret: str) -> None:
        assert len(verify(headers_of(BODY, secret, algorithm), BODY, [SECRET, OLD_SECRET])) == 32

    def test_a_digest_in_capitals_is_the_same(self) -> None:
        headers = headers_of(BODY)
        assert verify(headers | {"x-payload-digest": headers["x-payload-digest"].upper()}, BODY, [SECRET])

    def test_the_known_vector_of_rfc_4231(self) -> None:
        key = "\x0b" * 20
        digest = "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"
        assert verify({"x-payload-digest": digest, "x-payload-digest-alg": "HMAC_SHA256_HEX"}, b"Hi There", [key])

    @pytest.mark.parametrize(
        "headers",
        [
            {},
            headers_of(BODY, algorithm="HMAC_SHA1_HEX"),
            headers_of(BODY) | {"x-payload-digest-alg": "HMAC_SHA1_HEX"},
            headers_of(BODY) | {"x-payload-digest-alg": "HMAC_SHA512_HEX"},
            headers_of(BODY) | {"x-payload-digest-alg": "hmac_sha256_hex"},
            headers_of(BODY) | {"x-payload-digest-alg": ""},
            {"x-payload-digest": headers_of(BODY)["x-payload-digest"]},
            headers_of(BODY, "some-other-secret-of-somebody"),
            headers_of(BODY + b" "),
            headers_of(BODY) | {"x-payload-digest": ""},
            headers_of(BODY) | {"x-payload-digest": "0" * 63},
            headers_of(BODY) | {"x-payload-digest": "ab " * 20},
            headers_of(BODY) | {"x-payload-digest": "é" * 64},
            headers_of(BODY) | {"x-payload-digest": headers_of(BODY)["x-payload-digest"][:32]},
            headers_of(BODY) | {"x-payload-digest": "0" * 100_000},
        ],
    )
    def test_anything_else_is_refused(self, headers: dict[str, str]) -> None:
        with pytest.raises(SignatureInvalid):
            verify(headers, BODY, [SECRET])

    def test_the_very_bytes_are_signed(self) -> None:
        compact = json.dumps(fields_of(), separators=(",", ":")).encode()
        assert json.loads(compact) == json.loads(BODY)
        with pytest.raises(SignatureInvalid):
            verify(headers_of(BODY), compact, [SECRET])

    @pytest.mark.parametrize("secrets", [[], [""], ["short"]])
    def test_without_a_usable_secret_nothing_is_verified(self, secrets: list[str]) -> None:
        with pytest.raises(SecretsUnusable):
            verify(headers_of(BODY, secrets[0] if secrets else ""), BODY, secrets)

    @given(body=st.binary(max_size=200), digest=st.text(max_size=140), algorithm=st.text(max_size=20))
    def test_whatever_is_sent_the_answer_is_no(self, body: bytes, digest: str, algorithm: str) -> None:
        with pytest.raises(SignatureInvalid):
            verify({"x-payload-digest": digest, "x-payload-digest-alg": algorithm}, body, [SECRET])


class TestWhatItSays:
    def test_green_is_approved(self) -> None:
        event = VendorEvent("e-1", APPLICANT, PLAYER, Level.IDENTITY, State.APPROVED, START_MS + 10_250)
        assert read(BODY) == event

    @pytest.mark.parametrize(
        ("result", "state"),
        [(red("RETRY"), State.RETRY), (red("FINAL"), State.REJECTED), (red(None), State.RETRY)],
    )
    def test_red_is_retry_or_final(self, result: dict[str, Any], state: State) -> None:
        event = read(body_of(reviewResult=result))
        assert (event.state, event.labels) == (state, ("UNSATISFACTORY_PHOTOS", "SCREENSHOTS"))

    @pytest.mark.parametrize(
        ("kind", "state"),
        [("applicantPending", State.PENDING), ("applicantOnHold", State.ON_HOLD), ("applicantReset", State.NONE)],
    )
    def test_steps_on_the_way(self, kind: str, state: State) -> None:
        assert read(body_of(kind, reviewResult=None)).state is state

    @pytest.mark.parametrize("kind", ["applicantCreated", "applicantTagsChanged", "applicantActionReviewed", "applicantDeleted"])
    def test_what_says_nothing_of_a_check(self, kind: str) -> None:
        assert parse("e-1", body_of(kind, createdAtMs=None), START_MS) is None

    @pytest.mark.parametrize("level", list(Level))
    def test_a_level_by_the_vendor_s_name_of_it(self, level: Level) -> None:
        assert read(body_of(levelName=LEVEL_NAMES[level])).level is level

    @pytest.mark.parametrize("name", [None, "", "basic-kyc-level", 7, ["countroom-identity"]])
    def test_a_level_that_is_not_ours(self, name: object) -> None:
        assert read(body_of(levelName=name)).level is None

    @pytest.mark.parametrize("name", [None, "jane.doe@example.com", "x" * 33, "", 7, "pl anna"])
    def test_a_name_that_no_player_has_is_not_kept(self, name: object) -> None:
        assert read(body_of(externalUserId=name)).player_id == ""

    def test_people_s_words_are_not_read(self) -> None:
        event = read(body_of(reviewResult=red(rejectLabels=["FORGERY", COMMENT, 7, "lower_case", "FORGERY", "A" * 49])))
        assert event.labels == ("FORGERY",)
        assert "Smith" not in repr(event) + to_message(event)

    @pytest.mark.parametrize("labels", ["FORGERY", {"a": 1}, 7, []])
    def test_labels_of_another_form_are_none(self, labels: object) -> None:
        assert read(body_of(reviewResult=red(rejectLabels=labels))).labels == ()

    def test_unknown_fields_are_let_be(self) -> None:
        assert read(body_of(applicantMemberOf=[{"x": 1}])).state is State.APPROVED

    @pytest.mark.parametrize(
        "body",
        [
            b"",
            b"{",
            b"[]",
            b"7",
            b'{"type": "applicantReviewed", "type": "applicantPending"}',
            body_of(type=None),
            body_of(type=7),
            body_of(type="applicant reviewed"),
            body_of(applicantId=None),
            body_of(applicantId="a#b"),
            body_of(applicantId="x" * 65),
            body_of(reviewResult="GREEN"),
            body_of(reviewResult=None),
            body_of(reviewResult={}),
            body_of(reviewResult={"reviewAnswer": "green"}),
            body_of(reviewResult={"reviewAnswer": "YELLOW"}),
            body_of(reviewResult=red("SOMETIMES")),
            body_of(reviewResult=red(["FINAL"])),  # type: ignore[arg-type] # on purpose: what a sender may send
            body_of(createdAtMs=None),
            body_of(createdAtMs=1767268810250),
            body_of(createdAtMs="2026-01-01T12:00:10.250Z"),
            body_of(createdAtMs="2026-01-01 12:00:10"),
            body_of(createdAtMs="2026-02-30 12:00:10.250"),
            body_of(createdAtMs="1969-12-31 12:00:10.250"),
            body_of(createdAtMs="2027-01-01 12:00:10.250"),
            b'{"type": "applicantReviewed", "x": "' + b"y" * BODY_BYTES_MAX + b'"}',
        ],
    )
    def test_what_the_vendor_does_not_say(self, body: bytes) -> None:
        with pytest.raises(MalformedEvent) as refused:
            parse("e-1", body, START_MS)
        assert "YELLOW" not in str(refused.value)

    def test_an_event_may_be_a_little_ahead_of_the_clock(self) -> None:
        assert parse("e-1", BODY, START_MS + 10_250 - AHEAD_MS_MAX)
        with pytest.raises(MalformedEvent):
            parse("e-1", BODY, START_MS + 10_250 - AHEAD_MS_MAX - 1)


class TestMessages:
    @given(
        level=st.sampled_from([*Level, None]),
        state=st.sampled_from(State),
        at_ms=st.integers(0, 1 << 45),
        labels=st.lists(st.from_regex(r"\A[A-Z_]{1,20}\Z"), max_size=8),
    )
    def test_what_is_written_is_read_again(self, level: Level | None, state: State, at_ms: int, labels: list[str]) -> None:
        event = VendorEvent("e-1", APPLICANT, PLAYER, level, state, at_ms, tuple(labels))
        assert from_message(to_message(event)) == event

    @pytest.mark.parametrize(
        "text",
        ["", "7", "[]", "{}", '{"format":2}', "[" * 100_000, to_message(read(BODY)).replace("approved", "certain")],
    )
    def test_what_was_not_written_here(self, text: str) -> None:
        with pytest.raises(MalformedMessage):
            from_message(text)
