"""One copy of a package, however many workers run it; and routes that let through what they are said to."""

import tempfile
import zipfile
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from sandbox.emulator_program import FOLDER, Answer, SharedPackage, Throttles


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


def test_no_name_leads_out_of_the_folder(scratch: Path) -> None:
    path = archive(scratch / "a")
    with zipfile.ZipFile(path, "a") as made:
        made.writestr("../../../outside", "")
        made.writestr(str(scratch / "absolute"), "")
    place = unpack(path)
    assert sorted(found.name for found in place.resolve().rglob("*") if found.is_file()) == ["absolute", "one.py", "outside"]
    assert {found.name for found in scratch.iterdir()} == {"a", FOLDER}


def test_a_folder_that_is_not_empty_is_left_as_it_is(scratch: Path) -> None:
    path = archive(scratch / "a")
    place = path.with_name("code")
    place.mkdir()
    (place / "kept").touch()
    with SharedPackage(path) as package, pytest.raises(OSError, match="not empty"):
        package.extractall(place)
    assert (place / "kept").exists()
    assert path.exists()


class Api:
    """What Throttles asks of MiniStack's module: routes, stages and who serves."""

    def __init__(self, **settings: Any) -> None:
        self._stages = {"api": {"$default": settings}}
        self.served: list[str] = []

    def _match_route(self, api_id: str, method: str, path: str) -> dict[str, str] | None:
        assert api_id == "api"
        return None if path == "/nowhere" else {"routeKey": f"{method} {path}"}

    async def _handle_execute_in_scope(self, _api: str, _stage: str, path: str, *_: Any) -> Answer:
        self.served.append(path)
        return 200, {}, b""


def ask(throttles: Throttles, path: str, times: int) -> list[int]:
    return [answered(throttles.serve("api", "$default", path, "POST", {}, b"", {})) for _ in range(times)]


def answered(serving: Coroutine[Any, Any, Answer]) -> int:
    """Give the status; nothing here waits, and an event loop would open a socket."""
    with pytest.raises(StopIteration) as ended:
        serving.send(None)
    answer: Answer = ended.value.value
    return answer[0]


def limits(rate: float, burst: int) -> dict[str, float]:
    return {"ThrottlingRateLimit": rate, "ThrottlingBurstLimit": burst}


class TestThrottles:
    def test_a_route_lets_through_its_burst_and_then_its_rate_and_no_function_is_asked_beyond(self) -> None:
        now, api = [100.0], Api(routeSettings={"POST /a": limits(2, 3)})
        throttles = Throttles(api, lambda: now[0])
        assert ask(throttles, "/a", 5) == [200, 200, 200, 429, 429]
        now[0] += 0.49
        assert ask(throttles, "/a", 1) == [429]
        now[0] += 0.01
        assert ask(throttles, "/a", 2) == [200, 429]
        now[0] += 3600
        assert ask(throttles, "/a", 4) == [200, 200, 200, 429]
        assert len(api.served) == 7

    def test_routes_do_not_share_and_one_without_settings_has_the_stages(self) -> None:
        throttles = Throttles(api := Api(routeSettings={"POST /a": limits(1, 1)}, defaultRouteSettings=limits(1, 2)), lambda: 0.0)
        assert (ask(throttles, "/a", 2), ask(throttles, "/b", 3), ask(throttles, "/c", 3)) == (
            [200, 429],
            [200, 200, 429],
            [200, 200, 429],
        )
        assert api.served == ["/a", "/b", "/b", "/c", "/c"]

    def test_new_settings_count_at_once_in_either_spelling(self) -> None:
        throttles = Throttles(api := Api(routeSettings={"POST /a": limits(1, 9)}), lambda: 0.0)
        assert ask(throttles, "/a", 1) == [200]
        api._stages["api"]["$default"]["routeSettings"] = {"POST /a": {"throttlingRateLimit": 1, "throttlingBurstLimit": 1}}
        assert ask(throttles, "/a", 2) == [200, 429]

    def test_without_a_throttle_or_a_route_nothing_is_held_back(self) -> None:
        throttles = Throttles(Api(), lambda: 0.0)
        assert ask(throttles, "/a", 3) == [200] * 3
        assert ask(throttles, "/nowhere", 3) == [200] * 3
