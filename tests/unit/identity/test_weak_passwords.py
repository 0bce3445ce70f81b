import time

import pytest

from countroom.identity.personal import PersonalData
from countroom.identity.weak_passwords import LENGTH_MIN, own_words, weakness

ANN = PersonalData("anna.bell+casino@example.com", "1990-05-07", "M\u00e4rta", "O'Neill", "+3725551234")
COMMON = "is one of the most common passwords"
EASY = "is too easy to guess: add words, not repeats, rows of keys or years"
OWN = "is made of your own data or of our name"


@pytest.mark.parametrize("password", ["password", "12345678", "PassWord1", "BASEBALL", "qwertyuiop"])
def test_the_common_ones_in_any_case(password: str) -> None:
    assert weakness(password, ANN) == COMMON


def test_the_list_holds_thousands_that_are_long_enough() -> None:
    from zxcvbn.frequency_lists import FREQUENCY_LISTS  # noqa: PLC0415 - what is shipped

    long_enough = [word for word in FREQUENCY_LISTS["passwords"] if len(word) >= LENGTH_MIN]
    assert len(long_enough) >= 3000  # OWASP ASVS 5.0 6.2.4
    assert all(weakness(word, PersonalData("", "")) for word in long_enough)


@pytest.mark.parametrize(
    "password",
    [
        "anna.bell+casino",
        "ANNA.BELL+CASINO@EXAMPLE.COM",
        "annabell",
        "Bell-Anna-1",
        "casinoanna1",
        "m\u00e4rtam\u00e4rta",
        "M\u00c4RTA123",
        "oneill o'neill",
        "3725551234",
        "countroom",
        "CountRoom!",
        "my countroom",
        "1990-05-07",
        "19900507",
        "07051990",
        "05071990",
        "07.05.1990",
        "7.5.1990",
        "5/7/1990",
        "07/05/90",
        "900507 900507",
        "anna19900507",
    ],
)
def test_those_made_of_what_others_know(password: str) -> None:
    assert weakness(password, ANN) == OWN


@pytest.mark.parametrize(
    "password",
    [
        "correct horse",
        "anna likes rain",
        "countroom battery",
        "1990 summers",
        "belladonna tea",
        "\u4f60\u597d\u4e16\u754c\u5927\u5bb6\u65e9\u4e0a",
    ],
)
def test_what_has_enough_of_its_own(password: str) -> None:
    assert weakness(password, ANN) is None


@pytest.mark.parametrize(
    "password",
    ["00000000", "aaaaaaaa", "abcdefgh", "12121212", "abababab", "password12345", "jennifer", "Elizabeth", "zyxwvuts", "a" * 128],
)
def test_what_the_list_lacks_and_is_guessed_soon(password: str) -> None:
    assert weakness(password, PersonalData("", "")) == EASY


@pytest.mark.parametrize("password", ["aaaaaaaa", "abcdefgh", "jennifer"])
def test_a_refusal_says_what_to_do_and_repeats_nothing(password: str) -> None:
    told = weakness(password, ANN) or ""
    assert "add words" in told
    assert password not in told


def test_a_password_of_signs_that_stand_for_letters_is_read_in_bounded_time() -> None:
    """Read to its end, this one keeps a processor busy for seconds: all letters that each sign may stand for are tried."""
    started = time.process_time()
    assert weakness("abc4@8({[<369&#!1l0$5+7%2" * 5, ANN) is None
    assert time.process_time() - started < 2


def test_eight_characters_beside_ones_own_data_are_enough_and_seven_are_not() -> None:
    assert weakness("annaxkqwzvj", ANN) == OWN
    assert weakness("annaxkqwzvjh", ANN) is None


def test_short_scraps_are_no_words() -> None:
    assert "ab" not in own_words(PersonalData("ab.cd@example.com", ""))
    assert weakness("abxkqwzv", PersonalData("ab@example.com", "")) is None


def test_a_person_of_whom_nothing_is_known() -> None:
    assert own_words(PersonalData("", "")) == {"countroom"}
    assert weakness("correct horse", PersonalData("", "not a day")) is None
