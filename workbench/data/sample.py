"""Real daily bars that need no network: five American stocks, 2000 to 2013.

The prices are those of the package bokeh_sampledata (Quandl's WIKI prices): raw, with a
closing price adjusted for splits and dividends beside them. The two tell when a split
or a dividend was and how large: where their ratio steps by an exact small fraction it is
a split, where it steps by ``1 + dividend / close`` it is a dividend. These corporate
actions are what is kept; adjusted prices are derived from them when bars are read.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from importlib import import_module
from importlib.metadata import version

import numpy as np
import pandas as pd

from workbench.core.timeframe import Timeframe
from workbench.errors import UsageError, nearest

__all__ = ["SampleSource"]

_SYMBOLS = ("AAPL", "FB", "GOOG", "IBM", "MSFT")


class SampleSource:
    """The bar source ``sample``: daily bars of AAPL, FB, GOOG, IBM and MSFT.

    Examples
    --------
    >>> from workbench.core.timeframe import Timeframe
    >>> bars = SampleSource().history("AAPL", Timeframe(1, "d"), None, None)
    >>> len(bars), bars.index[bars["split"] != 1].strftime("%Y-%m-%d").tolist()
    (3270, ['2000-06-21', '2005-02-28'])
    """

    name = "sample"
    is_stored, is_final = True, True

    @property
    def version(self) -> str:
        """The data's version: what is stored under another one is read anew."""
        return f"bokeh_sampledata {version('bokeh_sampledata')}"

    def symbols(self) -> Sequence[str]:
        """Return the five symbols."""
        return _SYMBOLS

    def history(
        self,
        symbol: str,
        timeframe: Timeframe,
        start: datetime | None = None,
        end: datetime | None = None,
    ) -> pd.DataFrame:
        """Return raw daily bars with ``start <= time < end``, and ``split`` and ``dividend``.

        Raises
        ------
        UsageError
            No such symbol, or not daily.
        """
        if symbol not in _SYMBOLS:
            hint = nearest(symbol, _SYMBOLS)
            raise UsageError(
                f"source 'sample' has no symbol {symbol!r}{hint}; it has {', '.join(_SYMBOLS)}",
                symbol=symbol,
                source="sample",
            )
        if str(timeframe) != "1d":
            raise UsageError(
                f"source 'sample' has daily bars only, not {timeframe}; resample them, or use "
                "source='synthetic' for intraday bars",
                timeframe=str(timeframe),
                source="sample",
            )
        bars = _read(symbol)
        if start is not None:
            bars = bars[bars.index >= start]
        if end is not None:
            bars = bars[bars.index < end]
        bars = bars.copy()
        bars.attrs = {"calendar": "XNYS", "adjustment": "none", "source": "sample", "dropped": ()}
        return bars


@lru_cache(maxsize=len(_SYMBOLS))
def _read(symbol: str) -> pd.DataFrame:
    table = getattr(import_module("bokeh_sampledata.stocks"), symbol)
    index = pd.DatetimeIndex(table["date"]).as_unit("ns").tz_localize("UTC").rename("time")
    names = ("open", "high", "low", "close", "volume")
    bars = pd.DataFrame({name: np.asarray(table[name], float) for name in names}, index=index)
    bars["split"], bars["dividend"] = _actions(
        bars["close"].to_numpy(), np.asarray(table["adj_close"], float)
    )
    return bars


def _actions(close: np.ndarray, adjusted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    ratio = adjusted / close
    step = np.concatenate([[1.0], ratio[1:] / ratio[:-1]])
    halves = np.round(step * 2) / 2
    is_split = (np.abs(step - halves) < 1e-9) & (halves >= 1.5)
    split = np.where(is_split, halves, 1.0)
    is_dividend = ~is_split & (np.abs(step - 1) > 1e-6)
    dividend = np.where(is_dividend, np.round((step - 1) * close, 6), 0.0)
    return split, dividend
