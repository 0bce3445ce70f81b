"""What happens at the cashier and behind it, in bursts that overlap: registrations, deposits, withdrawals, bonuses, staff."""

from dataclasses import replace
from random import Random

from countroom.ledger.movements import (
    Adjustment,
    Bet,
    BonusConverted,
    BonusForfeited,
    BonusGranted,
    Capture,
    Deposit,
    DepositReturned,
    DepositReversal,
    Hold,
    Movement,
    OpenWallet,
    PayoutReturned,
    Release,
    SetStatus,
    Status,
)
from tests.simulation import protection, rooms
from tests.simulation.draft import GAME, GATEWAY, HOUSE, Draft
from tests.simulation.play import session, stake
from tests.simulation.requests import SECOND, Verb


def opening(draft: Draft) -> None:
    """Every player registers (twice at once, perhaps for an address that is taken), pays in and starts a session."""
    for player_id in draft.players:
        open_wallet(draft, player_id)
    draft.now += SECOND
    for player_id in draft.players:
        deposit(draft, player_id, 0)
        session(draft, player_id)
    draft.now += 3 * SECOND


def open_wallet(draft: Draft, player_id: str) -> None:
    """Register: wallet, player and e-mail address in one commit."""
    movement = OpenWallet.of(player_id, draft.currency[player_id], "MT")
    address = "mail#shared" if draft.rng.random() < 0.05 else f"mail#{player_id}"
    companions = rooms.claimed(f"player#{player_id}", player_id), rooms.claimed(address, player_id)
    draft.post(movement, None, *companions)
    if draft.rng.random() < 0.3:
        draft.post(replace(movement, country="SE"), note="same id, other fields")
    if draft.rng.random() < 0.3:
        at = draft.near() if draft.rng.random() < 0.1 else 2 * SECOND
        draft.post(replace(movement, currency="USD"), at, note="same id, other currency")


def deposit(draft: Draft, player_id: str, at: int | None = None) -> None:
    """A deposit's row, and its credit together with the row's step; the row may be cancelled or come late."""
    rng = draft.rng
    reference = draft.name(GATEWAY, "dep")
    row = reference.text
    late = rng.random() < 0.15
    draft.add(Verb.ROW, 0, companions=(rooms.new_row(row, rooms.CREATED if late else rooms.PENDING),), note=f"{row} begins")
    if late:
        step = rooms.moved(row, rooms.CREATED, rooms.PENDING)
        draft.add(Verb.ROW, draft.near(40), companions=(step,), note=f"{row} is pending")
    if rng.random() < 0.1:
        step = rooms.moved(row, rooms.PENDING, rooms.CANCELLED)
        draft.add(Verb.ROW, draft.near(40), companions=(step,), note=f"{row} is cancelled")
    movement = Deposit(reference, player_id, draft.currency[player_id], draft.amount(300))
    credit = rooms.moved(row, rooms.PENDING, rooms.CREDITED)
    draft.post(movement, (at or 0) + 1000 + draft.near(), credit)
    if rng.random() < 0.15:
        draft.post(replace(movement, amount=movement.amount + 1), None, credit, note="same id, other amount")


def pay_in(draft: Draft) -> None:
    """Deposits, and reversals of them."""
    rng = draft.rng
    player_id = draft.player()
    for _ in range(rng.randint(1, 2)):
        deposit(draft, player_id)
    paid = [request.movements[0] for request in draft.requests if request.movements and isinstance(request.movements[0], Deposit)]
    if paid and rng.random() < 0.4:
        one = rng.choice(paid)
        for _ in range(rng.randint(1, 2)):
            back = DepositReversal(draft.name(GATEWAY, "cb"), one.player_id, one.money[0], one.money[1], one.reference)
            draft.post(back, draft.near(60))
        given_back(draft, one, back)


