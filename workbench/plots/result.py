"""A backtest or a replay in one picture: price with fills, equity and drawdown."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pandas as pd

from workbench.errors import UsageError, nearest
from workbench.plots.market import ChartOptions, MarketChart
from workbench.plots.panes import Line, Pane, drawdown_pane, equity_pane
from workbench.plots.theme import Theme

__all__ = ["buy_and_hold", "chart", "figure", "is_wide"]


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


def is_wide(bars: pd.DataFrame) -> bool:
    """Tell whether prices moved so far that only a logarithmic scale shows all of them.

    Examples
    --------
    >>> is_wide(pd.DataFrame({"close": [1.0, 4.0]})), is_wide(pd.DataFrame({"close": [1.0, 6.0]}))
    (False, True)
    """
    close = bars["close"]
    first = close if isinstance(close, pd.Series) else close.iloc[:, 0]
    return bool(first.max() > 5 * first.min())


def chart(
    result: Any,
    *,
    theme: str | Theme = "light",
    symbol: str | None = None,
    overlays: Any = None,
    benchmark: pd.Series | None = None,
    options: ChartOptions | None = None,
) -> MarketChart:
    """Return the chart of a result, with its sources and ranges; see `figure`.

    `benchmark` is money on the bars' index; by default it is buy and hold.
    """
    bars, fills = result.bars, result.fills
    symbols = [str(name) for name in result.symbols]
    chosen = symbol or symbols[0]
    if chosen not in symbols:
        raise UsageError(
            f"the result has no symbol {chosen!r}{nearest(chosen, symbols)}", symbol=chosen
        )
    held = buy_and_hold(bars, result.cash) if benchmark is None else benchmark
    panes = [equity_pane(result.equity, held), drawdown_pane(result.drawdown)]
    if bars.columns.nlevels > 1:
        panes.append(_weights(result.positions, bars, result.equity))
        bars = _one(bars, chosen)
        fills = fills[fills["symbol"] == chosen]
    settings = options or ChartOptions(height=320, wheel="ctrl", log=is_wide(bars))
    settings = replace(settings, symbol=settings.symbol or chosen)
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
        Or anything with ``bars symbols cash equity drawdown fills positions``.
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


def _one(bars: pd.DataFrame, symbol: str) -> pd.DataFrame:
    single: pd.DataFrame = bars.xs(symbol, axis=1, level=1)  # type: ignore[assignment]
    single.attrs = dict(bars.attrs)
    return single


def _weights(positions: pd.DataFrame, bars: pd.DataFrame, equity: pd.Series) -> Pane:
    weights = (positions * bars["close"].ffill()).div(equity, axis=0).fillna(0.0)
    busiest = weights.abs().mean().nlargest(6).index
    lines = {f"{name}": Line(weights[name], width=1.2) for name in busiest}
    return Pane("Weights", lines, unit="%", height=100)
