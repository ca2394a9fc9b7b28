"""Bybit as a server: spot of a unified account."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from workbench.core.order import OrderState, TimeInForce
from workbench.testing.brokers.exchanges.book import Entry, Refused, TradeRow
from workbench.testing.brokers.exchanges.server import ExchangeServer, ordered
from workbench.testing.wire import Asked, Reply

__all__ = ["BybitServer"]

_REFUSALS = {
    "funds": (170131, "Insufficient balance."),
    "duplicate": (170141, "Duplicate clientOrderId."),
    "symbol": (10001, "Not supported symbols"),
    "filter": (170140, "Order value exceeded lower limit"),
    "terms": (110013, "Cannot set leverage due to risk limit level."),
    "absent": (170213, "Order does not exist."),
    "clock": (10002, "invalid request, please check your server timestamp or recv_window param."),
    "signature": (10004, "error sign! please check your signature generation algorithm."),
    "key": (10003, "API key is invalid."),
}
_STATES = {
    OrderState.FILLED: "Filled",
    OrderState.CANCELED: "Cancelled",
    OrderState.PARTIALLY_FILLED: "PartiallyFilled",
}


class BybitServer(ExchangeServer):
    """Signed calls under ``/v5``, and the stream of orders."""

    name = "bybit"
    category = "spot"
    terms = {"cancels_takers": True}  # noqa: RUF012  of a class, never changed

    def __init__(self, **terms: Any) -> None:
        self.kinds: dict[str, str] = {}  # of executions that were no trades of ours
        super().__init__(**terms)

    def private(self, asked: Asked) -> Reply | None:
        """Answer a signed call, the clock, and the ticker."""
        path = asked.path[asked.path.find("/v5/") :]
        if path == "/v5/market/time":
            return self.told({"timeNano": str(int(self.now() * 1e9))})
        if path == "/v5/market/tickers":
            name = asked.query["symbol"]
            row = {"symbol": name, "lastPrice": str(self.book.price(self.symbol(name)))}
            return self.told({"list": [row]})
        calls: Mapping[str, Callable[[Mapping[str, Any]], Any]] = {
            "/v5/order/create": self._place,
            "/v5/order/cancel": self._cancel,
            "/v5/order/realtime": lambda said: self._listed(said, is_open=True),
            "/v5/order/history": lambda said: self._listed(said, is_open=False),
            "/v5/execution/list": self._trades,
            "/v5/account/wallet-balance": lambda _: self._balances(),
        }
        if path not in calls:
            return None
        self.check(asked)
        said = json.loads(asked.body) if asked.method == "POST" else asked.query
        with self.book.lock:
            return self.told(calls[path](said))

    def refusal(self, why: str, asked: Asked) -> Reply:
        """Return code and message, as HTTP 200."""
        del asked
        code, said = _REFUSALS[why]
        return Reply({"retCode": code, "retMsg": said, "result": {}, "time": 0})

    def is_order(self, asked: Asked) -> bool:
        """Tell whether a request sends or cancels an order."""
        return asked.path.endswith(("/order/create", "/order/cancel"))

    def client_of(self, asked: Asked) -> str:
        """Return the client id of an order that is sent."""
        is_sent = asked.path.endswith("/order/create")
        return str(json.loads(asked.body).get("orderLinkId", "")) if is_sent else ""

    def message(self, entry: Entry) -> dict[str, Any]:
        """Return a message of the topic of orders."""
        row = {**self._row(entry), "category": self.category}
        return {"topic": "order", "id": "1", "creationTime": entry.ms, "data": [row]}

    def heard(self, said: Any) -> tuple[Any, bool]:
        """Let a signed client in, and take its subscription."""
        about = {"op": said.get("op"), "req_id": said.get("req_id"), "conn_id": "1"}
        if said.get("op") == "auth":
            key, expires, signature = said["args"]
            is_in = key == self.key and signature == self._signed(f"GET/realtime{expires}")
            return {**about, "success": is_in, "ret_msg": "" if is_in else "auth failed"}, False
        if said.get("op") == "ping":
            return {**about, "success": True, "ret_msg": "pong"}, False
        return {**about, "success": True, "ret_msg": ""}, said.get("op") == "subscribe"

    # calls --------------------------------------------------------------------------------

    def _place(self, said: Mapping[str, Any]) -> dict[str, Any]:
        is_limit, has_stop = said["orderType"] == "Limit", "triggerPrice" in said
        if not is_limit and self.category == "spot" and said.get("marketUnit") != "baseCoin":
            raise Refused("filter")  # an amount of money, which no order of ours means
        kind = {(0, 0): "market", (1, 0): "limit", (0, 1): "stop", (1, 1): "stop_limit"}
        names = {"limit_price": "price", "stop_price": "triggerPrice"}
        facts: dict[str, Any] = {n: Decimal(said[o]) for n, o in names.items() if o in said}
        facts["post_only"] = said.get("timeInForce") == "PostOnly"
        if "timeInForce" in said and not facts["post_only"]:
            facts["tif"] = TimeInForce(said["timeInForce"].lower())
        facts |= {"quantity": Decimal(said["qty"]), "reduce_only": bool(said.get("reduceOnly"))}
        order = ordered(
            self.symbol(said["symbol"]), said["side"], kind[is_limit, has_stop], **facts
        )
        entry = self.book.submit(said["orderLinkId"], order)
        return {"orderId": _name(entry), "orderLinkId": entry.client}

    def _cancel(self, said: Mapping[str, Any]) -> dict[str, Any]:
        entry = self.book.cancel(self.book.find(said["orderLinkId"]))
        return {"orderId": _name(entry), "orderLinkId": entry.client}

    def _listed(self, said: Mapping[str, Any], *, is_open: bool) -> dict[str, Any]:
        wanted = said.get("orderLinkId")
        rows = [
            self._row(entry)
            for entry in self.book.entries
            if entry.order.state.is_open is is_open and wanted in (None, entry.client)
        ]
        return self._page(rows, said)

    def _trades(self, said: Mapping[str, Any]) -> dict[str, Any]:
        start, end = int(said["startTime"]), int(said["endTime"])
        rows = [_trade(t) for t in reversed(self.book.trades) if start <= t.ms <= end]
        rows = [{**row, "execType": self.kinds.get(row["execId"], "Trade")} for row in rows]
        return self._page(rows, said)

    def _balances(self) -> dict[str, Any]:
        coins = [
            {"coin": name, "walletBalance": str(free + resting), "locked": str(resting)}
            for name, (free, resting) in self.book.units().items()
        ]
        return {"list": [{"accountType": "UNIFIED", "totalEquity": "0", "coin": coins}]}

    def _row(self, entry: Entry) -> dict[str, Any]:
        order = entry.order
        return {
            "symbol": order.symbol.partition(":")[0].replace("/", ""), "orderId": _name(entry),
            "orderLinkId": entry.client, "orderStatus": _STATES.get(order.state, "New"),
            "orderType": "Market" if order.limit_price is None else "Limit",
            "side": order.side.value.capitalize(), "price": str(order.limit_price or "0"),
            "qty": str(order.quantity), "cumExecQty": str(order.filled),
            "avgPrice": str(order.average_price or ""), "timeInForce": order.tif.value.upper(),
            "triggerPrice": str(order.stop_price or ""), "createdTime": str(entry.ms),
            "updatedTime": str(entry.ms), "rejectReason": "EC_NoError", "marketUnit": "baseCoin",
            "cumExecValue": str(entry.cost), "reduceOnly": order.reduce_only,
        }  # fmt: skip

    # inside -------------------------------------------------------------------------------

    def symbol(self, name: str) -> str:
        """Return our name of a market."""
        plain = ((s, s.partition(":")[0].replace("/", "")) for s in self.book.symbols)
        return next((symbol for symbol, told in plain if told == name), name)

    def _page(self, rows: list[dict[str, Any]], said: Mapping[str, Any]) -> dict[str, Any]:
        start, limit = int(said.get("cursor") or 0), int(said.get("limit", 20))
        after = str(start + limit) if start + limit < len(rows) else ""
        page = rows[start : start + limit]
        return {"category": self.category, "list": page, "nextPageCursor": after}

    def told(self, result: Any) -> Reply:
        """Return an answer in its form."""
        return Reply({"retCode": 0, "retMsg": "OK", "result": result, "time": 0})

    def _signed(self, text: str) -> str:
        return hmac.new(self.secret.encode(), text.encode(), hashlib.sha256).hexdigest()

    def check(self, asked: Asked) -> None:
        """Hold that key, signature and time are right."""
        told = asked.headers
        stamp, window = told.get("x-bapi-timestamp", "0"), told.get("x-bapi-recv-window", "0")
        if told.get("x-bapi-api-key") != self.key:
            raise Refused("key")
        text = asked.body if asked.method == "POST" else asked.raw_query
        if told.get("x-bapi-sign") != self._signed(f"{stamp}{self.key}{window}{text}"):
            raise Refused("signature")
        if not -1000 <= self.now() * 1000 - int(stamp) <= int(window):
            raise Refused("clock")


def _name(entry: Entry) -> str:
    return f"1523347543495541{entry.number:03d}"


def _trade(trade: TradeRow) -> dict[str, Any]:
    fill = trade.fill
    return {
        "symbol": fill.symbol.partition(":")[0].replace("/", ""), "execType": "Trade",
        "execId": f"2100000000{trade.number:06d}", "orderId": _name(trade.entry),
        "orderLinkId": trade.entry.client, "side": fill.side.value.capitalize(),
        "execPrice": str(fill.price), "execQty": str(fill.quantity), "execTime": str(trade.ms),
        "execFee": str(trade.fee), "feeCurrency": trade.fee_currency,
    }  # fmt: skip
