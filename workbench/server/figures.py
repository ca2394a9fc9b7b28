"""Numbers as people read them, and what a strip of tiles says of a thing."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import pandas as pd

from workbench.live.accounts.view import Snapshot
from workbench.server.look import Tile

__all__ = ["age", "desk_tiles", "market_tiles", "money", "percent", "result_tiles"]

_NONE = "n/a"


def percent(value: float, digits: int = 1) -> str:
    """Write a fraction as percent.

    Examples
    --------
    >>> percent(-0.2149), percent(float("nan"))
    ('−21.5%', 'n/a')
    """
    if not math.isfinite(value):
        return _NONE
    return f"{value:,.{digits}%}".replace("-", "−")


def money(value: float, digits: int = 0) -> str:
    """Write an amount of dollars.

    Examples
    --------
    >>> money(1234.5), money(-3.0)
    ('$1,234', '−$3')
    """
    if not math.isfinite(value):
        return _NONE
    return f"{'−' if value < 0 else ''}${abs(value):,.{digits}f}"


def tone(value: float) -> str:
    """Return ``up``, ``down`` or nothing for a figure that is good above zero."""
    return "up" if value > 0 else "down" if value < 0 else ""


def age(last: datetime, now: datetime) -> tuple[str, str]:
    """Say how old a price is, in a word and a sentence.

    Examples
    --------
    >>> from datetime import UTC
    >>> age(datetime(2013, 3, 1, tzinfo=UTC), datetime(2026, 1, 5, tzinfo=UTC))
    ('recorded', 'ends 2013-03-01')
    """
    seconds = (now - last).total_seconds()
    if seconds < 30:
        return "live", f"{max(seconds, 0):.0f} s old"
    if seconds < 300:
        return "late", f"{seconds:.0f} s old"
    if seconds < 86_400:
        return "stale", f"{seconds / 60:.0f} min old"
    return "recorded", f"ends {last:%Y-%m-%d}"


def result_tiles(stats: Mapping[str, Any]) -> list[Tile]:
    """Return the strip of a backtest: eight figures, the ones asked for first."""

    def number(name: str) -> float:
        return float(stats[name])

    sharpe, sortino = number("sharpe"), number("sortino")
    return [
        Tile("Total return", percent(number("total_return")), tone(number("total_return")),
             f"to {money(number('end_equity'))}"),
        Tile("CAGR", percent(number("cagr")), tone(number("cagr")), "per year"),
        Tile("Sharpe", _plain(sharpe), tone(sharpe), "risk-free rate 0"),
        Tile("Sortino", _plain(sortino), tone(sortino), "downside only"),
        Tile("Max drawdown", percent(number("max_drawdown")), tone(number("max_drawdown")),
             f"{number('max_drawdown_bars'):,.0f} bars long"),
        Tile("Volatility", percent(number("volatility")), "", "per year"),
        Tile("Exposure", percent(number("exposure"), 0), "", "of the bars"),
        Tile("Round trips", f"{number('round_trips'):,.0f}", "",
             f"{percent(number('win_rate'), 0)} won"),
    ]  # fmt: skip


def market_tiles(bars: pd.DataFrame, now: datetime) -> list[Tile]:
    """Return the strip of a symbol: last price, change, range, volatility, how old."""
    close = bars["close"].dropna()
    last = float(close.iloc[-1])
    change = last / float(close.iloc[-2]) - 1 if len(close) > 1 else 0.0
    year = bars.iloc[-252:]
    low, high = float(year["low"].min()), float(year["high"].max())
    deviation = close.pct_change().iloc[-60:].std()
    word, since = age(close.index[-1].to_pydatetime(), now)
    volume = float(bars["volume"].iloc[-20:].mean())
    return [
        Tile("Last", f"{last:,.2f}", "", f"{bars.attrs.get('adjustment', '')} adjusted"),
        Tile("Change", percent(change, 2), tone(change), "since the bar before"),
        Tile("252 bars", f"{_brief(low)} – {_brief(high)}", "", _place(last, low, high)),
        Tile("Deviation", percent(float(deviation), 2), "", "per bar, last 60"),
        Tile("Volume", _short(volume), "", "mean of 20 bars"),
        Tile("Bars", f"{len(bars):,}", "", f"{bars.index[0]:%Y-%m-%d} on"),
        Tile(f"Data: {bars.attrs.get('source', '')}", word, "", since),
    ]


def desk_tiles(shot: Snapshot) -> list[Tile]:
    """Return the strip of the desk: equity, profit, exposure, orders."""
    equity, day = float(shot.equity), float(shot.day_profit)
    gross = float(shot.gross) / equity if equity else 0.0
    state, by = "Trading", "simulated venue"
    if shot.failure:
        state, by = "Off", "until a restart"
    elif shot.is_halted:
        state, by = "Halted", f"by {shot.halt.actor}"
    elif shot.halts:
        state, by = "Halted in part", ", ".join(halt.scope for halt in shot.halts)
    cash = f"{money(float(shot.cash))} cash"
    if shot.unvalued:
        cash += f", without {', '.join(shot.unvalued)}: no rate"
    return [
        Tile("Equity", money(equity), "", cash),
        Tile("Profit today", money(day, 2), tone(day), "since 00:00 UTC or the start"),
        Tile("Gross exposure", percent(gross), "", money(float(shot.gross))),
        Tile("Working orders", f"{shot.log.working}", "", f"{len(shot.log.fills)} fills so far"),
        Tile("Desk", state, "up" if state == "Trading" else "down", by),
    ]


def _place(last: float, low: float, high: float) -> str:
    return f"now at {(last - low) / (high - low):.0%} of it" if high > low else ""


def _plain(value: float) -> str:
    return f"{value:,.2f}".replace("-", "−") if math.isfinite(value) else _NONE


def _brief(price: float) -> str:
    return f"{price:,.0f}" if price >= 100 else f"{price:,.2f}"


def _short(value: float) -> str:
    for size, letter in ((1e9, "bn"), (1e6, "m"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:,.1f}{letter}"
    return f"{value:,.1f}"
