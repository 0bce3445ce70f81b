"""What the services of this room refuse, and how the player API calls it. Pure."""

from collections.abc import Mapping
from typing import Final


class Unavailable(Exception):
    """Something that is needed does not answer now, or what it did is not known: the same request, repeated, is safe.

    The message names what was not there, never what was asked of it.
    """


class InvalidCode(Exception):
    """No such token, its time is over, its guesses are used up, or not its code: which of them is not said."""


class InvalidCredentials(Exception):
    """No account with this address, or not its password: which of the two is not said."""


class SecondFactorRequired(Exception):
    """Everything else was right, and the account has a second factor of which no code came along."""


class NoSuchAccount(Exception):
    """There is no account of this player, or it is closed."""


class BalanceRemains(Exception):
    """The account still holds money, so it cannot be closed."""


class NotClosable(Exception):
    """The player is excluded from play: the account has to stay, so that the exclusion does."""


class ChangedMeanwhile(Exception):
    """Others kept changing the same account while this was tried."""


PROBLEMS: Final[Mapping[type[Exception], str]] = {
    Unavailable: "temporarily_unavailable",
    InvalidCode: "invalid_code",
    InvalidCredentials: "invalid_credentials",
    SecondFactorRequired: "second_factor_required",
    NoSuchAccount: "not_found",
    BalanceRemains: "balance_remains",
    NotClosable: "wallet_excluded",
    ChangedMeanwhile: "conflict",
}
"""How the player API calls these refusals."""
