"""Recorded and documented frames of vendors' streams, and what is read of them."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import msgpack
import pytest

from workbench.config import load_settings
from workbench.core.bar import Bar
from workbench.core.depth import Depth
from workbench.core.headline import Headline
from workbench.core.quote import Quote
from workbench.core.trade import Trade
from workbench.errors import UnavailableError, UsageError
from workbench.venues.alpaca.stream import AlpacaStream
from workbench.venues.finnhub.stream import FinnhubStream
from workbench.venues.polygon.stream import PolygonStream
from workbench.venues.shared import SharedSocket
from workbench.venues.stream import Wanted

RECORDED = Path(__file__).resolve().parents[2] / "../shared/fixtures"
EARLY = datetime(1970, 1, 1, 0, 0, 10, tzinfo=UTC)


def recorded(path):
    if not RECORDED.is_dir():
        pytest.skip("the recorded frames of ../shared/fixtures are not here")
    return json.loads((RECORDED / path).read_text())


@pytest.fixture
def settings(tmp_path):
    (tmp_path / ".env").write_text(
        "WORKBENCH_POLYGON_KEY=k\nWORKBENCH_FINNHUB_KEY=a/key\nWORKBENCH_ALPACA_KEY=k\n"
        "WORKBENCH_ALPACA_SECRET=s\n"
    )
    return load_settings(tmp_path)


def connected(stream, settings, symbols, *kinds):
    (part,) = stream(settings).parts(Wanted(symbols, frozenset(kinds)))
    return part.connect()


def read(connection, frame):
    messages = connection._unpacked(frame)
    if isinstance(connection, SharedSocket):
        told = [connection._take(message) for message in messages]
        return [one[0] for one in told if one is not None]
    return [event for message in messages for event in connection._checked(message)]


def alpaca(settings, symbol="AAPL"):
    return connected(AlpacaStream, settings, (symbol,), "trades")._make()


def test_alpaca_s_frames(settings):
    rows = [record["frame"] for record in recorded("alpaca/alpaca_py_ws_frames.json")]
    stamp = msgpack.Timestamp(10, 10)
    fixed = [
        {k: stamp if str(v).startswith("__msgpack") else v for k, v in row.items()} for row in rows
    ]
    connection = alpaca(settings)
    events = read(connection, msgpack.packb(fixed))
    assert connection.malformed == 0
    news, bar, trade, quote, book = events[:5]
    assert news == Headline("1", EARLY, ("A",), "a", "a", "benzinga", "url", EARLY)
    assert bar.known_at.minute == 1
    assert (bar.open, bar.high, bar.low, bar.close) == (177.94, 178.005, 177.94, 178.005)
    assert trade == Trade("AAPL", EARLY, 177.79, 90.0, "V-C-6142")
    assert quote == Quote("SPIP", EARLY, 25.41, 25.43, 35.0, 35.0)
    assert book == Depth("BTC/USD", EARLY, ((65128.1, 1.6542),), ((65128.1, 1.6542),))
    assert len(events) == 6, "halts and corrections are none of these"


def test_polygon_s_documented_frames(settings):
    records = recorded("polygon/websocket_spec_examples.json")
    stocks = connected(PolygonStream, settings, ("MSFT",), "trades")
    crypto = connected(PolygonStream, settings, ("BTC/USD",), "trades")
    frames = {r["channel"]: r["frame"] for r in records}
    (trade,) = read(stocks, json.dumps([frames["/stocks/T"]]))
    at = datetime(2018, 9, 4, 4, 53, 38, 784000, UTC)
    assert trade == Trade("MSFT", at, 114.125, 100.0, "4-12345")
    (quote,) = read(stocks, json.dumps([frames["/stocks/Q"]]))
    assert (quote.bid, quote.ask, quote.ask_size) == (114.125, 114.128, 160.0)
    (bar,) = read(stocks, json.dumps([frames["/stocks/AM"]]))
    assert (bar.symbol, bar.volume, bar.time.second) == ("GTE", 4110.0, 0)
    (pair,) = read(crypto, json.dumps([frames["/crypto/XT"]]))
    assert (pair.symbol, pair.price, pair.size) == ("BTC/USD", 33021.9, 0.01616617)
    for record in records:
        read(stocks, json.dumps([record["frame"]]))
    assert stocks.malformed == 0, "what is not wanted is passed over"


def test_finnhub_s_captured_frames(settings):
    records = recorded("finnhub/collected.json")
    (frames,) = [record["frames"] for record in records if "frames" in record]
    connection = connected(FinnhubStream, settings, ("BINANCE:BTCUSDT",), "trades")
    events = [e for f in frames if f["type"] != "error" for e in read(connection, json.dumps(f))]
    assert len(events) == 7
    assert (events[2].price, events[2].size) == (66972.77, 0.01559)
    (error,) = [frame for frame in frames if frame["type"] == "error"]
    with pytest.raises(UsageError, match="too many symbols"):
        read(connection, json.dumps(error))


@pytest.mark.parametrize(
    ("code", "kind"),
    [(402, UsageError), (409, UsageError), (406, UnavailableError), (407, UnavailableError)],
)
def test_alpaca_s_errors_are_final_or_not(settings, code, kind):
    with pytest.raises(kind, match=str(code)):
        read(alpaca(settings), msgpack.packb([{"T": "error", "code": code, "msg": "no"}]))


@pytest.mark.parametrize(
    ("status", "kind"), [("auth_failed", UsageError), ("max_connections", UnavailableError)]
)
def test_polygon_s_statuses_are_final_or_not(settings, status, kind):
    connection = connected(PolygonStream, settings, ("MSFT",), "trades")
    frame = json.dumps([{"ev": "status", "status": status, "message": "told"}])
    with pytest.raises(kind, match="told"):
        read(connection, frame)


def test_each_connection_brings_its_own_part(settings):
    wanted = Wanted(("AAPL", "BTC/USD"), frozenset({"bars", "books", "news"}))
    parts = AlpacaStream(settings).parts(wanted)
    told = [(part.wanted.symbols, sorted(part.wanted.kinds)) for part in parts]
    assert told == [
        (("AAPL",), ["bars"]),
        (("BTC/USD",), ["bars", "books"]),
        (("AAPL", "BTC/USD"), ["news"]),
    ]
    assert len(PolygonStream(settings).parts(Wanted(("AAPL", "BTC/USD"), frozenset({"bars"})))) == 2


def test_a_key_in_an_address_is_in_no_text(settings):
    endpoint = connected(FinnhubStream, settings, ("AAPL",), "trades").endpoint
    assert "a%2Fkey" in endpoint.url
    assert "key" not in endpoint.clean(endpoint.url + " a/key").replace("token", "")


def test_alpaca_s_crypto_book_begins_with_a_snapshot(settings):
    level = {"p": 10.0, "s": 1.0}
    row = {"T": "o", "S": "BTC/USD", "t": "2024-01-02T00:00:00Z", "b": [level], "a": [], "r": True}
    (whole,) = read(alpaca(settings, "BTC/USD"), json.dumps([row]))
    assert whole.is_snapshot
    (change,) = read(alpaca(settings, "BTC/USD"), json.dumps([{**row, "r": False}]))
    assert not change.is_snapshot


def test_a_bar_is_known_when_its_minute_is_over(settings):
    row = {"T": "b", "S": "A", "t": "2024-01-02T15:04:00Z", "o": 1, "h": 2, "l": 1, "c": 2, "v": 3}
    (bar,) = read(alpaca(settings, "A"), json.dumps(row))
    assert bar == Bar(
        "A",
        datetime(2024, 1, 2, 15, 4, tzinfo=UTC),
        1.0,
        2.0,
        1.0,
        2.0,
        3.0,
        datetime(2024, 1, 2, 15, 5, tzinfo=UTC),
    )
