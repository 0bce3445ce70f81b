"""The register of excluded players: what is asked, what an answer is worth, and what is none."""

import json
from dataclasses import replace
from typing import Any

import pytest

from countroom.identity import register_dialect as dialect
from countroom.identity.personal import PersonalData
from countroom.identity.register import (
    CLEAR_COUNTS_MS,
    Answer,
    LookUp,
    RegisterSilent,
    Subject,
    Verdict,
    normalise_postcode,
    postcode_fault,
    subject_of,
)

PAT = Subject("Patricia", "Jones", "1985-02-03", "pat.jones@example.com", "SW1A 1AA", "+447700900000")
NAME = "0123456789abcdef"
GOOD = {"correlationId": NAME, "msRequestId": "receipt-1", "exclusion": "N"}


def test_one_person_is_asked_about_as_gamstop_wants_it() -> None:
    asked = dialect.question(PAT, NAME, "key")
    assert (asked.path, asked.headers["X-API-Key"], asked.headers["Content-Type"]) == ("/v2", "key", "application/json")
    assert json.loads(asked.body) == [
        {
            "correlationId": NAME,
            "firstName": "Patricia",
            "lastName": "Jones",
            "dateOfBirth": "1985-02-03",
            "email": "pat.jones@example.com",
            "postcode": "SW1A1AA",
            "mobile": "+447700900000",
        }
    ]
    assert "mobile" not in json.loads(dialect.question(replace(PAT, phone=""), NAME, "key").body)[0]


def test_no_more_of_a_name_leaves_the_house_than_is_compared() -> None:
    asked = json.loads(dialect.question(replace(PAT, given_name="Æ" * 64, family_name="é" * 21), NAME, "key").body)
    assert (asked[0]["firstName"], asked[0]["lastName"]) == ("Æ" * 20, "é" * 20)


@pytest.mark.parametrize(("word", "verdict"), [("Y", Verdict.LISTED), ("N", Verdict.CLEAR), ("P", Verdict.LAPSED)])
def test_the_three_answers(word: str, verdict: Verdict) -> None:
    assert dialect.read(200, [GOOD | {"exclusion": word}], NAME) == Answer(verdict, "receipt-1")


@pytest.mark.parametrize(
    ("status", "value"),
    [
        (400, [GOOD]),
        (403, {"error": "key"}),
        (429, None),
        (204, None),
        (200, None),
        (200, []),
        (200, [GOOD, GOOD]),
        (200, GOOD),
        (200, "N"),
        (200, ["N"]),
        (200, [GOOD | {"exclusion": "n"}]),
        (200, [GOOD | {"exclusion": ""}]),
        (200, [GOOD | {"exclusion": "No"}]),
        (200, [GOOD | {"exclusion": False}]),
        (200, [GOOD | {"exclusion": None}]),
        (200, [GOOD | {"exclusion": ["N"]}]),
        (200, [{name: text for name, text in GOOD.items() if name != "exclusion"}]),
        (200, [GOOD | {"correlationId": "another"}]),
        (200, [{name: text for name, text in GOOD.items() if name != "correlationId"}]),
        (200, [GOOD | {"msRequestId": ""}]),
        (200, [GOOD | {"msRequestId": "x" * 65}]),
        (200, [GOOD | {"msRequestId": "a b"}]),
        (200, [GOOD | {"msRequestId": 7}]),
    ],
)
def test_whatever_is_not_exactly_an_answer_is_silence(status: int, value: Any) -> None:
    with pytest.raises(RegisterSilent):
        dialect.read(status, value, NAME)


@pytest.mark.parametrize("secret", [{}, {"api_key": ""}, {"api_key": 7}, {"key": "x"}])
def test_without_a_key_nobody_is_asked(secret: dict[str, Any]) -> None:
    with pytest.raises(RegisterSilent):
        dialect.key_of(secret)
    assert dialect.key_of({"api_key": "x"}) == "x"


@pytest.mark.parametrize(
    ("verdict", "age_ms", "lets_in"),
    [
        (Verdict.CLEAR, 0, True),
        (Verdict.CLEAR, CLEAR_COUNTS_MS - 1, True),
        (Verdict.CLEAR, CLEAR_COUNTS_MS, False),
        (Verdict.CLEAR, -1, False),
        (Verdict.LAPSED, CLEAR_COUNTS_MS - 1, True),
        (Verdict.LISTED, 0, False),
    ],
)
def test_a_clear_answer_counts_for_a_day(verdict: Verdict, age_ms: int, *, lets_in: bool) -> None:
    last = LookUp("GAMSTOP", verdict, "receipt", 1_000_000_000)
    assert last.lets_in("GAMSTOP", 1_000_000_000 + age_ms) is lets_in
    assert not last.lets_in("another register", 1_000_000_000 + age_ms)


@pytest.mark.parametrize("lacking", ["given_name", "family_name", "born", "email", "postcode"])
def test_whom_nobody_could_find_is_not_whole(lacking: str) -> None:
    assert PAT.is_whole
    assert replace(PAT, phone="").is_whole
    assert not replace(PAT, **{lacking: ""}).is_whole


def test_a_subject_is_what_the_account_knows() -> None:
    person = PersonalData("pat.jones@example.com", "1985-02-03", "Patricia", "Jones", "+447700900000", "SW1A 1AA")
    assert subject_of(person) == PAT
    assert "Jones" not in repr(PAT)


@pytest.mark.parametrize(
    ("sent", "kept"),
    [(" sw1a 1aa ", "SW1A 1AA"), ("\u00a0d02\u2003af30", "D02 AF30"), ("1234-567", "1234-567"), ("１０１", "101")],  # noqa: RUF001 - full-width digits, as some keyboards write them
)
def test_a_postcode_is_kept_as_it_is_written_on_an_envelope(sent: str, kept: str) -> None:
    assert normalise_postcode(sent) == kept
    assert postcode_fault(kept) is None


@pytest.mark.parametrize("text", ["", " ", "-1", "1-", "AB\n12", "Ä1", "1/2", "A" * 13, "<b>"])
def test_what_is_no_postcode(text: str) -> None:
    assert postcode_fault(text) == "is not a postcode"
