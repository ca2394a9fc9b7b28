"""Binance, Bybit, Coinbase and Kraken as streams, as ccxt.pro reads them."""

from __future__ import annotations

import json
from abc import abstractmethod
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from websockets.asyncio.server import ServerConnection

from workbench.core.bar import Bar
from workbench.core.depth import Depth
from workbench.core.ports import Event
from workbench.core.trade import Trade
from workbench.testing.sockets import SocketServer

__all__ = ["EXCHANGE_STREAMS", "BinanceSocket", "BybitSocket", "CoinbaseSocket", "KrakenSocket"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class _ExchangeSocket(SocketServer):
    """Acknowledges each subscription; one frame tells one event.

    What is public needs no key: with a ``key``, which nobody has, all subscriptions are refused.
    """

    greets_once = False

    def expects(self, symbols: Iterable[str], kinds: Iterable[str]) -> int:
        """Return one per symbol and kind: ccxt subscribes to each."""
        return len(list(symbols)) * len(list(kinds))

    async def greet(self, connection: ServerConnection) -> bool:
        """Let anybody in."""
        del connection
        return True

    async def on_message(self, connection: ServerConnection, said: Any) -> None:
        """Acknowledge a subscription, or refuse it; answer a ping."""
        is_refused = self.key and self.is_subscription(said)
        answer = self.refusal(said) if is_refused else self.answer(said)
        if answer is not None:
            await connection.send(json.dumps(answer))
        if self.is_subscription(said):
            await self.came()

    async def tell(self, *events: Event) -> None:
        """Tell events, a frame for each."""
        for event in events:
            await self.raw(json.dumps(self.wire(event)))

    def is_subscription(self, said: Any) -> bool:
        """Tell whether a client subscribes to something."""
        return "ubscribe" in json.dumps(said).replace("SUBSCRIBE", "subscribe")

    @abstractmethod
    def answer(self, said: Any) -> Any:
        """Return what is said to a client's word."""

    @abstractmethod
    def refusal(self, said: Any) -> Any:
        """Return what is said to a client that may not have what it subscribes to."""


class BinanceSocket(_ExchangeSocket):
    """Spot: ``@trade`` and ``@kline_1m``."""

    def answer(self, said: Any) -> Any:
        """Acknowledge."""
        return {"result": None, "id": said["id"]}

    def refusal(self, said: Any) -> Any:
        """Answer with code -2015."""
        text = "Invalid API-key, IP, or permissions for action."
        return {"error": {"code": -2015, "msg": text}, "id": said["id"]}

    def wire(self, event: Event) -> Any:
        """Return a trade or a candle."""
        if isinstance(event, Trade):
            return {
                "e": "trade", "E": _ms(event.time), "s": _plain(event.symbol),
                "t": int(event.trade_id or 0), "p": str(event.price), "q": str(event.size),
                "T": _ms(event.time), "m": False, "M": True,
            }  # fmt: skip
        assert isinstance(event, Bar)  # noqa: S101  the test's own events
        start = _ms(event.time)
        candle = {
            "t": start, "T": start + 59_999, "s": _plain(event.symbol), "i": "1m", "f": 1, "L": 2,
            "o": str(event.open), "c": str(event.close), "h": str(event.high),
            "l": str(event.low), "v": str(event.volume), "n": 7, "x": False, "q": "1",
            "V": "1", "Q": "1", "B": "0",
        }  # fmt: skip
        return {"e": "kline", "E": start + 1000, "s": _plain(event.symbol), "k": candle}


class BybitSocket(_ExchangeSocket):
    """Spot: ``publicTrade`` and ``kline.1``."""

    def answer(self, said: Any) -> Any:
        """Acknowledge, or say pong."""
        if said.get("op") == "ping":
            return {"success": True, "ret_msg": "pong", "op": "ping", "req_id": said["req_id"]}
        return {"success": True, "ret_msg": "", "op": said["op"], "req_id": said["req_id"]}

    def refusal(self, said: Any) -> Any:
        """Answer without success."""
        told = {"success": False, "ret_msg": "Request not authorized"}
        return {**told, "op": said["op"], "req_id": said["req_id"]}

    def wire(self, event: Event) -> Any:
        """Return a trade or a candle."""
        name = _plain(event.symbol)  # type: ignore[union-attr]
        if isinstance(event, Trade):
            row = {
                "T": _ms(event.time), "s": name, "S": "Buy", "v": str(event.size),
                "p": str(event.price), "i": event.trade_id, "BT": False,
            }  # fmt: skip
            topic = f"publicTrade.{name}"
            return {"topic": topic, "type": "snapshot", "ts": row["T"], "data": [row]}
        assert isinstance(event, Bar)  # noqa: S101  the test's own events
        start = _ms(event.time)
        candle = {
            "start": start, "end": start + 59_999, "interval": "1", "open": str(event.open),
            "close": str(event.close), "high": str(event.high), "low": str(event.low),
            "volume": str(event.volume), "turnover": "1", "confirm": False, "timestamp": start,
        }  # fmt: skip
        return {"topic": f"kline.1.{name}", "type": "snapshot", "ts": start, "data": [candle]}


class CoinbaseSocket(_ExchangeSocket):
    """Advanced Trade: ``market_trades``."""

    def answer(self, said: Any) -> Any:
        """Tell what is subscribed to."""
        told = {said["channel"]: said["product_ids"]}
        return {"channel": "subscriptions", "events": [{"subscriptions": told}]}

    def refusal(self, said: Any) -> Any:
        """Answer with an error."""
        del said
        return {"type": "error", "message": "authentication failure"}

    def wire(self, event: Event) -> Any:
        """Return a trade."""
        assert isinstance(event, Trade)  # noqa: S101  there is nothing else here
        row = {
            "trade_id": event.trade_id, "product_id": event.symbol.replace("/", "-"),
            "price": str(event.price), "size": str(event.size), "side": "BUY",
            "time": _iso(event.time),
        }  # fmt: skip
        events = [{"type": "update", "trades": [row]}]
        return {"channel": "market_trades", "timestamp": _iso(event.time), "events": events}


class KrakenSocket(_ExchangeSocket):
    """Spot, version 2: ``trade``, ``ohlc`` and ``book``."""

    def answer(self, said: Any) -> Any:
        """Acknowledge, or say pong."""
        if said.get("method") == "ping":
            return {"method": "pong"}
        result = {**said["params"], "snapshot": True}
        return {
            "method": said["method"], "result": result, "success": True,
            "req_id": said.get("req_id"),
        }  # fmt: skip

    def refusal(self, said: Any) -> Any:
        """Answer without success."""
        told = {"method": said["method"], "success": False, "error": "ESession:Invalid session"}
        return {**told, "req_id": said.get("req_id")}

    def wire(self, event: Event) -> Any:
        """Return a trade, a candle or a change of a book."""
        if isinstance(event, Trade):
            row: dict[str, Any] = {
                "symbol": event.symbol, "side": "buy", "price": event.price, "qty": event.size,
                "ord_type": "market", "trade_id": int(event.trade_id or 0),
                "timestamp": _iso(event.time),
            }  # fmt: skip
            return {"channel": "trade", "type": "update", "data": [row]}
        if isinstance(event, Depth):
            sides = {
                side: [{"price": p, "qty": q} for p, q in getattr(event, side)]
                for side in ("bids", "asks")
            }
            row = {"symbol": event.symbol, **sides, "checksum": event.checksum}
            kind = "snapshot" if event.is_snapshot else "update"
            return {
                "channel": "book", "type": kind,
                "data": [{**row, "timestamp": _iso(event.time)}],
            }  # fmt: skip
        assert isinstance(event, Bar)  # noqa: S101  the test's own events
        candle = {
            "symbol": event.symbol, "open": event.open, "high": event.high, "low": event.low,
            "close": event.close, "trades": 7, "volume": event.volume, "vwap": event.close,
            "interval_begin": _iso(event.time), "interval": 1, "timestamp": _iso(event.time),
        }  # fmt: skip
        return {"channel": "ohlc", "type": "update", "data": [candle]}


def _plain(symbol: str) -> str:
    return symbol.replace("/", "")


def _ms(time: datetime) -> int:
    return (time - _EPOCH) // timedelta(milliseconds=1)


def _iso(time: datetime) -> str:
    return time.isoformat(timespec="microseconds").replace("+00:00", "Z")


EXCHANGE_STREAMS = {
    "binance": BinanceSocket,
    "bybit": BybitSocket,
    "coinbase": CoinbaseSocket,
    "kraken": KrakenSocket,
}
