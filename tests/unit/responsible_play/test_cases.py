"""Cases: their names, their steps, who may take one, and what they rest on."""

import pytest

from countroom.responsible_play.cases import (
    ALREADY_CLOSED,
    EVIDENCE_MAX,
    REQUEST_REUSED,
    STEPS_MAX,
    TOO_MANY_NOTES,
    Case,
    CaseKey,
    Deed,
    NotAllowed,
    State,
    Step,
    after,
    case_view,
    evidence_view,
    opened,
)
from countroom.responsible_play.markers import RULES, Fact, FactKind, Marker
from tests.unit.responsible_play.safety_world import ANNA, DAY_MS, MINUTE_MS, at

DAY = at("2026-02-02T00:00")
KEY = CaseKey(ANNA, Marker.RAPID_DEPOSITS, DAY)


def step(deed: Deed = Deed.NOTED, request_id: str = "r-1", actor: str = "jane@example.com", why: str = "called him") -> Step:
    return Step(deed, DAY + DAY_MS, actor, why, request_id)


def taken(case: Case, *steps: Step) -> Case:
    for one in steps:
        changed = after(case, one)
        assert changed is not None
        case = changed
    return case


@pytest.fixture
def case() -> Case:
    return opened(KEY, "EE", DAY + MINUTE_MS)


class TestNames:
    def test_a_name_is_read_back(self) -> None:
        assert KEY.case_id == "pl_anna.rapid_deposits.2026-02-02"
        for marker, rule in RULES.items():
            key = CaseKey("pl-A_9", marker, rule.period_of(DAY))
            assert CaseKey.from_id(key.case_id) == key

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "pl_anna",
            "pl_anna.rapid_deposits",
            "pl_anna.rapid_deposits.2026-02-30",
            "pl_anna.rapid_deposits.1969-12-31",
            "pl_anna.rapid_deposits.2026-02-02.",
            "pl_anna.rapid_deposits.2026-02-02\n",
            "pl_anna.other.2026-02-02",
            "pl#anna.rapid_deposits.2026-02-02",
            ".rapid_deposits.2026-02-02",
            "pl_anna.night_play.2026-02-03",  # no period of seven days begins then
        ],
    )
    def test_what_names_none(self, text: str) -> None:
        assert CaseKey.from_id(text) is None


class TestSteps:
    def test_every_step_stays(self, case: Case) -> None:
        closed = taken(case, step(), step(Deed.CLOSED, "r-2", why="agreed on a limit"))
        assert (closed.state, closed.revision) == (State.CLOSED, 3)
        view = case_view(closed)
        assert [(line["deed"], line["by"], line["why"]) for line in view["steps"]] == [
            ("opened", "house", RULES[Marker.RAPID_DEPOSITS].explanation),
            ("noted", "jane@example.com", "called him"),
            ("closed", "jane@example.com", "agreed on a limit"),
        ]
        assert view["period"] == {"from": "2026-02-02T00:00:00.000Z", "to": "2026-02-03T00:00:00.000Z"}
        assert (view["explanation"], view["source"]) == (
            RULES[Marker.RAPID_DEPOSITS].explanation,
            RULES[Marker.RAPID_DEPOSITS].source,
        )

    def test_the_same_order_again_changes_nothing_also_after_the_end(self, case: Case) -> None:
        closed = taken(case, step(), step(Deed.CLOSED, "r-2"))
        assert after(closed, step()) is None
        assert after(closed, step(Deed.CLOSED, "r-2")) is None

    @pytest.mark.parametrize("other", [step(why="another"), step(actor="joan"), step(Deed.CLOSED)])
    def test_another_order_under_its_name_is_refused(self, case: Case, other: Step) -> None:
        with pytest.raises(NotAllowed) as refused:
            after(taken(case, step()), other)
        assert refused.value.code == REQUEST_REUSED

    @pytest.mark.parametrize("deed", [Deed.NOTED, Deed.CLOSED])
    def test_a_closed_case_takes_nothing_more(self, case: Case, deed: Deed) -> None:
        with pytest.raises(NotAllowed) as refused:
            after(taken(case, step(Deed.CLOSED)), step(deed, "r-2"))
        assert refused.value.code == ALREADY_CLOSED

    def test_a_full_case_can_still_be_closed(self, case: Case) -> None:
        full = taken(case, *(step(request_id=f"r-{number}") for number in range(STEPS_MAX - 1)))
        with pytest.raises(NotAllowed) as refused:
            after(full, step(request_id="one-more"))
        assert refused.value.code == TOO_MANY_NOTES
        assert taken(full, step(Deed.CLOSED, "the-end")).state is State.CLOSED

    def test_each_step_has_an_entry_of_its_own(self, case: Case) -> None:
        entries = [case.entry, taken(case, step()).entry, taken(case, step(), step(Deed.CLOSED, "r-2")).entry]
        assert [entry.kind for entry in entries] == ["case_opened", "case_noted", "case_closed"]
        assert [entry.actor for entry in entries] == ["house", "staff", "staff"]
        assert len({entry.name for entry in entries}) == 3
        assert entries[1].told == {
            "case_id": KEY.case_id,
            "marker": "rapid_deposits",
            "by": "jane@example.com",
            "why": "called him",
        }


class TestEvidence:
    def test_when_it_was_met_and_by_what_in_its_own_period(self, case: Case) -> None:
        times = [DAY + number * MINUTE_MS for number in range(5)]
        before = [at_ms - DAY_MS for at_ms in times]
        facts = [Fact(FactKind.DEPOSIT, at_ms, f"gateway:standard#{at_ms}") for at_ms in times + before]
        shown = evidence_view(case, tuple(reversed(facts)))
        assert shown["met_at"] == ["2026-02-02T00:03:00.000Z", "2026-02-02T00:04:00.000Z"]
        assert len(shown["facts"]) == 10
        assert shown["facts"][0] == {"fact": "deposit", "at": "2026-02-01T00:00:00.000Z", "name": facts[5].name}
        assert shown["complete"]

    def test_too_much_is_cut_and_said(self, case: Case) -> None:
        facts = tuple(Fact(FactKind.DEPOSIT, DAY + number, f"x-{number}") for number in range(EVIDENCE_MAX + 1))
        shown = evidence_view(case, facts)
        assert (len(shown["facts"]), shown["complete"]) == (EVIDENCE_MAX, False)
