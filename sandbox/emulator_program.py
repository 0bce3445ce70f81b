"""MiniStack, with one copy of a package for all Lambda workers that run it.

MiniStack unpacks the code and the layers of a function anew for each worker. That is 60 MB each time here: some ten gigabytes for
all functions of the house, and the better part of every cold start. Of a package that was unpacked before, a worker gets a link to
the same folder; so Python compiles a module once, too. Like in AWS, no function may write where its code lies.

Usage: ``python -P emulator_program.py``, with the emulator's own Python and the environment that MiniStack reads. Started as a
file, so it uses the standard library and MiniStack only.
"""

import hashlib
import importlib
import tempfile
import threading
import zipfile
from collections.abc import Iterable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

FOLDER = "unpacked"
"""Where the packages lie, in the emulator's folder for temporary files."""

_unpacking = threading.Lock()


class SharedPackage(zipfile.ZipFile):
    """A package that is unpacked once however often that is asked for."""

    def extractall(self, path: Any = None, members: Iterable[Any] | None = None, pwd: bytes | None = None) -> None:
        """Make the empty folder `path` a link to the unpacked package, and remove the archive, which nobody reads again.

        Raises:
            OSError: when the folder is not empty, or there is no room.

        """
        if path is None or members is not None or pwd is not None or self.filename is None:
            super().extractall(path, members, pwd)
            return
        archive, place = Path(self.filename), Path(path)
        with archive.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        shared = Path(tempfile.gettempdir()) / FOLDER / digest
        with _unpacking:
            if not shared.exists():
                draft = shared.with_suffix(".draft")
                super().extractall(draft)
                draft.rename(shared)
        place.rmdir()
        place.symlink_to(shared, target_is_directory=True)
        archive.unlink()


def main() -> None:
    """Run the emulator until it is ended."""
    workers: Any = importlib.import_module("ministack.core.lambda_runtime")
    if workers.zipfile is not zipfile:
        raise SystemExit("This version of MiniStack unpacks packages in another way: see emulator_program.py.")
    workers.zipfile = SimpleNamespace(
        ZipFile=SharedPackage, BadZipFile=zipfile.BadZipFile, LargeZipFile=zipfile.LargeZipFile, LargeFileError=zipfile.LargeZipFile
    )
    importlib.import_module("ministack.app").main()


if __name__ == "__main__":
    main()
