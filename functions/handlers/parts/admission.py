"""Whether a player may play, asked of the account and of what was verified: for a launch, never for a bet."""

from collections.abc import Callable

from countroom.clock import Clock
from countroom.games.launch import Admission, NotVerified, UnderAge
from countroom.games.launchers.dialect import Mode
from countroom.identity import rules
from countroom.identity.people import People
from countroom.identity.register import subject_of
from countroom.jurisdictions.profile import Level, Profile
from countroom.jurisdictions.profiles import profile_of
from countroom.ledger.wallet import Wallet
from countroom.verification.levels import Act, Facts, missing, required

_ACTS = {Mode.REAL: Act.PLAY, Mode.DEMO: Act.FREE_PLAY}
_FIRST_DAY = 1


def admission(people: People, levels_of: Callable[[str], frozenset[Level]], clock: Clock) -> Callable[[Wallet, Mode], Admission]:
    """Return what says how a player may play in a mode, by one read and one call of KMS, and one read more where levels are asked.

    It raises UnderAge for one who is younger than his country's profile asks (whoever came in under another rule is caught here),
    NotVerified for one of whom it wants more to be known first, and what `People.find` and `levels_of` raise. Whoever cannot be
    looked up in his country's register, for want of names or postcode, is one of whom too little is known.
    """

    def admit(wallet: Wallet, mode: Mode) -> Admission:
        profile = profile_of(wallet.country)
        person = people.find(wallet.player_id).data
        born = rules.parse_date(person.date_of_birth)
        if born is None or rules.age_in_years(born, rules.today(clock())) < profile.age_min:
            raise UnderAge("not old enough")
        if lacking := _lacking(profile, wallet, mode, levels_of):
            raise NotVerified(lacking)
        if profile.register and mode is Mode.REAL and not subject_of(person).is_whole:
            raise NotVerified((Level.IDENTITY,))
        # Whoever had grown up by 1970 did so on its first day, as far as any stake can tell: day 0 says that it is not known.
        return Admission(profile.check_interval_ms, max(_FIRST_DAY, profile.grown_on(born)))

    return admit


def _lacking(profile: Profile, wallet: Wallet, mode: Mode, levels_of: Callable[[str], frozenset[Level]]) -> tuple[Level, ...]:
    facts = Facts(_ACTS[mode], wallet.currency, wallet.totals.deposited - wallet.totals.withdrawn)
    return missing(profile, facts, levels_of(wallet.player_id)) if required(profile, facts) else ()
