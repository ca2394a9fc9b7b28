"""One call for all feeds: names, kinds, and what it refuses."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

import workbench as wb
from workbench.config import load_settings
from workbench.core.bar import Bar
from workbench.core.timeframe import Timeframe
from workbench.data import sources
from workbench.errors import UsageError
from workbench.live.market.replay_feed import SimFeed


@pytest.fixture
def settings(tmp_path):
    (tmp_path / "workbench.toml").write_text('sources = ["files", "polygon"]\n')
    (tmp_path / ".env").write_text(
        "WORKBENCH_POLYGON_KEY=k\nWORKBENCH_FINNHUB_KEY=k\nWORKBENCH_ALPACA_KEY=k\n"
        "WORKBENCH_ALPACA_SECRET=s\n"
    )
    return load_settings(tmp_path)


def test_the_first_source_of_the_order_that_has_a_feed_is_taken(settings, tmp_path):
    assert wb.feed("AAPL", settings=settings).name == "polygon"
    (tmp_path / "workbench.toml").write_text("")
    empty = load_settings(tmp_path)
    assert isinstance(wb.feed("ACME/USD", "quotes", settings=empty), SimFeed)
    with pytest.raises(UsageError, match="say where AAPL comes from"):
        wb.feed("AAPL", settings=empty)


@pytest.mark.parametrize(
    ("call", "why"),
    [
        ({"symbols": "AAPL", "source": "polygn"}, "did you mean 'polygon'"),
        ({"symbols": "AAPL", "kinds": "trads"}, "did you mean 'trades'"),
        ({"symbols": []}, "at least one symbol"),
        ({"symbols": "AAPL", "kinds": "quotes", "source": "finnhub"}, "no live quotes"),
        ({"symbols": "AAPL", "kinds": "books", "source": "alpaca"}, "no live books"),
        ({"symbols": "ACME/USD", "kinds": "trades", "source": "sim"}, "no live trades"),
        ({"symbols": "AAPL", "timeframe": "1w", "source": "polygon"}, "up to a day"),
        ({"symbols": "AAPL", "speed": 5.0, "source": "polygon"}, "replayed"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_connected(settings, call, why):
    with pytest.raises(UsageError, match=why):
        wb.feed(**call, settings=settings)


def test_a_key_that_is_not_set_is_named(tmp_path):
    with pytest.raises(UsageError, match="WORKBENCH_POLYGON_KEY"):
        wb.feed("AAPL", source="polygon", settings=load_settings(tmp_path))


async def test_longer_bars_begin_with_the_minutes_before_and_are_those_of_resample(vendor):
    server, history, settings = await vendor("polygon")
    now = datetime.now(UTC)
    since = now.replace(minute=0, second=0, microsecond=0) - timedelta(hours=3)
    opened = wb.feed(
        "BTC/USD", "bars", "1h", source="polygon", settings=settings, since=since.isoformat()
    )
    got = []
    async with opened:
        async for event in opened:
            got.append(event)
            if len(got) == 3:
                break
    assert all(isinstance(event, Bar) for event in got)
    source = sources.find("polygon", settings)
    short = source.history("BTC/USD", Timeframe(1, "m"), since, since + timedelta(hours=3))
    short.attrs["timeframe"] = "1m"
    wanted = wb.resample(short, "1h")
    assert [b.close for b in got] == wanted["close"].tolist()
    assert [b.volume for b in got] == wanted["volume"].tolist()
    assert opened.store.bars("BTC/USD").attrs["timeframe"] == "1h"
    assert server.count == 1
    assert history.asked
