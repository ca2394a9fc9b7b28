"""What a result did with its money: how much worked, how often it turned, how much more fits."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from workbench.backtest.measures.inputs import share
from workbench.kernels.codes import Floats

if TYPE_CHECKING:
    from workbench.backtest.result import Result

__all__ = ["capacity", "exposure", "turnover"]


def exposure(result: Result) -> pd.Series:
    """Return how much was in the market, and which way.

    Returns
    -------
    Series
        ``time_in_market`` (bars that end with a position / bars, ``stats["exposure"]``),
        ``time_long`` and ``time_short`` (bars net long or short / bars), and means over all bars
        of gross and net holdings over equity, ``gross`` and ``net``, with ``highest_gross``.
        Holdings are marked at the last known closes; bars without equity above 0 count for the
        times only, and without any such bar the weights are NaN.

    Examples
    --------
    >>> import workbench as wb
    >>> bars = wb.bars("AAPL", start="2010", end="2012")
    >>> result = wb.backtest(wb.strategies.SmaCross(), bars, record=False)
    >>> found = exposure(result)
    >>> bool(found["time_in_market"] == result.stats["exposure"])
    True
    """
    units = result.positions.to_numpy("float64")
    held = units * _closes(result)
    held[units == 0.0] = 0.0
    net, gross = held.sum(axis=1), np.abs(held).sum(axis=1)
    equity = result.equity.to_numpy("float64")
    alive = equity > 0.0
    weights = gross[alive] / equity[alive]
    has = bool(len(weights))
    return pd.Series(
        {
            "time_in_market": float((units != 0.0).any(axis=1).mean()),
            "time_long": float((net > 0.0).mean()),
            "time_short": float((net < 0.0).mean()),
            "gross": float(weights.mean()) if has else math.nan,
            "net": float((net[alive] / equity[alive]).mean()) if has else math.nan,
            "highest_gross": float(weights.max()) if has else math.nan,
        },
        name="exposure",
    )


def turnover(result: Result) -> pd.Series:
    """Return traded notional over mean equity, by calendar year and for the whole.

    Returns
    -------
    Series
        Indexed by year as a number, and ``"yearly"`` for the mean per year of the whole window,
        which is ``stats["turnover"]``: buys and sells both count, at the price filled. A year
        that was begun or broken off counts as far as it goes. NaN where mean equity is not
        above 0.

    Examples
    --------
    >>> import workbench as wb
    >>> bars = wb.bars("AAPL", start="2010", end="2012")
    >>> result = wb.backtest(wb.strategies.SmaCross(), bars, record=False)
    >>> bool(np.isclose(turnover(result)["yearly"], result.stats["turnover"]))
    True
    """
    fills = result.fills
    notional = (fills["quantity"] * fills["price"]).to_numpy("float64")
    years = pd.DatetimeIndex(fills["time"]).year
    traded = pd.Series(notional, index=years).groupby(level=0).sum()
    mean = result.equity.groupby(pd.DatetimeIndex(result.equity.index).year).mean()
    found = traded.reindex(mean.index, fill_value=0.0) / mean.where(mean > 0.0)
    whole = float(result.equity.mean())
    per_year = result.periods_per_year / len(result.equity)
    found.loc["yearly"] = notional.sum() * per_year / whole if whole > 0.0 else math.nan
    return found.rename("turnover")


def capacity(result: Result, participation: float = 0.05, quantile: float = 0.05) -> float:
    """Estimate the equity up to which the fills stay a small part of their bars' volume.

    For each fill: the equity of its bar times ``participation * volume / quantity``, for
    quantities grow with equity. The answer is the `quantile` of these: with it, that part of the
    fills would be more than `participation` of the volume of their bars.

    Parameters
    ----------
    result : Result
    participation : float
        The largest part of a bar's volume one would want to be, between 0 and 1.
    quantile : float
        The part of the fills that may be larger, between 0 and 1.

    Returns
    -------
    float
        Money; NaN where nothing was filled or no bar of a fill has a volume.

    Notes
    -----
    A rule of thumb, no model of impact: it knows of volume only, and a strategy whose profit per
    trade is small is full long before, when its own trading moves the price.

    Examples
    --------
    >>> import workbench as wb
    >>> bars = wb.bars("AAPL", start="2010", end="2012")
    >>> result = wb.backtest(wb.strategies.SmaCross(), bars, record=False)
    >>> capacity(result) > 1e6
    True
    """
    share(participation, "participation")
    share(quantile, "quantile")
    fills = result.fills
    rows = result.index.get_indexer(pd.DatetimeIndex(fills["time"]))
    columns = pd.Index(result.symbols).get_indexer(pd.Index(fills["symbol"]))
    traded = _field(result, "volume")[rows, columns]
    equity = result.equity.to_numpy("float64")[rows]
    quantities = fills["quantity"].to_numpy("float64")
    known = (traded > 0.0) & (equity > 0.0) & (quantities > 0.0)
    if not known.any():
        return math.nan
    most = equity[known] * participation * traded[known] / quantities[known]
    return float(np.quantile(most, quantile))


def _closes(result: Result) -> Floats:
    marked: Floats = pd.DataFrame(_field(result, "close")).ffill().to_numpy("float64")
    return marked


def _field(result: Result, name: str) -> Floats:
    found: Floats = result.bars[name].to_numpy("float64").reshape(len(result.bars), -1)
    return found
