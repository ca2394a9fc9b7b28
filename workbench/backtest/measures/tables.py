"""Tables over an equity curve: its drawdowns and its months."""

from __future__ import annotations

import numpy as np
import pandas as pd

from workbench.plots.months import table as monthly_table

__all__ = ["drawdown_table", "monthly_table"]


def drawdown_table(equity: pd.Series, cash: float | None = None, most: int = 6) -> pd.DataFrame:
    """Return the deepest drawdowns, each from its peak to the bar that reached it again.

    Parameters
    ----------
    equity : pandas.Series
        At the closes; positive; the starting cash counts as a peak before the first bar.
    cash : float, optional
        To begin with; the first equity by default.
    most : int
        How many.

    Returns
    -------
    pandas.DataFrame
        ``depth`` (negative fraction), ``peak trough recovery`` (labels; NaT while it lasts),
        ``to_trough to_recovery`` (bars; NaN while it lasts).

    Examples
    --------
    >>> index = pd.date_range("2024-01-01", periods=5)
    >>> equity = pd.Series([100.0, 80, 100, 90, 95], index)
    >>> drawdown_table(equity, 100.0)["depth"].round(2).tolist()
    [-0.2, -0.1]
    """
    values = equity.to_numpy(np.float64)
    start = values[:1].sum() if cash is None else cash
    peaks = np.maximum.accumulate(np.maximum(values, start))
    under = values < peaks
    edges = np.flatnonzero(np.diff(np.concatenate(([False], under, [False])).astype(int)))
    found = []
    for first, after in zip(edges[::2], edges[1::2], strict=True):
        trough = first + int(np.argmin(values[first:after] / peaks[first:after]))
        peak = max(first - 1, 0)
        done = after < len(values)
        found.append(
            {
                "depth": values[trough] / peaks[trough] - 1,
                "peak": equity.index[peak],
                "trough": equity.index[trough],
                "recovery": equity.index[after] if done else pd.NaT,
                "to_trough": trough - peak,
                "to_recovery": after - trough if done else np.nan,
            }
        )
    columns = ["depth", "peak", "trough", "recovery", "to_trough", "to_recovery"]
    table = pd.DataFrame(found, columns=columns).sort_values("depth", kind="stable")
    return table.head(most).reset_index(drop=True)
