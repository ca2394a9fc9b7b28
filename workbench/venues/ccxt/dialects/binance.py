"""Binance, spot."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, ClassVar

from workbench.core.capabilities import Capabilities, IdScope
from workbench.core.money import MONEY, ZERO, decimal
from workbench.core.order import Order, OrderState, OrderType, TimeInForce
from workbench.core.signal import Side
from workbench.venues.ccxt.dialects.dialect import Dialect
from workbench.venues.ccxt.messages import (
    Execution,
    Holdings,
    Told,
    milliseconds,
    number,
    table,
    tables,
)
from workbench.venues.ccxt.pairs import Pair
from workbench.venues.ids import IdForm, Sent
from workbench.venues.outcomes import Ask

__all__ = ["Binance", "order_told", "trade_told"]

_PAGE = 1000
_TYPES = {
    "MARKET": OrderType.MARKET,
    "LIMIT": OrderType.LIMIT,
    "LIMIT_MAKER": OrderType.LIMIT,
    "STOP_LOSS": OrderType.STOP,
    "STOP_LOSS_LIMIT": OrderType.STOP_LIMIT,
    "TAKE_PROFIT": OrderType.STOP,
    "TAKE_PROFIT_LIMIT": OrderType.STOP_LIMIT,
    "STOP_MARKET": OrderType.STOP,
    "STOP": OrderType.STOP_LIMIT,
}
_STATES = {
    "NEW": OrderState.WORKING,
    "PARTIALLY_FILLED": OrderState.PARTIALLY_FILLED,
    "FILLED": OrderState.FILLED,
    "CANCELED": OrderState.CANCELED,
    "PENDING_CANCEL": OrderState.PENDING_CANCEL,
    "REJECTED": OrderState.REJECTED,
    "EXPIRED": OrderState.EXPIRED,
    "EXPIRED_IN_MATCH": OrderState.EXPIRED,
}
_TIFS = {"IOC": TimeInForce.IOC, "FOK": TimeInForce.FOK}


class Binance(Dialect):
    """Spot: ids are unique among open orders only, and ended ones are found by them."""

    exchange = "binance"
    has_paper = True
    market = "binance"
    capabilities = Capabilities(
        ids=IdScope.OPEN,
        finds_ended=True,
        types=frozenset({OrderType.MARKET, OrderType.LIMIT, OrderType.STOP, OrderType.STOP_LIMIT}),
        tifs=frozenset({TimeInForce.GTC, TimeInForce.IOC, TimeInForce.FOK}),
        request_lifetime=timedelta(seconds=5),  # the window of a signed request
        lookup_lag=timedelta(seconds=5),
        post_only=True,
    )
    ids = IdForm(36, ".A-Z:/a-z0-9_-")
    words: ClassVar[Mapping[OrderType, str]] = {
        OrderType.MARKET: "MARKET",
        OrderType.LIMIT: "LIMIT",
        OrderType.STOP: "STOP_LOSS",
        OrderType.STOP_LIMIT: "STOP_LOSS_LIMIT",
    }
    calls: ClassVar[Mapping[str, str]] = {
        "place": "privatePostOrder",
        "cancel": "privateDeleteOrder",
        "order": "privateGetOrder",
        "open": "privateGetOpenOrders",
        "trades": "privateGetMyTrades",
        "prices": "publicGetTickerPrice",
        "time": "publicGetTime",
    }

    def request(self, order: Order, client: str, pair: Pair) -> tuple[str, dict[str, Any]]:
        """Return the call that sends an order."""
        body: dict[str, Any] = {
            "symbol": pair.name,
            "side": order.side.value.upper(),
            "type": self.words[order.type],
            "quantity": f"{order.quantity:f}",
            "newClientOrderId": client,
            "newOrderRespType": "RESULT",
        }
        if order.limit_price is not None:
            body |= {"price": f"{order.limit_price:f}", "timeInForce": order.tif.value.upper()}
        if order.stop_price is not None:
            body["stopPrice"] = f"{order.stop_price:f}"
        if order.post_only:
            self._rest(body)
        return self.calls["place"], body

    def acknowledged(self, answer: Any, client: str) -> tuple[str, Told | None]:
        """Read the answer to an order."""
        told = order_told(answer)
        if told.client != client:
            raise ValueError("another order")
        return told.venue_id, told

    def cancel(self, sent: Sent, pair: Pair, venue_id: str | None) -> None:
        """Ask for an order's end."""
        del venue_id
        asked = {"symbol": pair.name, "origClientOrderId": sent.client_id}
        self.account.ask(Ask.CANCEL, self.calls["cancel"], asked)

    def find(self, sent: Sent, pair: Pair, venue_id: str | None) -> Told | None:
        """Return an order by its client id."""
        del venue_id
        asked = {"symbol": pair.name, "origClientOrderId": sent.client_id}
        told = self.asked(self.calls["order"], asked)
        return None if told is None else self.read(lambda: order_told(told))

    def open_orders(self) -> Sequence[Told]:
        """Return open orders of all markets."""
        told = self.ask(self.calls["open"])
        return self.read(lambda: [order_told(row) for row in tables(told)])

    def executions(self, since: datetime, pairs: Iterable[Pair]) -> Sequence[Execution]:
        """Return executions of markets; pages follow each other by the ids of trades."""
        found: list[Execution] = []
        for pair in pairs:
            asked: dict[str, Any] = {"symbol": pair.name, "limit": _PAGE}
            page = {**asked, "startTime": int(since.timestamp() * 1000)}
            while True:
                told = self.ask(self.calls["trades"], page)
                rows = self.read(lambda told=told: tables(told))  # type: ignore[misc]
                found += self.read(lambda rows=rows: [trade_told(row) for row in rows])  # type: ignore[misc]
                if len(rows) < _PAGE:
                    break
                page = {**asked, "fromId": self.read(lambda rows=rows: int(rows[-1]["id"]) + 1)}  # type: ignore[misc]
        return found

    def clients(self, executions: Sequence[Execution]) -> dict[str, str]:
        """Look the orders of executions up, one by one."""
        found: dict[str, str] = {}
        for venue_id, market in {(one.venue_id, one.market) for one in executions}:
            told = self.ask(self.calls["order"], {"symbol": market, "orderId": venue_id})
            found[venue_id] = self.read(lambda told=told: order_told(told).client)  # type: ignore[misc]
        return found

    def holdings(self) -> Holdings:
        """Return what the account has, free and in orders."""
        told = self.ask("privateGetAccount", {"omitZeroBalances": "true"})

        def read() -> Holdings:
            sums = {
                str(row["asset"]): MONEY.add(decimal(row["free"]), decimal(row["locked"]))
                for row in tables(told["balances"])
            }
            return Holdings(str(told.get("uid") or ""), {k: v for k, v in sums.items() if v})

        return self.read(read)

    def prices(self, pairs: Iterable[Pair]) -> dict[str, Decimal]:
        """Return last prices."""
        names = json.dumps([pair.name for pair in pairs], separators=(",", ":"))
        told = self.ask(self.calls["prices"], {"symbols": names})
        return self.read(lambda: {r["symbol"]: decimal(r["price"]) for r in tables(told)})

    def now(self) -> int | None:
        """Return the exchange's clock."""
        told = self.ask(self.calls["time"])
        return self.read(lambda: int(told["serverTime"]))

    def _rest(self, body: dict[str, Any]) -> None:
        """Let an order only rest."""
        body["type"] = "LIMIT_MAKER"
        del body["timeInForce"]


