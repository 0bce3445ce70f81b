"""Progress lines: every phase is announced, goes on visibly, and is summed up."""

import time

import pytest

from sandbox import screen


def test_phases_are_announced_and_summed_up(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    now = [1_000.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    shown = screen.Screen()
    with shown.phase("one"):
        now[0] += 2.5
    with shown.phase("two"):
        shown.plain("as it is")
    shown.say("done")
    lines = capsys.readouterr().out.splitlines()
    assert [line.split("s  ", 1)[-1] for line in lines] == ["one …", "two …", "as it is", "done"]
    assert shown.summary() == "one 2.5 s · two 0.0 s"


def test_a_long_phase_shows_that_it_goes_on(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(screen, "_BEAT_SECONDS_IN_A_LOG", 0.01)
    shown = screen.Screen()
    with shown.phase("long"):
        shown.detail("7 resources")
        end = time.monotonic() + 60
        while "7 resources" not in capsys.readouterr().out:
            assert time.monotonic() < end
            time.sleep(0.01)


def test_a_failed_phase_is_not_summed_up_and_stops_beating() -> None:
    shown = screen.Screen()
    with pytest.raises(ValueError, match="broken"), shown.phase("broken"):
        raise ValueError("broken")
    assert shown.phases == []


def test_on_a_terminal_the_running_phase_is_rewritten_in_place(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(screen, "_BEAT_SECONDS", 0.01)
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    shown = screen.Screen()
    seen = ""
    with shown.phase("long"):
        shown.detail("x" * 500)
        end = time.monotonic() + 60
        while "xxx" not in seen:
            assert time.monotonic() < end
            time.sleep(0.01)
            seen += capsys.readouterr().out
        shown.say("between")
    seen += capsys.readouterr().out
    assert "\r\x1b[2K" in seen
    assert "x" * 100 not in seen
    assert "between\n" in seen
