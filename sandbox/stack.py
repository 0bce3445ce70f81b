"""`.sandbox/stack.json`: all that a client of the running sandbox needs, in one file that only its owner can read."""

import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self, TypeVar, get_type_hints

from sandbox.loopback import require_loopback

T = TypeVar("T")
_TEXTS = (
    *("endpoint", "region", "account", "stage", "mailbox"),
    *("launch_api", "payment_api", "payout_api", "register_api", "vendor_api"),
)
ROOT = Path(__file__).resolve().parent.parent


class StackFileError(Exception):
    """stack.json is missing or does not say what it should; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Apis:
    """Base URLs of the four APIs, without a slash at the end."""

    player: str
    provider: str
    webhook: str
    verification: str


@dataclass(frozen=True, slots=True)
class Provider:
    """A game provider as it sees itself: where to call, and what it signs with.

    Either `private_key` (PEM, its own) or `secret` (which the house holds as well), never both; the file holds the one that is.
    """

    base_url: str
    private_key: str = field(default="", repr=False)
    secret: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Gateway:
    """A payment gateway as it sees itself: where to post (PaymentIQ: below which URL), and the secret that proves who does."""

    webhook_url: str
    secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Player:
    """A sample player that can log in with address and password."""

    player_id: str
    email: str
    password: str = field(repr=False)
    currency: str
    country: str


@dataclass(frozen=True, slots=True)
class Staff:
    """A role that somebody on the operator's side takes on."""

    name: str
    role_arn: str


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A resource of the app that the emulator cannot hold, and why it is not in the sandbox."""

    type: str
    logical_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class Stack:
    """A deployed sandbox, seen from outside."""

    endpoint: str
    region: str
    account: str
    stage: str
    apis: Apis
    mailbox: str
    """Where the mails that were sent can be read: the emulator's own view of its SES."""

    launch_api: str
    """Where the providers' launch APIs listen: each below a path of its provider's name."""

    payment_api: str
    """Where the gateways' APIs that open payments listen: each below a path of its gateway's name."""

    payout_api: str
    """Where the gateways' payout APIs listen: each below a path of its gateway's name."""

    register_api: str
    """Where the registers of self-excluded people listen: each below a path of its own name."""

    vendor_api: str
    """Where the verification vendors' APIs listen: each below a path of its vendor's name."""

    providers: dict[str, Provider]
    gateways: dict[str, Gateway]
    vendors: dict[str, Gateway]
    """Verification vendors, as they see themselves: where their webhooks go, and the secret that proves them."""

    players: list[Player]
    staff: list[Staff]
    resources: dict[str, str]
    left_out: list[LeftOut]

    def write(self, path: Path) -> None:
        """Write the file with mode 0600, whole or not at all."""
        draft = path.with_name(f"{path.name}.draft")
        draft.unlink(missing_ok=True)
        handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(self.as_json(), file, indent=2)
            file.write("\n")
        draft.replace(path)

    def as_json(self) -> dict[str, Any]:
        """Give what the file holds."""
        said = asdict(self)
        for name, provider in said["providers"].items():
            said["providers"][name] = {key: value for key, value in provider.items() if value}
        return said

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read the file and check its form and that every address in it is on loopback.

        Raises:
            StackFileError: when it is missing or of another form.
            NotLoopbackError: when it points elsewhere.

        """
        try:
            said = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise StackFileError(f"{path} is not there: start the sandbox with `make run` first.") from None
        except (OSError, ValueError) as error:
            raise StackFileError(f"{path} cannot be read ({error}): start the sandbox again.") from None
        return cls.from_json(said)

    @classmethod
    def from_json(cls, said: Any) -> Self:
        """Build it from parsed JSON; unknown or missing members are refused.

        Raises:
            StackFileError: naming the member that does not fit.
            NotLoopbackError: when an address points elsewhere.

        """
        members = _members(cls, said, "stack")
        stack = cls(
            **{name: _text(members[name], name) for name in _TEXTS},
            apis=_record(Apis, members["apis"], "apis"),
            providers={
                name: _provider(one, f"providers.{name}") for name, one in _mapping(members["providers"], "providers").items()
            },
            gateways={
                name: _record(Gateway, one, f"gateways.{name}") for name, one in _mapping(members["gateways"], "gateways").items()
            },
            vendors={
                name: _record(Gateway, one, f"vendors.{name}") for name, one in _mapping(members["vendors"], "vendors").items()
            },
            players=[_record(Player, one, "players") for one in _list(members["players"], "players")],
            staff=[_record(Staff, one, "staff") for one in _list(members["staff"], "staff")],
            resources={name: _text(one, f"resources.{name}") for name, one in _mapping(members["resources"], "resources").items()},
            left_out=[_record(LeftOut, one, "left_out") for one in _list(members["left_out"], "left_out")],
        )
        for url in (
            stack.endpoint,
            stack.mailbox,
            stack.launch_api,
            stack.payment_api,
            stack.payout_api,
            stack.register_api,
            stack.vendor_api,
            *asdict(stack.apis).values(),
            *(provider.base_url for provider in stack.providers.values()),
            *(gateway.webhook_url for gateway in (*stack.gateways.values(), *stack.vendors.values())),
        ):
            require_loopback(url)
        return stack

    def role(self, name: str) -> str:
        """Give the role ARN of a staff member.

        Raises:
            StackFileError: when there is none of that name.

        """
        for one in self.staff:
            if one.name == name:
                return one.role_arn
        raise StackFileError(f"The sandbox has no staff member {name!r}.")


def state_folder() -> Path:
    """Give the folder of the running sandbox: COUNTROOM_STATE_DIR, or `.sandbox` beside the app."""
    return Path(os.environ.get("COUNTROOM_STATE_DIR") or ROOT / ".sandbox").absolute()


def default_path() -> Path:
    """Give the place of stack.json: COUNTROOM_STACK, or in the state folder."""
    named = os.environ.get("COUNTROOM_STACK")
    return Path(named).absolute() if named else state_folder() / "stack.json"


def _mapping(said: Any, name: str) -> dict[str, Any]:
    if not isinstance(said, dict):
        raise StackFileError(f"stack.json: {name} is no object; start the sandbox again.")
    return said


def _list(said: Any, name: str) -> list[Any]:
    if not isinstance(said, list):
        raise StackFileError(f"stack.json: {name} is no list; start the sandbox again.")
    return said


def _text(said: Any, name: str) -> str:
    if not isinstance(said, str) or not said:
        raise StackFileError(f"stack.json: {name} is no text; start the sandbox again.")
    return said


def _members(kind: type, said: Any, name: str) -> dict[str, Any]:
    wanted, got = set(get_type_hints(kind)), _mapping(said, name)
    if wanted != got.keys():
        odd = ", ".join(sorted(wanted ^ got.keys()))
        raise StackFileError(f"stack.json: {name} does not fit at {odd}; start the sandbox again.")
    return got


def _provider(said: Any, name: str) -> Provider:
    signs_with = "secret" if "secret" in _mapping(said, name) else "private_key"
    wanted, got = {"base_url", signs_with}, said.keys()
    if wanted != got:
        raise StackFileError(f"stack.json: {name} does not fit at {', '.join(sorted(wanted ^ got))}; start the sandbox again.")
    return Provider(**{key: _text(value, f"{name}.{key}") for key, value in said.items()})


def _record(kind: type[T], said: Any, name: str) -> T:
    members = _members(kind, said, name)
    return kind(**{key: _text(value, f"{name}.{key}") for key, value in members.items()})
