"""Returns by calendar month as a table; ``workbench.plots.monthly`` draws it."""

from __future__ import annotations

import numpy as np
import pandas as pd

from workbench.errors import DataError

__all__ = ["MONTHS", "table"]

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def table(returns: pd.Series) -> pd.DataFrame:
    """Return compounded returns: years as rows, ``Jan`` to ``Dec`` and ``Year`` as columns.

    Parameters
    ----------
    returns : pandas.Series
        Fractions per bar, indexed by time; NaN counts as no return.

    Returns
    -------
    pandas.DataFrame
        Fractions; NaN where there was no bar.

    Raises
    ------
    DataError
        There is no return.

    Examples
    --------
    >>> index = pd.DatetimeIndex(["2024-01-02", "2024-01-03", "2024-02-01"], tz="UTC")
    >>> float(round(table(pd.Series([0.1, 0.1, -0.5], index)).loc[2024, "Jan"], 4))
    0.21
    """
    if not len(returns):
        raise DataError("there are no returns")
    index = pd.DatetimeIndex(returns.index)
    growth = returns.fillna(0.0).to_numpy(np.float64) + 1
    frame = pd.DataFrame({"year": index.year, "month": index.month, "growth": growth})
    months = frame.groupby(["year", "month"])["growth"].prod().unstack() - 1
    months = months.reindex(columns=range(1, 13))
    months.columns = pd.Index(MONTHS)
    months["Year"] = frame.groupby("year")["growth"].prod() - 1
    months.index.name = "year"
    return months
