"""Every wallet reads back as it was written, in one kilobyte; and no bit of what is stored can change unseen."""

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from countroom.ledger import items
from countroom.ledger.movements import COUNTING, ExclusionKind, LimitKind, Period, Status
from countroom.ledger.wallet import Exclusion, GameSession, Limit, Pending, PlayClock, Totals, Wallet
from countroom.money import AMOUNT_MAX

sums = st.integers(-(10**25) + 1, 10**25 - 1)
caps = st.integers(0, AMOUNT_MAX)
instants = st.integers(0, 2**48 - 1)
versions = st.integers(0, 10**12 - 1)
pendings = st.none() | st.builds(
    Pending, st.none() | caps, st.integers(0, 2**38 - 1).map(lambda second: second * 1000), st.booleans()
)
NAMES = [(kind, period) for kind in LimitKind for period in Period if (kind in COUNTING) is (period is not Period.EACH)]


@st.composite
def limits(draw: st.DrawFn) -> tuple[Limit, ...]:
    """Draw some limits, each at most once, as the rules make them."""
    found = []
    for kind, period in draw(st.lists(st.sampled_from(NAMES), unique=True)):
        limit = Limit(kind, period, draw(caps), pending=draw(pendings))
        if kind in COUNTING:
            counter = draw(st.tuples(st.integers(0, 2**80 - 1), instants, st.integers(0, 2**16 - 1), versions))
            limit = replace(limit, used=counter[0], anchor_ms=counter[1], index=counter[2], after=counter[3])
        found.append(limit)
    return tuple(found)


providers = st.text("abcxyz0189_-", min_size=1, max_size=16)
digests = st.binary(min_size=12, max_size=12)
wallets = st.builds(
    Wallet,
    player_id=st.text("abcXYZ019_-", min_size=1, max_size=32),
    currency=st.sampled_from(["EUR", "JPY", "BTC", "USDT", "DOGE"]),
    country=st.sampled_from(["GB", "MT", "CA"]),
    version=versions,
    cash=sums,
    bonus=sums,
    held=sums,
    status=st.sampled_from(Status),
    totals=st.builds(Totals, sums, sums, sums, sums, sums, sums),
    sessions=st.lists(
        st.builds(GameSession, providers, digests, st.just(b"") | digests, instants), max_size=4, unique_by=lambda one: one.provider
    ).map(tuple),
    limits=limits(),
    exclusion=st.none() | st.builds(Exclusion, st.sampled_from(ExclusionKind), instants, instants, instants),
    play=st.builds(PlayClock, instants, instants, instants, sums, sums, st.integers(0, 2**32 - 1), st.integers(0, 2**24 - 1)),
    head=st.binary(min_size=32, max_size=32),
    head_key=st.just("s" * 12 + ":" + "n" * 16 + "#" + "i" * 64),
)


@settings(max_examples=300, deadline=None)
@given(wallet=wallets)
def test_a_wallet_reads_back_and_fits(wallet: Wallet) -> None:
    item = items.checked_size(items.wallet_item(wallet))
    assert items.wallet_of(item) == wallet


@settings(max_examples=300, deadline=None)
@given(wallet=wallets, data=st.data())
def test_a_bit_that_is_turned_shows(wallet: Wallet, data: st.DataObject) -> None:
    item = items.wallet_item(wallet)
    name = data.draw(st.sampled_from(sorted(name for name in ("d", "s", "l", "e", "c") if name in item)))
    at = data.draw(st.integers(0, len(item[name]["B"]) * 8 - 1))
    turned = bytearray(item[name]["B"])
    turned[at // 8] ^= 1 << at % 8
    try:
        read = items.wallet_of({**item, name: {"B": bytes(turned)}})
    except items.NotAnItem:
        return
    assert read != wallet
    assert read.state() != wallet.state()
