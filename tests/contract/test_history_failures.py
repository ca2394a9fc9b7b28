"""What goes wrong on the way through a history: the same for every vendor."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pandas as pd
import pytest

import workbench as wb
from workbench.config import load_settings
from workbench.core.timeframe import Timeframe
from workbench.data import sources
from workbench.errors import DataError, UnavailableError, UsageError
from workbench.testing.market import Market
from workbench.testing.vendors import AlpacaWire, FinnhubWire, PolygonWire
from workbench.testing.wire import WireServer, drop, instead, truncate
from workbench.testing.workspace import VENDORS, point_at
from workbench.venues import history

MINUTE, DAY = Timeframe(1, "m"), Timeframe(1, "d")
STOCKS = ("polygon", "alpaca", "finnhub")
LONG = [name for name in VENDORS if name != "kraken"]  # which answers with its last 720 bars
FAULTS = {
    "429": instead({"message": "slow down"}, 429),
    "500": instead({"message": "oops"}, 500),
    "HTML with status 200": instead("<html>Sorry</html>"),
    "a cut answer": truncate(30),
    "a dropped connection": drop(),
    "an empty table": instead({}),
}
REFUSALS = {
    "polygon": instead({"status": "ERROR", "error": "Unknown API Key"}, 401),
    "alpaca": instead({"message": "forbidden."}, 403),
    "finnhub": instead({"error": "Invalid API key"}, 401),
    "binance": instead({"code": -2015, "msg": "Invalid API-key, IP, or permissions"}, 401),
    "bybit": instead({"retCode": 10003, "retMsg": "API key is invalid.", "result": {}}),
    "coinbase": instead("Unauthorized\n", 401),
    "kraken": instead({"error": ["EAPI:Invalid key"]}),
}


def is_candles(asked):
    """Tell a request for bars from one for markets, splits or dividends."""
    return "markets" not in asked.path and any(
        part in asked.path.lower() for part in ("aggs", "bars", "candle", "kline", "ohlc")
    )


@pytest.fixture
def serve(tmp_path, monkeypatch):
    """Start a vendor with small pages; return its source, server and symbol."""
    monkeypatch.setenv("WORKBENCH_HOME", str(tmp_path))
    servers = []

    def start(name, market=None, **terms):
        wires = {"polygon": PolygonWire, "alpaca": AlpacaWire, "finnhub": FinnhubWire}
        wire = wires[name](market or Market()) if name in wires else VENDORS[name]()
        if hasattr(wire, "page"):
            wire.page = 500
        server = WireServer(wire)
        servers.append(server)
        point_at(tmp_path, {name: server}, **terms)
        source = sources.find(name, load_settings(tmp_path))
        return source, server, "AAPL" if name in STOCKS else "BTC/USDT"

    yield start
    for server in servers:
        server.close()


def utc(text):
    return pd.Timestamp(text, tz="UTC")


def span_of(name):
    """Return a window of several pages; Finnhub gives a month in one."""
    days = 75 if name == "finnhub" else 6
    return utc("2024-03-04"), utc("2024-03-04") + pd.Timedelta(days, "D")


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("name", LONG)
def test_a_second_page_that_fails_once_is_asked_for_again(name, fault, serve):
    source, server, symbol = serve(name)
    pages = source.pages(symbol, MINUTE, *span_of(name))
    found = [next(pages).bars]
    server.fail(FAULTS[fault])
    found += [page.bars for page in pages]
    assert len(found) > 1
    want = Market().bars(symbol, MINUTE, *span_of(name))
    pd.testing.assert_frame_equal(pd.concat(found)[list(want.columns)], want, check_exact=True)


@pytest.mark.parametrize("name", LONG)
def test_a_second_page_that_keeps_failing_is_an_error_and_the_first_is_kept(name, serve):
    source, server, symbol = serve(name, attempts=2)
    span, load = span_of(name), {"source": name, "adjust": "none"}
    pages = source.pages(symbol, MINUTE, *span)
    first = next(pages)
    server.fail(FAULTS["500"], times=2)
    with pytest.raises((UnavailableError, DataError)):
        next(pages)
    if name == "finnhub":
        return  # its bars are adjusted, and not stored
    early = wb.bars(symbol, "1m", span[0], first.end, **load)
    before = len(server.asked)
    server.fail(FAULTS["500"], times=2)
    with pytest.raises(UnavailableError):
        wb.bars(symbol, "1m", *span, **load)
    whole = wb.bars(symbol, "1m", *span, **load)
    assert len(server.asked) > before
    assert len(whole) == len(Market().bars(symbol, MINUTE, *span)) > len(early)


@pytest.mark.parametrize("name", LONG)
def test_half_days_holidays_and_the_change_of_the_clock(name, serve):
    source, _, symbol = serve(name)
    july = source.history(symbol, MINUTE, utc("2024-07-02"), utc("2024-07-06"))
    march = source.history(symbol, MINUTE, utc("2024-03-08"), utc("2024-03-12"))
    counts = july.groupby(july.index.strftime("%d")).size().to_dict()
    opens = march.groupby(march.index.date).head(1).index.strftime("%d %H:%M").tolist()
    if name in STOCKS:
        assert counts == {"02": 390, "03": 210, "05": 390}
        assert opens == ["08 14:30", "11 13:30"]
    else:
        assert counts == dict.fromkeys(("02", "03", "04", "05"), 1440)
        assert opens == [f"{day:02d} 00:00" for day in range(8, 12)]
    report = wb.quality(july)
    assert report.table[["missing", "unexpected"]].sum(axis=None) == 0
    assert report.ok


@pytest.mark.parametrize("hours", [-3, 3])
@pytest.mark.parametrize("name", LONG)
def test_a_clock_that_is_wrong_changes_no_bar(name, hours, serve, monkeypatch):
    class Skewed(datetime):
        @classmethod
        def now(cls, tz=None):
            return datetime.now(tz) + timedelta(hours=hours)

    source, _, symbol = serve(name)
    monkeypatch.setattr(history, "datetime", Skewed)
    bars = source.history(symbol, MINUTE, *span_of(name))
    want = Market().bars(symbol, MINUTE, *span_of(name))
    pd.testing.assert_frame_equal(bars[list(want.columns)], want, check_exact=True)


@pytest.mark.parametrize("hours", [-3, 3])
@pytest.mark.parametrize("name", VENDORS)
def test_a_date_to_come_back_at_is_that_of_the_vendor_s_own_clock(name, hours, serve):
    source, server, symbol = serve(name)
    theirs = datetime.now(UTC) + timedelta(hours=hours)
    told = {"Date": theirs, "Retry_After": theirs + timedelta(seconds=1)}
    headers = {key: format_datetime(when, usegmt=True) for key, when in told.items()}
    server.fail(instead({"message": "slow down"}, 429, **headers), when=is_candles)
    end = pd.Timestamp.now("UTC").floor("h")
    source.history(symbol, MINUTE, end - pd.Timedelta("4h"), end)
    first, second = (asked.at for asked in server.asked if is_candles(asked))
    assert 0.9 <= second - first < 60


@pytest.mark.parametrize("name", VENDORS)
def test_wrong_credentials_are_told_at_once(name, serve):
    source, server, symbol = serve(name)
    end = pd.Timestamp.now("UTC").floor("h")
    source.history(symbol, MINUTE, end - pd.Timedelta("4h"), end)  # exchanges load their markets
    before = len(server.asked)
    server.fail(REFUSALS[name], times=9)
    with pytest.raises(UsageError, match=f"{name} refuses the key"):
        source.history(symbol, MINUTE, end - pd.Timedelta("4h"), end)
    assert len(server.asked) == before + 1


@pytest.mark.parametrize("name", ["polygon", "alpaca"])
@pytest.mark.parametrize("timeframe", ["1d", "1m"])
def test_a_split_day_is_no_loss(name, timeframe, serve):
    _, _, symbol = serve(name, Market(splits={"AAPL": {"2024-03-07": 4.0}}))
    window = (utc("2024-03-06"), utc("2024-03-09"))
    raw = wb.bars(symbol, timeframe, *window, source=name, adjust="none")
    bars = wb.bars(symbol, timeframe, *window, source=name)
    first = raw.index[raw.index >= utc("2024-03-07")][0]
    before = raw.index[raw.index < utc("2024-03-07")][-1]
    if timeframe == "1d":  # minutes have it from the days
        assert raw.loc[first, "split"] == 4.0
    assert raw["close"][before] > 3 * raw["close"][first]
    assert abs(bars["close"][first] / bars["close"][before] - 1) < 0.05
    assert bars["volume"][before] == 4 * raw["volume"][before]


@pytest.mark.parametrize("adjust", ["all", "splits", "none"])
def test_a_split_day_that_the_vendor_has_put_into_its_prices_is_no_loss(adjust, serve):
    _, _, symbol = serve("finnhub", Market(splits={"AAPL": {"2024-03-07": 4.0}}))
    window = (utc("2024-03-06"), utc("2024-03-09"))
    bars = wb.bars(symbol, "1d", *window, source="finnhub", adjust=adjust)
    assert bars.attrs["adjustment"] == "splits"
    assert "split" not in bars.columns
    assert bars["close"].pct_change().abs().max() < 0.05


@pytest.mark.parametrize("name", ["polygon", "finnhub"])
def test_a_ticker_that_changed_is_read_under_both_names(name, serve, tmp_path):
    serve(name)
    rename = tmp_path / "renamed.csv"
    rename.write_text("symbol,date,kind,value,former\nMSFT,2024-03-07,rename,,AAPL\n")
    wb.record_actions(rename)
    window = (utc("2024-03-05"), utc("2024-03-12"))
    bars = wb.bars("MSFT", "1d", *window, source=name, adjust="none")
    change = utc("2024-03-07")
    old, new = (Market().bars(symbol, DAY, *window)["close"] for symbol in ("AAPL", "MSFT"))
    want = pd.concat([old[old.index < change], new[new.index >= change]])
    assert bars["close"].tolist() == want.tolist()
