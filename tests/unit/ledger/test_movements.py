"""What may name a movement, and which of its fields make it the same movement again."""

from dataclasses import replace

import pytest

from countroom.ledger.movements import (
    DIGEST_BYTES,
    HOUSEKEEPING,
    ID_MAX,
    INSTANT_END,
    Adjustment,
    Bet,
    BonusConverted,
    BonusForfeited,
    BonusGranted,
    Capture,
    Deposit,
    DepositReturned,
    DepositReversal,
    ExclusionKind,
    Hold,
    InvalidReference,
    Kind,
    LimitKind,
    Movement,
    OpenWallet,
    PayoutReturned,
    Period,
    Reason,
    Reference,
    Release,
    Rollback,
    SetStatus,
    StartSession,
    Status,
    Win,
)
from countroom.ledger.safeguards import (
    AbandonDeposit,
    AcknowledgeCheck,
    AskReopening,
    ConfirmRaise,
    OpenDeposit,
    SetCheckInterval,
    SetLimit,
    StartExclusion,
    WithdrawRaise,
)
from tests.unit.ledger.examples import ANNA, BEN, GAME, NOW, UNIT, a_bet, ref

ONE = ref("one")
TWO = ref("two")
DIGEST = b"d" * 12
EVERY_MOVEMENT: tuple[Movement, ...] = (
    OpenWallet.of(ANNA, "EUR", "MT"),
    StartSession.of(ANNA, "hub88", DIGEST, "slot", NOW + 1),
    SetStatus(ONE, ANNA, Status.BLOCKED),
    SetLimit(ONE, ANNA, "EUR", UNIT, LimitKind.LOSS, Period.DAY),
    Bet(ONE, ANNA, "EUR", UNIT, "slot", "round"),
    Win(ONE, ANNA, "EUR", UNIT, "slot", "round"),
    Win(ONE, ANNA, "EUR", UNIT, "slot", "round", TWO),
    Rollback(ONE, ANNA, TWO, "slot", "round"),
    Deposit(ONE, ANNA, "EUR", UNIT),
    DepositReversal(ONE, ANNA, "EUR", UNIT, TWO),
    Hold(ONE, ANNA, "EUR", UNIT),
    Capture(ONE, ANNA, TWO),
    Release(ONE, ANNA, TWO),
    PayoutReturned(ONE, ANNA, TWO),
    BonusGranted(ONE, ANNA, "EUR", UNIT),
    BonusConverted(ONE, ANNA, "EUR", UNIT),
    BonusForfeited(ONE, ANNA, "EUR", UNIT),
    Adjustment(ONE, ANNA, "EUR", UNIT, "typo", "staff_1"),
    DepositReturned(ONE, ANNA, "EUR", UNIT, TWO),
    Deposit(ONE, ANNA, "EUR", UNIT, opened=TWO),
    WithdrawRaise(ONE, ANNA, LimitKind.LOSS, Period.DAY),
    ConfirmRaise(ONE, ANNA, LimitKind.STAKE, Period.EACH),
    StartExclusion(ONE, ANNA, ExclusionKind.SELF_EXCLUSION, NOW + 1),
    AskReopening(ONE, ANNA, 86_400_000),
    AcknowledgeCheck(ONE, ANNA),
    SetCheckInterval(ONE, ANNA, 3_600_000),
    OpenDeposit(ONE, ANNA, "EUR", UNIT),
    AbandonDeposit(ONE, ANNA, TWO),
    SetLimit(ONE, ANNA, "EUR", None, LimitKind.WAGER, Period.MONTH),
    SetLimit(ONE, ANNA, "EUR", 7_200_000, LimitKind.SESSION, Period.EACH),
)


@pytest.mark.parametrize(
    "transaction_id", ["1", "x" * 64, "b3f9c6f2-7d0e-4d5a-9f0b-0d6a3f1c2e4d", "A.b_c:d|e@f~g+h=i/j-9", "0", "-", "a/b"]
)
def test_an_id_of_up_to_64_plain_characters_names_a_movement(transaction_id: str) -> None:
    name = Reference(GAME, transaction_id)
    assert name.text == f"game:hub88#{transaction_id}"
    assert Reference.from_text(name.text) == name


