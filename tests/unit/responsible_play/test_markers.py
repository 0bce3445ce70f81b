"""Markers of harm at their exact boundaries, by the clock of each country; no order and no further fact un-meets a rule."""

from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from countroom.identity.rules import POLICY
from countroom.ledger.movements import LimitKind
from countroom.ledger.records import Record
from countroom.ledger.safeguards import OpenDeposit
from countroom.responsible_play.markers import (
    RULES,
    ZONES,
    Fact,
    FactKind,
    Marker,
    concerned,
    facts_of,
    met,
    night_of,
    zone_of,
)
from tests.unit.responsible_play.safety_world import ANNA, DAY_MS, HOUR_MS, MINUTE_MS, UNIT, Story, at, refused, released

NOON = at("2026-02-02T12:00")
QUARTER_MS = 15 * MINUTE_MS
SECOND_MS = 1000


def facts(kind: FactKind, *instants: int) -> list[Fact]:
    return [Fact(kind, at_ms, f"x-{number}") for number, at_ms in enumerate(instants)]


def kinds(record: Record, country: str = "EE") -> list[FactKind]:
    return [fact.kind for fact in facts_of(record, country)]


def test_every_rule_explains_itself_and_names_its_source() -> None:
    assert set(RULES) == set(Marker)
    for rule in RULES.values():
        assert rule.explanation.startswith("The player ")
        assert rule.explanation.endswith(".")
        assert rule.source.endswith("The figures are the house's own choice.")
        assert rule.case_ms % DAY_MS == 0  # a case is named after a day


def test_a_kind_of_fact_concerns_its_own_rules() -> None:
    assert [rule.marker for rule in concerned([FactKind.PLAYED_OUT])] == [Marker.CHASING_LOSSES]
    assert [rule.marker for rule in concerned([FactKind.NIGHT, FactKind.DEPOSIT])] == [Marker.NIGHT_PLAY, Marker.RAPID_DEPOSITS]
    assert concerned([]) == []


class TestFacts:
    def test_a_deposit_into_an_empty_wallet_by_a_tenth(self) -> None:
        story = Story().at(NOON)
        assert kinds(story.pays(100)) == [FactKind.DEPOSIT, FactKind.EMPTY]
        assert kinds(story.pays(1000)) == [FactKind.DEPOSIT]  # 100 is a tenth: not less
        story.stakes(1001)
        assert kinds(story.pays(1000)) == [FactKind.DEPOSIT, FactKind.EMPTY]  # 99 is less

    def test_a_stake_after_which_the_same_is_not_covered(self) -> None:
        story = Story().at(NOON)
        story.pays(100)
        assert kinds(story.stakes(34)) == []
        assert kinds(story.stakes(33)) == []  # 33 are left: the same again is covered
        assert kinds(story.stakes(17)) == [FactKind.PLAYED_OUT]
        assert kinds(refused(story.stakes(17))) == []

    def test_a_deposit_that_a_limit_refused_counts_and_another_refusal_does_not(self) -> None:
        story = Story().at(NOON)
        story.limits(50)
        assert kinds(story.posts(OpenDeposit.of(ANNA, "d-1", "EUR", 50 * UNIT))) == []  # its credit will count
        assert kinds(refused(story.posts(OpenDeposit.of(ANNA, "d-2", "EUR", UNIT)))) == [FactKind.DEPOSIT]

    def test_what_is_a_raise(self) -> None:
        story = Story().at(NOON)
        assert kinds(story.limits(100)) == []
        assert kinds(story.limits(100)) == []
        assert kinds(story.limits(99)) == []
        assert kinds(story.limits(100)) == [FactKind.RAISE]
        assert kinds(story.limits(None)) == [FactKind.RAISE]
        assert kinds(refused(story.limits(200, waits_ms=0))) == [FactKind.RAISE]
        assert kinds(story.limits(50, LimitKind.LOSS)) == []

    def test_a_withdrawal_called_back(self) -> None:
        record = released(Story().at(NOON).pays(10))
        (fact,) = facts_of(record, "", cancelled=True)
        assert (fact.kind, fact.at_ms, fact.name) == (FactKind.CANCELLED, NOON, record.reference.text)

    def test_a_stake_at_night_by_the_quarter_hour(self) -> None:
        story = Story("EE").at(at("2026-02-02T23:14"))  # 01:14 in Tallinn
        story.pays(100)
        (fact,) = facts_of(story.stakes(1), "EE")
        assert (fact.kind, fact.at_ms, fact.name) == (FactKind.NIGHT, at("2026-02-02T23:00"), str(at("2026-02-02T23:00")))
        assert fact.night == night_of(at("2026-02-03T00:30"), "EE")
        assert facts_of(story.at(at("2026-02-03T00:00")).stakes(1), "GB")[0].night == fact.night
        assert facts_of(story.at(at("2026-02-03T06:00")).stakes(1), "GB") == ()


