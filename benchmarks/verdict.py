"""What a contender got wrong: bets that its balances do not show once, and answers that the records forbid."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from benchmarks.contenders import ACCEPTED, REFUSED, UNKNOWN
from benchmarks.stream import OPENING, STAKE, Bet


@dataclass(frozen=True, slots=True)
class Verdict:
    """Stakes taken too often or not at all, contradicting answers, bets without any answer, and players below zero."""

    misbooked: int
    wrong_answers: int
    unanswered: int
    negative: int

    @property
    def violations(self) -> int:
        """What must be 0: money that is wrong or was answered wrongly. No answer is a nuisance, not wrong money."""
        return self.misbooked + self.wrong_answers + self.negative


def judge(answers: Iterable[tuple[Bet, str]], balances: Mapping[str, int]) -> Verdict:
    """Compare every answer and every final balance with what one effect for each accepted bet would give.

    Where a name comes with two amounts, the first to arrive may be either; accepting both is wrong.
    """
    by_bet: dict[tuple[str, str], list[tuple[int, str]]] = defaultdict(list)
    for bet, answer in answers:
        by_bet[bet.player, bet.transaction_id].append((bet.amount, answer))
    surely: dict[str, int] = defaultdict(int)
    perhaps: dict[str, int] = defaultdict(int)
    wrong = unanswered = 0
    for (player, _), given in by_bet.items():
        accepted = {amount for amount, answer in given if answer == ACCEPTED}
        contradicted = {amount for amount, answer in given if answer == REFUSED} & accepted
        wrong += max(0, len(accepted) - 1) + len(contradicted)
        surely[player] += min(accepted, default=0)
        if not accepted:
            perhaps[player] += max((amount for amount, answer in given if answer == UNKNOWN), default=0)
        unanswered += {answer for _, answer in given} == {UNKNOWN}
    misbooked = 0
    for player, balance in balances.items():
        debits = OPENING - balance
        off = max(surely[player] - debits, debits - surely[player] - perhaps[player], 0)
        misbooked += -(-off // STAKE)
    return Verdict(misbooked, wrong, unanswered, sum(balance < 0 for balance in balances.values()))
