from __future__ import annotations

import math
from datetime import UTC, datetime

import pytest

from workbench.errors import UsageError
from workbench.live.feed import SyntheticFeed, sample_closes

AT = datetime(2024, 1, 2, tzinfo=UTC)


def test_quotes_are_never_crossed_and_stay_positive():
    feed = SyntheticFeed({"AAPL": 100.0, "PENNY": 0.02}, volatility=0.2)
    for _ in range(500):
        for quote in feed.tick(AT):
            assert 0 < quote.bid < quote.ask < math.inf


def test_it_is_named_what_it_is_and_seeded():
    walks = [SyntheticFeed({"AAPL": 100.0}, seed=seed) for seed in (1, 1, 2)]
    quotes = [[feed.tick(AT) for _ in range(50)] for feed in walks]
    assert quotes[0] == quotes[1] != quotes[2]
    assert walks[0].source == "synthetic"


@pytest.mark.parametrize("price", [0.0, -1.0, math.nan, math.inf])
def test_a_walk_begins_at_a_price(price):
    with pytest.raises(UsageError, match="AAPL"):
        SyntheticFeed({"AAPL": price})


def test_it_begins_at_the_last_sample_closes():
    closes = sample_closes()
    assert set(closes) >= {"AAPL", "GOOG", "IBM", "MSFT"}
    assert closes["IBM"] == pytest.approx(202.91)