class TestNights:
    def test_every_country_we_serve_has_a_zone_that_is_there(self) -> None:
        assert set(ZONES) >= POLICY.countries
        for country, name in ZONES.items():
            assert zone_of(country).key == name
        assert zone_of("XX").key == "UTC"

    def test_the_zones_come_with_the_functions(self) -> None:
        """Nothing promises that the machine a Lambda runs on has any."""
        layer = Path(__file__).resolve().parents[3] / "layers" / "dependencies" / "requirements.txt"
        assert "\ntzdata==" in layer.read_text(encoding="utf-8")

    @pytest.mark.parametrize(
        ("text", "country", "is_night"),
        [
            ("2026-01-10T00:00", "GB", True),
            ("2026-01-10T05:59", "GB", True),
            ("2026-01-10T06:00", "GB", False),
            ("2026-01-09T23:59", "GB", False),
            ("2026-07-09T23:00", "GB", True),  # summer time: an hour ahead
            ("2026-07-10T05:00", "GB", False),
            ("2026-01-10T05:00", "CA", True),  # midnight in Toronto
            ("2026-01-10T04:59", "CA", False),
            ("2026-01-10T11:00", "NZ", True),  # midnight in Auckland, in its summer
            ("2026-01-09T22:00", "EE", True),
            ("2026-01-10T04:00", "EE", False),
        ],
    )
    def test_midnight_and_six_where_the_player_lives(self, text: str, country: str, is_night: bool) -> None:
        assert (night_of(at(text), country) is not None) is is_night

    def test_a_night_with_one_hour_twice_and_one_with_an_hour_less(self) -> None:
        autumn = [at("2026-10-24T23:00") + number * QUARTER_MS for number in range(40)]  # clocks go back at 01:00 UTC
        assert sum(night_of(at_ms, "GB") is not None for at_ms in autumn) == 28
        spring = [at("2026-03-28T23:00") + number * QUARTER_MS for number in range(40)]  # and forward
        assert sum(night_of(at_ms, "GB") is not None for at_ms in spring) == 20

    def test_the_night_is_the_day_of_its_morning(self) -> None:
        assert night_of(at("2026-01-09T22:00"), "EE") == night_of(at("2026-01-10T03:59"), "EE") == at("2026-01-10T00:00") // DAY_MS


