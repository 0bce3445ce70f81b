"""Finding a dialect by its provider's name: the module of that name in this folder, with its `DIALECT`.

Only the dialect that a function speaks is imported, so that none pays for the others at its cold start, and a further one is one
further file.
"""

import re
from importlib import import_module
from typing import Any, Final

from countroom.games.providers.dialect import Dialect

_NAME: Final = re.compile(r"[a-z][a-z0-9_]{1,31}", re.ASCII)


class UnknownProvider(LookupError):
    """No dialect is spoken with a provider of this name."""


def dialect(provider: str) -> Dialect[Any]:
    """Return the dialect of a provider, such as ``hub88``; raise UnknownProvider."""
    if not _NAME.fullmatch(provider):
        raise UnknownProvider("not the name of a provider")
    try:
        module = import_module(f"{__package__}.{provider}")
        found: Dialect[Any] = module.DIALECT
    except (ModuleNotFoundError, AttributeError) as error:
        raise UnknownProvider(f"there is no dialect for {provider}") from error
    if found.provider != provider:
        raise UnknownProvider(f"the dialect of {provider} calls itself otherwise")
    return found
