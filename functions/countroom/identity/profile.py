"""What a player sees of the account, and what may be changed of it without more ado."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final

from countroom.identity import rules
from countroom.identity.desk import Desk
from countroom.identity.events import EventKind, SecurityEvent
from countroom.identity.people import Person
from countroom.identity.refusals import ChangedMeanwhile
from countroom.identity.register import normalise_postcode, postcode_fault
from countroom.jurisdictions.profiles import profile_of
from countroom.times import to_iso

ATTEMPTS_MAX: Final = 4


@dataclass(frozen=True, slots=True, repr=False)
class Profile:
    """An account as its owner sees it; instants are ISO 8601, UTC. Names, phone and postcode are empty until they are given."""

    player_id: str
    email: str
    date_of_birth: str
    given_name: str
    family_name: str
    phone: str
    postcode: str
    country: str
    currency: str
    accepted_terms: str
    terms_accepted_at: str
    created_at: str


@dataclass(frozen=True, slots=True, repr=False)
class Change:
    """What a player wants changed, as sent; None stays as it is.

    What is emptied is forgotten. Where the player's country has a register that matches by names and postcode, these are given
    once: whoever could change them could make himself somebody whom the register has never heard of.
    """

    given_name: str | None = None
    family_name: str | None = None
    phone: str | None = None
    postcode: str | None = None
    accepted_terms: str | None = None


class Profiles:
    """Profiles of players. Every method raises Unavailable and NoSuchAccount."""

    def __init__(self, desk: Desk, policy: rules.Policy = rules.POLICY) -> None:
        self._desk = desk
        self._policy = policy

    def read(self, player_id: str) -> Profile:
        """Return a player's profile."""
        return _profile(self._desk.people.find(player_id))

    def change(self, player_id: str, change: Change, session_id: str | None = None, source: str | None = None) -> Profile:
        """Change a profile, with the event that tells which fields; nothing is written when nothing is new.

        Each try stands on the version that was read, so two changes at once both count. Raises rules.InvalidFields and
        ChangedMeanwhile.
        """
        wanted = _checked(change, self._policy)
        for _ in range(ATTEMPTS_MAX):
            person = self._desk.people.find(player_id)
            _check_kept(person, wanted)
            names = _changes(person, wanted)
            if not names:
                return _profile(person)
            after = self._changed(person, wanted)
            kind = EventKind.TERMS_ACCEPTED if names == ["accepted_terms"] else EventKind.PROFILE_CHANGED
            event = SecurityEvent(kind, self._desk.clock(), session_id, source, ",".join(names))
            told = self._desk.events.put_item(player_id, event)
            if self._desk.players.save_account(person.account, after.account, [told]):
                return _profile(after)
        raise ChangedMeanwhile

    def _changed(self, person: Person, wanted: dict[str, str]) -> Person:
        personal = {name: text for name, text in wanted.items() if name != "accepted_terms"}
        data = replace(person.data, **personal)
        sealed = self._desk.people.seal(person.account.player_id, data)
        account = replace(person.account, sealed=sealed, version=person.account.version + 1)
        if wanted.get("accepted_terms", account.accepted_terms) != account.accepted_terms:
            now = to_iso(self._desk.clock())
            account = replace(account, accepted_terms=wanted["accepted_terms"], terms_accepted_at=now)
        return Person(account, data)


def _checked(change: Change, policy: rules.Policy) -> dict[str, str]:
    """Return what is to be set, normalised. Raises rules.InvalidFields with all that is wrong."""
    given = {name: getattr(change, name) for name in (*_FAULTS, _TERMS) if getattr(change, name) is not None}
    wanted = {name: _NORMALISED[name](text) if name in _NORMALISED else text for name, text in given.items()}
    _raise_all((name, _fault(name, text, policy)) for name, text in wanted.items() if text or name not in _MAY_BE_EMPTY)
    return wanted


def _check_kept(person: Person, wanted: dict[str, str]) -> None:
    """Raise rules.InvalidFields when something is emptied, or changed once given, that the country's register matches by."""
    country = person.account.country
    matched = [name for name in _NORMALISED if name in wanted]
    _raise_all((name, rules.matched_fault(name, wanted[name], country)) for name in matched)
    given = {name: getattr(person.data, name) for name in matched} if profile_of(country).register else {}
    _raise_all((name, "cannot be changed in this country" if now and now != wanted[name] else None) for name, now in given.items())


def _raise_all(faults: Iterable[tuple[str, str | None]]) -> None:
    errors = tuple((name, fault) for name, fault in faults if fault)
    if errors:
        raise rules.InvalidFields(errors)


def _fault(name: str, text: str, policy: rules.Policy) -> str | None:
    return rules.terms_fault(text, policy) if name == _TERMS else _FAULTS[name](text)


def _changes(person: Person, wanted: dict[str, str]) -> list[str]:
    now = {
        "given_name": person.data.given_name,
        "family_name": person.data.family_name,
        "phone": person.data.phone,
        "postcode": person.data.postcode,
        "accepted_terms": person.account.accepted_terms,
    }
    return [name for name, text in wanted.items() if text != now[name]]


def _profile(person: Person) -> Profile:
    account, data = person.account, person.data
    return Profile(
        player_id=account.player_id,
        email=data.email,
        date_of_birth=data.date_of_birth,
        given_name=data.given_name,
        family_name=data.family_name,
        phone=data.phone,
        postcode=data.postcode,
        country=account.country,
        currency=account.currency,
        accepted_terms=account.accepted_terms,
        terms_accepted_at=account.terms_accepted_at,
        created_at=account.created_at,
    )


_FAULTS: Final = {
    "given_name": rules.name_fault,
    "family_name": rules.name_fault,
    "phone": rules.phone_fault,
    "postcode": postcode_fault,
}
_TERMS: Final = "accepted_terms"
_NORMALISED: Final = {
    "given_name": rules.normalise_name,
    "family_name": rules.normalise_name,
    "postcode": normalise_postcode,
}
_MAY_BE_EMPTY: Final = frozenset(_FAULTS)
