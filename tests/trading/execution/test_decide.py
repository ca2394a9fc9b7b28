"""What every algorithm keeps to: the window, the limit, the steps, pauses and ends."""

from __future__ import annotations

from decimal import Decimal

import pytest

from workbench.core.order import OrderType
from workbench.core.parent import ParentState
from workbench.core.signal import Side
from workbench.errors import UsageError
from workbench.trading.execution.algorithm import Algorithm, read
from workbench.trading.execution.decide import ALGORITHMS
from workbench.trading.execution.flow import Iceberg, Pov
from workbench.trading.execution.moment import Finish, Hold, Place, Seen, Withdraw
from workbench.trading.execution.quoting import Chase, Peg
from workbench.trading.execution.schedules import Shortfall, Twap, Vwap

HALF = (Decimal("0.5"), Decimal(1))
SOME = [
    Twap(slices=4), Vwap(curve=HALF), Shortfall(curve=HALF), Pov(share=Decimal("0.5")),
    Iceberg(display=Decimal(30)), Peg(), Chase(),
]  # fmt: skip
EACH = pytest.mark.parametrize("algorithm", SOME, ids=lambda one: one.name)


@EACH
def test_it_is_read_from_the_journal_as_it_was(algorithm):
    assert read(algorithm.name, algorithm.settings) == algorithm


def test_each_has_a_name_of_its_own():
    assert {kind.name for kind in ALGORITHMS} == set(Algorithm.known)
    assert {one.name for one in SOME} == set(Algorithm.known) - {"route"}


@pytest.mark.parametrize(("name", "settings"), [("twop", {}), ("twap", {"slice": 3})])
def test_a_name_that_is_not_known_offers_the_nearest(name, settings):
    with pytest.raises(UsageError, match=r"twap|slices"):
        read(name, settings)


@EACH
def test_nothing_is_sent_before_the_start_or_from_the_end_on(algorithm, hand):
    hand = hand(algorithm)
    hand.market = Seen(Decimal(99), Decimal(101), Decimal(100), Decimal(1000))
    assert hand.decide(-1) == []
    assert not any(isinstance(action, Place) for action in hand.decide(100))
    assert any(isinstance(action, Place) for action in hand.decide(99))


@EACH
def test_what_is_open_at_the_end_is_withdrawn_and_then_it_is_over(algorithm, hand):
    hand = hand(algorithm)
    hand.market = Seen(Decimal(99), Decimal(101), Decimal(100), Decimal(1000))
    hand.work(99, filled=1)
    (name,) = [child.name for child in hand.children]
    assert hand.decide(100) == [Withdraw(name, "the time of its parent is over")]
    hand.set(name, is_leaving=True)
    assert hand.decide(100) == []
    hand.end(name)
    assert hand.decide(100) == [Finish(ParentState.ENDED, "its time is over, 99 are left")]


@EACH
@pytest.mark.parametrize("state", [ParentState.PAUSED, ParentState.CANCELING])
def test_what_is_open_is_withdrawn_when_it_is_paused_or_canceled(algorithm, state, hand):
    hand = hand(algorithm)
    hand.market = Seen(Decimal(99), Decimal(101), Decimal(100), Decimal(1000))
    hand.work(50, filled=1)
    hand.state = state
    assert [type(action) for action in hand.work()] == [Withdraw]
    over = [] if state is ParentState.PAUSED else [Finish(ParentState.CANCELED)]
    assert hand.decide() == over


@EACH
def test_it_is_done_once_it_is_filled_and_nothing_is_open(algorithm, hand):
    hand = hand(algorithm)
    hand.market = Seen(Decimal(99), Decimal(101), Decimal(100), Decimal(1000))
    for seconds in range(0, 100, 3):
        if hand.decide(seconds) == [Finish(ParentState.DONE)]:
            break
        hand.work(seconds)
    assert hand.progress.filled == 100
    assert hand.decide() == [Finish(ParentState.DONE)]
    hand.state = ParentState.DONE
    assert hand.decide() == []


@EACH
@pytest.mark.parametrize("limit", ["98.5", "100"])
def test_no_part_is_worse_than_the_limit(algorithm, limit, hand):
    hand = hand(algorithm, limit_price=Decimal(limit), tick=Decimal("0.5"))
    hand.market = Seen(Decimal(99), Decimal(101), Decimal(100), Decimal(1000))
    for seconds in range(0, 100, 3):
        for action in hand.work(seconds):
            if isinstance(action, Place):
                assert action.type is OrderType.LIMIT
                assert action.limit_price <= Decimal(limit)
    assert hand.children


