from dataclasses import dataclass, field

import pytest

from runtime import settings


@dataclass(frozen=True, slots=True)
class Everything:
    ledger_table: str
    retries: int
    strict: bool
    gateways: tuple[str, ...]
    secrets: dict[str, str]
    level: int = 3
    tags: tuple[str, ...] = field(default_factory=lambda: ("a",))


GOOD = {
    "LEDGER_TABLE": "t",
    "RETRIES": "-2",
    "STRICT": "True",
    "GATEWAYS": "a, b",
    "SECRETS": '{"standard": "arn:x"}',
}


def test_every_type_is_read() -> None:
    assert settings.load(Everything, GOOD) == Everything("t", -2, True, ("a", "b"), {"standard": "arn:x"})


def test_a_default_may_be_overridden() -> None:
    loaded = settings.load(Everything, GOOD | {"LEVEL": "9", "TAGS": "x"})
    assert (loaded.level, loaded.tags) == (9, ("x",))


def test_one_error_names_everything_missing_or_invalid() -> None:
    environ = {"LEDGER_TABLE": "", "RETRIES": "1.5", "STRICT": "yes", "GATEWAYS": "a,,b", "SECRETS": "[]", "LEVEL": "x"}
    with pytest.raises(settings.SettingsError) as caught:
        settings.load(Everything, environ)
    assert caught.value.problems == (
        "LEDGER_TABLE is missing",
        "RETRIES is not an integer",
        "STRICT is neither true nor false",
        "GATEWAYS is not a comma-separated list",
        "SECRETS is not a JSON object of texts",
        "LEVEL is not an integer",
    )


@pytest.mark.parametrize("text", ["", "٣", "+1", " 1", "1e3", "--1", "-"])
def test_an_integer_is_ascii_digits(text: str) -> None:
    with pytest.raises(settings.SettingsError, match="RETRIES"):
        settings.load(Everything, GOOD | {"RETRIES": text})


@pytest.mark.parametrize("text", ["{", '{"a": 1}', '{"a": ""}', '"a"'])
def test_a_table_holds_texts_and_its_value_is_not_repeated(text: str) -> None:
    with pytest.raises(settings.SettingsError) as caught:
        settings.load(Everything, GOOD | {"SECRETS": text})
    assert str(caught.value) == "Settings cannot be loaded: SECRETS is not a JSON object of texts"


@pytest.mark.parametrize(("text", "value"), [("1", True), ("true", True), ("0", False), ("FALSE", False)])
def test_a_switch(text: str, value: bool) -> None:
    assert settings.load(Everything, GOOD | {"STRICT": text}).strict is value


def test_the_process_environment_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in GOOD.items():
        monkeypatch.setenv(name, value)
    assert settings.load(Everything).ledger_table == "t"


def test_only_dataclasses_of_supported_types() -> None:
    @dataclass
    class Odd:
        ratio: float

    with pytest.raises(TypeError, match="not supported"):
        settings.load(Odd, {"RATIO": "1"})
    with pytest.raises(TypeError, match="not a dataclass"):
        settings.load(int, {})
