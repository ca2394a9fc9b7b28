"""Every vendor's history, through the vendor's own client, against a server that speaks it."""

from __future__ import annotations

import logging
import time

import pandas as pd
import pytest

from workbench.config import load_settings
from workbench.core.timeframe import Timeframe
from workbench.data import sources
from workbench.errors import DataError, UnavailableError, UsageError
from workbench.testing.market import Market
from workbench.testing.vendors import AlpacaWire, FinnhubWire, PolygonWire
from workbench.testing.wire import drop, edit, hang, instead, truncate
from workbench.testing.workspace import VENDORS

MINUTE, HOUR, DAY = Timeframe(1, "m"), Timeframe(1, "h"), Timeframe(1, "d")
STOCKS = ("polygon", "alpaca", "finnhub")
PASSING = {
    "429": instead({"message": "slow down"}, 429),
    "429 with a delay": instead({"message": "slow down"}, 429, Retry_After="0.2"),
    "500": instead({"message": "oops"}, 500),
    "502 in HTML": instead("<html>Bad Gateway</html>", 502),
    "503": instead({"message": "later"}, 503),
    "504": instead("", 504),
    "a dropped connection": drop(),
    "a cut answer": truncate(30),
    "HTML with status 200": instead("<html>Sorry</html>"),
    "broken JSON": instead('{"results": [{"t": 17'),
    "an empty table": instead({}),
    "an empty text": instead(""),
}


def utc(text):
    return pd.Timestamp(text, tz="UTC")


def window(name, days=3):
    if name == "kraken":  # it has its last 720 bars only
        end = pd.Timestamp.now("UTC").floor("h") - pd.Timedelta("2h")
        return end - pd.Timedelta("4h"), end
    return utc("2024-03-06"), utc("2024-03-06") + pd.Timedelta(days, "D")


def symbol_of(name):
    return "AAPL" if name in STOCKS else "BTC/USDT"


def candles(asked):
    return "markets" not in asked.path and any(
        part in asked.path.lower() for part in ("aggs", "bars", "candle", "kline", "ohlc")
    )


@pytest.fixture(params=list(VENDORS))
def name(request):
    return request.param


@pytest.fixture
def truth(name):
    market = VENDORS[name]().market
    start, end = window(name)
    return market.bars(symbol_of(name), MINUTE, start, end)


def test_bars_are_those_of_the_market(name, serve, truth):
    source, _ = serve(name)
    bars = source.history(symbol_of(name), MINUTE, *window(name))
    pd.testing.assert_frame_equal(bars[list(truth.columns)], truth, check_exact=True)
    assert bars.attrs["source"] == name
    assert bars.attrs["calendar"] == ("XNYS" if name in STOCKS else "24/7")


def test_days_are_labelled_with_their_date(name, serve):
    source, _ = serve(name)
    end = pd.Timestamp.now("UTC").normalize()
    start = end - pd.Timedelta("300D")  # with both changes of the clock
    bars = source.history(symbol_of(name), DAY, start, end)
    truth = VENDORS[name]().market.bars(symbol_of(name), DAY, start, end)
    assert bars.index.equals(truth.index)
    assert (bars["close"] == truth["close"]).all()


@pytest.mark.parametrize("fault", PASSING, ids=str)
def test_what_passes_is_waited_out(name, serve, truth, fault):
    source, server = serve(name)
    server.fail(PASSING[fault], when=candles)
    bars = source.history(symbol_of(name), MINUTE, *window(name))
    pd.testing.assert_frame_equal(bars[list(truth.columns)], truth, check_exact=True)


@pytest.mark.parametrize("fault", ["500", "a dropped connection", "broken JSON", "429"])
def test_what_does_not_pass_is_an_error_and_no_empty_history(name, serve, fault):
    source, server = serve(name, attempts=3)
    before = len([a for a in server.asked if candles(a)])
    server.fail(PASSING[fault], times=20, when=candles)
    with pytest.raises((UnavailableError, DataError)) as caught:
        source.history(symbol_of(name), MINUTE, *window(name))
    assert len([a for a in server.asked if candles(a)]) - before == 3
    assert isinstance(caught.value, DataError if fault == "broken JSON" else UnavailableError)


