"""Answers of vendors as they were recorded or documented, read by the adapters."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from workbench.core.timeframe import Timeframe
from workbench.testing.wire import instead

FIXTURES = Path(__file__).resolve().parents[2] / "../shared/fixtures"
DAY = Timeframe(1, "d")


def recorded(path, key, part):
    file = FIXTURES / path
    if not file.is_file():
        pytest.skip("no recorded answers beside the checkout")
    return next(r["body"] for r in json.loads(file.read_text()) if part in r[key])


def test_aggregates_of_polygon(serve):
    part = "v2/aggs/ticker/AAPL/range/1/day/2005-04-01/2005-04-04"
    body = recorded("polygon/client_python_mocks.json", "request", part)
    source, server = serve("polygon")
    server.fail(instead(body), when=lambda asked: "aggs" in asked.path)
    window = (pd.Timestamp(day, tz="UTC") for day in ("2005-04-01", "2005-04-05"))
    bars = source.history("AAPL", DAY, *window)
    assert bars.index.strftime("%Y-%m-%d").tolist() == ["2005-04-01", "2005-04-04"]
    assert bars["close"].tolist() == [1.4604, 1.4675]


def test_candles_of_finnhub(serve):
    body = recorded("finnhub/collected.json", "op", "GET /crypto/candle")
    source, server = serve("finnhub")
    server.fail(instead(body), when=lambda asked: "candle" in asked.path)
    window = (pd.Timestamp(day, tz="UTC") for day in ("2019-09-16", "2019-09-21"))
    hours = source.history("BINANCE:X", Timeframe(1, "h"), *window)
    assert hours["close"].tolist() == body["c"]
