"""Opening, game sessions and status: what changes a wallet but never its balances."""

import pytest

from countroom.ledger.decide import Decision, decide
from countroom.ledger.movements import OpenWallet, Reason, SetStatus, StartSession, Status
from countroom.ledger.records import Outcome
from countroom.ledger.wallet import SESSIONS_MAX, GameSession, Wallet
from tests.unit.ledger.examples import ANNA, HOUSE, NONE, NOW, decided, ref, refused, wallet_with

DAY = 86_400_000


def started(digest: bytes, provider: str = "hub88", expires_at_ms: int = NOW + DAY) -> StartSession:
    return StartSession.of(ANNA, provider, digest, "slot", expires_at_ms)


@pytest.mark.parametrize("currency", ["EUR", "JPY", "BTC"])
def test_a_wallet_opens_empty(currency: str) -> None:
    decision = decide(None, NONE, OpenWallet.of(ANNA, currency, "MT"), NOW)
    assert isinstance(decision, Decision)
    head = decision.record.hash
    assert decision.wallet == Wallet(ANNA, currency, "MT", 1, head=head, head_key="wallet:open#pl_anna")
    assert (decision.record.outcome, decision.record.amount) == (Outcome.APPLIED, 0)
    assert decision.record.postings == ()
    assert decision.record.note == "MT"


@pytest.mark.parametrize("currency", ["", "eur", "XXX", "E\x1fR", "EURO" * 99])
def test_no_wallet_opens_in_a_currency_that_does_not_exist(currency: str) -> None:
    assert refused(None, OpenWallet.of(ANNA, currency, "MT")) is Reason.WRONG_CURRENCY


def test_a_session_becomes_the_current_one_and_remembers_the_one_before() -> None:
    first = decided(wallet_with(cash=5), started(b"1" * 12))
    assert first.wallet.sessions == (GameSession("hub88", b"1" * 12, b"", NOW + DAY),)
    second = decided(first.wallet, started(b"2" * 12, expires_at_ms=NOW + 5))
    assert second.wallet.sessions == (GameSession("hub88", b"2" * 12, b"1" * 12, NOW + 5),)
    third = decided(second.wallet, started(b"3" * 12))
    assert third.wallet.sessions == (GameSession("hub88", b"3" * 12, b"2" * 12, NOW + DAY),)
    assert third.wallet.cash == 5


def test_of_too_many_sessions_the_oldest_is_forgotten() -> None:
    assert SESSIONS_MAX == 4
    wallet = wallet_with()
    for provider in "abcd":
        wallet = decided(wallet, started(b"1" * 12, provider)).wallet
    assert [entry.provider for entry in wallet.sessions] == ["d", "c", "b", "a"]
    wallet = decided(wallet, started(b"2" * 12, "b")).wallet
    assert [entry.provider for entry in wallet.sessions] == ["b", "d", "c", "a"]
    wallet = decided(wallet, started(b"1" * 12, "e")).wallet
    assert [entry.provider for entry in wallet.sessions] == ["e", "b", "d", "c"]


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (Status.BLOCKED, Reason.WALLET_BLOCKED),
        (Status.CLOSED, Reason.WALLET_BLOCKED),
        (Status.EXCLUDED, Reason.WALLET_EXCLUDED),
    ],
)
def test_no_session_for_a_wallet_that_is_not_active(status: Status, reason: Reason) -> None:
    assert refused(wallet_with(status=status), started(b"1" * 12)) is reason


@pytest.mark.parametrize("status", Status)
@pytest.mark.parametrize("before", Status)
def test_a_status_follows_any_other(before: Status, status: Status) -> None:
    cash = 0 if status is Status.CLOSED else 5
    decision = decided(wallet_with(cash=cash, status=before), SetStatus(ref("s", HOUSE), ANNA, status))
    assert (decision.wallet.status, decision.wallet.cash) == (status, cash)


@pytest.mark.parametrize("left", [{"cash": 1}, {"cash": -1}, {"bonus": 1}, {"bonus": -1}, {"held": 1}, {"cash": 1, "bonus": -1}])
def test_only_an_empty_wallet_is_closed(left: dict[str, int]) -> None:
    closing = SetStatus(ref("s", HOUSE), ANNA, Status.CLOSED)
    assert refused(wallet_with(**left), closing) is Reason.BALANCE_REMAINS
    assert decided(wallet_with(), closing).wallet.status is Status.CLOSED
