"""One copy of a package, however many workers run it."""

import tempfile
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from sandbox.emulator_program import FOLDER, SharedPackage


@pytest.fixture(autouse=True)
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def archive(folder: Path, text: str = "ONE = 1\n") -> Path:
    folder.mkdir()
    path = folder / "code.zip"
    with zipfile.ZipFile(path, "w") as made:
        made.writestr("handlers/one.py", text)
    return path


def unpack(path: Path) -> Path:
    place = path.with_name("code")
    place.mkdir()
    with SharedPackage(path) as package:
        package.extractall(place)
    return place


def test_workers_of_one_package_share_one_copy_of_it(scratch: Path) -> None:
    archives = [archive(scratch / f"worker-{number}") for number in range(8)]
    with ThreadPoolExecutor(8) as threads:
        places = list(threads.map(unpack, archives))
    assert [(place / "handlers" / "one.py").read_text() for place in places] == ["ONE = 1\n"] * 8
    (one,) = (scratch / FOLDER).iterdir()
    assert {place.resolve() for place in places} == {one}
    assert not any(path.exists() for path in archives)


def test_another_package_is_another_copy(scratch: Path) -> None:
    first, second = unpack(archive(scratch / "a")), unpack(archive(scratch / "b", "ONE = 2\n"))
    assert (second / "handlers" / "one.py").read_text() == "ONE = 2\n"
    assert first.resolve() != second.resolve()


def test_a_folder_that_is_not_empty_is_left_as_it_is(scratch: Path) -> None:
    path = archive(scratch / "a")
    place = path.with_name("code")
    place.mkdir()
    (place / "kept").touch()
    with SharedPackage(path) as package, pytest.raises(OSError, match="not empty"):
        package.extractall(place)
    assert (place / "kept").exists()
    assert path.exists()