@pytest.mark.parametrize(
    "transaction_id",
    ["", " ", "x" * 65, "a b", "a#b", "a\x1fb", "a\n", "a,b", 'a"b', "a\\b", "a%b", "a*b", "a(b", "\u00e9", "\u0661", "\x00"],
)
def test_an_id_that_is_empty_long_or_has_a_separator_names_nothing(transaction_id: str) -> None:
    with pytest.raises(InvalidReference):
        Reference(GAME, transaction_id)


@pytest.mark.parametrize("source", ["a:b", "game:hub88", "x" * 12 + ":" + "y" * 16, "gateway:a_b-c9"])
def test_a_source_has_a_short_kind_and_a_short_name(source: str) -> None:
    assert Reference(source, "1").source == source


@pytest.mark.parametrize(
    "source",
    ["", ":", "game", "game:", ":hub88", "x" * 13 + ":y", "x:" + "y" * 17, "Game:hub88", "game:Hub88", "g4me:x", "a:b:c", "a#:b"],
)
def test_any_other_source_is_refused(source: str) -> None:
    with pytest.raises(InvalidReference):
        Reference(source, "1")


@pytest.mark.parametrize("text", ["", "#", "game:hub88", "game:hub88#", "#1", "game:hub88#a#b"])
def test_a_text_that_no_reference_wrote_is_refused(text: str) -> None:
    with pytest.raises(InvalidReference):
        Reference.from_text(text)


def test_ids_may_have_64_characters() -> None:
    assert ID_MAX == 64


@pytest.mark.parametrize("player", ["p", "x" * 32, "pl_abcdefghij2345", "A-b_9"])
def test_a_player_id_is_short_and_plain(player: str) -> None:
    assert Deposit(ONE, player, "EUR", 1).player_id == player


@pytest.mark.parametrize("player", ["", "x" * 33, "a b", "a#b", "a:b", "a.b", "a\n", "\u00e9", "a\x1fb"])
def test_any_other_player_id_is_refused(player: str) -> None:
    with pytest.raises(InvalidReference):
        Deposit(ONE, player, "EUR", 1)


@pytest.mark.parametrize("name", ["", "g", "x" * 64, "book-of_x|1"])
def test_a_game_and_a_round_may_be_absent_or_plain(name: str) -> None:
    assert Bet(ONE, ANNA, "EUR", 1, name, "r").game_code == name
    assert Bet(ONE, ANNA, "EUR", 1, "g", name).round_id == name
    assert Rollback(ONE, ANNA, TWO, name, "r").game_code == name
    assert Rollback(ONE, ANNA, TWO, "g", name).round_id == name


@pytest.mark.parametrize("name", ["x" * 65, "a b", "a#b", "a\x1fb", "\u00e9", " "])
def test_any_other_game_or_round_is_refused(name: str) -> None:
    for game, round_id in ((name, "r"), ("g", name)):
        with pytest.raises(InvalidReference):
            Bet(ONE, ANNA, "EUR", 1, game, round_id)
        with pytest.raises(InvalidReference):
            Rollback(ONE, ANNA, TWO, game, round_id)
    with pytest.raises(InvalidReference):
        StartSession.of(ANNA, "hub88", DIGEST, name, 1)


def test_a_note_is_counted_in_bytes_as_a_record_writes_it() -> None:
    assert len(Adjustment(ONE, ANNA, "EUR", 1, "w" * 152, "staff1").note) == 160
    for why in ("\u00e9" * 76, "\U0001f3b0" * 38, '"\\' * 38):
        assert Adjustment(ONE, ANNA, "EUR", 1, why, "staff1").note == "staff1: " + why
    for why in ("w" * 153, "\u00e9" * 76 + "w", "\U0001f3b0" * 38 + "w", '"' * 77, "\\" * 77):
        with pytest.raises(InvalidReference):
            Adjustment(ONE, ANNA, "EUR", 1, why, "staff1")


@pytest.mark.parametrize("why", ["a\x1fb", "a\nb", "\x00", "\ud800", "\u202e"])
def test_a_note_has_no_control_characters(why: str) -> None:
    with pytest.raises(InvalidReference):
        Adjustment(ONE, ANNA, "EUR", 1, why, "staff1")


