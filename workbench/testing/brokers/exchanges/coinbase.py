"""Coinbase Advanced Trade as a server: spot."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from workbench.core.order import OrderState, TimeInForce
from workbench.testing.brokers.exchanges.book import Entry, Refused, TradeRow
from workbench.testing.brokers.exchanges.server import ExchangeServer, ordered
from workbench.testing.wire import Asked, Reply

__all__ = ["CoinbaseServer"]

_PAIR = ec.generate_private_key(ec.SECP256R1())
_PEM = _PAIR.private_bytes(
    serialization.Encoding.PEM,
    serialization.PrivateFormat.TraditionalOpenSSL,
    serialization.NoEncryption(),
).decode()
_REFUSALS = {
    "funds": "INSUFFICIENT_FUND",
    "taker": "INVALID_LIMIT_PRICE_POST_ONLY",
    "symbol": "INVALID_PRODUCT_ID",
    "filter": "INVALID_SIZE_PRECISION",
}
_STATES = {
    OrderState.FILLED: "FILLED",
    OrderState.CANCELED: "CANCELLED",
    OrderState.EXPIRED: "EXPIRED",
}
_TIFS = {
    "ioc": TimeInForce.IOC,
    "fok": TimeInForce.FOK,
    "gtc": TimeInForce.GTC,
}
_AT = "/api/v3/brokerage"


class CoinbaseServer(ExchangeServer):
    """Calls with signed tokens, and the stream's channel ``user``."""

    name = "coinbase"
    key = "organizations/3b910e93/apiKeys/1"
    secret = _PEM
    terms = {"fees_in_quote": True}  # noqa: RUF012  of a class, never changed

    def private(self, asked: Asked) -> Reply | None:
        """Answer a signed call, and the clock."""
        path = asked.path[asked.path.find(_AT) + len(_AT) :] if _AT in asked.path else ""
        if path == "/time":
            return Reply({"epochMillis": str(int(self.now() * 1000))})
        if not path.startswith(("/orders", "/accounts", "/best_bid_ask")):
            return None
        if not self._is_signed(asked.headers.get("authorization", "").removeprefix("Bearer ")):
            return Reply("Unauthorized", 401)
        with self.book.lock:
            return self._answered(asked, path)

    def refusal(self, why: str, asked: Asked) -> Reply:
        """Return what became of an order, as HTTP 200; of a question, 404."""
        del asked
        if why == "absent":
            return Reply({"error": "NOT_FOUND", "message": "order not found"}, 404)
        error = {"error": _REFUSALS[why], "message": why, "error_details": ""}
        return Reply({"success": False, "error_response": error, "order_configuration": {}})

    def is_order(self, asked: Asked) -> bool:
        """Tell whether a request sends or cancels an order."""
        return asked.method == "POST" and "/orders" in asked.path

    def client_of(self, asked: Asked) -> str:
        """Return the client id of an order that is sent."""
        is_sent = asked.method == "POST" and asked.path.endswith("/orders")
        return str(json.loads(asked.body).get("client_order_id", "")) if is_sent else ""

    def message(self, entry: Entry) -> dict[str, Any]:
        """Return a message of the channel ``user``."""
        row = {
            "order_id": _name(entry), "client_order_id": entry.client,
            "cumulative_quantity": str(entry.order.filled), "leaves_quantity": "0",
            "avg_price": "0", "total_fees": "0", "order_type": "Limit",
            "status": _STATES.get(entry.order.state, "OPEN"),
            "product_id": entry.order.symbol.replace("/", "-"),
            "creation_time": _stamp(entry.at), "order_side": entry.order.side.value.upper(),
        }  # fmt: skip
        events = [{"type": "update", "orders": [row]}]
        return {"channel": "user", "timestamp": _stamp(entry.at), "events": events}

    def heard(self, said: Any) -> tuple[Any, bool]:
        """Let a signed subscription in."""
        if not self._is_signed(said.get("jwt", "")):
            return {"type": "error", "message": "authentication failure"}, False
        events = [{"subscriptions": {"user": ["1"]}}]
        return {"channel": "subscriptions", "events": events}, True

    # calls --------------------------------------------------------------------------------

    def _answered(self, asked: Asked, path: str) -> Reply:
        if asked.method == "POST":
            said = json.loads(asked.body)
            return self._cancel(said) if path.endswith("batch_cancel") else self._place(said)
        if path == "/accounts":
            return Reply({"accounts": self._accounts(), "has_next": False, "cursor": ""})
        if path == "/best_bid_ask":
            return Reply({"pricebooks": self._quotes(asked)})
        if path == "/orders/historical/batch":
            return self._page(asked, "orders", self._orders(asked))
        if path == "/orders/historical/fills":
            since = datetime.fromisoformat(asked.query["start_sequence_timestamp"])
            rows = [_trade(t) for t in reversed(self.book.trades) if t.fill.time >= since]
            return self._page(asked, "fills", rows)
        entry = self.book.numbered(int(path[-6:]))
        if entry is None:
            raise Refused("absent")
        return Reply({"order": self._row(entry)})

    def _place(self, said: Mapping[str, Any]) -> Reply:
        known = self.book.find(said["client_order_id"])
        if known is not None:  # answered with the first order
            return self._placed(known)
        name, terms = next(iter(said["order_configuration"].items()))
        kinds = {"market": "market", "stop": "stop_limit"}
        fields = {"limit_price": "limit_price", "stop_price": "stop_price", "quantity": "base_size"}
        facts: dict[str, Any] = {n: Decimal(terms[o]) for n, o in fields.items() if o in terms}
        if not name.startswith("market"):
            facts["tif"] = _TIFS[name.rpartition("_")[2]]
        facts["post_only"] = bool(terms.get("post_only"))
        symbol = said["product_id"].replace("-", "/")
        kind = kinds.get(name.partition("_")[0], "limit")
        order = ordered(symbol, said["side"], kind, **facts)
        return self._placed(self.book.submit(said["client_order_id"], order))

    def _placed(self, entry: Entry) -> Reply:
        told = {
            "order_id": _name(entry), "product_id": entry.order.symbol.replace("/", "-"),
            "side": entry.order.side.value.upper(), "client_order_id": entry.client,
        }  # fmt: skip
        return Reply({"success": True, "order_id": _name(entry), "success_response": told})

    def _cancel(self, said: Mapping[str, Any]) -> Reply:
        rows = []
        for name in said["order_ids"]:
            try:
                self.book.cancel(self.book.numbered(int(name[-6:])))
                why = "UNKNOWN_CANCEL_FAILURE_REASON"
                rows.append({"success": True, "failure_reason": why, "order_id": name})
            except Refused:
                why = "UNKNOWN_CANCEL_ORDER"
                rows.append({"success": False, "failure_reason": why, "order_id": name})
        return Reply({"results": rows})

    def _orders(self, asked: Asked) -> list[dict[str, Any]]:
        wanted, since = asked.query.get("order_status"), asked.query.get("start_date")
        rows = []
        for entry in reversed(self.book.entries):
            is_old = since is not None and entry.at < datetime.fromisoformat(since)
            if not is_old and (wanted is None or entry.order.state.is_open):
                rows.append(self._row(entry))
        return rows

    def _accounts(self) -> list[dict[str, Any]]:
        return [
            {
                "uuid": name, "currency": name,
                "available_balance": {"value": str(free), "currency": name},
                "hold": {"value": str(resting), "currency": name},
            }
            for name, (free, resting) in self.book.units().items()
        ]  # fmt: skip

    def _quotes(self, asked: Asked) -> list[dict[str, Any]]:
        name = asked.query["product_ids"]
        levels = [{"price": str(self.book.price(name.replace("-", "/"))), "size": "1"}]
        return [{"product_id": name, "bids": levels, "asks": levels}]

    def _row(self, entry: Entry) -> dict[str, Any]:
        order = entry.order
        names = {"limit_price": order.limit_price, "stop_price": order.stop_price}
        terms = {"base_size": str(order.quantity)}
        terms |= {name: str(price) for name, price in names.items() if price is not None}
        tifs = {TimeInForce.IOC: "IMMEDIATE_OR_CANCEL", TimeInForce.FOK: "FILL_OR_KILL"}
        kind = "market_market_ioc" if order.limit_price is None else "limit_limit_gtc"
        return {
            "order_id": _name(entry), "client_order_id": entry.client,
            "product_id": order.symbol.replace("/", "-"), "side": order.side.value.upper(),
            "order_configuration": {kind: terms}, "status": _STATES.get(order.state, "OPEN"),
            "time_in_force": tifs.get(order.tif, "GOOD_UNTIL_CANCELLED"),
            "created_time": _stamp(entry.at), "filled_size": str(order.filled),
            "average_filled_price": str(order.average_price or "0"), "total_fees": "0",
            "reject_message": "", "cancel_message": "", "product_type": "SPOT",
        }  # fmt: skip

    # inside -------------------------------------------------------------------------------

    def _page(self, asked: Asked, part: str, rows: list[dict[str, Any]]) -> Reply:
        start, limit = int(asked.query.get("cursor") or 0), int(asked.query.get("limit", 100))
        has_next = start + limit < len(rows)
        after = str(start + limit) if has_next else ""
        told = {part: rows[start : start + limit], "cursor": after, "has_next": has_next}
        return Reply(told)

    def _is_signed(self, token: str) -> bool:
        """Tell whether a token was made with the account's key, and lately."""
        head, _, rest = token.partition(".")
        body, _, mark = rest.partition(".")
        if not mark:
            return False
        told, raw = json.loads(_decoded(body)), _decoded(mark)
        halves = (int.from_bytes(half, "big") for half in (raw[:32], raw[32:]))
        try:
            _PAIR.public_key().verify(
                encode_dss_signature(*halves), f"{head}.{body}".encode(), ec.ECDSA(hashes.SHA256())
            )
        except InvalidSignature:
            return False
        return bool(told["sub"] == self.key and told["nbf"] - 5 <= self.now() <= told["exp"])


def _decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _name(entry: Entry) -> str:
    return f"52cfe5e2-0b29-4c19-a245-a6a773{entry.number:06d}"


def _stamp(when: datetime) -> str:
    return when.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def _trade(trade: TradeRow) -> dict[str, Any]:
    fill = trade.fill
    return {
        "entry_id": f"e{trade.number}", "trade_id": f"t{trade.number}",
        "order_id": _name(trade.entry), "trade_time": _stamp(fill.time), "trade_type": "FILL",
        "price": str(fill.price), "size": str(fill.quantity), "commission": str(trade.fee),
        "product_id": fill.symbol.replace("/", "-"), "side": fill.side.value.upper(),
        "size_in_quote": False,
    }  # fmt: skip
