"""What a step of the machine looks at of a withdrawal. Anything else in it would raise, so that nothing of weight is left out."""

from dataclasses import replace
from typing import Any, Final, NoReturn

from countroom.cashier.withdrawals.course import Next
from countroom.cashier.withdrawals.life import Asked, Happening, Submit
from countroom.cashier.withdrawals.withdrawal import Withdrawal

_TRIES: Final = 2


class _Unseen:
    """Whoever looks at this looks at more than the model tells apart."""

    def _looked_at(self, *_: object) -> NoReturn:
        raise AssertionError("a step looks at what the model leaves out of its view")

    __eq__ = __ge__ = __gt__ = __le__ = __lt__ = __contains__ = __iter__ = __len__ = __bool__ = __add__ = __str__ = _looked_at
    __repr__ = _looked_at

    def __hash__(self) -> int:
        return 0


_UNSEEN: Final[Any] = _Unseen()


def seen(withdrawal: Withdrawal, at: Next, after: Happening | None) -> Withdrawal:
    """Show a withdrawal to a step: one that it reads, or as it is after something that it let happen."""
    return replace(
        withdrawal,
        amount=_UNSEEN,
        changes=_UNSEEN,
        reasons=_UNSEEN,
        approvals_needed=_UNSEEN,
        approvers=_UNSEEN,
        payout_id=_UNSEEN,
        words=_UNSEEN,
        paid=_UNSEEN,
        version=_UNSEEN,
        tries=min(withdrawal.tries, _TRIES) if isinstance(after, Submit) else _UNSEEN,
        asks=withdrawal.asks if isinstance(after, Asked) else _UNSEEN,
        attention=withdrawal.attention if after is None and at is Next.TO_PEOPLE else _UNSEEN,
    )
