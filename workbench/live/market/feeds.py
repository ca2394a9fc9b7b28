"""Live market data: one call for all sources."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from importlib import import_module
from typing import Any, cast

import pandas as pd

from workbench.config import Settings, load_settings
from workbench.core.timeframe import Timeframe
from workbench.data import sources
from workbench.data.calendar import ALWAYS
from workbench.data.resample import bin_of
from workbench.data.schema import describe
from workbench.errors import UsageError, nearest
from workbench.live.market.activity_bars import Activity
from workbench.live.market.backfill import Refill, bars_of
from workbench.live.market.feed import SYMBOLS
from workbench.live.market.market_store import Keep, MarketStore
from workbench.live.market.outlet import Outlet
from workbench.live.market.replay_feed import ReplayFeed, SimFeed
from workbench.live.market.vendor_feed import Plan, VendorFeed
from workbench.venues.paging import is_crypto
from workbench.venues.stream import KINDS, VendorStream, Wanted

__all__ = ["feed", "names"]

_STREAMS = {
    "alpaca": "workbench.venues.alpaca.stream:AlpacaStream",
    "polygon": "workbench.venues.polygon.stream:PolygonStream",
    "finnhub": "workbench.venues.finnhub.stream:FinnhubStream",
}
_CCXT = "workbench.venues.ccxt.stream:CcxtStream"
_EXCHANGES = ("binance", "bybit", "coinbase", "kraken")
_MINUTE = Timeframe(1, "m")
_PULSE = 10
_BUSY = frozenset(
    [
        "SPY",
        "QQQ",
        "IWM",
        "AAPL",
        "MSFT",
        "NVDA",
        "TSLA",
        "AMZN",
        "META",
        "GOOGL",
        "AMD",
        "BTC/USD",
        "ETH/USD",
        "BTC/USDT",
        "ETH/USDT",
    ]
)


def names() -> tuple[str, ...]:
    """Return the names of the sources that have a live feed.

    Examples
    --------
    >>> names()
    ('sim', 'alpaca', 'polygon', 'finnhub', 'binance', 'bybit', 'coinbase', 'kraken')
    """
    return ("sim", *_STREAMS, *_EXCHANGES)


def feed(
    symbols: str | Sequence[str] | pd.DataFrame,
    kinds: str | Iterable[str] = ("bars",),
    timeframe: str | Timeframe = "1m",
    *,
    source: str | None = None,
    since: datetime | str | None = None,
    speed: float | None = None,
    settings: Settings | None = None,
) -> Outlet:
    """Return a live feed of bars, quotes, trades, news or order books; or of recorded bars.

    A vendor's stream is kept alive: after a break it is connected again, and the bars
    missed are had from the vendor's history before the next bar is given out. A wrong key
    is told once and ends the feed. What comes is kept in ``feed.store``; what went wrong
    stands in ``feed.metrics``.

    Parameters
    ----------
    symbols : str, list of str or DataFrame
        Bars are replayed: each is told when it would have been known.
    kinds : str or list of str
        Some of ``bars``, ``quotes``, ``trades``, ``news`` and ``books``.
    timeframe : str or Timeframe
        Of the bars, up to a day. Longer ones than a minute are made of minutes, as
        ``wb.resample`` makes them; where a vendor has no bars, they are made of its trades.
        Or ``"trades 500"``, ``"volume 1000"``, ``"dollars 1e6"``, ``"range 0.5"``: bars that end
        after so much, made of trades as ``wb.resample(trades, by="volume", size=1000)`` does.
    source : str, optional
        One of `names`, or ``"ccxt:<exchange>"``. By default the first in the settings'
        order that has a feed; without one, the invented market ``sim``.
    since : datetime or str, optional
        Begin with the bars from then on.
    speed : float, optional
        Of a replay: 1 is as it was, 60 a minute a second; None is as fast as possible.
    settings : Settings, optional

    Returns
    -------
    feed
        ``async for event in feed`` yields `workbench.core.bar.Bar`, `Quote`, `Trade`, and
        `Headline` and `Depth` where asked for; ``await feed.close()`` ends it.

    Raises
    ------
    UsageError
        There is no such source, kind or timeframe, or a key is missing.

    Examples
    --------
    >>> import asyncio
    >>> import workbench as wb
    >>> recorded = wb.feed(wb.bars("AAPL", source="sample").iloc[-3:])
    >>> async def closes():
    ...     return [bar.close async for bar in recorded]
    >>> asyncio.run(closes())
    [444.57, 441.4, 430.47]
    """
    if isinstance(symbols, pd.DataFrame):
        return _replayed(symbols, speed)
    if speed is not None:
        raise UsageError("speed= is for bars that are replayed: give them in the place of symbols")
    told = settings or load_settings()
    chosen = frozenset([kinds] if isinstance(kinds, str) else kinds)
    wanted = Wanted(tuple([symbols] if isinstance(symbols, str) else symbols), chosen)
    activity = Activity.parse(timeframe)
    frame = _MINUTE if activity is not None else Timeframe.parse(timeframe)
    name = source or _usual(wanted.symbols, told)
    keep = Keep(told.feeds.keep_trades, told.feeds.keep_quotes, told.feeds.keep_bars)
    store = MarketStore(keep, timeframe=str(activity or frame), source=name)
    if name == "sim":
        _check_kinds("sim", wanted if activity is None else _of_trades(wanted), SimFeed.kinds)
        return SimFeed(wanted.symbols, frame, chosen, store)
    stream = find(name, told)
    codes = {stream.calendar(symbol) for symbol in wanted.symbols}
    store.calendar = codes.pop() if len(codes) == 1 else ALWAYS
    plan = _plan(stream, wanted, frame, activity)
    if activity is not None and since is not None:
        raise UsageError(f"bars by {activity.by} begin with the stream: leave since= out")
    refill = Refill(
        sources.find(name, told) if _has_history(plan) else None,
        plan.base,
        stream.calendar,
        told.feeds.backfill_seconds,
    )
    begin = _begin(stream, plan, since)
    return VendorFeed(stream, plan, refill, store, patience=told.feeds, since=begin)


def find(name: str, settings: Settings) -> VendorStream:
    """Return the stream of a source.

    Raises
    ------
    UsageError
        There is none, its key is not set, or a package is missing.
    """
    exchange = name.removeprefix("ccxt:")
    is_exchange = exchange in _EXCHANGES or exchange != name
    if name not in _STREAMS and not is_exchange:
        hint = nearest(name, names()) or f"; there are {', '.join(names())}, ccxt:<exchange>"
        raise UsageError(f"source {name!r} has no live feed{hint}", source=name)
    module, _, attribute = (_CCXT if is_exchange else _STREAMS[name]).partition(":")
    try:
        made: Any = getattr(import_module(module), attribute)
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("workbench"):
            raise
        raise UsageError(
            f"this feed needs the package {error.name}: pip install 'trading-workbench[venues]'",
            package=error.name,
            extra="venues",
        ) from None
    return cast(VendorStream, made(exchange, settings) if is_exchange else made(settings))


def _replayed(bars: pd.DataFrame, speed: float | None) -> ReplayFeed:
    info = describe(bars)
    frame = Timeframe.parse(info.timeframe)
    several = bars.columns.nlevels > 1
    names = info.symbols if several else (str(bars.attrs.get("symbol") or info.symbols[0]),)
    tables = {
        name: cast(pd.DataFrame, bars.xs(name, axis=1, level="symbol")) if several else bars
        for name in names
    }
    events = [
        bar for name, table in tables.items() for bar in bars_of(table, name, frame, info.calendar)
    ]
    store = MarketStore(timeframe=str(frame), calendar=info.calendar, source="replay")
    return ReplayFeed(events, speed, store)


def _usual(symbols: tuple[str, ...], settings: Settings) -> str:
    order = settings.sources.get("crypto" if is_crypto(symbols[0]) else "stock", ())
    for name in (*order, settings.source):
        if name in names() or name.startswith("ccxt:"):
            return name
    if all(symbol in SYMBOLS for symbol in symbols):
        return "sim"
    raise UsageError(
        f"say where {symbols[0]} comes from: source= is one of {', '.join(names())} (the invented "
        f"market sim has {', '.join(SYMBOLS)})",
        symbol=symbols[0],
    )


def _has_history(plan: Plan) -> bool:
    return plan.base == _MINUTE and "bars" in plan.given and plan.activity is None


def _of_trades(wanted: Wanted) -> Wanted:
    """Return what is to be asked for where bars are made of trades."""
    return replace(wanted, kinds=(wanted.kinds - {"bars"}) | {"trades"})


def _plan(
    stream: VendorStream, wanted: Wanted, frame: Timeframe, activity: Activity | None
) -> Plan:
    if activity is not None and "bars" in wanted.kinds:
        trades = _of_trades(wanted)
        _check_all(stream, trades)
        return Plan(trades, wanted.kinds, frame, frame, activity=activity)
    is_second = frame.delta < _MINUTE.delta
    if "bars" in wanted.kinds and (frame.unit in "wM" or frame.delta > timedelta(days=1)):
        raise UsageError(
            f"a feed gives bars of up to a day, not {frame}; use wb.bars and wb.resample",
            timeframe=str(frame),
        )
    built = "bars" in wanted.kinds and (is_second or "bars" not in stream.kinds)
    asked = _of_trades(wanted).kinds if built else wanted.kinds
    pulse: tuple[str, ...] = ()
    if asked == {"bars"} and not stream.grows and "trades" in stream.kinds:
        # trades tell within seconds that a connection is alive, bars once a minute
        pulse = _pulse(stream, wanted.symbols)
    _check_all(stream, replace(wanted, kinds=asked))
    return Plan(
        Wanted(wanted.symbols, asked, pulse),
        wanted.kinds,
        frame if is_second else _MINUTE,
        frame,
        frozenset(wanted.symbols if built else ()),
    )


def _pulse(stream: VendorStream, symbols: tuple[str, ...]) -> tuple[str, ...]:
    """Return a few symbols of each calendar, those that are traded all the time first."""
    ordered = sorted(symbols, key=lambda symbol: symbol not in _BUSY)
    by_calendar: dict[str, list[str]] = {}
    for symbol in ordered:
        by_calendar.setdefault(stream.calendar(symbol), []).append(symbol)
    return tuple(symbol for some in by_calendar.values() for symbol in some[:_PULSE])


def _check_all(stream: VendorStream, asked: Wanted) -> None:
    _check_kinds(stream.name, asked, stream.kinds)
    for symbol in asked.symbols:
        alone = replace(asked, symbols=(symbol,))
        _check_kinds(stream.name, alone, stream.kinds - stream.lacks(symbol))


def _check_kinds(name: str, wanted: Wanted, has: frozenset[str]) -> None:
    for kind in sorted(wanted.kinds - has):
        there = ", ".join(k for k in KINDS if k in has)
        raise UsageError(
            f"source {name!r} has no live {kind} of {wanted.symbols[0]}, but {there}",
            kind=kind,
            source=name,
        )


def _begin(stream: VendorStream, plan: Plan, since: datetime | str | None) -> datetime | None:
    """Return from when on bars are wanted: a long bar under way needs its first minutes."""
    if since is not None:
        stamp = pd.Timestamp(since)
        utc = stamp.tz_localize("UTC") if stamp.tz is None else stamp.tz_convert("UTC")
        return utc.floor(f"{int(plan.base.delta.total_seconds())}s").to_pydatetime()
    if plan.timeframe == plan.base:
        return None
    now, begins = datetime.now(UTC), []
    for code in {stream.calendar(symbol) for symbol in plan.wanted.symbols}:
        found = bin_of(
            now, plan.base, plan.timeframe, code, "clock" if code == "24/7" else "session"
        )
        if found is not None:
            begins.append(pd.Timestamp(found.start, tz="UTC").to_pydatetime())
    return min(begins, default=None)
