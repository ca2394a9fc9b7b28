"""Binance, Bybit, Coinbase and Kraken as servers: markets and candles, as ccxt reads them.

A path begins with the exchange's own host, as `workbench.venues.ccxt.client.localize`
writes it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from workbench.core.timeframe import Timeframe
from workbench.testing.market import Market
from workbench.testing.wire import Asked, Reply

__all__ = ["EXCHANGES", "BinanceWire", "BybitWire", "CoinbaseWire", "KrakenWire"]

_BYBIT = {"D": "1d"} | {str(m): f"{m}m" for m in (1, 3, 5, 15, 30)} | {"60": "1h", "240": "4h"}
_COINBASE = {
    "ONE_MINUTE": "1m", "FIVE_MINUTE": "5m", "FIFTEEN_MINUTE": "15m", "THIRTY_MINUTE": "30m",
    "ONE_HOUR": "1h", "TWO_HOUR": "2h", "SIX_HOUR": "6h", "ONE_DAY": "1d",
}  # fmt: skip


@dataclass
class _Wire:
    market: Market = field(default_factory=lambda: Market(pairs=("BTC/USDT", "ETH/USDT")))

    def _pair(self, text: str) -> str:
        """Return the pair that an exchange's own name means; the name itself where none does."""
        plain = text.replace("-", "").replace("/", "")
        return next((p for p in self.market.pairs if p.replace("/", "") == plain), text)

    def _rows(
        self, symbol: str, frame: str, start_ms: float, end_ms: float
    ) -> list[tuple[int, Any]]:
        """Return time in milliseconds and values of each bar; both ends count."""
        low, high = (
            pd.Timestamp(int(ms), unit="ms", tz="UTC").as_unit("ns") for ms in (start_ms, end_ms)
        )
        bars = self.market.bars(symbol, Timeframe.parse(frame), low, high + pd.Timedelta(1, "ms"))
        stamps = pd.DatetimeIndex(bars.index).asi8.tolist()
        return [
            (stamp // 1_000_000, row) for stamp, row in zip(stamps, bars.itertuples(), strict=True)
        ]

    def _parts(self) -> list[tuple[str, str]]:
        return [(base, quote) for base, _, quote in (p.partition("/") for p in self.market.pairs)]


def _now() -> float:
    return pd.Timestamp.now("UTC").timestamp() * 1000


class BinanceWire(_Wire):
    """Spot: ``exchangeInfo`` and ``klines``."""

    def __call__(self, asked: Asked) -> Reply:
        """Answer a request."""
        if asked.path.endswith("/api/v3/exchangeInfo"):
            return Reply({"timezone": "UTC", "symbols": [self._symbol(*p) for p in self._parts()]})
        if not asked.path.endswith("/api/v3/klines"):
            return Reply({"code": -1100, "msg": "no such path"}, 404)
        pair = self._pair(asked.query["symbol"])
        if pair not in self.market.pairs:
            return Reply({"code": -1121, "msg": "Invalid symbol."}, 400)
        limit = min(1000, int(asked.query.get("limit", 500)))
        start, end = int(asked.query["startTime"]), float(asked.query.get("endTime", _now()))
        rows = self._rows(pair, asked.query["interval"], start, end)[:limit]
        return Reply([self._kline(ms, row) for ms, row in rows])

    def _kline(self, ms: int, row: Any) -> list[Any]:
        prices = [f"{value:.8f}" for value in (row.open, row.high, row.low, row.close, row.volume)]
        return [ms, *prices, ms + 59_999, "0.0", 7, "0.0", "0.0", "0"]

    def _symbol(self, base: str, quote: str) -> dict[str, Any]:
        steps = {"tickSize": "0.01"}, {"stepSize": "0.00001"}
        filters = [
            {"filterType": "PRICE_FILTER", "minPrice": "0.01", "maxPrice": "1e6", **steps[0]},
            {"filterType": "LOT_SIZE", "minQty": "0.00001", "maxQty": "9e3", **steps[1]},
            {"filterType": "NOTIONAL", "minNotional": "5.0"},
        ]
        return {
            "symbol": base + quote, "status": "TRADING", "baseAsset": base, "quoteAsset": quote,
            "baseAssetPrecision": 8, "quotePrecision": 8, "quoteAssetPrecision": 8,
            "orderTypes": ["LIMIT", "LIMIT_MAKER", "MARKET", "STOP_LOSS", "STOP_LOSS_LIMIT"],
            "isSpotTradingAllowed": True,
            "isMarginTradingAllowed": False, "filters": filters, "permissions": ["SPOT"],
        }  # fmt: skip


class BybitWire(_Wire):
    """Spot: ``instruments-info`` and ``kline``, newest first."""

    def __call__(self, asked: Asked) -> Reply:
        """Answer a request."""
        if asked.path.endswith("/v5/market/instruments-info"):
            spot = [self._instrument(*pair) for pair in self._parts()]
            return self._told({"category": "spot", "list": spot, "nextPageCursor": ""})
        if not asked.path.endswith("/v5/market/kline"):
            return Reply({"retCode": 10001, "retMsg": "no such path", "result": {}}, 404)
        pair = self._pair(asked.query["symbol"])
        if pair not in self.market.pairs:
            return Reply({"retCode": 10001, "retMsg": "Not supported symbols", "result": {}})
        limit = min(1000, int(asked.query.get("limit", 200)))
        frame = _BYBIT[asked.query["interval"]]
        start, end = int(asked.query["start"]), float(asked.query.get("end", _now()))
        rows = self._rows(pair, frame, start, end)[-limit:][::-1]
        told = [
            [str(ms), *(str(v) for v in (r.open, r.high, r.low, r.close, r.volume)), "0"]
            for ms, r in rows
        ]
        return self._told({"category": "spot", "symbol": asked.query["symbol"], "list": told})

    def _told(self, result: dict[str, Any]) -> Reply:
        return Reply({"retCode": 0, "retMsg": "OK", "result": result, "time": int(_now())})

    def _instrument(self, base: str, quote: str) -> dict[str, Any]:
        lot = {
            "basePrecision": "0.000001", "quotePrecision": "0.0000001", "minOrderQty": "0.000048",
            "maxOrderQty": "71.7", "minOrderAmt": "1", "maxOrderAmt": "2000000",
        }  # fmt: skip
        return {
            "symbol": base + quote, "baseCoin": base, "quoteCoin": quote, "innovation": "0",
            "status": "Trading", "marginTrading": "none", "lotSizeFilter": lot,
            "priceFilter": {"tickSize": "0.01"},
        }  # fmt: skip


class CoinbaseWire(_Wire):
    """Advanced Trade, public: ``products`` and ``candles``, newest first, 300 at most."""

    def __call__(self, asked: Asked) -> Reply:
        """Answer a request."""
        parts = asked.path.strip("/").split("/")
        if parts[-1] == "products":
            is_spot = asked.query.get("product_type", "SPOT") == "SPOT"
            products = [self._product(*pair) for pair in self._parts()] if is_spot else []
            return Reply({"products": products, "num_products": len(products)})
        if parts[-1] != "candles":
            return Reply({"error": "NOT_FOUND", "message": "no such path"}, 404)
        pair = self._pair(parts[-2])
        if pair not in self.market.pairs:
            return Reply(
                {"error": "NOT_FOUND", "error_details": "valid product_id is required"}, 404
            )
        start, end = (int(asked.query[name]) * 1000 for name in ("start", "end"))
        rows = self._rows(pair, _COINBASE[asked.query["granularity"]], start, end)
        if len(rows) > 350:
            return Reply({"error": "INVALID_ARGUMENT", "message": "at most 350 candles"}, 400)
        return Reply({"candles": [self._candle(ms, row) for ms, row in rows[::-1]]})

    def _candle(self, ms: int, row: Any) -> dict[str, str]:
        names = ("low", "high", "open", "close", "volume")
        return {"start": str(ms // 1000)} | {name: str(getattr(row, name)) for name in names}

    def _product(self, base: str, quote: str) -> dict[str, Any]:
        return {
            "product_id": f"{base}-{quote}", "price": "100", "base_increment": "0.00000001",
            "quote_increment": "0.01", "quote_min_size": "1", "quote_max_size": "50000000",
            "base_min_size": "0.00000001", "base_max_size": "3400", "base_name": base,
            "quote_name": quote, "status": "online", "trading_disabled": False,
            "product_type": "SPOT", "quote_currency_id": quote, "base_currency_id": base,
            "base_display_symbol": base, "quote_display_symbol": quote, "price_increment": "0.01",
        }  # fmt: skip


class KrakenWire(_Wire):
    """Spot, public: ``AssetPairs`` and ``OHLC``, the last 720 bars whatever is asked for."""

    def __call__(self, asked: Asked) -> Reply:
        """Answer a request."""
        if asked.path.endswith("/AssetPairs"):
            pairs = {f"{b}{q}": self._asset_pair(b, q) for b, q in self._parts()}
            return Reply({"error": [], "result": pairs})
        if not asked.path.endswith("/OHLC"):
            return Reply({"error": ["EGeneral:Unknown method"]})
        pair = self._pair(asked.query["pair"])
        if pair not in self.market.pairs:
            return Reply({"error": ["EQuery:Unknown asset pair"]})
        minutes = int(asked.query["interval"])
        frame = "1d" if minutes == 1440 else f"{minutes}m" if minutes < 60 else f"{minutes // 60}h"
        reach = _now() - 720 * minutes * 60_000
        since = max(int(asked.query.get("since", 0)) * 1000, reach)
        rows = [
            [ms // 1000, *(str(v) for v in (r.open, r.high, r.low, r.close, r.close, r.volume)), 7]
            for ms, r in self._rows(pair, frame, since, _now())
        ]
        last = rows[-1][0] if rows else 0
        return Reply({"error": [], "result": {asked.query["pair"]: rows, "last": last}})

    def _asset_pair(self, base: str, quote: str) -> dict[str, Any]:
        return {
            "altname": base + quote, "wsname": f"{base}/{quote}", "aclass_base": "currency",
            "base": base, "aclass_quote": "currency", "quote": quote, "lot": "unit",
            "pair_decimals": 1, "cost_decimals": 5, "lot_decimals": 8, "lot_multiplier": 1,
            "leverage_buy": [], "leverage_sell": [], "fees": [[0, 0.26]], "fees_maker": [[0, 0.16]],
            "fee_volume_currency": "ZUSD", "margin_call": 80, "margin_stop": 40,
            "ordermin": "0.0001", "costmin": "0.5", "tick_size": "0.1", "status": "online",
        }  # fmt: skip


EXCHANGES = {
    "binance": BinanceWire, "bybit": BybitWire, "coinbase": CoinbaseWire, "kraken": KrakenWire,
}  # fmt: skip