def given_back(draft: Draft, one: Movement, back: DepositReversal) -> None:
    """What a chargeback took is given back, perhaps twice at once, and taken again. Its dice are its own."""
    kept, draft.rng = draft.rng, Random(back.reference.text)  # noqa: S311 - a seeded schedule, no secret
    if draft.rng.random() < 0.6:
        code, amount = back.money
        returned = DepositReturned(draft.name(GATEWAY, "rt"), one.player_id, code, amount, back.reference)
        for _ in range(draft.rng.randint(1, 2)):
            draft.post(returned, SECOND + draft.near(60))
        again = replace(back, reference=draft.name(GATEWAY, "cb"), deposit=returned.reference)
        draft.post(again, 2 * SECOND + draft.near(60))
    draft.rng = kept


def pay_out(draft: Draft) -> None:
    """A hold with its withdrawal's row, a race to capture and to release it, a payout that comes back."""
    rng = draft.rng
    player_id = draft.player()
    reference = draft.name("house:withdrawal", "wd")
    row = reference.text
    draft.add(Verb.ROW, 0, companions=(rooms.new_row(row, rooms.PENDING),), note=f"{row} begins")
    reserve = rooms.moved(row, rooms.PENDING, rooms.RESERVED)
    draft.post(Hold(reference, player_id, draft.currency[player_id], draft.amount(80)), 1000, reserve)
    capture = Capture(draft.name(GATEWAY, "cap"), player_id, reference)
    enders: list[Movement] = [capture, Release(draft.name("house:withdrawal", "rel"), player_id, reference)]
    if rng.random() < 0.3:
        enders.append(replace(capture, reference=draft.name(GATEWAY, "cap"), player_id=draft.player()))
    for ender in enders:
        if rng.random() < 0.75:
            draft.post(ender, rng.choice((draft.near(30), SECOND + draft.near(4))))
    if rng.random() < 0.5:
        for _ in range(rng.randint(1, 2)):
            draft.post(PayoutReturned(draft.name(GATEWAY, "ret"), player_id, capture.reference), SECOND + draft.near(80))


def bonuses(draft: Draft) -> None:
    """Bonus money granted, converted and forfeited at the same time as bets."""
    player_id = draft.player()
    code = draft.currency[player_id]
    draft.post(BonusGranted(draft.name(HOUSE, "g"), player_id, code, draft.amount(50)))
    if draft.rng.random() < 0.5:
        draft.post(BonusConverted(draft.name(HOUSE, "g"), player_id, code, draft.amount(30)), draft.near(40))
    if draft.rng.random() < 0.5:
        draft.post(BonusForfeited(draft.name(HOUSE, "g"), player_id, code, draft.amount(30)), draft.near(40))
    draft.post(stake(draft, player_id, draft.amount(90)), draft.near(40))


def staff(draft: Draft) -> None:
    """Corrections, changes of status, limits; amounts that cannot be; a player that nobody knows."""
    rng = draft.rng
    player_id = draft.player()
    code = draft.currency[player_id]
    match rng.randint(0, 4):
        case 0:
            sign = rng.choice((1, -1))
            draft.post(Adjustment(draft.name(HOUSE, "a"), player_id, code, sign * draft.amount(40), "found a mistake", "ann"))
        case 1:
            status = rng.choice((Status.BLOCKED, Status.EXCLUDED, Status.CLOSED))
            draft.post(SetStatus(draft.name(HOUSE, "s"), player_id, status), 0)
            draft.post(stake(draft, player_id), 60_000)
            draft.post(SetStatus(draft.name(HOUSE, "s"), player_id, Status.ACTIVE), rng.choice((30_000, SECOND)))
        case 2:
            protection.limits(draft, player_id)
        case 3:
            amount = rng.choice((-1, 10**38, 0))
            draft.post(Deposit(draft.name(GATEWAY, "odd"), player_id, code, amount), note="impossible amount")
        case _:
            draft.post(Bet(draft.name(GAME, "b"), "nobody", "EUR", 10**9, "dice", "r1"), note="unknown player")


def registrations(draft: Draft) -> None:
    """A player registers again."""
    open_wallet(draft, draft.player())
