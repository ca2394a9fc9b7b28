"""Kraken as a server: spot."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qs

from workbench.core.order import OrderState, OrderType, TimeInForce
from workbench.testing.brokers.exchanges.book import Entry, Refused, TradeRow
from workbench.testing.brokers.exchanges.server import ExchangeServer, ordered
from workbench.testing.wire import Asked, Reply

__all__ = ["KrakenServer"]

_TOKEN = "WW91ciBhdXRoZW50aWNhdGlvbiB0b2tlbiBnb2VzIGhlcmUu"  # noqa: S105  of the test's own server
_PAGE = 50
_KINDS = {
    "market": "market",
    "limit": "limit",
    "stop-loss": "stop",
    "stop-loss-limit": "stop_limit",
}
_WORDS = {OrderType(kind): word for word, kind in _KINDS.items()}
_REFUSALS = {
    "funds": "EOrder:Insufficient funds",
    "taker": "EOrder:Post only order",
    "duplicate": "EOrder:Duplicate cl_ord_id",
    "symbol": "EQuery:Unknown asset pair",
    "filter": "EOrder:Order minimum not met",
    "absent": "EOrder:Unknown order",
    "nonce": "EAPI:Invalid nonce",
    "signature": "EAPI:Invalid signature",
    "key": "EAPI:Invalid key",
    "deadline": "EService:Deadline elapsed",
}
_STATES = {
    OrderState.FILLED: "closed",
    OrderState.CANCELED: "canceled",
    OrderState.EXPIRED: "expired",
}


class KrakenServer(ExchangeServer):
    """Signed calls under ``/0/private`` with rising numbers, and the stream of executions."""

    name = "kraken"
    terms = {"fees_in_quote": True, "reuses_ids": True}  # noqa: RUF012  of a class, never changed

    def __init__(self, **terms: Any) -> None:
        self._last = 0
        super().__init__(**terms)

    def private(self, asked: Asked) -> Reply | None:
        """Answer a signed call, and the ticker."""
        method = asked.path.rpartition("/")[2]
        if method == "Ticker":
            names = asked.query["pair"].split(",")
            rows = {n: {"c": [str(self.book.price(self._symbol(n))), "1"]} for n in names}
            return Reply({"error": [], "result": rows})
        calls: Mapping[str, Callable[[Mapping[str, str]], Any]] = {
            "AddOrder": self._place,
            "CancelOrder": self._cancel,
            "OpenOrders": lambda said: {"open": self._listed(said, is_open=True)},
            "ClosedOrders": lambda said: {"closed": self._listed(said, is_open=False)},
            "QueryOrders": self._query,
            "TradesHistory": self._trades,
            "BalanceEx": lambda _: self._balances(),
            "GetWebSocketsToken": lambda _: {"token": _TOKEN, "expires": 900},
        }
        if "/private/" not in asked.path or method not in calls:
            return None
        said = self._checked(asked)
        with self.book.lock:
            return Reply({"error": [], "result": calls[method](said)})

    def refusal(self, why: str, asked: Asked) -> Reply:
        """Return a list of errors."""
        del asked
        return Reply({"error": [_REFUSALS[why]]})

    def is_order(self, asked: Asked) -> bool:
        """Tell whether a request sends or cancels an order."""
        return asked.path.endswith(("/AddOrder", "/CancelOrder"))

    def client_of(self, asked: Asked) -> str:
        """Return the client id of an order that is sent."""
        return _said(asked).get("cl_ord_id", "") if asked.path.endswith("/AddOrder") else ""

    def message(self, entry: Entry) -> dict[str, Any]:
        """Return an execution report."""
        order = entry.order
        status = "filled" if order.state is OrderState.FILLED else "new"
        row = {
            "order_id": _txid(entry), "cl_ord_id": entry.client, "symbol": order.symbol,
            "exec_type": status, "order_status": status, "order_qty": float(order.quantity or 0),
            "cum_qty": float(order.filled), "side": order.side.value, "order_type": "market",
            "timestamp": entry.at.isoformat().replace("+00:00", "Z"),
        }  # fmt: skip
        return {"channel": "executions", "type": "update", "data": [row], "sequence": 1}

    def heard(self, said: Any) -> tuple[Any, bool]:
        """Let in who has the token."""
        if said.get("method") == "ping":
            return {"method": "pong"}, False
        about = {"method": said["method"], "req_id": said.get("req_id")}
        if said["params"].get("token") != _TOKEN:
            return {**about, "success": False, "error": "EAPI:Invalid token"}, False
        return {**about, "success": True, "result": {"channel": "executions"}}, True

    # calls --------------------------------------------------------------------------------

    def _place(self, said: Mapping[str, str]) -> dict[str, Any]:
        if "deadline" in said and datetime.fromisoformat(said["deadline"]).timestamp() < self.now():
            raise Refused("deadline")
        kind = _KINDS[said["ordertype"]]
        names = {
            "limit": ["limit_price"],
            "stop": ["stop_price"],
            "stop_limit": ["stop_price", "limit_price"],
        }.get(kind, [])
        prices = [Decimal(said[name]) for name in ("price", "price2") if name in said]
        facts: dict[str, Any] = dict(zip(names, prices, strict=True))
        if "timeinforce" in said:
            facts["tif"] = TimeInForce(said["timeinforce"].lower())
        facts["post_only"] = "post" in said.get("oflags", "").split(",")
        quantity, symbol = Decimal(said["volume"]), self._symbol(said["pair"])
        order = ordered(symbol, said["type"], kind, quantity=quantity, **facts)
        entry = self.book.submit(said["cl_ord_id"], order)
        return {"descr": {"order": f"{said['type']} {quantity}"}, "txid": [_txid(entry)]}

    def _cancel(self, said: Mapping[str, str]) -> dict[str, Any]:
        self.book.cancel(self.book.find(said["cl_ord_id"]))
        return {"count": 1}

    def _listed(self, said: Mapping[str, str], *, is_open: bool) -> dict[str, Any]:
        wanted = said.get("cl_ord_id")
        return {
            _txid(entry): self._row(entry)
            for entry in self.book.entries
            if entry.order.state.is_open is is_open and wanted in (None, entry.client)
        }

    def _query(self, said: Mapping[str, str]) -> dict[str, Any]:
        found = [self.book.numbered(int(name[-6:])) for name in said["txid"].split(",")]
        return {_txid(entry): self._row(entry) for entry in found if entry is not None}

    def _trades(self, said: Mapping[str, str]) -> dict[str, Any]:
        start, offset = float(said.get("start", 0)), int(said.get("ofs", 0))
        rows = [t for t in reversed(self.book.trades) if t.fill.time.timestamp() > start]
        page = {f"T{t.number:06d}-TRADE": _trade(t) for t in rows[offset : offset + _PAGE]}
        return {"trades": page, "count": len(rows)}

    def _balances(self) -> dict[str, Any]:
        return {
            currency: {"balance": str(free + resting), "hold_trade": str(resting)}
            for currency, (free, resting) in self.book.units().items()
        }

    def _row(self, entry: Entry) -> dict[str, Any]:
        order = entry.order
        prices = [str(p) for p in (order.stop_price, order.limit_price) if p is not None]
        first, second = [*prices, "0", "0"][:2]
        about = {
            "pair": order.symbol.replace("/", ""), "type": order.side.value,
            "ordertype": _WORDS[order.type], "price": first, "price2": second,
            "leverage": "none", "order": "", "close": "",
        }  # fmt: skip
        return {
            "refid": None, "userref": None, "cl_ord_id": entry.client,
            "status": _STATES.get(order.state, "open"), "reason": None,
            "opentm": entry.at.timestamp(), "starttm": 0, "expiretm": 0, "descr": about,
            "vol": str(order.quantity), "vol_exec": str(order.filled), "cost": str(entry.cost),
            "fee": "0.00000", "price": str(order.average_price or "0.00000"),
            "stopprice": "0.00000", "limitprice": "0.00000", "misc": "", "oflags": "fciq",
        }  # fmt: skip

    # inside -------------------------------------------------------------------------------

    def _symbol(self, name: str) -> str:
        return next((s for s in self.book.symbols if s.replace("/", "") == name), name)

    def _checked(self, asked: Asked) -> Mapping[str, str]:
        """Return what was said, once key, signature and number are right."""
        said = _said(asked)
        if asked.headers.get("api-key") != self.key:
            raise Refused("key")
        path = asked.path[asked.path.index("/0/") :]
        digest = hashlib.sha256((said["nonce"] + asked.body).encode()).digest()
        secret = base64.b64decode(self.secret)
        signature = hmac.new(secret, path.encode() + digest, hashlib.sha512).digest()
        if asked.headers.get("api-sign") != base64.b64encode(signature).decode():
            raise Refused("signature")
        if int(said["nonce"]) <= self._last:
            raise Refused("nonce")
        self._last = int(said["nonce"])
        return said


def _said(asked: Asked) -> dict[str, str]:
    return {name: values[-1] for name, values in parse_qs(asked.body).items()}


def _txid(entry: Entry) -> str:
    return f"OORDER-AAAAA-{entry.number:06d}"


def _trade(trade: TradeRow) -> dict[str, Any]:
    fill = trade.fill
    return {
        "ordertxid": _txid(trade.entry), "postxid": "TKH2SE-M7IF5-CFI7LT",
        "pair": fill.symbol.replace("/", ""), "time": fill.time.timestamp(),
        "type": fill.side.value, "ordertype": "market", "price": str(fill.price),
        "cost": str(fill.quantity * fill.price), "fee": str(trade.fee),
        "vol": str(fill.quantity), "margin": "0.00000000", "misc": "",
    }  # fmt: skip