@pytest.mark.parametrize("country", ["", "M", "mt", "MLT", "M1", "M ", "\u039cT"])
def test_a_country_has_two_capital_letters(country: str) -> None:
    with pytest.raises(InvalidReference):
        OpenWallet.of(ANNA, "EUR", country)


def test_an_opening_checks_its_player_as_every_movement_does() -> None:
    with pytest.raises(InvalidReference):
        OpenWallet(ONE, "a b", "EUR", "MT")


def test_a_session_has_a_digest_of_twelve_bytes_a_short_provider_and_an_instant() -> None:
    assert (DIGEST_BYTES, INSTANT_END) == (12, 2**48)
    assert StartSession.of(ANNA, "x" * 16, DIGEST, "slot", 0).expires_at_ms == 0
    assert StartSession.of(ANNA, "hub88", DIGEST, "slot", 2**48 - 1).expires_at_ms == 2**48 - 1
    for provider, digest, expiry in (
        ("x" * 17, DIGEST, 1),
        ("", DIGEST, 1),
        ("hub88", b"", 1),
        ("hub88", b"d" * 11, 1),
        ("hub88", b"d" * 13, 1),
        ("hub88", DIGEST, -1),
        ("hub88", DIGEST, 2**48),
    ):
        with pytest.raises(InvalidReference):
            StartSession.of(ANNA, provider, digest, "slot", expiry)


def test_openings_and_sessions_name_themselves() -> None:
    assert OpenWallet.of(ANNA, "EUR", "MT").reference == Reference("wallet:open", ANNA)
    started = StartSession.of(ANNA, "hub88", b"\xab\xcd" * 6, "slot", 5)
    assert started.reference == Reference("session:hub88", "abcd" * 6)
    assert (started.provider, started.digest, started.game, started.expires_at_ms) == ("hub88", b"\xab\xcd" * 6, "slot", 5)


def test_there_is_a_movement_of_every_kind() -> None:
    assert {movement.kind for movement in EVERY_MOVEMENT} == set(Kind)
    moving = {
        Kind.BET,
        Kind.WIN,
        Kind.ROLLBACK,
        Kind.DEPOSIT,
        Kind.DEPOSIT_REVERSAL,
        Kind.DEPOSIT_RETURNED,
        Kind.HOLD,
        Kind.CAPTURE,
    }
    moving |= {Kind.RELEASE, Kind.PAYOUT_RETURNED, Kind.BONUS_GRANTED, Kind.BONUS_CONVERTED, Kind.BONUS_FORFEITED, Kind.ADJUSTMENT}
    assert set(Kind) - moving == HOUSEKEEPING


