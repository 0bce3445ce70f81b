"""Opening an account, and proving to be its owner.

An account, its address and its wallet come to be in ONE transaction of the ledger: there is never a player without a wallet, nor
two players of one address, however many registrations race.

That an address is taken is said openly (`EmailTaken`) as long as no message can be sent to it: the owner would otherwise not learn
why a second registration leads nowhere. Login, where guessing pays, tells nothing: an unknown address and a wrong password are the
same refusal after the same work.
"""

import secrets
from dataclasses import dataclass
from typing import Final

from countroom.clock import Clock
from countroom.identity import passwords, rules
from countroom.identity.store import Account, PlayersStore
from countroom.ledger.book import Book, Refused
from countroom.ledger.movements import OpenWallet, Reason
from countroom.times import to_iso

GUESSES_MAX: Final = 10
GUESS_WINDOW_SECONDS: Final = 900
"""At most this many wrong passwords are checked for one address, known or not, in each quarter of an hour."""

_ID_ALPHABET: Final = "abcdefghijklmnopqrstuvwxyz234567"
_ID_LENGTH: Final = 20


class EmailTaken(Exception):
    """An account with this address exists."""


class InvalidCredentials(Exception):
    """No account with this address, or not its password: which of the two is not said."""


class TooManyGuesses(Exception):
    """No more passwords are checked for this address until `retry_after_seconds` from now."""

    def __init__(self, retry_after_seconds: int) -> None:
        super().__init__("too many guesses")
        self.retry_after_seconds = retry_after_seconds


class RegistrationRefused(Exception):
    """The ledger refused to open the wallet for a reason that no caller can cure."""


@dataclass(frozen=True, slots=True)
class Registered:
    """A new account as its owner sees it; `created_at` is ISO 8601, UTC, with milliseconds."""

    player_id: str
    email: str
    currency: str
    country: str
    created_at: str


class Accounts:
    """Accounts of players, over the players table and the ledger."""

    def __init__(self, store: PlayersStore, book: Book, clock: Clock, policy: rules.Policy = rules.POLICY) -> None:
        self._store = store
        self._book = book
        self._clock = clock
        self._policy = policy

    def register(self, application: rules.Application) -> Registered:
        """Open an account and its wallet.

        Raises rules.InvalidFields, EmailTaken, and the ledger's OutcomeUnknown: then the account may or may not be there,
        and the same registration sent again answers EmailTaken when it is.
        """
        now_ms = self._clock()
        applicant = rules.accept(application, now_ms, self._policy)
        account = Account(
            player_id=new_player_id(),
            email=applicant.email,
            password_hash=passwords.hash_password(applicant.password),
            date_of_birth=applicant.date_of_birth.isoformat(),
            country=applicant.country,
            currency=applicant.currency,
            accepted_terms=applicant.accepted_terms,
            created_at=to_iso(now_ms),
        )
        opening = OpenWallet.of(account.player_id, account.currency, account.country)
        result = self._book.post(opening, self._store.creation(account))
        if isinstance(result, Refused):
            raise _refusal(result.reason)
        return Registered(account.player_id, account.email, account.currency, account.country, account.created_at)

    def login(self, email: str, password: str) -> str:
        """Return the id of the player whose address and password these are.

        Raises InvalidCredentials or TooManyGuesses.
        An unknown address takes the same reads, writes and hashing as a wrong password.
        """
        address = rules.normalise_email(email)
        secret = rules.normalise_password(password)
        if address is None or rules.password_fault(secret):
            # Nothing that could be registered: no account to tell apart, so no work to even out.
            raise InvalidCredentials
        window = self._reserve_guess(address)
        credentials = self._store.credentials(address)
        stored = credentials.password_hash if credentials else None
        if not passwords.matches(stored, secret) or credentials is None:
            raise InvalidCredentials
        self._store.return_guess(address, window)
        if passwords.is_outdated(credentials.password_hash):
            self._store.replace_password_hash(address, credentials.password_hash, passwords.hash_password(secret))
        return credentials.player_id

    def _reserve_guess(self, address: str) -> int:
        now_seconds = self._clock() // 1000
        window = now_seconds // GUESS_WINDOW_SECONDS
        ends_at = (window + 1) * GUESS_WINDOW_SECONDS
        if not self._store.reserve_guess(address, window, ends_at, GUESSES_MAX):
            raise TooManyGuesses(ends_at - now_seconds)
        return window


def new_player_id() -> str:
    """Return `pl_` and 20 random characters of base32, a hundred bits."""
    return "pl_" + "".join(secrets.choice(_ID_ALPHABET) for _ in range(_ID_LENGTH))


def _refusal(reason: Reason) -> Exception:
    # Of the companions, only the address can be there already: the player's id is a hundred fresh random bits.
    if reason is Reason.COMPANION_CONFLICT:
        return EmailTaken()
    return RegistrationRefused(reason.value)
