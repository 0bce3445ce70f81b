"""A rule of a provider's protocol: a name, where it comes from, and a check that is made over HTTP against a running casino."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from tests.conformance.over_http.casino import Casino


class Source(StrEnum):
    """Where a rule comes from."""

    PUBLISHED = "P"
    REBUILT = "C"
    DECIDED = "D"


MEANING = {
    Source.PUBLISHED: "the vendor's published text",
    Source.REBUILT: "rebuilt from public implementations",
    Source.DECIDED: "our decision, where the sources are silent",
}

EVERYWHERE = "every dialect"
NAMES = {"hub88": "Hub88 and Caleta", "swipe": "Swipe Games", "action_batch": "Action batch"}
Check = Callable[[Casino], None]


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule of one dialect. `check` raises AssertionError; None where nothing shows over HTTP and `how` names what holds it."""

    name: str
    dialect: str
    source: Source
    how: str
    check: Check | None

    @property
    def id(self) -> str:
        """Name it in a test run."""
        return f"{self.dialect}-{self.name}".replace(" ", "_")


class Rules:
    """A list of rules of one dialect that grows as they are written down."""

    def __init__(self, dialect: str) -> None:
        self.dialect = dialect
        self.listed: list[Rule] = []

    def __call__(self, source: Source, name: str) -> Callable[[Check], Check]:
        """Enter the decorated check; its docstring says how it is checked."""

        def enter(check: Check) -> Check:
            self.listed.append(Rule(name, self.dialect, source, " ".join((check.__doc__ or "").split()), check))
            return check

        return enter

    def elsewhere(self, source: Source, name: str, how: str) -> None:
        """Enter a rule that cannot be seen over HTTP; `how` names the test that holds it, or says that none does."""
        self.listed.append(Rule(name, self.dialect, source, how, None))
