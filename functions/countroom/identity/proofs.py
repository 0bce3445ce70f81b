"""What a player shows who is in already, or almost: a code of the second factor where there is one, or the password once more."""

from dataclasses import dataclass
from typing import Final

from countroom.identity import passwords, rules
from countroom.identity.access import Access
from countroom.identity.factor import Checked, Factors
from countroom.identity.refusals import InvalidCredentials, SecondFactorRequired
from countroom.identity.sessions import Sessions
from countroom.identity.store import PlayersStore
from countroom.identity.throttle import Throttle

GUESSES_MAX: Final = 10
"""Wrong passwords that are checked for one player inside of sessions in any quarter of an hour, apart from those at the door."""

UNKNOWN_DEVICES: Final = ""
"""The door of logins from devices that are not known (see factor.GUESSES_MAX)."""
MAILBOX: Final = "mailbox"
"""The door of whoever comes by a code that was mailed: nobody else can use up its guesses."""


@dataclass(frozen=True, slots=True)
class Proofs:
    """Checks proofs of players who are known by their id."""

    players: PlayersStore
    throttle: Throttle
    factors: Factors
    sessions: Sessions

    def require(self, player_id: str, code: str | None, door: str = MAILBOX) -> Checked | None:
        """Use up a code of a player's second factor; return what it was, None where there is no second factor.

        Wrong codes are counted by `door` (factor.GUESSES_MAX). Raises SecondFactorRequired without a code, InvalidCode,
        throttle.TooManyGuesses, NoSuchAccount and Unavailable.
        """
        return self.second_factor(self.sessions.access(player_id), code, door)

    def second_factor(self, access: Access, code: str | None, door: str) -> Checked | None:
        """Do what `require` does, for an access that was just read."""
        if not access.factor:
            return None
        if code is None:
            raise SecondFactorRequired
        return self.factors.check(access.player_id, code, door)

    def check_password(self, player_id: str, password: str) -> None:
        """Check a player's password once more.

        Counted by player and apart from the door, where anybody may guess. Raises InvalidCredentials (also where there is no such
        account), throttle.TooManyGuesses, and Unavailable, also when a right guess cannot be given back: then it goes on counting.
        """
        secret = rules.normalise_password(password)
        if not 0 < len(secret) <= rules.PASSWORD_MAX:
            raise InvalidCredentials
        reservation = self.throttle.reserve(f"own-password/{player_id}", GUESSES_MAX)
        credentials = self.players.credentials_of(player_id)
        if not passwords.matches(credentials.password_hash if credentials else None, secret):
            raise InvalidCredentials
        self.throttle.give_back(reservation)
