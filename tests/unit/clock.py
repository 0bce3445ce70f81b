"""A clock that stands still until a test moves it."""

START_MS = 1_767_268_800_000
"""2026-01-01T12:00:00.000Z, the instant at which every unit test begins."""


class FixedClock:
    """Satisfies `countroom.clock.Clock`: a call answers epoch milliseconds."""

    def __init__(self, now_ms: int = START_MS) -> None:
        self.now_ms = now_ms

    def __call__(self) -> int:
        return self.now_ms

    def advance(self, *, seconds: int = 0, milliseconds: int = 0) -> None:
        """Move forward (or, with negative figures, back)."""
        self.now_ms += seconds * 1000 + milliseconds
