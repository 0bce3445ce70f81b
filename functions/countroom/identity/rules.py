"""What an account must be. Pure: no storage, no clock of its own, no secrets kept.

A refusal names the field and what is wrong with it, never what was sent.
"""

import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Final

from countroom.identity.personal import PersonalData
from countroom.identity.register import normalise_postcode, postcode_fault
from countroom.identity.weak_passwords import LENGTH_MIN, weakness
from countroom.jurisdictions.profiles import profile_of
from countroom.money import CurrencyKind, UnknownCurrency, currency

PASSWORD_MIN: Final = LENGTH_MIN
PASSWORD_MAX: Final = 128
"""Length of a password in characters after normalisation; any character counts (OWASP ASVS 5.0, 6.2.1, 6.2.5 and 6.2.9)."""

AGE_MAX_YEARS: Final = 120

NAME_MAX: Final = 64
EMAIL_MAX: Final = 254
_LOCAL_PART_MAX: Final = 64

_ATOM: Final = r"[a-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LABEL: Final = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_EMAIL: Final = re.compile(rf"({_ATOM}(?:\.{_ATOM})*)@((?:{_LABEL}\.)+{_LABEL})", re.ASCII)
_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
_PHONE: Final = re.compile(r"\+[1-9][0-9]{6,14}", re.ASCII)
_NOT_IN_NAMES: Final = frozenset("CN")  # Unicode's categories of control, format, private and unassigned characters, and of numbers


@dataclass(frozen=True, slots=True)
class Policy:
    """What the operator decides on.

    `countries`: from which a player may come (ISO 3166-1 alpha-2). `terms`: the versions of the terms that may be accepted now.
    """

    countries: frozenset[str]
    terms: frozenset[str]


_COUNTRIES: Final = "AT CA CH CY CZ DE DK EE ES FI GB GR HR HU IE IS IT LI LT LU LV MT MX NO NZ PE PT RO SE SI SK"

POLICY: Final = Policy(countries=frozenset(_COUNTRIES.split()), terms=frozenset({"2026-11"}))


class InvalidFields(ValueError):
    """An application that the rules refuse: (field, message) of everything that is wrong with it."""

    def __init__(self, errors: tuple[tuple[str, str], ...]) -> None:
        super().__init__("invalid fields: " + ", ".join(field for field, _ in errors))
        self.errors = errors


@dataclass(frozen=True, slots=True)
class Application:
    """What somebody sends who wants an account, as sent. Names and postcode are required where the country has a register."""

    email: str
    password: str
    date_of_birth: str
    country: str
    currency: str
    accepted_terms: str
    given_name: str = ""
    family_name: str = ""
    postcode: str = ""


@dataclass(frozen=True, slots=True)
class Applicant:
    """An application that may become an account: address, password, names and postcode normalised."""

    email: str
    password: str
    date_of_birth: date
    country: str
    currency: str
    accepted_terms: str
    given_name: str = ""
    family_name: str = ""
    postcode: str = ""

    @property
    def person(self) -> PersonalData:
        """What the account will know of the person."""
        born = self.date_of_birth.isoformat()
        return PersonalData(self.email, born, self.given_name, self.family_name, postcode=self.postcode)


def accept(application: Application, now_ms: int, policy: Policy = POLICY) -> Applicant:
    """Check an application at an instant (epoch milliseconds); raise InvalidFields with all that is wrong."""
    errors: list[tuple[str, str]] = []

    def checked(field: str, message: str | None) -> None:
        if message is not None:
            errors.append((field, message))

    email = normalise_email(application.email)
    password = normalise_password(application.password)
    born = parse_date(application.date_of_birth)
    checked("email", None if email else "is not an e-mail address")
    checked("password", new_password_fault(password, PersonalData(email or "", application.date_of_birth)))
    age_min = profile_of(application.country).age_min
    checked("date_of_birth", "is not a date (YYYY-MM-DD)" if born is None else age_fault(born, today(now_ms), age_min))
    checked("country", None if application.country in policy.countries else "is not a country we serve")
    checked("currency", None if _is_account_currency(application.currency) else "is not a currency we keep accounts in")
    checked("accepted_terms", terms_fault(application.accepted_terms, policy))
    named = {name: normalise(getattr(application, name)) for name, (normalise, _) in _MATCHED.items()}
    for name, text in named.items():
        if text or application.country in policy.countries:
            checked(name, matched_fault(name, text, application.country))
    if errors or email is None or born is None:
        raise InvalidFields(tuple(errors))
    return Applicant(email, password, born, application.country, application.currency, application.accepted_terms, **named)


