"""The rules of a player's country as he is shown them: each in a sentence with its source, and what he can choose from. Pure."""

from typing import Any

from countroom.jurisdictions.profile import Length, Profile, worth
from countroom.ledger.amounts import exact_amount
from countroom.ledger.movements import LimitKind
from countroom.responsible_play.forms import MINUTE_MS
from countroom.responsible_play.words import lasting, unit_of


def profile_view(profile: Profile, currency: str) -> dict[str, Any]:
    """Show the rules that hold for the player, each in a sentence and with whose rule it is."""
    rules = ((topic, words, profile.sources[topic]) for topic, words in _rules(profile, currency).items())
    return {
        "code": profile.code,
        "name": profile.name,
        "rules": [{"topic": topic, "text": words, "source": source} for topic, words, source in rules],
    }


def _rules(profile: Profile, currency: str) -> dict[str, str]:
    hours = lasting(profile.raise_wait_ms)
    confirmed = "and only when you confirm it then" if profile.raise_confirm else "unless you take it back before"
    found = {
        "age_min": f"You have to be {profile.age_min} or older.",
        "raise_wait_ms": f"A new or lower limit holds at once. A higher one, or none, takes effect after {hours}, {confirmed}.",
        "time_outs": f"You can take a break of {_lengths(profile.time_outs)}. It begins at once and ends by itself.",
        "exclusions": f"You can exclude yourself for {_lengths(profile.exclusions)}. It begins at once and cannot be shortened.",
        "reopening_wait_ms": f"After an exclusion play opens again {lasting(profile.reopening_wait_ms)} after you ask for it.",
        "check_interval_ms": f"After {lasting(profile.check_interval_ms)} of play, or sooner if you wish, we ask you to look up.",
        "excluded_may_withdraw": "While you are excluded you can still withdraw your money.",
        "player_may_cancel_withdrawal": (
            "You can call a withdrawal back until it is sent."
            if profile.player_may_cancel_withdrawal
            else "A withdrawal cannot be called back."
        ),
        "bonus_wagering_max": f"A bonus never has to be played through more than {profile.bonus_wagering_max} times.",
    }
    for category, pounds in profile.stake_caps.items():
        young, grown = (f"{exact_amount(worth(cap, currency), currency)} {currency}" for cap in pounds)
        words = f"The largest stake in {category} is {grown}, and {young} before you are {profile.grown_age}."
        found["stake_caps"] = " ".join((found.get("stake_caps", ""), words)).strip()
    if profile.register:
        found["register"] = f"At registration and at login we ask {profile.register} whether you have excluded yourself."
    return found


def _lengths(lengths: tuple[Length, ...]) -> str:
    texts = [length.text for length in lengths]
    return ", ".join(texts[:-1]) + " or " + texts[-1] if len(texts) > 1 else "".join(texts)


def choices_view(profile: Profile, currency: str) -> dict[str, Any]:
    """Show what the player can choose from: limits with their ceilings, lengths of a break, intervals of the reality check."""
    limits = [
        {
            "kind": kind,
            "period": period,
            "unit": unit_of(LimitKind(kind), currency),
            "highest": str(ceiling) if kind == LimitKind.SESSION else exact_amount(worth(ceiling, currency), currency),
        }
        for kind, offered in profile.limits.items()
        for period, ceiling in offered.ceilings.items()
    ]
    return {
        "limits": limits,
        "time_outs": [{"length": length.code, "text": length.text} for length in profile.time_outs],
        "exclusions": [{"length": length.code, "text": length.text} for length in profile.exclusions],
        "check_minutes": [choice // MINUTE_MS for choice in profile.check_choices_ms],
    }
