"""Finding a launch dialect by its provider's name: the module of that name in this folder, with its `LAUNCH`.

Only the one that is asked for is imported, and a further provider is one further file.
"""

import re
from importlib import import_module
from typing import Any, Final

from countroom.games.launchers.dialect import LaunchDialect

_NAME: Final = re.compile(r"[a-z][a-z0-9_]{1,31}", re.ASCII)
_OWN: Final = frozenset({"dialect", "registry"})


class UnknownLauncher(LookupError):
    """Nobody here knows how a provider of this name is asked."""


def launcher(provider: str) -> LaunchDialect[Any]:
    """Return the launch dialect of a provider, such as ``hub88``; raise UnknownLauncher."""
    if not _NAME.fullmatch(provider) or provider in _OWN:
        raise UnknownLauncher("not the name of a provider")
    try:
        found: LaunchDialect[Any] = import_module(f"{__package__}.{provider}").LAUNCH
    except (ModuleNotFoundError, AttributeError) as error:
        raise UnknownLauncher("no launch dialect of this name") from error
    return found
