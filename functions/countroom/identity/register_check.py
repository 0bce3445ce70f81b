"""Asking a country's register when somebody becomes a player and whenever one comes in, and doing what it says.

`register` holds the rule for a register that does not answer. Countries without one cost nothing here.
"""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from countroom.clock import Clock
from countroom.identity.excluding import Excluding
from countroom.identity.people import People
from countroom.identity.personal import PersonalData
from countroom.identity.refusals import NoSuchAccount
from countroom.identity.register import LookUp, Register, RegisterListed, RegisterSilent, Verdict, subject_of
from countroom.identity.register_store import RegisterStore
from countroom.identity.store import PlayersStore
from countroom.identity.table import Item
from countroom.jurisdictions.profiles import profile_of
from countroom.ledger.book import Book, Posted
from countroom.ledger.movements import ExclusionKind, Reason, Reference
from countroom.ledger.safeguards import StartExclusion

SOURCE: Final = "house:register"

LISTED_MS: Final = 183 * 86_400_000
"""How long a player of whom the register has told is shut out at least: its shortest period, six months, for it names no end.

Afterwards only his own request reopens the account, and the register is asked again when he logs in for it.
"""

_DETAIL: Final = "named by the national register"


@dataclass(frozen=True, slots=True)
class Entry:
    """What comes of a look-up at a login: parts of the login's transaction, and what the register said.

    `said`: clear, lapsed, listed, silent (a clear answer of less than a day ago still counts), or not_asked. `sessions_ended`: this
    look-up has shut the player out, and ended all his sessions with it.
    """

    said: str
    beside: tuple[Item, ...] = ()
    sessions_ended: bool = False


NOT_ASKED: Final = Entry("not_asked")


@dataclass(frozen=True, slots=True)
class RegisterCheck:
    """Asks the registers there are, by the names under which jurisdictions know them. Raises Unavailable and OutcomeUnknown."""

    players: PlayersStore
    people: People
    store: RegisterStore
    excluding: Excluding
    book: Book
    registers: Mapping[str, Register]
    clock: Clock

    def at_registration(self, country: str, person: PersonalData) -> LookUp | None:
        """Look up who wants an account, in a country that has a register; None where it has none.

        Raises RegisterListed, and RegisterSilent: then nothing may be opened, and the same request may come again.
        """
        name = profile_of(country).register
        if not name:
            return None
        found, _ = self._asked(name, person)
        if found.verdict is Verdict.LISTED:
            raise RegisterListed
        return found

    def at_login(self, player_id: str, source: str | None = None) -> Entry:
        """Look up a player who has shown who he is; one who is listed is shut out of play, and let in to take his money out.

        Raises RegisterSilent when there is no answer and no clear one of less than a day ago, and NoSuchAccount.
        """
        account = self.players.account(player_id)
        if account is None or account.closed_at:
            raise NoSuchAccount
        name = profile_of(account.country).register
        if not name:
            return NOT_ASKED
        person = self.people.open(account)
        if not subject_of(person.data).is_whole:
            # Of before names and postcode were asked for. It lets in for the money: no game is launched before they are given.
            return NOT_ASKED
        try:
            found, asked_as = self._asked(name, person.data)
        except RegisterSilent:
            last = self.store.last(player_id)
            if last is None or not last.lets_in(name, self.clock()):
                raise
            return Entry("silent")
        kept = self.store.put_item(player_id, found)
        if found.verdict is not Verdict.LISTED:
            return Entry(found.verdict.value, (kept,))
        return Entry(found.verdict.value, (kept,), sessions_ended=self._shut_out(player_id, asked_as, kept, source))

    def _asked(self, name: str, person: PersonalData) -> tuple[LookUp, str]:
        """Ask; also return our own name of the question."""
        register = self.registers.get(name)
        if register is None:
            raise RegisterSilent("the register is not set up")
        asked_as = secrets.token_hex(16)
        answer = register.ask(subject_of(person), asked_as)
        return LookUp(name, answer.verdict, answer.receipt, self.clock()), asked_as

    def _shut_out(self, player_id: str, asked_as: str, kept: Item, source: str | None) -> bool:
        """Exclude a player of whom the register has told; say whether that ended his sessions. One who is excluded stays so."""
        now_ms = self.clock()
        wallet = self.book.wallet(player_id)
        running = wallet.exclusion if wallet else None
        if running and running.kind is not ExclusionKind.TIME_OUT and not running.reopens_at_ms and now_ms < running.until_ms:
            return False
        # Named after the question: of a lost answer nothing is known, and the next login asks and excludes under another name.
        movement = StartExclusion(Reference(SOURCE, asked_as), player_id, ExclusionKind.REGISTER, now_ms + LISTED_MS)
        outcome = self.excluding.post(movement, _DETAIL, source=source, beside=[kept])
        if isinstance(outcome, Posted):
            return True
        if outcome.reason is Reason.EXCLUSION_RUNS:
            return False  # a longer one, of this very moment or of the player's own wish
        raise RuntimeError(f"the ledger refused to exclude a player: {outcome.reason.value}")
