"""Opening an account in two steps: an application that leaves nothing but a sealed note, and the code that makes it an account.

Where the player's country has a register of excluded players, it is asked before there is an account (see `register`).

Nothing tells whether an address is taken: the answer, the work and the writes of the first step are the same, and the owner of a
taken address gets a mail that says so. An account, its address, its access, its wallet and the event that tells of it come to be in
ONE transaction of the ledger: there is never a player without a wallet, nor two players of one address. The player's id is made
with the application, and the wallet is named after it, so the same code confirmed again, or twice at once, makes one account.
"""

import json
import secrets
from dataclasses import asdict, dataclass, fields
from typing import Any, Final

from countroom.identity import passwords, rules
from countroom.identity.challenges import Begun, Purpose
from countroom.identity.desk import Desk
from countroom.identity.digests import email_digest
from countroom.identity.events import EventKind, SecurityEvent
from countroom.identity.mail import Template
from countroom.identity.personal import PersonalData
from countroom.identity.refusals import InvalidCode
from countroom.identity.register import LookUp
from countroom.identity.register_check import RegisterCheck
from countroom.identity.store import Account, Credentials
from countroom.identity.table import Item
from countroom.identity.vault import Holds
from countroom.jurisdictions.profiles import profile_of
from countroom.ledger.book import Refused
from countroom.ledger.movements import OpenWallet, Reason
from countroom.times import to_iso

LIFETIME_MS: Final = 1_800_000
"""How long an application waits for its code: half an hour."""

_ID_ALPHABET: Final = "abcdefghijklmnopqrstuvwxyz234567"
_ID_LENGTH: Final = 20


class RegistrationRefused(Exception):
    """The ledger refused to open the wallet for a reason that no caller can cure."""


@dataclass(frozen=True, slots=True, repr=False)
class Registered:
    """A new account as its owner sees it; `created_at` is ISO 8601, UTC. `replayed`: it stood before this call."""

    player_id: str
    email: str
    currency: str
    country: str
    created_at: str
    replayed: bool


class Registration:
    """New accounts. Every method raises Unavailable when something that is needed does not answer."""

    def __init__(self, desk: Desk, register: RegisterCheck, policy: rules.Policy = rules.POLICY) -> None:
        self._desk = desk
        self._register = register
        self._policy = policy

    def begin(self, application: rules.Application) -> Begun:
        """Take an application and have the code sent; the same for a taken address. Raises rules.InvalidFields."""
        now_ms = self._desk.clock()
        applicant = rules.accept(application, now_ms, self._policy)
        player_id = new_player_id()
        note = {
            **asdict(applicant.person),
            "password_hash": passwords.hash_password(applicant.password),
            "country": applicant.country,
            "currency": applicant.currency,
            "accepted_terms": applicant.accepted_terms,
            "terms_accepted_at": to_iso(now_ms),
        }
        sealed = self._desk.vault.seal(player_id, Holds.REGISTRATION, json.dumps(note).encode("utf-8"))
        taken = self._desk.players.credentials(applicant.email) is not None
        issued = self._desk.challenges.issue(Purpose.REGISTRATION, player_id, LIFETIME_MS, sealed)
        template = Template.ADDRESS_TAKEN if taken else Template.VERIFY_ADDRESS
        self._desk.postbox.post(Purpose.REGISTRATION, template, applicant.email, issued)
        return issued.begun

    def verify(self, token: str, code: str, source: str | None = None) -> Registered:
        """Make the account of an application whose code was sent back. The same again, in its lifetime, gives the same answer.

        Raises InvalidCode, also when somebody else has confirmed the address first; RegisterListed; RegisterSilent: nothing is made
        then, and the same request may come again; and the ledger's OutcomeUnknown: then the account may or may not be there, and
        the same request finds out.
        """
        challenge = self._desk.challenges.prove(Purpose.REGISTRATION, token, code)
        player_id = challenge.player_id
        note = json.loads(self._desk.vault.open(player_id, Holds.REGISTRATION, challenge.sealed))
        person = _person(note)
        # A repeat is answered as the first was, whatever the register says by now: the next login asks it.
        standing = self._desk.players.account(player_id) if _has_register(note) else None
        look_up = None if standing else self._register.at_registration(note["country"], person)
        account = standing or self._account(player_id, note, person)
        opening = OpenWallet.of(player_id, account.currency, account.country)
        result = self._desk.book.post(opening, self._companions(account, note, source, look_up))
        if isinstance(result, Refused):
            # Of the companions, only the address can be there already: the rest is named after fresh random bits.
            if result.reason is Reason.COMPANION_CONFLICT:
                raise InvalidCode
            raise RegistrationRefused(result.reason.value)
        if result.replayed:
            account = self._desk.players.account(player_id) or account
        return Registered(player_id, note["email"], account.currency, account.country, account.created_at, result.replayed)

    def _account(self, player_id: str, note: dict[str, Any], person: PersonalData) -> Account:
        return Account(
            player_id=player_id,
            address=email_digest(person.email),
            sealed=self._desk.people.seal(player_id, person),
            country=note["country"],
            currency=note["currency"],
            accepted_terms=note["accepted_terms"],
            terms_accepted_at=note["terms_accepted_at"],
            created_at=to_iso(self._desk.clock()),
        )

    def _companions(self, account: Account, note: dict[str, Any], source: str | None, look_up: LookUp | None) -> list[Item]:
        credentials = Credentials(account.address, account.player_id, note["password_hash"])
        event = SecurityEvent(EventKind.REGISTERED, self._desk.clock(), source=source)
        return [
            *self._desk.players.creation(account, credentials),
            self._desk.access.creation(account.player_id),
            self._desk.events.put_item(account.player_id, event),
            *([self._register.store.put_item(account.player_id, look_up)] if look_up else []),
        ]


def _person(note: dict[str, Any]) -> PersonalData:
    """Return the person of a note; one that was sealed by the version before this one has no names."""
    return PersonalData(**{field.name: note[field.name] for field in fields(PersonalData) if field.name in note})


def _has_register(note: dict[str, Any]) -> bool:
    return bool(profile_of(note["country"]).register)


def new_player_id() -> str:
    """Return `pl_` and 20 random characters of base32, a hundred bits."""
    return "pl_" + "".join(secrets.choice(_ID_ALPHABET) for _ in range(_ID_LENGTH))
