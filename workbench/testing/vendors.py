"""Polygon, Alpaca and Finnhub as servers: their paths, their pages and their errors.

Written after the vendors' documentation and what their clients send and accept. Each is
the ``answer`` of a `workbench.testing.wire.WireServer`.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from workbench.core.message import Message
from workbench.core.timeframe import Timeframe
from workbench.testing.market import Market
from workbench.testing.newswire import alpaca_news, finnhub_news, polygon_news
from workbench.testing.wire import Asked, Reply

__all__ = ["AlpacaWire", "FinnhubWire", "PolygonWire"]

_MILLI = 1_000_000
_POLYGON = {"minute": "m", "hour": "h", "day": "d"}
_ALPACA = {"Min": "m", "Hour": "h", "Day": "d"}
_FINNHUB = {"1": "1m", "5": "5m", "15": "15m", "30": "30m", "60": "1h", "D": "1d"}


@dataclass
class PolygonWire:
    """Polygon's aggregates, splits and dividends.

    Parameters
    ----------
    market : Market
    key : str
        The one that is accepted.
    page : int
        Rows in a page at most, whatever limit is asked for.
    stories : sequence of Message
        Its news.
    """

    market: Market = field(default_factory=Market)
    key: str = "polygon-key"
    page: int = 50_000
    stories: Sequence[Message] = ()

    def __call__(self, asked: Asked) -> Reply:
        """Answer a request."""
        if asked.headers.get("authorization") != f"Bearer {self.key}":
            return Reply({"status": "ERROR", "error": "Unknown API Key"}, 401)
        parts = asked.path.strip("/").split("/")
        if parts[:3] == ["v2", "aggs", "ticker"] and len(parts) == 9:
            return self._aggregates(asked, parts)
        if parts[:2] == ["v3", "reference"] and parts[2] in ("splits", "dividends"):
            return self._reference(parts[2], asked)
        if asked.path == "/v2/reference/news":
            return polygon_news(self.stories, self.page, asked)
        return Reply({"status": "NOT_FOUND", "message": "Resource not found."}, 404)

    def _aggregates(self, asked: Asked, parts: list[str]) -> Reply:
        ticker, count, span, low, high = parts[3], int(parts[5]), parts[6], parts[7], parts[8]
        frame = Timeframe(count, _POLYGON[span])
        start, end = _when(low), _when(high)
        end += pd.Timedelta(1, "D") if "-" in high else pd.Timedelta(1, "ms")
        symbol = next((p for p in self.market.pairs if f"X:{p.replace('/', '')}" == ticker), ticker)
        bars = self.market.bars(symbol, frame, start, end)
        skip = int(base64.b64decode(asked.query["cursor"])) if "cursor" in asked.query else 0
        size = min(self.page, int(asked.query.get("limit", self.page)))
        page = bars.iloc[skip : skip + size]
        zone = "America/New_York" if symbol in self.market.stocks else "UTC"
        told: dict[str, Any] = {
            "ticker": ticker,
            "queryCount": len(page),
            "resultsCount": len(page),
            "adjusted": asked.query.get("adjusted", "true") == "true",
            "results": [
                {**_letters(row), "vw": row.close, "t": _milli(row.Index, frame, zone), "n": 7}
                for row in page.itertuples()
            ],
            "status": "OK",
            "request_id": "0",
            "count": len(page),
        }
        if skip + size < len(bars):
            cursor = base64.b64encode(str(skip + size).encode()).decode()
            told["next_url"] = f"https://api.polygon.io{asked.path}?cursor={cursor}&limit={size}"
        return Reply(told)

    def _reference(self, what: str, asked: Asked) -> Reply:
        symbol = asked.query["ticker"]
        date = "execution_date" if what == "splits" else "ex_dividend_date"
        table = getattr(self.market, what).get(symbol, {})
        rows = [
            {"ticker": symbol, date: day}
            | ({"split_from": 1, "split_to": v} if what == "splits" else {"cash_amount": v})
            for day, v in table.items()
            if day >= asked.query.get(f"{date}.gte", "")
        ]
        return Reply({"results": rows, "status": "OK", "request_id": "0"})


@dataclass
class AlpacaWire:
    """Alpaca's market data: stock and crypto bars, corporate actions.

    Parameters
    ----------
    market : Market
    key, secret : str
    page : int
    stories : sequence of Message
        Its news.
    """

    market: Market = field(default_factory=Market)
    key: str = "alpaca-key"
    secret: str = "alpaca-secret"  # noqa: S105  of a server that is no vendor
    page: int = 10_000
    stories: Sequence[Message] = ()

    def __call__(self, asked: Asked) -> Reply:
        """Answer a request."""
        held = asked.headers.get("apca-api-key-id"), asked.headers.get("apca-api-secret-key")
        if held != (self.key, self.secret):
            return Reply({"message": "forbidden."}, 403)
        if asked.path in ("/v2/stocks/bars", "/v1beta3/crypto/us/bars"):
            return self._bars(asked)
        if asked.path == "/v1/corporate-actions":
            return self._actions(asked)
        if asked.path == "/v1beta1/news":
            return alpaca_news(self.stories, self.page, asked)
        return Reply({"message": "endpoint not found."}, 404)

    def _bars(self, asked: Asked) -> Reply:
        symbol = asked.query["symbols"]
        text = asked.query["timeframe"]
        unit = text.lstrip("0123456789")
        frame = Timeframe(int(text.removesuffix(unit)), _ALPACA[unit])
        start = pd.Timestamp(asked.query["start"])
        end = pd.Timestamp(asked.query["end"]) + pd.Timedelta(1)
        bars = self.market.bars(symbol, frame, start, end)
        skip = int(asked.query.get("page_token", 0))
        size = min(self.page, int(asked.query["limit"]))
        page = bars.iloc[skip : skip + size]
        zone = "America/New_York" if symbol in self.market.stocks else "UTC"
        rows = [
            {**_letters(row), "n": 7, "vw": row.close, "t": _text(row.Index, frame, zone)}
            for row in page.itertuples()
        ]
        token = str(skip + size) if skip + size < len(bars) else None
        return Reply({"bars": {symbol: rows} if rows else {}, "next_page_token": token})

    def _actions(self, asked: Asked) -> Reply:
        symbol, since = asked.query["symbols"], asked.query.get("start", "")
        splits = [
            {"symbol": symbol, "ex_date": day, "new_rate": ratio, "old_rate": 1}
            for day, ratio in self.market.splits.get(symbol, {}).items()
            if day >= since
        ]
        dividends = [
            {"symbol": symbol, "ex_date": day, "rate": cash, "special": False}
            for day, cash in self.market.dividends.get(symbol, {}).items()
            if day >= since
        ]
        told = {"forward_splits": splits, "cash_dividends": dividends}
        return Reply(
            {"corporate_actions": {k: v for k, v in told.items() if v}, "next_page_token": None}
        )


@dataclass
class FinnhubWire:
    """Finnhub's candles, adjusted for splits.

    Parameters
    ----------
    market : Market
    key : str
    stories : sequence of Message
        Its news.
    """

    market: Market = field(default_factory=Market)
    key: str = "finnhub-key"
    stories: Sequence[Message] = ()

    def __call__(self, asked: Asked) -> Reply:
        """Answer a request."""
        if self.key not in (asked.headers.get("x-finnhub-token"), asked.query.get("token")):
            return Reply({"error": "Invalid API key"}, 401)
        if asked.path.endswith("/company-news"):
            return finnhub_news(self.stories, asked)
        if not asked.path.endswith(("/stock/candle", "/crypto/candle")):
            return Reply({"error": "You don't have access to this resource."}, 403)
        symbol = asked.query["symbol"]
        pair = symbol.partition(":")[2]
        symbol = next((p for p in self.market.pairs if p.replace("/", "") == pair), symbol)
        start, end = (
            pd.Timestamp(int(asked.query[name]), unit="s", tz="UTC").as_unit("ns")
            for name in ("from", "to")
        )
        frame = Timeframe.parse(_FINNHUB[asked.query["resolution"]])
        bars = self.market.bars(symbol, frame, start, end + pd.Timedelta(1, "s"))
        if bars.empty:
            return Reply({"s": "no_data"})
        self._adjust(bars, symbol)
        columns = {name[0]: bars[name].tolist() for name in bars.columns}
        seconds = [stamp // 1_000_000_000 for stamp in pd.DatetimeIndex(bars.index).asi8.tolist()]
        return Reply({**columns, "t": seconds, "s": "ok"})

    def _adjust(self, bars: pd.DataFrame, symbol: str) -> None:
        """Put splits into the prices and volumes before them, as the vendor does."""
        for day, ratio in self.market.splits.get(symbol, {}).items():
            is_before = bars.index < pd.Timestamp(day, tz="UTC")
            bars.loc[is_before, ["open", "high", "low", "close"]] /= ratio
            bars.loc[is_before, "volume"] *= ratio


def _letters(row: Any) -> dict[str, float]:
    return {"o": row.open, "h": row.high, "l": row.low, "c": row.close, "v": row.volume}


def _local(label: Any, frame: Timeframe, zone: str) -> pd.Timestamp:
    """Return a bar's time as vendors stamp it: days at midnight of the exchange."""
    if frame.is_intraday:
        return pd.Timestamp(label)
    day: pd.Timestamp = label.tz_localize(None).tz_localize(zone).tz_convert("UTC")
    return day


def _milli(label: Any, frame: Timeframe, zone: str) -> int:
    return int(_local(label, frame, zone).value) // _MILLI


def _text(label: Any, frame: Timeframe, zone: str) -> str:
    return f"{_local(label, frame, zone):%Y-%m-%dT%H:%M:%SZ}"


def _when(text: str) -> pd.Timestamp:
    if "-" in text:
        return pd.Timestamp(text, tz="UTC").as_unit("ns")
    return pd.Timestamp(int(text), unit="ms", tz="UTC").as_unit("ns")
