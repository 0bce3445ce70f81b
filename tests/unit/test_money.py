"""Money at its edges: every exponent, every shape of a bad amount, and truncation in both directions."""

import pytest

from countroom import money
from countroom.money import AMOUNT_MAX, Currency, CurrencyKind, InvalidAmount, UnknownCurrency

UNIT = 10**9
EUR = money.currency("EUR")
JPY = money.currency("JPY")
KWD = money.currency("KWD")
CLF = money.currency("CLF")
USDT = money.currency("USDT")
BTC = money.currency("BTC")
ETH = money.currency("ETH")


def test_the_scale_is_a_billionth_and_the_largest_amount_a_trillion() -> None:
    assert money.NANO_PLACES == 9
    assert money.NANOS_PER_UNIT == 1_000_000_000
    assert AMOUNT_MAX == 1_000_000_000_000 * 1_000_000_000


@pytest.mark.parametrize(
    ("code", "exponent", "kind"),
    [
        ("JPY", 0, CurrencyKind.STATE),
        ("KRW", 0, CurrencyKind.STATE),
        ("ISK", 0, CurrencyKind.STATE),
        ("EUR", 2, CurrencyKind.STATE),
        ("USD", 2, CurrencyKind.STATE),
        ("HUF", 2, CurrencyKind.STATE),
        ("KWD", 3, CurrencyKind.STATE),
        ("CLF", 4, CurrencyKind.STATE),
        ("UYW", 4, CurrencyKind.STATE),
        ("USDT", 6, CurrencyKind.CRYPTO),
        ("BTC", 8, CurrencyKind.CRYPTO),
        ("ETH", 9, CurrencyKind.CRYPTO),
    ],
)
def test_currencies_have_their_exponents(code: str, exponent: int, kind: CurrencyKind) -> None:
    assert money.currency(code) == Currency(code, exponent, kind)


def test_kinds_are_stored_as_they_are_called() -> None:
    assert [kind.value for kind in CurrencyKind] == ["state", "crypto"]


def test_the_registry_holds_each_code_once_and_in_capitals() -> None:
    codes = [entry.code for entry in money.currencies()]
    assert len(codes) == len(set(codes))
    assert {entry.exponent for entry in money.currencies()} == {0, 2, 3, 4, 6, 8, 9}
    assert sum(entry.kind is CurrencyKind.CRYPTO for entry in money.currencies()) == 13
    assert sum(entry.kind is CurrencyKind.STATE for entry in money.currencies()) == 158
    assert all(3 <= len(code) <= 4 and code.isascii() and code.isupper() and code.isalpha() for code in codes)
    assert all(money.currency(entry.code) is entry for entry in money.currencies())


@pytest.mark.parametrize("code", ["", "eur", "EUR ", " EUR", "XXX", "XAU", "EURO", "\u0395UR", "DEM"])
def test_any_other_spelling_is_not_a_currency(code: str) -> None:
    with pytest.raises(UnknownCurrency):
        money.currency(code)


@pytest.mark.parametrize(
    ("text", "currency", "nanos"),
    [
        ("0", EUR, 0),
        ("0.0", EUR, 0),
        ("0.00", EUR, 0),
        ("0.01", EUR, 10_000_000),
        ("0.1", EUR, 100_000_000),
        ("1", EUR, UNIT),
        ("10.00", EUR, 10 * UNIT),
        ("10.5", EUR, 10_500_000_000),
        ("12.34", EUR, 12_340_000_000),
        ("0", JPY, 0),
        ("500", JPY, 500 * UNIT),
        ("0.001", KWD, 1_000_000),
        ("0.0001", CLF, 100_000),
        ("0.000001", USDT, 1_000),
        ("0.00000001", BTC, 10),
        ("0.000000001", ETH, 1),
        ("1.234567891", ETH, 1_234_567_891),
        ("1000000000000", EUR, AMOUNT_MAX),
        ("1000000000000.00", EUR, AMOUNT_MAX),
        ("999999999999.99", EUR, AMOUNT_MAX - 10_000_000),
    ],
)
def test_an_exact_amount_is_read(text: str, currency: Currency, nanos: int) -> None:
    assert money.parse_amount(text, currency) == nanos


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        ".",
        "1.",
        ".5",
        "00",
        "01",
        "00.1",
        "-1",
        "-0",
        "+1",
        " 1",
        "1 ",
        "1\n",
        "1,5",
        "1.5.5",
        "1e3",
        "1E3",
        "1_000",
        "0x10",
        "NaN",
        "nan",
        "inf",
        "Infinity",
        "None",
        "\u0661",  # an Arabic-Indic one
        "1\u0661",
        "0.\u0661",
        "\uff11",  # a full-width one
        "\u00b9",
        "1000000000000.01",
        "1000000000001",
        "1" + "0" * 38,
        "0." + "0" * 40,
        "9" * 10_000,
    ],
)
def test_anything_but_plain_digits_is_refused(text: str) -> None:
    with pytest.raises(InvalidAmount):
        money.parse_amount(text, EUR)


@pytest.mark.parametrize(
    ("text", "currency"),
    [
        ("1.0", JPY),
        ("1.5", JPY),
        ("0.001", EUR),
        ("1.000", EUR),
        ("0.0001", KWD),
        ("0.00001", CLF),
        ("0.0000001", USDT),
        ("0.000000001", BTC),
        ("0.0000000001", ETH),
    ],
)
def test_more_places_than_the_currency_has_are_refused_even_when_they_are_zeros(text: str, currency: Currency) -> None:
    with pytest.raises(InvalidAmount, match=str(currency.exponent)):
        money.parse_amount(text, currency)


