"""Binance as a server: spot."""

from __future__ import annotations

import hashlib
import hmac
import json
import uuid
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qs

from workbench.core.order import OrderState, OrderType, TimeInForce
from workbench.testing.brokers.exchanges.book import Entry, Refused, TradeRow
from workbench.testing.brokers.exchanges.server import KEY, SECRET, ExchangeServer, ordered
from workbench.testing.wire import Asked, Reply

__all__ = ["BinanceServer"]

_KINDS = {
    "MARKET": "market",
    "LIMIT": "limit",
    "STOP_LOSS": "stop",
    "STOP_LOSS_LIMIT": "stop_limit",
}
_WORDS = {OrderType(kind): word for word, kind in _KINDS.items()}
_REFUSALS = {
    "funds": (-2010, "Account has insufficient balance for requested action."),
    "taker": (-2010, "Order would immediately match and take."),
    "duplicate": (-2010, "Duplicate order sent."),
    "symbol": (-1121, "Invalid symbol."),
    "filter": (-1013, "Filter failure: LOT_SIZE"),
    "terms": (-4028, "Leverage 3 is not valid"),
    "absent": (-2011, "Unknown order sent."),
    "unknown": (-2013, "Order does not exist."),
    "clock": (-1021, "Timestamp for this request is outside of the recvWindow."),
    "signature": (-1022, "Signature for this request is not valid."),
    "key": (-2014, "API-key format invalid."),
}


