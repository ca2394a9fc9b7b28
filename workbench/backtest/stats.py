"""The statistics of a run, each with its convention.

Names and order are fixed; `CONVENTIONS` tells what each is. Values are fractions (0.1 is
10 %), money, or counts of bars. NaN is "not defined"; nothing is infinite.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd

from workbench.kernels.book import Records
from workbench.kernels.codes import Floats
from workbench.kernels.statistics import curve, traffic, trip_figures
from workbench.kernels.trips import NOTHING, Carried, Trips, round_trips

__all__ = ["CONVENTIONS", "NAMES", "as_series", "drawdown", "figures", "measure", "returns"]

CONVENTIONS = {
    "start": "label of the first bar",
    "end": "label of the last bar",
    "bars": "number of bars",
    "total_return": "end equity / starting cash - 1",
    "cagr": "(end equity / starting cash) ** (periods per year / bars) - 1; NaN where equity "
    "ends below zero",
    "volatility": "standard deviation of bar returns (ddof=1) * sqrt(periods per year)",
    "sharpe": "arithmetic mean of bar returns / their standard deviation (ddof=1) * sqrt(periods "
    "per year); risk-free rate 0",
    "sortino": "arithmetic mean of bar returns / sqrt(mean over all bars of min(return, 0)**2) * "
    "sqrt(periods per year); target 0",
    "calmar": "cagr / |max_drawdown|",
    "max_drawdown": "least of equity at a close / highest equity so far - 1, the starting cash "
    "included",
    "max_drawdown_bars": "bars from the peak to the trough of the deepest drawdown",
    "recovery_bars": "bars from that trough until its peak was reached again; NaN where it was not",
    "win_rate": "closed round trips with a profit after fees / closed round trips",
    "profit_factor": "profits / losses of closed round trips, after fees; NaN without a loss",
    "expectancy": "mean profit of a closed round trip after fees, in money",
    "round_trips": "closed round trips, from flat to flat; what is open at the end is not counted",
    "exposure": "bars that end with a position / bars",
    "turnover": "traded notional / mean equity, per year",
    "fees": "paid in money; negative is a rebate",
    "slippage": "money lost against undisturbed prices",
    "end_equity": "cash and positions at the last close",
    "periods_per_year": "bars per year of the instrument's calendar",
}
"""What each statistic is, in the order in which they stand."""

NAMES = tuple(CONVENTIONS)
"""The statistics, in order."""


def measure(
    equity: Floats,
    units: Floats,
    fills: Records,
    cash: float,
    periods_per_year: float,
    carried: Carried = NOTHING,
) -> dict[str, float]:
    """Return all statistics but `start` and `end`, without pandas.

    Parameters
    ----------
    equity : ndarray, shape (T,)
        At the closes.
    units : ndarray, shape (T, N)
        Held at the closes.
    fills : ndarray of ``workbench.kernels.book.FILL``
        Oldest first.
    cash : float
        To begin with.
    periods_per_year : float
    carried : Carried
        What holding brought in and cost.

    Examples
    --------
    >>> from workbench.kernels.book import FILL
    >>> equity, fills = np.array([100.0, 110.0, 99.0]), np.empty(0, FILL)
    >>> found = measure(equity, np.zeros((3, 1)), fills, 100.0, 3.0)
    >>> round(found["total_return"], 6), round(found["max_drawdown"], 6), found["win_rate"]
    (-0.01, -0.1, nan)
    """
    return figures(equity, units, fills, cash, periods_per_year, carried)[0]


def figures(
    equity: Floats,
    units: Floats,
    fills: Records,
    cash: float,
    periods_per_year: float,
    carried: Carried = NOTHING,
) -> tuple[dict[str, float], Trips]:
    """Return `measure` and the round trips it was made from."""
    bars = len(equity)
    trips = round_trips(fills, units.shape[1], carried)
    shape = curve(equity, cash, periods_per_year)
    of_trips = trip_figures(trips.closed)
    flow = traffic(fills, units)
    found = {"bars": float(bars), **shape._asdict(), **of_trips._asdict()}
    found["round_trips"] = float(len(trips.closed))
    found["exposure"] = flow.exposure
    has_equity = shape.mean_equity > 0.0
    yearly = flow.notional * periods_per_year / bars
    found["turnover"] = yearly / shape.mean_equity if has_equity else math.nan
    found["fees"] = flow.fees
    found["slippage"] = flow.slippage
    found["end_equity"] = float(equity[-1])
    found["periods_per_year"] = periods_per_year
    return {name: found[name] for name in NAMES[2:]}, trips


def as_series(found: dict[str, float], start: Any, end: Any) -> pd.Series:
    """Return measured statistics as a Series, the conventions in ``attrs["conventions"]``.

    Counts of bars and round trips are whole numbers where they are known.
    """
    values: dict[str, Any] = {"start": start, "end": end, **found}
    for name in ("bars", "round_trips", "max_drawdown_bars", "recovery_bars"):
        if not np.isnan(values[name]):
            values[name] = int(values[name])
    series = pd.Series(values, index=list(NAMES), dtype=object, name="stats")
    series.attrs["conventions"] = dict(CONVENTIONS)
    return series


def returns(equity: pd.Series, cash: float) -> pd.Series:
    """Return the change of equity per bar as a fraction; the first counts from `cash`.

    Examples
    --------
    >>> returns(pd.Series([100.0, 110.0]), 100.0).round(6).tolist()
    [0.0, 0.1]
    """
    before = np.concatenate(([cash], equity.to_numpy()[:-1]))
    return pd.Series(equity.to_numpy() / before - 1.0, index=equity.index, name="returns")


def drawdown(equity: pd.Series, cash: float) -> pd.Series:
    """Return equity below its highest so far, as a negative fraction; `cash` counts.

    Examples
    --------
    >>> drawdown(pd.Series([90.0, 120.0, 60.0]), 100.0).round(6).tolist()
    [-0.1, 0.0, -0.5]
    """
    values = equity.to_numpy()
    peak = np.maximum.accumulate(np.maximum(values, cash))
    return pd.Series(values / peak - 1.0, index=equity.index, name="drawdown")


def __getattr__(name: str) -> Any:  # the other measures are loaded when they are asked for
    if name.startswith("__"):  # a question to any module, which must not import another one
        raise AttributeError(f"module 'workbench.backtest.stats' has no attribute {name!r}")
    from workbench.backtest.measures.face import find

    return find(name)


def __dir__() -> list[str]:
    from workbench.backtest.measures.face import NAMES as MEASURES

    return sorted({*globals(), *MEASURES})