def test_a_text_of_32_characters_is_still_looked_at_and_one_of_33_is_not() -> None:
    wide = Currency("WID", 40, CurrencyKind.CRYPTO)
    assert money.parse_amount("0." + "0" * 29, wide) == 0
    assert money.parse_amount("0." + "0" * 30, wide) == 0
    with pytest.raises(InvalidAmount, match="short"):
        money.parse_amount("0." + "0" * 31, wide)


def test_an_error_never_repeats_the_input() -> None:
    with pytest.raises(InvalidAmount) as caught:
        money.parse_amount("4111111111111111x", EUR)
    assert "4111" not in str(caught.value)


@pytest.mark.parametrize("nanos", [0, 1, UNIT, AMOUNT_MAX - 1, AMOUNT_MAX])
def test_an_amount_in_range_is_let_through(nanos: int) -> None:
    assert money.checked(nanos) == nanos


@pytest.mark.parametrize("nanos", [-1, -UNIT, AMOUNT_MAX + 1, 10**38, True, False, 1.0, 0.0, float("nan"), float("inf"), "1", None])
def test_what_is_no_amount_is_stopped(nanos: object) -> None:
    with pytest.raises(InvalidAmount):
        money.checked(nanos)  # type: ignore[arg-type] # what a careless caller may hand in


@pytest.mark.parametrize(
    ("nanos", "currency", "text"),
    [
        (0, EUR, "0.00"),
        (10 * UNIT, EUR, "10.00"),
        (1, EUR, "0.00"),
        (9_999_999, EUR, "0.00"),
        (10_000_000, EUR, "0.01"),
        (19_999_999, EUR, "0.01"),
        (1_999_999_999, EUR, "1.99"),
        (50_000_000, EUR, "0.05"),
        (-1, EUR, "0.00"),
        (-9_999_999, EUR, "0.00"),
        (-10_000_000, EUR, "-0.01"),
        (-19_999_999, EUR, "-0.01"),
        (-1_999_999_999, EUR, "-1.99"),
        (-12 * UNIT, EUR, "-12.00"),
        (500 * UNIT, JPY, "500"),
        (UNIT - 1, JPY, "0"),
        (-UNIT + 1, JPY, "0"),
        (-UNIT, JPY, "-1"),
        (1_500_000, KWD, "0.001"),
        (123_456, CLF, "0.0001"),
        (1, ETH, "0.000000001"),
        (-1, ETH, "-0.000000001"),
        (AMOUNT_MAX, ETH, "1000000000000.000000000"),
    ],
)
def test_amounts_are_written_with_exactly_the_places_of_the_currency(nanos: int, currency: Currency, text: str) -> None:
    assert money.format_amount(nanos, currency) == text


@pytest.mark.parametrize(
    ("units", "places", "nanos"),
    [
        (0, 2, 0),
        (1, 0, UNIT),
        (1, 2, 10_000_000),
        (100_000, 5, UNIT),  # Hub88 counts in 1/100000
        (1, 5, 10_000),
        (1, 9, 1),
        (10, 10, 1),
        (1_000, 12, 1),
        (10**12, 0, AMOUNT_MAX),
        (10**17, 5, AMOUNT_MAX),
        (10**24, 12, AMOUNT_MAX),
    ],
)
def test_scaled_amounts_are_read_exactly(units: int, places: int, nanos: int) -> None:
    assert money.from_scaled(units, places) == nanos


@pytest.mark.parametrize(
    ("units", "places"),
    [
        (-1, 5),
        (-1, 9),
        (-10, 10),
        (10**12 + 1, 0),
        (10**17 + 1, 5),
        (10**38, 5),
        (10**38, 12),
        (1, 10),
        (11, 10),
        (999, 12),
        (1.0, 5),
        (float("nan"), 5),
        (True, 5),
        (False, 10),
        ("1", 5),
        (None, 5),
    ],
)
def test_scaled_amounts_that_are_not_exact_or_no_amounts_are_refused(units: object, places: int) -> None:
    with pytest.raises(InvalidAmount):
        money.from_scaled(units, places)  # type: ignore[arg-type] # what a provider may send


@pytest.mark.parametrize(
    ("nanos", "places", "units"),
    [
        (0, 5, 0),
        (9_999, 5, 0),
        (10_000, 5, 1),
        (19_999, 5, 1),
        (-9_999, 5, 0),
        (-10_000, 5, -1),
        (-19_999, 5, -1),
        (UNIT, 0, 1),
        (-UNIT, 0, -1),
        (2 * UNIT - 1, 0, 1),
        (7, 9, 7),
        (-7, 9, -7),
        (7, 10, 70),
        (7, 12, 7_000),
        (-7, 12, -7_000),
        (5, 8, 0),
        (-5, 8, 0),
    ],
)
def test_scaled_amounts_are_cut_toward_zero(nanos: int, places: int, units: int) -> None:
    assert money.to_scaled(nanos, places) == units
    assert type(money.to_scaled(nanos, places)) is int


@pytest.mark.parametrize("places", range(13))
def test_reading_and_writing_a_scaled_amount_are_inverse(places: int) -> None:
    for units in (0, 1_000, 12_345_000, 10**places, 7 * 10**places):
        assert money.to_scaled(money.from_scaled(units, places), places) == units


def test_reading_and_writing_a_decimal_are_inverse_in_every_currency() -> None:
    for entry in money.currencies():
        smallest = 10 ** (9 - entry.exponent)
        for nanos in (0, smallest, 99 * smallest, 123_456 * smallest, AMOUNT_MAX - smallest, AMOUNT_MAX):
            assert money.parse_amount(money.format_amount(nanos, entry), entry) == nanos
