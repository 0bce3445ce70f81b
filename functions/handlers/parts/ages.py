"""The age at which a player may play, asked of the account: for a launch, never for a bet."""

from collections.abc import Callable

from countroom.clock import Clock
from countroom.games.launch import UnderAge
from countroom.identity import rules
from countroom.identity.people import People


def age_check(people: People, clock: Clock) -> Callable[[str], None]:
    """Return what raises UnderAge for a player who is younger than the house's rules ask, by one read and one call of KMS.

    It also raises what `People.find` does. The rule is the one of registration: whoever came in under another is caught here.
    """

    def check(player_id: str) -> None:
        born = rules.parse_date(people.find(player_id).data.date_of_birth)
        if born is None or rules.age_in_years(born, rules.today(clock())) < rules.AGE_MIN_YEARS:
            raise UnderAge("not old enough")

    return check
