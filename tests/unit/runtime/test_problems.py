import json

import pytest

from runtime.problems import TABLE, Code, FieldError, Problem, render

EXPECTED = {
    "malformed_json": 400,
    "invalid_request": 400,
    "idempotency_key_missing": 400,
    "not_authenticated": 401,
    "token_expired": 401,
    "session_ended": 401,
    "refresh_refused": 401,
    "invalid_credentials": 401,
    "second_factor_required": 401,
    "invalid_code": 400,
    "step_up_required": 403,
    "account_frozen": 403,
    "forbidden": 403,
    "wallet_blocked": 403,
    "wallet_excluded": 403,
    "verification_required": 403,
    "verification_ended": 409,
    "verification_unavailable": 503,
    "cancel_not_offered": 403,
    "under_age": 403,
    "not_found": 404,
    "method_not_allowed": 405,
    "conflict": 409,
    "balance_remains": 409,
    "insufficient_funds": 409,
    "wrong_currency": 409,
    "limit_reached": 409,
    "method_not_usable": 409,
    "other_method_first": 409,
    "too_late": 409,
    "too_early": 409,
    "nothing_pending": 409,
    "exclusion_runs": 409,
    "payment_method_not_allowed": 409,
    "payment_refused": 409,
    "deposit_not_payable": 409,
    "body_too_large": 413,
    "unsupported_media_type": 415,
    "idempotency_key_reused": 422,
    "too_many_requests": 429,
    "internal_error": 500,
    "temporarily_unavailable": 503,
    "provider_unavailable": 503,
    "gateway_unavailable": 503,
}


def test_the_table_is_complete_and_as_published() -> None:
    assert {code.value: TABLE[code].status.value for code in Code} == EXPECTED
    assert set(TABLE) == set(Code)


def test_titles_are_distinct_sentences() -> None:
    titles = [entry.title for entry in TABLE.values()]
    assert len(set(titles)) == len(titles)
    assert all(title.endswith(".") for title in titles)


@pytest.mark.parametrize("code", list(Code))
def test_every_code_renders_as_rfc_9457(code: Code) -> None:
    rendered = render(Problem(code), "request-1")
    body = json.loads(rendered.body)
    assert rendered.status == EXPECTED[code] == Problem(code).status
    assert rendered.headers["Content-Type"] == "application/problem+json"
    assert body == {
        "type": f"https://countroom.dev/problems/{code}",
        "title": TABLE[code].title,
        "status": EXPECTED[code],
        "detail": TABLE[code].title,
        "code": code,
        "request_id": "request-1",
    }
    assert ("WWW-Authenticate" in rendered.headers) is (rendered.status == 401)
    assert ("Retry-After" in rendered.headers) is (rendered.status == 503)


@pytest.mark.parametrize("code", [Code.TOKEN_EXPIRED, Code.SESSION_ENDED])
def test_a_token_that_was_good_once_says_so_to_bearer_clients(code: Code) -> None:
    assert 'error="invalid_token"' in render(Problem(code), "r").headers["WWW-Authenticate"]


def test_detail_fields_and_own_headers() -> None:
    problem = Problem(Code.INVALID_REQUEST, "Two things.", (FieldError("a", "is bad"),), {"Retry-After": "9"})
    rendered = render(problem, "r")
    body = json.loads(rendered.body)
    assert body["detail"] == "Two things."
    assert body["errors"] == [{"field": "a", "message": "is bad"}]
    assert rendered.headers["Retry-After"] == "9"


def test_own_headers_win() -> None:
    assert render(Problem(Code.TEMPORARILY_UNAVAILABLE, headers={"Retry-After": "7"}), "r").headers["Retry-After"] == "7"