def test_a_silent_server_is_given_up(name, serve):
    source, server = serve(name, timeout=0.3, attempts=2)
    server.fail(hang(20), times=2, when=candles)
    began = time.monotonic()
    with pytest.raises(UnavailableError):
        source.history(symbol_of(name), MINUTE, *window(name))
    assert time.monotonic() - began < 15


def test_the_delay_that_is_asked_for_is_kept(name, serve):
    source, server = serve(name)
    server.fail(instead({"message": "slow"}, 429, Retry_After="0.8"), when=candles)
    source.history(symbol_of(name), MINUTE, *window(name))
    asked = [asked.at for asked in server.asked if candles(asked)]
    assert asked[1] - asked[0] >= 0.8


@pytest.mark.parametrize("vendor", STOCKS)
def test_a_wrong_key_is_told_once_and_not_shown(vendor, serve, tmp_path, monkeypatch, caplog):
    serve(vendor)
    server_source, server = serve(vendor)
    del server_source
    names = {"polygon": ["POLYGON_KEY"], "alpaca": ["ALPACA_KEY"], "finnhub": ["FINNHUB_KEY"]}
    for variable in names[vendor]:
        monkeypatch.setenv(f"WORKBENCH_{variable}", "hush-hush")
    source = sources.find(vendor, load_settings(tmp_path))
    with caplog.at_level(logging.DEBUG), pytest.raises(UsageError, match="refuses the key") as told:
        source.history("AAPL", MINUTE, *window(vendor))
    assert len(server.asked) == 1
    assert "hush-hush" not in str(told.value)
    assert "hush-hush" not in caplog.text
    assert all("hush-hush" not in value for value in server.asked[0].query.values())


@pytest.mark.parametrize("vendor", STOCKS)
def test_a_missing_key_says_what_to_set(vendor, tmp_path):
    with pytest.raises(UsageError, match=f"WORKBENCH_{vendor.upper()}_KEY") as caught:
        sources.find(vendor, load_settings(tmp_path))
    assert caught.value.vendor == vendor


def test_an_exchange_offers_the_nearest_symbol(serve):
    source, _ = serve("binance")
    with pytest.raises(UsageError, match="did you mean 'BTC/USDT'"):
        source.history("BTC/USDC", MINUTE, *window("binance"))


@pytest.mark.parametrize("vendor", STOCKS)
def test_an_unknown_stock_is_an_empty_frame(vendor, serve):
    source, _ = serve(vendor)
    assert source.history("XXXX", MINUTE, *window(vendor)).empty


def test_pages_are_of_the_size_the_vendor_gives(serve):
    for name, wire in (("polygon", PolygonWire(page=400)), ("alpaca", AlpacaWire(page=400))):
        source, server = serve(name, wire)
        pages = list(source.pages("AAPL", MINUTE, utc("2024-03-06"), utc("2024-03-09")))
        assert [len(page.bars) for page in pages] == [400, 400, 370]
        assert [page.start for page in pages[1:]] == [page.end for page in pages[:-1]]
        assert (pages[0].start, pages[-1].end) == (utc("2024-03-06"), utc("2024-03-09"))
        assert len([a for a in server.asked if candles(a)]) == 3