def order_told(row: Any) -> Told:
    """Read an order.

    Raises
    ------
    KeyError, TypeError, ValueError, UsageError
        It is none.
    """
    told = table(row)
    filled = decimal(told.get("executedQty") or 0)
    cost = number(told.get("cummulativeQuoteQty") or told.get("cumQuote"))
    average = MONEY.divide(cost, filled) if cost and filled else number(told.get("avgPrice"))
    status = str(told["status"])
    return Told(
        client=str(told.get("origClientOrderId") or told["clientOrderId"]),
        venue_id=str(told["orderId"]),
        market=str(told["symbol"]),
        side=Side.BUY if told["side"] == "BUY" else Side.SELL,
        type=_TYPES.get(str(told.get("origType") or told["type"]), OrderType.MARKET),
        state=_STATES.get(status, OrderState.ACCEPTED),
        at=milliseconds(told.get("time") or told.get("transactTime") or told["updateTime"]),
        quantity=number(told.get("origQty")),
        filled=filled,
        average=average if filled else None,
        limit_price=number(told.get("price")),
        stop_price=number(told.get("stopPrice")),
        tif=_TIFS.get(str(told.get("timeInForce")), TimeInForce.GTC),
        reduce_only=bool(told.get("reduceOnly")),
        reason="" if status in _STATES else f"status {status}",
    )


def trade_told(row: Mapping[str, Any]) -> Execution:
    """Read an execution; its id is unique within its market."""
    is_buy = row["isBuyer"] if "isBuyer" in row else row["side"] == "BUY"
    return Execution(
        name=f"{row['symbol']}:{row['id']}",
        venue_id=str(row["orderId"]),
        market=str(row["symbol"]),
        side=Side.BUY if is_buy else Side.SELL,
        quantity=decimal(row["qty"]),
        price=decimal(row["price"]),
        at=milliseconds(row["time"]),
        fee=decimal(row.get("commission") or ZERO),
        fee_currency=str(row.get("commissionAsset") or ""),
    )