@EACH
def test_it_takes_no_more_than_its_share_of_the_market(algorithm, hand):
    hand = hand(algorithm, max_participation=Decimal("0.1"))
    for seconds in range(100):
        hand.market = Seen(Decimal(99), Decimal(101), Decimal(100), Decimal(5 * seconds))
        hand.work(seconds)
        assert hand.progress.committed <= Decimal("0.1") * hand.market.volume
    assert hand.progress.filled == 49


@EACH
def test_a_part_of_unknown_fate_is_waited_for(algorithm, hand):
    hand = hand(algorithm)
    hand.market = Seen(Decimal(99), Decimal(101), Decimal(100), Decimal(1000))
    total = Decimal(0)
    for seconds in range(0, 100, 2):
        hand.work(seconds, filled=0)
        assert hand.progress.committed <= 100
        total = max(total, hand.progress.committed)
    assert total > 0


@EACH
def test_what_is_refused_is_tried_again_less_and_less_often_and_then_held(algorithm, hand):
    hand = hand(algorithm, end=hand(algorithm).parent.end.replace(hour=20))
    hand.market = Seen(Decimal(99), Decimal(101), Decimal(100), Decimal(1000))
    tried = []
    for seconds in range(9000):
        actions = hand.decide(seconds)
        if any(isinstance(action, Hold) for action in actions):
            break
        if actions:
            hand.work()
            name = hand.children[-1].name
            hand.set(name, filled=Decimal(0), is_open=False, is_refused=True)
            tried.append((hand.children[-1].slice.attempt, seconds))
    first = tried[0][1]
    numbers = {child.slice.number for child in hand.children}
    if len(numbers) == 1:
        assert [(n, at - first) for n, at in tried] == [(0, 0), (1, 2), (2, 6), (3, 14), (4, 30)]
    assert len(tried) == 5
    assert len({child.name for child in hand.children}) == 5


def test_parts_are_on_the_lot_and_the_remainder_goes_with_the_last(hand):
    hand = hand(Twap(slices=7), lot=Decimal(10))
    for seconds in range(100):
        hand.work(seconds)
    assert hand.sizes == [10, 10, 20, 10, 20, 10, 20]


def test_what_a_slice_missed_is_asked_for_again(hand):
    hand = hand(Twap(slices=4))
    hand.work(0, filled=5)
    assert hand.decide(10) == []
    hand.end("p-0-0")
    hand.work(10)
    assert [(c.name, c.quantity) for c in hand.children] == [("p-0-0", 25), ("p-0-1", 20)]
    hand.work(25)
    assert hand.progress.filled == 50


def test_a_passive_slice_rests_and_the_last_one_crosses(hand):
    hand = hand(Twap(slices=3, passive=True), tick=Decimal("0.1"), lot=Decimal(0))
    (first,) = hand.work(0, filled=10)
    assert (first.type, first.limit_price) == (OrderType.LIMIT, 99)
    assert hand.work(34) == [Withdraw("p-0-0", "its slice is over")]
    (second,) = hand.work(35, filled=0)
    assert second.slice.number == 1
    assert first.quantity - 10 < second.quantity < 2 * first.quantity
    assert [type(action) for action in hand.work(67)] == [Withdraw]
    (last,) = hand.work(68)
    assert (last.type, last.quantity) == (OrderType.MARKET, 90)


def test_slices_begin_at_times_that_look_drawn_and_stay_the_same(hand):
    algorithm = Twap(slices=10, jitter=Decimal("0.9"))
    parent = hand(algorithm).parent
    starts = [(at - parent.start).total_seconds() for at, _ in algorithm.plan(parent)]
    assert starts == [(at - parent.start).total_seconds() for at, _ in algorithm.plan(parent)]
    late = [start - 10 * n for n, start in enumerate(starts)]
    assert all(0 <= one < 9 for one in late)
    assert len({round(one, 3) for one in late}) == 10


def test_a_part_that_is_too_small_waits_and_a_rest_that_would_be_goes_along(hand):
    hand = hand(Twap(slices=10), min_notional=Decimal(1500))  # at 101, 15 units
    for seconds in range(100):
        hand.work(seconds)
    assert sum(hand.sizes) == 100
    assert min(hand.sizes) >= 15
    assert hand.sizes == [20, 20, 20, 20, 20]


