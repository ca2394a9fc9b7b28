"""A backtest or a replay in one picture: price with fills, equity and drawdown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

from workbench.errors import UsageError, nearest
from workbench.plots.market import ChartOptions, MarketChart
from workbench.plots.panes import Line, Pane, drawdown_pane, equity_pane
from workbench.plots.theme import Theme

__all__ = ["buy_and_hold", "chart", "figure"]


def buy_and_hold(bars: pd.DataFrame, cash: float) -> pd.Series:
    """Return what `cash` would be worth, put into all symbols in equal parts at the first bar.

    Parameters
    ----------
    bars : pandas.DataFrame
        One symbol or several; a symbol's part stays cash until its first price, and a missing
        price is the last one known.
    cash : float
        Money at the first bar.

    Examples
    --------
    >>> index = pd.date_range("2024-01-01", periods=2, tz="UTC")
    >>> buy_and_hold(pd.DataFrame({"close": [10.0, 12.0]}, index), 100.0).tolist()
    [100.0, 120.0]
    """
    close = bars["close"]
    frame = close.to_frame() if isinstance(close, pd.Series) else close
    known = frame.ffill()
    first = known.bfill().iloc[0]
    parts = (known / first).fillna(1.0)
    return (parts.mean(axis=1) * cash).rename("benchmark")


def chart(
    result: Any,
    *,
    theme: str | Theme = "light",
    symbol: str | None = None,
    overlays: Any = None,
    options: ChartOptions | None = None,
) -> MarketChart:
    """Return the chart of a result, with its sources and ranges; see `figure`."""
    bars, fills = result.bars, result.fills
    symbols = _symbols(bars)
    chosen = symbol or (symbols[0] if symbols else str(bars.attrs.get("symbol", "")))
    if symbols and chosen not in symbols:
        raise UsageError(
            f"the result has no symbol {chosen!r}{nearest(chosen, symbols)}", symbol=chosen
        )
    panes: list[Pane] = []
    if symbols:
        panes.append(_held(result.positions, bars, result.equity))
        bars = _one(bars, chosen)
        fills = fills[fills["symbol"] == chosen]
    elif not chosen and len(fills):
        chosen = str(fills["symbol"].iloc[0])
    cash = float(result.equity.iloc[0])
    panes = [
        equity_pane(result.equity, buy_and_hold(result.bars, cash)),
        drawdown_pane(result.drawdown),
        *panes,
    ]
    seen = bars["close"].dropna()
    wide = bool(len(seen)) and float(seen.max()) > 5 * float(seen.min())
    settings = options or ChartOptions(symbol=chosen, height=320, wheel="ctrl", log=wide)
    return MarketChart(bars, overlays, panes, fills, theme, settings)


def figure(
    result: Any,
    theme: str | Theme = "light",
    *,
    symbol: str | None = None,
    overlays: Any = None,
    options: ChartOptions | None = None,
) -> Any:
    """Return price with fills, volume, equity against buy and hold, and drawdown.

    Parameters
    ----------
    result : workbench.backtest.result.Result
        Or anything with ``bars equity drawdown fills positions``.
    theme : str or Theme
        See `workbench.plots.theme.find`.
    symbol : str, optional
        Which price to show where there are several, by default the first; a pane of the weights
        of all is added then.
    overlays : Mapping, optional
        Lines upon the price, see `workbench.plots.market.MarketChart`.
    options : ChartOptions, optional
        See there.

    Returns
    -------
    bokeh.models.Column

    Raises
    ------
    UsageError
        The result has no such symbol.
    """
    drawn = chart(result, theme=theme, symbol=symbol, overlays=overlays, options=options)
    return drawn.layout


def _symbols(bars: pd.DataFrame) -> Sequence[str]:
    if bars.columns.nlevels == 1:
        return []
    return [str(name) for name in bars["close"].columns]


def _one(bars: pd.DataFrame, symbol: str) -> pd.DataFrame:
    single: pd.DataFrame = bars.xs(symbol, axis=1, level=1)  # type: ignore[assignment]
    single.attrs = dict(bars.attrs)
    return single


def _held(positions: pd.DataFrame, bars: pd.DataFrame, equity: pd.Series) -> Pane:
    weights = (positions * bars["close"].ffill()).div(equity, axis=0).fillna(0.0)
    busiest = weights.abs().mean().nlargest(6).index
    lines = {f"{name}": Line(weights[name], width=1.2) for name in busiest}
    return Pane("Weights", lines, unit="%", height=100)
