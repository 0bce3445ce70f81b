"""What an account knows of a person. Pure. Outside of a request it exists only sealed (see `vault`)."""

import json
from dataclasses import asdict, dataclass, replace


@dataclass(frozen=True, slots=True, repr=False)
class PersonalData:
    """A person's data: address normalised, `date_of_birth` YYYY-MM-DD; names, phone and postcode may be empty. Never in `repr`."""

    email: str
    date_of_birth: str
    given_name: str = ""
    family_name: str = ""
    phone: str = ""
    postcode: str = ""

    def to_bytes(self) -> bytes:
        """Write it for sealing."""
        return json.dumps(asdict(self), separators=(",", ":"), ensure_ascii=False).encode("utf-8")

    @staticmethod
    def from_bytes(data: bytes) -> "PersonalData":
        """Read what `to_bytes` wrote."""
        return PersonalData(**json.loads(data))

    def moved_to(self, email: str) -> "PersonalData":
        """Return the same person under another address."""
        return replace(self, email=email)
