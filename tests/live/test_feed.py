"""The invented market: by the wall clock, the same for everybody, nothing of tomorrow in it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from workbench.errors import UsageError
from workbench.live.market.feed import SyntheticFeed

START = datetime(2026, 1, 5, 12, tzinfo=UTC)
ACME, BOLT = "ACME/USD", "BOLT/USD"


def seconds(count, step=1.0):
    return [START + timedelta(seconds=i * step) for i in range(count)]


@pytest.fixture(scope="module")
def feed():
    made = SyntheticFeed(START, (ACME, BOLT))
    yield made
    made.close()


def test_quotes_are_whole_cents_and_never_crossed(feed):
    for now in seconds(300, 7.3):
        for quote in feed.tick(now):
            assert 0 < quote.bid < quote.ask
            assert (round(quote.bid, 2), round(quote.ask, 2)) == (quote.bid, quote.ask)
            assert quote.time == now


def test_it_moves_and_is_the_same_for_everybody(feed):
    other = SyntheticFeed(START - timedelta(hours=9), (ACME,))
    mids = [feed.at(ACME, now).mid for now in seconds(300)]
    assert len(set(mids)) > 4
    assert mids == [other.at(ACME, now).mid for now in seconds(300)]
    assert feed.source == "synthetic"
    other.close()


def test_bars_end_now_and_agree_with_the_quotes(feed):
    now = START + timedelta(seconds=22)
    bars = feed.bars(ACME, now, seconds=15, count=40)
    assert len(bars) == 40
    assert bars.index[-1] == START + timedelta(seconds=15)
    assert bars["close"].iloc[-1] == pytest.approx(feed.at(ACME, now).mid, abs=0.011)
    assert ((bars["low"] <= bars["close"]) & (bars["close"] <= bars["high"])).all()
    assert bars.attrs["source"] == "synthetic"
    again = feed.bars(ACME, now + timedelta(minutes=1), seconds=15, count=44)
    assert again["close"].iloc[:39].equals(bars["close"].iloc[:-1])


def test_the_growing_bar_knows_nothing_of_what_comes(feed):
    for now in seconds(20, 0.5):
        seen = [feed.at(ACME, now).mid]
        last = feed.bars(ACME, now, seconds=5, count=1).iloc[-1]
        assert last["close"] == pytest.approx(seen[0], abs=0.011)
        assert last["high"] == pytest.approx(max(last["open"], last["close"]))
        assert last["low"] == pytest.approx(min(last["open"], last["close"]))


def test_tomorrow_is_made_in_time_and_yesterday_kept_for_the_chart(feed):
    feed = SyntheticFeed(START, (ACME,))
    evening = START + timedelta(hours=13)
    feed.tick(evening)
    feed._next.result(60)
    tomorrow = START + timedelta(hours=25)
    assert feed.tick(tomorrow)[0].time == tomorrow
    bars = feed.bars(ACME, tomorrow, seconds=60, count=100)
    assert len(bars) == 100
    assert bars.index.to_series().diff().dropna().eq(timedelta(minutes=1)).all()
    feed.close()


def test_where_nothing_is_made_the_last_quote_is_old_and_says_so(feed):
    late = SyntheticFeed(START, (ACME,))
    quote = late.at(ACME, START + timedelta(days=3))
    assert quote.time == START + timedelta(days=1)
    assert late.at(ACME, START - timedelta(days=1)) is None
    late.close()


def test_what_is_not_there_is_named(feed):
    with pytest.raises(UsageError, match="did you mean 'ACME/USD'"):
        feed.at("ACNE/USD", START)
    with pytest.raises(UsageError, match="multiple"):
        feed.bars(ACME, START, seconds=7)