def test_a_rest_too_small_to_be_sent_ends_with_the_parent(hand):
    hand = hand(Twap(slices=1), min_notional=Decimal(1500))
    hand.work(0, filled=90)
    hand.end("p-0-0")
    assert hand.decide(50) == []
    assert hand.decide(100)[0].reason == "its time is over, 10 are left"


def test_a_share_of_the_volume(hand):
    hand = hand(Pov(share=Decimal("0.2"), every=10))
    volumes = {0: 0, 5: 50, 12: 120, 13: 400, 30: 400, 40: 900}
    for seconds, volume in volumes.items():
        hand.market = Seen(last=Decimal(100), volume=Decimal(volume))
        hand.work(seconds)
    assert hand.sizes == [10, 70, 20]
    assert [child.slice.number for child in hand.children] == [0, 1, 2]


def test_an_iceberg_shows_a_piece_at_a_time(hand):
    hand = hand(Iceberg(display=Decimal(30)), limit_price=Decimal(100))
    hand.work(0, filled=10)
    assert hand.decide(1) == []
    for name in ("p-0-0", "p-1-0", "p-2-0"):
        hand.end(name, filled=30)
        hand.work(filled=0)
    assert hand.sizes == [30, 30, 30, 10]


def test_pieces_vary_and_never_above_what_is_shown(hand):
    hand = hand(Iceberg(display=Decimal(10), variance=Decimal("0.5")), limit_price=Decimal(100))
    for seconds in range(60):
        hand.work(seconds)
    assert sum(hand.sizes) == 100
    assert len(set(hand.sizes[:-1])) > 1
    assert 5 <= min(hand.sizes[:-1]) <= max(hand.sizes) <= 10


@pytest.mark.parametrize(
    ("peg", "side", "price"),
    [
        (Peg(), "buy", 99), (Peg(), "sell", 101), (Peg(to="mid"), "buy", 100),
        (Peg(to="far"), "buy", 101), (Peg(offset=Decimal("0.5")), "buy", "99.5"),
        (Peg(offset=Decimal("0.5")), "sell", "100.5"),
    ],
)  # fmt: skip
def test_a_peg_stands_where_it_is_told(peg, side, price, hand):
    hand = hand(peg, side=Side(side))
    (place,) = hand.work(0)
    assert place.limit_price == Decimal(price)


def test_a_peg_follows_once_the_market_has_moved_far_enough(hand):
    hand = hand(Peg(tolerance=Decimal(1), every=5))
    hand.work(0, filled=0)
    hand.market = Seen(Decimal(98), Decimal(101))
    assert hand.decide(10) == []
    hand.market = Seen(Decimal(97), Decimal(101))
    assert hand.decide(4) == []
    assert hand.work(10) == [Withdraw("p-0-0", "it moves to 97")]
    (place,) = hand.work(10, filled=0)
    assert (place.slice.intent_id, place.limit_price) == ("p-1-0", 97)


def test_a_chase_gives_way_until_it_crosses_and_begins_anew_after_a_fill(hand):
    hand = hand(Chase(patience=5, steps=4, display=Decimal(10)))
    for seconds in range(40):
        if hand.work(seconds, filled=0) and not hand.progress.open:
            hand.work(filled=0)
    assert [child.limit_price for child in hand.children] == [
        Decimal(99), Decimal("99.5"), Decimal(100), Decimal("100.5"), Decimal(101),
    ]  # fmt: skip
    hand.end(hand.children[-1].name, filled=10)
    hand.work(41, filled=0)
    assert hand.children[-1].limit_price == 99


def test_a_chase_goes_no_further_than_it_may(hand):
    hand = hand(Chase(patience=1, steps=1, most_bps=Decimal(50)), arrival=Decimal(100))
    hand.work(0, filled=0)
    hand.work(1)
    (place,) = hand.work(1)
    assert place.limit_price == Decimal("100.5")


@pytest.mark.parametrize(
    "make",
    [
        lambda: Twap(slices=0), lambda: Twap(jitter=1), lambda: Vwap(curve=("0.5",)),
        lambda: Vwap(curve=(0.6, 0.5, 1)), lambda: Pov(share=0), lambda: Pov(share=1.5),
        lambda: Iceberg(display=0), lambda: Iceberg(display=1, variance=1), lambda: Peg(to="neer"),
        lambda: Peg(every=-1), lambda: Chase(steps=0), lambda: Chase(most_bps=0),
        lambda: Twap(jitter=float("nan")),
    ],
)  # fmt: skip
def test_settings_that_make_no_sense_are_refused(make):
    with pytest.raises(UsageError):
        make()
