"""Keltner channel around the average close.

The middle is the EMA of the close, the bands lie `multiplier` average true ranges (Wilder's)
away. Source: Linda Raschke's version of C. W. Keltner, *How to Make Money in Commodities*
(1960), as StockCharts' ChartSchool gives it, with its defaults 20, 2 and 10. (TA-Lib's ``kc``
is around the typical price instead.)

Examples
--------
>>> import pandas as pd, workbench as wb
>>> days = pd.date_range("2024-01-01", periods=6, tz="UTC", name="time")
>>> close = pd.Series([10.0, 11, 12, 13, 14, 15], index=days)
>>> wb.ta.keltner(close + 1, close - 1, close, 3, 2.0, 3).iloc[-1].tolist()
[18.0, 14.0, 10.0]
"""

from __future__ import annotations

import numpy as np

from workbench.indicators.spec import Parameter, Spec
from workbench.indicators.talib_specs import raw

__all__ = ["SPEC"]


def _keltner(
    high: np.ndarray,
    low: np.ndarray,
    close: np.ndarray,
    timeperiod: int,
    multiplier: float,
    atrperiod: int,
) -> tuple[np.ndarray, ...]:
    middle = raw("ema")(close, timeperiod)
    reach = multiplier * raw("atr")(high, low, close, atrperiod)
    middle = np.where(np.isnan(reach), np.nan, middle)
    return middle + reach, middle, middle - reach


SPEC = Spec(
    name="keltner",
    title="Keltner Channel around the close",
    group="Overlap Studies",
    inputs=("high", "low", "close"),
    parameters=(
        Parameter("timeperiod", int, 20, low=2, high=100_000, doc="Bars of the average"),
        Parameter("multiplier", float, 2.0, low=0.0, doc="Average true ranges to either side"),
        Parameter("atrperiod", int, 10, low=1, high=100_000, doc="Bars of the true range"),
    ),
    outputs=("upperband", "middleband", "lowerband"),
    kernel=_keltner,
    notes="EMA of the close, plus and minus `multiplier` times Wilder's average true range: "
    "Raschke's version of Keltner (1960), as in StockCharts' ChartSchool.",
)
