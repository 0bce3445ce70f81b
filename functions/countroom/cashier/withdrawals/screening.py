"""Whether a withdrawal may go on by itself, needs people, or must not happen. Pure.

The rules are asked stage by stage: play safety, verification, risk. A stage that refuses ends it, and what later stages would have
said does not matter. Short of that, everything that calls for people is collected, so that they see all of it at once.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from countroom.cashier.withdrawals.life import Clearance, Screened
from countroom.cashier.withdrawals.terms import CAUTIONS, Cautions, Thresholds
from countroom.jurisdictions.profile import Level, Profile
from countroom.ledger.movements import Status
from countroom.ledger.wallet import Wallet

METHOD_LOST: Final = "method_lost"
"""Code of the rule that the deposit which the money goes back to was taken back."""

_PERCENT: Final = 100


class Stage(StrEnum):
    """Which of the house's duties a rule serves, in the order in which they are asked."""

    PLAY_SAFETY = "play_safety"
    VERIFICATION = "verification"
    RISK = "risk"


@dataclass(frozen=True, slots=True)
class Person:
    """What other rooms know of a player: which levels of verification he has, and when he registered.

    The instant is epoch ms, None where nobody knows it.
    """

    levels: frozenset[Level]
    registered_at_ms: int | None


@dataclass(frozen=True, slots=True)
class Facts:
    """What the rules ask about. Amounts are nanos of the wallet's currency.

    `status`: as it stands at this moment, a running exclusion or time-out counted. `verified`: the player has every level that his
    profile asks for before a withdrawal. `more_is_due`: his net deposits ask for a level that he has not. `age_ms`: of the
    account. `method_usable`: the deposit that the money goes back to is still the player's and was not taken back. `payouts_ever`,
    `payouts_here`: how many the player has had, and through this gateway. `day_count`, `day_sum`: his requests of the last 24
    hours, this one among them. `attention_elsewhere`: people must look at another withdrawal of his.
    """

    amount: int
    status: Status
    verified: bool
    more_is_due: bool
    age_ms: int
    method_usable: bool
    payouts_ever: int
    payouts_here: int
    day_count: int
    day_sum: int
    deposited: int
    staked: int
    in_debt: bool
    attention_elsewhere: bool


@dataclass(frozen=True, slots=True)
class Settings:
    """By what figures the facts are judged."""

    thresholds: Thresholds
    profile: Profile
    cautions: Cautions = CAUTIONS


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule: what it is called, whom it serves, what it asks for, and when it applies."""

    code: str
    stage: Stage
    clearance: Clearance
    applies: Callable[[Facts, Settings], bool]

    @property
    def name(self) -> str:
        """The rule's name with its stage, as staff read it."""
        return f"{self.stage}.{self.code}"


def _turnover_is_short(facts: Facts, settings: Settings) -> bool:
    return facts.staked * _PERCENT < facts.deposited * settings.cautions.turnover_percent


_REFUSE, _REVIEW = Clearance.REFUSE, Clearance.REVIEW

RULES: Final = (
    Rule("wallet_blocked", Stage.PLAY_SAFETY, _REFUSE, lambda facts, _: facts.status is Status.BLOCKED),
    Rule("wallet_closed", Stage.PLAY_SAFETY, _REFUSE, lambda facts, _: facts.status is Status.CLOSED),
    Rule(
        "excluded",
        Stage.PLAY_SAFETY,
        _REFUSE,
        lambda facts, settings: facts.status is Status.EXCLUDED and not settings.profile.excluded_may_withdraw,
    ),
    Rule("not_verified", Stage.VERIFICATION, _REFUSE, lambda facts, _: not facts.verified),
    Rule("more_is_due", Stage.VERIFICATION, _REVIEW, lambda facts, _: facts.more_is_due),
    Rule(METHOD_LOST, Stage.VERIFICATION, _REVIEW, lambda facts, _: not facts.method_usable),
    Rule("in_debt", Stage.RISK, _REFUSE, lambda facts, _: facts.in_debt),
    Rule("first_withdrawal", Stage.RISK, _REVIEW, lambda facts, _: facts.payouts_ever <= 0),
    Rule("new_method", Stage.RISK, _REVIEW, lambda facts, _: facts.payouts_here <= 0),
    Rule("large_amount", Stage.RISK, _REVIEW, lambda facts, settings: facts.amount >= settings.thresholds.review),
    Rule("many_in_a_day", Stage.RISK, _REVIEW, lambda facts, settings: facts.day_count >= settings.cautions.day_count),
    Rule("much_in_a_day", Stage.RISK, _REVIEW, lambda facts, settings: facts.day_sum >= settings.thresholds.day_sum),
    Rule("little_play", Stage.RISK, _REVIEW, _turnover_is_short),
    Rule("new_account", Stage.RISK, _REVIEW, lambda facts, settings: facts.age_ms < settings.cautions.young_ms),
    Rule("open_attention", Stage.RISK, _REVIEW, lambda facts, _: facts.attention_elsewhere),
)
"""All of them, in the order of the stages."""


def screen(facts: Facts, settings: Settings) -> Screened:
    """Judge a withdrawal by its facts. From the second threshold on, with the day's others, two people have to approve it."""
    reviewed: list[str] = []
    for stage in Stage:
        found = [rule for rule in RULES if rule.stage is stage and rule.applies(facts, settings)]
        refusing = tuple(rule.name for rule in found if rule.clearance is _REFUSE)
        if refusing:
            return Screened(_REFUSE, refusing)
        reviewed += [rule.name for rule in found]
    if not reviewed:
        return Screened(Clearance.APPROVE)
    much = max(facts.amount, facts.day_sum) >= settings.thresholds.four_eyes  # asked for in parts, it is as much
    return Screened(_REVIEW, tuple(reviewed), 2 if much else 1)


def lacking(profile: Profile, levels: Collection[Level]) -> tuple[Level, ...]:
    """Give the levels that a player still needs before money leaves, in the order in which to ask for them."""
    return tuple(level for level in Level if level in profile.verification.withdrawal and level not in levels)


def more_is_due(profile: Profile, wallet: Wallet, levels: Collection[Level]) -> bool:
    """Say whether a player's net deposits ask for a level that he has not.

    That holds up further deposits and further play. Of money that is his people look where it goes, and it is not withheld for it
    (LCCP 17.1.1: what could have been asked before is not asked at a withdrawal).
    """
    net = wallet.totals.deposited - wallet.totals.withdrawn
    return not profile.verification.at(net, wallet.currency) <= set(levels)


def owes(wallet: Wallet) -> bool:
    """Say whether a wallet has fallen below zero. What is held for a withdrawal covers that, once it is released."""
    return wallet.cash < 0 or wallet.bonus < 0


def barrier(status: Status, profile: Profile, *, verified: bool, in_debt: bool) -> str:
    """Say why money of a player must not leave at all, whatever the withdrawal: the rule's code, or ''.

    It is asked when he asks for it, when people approve it, and once more before it is sent.
    """
    if status in {Status.BLOCKED, Status.CLOSED}:
        return f"wallet_{status}"
    if status is Status.EXCLUDED and not profile.excluded_may_withdraw:
        return "excluded"
    if not verified:
        return "not_verified"
    return "in_debt" if in_debt else ""
