"""Volume-weighted average price of the last bars.

The typical price ``(high + low + close) / 3`` weighted by volume over a rolling window; NaN
where nothing was traded in the window. Source: as TA-Lib's ``VWAP``, windowed.

Examples
--------
>>> import pandas as pd, workbench as wb
>>> price, volume = pd.Series([1.0, 2, 4, 4]), pd.Series([1.0, 1, 3, 0])
>>> wb.ta.vwap_rolling(price, price, price, volume, 2).tolist()
[nan, 1.5, 3.5, 4.0]
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from workbench.indicators.spec import Parameter, Spec

__all__ = ["SPEC"]


def _vwap_rolling(
    high: np.ndarray, low: np.ndarray, close: np.ndarray, volume: np.ndarray, timeperiod: int
) -> np.ndarray:
    money = pd.Series((high + low + close) / 3 * volume).rolling(timeperiod).sum().to_numpy()
    units = pd.Series(volume).rolling(timeperiod).sum().to_numpy()
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(units > 0, money / units, np.nan)


SPEC = Spec(
    name="vwap_rolling",
    title="Volume Weighted Average Price of a window",
    group="Volume Indicators",
    inputs=("high", "low", "close", "volume"),
    parameters=(Parameter("timeperiod", int, 20, low=1, high=100_000, doc="Bars of the window"),),
    outputs=("vwap_rolling",),
    kernel=_vwap_rolling,
    notes="The typical price (high + low + close) / 3 weighted by volume over the last "
    "`timeperiod` bars; NaN where nothing was traded in them.",
)