def night(day: int, quarters: int) -> list[Fact]:
    """Play in the first quarter hours of a night in GB in winter."""
    start = at("2026-01-10T00:00") + day * DAY_MS
    slots = [start + number * QUARTER_MS for number in range(quarters)]
    return [Fact(FactKind.NIGHT, slot, str(slot), start // DAY_MS) for slot in slots]


class TestRules:
    @pytest.mark.parametrize(
        ("marker", "kind", "number", "within_ms"),
        [
            (Marker.RAPID_DEPOSITS, FactKind.DEPOSIT, 4, HOUR_MS),
            (Marker.CANCELLED_WITHDRAWALS, FactKind.CANCELLED, 2, 7 * DAY_MS),
            (Marker.RAISED_LIMITS, FactKind.RAISE, 3, 30 * DAY_MS),
        ],
    )
    def test_so_many_within_a_time(self, marker: Marker, kind: FactKind, number: int, within_ms: int) -> None:
        rule = RULES[marker]
        just = [NOON, *[NOON + within_ms - 1] * (number - 1)]
        assert met(rule, facts(kind, *just)) == {NOON + within_ms - 1}
        assert met(rule, facts(kind, NOON, *[NOON + within_ms] * (number - 1))) == frozenset()
        assert met(rule, facts(kind, *just[1:])) == frozenset()
        assert met(rule, facts(kind, *just[1:]) * 5) == frozenset()  # the same again is the same
        others = [other for other in FactKind if other is not kind]
        assert met(rule, [fact for other in others for fact in facts(other, *just, *just)]) == frozenset()

    def test_chasing_losses(self) -> None:
        rule = RULES[Marker.CHASING_LOSSES]
        days = [NOON, NOON + HOUR_MS * 12, NOON + DAY_MS - 1]
        deposits = facts(FactKind.EMPTY, *days)
        just = facts(FactKind.PLAYED_OUT, *(at_ms - HOUR_MS + 1 for at_ms in days))
        assert met(rule, deposits + just) == {days[-1]}
        at_once = facts(FactKind.PLAYED_OUT, *days)
        assert met(rule, deposits + at_once) == {days[-1]}
        too_early = facts(FactKind.PLAYED_OUT, *(at_ms - HOUR_MS for at_ms in days))
        assert met(rule, deposits + too_early) == frozenset()
        afterwards = facts(FactKind.PLAYED_OUT, *(at_ms + 1 for at_ms in days))
        assert met(rule, deposits + afterwards) == frozenset()
        assert met(rule, deposits) == frozenset()
        assert met(rule, deposits[1:] + just) == frozenset()

    def test_chasing_losses_over_a_whole_day_is_none(self) -> None:
        days = [NOON, NOON + HOUR_MS, NOON + DAY_MS]
        told = facts(FactKind.EMPTY, *days) + facts(FactKind.PLAYED_OUT, *days)
        assert met(RULES[Marker.CHASING_LOSSES], told) == frozenset()

    def test_night_play(self) -> None:
        rule = RULES[Marker.NIGHT_PLAY]
        enough = night(0, 4) + night(3, 4) + night(6, 4)
        assert met(rule, enough) == {at("2026-01-16T00:00")}
        assert met(rule, night(0, 4) + night(3, 4) + night(7, 4)) == frozenset()
        assert met(rule, night(0, 4) + night(3, 4) + night(6, 3)) == frozenset()
        assert met(rule, night(0, 24) + night(1, 24)) == frozenset()

    def test_one_case_stands_for_a_period(self) -> None:
        rule = RULES[Marker.RAPID_DEPOSITS]
        midnight = at("2026-02-03T00:00")
        assert rule.period_of(midnight) == midnight
        assert rule.period_of(midnight - 1) == midnight - DAY_MS
        assert rule.period_of(midnight + DAY_MS - 1) == midnight


FACTS = st.lists(
    st.builds(
        lambda kind, minutes, number: Fact(kind, minutes * QUARTER_MS, f"{number}", minutes * QUARTER_MS // DAY_MS),
        st.sampled_from(list(FactKind)),
        st.integers(0, 4 * 24 * 9),
        st.integers(0, 3),
    ),
    max_size=60,
)


@settings(max_examples=150, deadline=None)
@given(FACTS, st.randoms(use_true_random=False), st.data())
def test_any_order_and_repeats_come_to_the_same_and_more_facts_never_to_less(
    known: list[Fact], dice: Random, data: st.DataObject
) -> None:
    part = known[: data.draw(st.integers(0, len(known)))]
    for rule in RULES.values():
        expected = met(rule, known)
        shuffled = known + part
        dice.shuffle(shuffled)
        assert met(rule, shuffled) == expected
        assert met(rule, part) <= expected
