"""Invented bars that behave."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from workbench.core.timeframe import Timeframe
from workbench.data.calendar import sessions
from workbench.data.resample import resample
from workbench.data.schema import check_bars, fingerprint
from workbench.data.synthetic import SyntheticSource, _days
from workbench.errors import UsageError

SOURCE = SyntheticSource()


def utc(text):
    return pd.Timestamp(text, tz="UTC")


def made(symbol, timeframe, start, end):
    return SOURCE.history(symbol, Timeframe.parse(timeframe), utc(start), utc(end))


@pytest.mark.parametrize("symbol", ["ACME", "BTC/USD", "x", "é"])
@pytest.mark.parametrize("timeframe", ["1m", "5m", "1h", "1d", "7m"])
def test_bars_hold_the_contract(symbol, timeframe):
    bars = check_bars(made(symbol, timeframe, "2024-06-20", "2024-07-10"))
    assert bars.notna().all(axis=None)
    assert (bars["spread"] > 0).all()
    assert bars.attrs["source"] == "synthetic"


@pytest.mark.parametrize(
    ("timeframe", "start", "end"),
    [
        ("5m", "2024-03-07 15:00", "2024-03-12 18:00"),
        ("1m", "2024-06-30", "2024-07-02"),
        ("1d", "2016-05-05", "2016-08-08"),
    ],
)
@pytest.mark.parametrize("symbol", ["ACME", "BTC/USD"])
def test_a_part_has_the_bits_of_the_whole(symbol, timeframe, start, end):
    whole = made(symbol, timeframe, str(int(start[:4]) - 1) + "-12-01", start[:4] + "-12-01")
    part = made(symbol, timeframe, start, end)
    _days.cache_clear()
    again = made(symbol, timeframe, start, end)
    cut = whole[(whole.index >= utc(start)) & (whole.index < utc(end))]
    pd.testing.assert_frame_equal(part, cut, check_exact=True)
    assert fingerprint(part) == fingerprint(again)


def test_names_differ():
    one, two = (made(name, "1d", "2024-01-01", "2024-06-01")["close"] for name in ("A", "B"))
    assert abs(np.corrcoef(np.diff(np.log(one)), np.diff(np.log(two)))[0, 1]) < 0.3


def test_stocks_keep_sessions_and_pairs_never_sleep():
    days = made("ACME", "1d", "2024-01-01", "2025-01-01")
    assert days.index.equals(sessions("XNYS", "2024-01-01", "2024-12-31").rename("time"))
    assert len(made("ACME", "5m", "2024-07-03", "2024-07-04")) == 42
    assert len(made("BTC-USD", "1h", "2024-03-09", "2024-03-11")) == 48


def test_every_timeframe_tells_the_same_opens_and_closes():
    days = made("ACME", "1d", "2024-01-01", "2024-03-01")
    for timeframe in ("1m", "30m"):
        made_of = resample(made("ACME", timeframe, "2024-01-01", "2024-03-01"), "1d")
        assert made_of["close"].tolist() == days["close"].tolist()
        assert made_of["open"].tolist() == days["open"].tolist()


def test_the_facts_of_markets_are_there():
    days = made("ACME", "1d", "2001-01-01", "2024-01-01")
    returns = np.log(days["close"]).diff().dropna()
    assert 0.1 < returns.std() * np.sqrt(252) < 0.9
    assert returns.kurt() > 1  # fat tails
    assert returns.abs().rolling(20).mean().autocorr(20) > 0.2  # regimes
    gaps = np.log(days["open"] / days["close"].shift()).dropna()
    assert 0.1 < gaps.std() / returns.std() < 0.8
    bars = made("ACME", "5m", "2024-01-01", "2024-06-01")
    place = bars.groupby(bars.index.tz_convert("America/New_York").time)["volume"].mean()
    assert place.iloc[0] > 2 * place.iloc[len(place) // 2] < place.iloc[-1]  # the smile


def test_prices_stay_where_people_can_read_them():
    for name in ("A", "BB", "CCC", "BTC/USD"):
        close = made(name, "1d", "2000-01-03", "2026-01-01")["close"]
        assert close.max() / close.min() < 25
        assert close.min() > 1


@pytest.mark.parametrize(
    ("timeframe", "start", "end", "match"),
    [
        ("1w", "2024-01-01", "2024-06-01", "resample"),
        ("2d", "2024-01-01", "2024-06-01", "resample"),
        ("1d", "2024-01-01", "2050-01-01", "ends at 2040"),
        ("1s", "2015-01-01", "2020-01-01", "at most"),
    ],
)
def test_what_cannot_be_made_is_told(timeframe, start, end, match):
    with pytest.raises(UsageError, match=match):
        made("ACME", timeframe, start, end)


def test_an_empty_range_is_empty():
    assert made("ACME", "5m", "2024-07-06", "2024-07-07").empty  # a Saturday
    assert SOURCE.history("ACME", Timeframe(1, "d"), utc("2030-01-01"), None).empty
