"""Binance's and Bybit's perpetuals as servers."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from workbench.core.money import MONEY, ZERO, decimal
from workbench.core.position import Position
from workbench.testing.brokers.exchanges.binance import BinanceServer
from workbench.testing.brokers.exchanges.book import ExchangeBook, Refused, TradeRow
from workbench.testing.brokers.exchanges.bybit import BybitServer
from workbench.testing.wire import Asked, Reply

__all__ = ["BinanceUsdmServer", "BybitLinearServer"]

_SYMBOLS = ("BTC/USDT:USDT", "ETH/USDT:USDT")
_TERMS = {"symbols": _SYMBOLS, "can_short": True, "fees_in_quote": True}


class BinanceUsdmServer(BinanceServer):
    """Signed calls under ``/fapi``; what leverage and margin mode were set to is kept."""

    terms = {**_TERMS, "reuses_ids": True}  # noqa: RUF012  of a class, never changed
    orders_path = "/fapi/v1/order"
    base = "/fapi/v1"
    trades_path = "userTrades"

    def __init__(self, **terms: Any) -> None:
        self.set: list[Mapping[str, str]] = []
        self.refuses_terms = False
        super().__init__(**terms)

    def private(self, asked: Asked) -> Reply | None:
        """Answer the calls of perpetuals, and those that are like spot's."""
        if asked.path.endswith("/fapi/v1/exchangeInfo"):
            return Reply({"symbols": [_contract(symbol) for symbol in _SYMBOLS]})
        if asked.path.endswith("/fapi/v1/listenKey"):
            return Reply({"listenKey": "listen"})
        if asked.path.endswith(("/fapi/v1/leverage", "/fapi/v1/marginType")):
            said = self.checked(asked)
            if self.refuses_terms:
                raise Refused("terms")
            self.set.append(said)
            return Reply({"code": 200, "msg": "success"})
        if asked.path.endswith("/fapi/v3/positionRisk"):
            self.checked(asked)
            rows = self.book.venue.positions()
            return Reply([{
                "symbol": one.symbol.partition(":")[0].replace("/", ""), "positionSide": "BOTH",
                "positionAmt": str(one.quantity), "entryPrice": f"{one.average_price:.8f}",
            } for one in rows])  # fmt: skip
        if asked.path.endswith("/fapi/v3/account"):
            self.checked(asked)
            cash, profit = _margin(self.book)
            asset = {
                "asset": "USDT", "walletBalance": f"{cash:.8f}", "unrealizedProfit": f"{profit:.8f}"
            }  # fmt: skip
            return Reply({"assets": [asset], "positions": []})
        return super().private(asked)

    def refusal(self, why: str, asked: Asked) -> Reply:
        """Return code and message; some are of perpetuals alone."""
        if why == "taker":
            said = "Due to the order could not be executed as maker, it will be rejected."
            return Reply({"code": -5022, "msg": said}, 400)
        return super().refusal(why, asked)

    def trade_row(self, trade: TradeRow) -> dict[str, Any]:
        """Return an execution as it is listed there."""
        row = super().trade_row(trade)
        del row["isBuyer"]
        return {**row, "side": trade.fill.side.value.upper(), "positionSide": "BOTH"}


class BybitLinearServer(BybitServer):
    """The category ``linear``; what leverage and margin mode were set to is kept."""

    terms = {**_TERMS, "cancels_takers": True}  # noqa: RUF012  of a class, never changed
    category = "linear"

    def __init__(self, **terms: Any) -> None:
        self.set: list[Any] = []
        self.refuses_terms = False
        super().__init__(**terms)

    def private(self, asked: Asked) -> Reply | None:
        """Answer the calls of perpetuals, and those that are like spot's."""
        path = asked.path[asked.path.find("/v5/") :]
        if path == "/v5/market/instruments-info":
            return self.told({"category": "linear", "list": [_linear(s) for s in _SYMBOLS]})
        if path in ("/v5/position/set-leverage", "/v5/account/set-margin-mode"):
            self.check(asked)
            if self.refuses_terms:
                raise Refused("terms")
            self.set.append(asked.body)
            return self.told({})
        if path == "/v5/position/list":
            self.check(asked)
            return self.told({"list": [self._position(p) for p in self.book.venue.positions()]})
        if path == "/v5/account/wallet-balance":
            self.check(asked)
            coin = {"coin": "USDT", "walletBalance": f"{_margin(self.book)[0]:.8f}"}
            return self.told({"list": [{"accountType": "UNIFIED", "coin": [coin]}]})
        if "category=spot" in asked.raw_query or '"spot"' in asked.body:
            raise Refused("symbol")
        return super().private(asked)

    def _position(self, one: Position) -> dict[str, Any]:
        profit = one.unrealised(decimal(self.book.price(one.symbol)))
        return {
            "symbol": one.symbol.partition(":")[0].replace("/", ""), "size": str(abs(one.quantity)),
            "side": "Buy" if one.quantity > 0 else "Sell", "avgPrice": f"{one.average_price:.8f}",
            "unrealisedPnl": f"{profit:.8f}", "positionIdx": 0,
        }  # fmt: skip


def _margin(book: ExchangeBook) -> tuple[Decimal, Decimal]:
    """Return what the account has without its open positions, and what these have earned."""
    cash, profit = book.units()["USDT"][0], ZERO
    for one in book.venue.positions():
        cash = MONEY.add(cash, MONEY.multiply(one.quantity, one.average_price))
        profit = MONEY.add(profit, one.unrealised(decimal(book.price(one.symbol))))
    return cash, profit


def _contract(symbol: str) -> dict[str, Any]:
    base = symbol.partition("/")[0]
    filters = [
        {"filterType": "PRICE_FILTER", "minPrice": "0.1", "maxPrice": "1e6", "tickSize": "0.1"},
        {"filterType": "LOT_SIZE", "minQty": "0.001", "maxQty": "1000", "stepSize": "0.001"},
        {"filterType": "MIN_NOTIONAL", "notional": "5"},
    ]
    return {
        "symbol": f"{base}USDT", "pair": f"{base}USDT", "contractType": "PERPETUAL",
        "status": "TRADING", "baseAsset": base, "quoteAsset": "USDT", "marginAsset": "USDT",
        "pricePrecision": 2, "quantityPrecision": 3, "baseAssetPrecision": 8, "quotePrecision": 8,
        "orderTypes": ["LIMIT", "MARKET"], "timeInForce": ["GTC", "IOC", "FOK", "GTX"],
        "filters": filters, "deliveryDate": 4133404800000, "onboardDate": 1569398400000,
    }  # fmt: skip


def _linear(symbol: str) -> dict[str, Any]:
    base = symbol.partition("/")[0]
    lot = {"qtyStep": "0.001", "minOrderQty": "0.001", "maxOrderQty": "1000",
           "minNotionalValue": "5"}  # fmt: skip
    return {
        "symbol": f"{base}USDT", "contractType": "LinearPerpetual", "status": "Trading",
        "baseCoin": base, "quoteCoin": "USDT", "settleCoin": "USDT", "launchTime": "1585526400000",
        "deliveryTime": "0", "deliveryFeeRate": "", "lotSizeFilter": lot, "priceScale": "2",
        "leverageFilter": {"minLeverage": "1", "maxLeverage": "100", "leverageStep": "0.01"},
        "priceFilter": {"minPrice": "0.10", "maxPrice": "1999999.80", "tickSize": "0.10"},
        "unifiedMarginTrade": True, "fundingInterval": 480, "isPreListing": False,
    }  # fmt: skip