class BinanceServer(ExchangeServer):
    """Signed calls under ``/api/v3``, and the stream of the WebSocket API."""

    name = "binance"
    terms = {"reuses_ids": True}  # noqa: RUF012  of a class, never changed
    base = "/api/v3"
    orders_path = "/api/v3/order"
    trades_path = "myTrades"

    def private(self, asked: Asked) -> Reply | None:
        """Answer a signed call, and those without a signature that the public side lacks."""
        path = asked.path
        if path.endswith(f"{self.base}/time"):
            return Reply({"serverTime": int(self.now() * 1000)})
        if path.endswith(f"{self.base}/ticker/price"):
            return Reply(self._prices(json.loads(asked.query["symbols"])))
        calls: Mapping[str, Callable[[Mapping[str, str]], Any]] = {
            f"POST {self.base}/order": self._place,
            f"DELETE {self.base}/order": self._cancel,
            f"GET {self.base}/order": self._order,
            f"GET {self.base}/openOrders": lambda _: [self.row(e) for e in self.book.open()],
            f"GET {self.base}/{self.trades_path}": self._trades,
            "GET /api/v3/account": self._account,
        }
        call = next((c for at, c in calls.items() if _is_at(asked, at)), None)
        if call is None:
            return None
        said = self.checked(asked)
        with self.book.lock:
            return Reply(call(said))

    def refusal(self, why: str, asked: Asked) -> Reply:
        """Return code and message."""
        del asked
        code, said = _REFUSALS[why]
        return Reply({"code": code, "msg": said}, 400)

    def is_order(self, asked: Asked) -> bool:
        """Tell whether a request sends or cancels an order."""
        return asked.path.endswith(self.orders_path) and asked.method in ("POST", "DELETE")

    def client_of(self, asked: Asked) -> str:
        """Return the client id of an order that is sent."""
        if not self.is_order(asked) or asked.method != "POST":
            return ""
        return _said(asked).get("newClientOrderId", "")

    def row(self, entry: Entry) -> dict[str, Any]:
        """Return an order as it is told everywhere."""
        order = entry.order
        states = {OrderState.WORKING: "NEW", OrderState.ACCEPTED: "NEW"}
        return {
            "symbol": _plain(order.symbol), "orderId": entry.number, "orderListId": -1,
            "clientOrderId": entry.client, "price": _text(order.limit_price),
            "origQty": _text(order.quantity), "executedQty": _text(order.filled),
            "cummulativeQuoteQty": _text(entry.cost),
            "status": states.get(order.state, order.state.value.upper()),
            "timeInForce": order.tif.value.upper(), "type": _WORDS[order.type],
            "side": order.side.value.upper(), "stopPrice": _text(order.stop_price),
            "time": entry.ms, "updateTime": entry.ms, "transactTime": entry.ms,
            "isWorking": True, "reduceOnly": order.reduce_only,
        }  # fmt: skip

    def message(self, entry: Entry) -> dict[str, Any]:
        """Return an execution report, as far as ccxt reads it."""
        row = self.row(entry)
        event = {
            "e": "executionReport", "E": entry.ms, "s": row["symbol"], "c": entry.client,
            "S": row["side"], "o": row["type"], "f": row["timeInForce"], "q": row["origQty"],
            "p": row["price"], "P": row["stopPrice"], "F": "0", "g": -1, "C": "",
            "x": "NEW" if row["status"] == "NEW" else "TRADE", "X": row["status"], "r": "NONE",
            "i": entry.number, "l": "0", "z": row["executedQty"], "L": "0", "n": "0", "N": None,
            "T": entry.ms, "t": -1, "I": 1, "w": True, "m": False, "O": entry.ms,
            "Z": row["cummulativeQuoteQty"], "Y": "0", "Q": "0",
        }  # fmt: skip
        return {"subscriptionId": 0, "event": event}

    def heard(self, said: Any) -> tuple[Any, bool]:
        """Let a signed subscription in."""
        params = said.get("params") or {}
        text = "&".join(f"{k}={params[k]}" for k in sorted(params) if k != "signature")
        if params.get("apiKey") != KEY or params.get("signature") != _signed(text):
            error = {"code": -1022, "msg": "Signature for this request is not valid."}
            return {"id": said.get("id"), "status": 400, "error": error}, False
        return {"id": said["id"], "status": 200, "result": {"subscriptionId": 0}}, True

    # calls --------------------------------------------------------------------------------

    def _place(self, said: Mapping[str, str]) -> dict[str, Any]:
        quantity = Decimal(said["quantity"])
        if quantity % Decimal("0.00001"):
            raise Refused("filter")
        prices = {"limit_price": "price", "stop_price": "stopPrice"}
        facts: dict[str, Any] = {
            ours: Decimal(said[theirs]) for ours, theirs in prices.items() if theirs in said
        }
        facts["reduce_only"] = said.get("reduceOnly") == "true"
        facts["post_only"] = said["type"] == "LIMIT_MAKER" or said.get("timeInForce") == "GTX"
        if "timeInForce" in said and not facts["post_only"]:
            facts["tif"] = TimeInForce(said["timeInForce"].lower())
        symbol, kind = self.symbol(said["symbol"]), _KINDS[said["type"].removesuffix("_MAKER")]
        order = ordered(symbol, said["side"], kind, quantity=quantity, **facts)
        client = said.get("newClientOrderId") or uuid.uuid4().hex
        return self.row(self.book.submit(client, order))

    def _cancel(self, said: Mapping[str, str]) -> dict[str, Any]:
        entry = self.book.cancel(self._found(said))
        return {
            **self.row(entry),
            "clientOrderId": uuid.uuid4().hex,
            "origClientOrderId": entry.client,
        }

    def _order(self, said: Mapping[str, str]) -> dict[str, Any]:
        entry = self._found(said)
        if entry is None:
            raise Refused("unknown")
        return self.row(entry)

    def _found(self, said: Mapping[str, str]) -> Entry | None:
        if "orderId" in said:
            return self.book.numbered(int(said["orderId"]))
        entry = self.book.find(said["origClientOrderId"])
        is_there = entry is not None and _plain(entry.order.symbol) == said["symbol"]
        return entry if is_there else None

    def _trades(self, said: Mapping[str, str]) -> list[dict[str, Any]]:
        limit, first = int(said.get("limit", 500)), int(said.get("fromId", 0))
        since = int(said.get("startTime", 0))
        rows = [
            trade
            for trade in self.book.trades
            if _plain(trade.fill.symbol) == said["symbol"]
            and trade.number >= first
            and since <= trade.ms <= int(said.get("endTime", trade.ms))
        ]
        return [self.trade_row(trade) for trade in rows[:limit]]

    def trade_row(self, trade: TradeRow) -> dict[str, Any]:
        """Return an execution as it is listed."""
        fill = trade.fill
        return {
            "symbol": _plain(fill.symbol), "id": trade.number, "orderId": trade.entry.number,
            "price": _text(fill.price), "qty": _text(fill.quantity),
            "quoteQty": _text(fill.quantity * fill.price), "commission": _text(trade.fee),
            "commissionAsset": trade.fee_currency, "time": trade.ms,
            "isBuyer": fill.side.value == "buy", "isMaker": False, "isBestMatch": True,
        }  # fmt: skip

    def _account(self, said: Mapping[str, str]) -> dict[str, Any]:
        del said
        balances = [
            {"asset": asset, "free": _text(free), "locked": _text(locked)}
            for asset, (free, locked) in self.book.units().items()
        ]
        return {"uid": 354937868, "accountType": "SPOT", "canTrade": True, "balances": balances}

    def _prices(self, names: list[str]) -> list[dict[str, str]]:
        return [{"symbol": n, "price": str(self.book.price(self.symbol(n)))} for n in names]

    # inside -------------------------------------------------------------------------------

    def symbol(self, name: str) -> str:
        """Return our name of a market."""
        return next((s for s in self.book.symbols if _plain(s) == name), name)

    def checked(self, asked: Asked) -> Mapping[str, str]:
        """Return what was said, once key, signature and time are right."""
        text = asked.body if asked.method != "GET" else ""
        said = _said(asked)
        if asked.headers.get("x-mbx-apikey") != KEY:
            raise Refused("key")
        plain = (text or asked.raw_query).rpartition("&signature=")[0]
        if said.get("signature") != _signed(plain):
            raise Refused("signature")
        late = self.now() * 1000 - int(said["timestamp"])
        if not -1000 <= late <= int(said.get("recvWindow", 5000)):
            raise Refused("clock")
        return said


def _said(asked: Asked) -> dict[str, str]:
    body = {name: values[-1] for name, values in parse_qs(asked.body).items()}
    return {**asked.query, **body}


def _is_at(asked: Asked, where: str) -> bool:
    method, _, path = where.partition(" ")
    return asked.method == method and asked.path.endswith(path)


def _signed(text: str) -> str:
    return hmac.new(SECRET.encode(), text.encode(), hashlib.sha256).hexdigest()


def _plain(symbol: str) -> str:
    return symbol.partition(":")[0].replace("/", "")


def _text(value: Decimal | None) -> str:
    return f"{value or Decimal(0):.8f}"