@pytest.mark.parametrize(
    ("movement", "money", "game", "round_id", "related", "note"),
    [
        (EVERY_MOVEMENT[0], ("EUR", 0), "", "", None, "MT"),
        (EVERY_MOVEMENT[1], ("", 0), "slot", "", None, str(NOW + 1)),
        (EVERY_MOVEMENT[2], ("", 0), "", "", None, "blocked"),
        (EVERY_MOVEMENT[3], ("EUR", UNIT), "", "", None, "loss 24h"),
        (EVERY_MOVEMENT[4], ("EUR", UNIT), "slot", "round", None, ""),
        (EVERY_MOVEMENT[5], ("EUR", UNIT), "slot", "round", None, ""),
        (EVERY_MOVEMENT[6], ("EUR", UNIT), "slot", "round", TWO, ""),
        (EVERY_MOVEMENT[7], ("", 0), "slot", "round", TWO, ""),
        (EVERY_MOVEMENT[8], ("EUR", UNIT), "", "", None, ""),
        (EVERY_MOVEMENT[9], ("EUR", UNIT), "", "", TWO, ""),
        (EVERY_MOVEMENT[10], ("EUR", UNIT), "", "", None, ""),
        (EVERY_MOVEMENT[11], ("", 0), "", "", TWO, ""),
        (EVERY_MOVEMENT[12], ("", 0), "", "", TWO, ""),
        (EVERY_MOVEMENT[13], ("", 0), "", "", TWO, ""),
        (EVERY_MOVEMENT[14], ("EUR", UNIT), "", "", None, ""),
        (EVERY_MOVEMENT[15], ("EUR", UNIT), "", "", None, ""),
        (EVERY_MOVEMENT[16], ("EUR", UNIT), "", "", None, ""),
        (EVERY_MOVEMENT[17], ("EUR", UNIT), "", "", None, "staff_1: typo"),
        (EVERY_MOVEMENT[18], ("EUR", UNIT), "", "", TWO, ""),
        (EVERY_MOVEMENT[19], ("EUR", UNIT), "", "", TWO, ""),
        (EVERY_MOVEMENT[20], ("", 0), "", "", None, "loss 24h"),
        (EVERY_MOVEMENT[21], ("", 0), "", "", None, "stake each"),
        (EVERY_MOVEMENT[22], ("", 0), "", "", None, f"self_exclusion {NOW + 1}"),
        (EVERY_MOVEMENT[23], ("", 0), "", "", None, ""),
        (EVERY_MOVEMENT[24], ("", 0), "", "", None, ""),
        (EVERY_MOVEMENT[25], ("", 0), "", "", None, "3600000"),
        (EVERY_MOVEMENT[26], ("EUR", UNIT), "", "", None, ""),
        (EVERY_MOVEMENT[27], ("", 0), "", "", TWO, ""),
        (EVERY_MOVEMENT[28], ("EUR", 0), "", "", None, "wager 1m none"),
        (EVERY_MOVEMENT[29], ("EUR", 0), "", "", None, "session each 7200000"),
    ],
)
def test_what_each_movement_says_of_itself(
    movement: Movement, money: tuple[str, int], game: str, round_id: str, related: Reference | None, note: str
) -> None:
    assert movement.money == money
    assert (movement.game_code, movement.round_id, movement.related, movement.note) == (game, round_id, related, note)


def test_a_bare_movement_says_nothing_of_itself() -> None:
    bare = Movement(ONE, ANNA)
    assert (bare.money, bare.game_code, bare.round_id, bare.related, bare.note) == (("", 0), "", "", None, "")


def test_a_rollback_needs_neither_game_nor_round() -> None:
    assert Rollback(ONE, ANNA, TWO) == Rollback(ONE, ANNA, TWO, "", "")


def test_fingerprints_are_what_they_have_always_been() -> None:
    assert EVERY_MOVEMENT[4].fingerprint.hex() == "25df7299d5a19597f58c7444595703c5"
    assert EVERY_MOVEMENT[6].fingerprint.hex() == "da08f5f6f0299571172bf8b1b24aeb76"
    assert EVERY_MOVEMENT[17].fingerprint.hex() == "cc62bc2f75561e99e642073554557c6a"


def test_every_business_field_is_in_the_fingerprint() -> None:
    win = Win(ONE, ANNA, "EUR", UNIT, "slot", "round", TWO)
    others = [
        replace(win, player_id=BEN),
        replace(win, currency="USD"),
        replace(win, amount=UNIT + 1),
        replace(win, game="slot2"),
        replace(win, round="round2"),
        replace(win, bet=ref("three")),
        replace(win, bet=None),
        Bet(ONE, ANNA, "EUR", UNIT, "slot", "round"),
        Adjustment(ONE, ANNA, "EUR", UNIT, "typo", "staff_1"),
        Adjustment(ONE, ANNA, "EUR", UNIT, "typo", "staff_2"),
        SetStatus(ONE, ANNA, Status.BLOCKED),
        SetStatus(ONE, ANNA, Status.CLOSED),
    ]
    assert len({win.fingerprint, *(other.fingerprint for other in others)}) == len(others) + 1


def test_fields_do_not_run_into_each_other() -> None:
    assert Bet(ONE, ANNA, "EUR", 1, "ab", "c").fingerprint != Bet(ONE, ANNA, "EUR", 1, "a", "bc").fingerprint


def test_the_name_the_session_and_the_veto_are_no_business_fields() -> None:
    bet = a_bet(UNIT)
    assert replace(bet, reference=TWO, session=b"s", veto=Reason.GAME_UNAVAILABLE).fingerprint == bet.fingerprint
    assert len(bet.fingerprint) == 16
