"""Polygon's streams of stocks and of crypto."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from math import nan
from typing import Any

from workbench.config import Settings
from workbench.core.bar import Bar
from workbench.core.ports import Event
from workbench.core.quote import Quote
from workbench.core.trade import Trade
from workbench.venues.paging import is_crypto
from workbench.venues.socket import Endpoint, SocketConnection, address, refusal, trouble
from workbench.venues.stream import Part, VendorStream, Wanted

__all__ = ["PolygonStream"]

VENDOR = "polygon"
_HOST = "wss://socket.massive.com"
_MINUTE = timedelta(minutes=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_STOCKS = {"trades": "T", "quotes": "Q", "bars": "AM"}
_CRYPTO = {"trades": "XT", "quotes": "XQ", "bars": "XA"}


class PolygonStream(VendorStream):
    """Trades, quotes and minute bars of stocks, and of pairs as ``BTC/USD``.

    Parameters
    ----------
    settings : Settings
        ``polygon_key``.
    """

    name = VENDOR
    kinds = frozenset({"trades", "quotes", "bars"})

    def __init__(self, settings: Settings) -> None:
        told = settings.venue(VENDOR)
        self.backoff = told.backoff
        self._key = settings.secret("polygon_key", VENDOR)
        self._base, self._timeout = told.stream_url, told.timeout

    def parts(self, wanted: Wanted) -> list[Part]:
        """Return one connection for stocks and one for crypto."""
        crypto = [symbol for symbol in wanted.symbols if is_crypto(symbol)]
        stocks = [symbol for symbol in wanted.symbols if not is_crypto(symbol)]
        parts = []
        for path, symbols in (("/stocks", stocks), ("/crypto", crypto)):
            part = wanted.only(*self.kinds, symbols=symbols)
            if part is not None:
                url = address(self._base, _HOST, path)
                at = Endpoint(VENDOR, url, self._timeout, secrets=(self._key,))
                parts.append(Part(part, partial(_PolygonConnection, at, self._key, part)))
        return parts


class _PolygonConnection(SocketConnection):
    def __init__(self, endpoint: Endpoint, key: str, wanted: Wanted) -> None:
        super().__init__(endpoint, wanted.pulse)
        self._key = key
        pairs = {symbol.replace("/", "-"): symbol for symbol in wanted.symbols}
        self._symbols = pairs
        self._channels = _CRYPTO if is_crypto(wanted.symbols[0]) else _STOCKS
        self._wanted = wanted

    async def _greet(self) -> None:
        await self._wait_for("connected")
        await self.send({"action": "auth", "params": self._key})
        await self._wait_for("auth_success")
        await self._subscribe({kind: self._wanted.of(kind) for kind in sorted(self._channels)})
        if self._pulse:
            await self._subscribe({"trades": self._pulse})

    async def _subscribe(self, told: dict[str, tuple[str, ...]]) -> None:
        names = ((kind, name.replace("/", "-")) for kind, names in told.items() for name in names)
        params = ",".join(f"{self._channels[kind]}.{name}" for kind, name in names)
        await self.send({"action": "subscribe", "params": params})

    async def _wait_for(self, word: str) -> None:
        while True:
            for message in await self.messages():
                if isinstance(message, dict) and self._status(message) == word:
                    return

    def _events(self, message: Any) -> Sequence[Event]:
        if message["ev"] == "status":
            self._is_subscribed |= self._status(message) == "success"
            return ()
        read = _READERS.get(message["ev"])
        return () if read is None else (read(message, self._symbol(message)),)

    def _symbol(self, message: dict[str, Any]) -> str:
        name = str(message["sym"] if "sym" in message else message["pair"])
        return self._symbols.get(name, name)

    def _status(self, message: dict[str, Any]) -> str | None:
        if message.get("ev") != "status":
            return None
        status = str(message.get("status"))
        said = self.endpoint.clean(message.get("message", status))
        is_lacking = "not authorized" in said.lower()
        if is_lacking and self._can_do_without():
            return status
        if is_lacking or status in ("auth_failed", "auth_timeout"):
            raise refusal(VENDOR, f"{said} ({status})", status=status)
        if status == "max_connections":
            told = f"{said} ({status}): end what else is connected with this key; it is tried again"
            raise trouble(VENDOR, told, status=status, waits_for="connection limit")
        if status == "force_disconnect":
            raise trouble(VENDOR, f"{said} ({status})", status=status)
        return status


def _ms(value: Any) -> datetime:
    return _EPOCH + timedelta(milliseconds=int(value))


def _trade(told: dict[str, Any], symbol: str) -> Trade:
    # a trade's number is the exchange's own
    name = f"{told.get('x', '')}-{told['i']}" if "i" in told else None
    return Trade(symbol, _ms(told["t"]), float(told["p"]), float(told["s"]), name)


def _quote(told: dict[str, Any], symbol: str) -> Quote:
    values = (float(told[key]) for key in ("bp", "ap", "bs", "as"))
    return Quote(symbol, _ms(told["t"]), *values)


def _bar(told: dict[str, Any], symbol: str) -> Bar:
    time = _ms(told["s"])
    opened, high, low, close = (float(told[key]) for key in "ohlc")
    volume = float(told.get("v", nan))  # an index has none
    return Bar(symbol, time, opened, high, low, close, volume, time + _MINUTE)


_READERS: dict[str, Callable[[dict[str, Any], str], Event]] = {
    "T": _trade, "Q": _quote, "AM": _bar, "XT": _trade, "XQ": _quote, "XA": _bar,
}  # fmt: skip