def matched_fault(name: str, text: str, country: str) -> str | None:
    """Say why a normalised name or postcode does not do for a player of a country, or None.

    Where the country has a register of excluded players, it matches by these (beside birth date and e-mail address), so they have
    to be there. Elsewhere they may be left out.
    """
    if not text:
        return "is required in this country" if profile_of(country).register else None
    return _MATCHED[name][1](text)


def normalise_email(text: str) -> str | None:
    """Return the one spelling of an address under which it is unique, or None when it is none.

    Lower case, no space around. Only the ASCII dot-atom form of RFC 5321 with a dotted domain: quoted local parts and
    non-ASCII letters are refused, so no two addresses can look alike. Internationalised domains come as `xn--` labels.
    """
    address = text.strip(" \t").lower()
    if not text.isascii() or len(address) > EMAIL_MAX:
        return None
    match = _EMAIL.fullmatch(address)
    if match is None or len(match.group(1)) > _LOCAL_PART_MAX or match.group(2).rpartition(".")[2].isdigit():
        return None
    return address


def normalise_password(text: str) -> str:
    """Return the password in Unicode's NFC form: the same keys pressed on two machines give the same bytes (NIST SP 800-63B)."""
    return unicodedata.normalize("NFC", text)


def password_fault(password: str) -> str | None:
    """Say why no account can have a normalised password, by its length alone, or None."""
    if len(password) < PASSWORD_MIN:
        return f"has fewer than {PASSWORD_MIN} characters"
    if len(password) > PASSWORD_MAX:
        return f"has more than {PASSWORD_MAX} characters"
    return None


def new_password_fault(password: str, person: PersonalData) -> str | None:
    """Say why a person may not choose a normalised password, or None."""
    return password_fault(password) or weakness(password, person)


def terms_fault(text: str, policy: Policy = POLICY) -> str | None:
    """Say why nobody can accept a version of the terms now, or None."""
    return None if text in policy.terms else "is not a version of the terms that we offer"


def name_fault(name: str) -> str | None:
    """Say why a normalised text is no part of a person's name, or None. Any script; no character that shows nothing."""
    if not 1 <= len(name) <= NAME_MAX:
        return f"has not 1 to {NAME_MAX} characters"
    if any(unicodedata.category(character)[0] in _NOT_IN_NAMES for character in name):
        return "has a character that no name has"
    return None


def normalise_name(text: str) -> str:
    """Return a name in Unicode's NFC form, with single spaces."""
    return " ".join(unicodedata.normalize("NFC", text).split())


def phone_fault(text: str) -> str | None:
    """Say why a text is no telephone number in the form of ITU-T E.164 (+ and at most 15 digits), or None."""
    return None if _PHONE.fullmatch(text) else "is not a telephone number (+ and 7 to 15 digits)"


def parse_date(text: str) -> date | None:
    """Read YYYY-MM-DD, and nothing else that ISO 8601 allows; None when it is no day of the calendar."""
    if not _DATE.fullmatch(text):
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def age_fault(born: date, on: date, age_min: int) -> str | None:
    """Say why somebody born on a day may not play on another, at `age_min` full years, or None."""
    if born > on:
        return "lies in the future"
    age = age_in_years(born, on)
    if age < age_min:
        return f"is less than {age_min} years ago"
    if age > AGE_MAX_YEARS:
        return "is too long ago"
    return None


def age_in_years(born: date, on: date) -> int:
    """Return full years of life; who was born on 29 February completes a year on 1 March of a common year."""
    return on.year - born.year - ((on.month, on.day) < (born.month, born.day))


def today(now_ms: int) -> date:
    """Return the UTC day of an instant in epoch milliseconds."""
    return datetime.fromtimestamp(now_ms / 1000, UTC).date()


def _is_account_currency(code: str) -> bool:
    try:
        return currency(code).kind is CurrencyKind.STATE
    except UnknownCurrency:
        return False


_MATCHED: Final[Mapping[str, tuple[Callable[[str], str], Callable[[str], str | None]]]] = {
    "given_name": (normalise_name, name_fault),
    "family_name": (normalise_name, name_fault),
    "postcode": (normalise_postcode, postcode_fault),
}
"""What a register matches by that not every country needs: how it is normalised, and what may be wrong with it."""
