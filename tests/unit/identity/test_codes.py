import pytest

from countroom.identity import codes


def test_codes_are_forty_random_bits() -> None:
    made = {codes.new_code() for _ in range(500)}
    assert len(made) == 500
    assert all(codes.normalise_code(code) == code and len(code) == 8 for code in made)
    assert len(set(codes.ALPHABET)) == 32
    assert set("".join(made)) == set(codes.ALPHABET)


@pytest.mark.parametrize("typed", ["0a1b-2c3d", "OAIB2C3D", "oalb 2c3d", " 0A1B2C3D ", "0-A-1-B-2-C-3-D"])
def test_what_people_make_of_a_code_is_read(typed: str) -> None:
    assert codes.normalise_code(typed) == "0A1B2C3D"


@pytest.mark.parametrize(
    "typed",
    ["", "0A1B2C3", "0A1B2C3DE", "0A1B2C3U", "0A1B2C3\u0394", "\u0661A1B2C3D", "0A1B2C3D" + " " * 25, "0A1B\n2C3D", "0A1B2C3\x00"],
)
def test_what_cannot_be_a_code(typed: str) -> None:
    assert codes.normalise_code(typed) is None


def test_a_digest_is_of_one_code_of_one_subject() -> None:
    digest = codes.code_digest("ann", "0A1B2C3D")
    assert codes.code_digest("ann", "0A1B2C3D") == digest
    assert codes.code_digest("ann", "0A1B2C3E") != digest
    assert codes.code_digest("bob", "0A1B2C3D") != digest
    assert "0A1B2C3D" not in digest


def test_codes_are_written_in_two_halves() -> None:
    assert codes.spaced("0A1B2C3D") == "0A1B-2C3D"
