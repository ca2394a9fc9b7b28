"""Alpaca's streams: stocks, crypto and news, as msgpack or JSON."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import msgpack

from workbench.config import Settings
from workbench.core.bar import Bar
from workbench.core.depth import Depth
from workbench.core.headline import Headline
from workbench.core.ports import Event
from workbench.core.quote import Quote
from workbench.core.trade import Trade
from workbench.venues.paging import is_crypto
from workbench.venues.shared import Channel, Member, SharedSocket
from workbench.venues.socket import Endpoint, address, refusal, trouble
from workbench.venues.stream import KINDS, Part, VendorStream, Wanted

__all__ = ["AlpacaStream"]

VENDOR = "alpaca"
_HOST = "wss://stream.data.alpaca.markets"
_MINUTE = timedelta(minutes=1)
_CHANNELS = {"trades": "trades", "quotes": "quotes", "bars": "bars", "books": "orderbooks"}
# wrong key, too many symbols, or not in the plan: no later try will do better
_FINAL = {402, 405, 408, 409, 410}
_TAKEN = 406
_TAKEN_MEANS = (
    "another program, or another event loop of this one, holds the only connection that a key has "
    "here: end it, or use another key; it is tried again until there is room"
)
_NOT_IN_PLAN = {405, 409, 410}  # what was subscribed before stays so


class AlpacaStream(VendorStream):
    """Trades, quotes, minute bars and news; order books of crypto.

    Alpaca lets in one connection per kind of data and key: the feeds of a process share it.

    Parameters
    ----------
    settings : Settings
        ``alpaca_key``, ``alpaca_secret``; ``venues.alpaca.feed`` as for its history.
    """

    name = VENDOR
    kinds = frozenset({"trades", "quotes", "bars", "news", "books"})

    def __init__(self, settings: Settings) -> None:
        told = settings.venue(VENDOR)
        self.backoff = told.backoff
        self._keys = (
            settings.secret("alpaca_key", VENDOR),
            settings.secret("alpaca_secret", VENDOR),
        )
        self._base, self._timeout = told.stream_url, told.timeout
        self._feed = told.feed or "sip"

    def lacks(self, symbol: str) -> frozenset[str]:
        """Return that stocks have no order books."""
        return frozenset() if is_crypto(symbol) else frozenset({"books"})

    def parts(self, wanted: Wanted) -> list[Part]:
        """Return one connection for stocks, one for crypto and one for news."""
        crypto = [symbol for symbol in wanted.symbols if is_crypto(symbol)]
        stocks = [symbol for symbol in wanted.symbols if not is_crypto(symbol)]
        chosen = (
            (f"/v2/{self._feed}", wanted.only("trades", "quotes", "bars", symbols=stocks)),
            ("/v1beta3/crypto/us", wanted.only(*_CHANNELS, symbols=crypto)),
            ("/v1beta1/news", wanted.only("news")),
        )
        return [
            Part(part, partial(_member, self._endpoint(path), self._keys, part))
            for path, part in chosen
            if part is not None
        ]

    def _endpoint(self, path: str) -> Endpoint:
        return Endpoint(
            VENDOR,
            address(self._base, _HOST, path),
            self._timeout,
            headers={"Content-Type": "application/msgpack"},
            secrets=self._keys,
        )


def _member(endpoint: Endpoint, keys: tuple[str, str], wanted: Wanted) -> Member:
    channels = [(_CHANNELS.get(kind, kind), name) for kind in KINDS for name in wanted.of(kind)]
    pulse = [("trades", name) for name in wanted.pulse]
    return Member((endpoint.url, keys), partial(_AlpacaSocket, endpoint, keys), channels, pulse)


class _AlpacaSocket(SharedSocket):
    fresh = frozenset({"orderbooks"})

    def __init__(self, endpoint: Endpoint, keys: tuple[str, str]) -> None:
        super().__init__(endpoint)
        self._keys = keys
        self._own: dict[str, str] = {}  # what we call a symbol of the news

    async def _greet(self) -> None:
        key, secret = self._keys
        await self._wait_for("connected")
        await self.send({"action": "auth", "key": key, "secret": secret})
        await self._wait_for("authenticated")

    async def _wait_for(self, word: str) -> None:
        while True:
            for message in await self.messages():
                if isinstance(message, dict):
                    self._refuse(message)
                    if message.get("T") == "success" and message.get("msg") == word:
                        return

    def _asking(self, channels: Collection[Channel], *, is_wanted: bool) -> dict[str, Any]:
        asked: dict[str, list[str]] = {}
        for kind, name in channels:
            theirs = name.replace("/", "") if kind == "news" else name
            self._own[theirs] = name
            asked.setdefault(kind, []).append(theirs)
        return {"action": "subscribe" if is_wanted else "unsubscribe", **asked}

    def _take(self, message: Any) -> tuple[Event, Sequence[Channel]] | None:
        kind = message["T"]
        if kind in _READERS:
            channel, read = _READERS[kind]
            if kind == "n":
                names = [self._own.get(name, name) for name in message["symbols"]]
                return read({**message, "symbols": names}), [(channel, name) for name in names]
            return read(message), [(channel, message["S"])]
        if kind == "subscription":
            self._answered()
        elif kind == "error":
            self._refuse(message)
        return None

    def _refuse(self, message: dict[str, Any]) -> None:
        if message["T"] != "error":
            return
        code, said = message.get("code"), self.endpoint.clean(message.get("msg", ""))
        if code == _TAKEN:
            told = f"{said} ({code}): {_TAKEN_MEANS}"
            raise trouble(VENDOR, told, code=code, waits_for="connection limit")
        if code not in _FINAL:
            raise trouble(VENDOR, f"{said} ({code})", code=code)
        refused = refusal(VENDOR, f"{said} ({code})", code=code)
        if code not in _NOT_IN_PLAN or not self._answered(refused):
            raise refused

    def _encode(self, message: Any) -> bytes:
        packed: bytes = msgpack.packb(message)
        return packed

    def _decode(self, frame: str | bytes) -> Any:
        if isinstance(frame, str):
            return json.loads(frame)
        try:
            return msgpack.unpackb(frame, timestamp=3, strict_map_key=False)
        except (msgpack.UnpackException, msgpack.ExtraData) as error:
            raise ValueError("no msgpack") from error


def _when(value: Any) -> datetime:
    """Return an instant, msgpack's or a text with nanoseconds."""
    if isinstance(value, datetime):
        return value.astimezone(UTC)
    text = str(value).replace("Z", "+00:00")
    head, dot, rest = text.partition(".")
    digits = rest[: len(rest) - len(rest.lstrip("0123456789"))]
    return datetime.fromisoformat(
        f"{head}{dot}{digits[:6].ljust(6, '0') if dot else ''}{rest[len(digits) :]}"
    ).astimezone(UTC)


