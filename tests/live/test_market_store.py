"""The market data store: the last of each, as of an instant, under many readers."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

import pytest

import workbench as wb
from workbench.core.bar import Bar
from workbench.core.depth import Depth
from workbench.core.headline import Headline
from workbench.core.quote import Quote
from workbench.core.trade import Trade
from workbench.data.schema import check_bars
from workbench.errors import UsageError
from workbench.live.market.market_store import Keep, MarketStore

NOON = datetime(2024, 1, 2, 12, tzinfo=UTC)


def at(minutes):
    return NOON + timedelta(minutes=minutes)


def bar(minute, price=10.0):
    return Bar("X", at(minute), price, price + 1, price - 1, price, 5.0, at(minute + 1))


def test_only_the_last_are_kept_and_the_newest_is_found():
    store = MarketStore(Keep(trades=10, quotes=10, bars=10))
    for i in range(57):
        store.put(Trade("X", at(i), 10.0 + i, 1.0))
    assert [t.price for t in store.trades("X", 100)] == [57.0 + i for i in range(10)]
    assert store.trade("X").price == 66.0
    assert [t.price for t in store.trades("X", 2)] == [65.0, 66.0]
    assert store.trades("X", 0) == []


def test_as_of_reads_never_see_what_came_later():
    store = MarketStore(Keep(quotes=10))
    for i in range(15):
        store.put(Quote("X", at(i), 10.0 + i, 30.0))
    for i in range(5, 15):
        assert store.quote("X", at(i)).bid == 10.0 + i
        assert store.quote("X", at(i) + timedelta(seconds=59)).bid == 10.0 + i
    assert store.quote("X", at(4)) is None, "what is no longer kept is not told"
    assert store.quote("X", at(99)).bid == 24.0


def test_a_bar_counts_from_when_it_was_known():
    store = MarketStore()
    for i in range(3):
        store.put(bar(i, 10.0 + i))
    assert store.bar("X", at(1)).close == 10.0
    assert store.bar("X", at(1) - timedelta(seconds=1)) is None
    assert len(store.bars("X", as_of=at(2))) == 2


def test_bars_come_as_a_frame_of_the_contract():
    store = MarketStore(timeframe="1m", calendar="24/7", source="here")
    for i in range(60):
        store.put(bar(i, 10.0 + i % 7))
    bars = store.bars("X", 40)
    assert check_bars(bars).equals(bars)
    assert bars.index[0] == at(20)
    assert bars.attrs["timeframe"] == "1m"
    assert wb.ta.sma(bars["close"], 5).notna().sum() == 36
    assert store.bars("X", 0).empty


def test_the_late_are_put_in_their_place():
    store = MarketStore()
    for i in (0, 2, 1):
        store.put(Trade("X", at(i), float(i), 1.0))
    assert [t.price for t in store.trades("X")] == [0.0, 1.0, 2.0]
    assert store.trade("X", at(1)).price == 1.0


def test_books_and_headlines():
    asked = []
    store = MarketStore(on_resync=asked.append)
    store.put(Depth("X", NOON, ((9.0, 1.0),), ((11.0, 1.0),), is_snapshot=True, last=1))
    assert store.put(Depth("X", NOON, ((10.0, 1.0),), (), first=2, last=2))
    assert store.book("X", 1).bids == ((10.0, 1.0),)
    assert not store.put(Depth("X", NOON, ((10.0, 2.0),), (), first=4, last=4))
    assert (asked, store.book("X")) == (["X"], None)
    store.put(Headline("1", NOON, ("X", "Y"), "both"))
    store.put(Headline("2", NOON, ("Y",), "one"))
    assert [h.title for h in store.headlines("X")] == ["both"]
    assert len(store.headlines()) == 2


def test_what_was_never_told_of_is_named():
    store = MarketStore()
    store.put(Quote("AAPL", NOON, 9.0, 10.0))
    with pytest.raises(UsageError, match="did you mean 'AAPL'"):
        store.quote("APPL")
    with pytest.raises(UsageError, match="at least one"):
        Keep(bars=0)


def test_many_readers_and_one_writer():
    store = MarketStore(Keep(trades=50, quotes=50, bars=50))
    store.put(Trade("X", NOON, 0.0, 1.0))
    store.put(bar(0))
    faults, done = [], threading.Event()

    def read():
        while not done.is_set():
            prices = [t.price for t in store.trades("X", 50)]
            if prices != sorted(prices) or len(prices) > 50:
                faults.append(prices)
            seen = store.trade("X", NOON + timedelta(seconds=prices[0]))
            if seen is not None and seen.price > prices[0]:
                faults.append(seen)
            store.bars("X", 5)

    readers = [threading.Thread(target=read) for _ in range(4)]
    for reader in readers:
        reader.start()
    for i in range(1, 4000):
        store.put(Trade("X", NOON + timedelta(seconds=i), float(i), 1.0))
        if i % 100 == 0:
            store.put(bar(i))
    done.set()
    for reader in readers:
        reader.join()
    assert faults == []
