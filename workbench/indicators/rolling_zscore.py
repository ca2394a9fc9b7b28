"""How many deviations a value lies from its rolling mean.

``(x - mean) / deviation`` over the last `timeperiod` values, the present one included. NaN
where the window does not move: there is no deviation to count in. Source: the standard score,
e.g. NIST/SEMATECH e-Handbook of Statistical Methods, 1.3.5.17.

Examples
--------
>>> import pandas as pd, workbench as wb
>>> wb.ta.zscore(pd.Series([1.0, 2, 3, 3, 3]), 3).round(4).tolist()
[nan, nan, 1.0, 0.5774, nan]
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from workbench.indicators.spec import Parameter, Spec

__all__ = ["SPEC"]


def _zscore(values: np.ndarray, timeperiod: int, ddof: int) -> np.ndarray:
    rolling = pd.Series(values).rolling(timeperiod)
    spread = rolling.std(ddof=ddof).to_numpy()
    away = values - rolling.mean().to_numpy()
    # What is below the rounding of the values themselves is no movement.
    still = spread <= 1e-13 * np.abs(values)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(still, np.nan, away / spread)


SPEC = Spec(
    name="zscore",
    title="Rolling z-score",
    group="Statistic Functions",
    inputs=("close",),
    parameters=(
        Parameter("timeperiod", int, 20, low=2, high=100_000, doc="Bars of the window"),
        Parameter("ddof", int, 1, low=0, high=1, doc="1: deviation of a sample; 0: population"),
    ),
    outputs=("zscore",),
    kernel=_zscore,
    notes="The value minus the mean of the window, in deviations of the window, both of the last "
    "`timeperiod` values, the present one included. NaN where the window does not move.",
)
