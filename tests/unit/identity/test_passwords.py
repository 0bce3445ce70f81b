import argon2
import pytest

from countroom.identity import passwords


def test_the_cost_is_owasp_s() -> None:
    stored = passwords.hash_password("correct horse")
    assert stored.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert not passwords.is_outdated(stored)


def test_right_and_wrong() -> None:
    stored = passwords.hash_password("correct horse")
    assert passwords.matches(stored, "correct horse")
    assert not passwords.matches(stored, "Correct horse")
    assert not passwords.matches(stored, "")
    assert passwords.hash_password("correct horse") != stored


def test_nobody_has_no_password() -> None:
    assert not passwords.matches(None, "correct horse")
    assert not passwords.matches(None, "")


def test_nobody_s_hash_takes_today_s_work() -> None:
    assert argon2.extract_parameters(passwords.NOBODY) == argon2.extract_parameters(passwords.hash_password("x"))


def test_the_same_work_is_done_for_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    verified: list[str] = []

    class Watched:
        def verify(self, stored: str, _password: str) -> bool:
            verified.append(stored)
            return True

    monkeypatch.setattr(passwords, "_HASHER", Watched())
    assert not passwords.matches(None, "x")  # even a hash that matched would let nobody in
    assert verified == [passwords.NOBODY]


@pytest.mark.parametrize("stored", ["", "x", "$argon2id$v=19$m=19456,t=2,p=1$$", "$2b$12$abcdefghijklmnopqrstuv"])
def test_what_is_no_hash_matches_nothing(stored: str) -> None:
    assert not passwords.matches(stored, "correct horse")


def test_older_parameters_are_outdated() -> None:
    weaker = argon2.PasswordHasher(time_cost=1, memory_cost=8192, parallelism=1).hash("correct horse")
    assert passwords.matches(weaker, "correct horse")
    assert passwords.is_outdated(weaker)