@pytest.mark.parametrize(
    ("vendor", "fault"),
    [
        ("polygon", edit(lambda body: {k: v for k, v in body.items() if k != "results"})),
        ("polygon", edit(lambda body: body | {"results": body["results"][:-30]})),
        ("polygon", edit(lambda body: body | {"results": []})),
        ("polygon", instead({"status": "ERROR", "error": "internal"})),
        ("alpaca", edit(lambda body: {"bars": body["bars"]})),
        ("alpaca", edit(lambda body: body | {"bars": []})),
        ("alpaca", edit(lambda body: body | {"bars": {"AAPL": [{"o": 1}]}})),
        ("finnhub", edit(lambda body: body | {"c": body["c"][:-3]})),
        ("finnhub", edit(lambda body: body | {"s": "error"})),
        ("finnhub", edit(lambda body: {k: v for k, v in body.items() if k != "v"})),
        ("binance", instead({"msg": "?"})),
        ("bybit", edit(lambda body: body | {"result": {}})),
        ("coinbase", instead({"candle": []})),
        ("kraken", instead({"error": [], "result": {"last": 1}})),
    ],
)
def test_a_page_that_is_not_what_it_says_is_asked_for_again(vendor, fault, serve):
    source, server = serve(vendor)
    server.fail(fault, when=candles)
    start, end = window(vendor)
    bars = source.history(symbol_of(vendor), MINUTE, start, end)
    truth = VENDORS[vendor]().market.bars(symbol_of(vendor), MINUTE, start, end)
    assert len(bars) == len(truth)
    server.fail(fault, times=9, when=candles)
    with pytest.raises(DataError):
        source.history(symbol_of(vendor), MINUTE, start, end)


def test_splits_and_dividends_stand_beside_raw_days(serve):
    market = Market(splits={"AAPL": {"2024-03-07": 4.0}}, dividends={"AAPL": {"2024-03-09": 0.24}})
    for name, wire in (("polygon", PolygonWire(market)), ("alpaca", AlpacaWire(market))):
        source, _ = serve(name, wire)
        bars = source.history("AAPL", DAY, utc("2024-03-05"), utc("2024-03-13"))
        assert bars["split"].tolist() == [1.0, 1.0, 4.0, 1.0, 1.0, 1.0]
        assert bars["dividend"].tolist() == [0.0, 0.0, 0.0, 0.0, 0.24, 0.0], "a Saturday's"
        assert bars["close"].iloc[1] > 3 * bars["close"].iloc[2]


def test_days_that_begin_elsewhere_than_at_midnight_are_refused(serve):
    source, server = serve("alpaca")

    def chicago(body):
        for row in body["bars"]["BTC/USD"]:
            row["t"] = row["t"].replace("T00:", "T06:")
        return body

    server.fail(edit(chicago), times=9, when=candles)
    with pytest.raises(UsageError, match="06:00 UTC, not from midnight"):
        source.history("BTC/USD", DAY, utc("2024-03-06"), utc("2024-03-16"))


def test_rows_that_are_no_bars_are_left_out_and_told(serve):
    source, server = serve("polygon")
    spoil = edit(lambda b: b | {"results": [b["results"][0] | {"h": 1.0}, *b["results"][1:]]})
    server.fail(spoil, when=candles)
    bars = source.history("AAPL", MINUTE, *window("polygon"))
    assert len(bars) == 3 * 390 - 1
    assert bars.attrs["dropped"][0]["rule"] == "high below low"


def test_kraken_says_how_far_back_it_goes(serve):
    source, _ = serve("kraken")
    with pytest.raises(UsageError, match="last 720 1m bars only"):
        source.history("BTC/USDT", MINUTE, utc("2024-03-06"), utc("2024-03-07"))


def test_intraday_bars_need_a_beginning(name, serve):
    source, _ = serve(name)
    if name == "kraken":
        pytest.skip("kraken has few bars")
    with pytest.raises(UsageError, match="give start="):
        source.history(symbol_of(name), MINUTE, None, None)


def test_any_other_exchange_is_had_by_name(tmp_path):
    source = sources.find("ccxt:okx", load_settings(tmp_path))
    assert source.name == "ccxt:okx"
    assert sources.find("ccxt:binance", load_settings(tmp_path)).name == "binance"
    with pytest.raises(UsageError, match="did you mean 'bitstamp'"):
        sources.find("ccxt:bitstam", load_settings(tmp_path))


def test_crypto_of_vendors_of_stocks(serve):
    cases = (("polygon", PolygonWire, "BTC/USD"), ("alpaca", AlpacaWire, "BTC/USD"))
    for name, wire, symbol in (*cases, ("finnhub", FinnhubWire, "BINANCE:BTCUSDT")):
        source, _ = serve(name, wire())
        bars = source.history(symbol, HOUR, utc("2024-03-09"), utc("2024-03-11"))
        assert len(bars) == 48
        assert bars.attrs["calendar"] == "24/7"
