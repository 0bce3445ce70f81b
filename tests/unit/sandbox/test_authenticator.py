"""The authenticator: RFC 6238's own vectors, and never a code twice."""

import pyotp
import pytest

from sandbox.authenticator import STEP_SECONDS, Authenticator

RFC_SECRET = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"  # "12345678901234567890" in base 32


class Clock:
    def __init__(self, now: float) -> None:
        self.now = now
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


@pytest.mark.parametrize(("now", "code"), [(59, "287082"), (1111111109, "081804"), (1234567890, "005924"), (20000000000, "353130")])
def test_published_vectors(now: int, code: str) -> None:
    """RFC 6238 appendix B, of its eight digits the last six."""
    assert Authenticator(RFC_SECRET, clock=Clock(now)).code() == code


def test_each_code_is_given_once_and_taken_by_a_clock_that_agrees() -> None:
    clock = Clock(1_790_000_001.5)
    authenticator = Authenticator(RFC_SECRET, clock=clock, sleep=clock.sleep)
    codes = []
    for _ in range(5):
        codes.append(authenticator.code())
        assert pyotp.TOTP(RFC_SECRET).verify(codes[-1], for_time=int(clock.now), valid_window=1)
    assert len(set(codes)) == 5
    assert len(clock.slept) == 3  # two are to be had at any moment
    assert all(0 < seconds <= STEP_SECONDS for seconds in clock.slept)


def test_the_secret_does_not_show() -> None:
    assert RFC_SECRET not in repr(Authenticator(RFC_SECRET))