def _trade(told: dict[str, Any]) -> Trade:
    name = "-".join(str(told[key]) for key in ("x", "z", "i") if key in told)
    side = {"B": "buy", "S": "sell"}.get(told.get("tks", ""))
    price, size = float(told["p"]), float(told["s"])
    return Trade(str(told["S"]), _when(told["t"]), price, size, name or None, side)  # type: ignore[arg-type]


def _quote(told: dict[str, Any]) -> Quote:
    values = (float(told[key]) for key in ("bp", "ap", "bs", "as"))
    return Quote(str(told["S"]), _when(told["t"]), *values)


def _bar(told: dict[str, Any]) -> Bar:
    time = _when(told["t"])
    opened, high, low, close, volume = (float(told[key]) for key in "ohlcv")
    return Bar(str(told["S"]), time, opened, high, low, close, volume, time + _MINUTE)


def _book(told: dict[str, Any]) -> Depth:
    bids, asks = (tuple((float(v["p"]), float(v["s"])) for v in told[side]) for side in "ba")
    return Depth(str(told["S"]), _when(told["t"]), bids, asks, is_snapshot=bool(told.get("r")))


def _news(told: dict[str, Any]) -> Headline:
    return Headline(
        str(told["id"]),
        _when(told.get("updated_at") or told["created_at"]),
        tuple(told["symbols"]),
        str(told["headline"]),
        str(told.get("summary") or told.get("content") or ""),
        str(told.get("source") or ""),
        str(told.get("url") or ""),
        _when(told.get("created_at") or told["updated_at"]),
    )


_READERS: dict[str, tuple[str, Callable[[dict[str, Any]], Event]]] = {
    "t": ("trades", _trade),
    "q": ("quotes", _quote),
    "b": ("bars", _bar),
    "o": ("orderbooks", _book),
    "n": ("news", _news),
}
