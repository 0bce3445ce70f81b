"""MiniStack, with two things that it lacks: one copy of a package for all Lambda workers, and throttles of HTTP APIs' routes.

MiniStack unpacks the code and the layers of a function anew for each worker. That is 60 MB each time here: some ten gigabytes for
all functions of the house, and the better part of every cold start. Of a package that was unpacked before, a worker gets a link to
the same folder; so Python compiles a module once, too. Like in AWS, no function may write where its code lies.

It keeps the throttles of a stage's routes, and lets everything through. Here a route lets through what its token bucket holds, and
answers the rest with 429 before any function is asked, as API Gateway does.

Usage: ``python -P emulator_program.py``, with the emulator's own Python and the environment that MiniStack reads. Started as a
file, so it uses the standard library and MiniStack only.
"""

import hashlib
import importlib
import tempfile
import threading
import time
import zipfile
from collections.abc import Awaitable, Callable, Iterable, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final

FOLDER = "unpacked"
"""Where the packages lie, in the emulator's folder for temporary files."""

_unpacking = threading.Lock()


class SharedPackage(zipfile.ZipFile):
    """A package that is unpacked once however often that is asked for."""

    def namelist(self) -> list[str]:
        """Name nothing.

        MiniStack would look up where each name leads, which takes longer than all else; `extractall` leads none out of its folder.
        """
        return []

    def extractall(self, path: Any = None, members: Iterable[Any] | None = None, pwd: bytes | None = None) -> None:
        """Make the empty folder `path` a link to the unpacked package, and remove the archive, which nobody reads again.

        Raises:
            OSError: when the folder is not empty, or there is no room.

        """
        if path is None or members is not None or pwd is not None or self.filename is None:
            super().extractall(path, members or super().namelist(), pwd)
            return
        archive, place = Path(self.filename), Path(path)
        with archive.open("rb") as file:
            file.seek(self.start_dir)  # from here on are all names, sizes and checksums
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        shared = Path(tempfile.gettempdir()) / FOLDER / digest
        with _unpacking:
            if not shared.exists():
                draft = shared.with_suffix(".draft")
                super().extractall(draft, super().namelist())
                draft.rename(shared)
        place.rmdir()
        place.symlink_to(shared, target_is_directory=True)
        archive.unlink()


class Bucket:
    """Tokens of a route: `burst` of them at most, `rate` new ones a second."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._tokens: float | None = None
        self._seen = clock()

    def lets_through(self, rate: float, burst: float) -> bool:
        """Take a token, if there is one."""
        now = self._clock()
        filled = burst if self._tokens is None else min(burst, self._tokens + (now - self._seen) * rate)
        self._seen = now
        self._tokens = filled - 1 if filled >= 1 else filled
        return filled >= 1


Answer = tuple[int, dict[str, str], bytes]
TOO_MANY: Final[Answer] = (429, {"Content-Type": "application/json"}, b'{"message":"Too Many Requests"}')
"""What API Gateway answers to a request beyond a route's throttle."""


class Throttles:
    """The throttles of all routes of the HTTP APIs that an `apigateway` module serves."""

    def __init__(self, apigateway: Any, clock: Callable[[], float] = time.monotonic) -> None:
        self._apigateway = apigateway
        self._serve: Callable[..., Awaitable[Answer]] = apigateway._handle_execute_in_scope  # noqa: SLF001 - there is no other way in
        self._clock = clock
        self._buckets: dict[tuple[str, str, str], Bucket] = {}

    async def serve(self, api_id: str, stage: str, path: str, method: str, *rest: Any) -> Answer:
        """Answer a request to an API, in the place of the function that MiniStack has for it."""
        route = self._apigateway._match_route(api_id, method, "/" + path.lstrip("/"))  # noqa: SLF001 - as above
        if route is not None and not self._lets_through(api_id, stage, str(route["routeKey"])):
            return TOO_MANY
        return await self._serve(api_id, stage, path, method, *rest)

    def _lets_through(self, api_id: str, stage: str, route_key: str) -> bool:
        settings = self._apigateway._stages.get(api_id, {}).get(stage, {})  # noqa: SLF001 - as above
        said = (settings.get("routeSettings") or {}).get(route_key) or settings.get("defaultRouteSettings") or {}
        rate, burst = _said(said, "throttlingRateLimit"), _said(said, "throttlingBurstLimit")
        if rate is None or burst is None:
            return True
        return self._buckets.setdefault((api_id, stage, route_key), Bucket(self._clock)).lets_through(rate, burst)


def _said(settings: Mapping[str, Any], name: str) -> float | None:
    """Give a setting, which CloudFormation and the API itself write with different first letters."""
    value = settings.get(name, settings.get(name[0].upper() + name[1:]))
    return None if value is None else float(value)


def main() -> None:
    """Run the emulator until it is ended."""
    workers: Any = importlib.import_module("ministack.core.lambda_runtime")
    apigateway: Any = importlib.import_module("ministack.services.apigateway")
    if workers.zipfile is not zipfile or not callable(apigateway._handle_execute_in_scope):  # noqa: SLF001 - there is no other way in
        raise SystemExit("This version of MiniStack does things in another way: see emulator_program.py.")
    workers.zipfile = SimpleNamespace(
        ZipFile=SharedPackage, BadZipFile=zipfile.BadZipFile, LargeZipFile=zipfile.LargeZipFile, LargeFileError=zipfile.LargeZipFile
    )
    apigateway._handle_execute_in_scope = Throttles(apigateway).serve  # noqa: SLF001 - as above
    importlib.import_module("ministack.app").main()


if __name__ == "__main__":
    main()
