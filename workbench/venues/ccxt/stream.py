"""Exchanges' streams through ccxt.pro, with what kills it in silence taken out.

ccxt knows each exchange's topics, so it is used here; but one frame it cannot read ends its
receiving without a word, and it asks for signs of life every three minutes at worst.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import ccxt
import ccxt.pro

from workbench.config import Settings
from workbench.core.bar import Bar
from workbench.core.depth import Depth
from workbench.core.ports import Event
from workbench.core.quote import Quote
from workbench.core.trade import Trade
from workbench.errors import UsageError, WorkbenchError
from workbench.venues.ccxt.client import NAMED, Exchange, localize, meaning
from workbench.venues.ccxt.history import opened_exchange
from workbench.venues.ccxt.kraken_book import KrakenBooks
from workbench.venues.socket import refusal, trouble
from workbench.venues.stream import Connection, Part, VendorStream, Wanted

__all__ = ["CcxtStream"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MINUTE = timedelta(minutes=1)
_SETTLED = 2_000  # milliseconds after its end for which a candle may still change
_ALIVE = 8_000
_DEPTH = 50
_SHORT = 600  # characters; what says no is short
_SHUT = (401, 403, 451)
_REFUSAL = re.compile(r"authenti|authoriz|invalid session|api.?key|permission", re.IGNORECASE)
_UNREADABLE = (ValueError, KeyError, TypeError, IndexError, AttributeError)
_HAS = {
    "trades": ("watchTrades",),
    "quotes": ("watchBidsAsks", "watchTicker"),
    "bars": ("watchOHLCV",),
    "books": ("watchOrderBook",),
}


class CcxtStream(VendorStream):
    """Trades, quotes, minute bars and order books of a crypto exchange.

    Order books come whole, the best 50 prices of each side; ccxt keeps them and checks the
    exchange's numbers. Kraken's come with ten prices, checked by its checksum.

    Parameters
    ----------
    exchange : str
        As ccxt calls it.
    settings : Settings
    """

    grows = True

    def __init__(self, exchange: str, settings: Settings) -> None:
        if exchange not in ccxt.pro.exchanges:
            raise UsageError(
                f"ccxt has no stream of {exchange!r}; named are {', '.join(NAMED)}", source=exchange
            )
        self.name = exchange if exchange in NAMED else f"ccxt:{exchange}"
        told = settings.venue(exchange)
        self.backoff = told.backoff
        self._exchange, self._settings = exchange, settings
        has = getattr(ccxt.pro, exchange)().has
        self.kinds = frozenset(
            kind for kind, methods in _HAS.items() if any(has.get(m) is True for m in methods)
        )

    def calendar(self, symbol: str) -> str:
        """Return ``"24/7"``: an exchange never closes."""
        del symbol
        return "24/7"

    def parts(self, wanted: Wanted) -> list[Part]:
        """Return one part; ccxt opens the sockets that the exchange wants."""
        connect = partial(_CcxtConnection, self._exchange, self._settings, wanted)
        return [Part(wanted, connect)]


class _CcxtConnection(Connection):
    """One ccxt object and a watcher for each symbol and kind."""

    def __init__(self, name: str, settings: Settings, wanted: Wanted) -> None:
        super().__init__()
        self._name, self._settings, self._wanted = name, settings, wanted
        self._queue: asyncio.Queue[Sequence[Event] | WorkbenchError] = asyncio.Queue()
        self._tasks: list[asyncio.Task[None]] = []
        self._candles: dict[str, list[Any]] = {}
        self._given: dict[str, int] = {}
        self._checked: KrakenBooks | None = None
        self._api: Any = None

    async def open(self) -> None:
        """Load the markets as the history does, and begin to watch."""
        exchange = await asyncio.to_thread(opened_exchange, self._name, self._settings)
        for symbol in self._wanted.symbols:
            await asyncio.to_thread(exchange.market, symbol)
        self._api = self._made(exchange)
        watches: dict[str, Callable[[str], Awaitable[Sequence[Event]]]] = {
            "trades": self._trades,
            "quotes": self._quotes,
            "bars": self._bars,
            "books": self._books,
        }
        self._tasks = [
            asyncio.create_task(self._watch(watches[kind], symbol))
            for kind in sorted(self._wanted.kinds)
            for symbol in self._wanted.symbols
        ]
        if "bars" in self._wanted.kinds:
            self._tasks.append(asyncio.create_task(self._end_candles()))

    async def receive(self) -> Sequence[Event]:
        """Return what the next message told."""
        told = await self._queue.get()
        if isinstance(told, WorkbenchError):
            raise told
        return told

    async def close(self) -> None:
        """End the watchers and ccxt's sockets."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._api is not None:
            api, self._api = self._api, None
            with contextlib.suppress(ccxt.BaseError, OSError):
                await api.close()
        self._queue.put_nowait(trouble(self._name, "closed"))

    def _made(self, exchange: Exchange) -> Any:
        told = self._settings.venue(self._name)
        api = getattr(ccxt.pro, self._name)({"timeout": int(told.timeout * 1000)})
        api.set_markets(list(exchange.api.markets.values()), exchange.api.currencies)
        if told.url:
            localize(api, told.url)
        if told.stream_url:
            localize(api, told.stream_url, only="ws")
        api.streaming = {**api.streaming, "keepAlive": _ALIVE}
        api.enableRateLimit = True

        async def throttle(cost: float | None = None) -> None:
            await exchange.line.limiter.take_async(cost or 1.0)

        api.throttle = throttle
        api.client = partial(self._guarded, api.client)
        if self._name == "kraken" and "books" in self._wanted.kinds:
            self._checked = KrakenBooks(api.markets)
        return api

    def _guarded(self, make: Callable[[str], Any], url: str) -> Any:
        """Return ccxt's own client for an address, that survives what it cannot read."""
        client = make(url)
        if "handle_text_or_binary_message" not in vars(client):
            read = client.handle_text_or_binary_message

            def survive(data: str | bytes) -> None:
                try:
                    self._heed(data)
                    read(data)
                    self._check(data)
                except _UNREADABLE:
                    self.malformed += 1
                    self._queue.put_nowait(())
                except ccxt.BaseError as error:
                    self._fail(error)

            client.handle_text_or_binary_message = survive
        return client

    def _heed(self, data: str | bytes) -> None:
        """Raise where a frame says no: of Kraken's word, ccxt tells nobody."""
        if len(data) > _SHORT or not isinstance(data, str):
            return
        told = json.loads(data)
        if isinstance(told, dict) and told.get("success") is False:
            said = told.get("error") or told.get("ret_msg") or data
            raise ccxt.ExchangeError(f"{self._name} {said}")

    async def _watch(self, once: Callable[[str], Awaitable[Sequence[Event]]], symbol: str) -> None:
        while True:
            try:
                self._queue.put_nowait(await once(symbol))
            except ccxt.ChecksumError:  # ccxt drops the book; the next call subscribes anew
                self.malformed += 1
                self._queue.put_nowait(())
            except ccxt.BaseError as error:
                self._fail(error)
                return
            except _UNREADABLE:
                self.malformed += 1
                self._queue.put_nowait(())

    def _check(self, data: str | bytes) -> None:
        if self._checked is None:
            return
        try:
            book = self._checked.read(data)
        except WorkbenchError as error:
            self._queue.put_nowait(error)
        else:
            self._queue.put_nowait(() if book is None else (book,))

    def _fail(self, error: ccxt.BaseError) -> None:
        told = meaning(self._name, error)
        if not isinstance(told, UsageError):
            said = " ".join(str(error).split())[:200]
            ends = _is_shut(error) or _REFUSAL.search(said)
            told = refusal(self._name, said) if ends else trouble(self._name, said)
        self._queue.put_nowait(told)

    async def _trades(self, symbol: str) -> Sequence[Event]:
        return [
            Trade(
                symbol,
                _ms(row["timestamp"]),
                float(row["price"]),
                float(row["amount"]),
                None if row.get("id") is None else str(row["id"]),
                row["side"] if row.get("side") in ("buy", "sell") else None,
            )
            for row in await self._api.watch_trades(symbol)
        ]

    async def _quotes(self, symbol: str) -> Sequence[Event]:
        if self._api.has.get("watchBidsAsks") is True:
            row = (await self._api.watch_bids_asks([symbol]))[symbol]
        else:
            row = await self._api.watch_ticker(symbol)
        if row.get("bid") is None or row.get("ask") is None:
            return ()
        sizes = (float(row[k]) if row.get(k) is not None else float("nan") for k in _SIZES)
        return [Quote(symbol, _ms(row["timestamp"]), float(row["bid"]), float(row["ask"]), *sizes)]

    async def _books(self, symbol: str) -> Sequence[Event]:
        book = await self._api.watch_order_book(symbol)
        if self._checked is not None:
            return ()  # it has been told, and checked
        bids, asks = (
            tuple((float(row[0]), float(row[1])) for row in book[side][:_DEPTH])
            for side in ("bids", "asks")
        )
        number = book.get("nonce")
        return [Depth(symbol, _ms(book.get("timestamp")), bids, asks, True, last=number)]

    async def _bars(self, symbol: str) -> Sequence[Event]:
        """Return the candles that are over: a later one has begun."""
        ended: list[Event] = []
        rows = await self._api.watch_ohlcv(symbol, "1m")
        self.alive.add(symbol)
        for row in rows:
            before = self._candles.get(symbol)
            if before is not None and row[0] > before[0]:
                ended += self._end(symbol)
            if before is None or row[0] >= before[0]:
                self._candles[symbol] = list(row)
        return ended

    def _end(self, symbol: str) -> list[Event]:
        row = self._candles[symbol]
        if row[0] <= self._given.get(symbol, 0):
            return []
        self._given[symbol] = row[0]
        begun = _ms(row[0])
        opened, high, low, close, volume = (float(value) for value in row[1:6])
        return [Bar(symbol, begun, opened, high, low, close, volume, begun + _MINUTE)]

    async def _end_candles(self) -> None:
        """Give out candles whose time is over, though no trade has begun another."""
        while True:
            await asyncio.sleep(0.25)
            now = time.time() * 1000
            for symbol, row in list(self._candles.items()):
                if now >= row[0] + 60_000 + _SETTLED:
                    self._queue.put_nowait(self._end(symbol))


_SIZES = ("bidVolume", "askVolume")


def _is_shut(error: ccxt.BaseError) -> bool:
    """Tell whether a server lets nobody in, as of a key or a country it does not serve."""
    return any(getattr(cause, "status", None) in _SHUT for cause in error.args)


def _ms(value: Any) -> datetime:
    """Return an instant; now, where the exchange tells none."""
    if value is None:
        return datetime.now(UTC)
    return _EPOCH + timedelta(milliseconds=int(value))
