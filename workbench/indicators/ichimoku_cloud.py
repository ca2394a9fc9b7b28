"""Ichimoku Kinko Hyo without its leak.

Each line is the middle of the highest high and the lowest low of a window. The chart draws the
cloud `displacement` bars ahead of the bar it was computed on; here a row holds what is known
at that row: ``senkou_a`` and ``senkou_b`` are the cloud the price stands in now (computed
`displacement` bars ago), ``lead_a`` and ``lead_b`` the cloud computed now, drawn ahead. The
lagging span (chikou) is the close drawn `displacement` bars back, that is, a later close in an
earlier row: it is not given; compare ``close`` with ``close.shift(displacement)`` instead.
Source: Goichi Hosoda (1969); windows 9, 26, 52 and displacement 26 as usual.

Examples
--------
>>> import pandas as pd, workbench as wb
>>> days = pd.date_range("2024-01-01", periods=8, tz="UTC", name="time")
>>> high = pd.Series([2.0, 3, 4, 5, 6, 7, 8, 9], index=days)
>>> wb.ta.ichimoku(high, high - 2, tenkan=2, kijun=3, senkou=4, displacement=2).iloc[-1].to_dict()
{'tenkan': 7.5, 'kijun': 7.0, 'senkou_a': 5.25, 'senkou_b': 4.5, 'lead_a': 7.25, 'lead_b': 6.5}
"""

from __future__ import annotations

import numpy as np

from workbench.indicators.spec import Parameter, Spec
from workbench.indicators.talib_specs import raw

__all__ = ["SPEC"]


def _ichimoku(
    high: np.ndarray, low: np.ndarray, tenkan: int, kijun: int, senkou: int, displacement: int
) -> tuple[np.ndarray, ...]:
    fast, slow, wide = (raw("midprice")(high, low, window) for window in (tenkan, kijun, senkou))
    lead = (fast + slow) / 2
    return fast, slow, _later(lead, displacement), _later(wide, displacement), lead, wide


def _later(values: np.ndarray, bars: int) -> np.ndarray:
    shifted = np.full(len(values), np.nan)
    shifted[bars:] = values[: max(len(values) - bars, 0)]
    return shifted


SPEC = Spec(
    name="ichimoku",
    title="Ichimoku Kinko Hyo, known values only",
    group="Overlap Studies",
    inputs=("high", "low"),
    parameters=(
        Parameter("tenkan", int, 9, low=2, high=100_000, doc="Bars of the conversion line"),
        Parameter("kijun", int, 26, low=2, high=100_000, doc="Bars of the base line"),
        Parameter("senkou", int, 52, low=2, high=100_000, doc="Bars of the second span"),
        Parameter("displacement", int, 26, low=0, doc="Bars that the cloud is drawn ahead"),
    ),
    outputs=("tenkan", "kijun", "senkou_a", "senkou_b", "lead_a", "lead_b"),
    kernel=_ichimoku,
    notes="senkou_a and senkou_b are the cloud the price stands in, computed `displacement` bars "
    "before; lead_a and lead_b are computed on the row itself and drawn ahead of it.\n\n"
    "The lagging span (chikou) would put a later close into an earlier row, a leak, and is not "
    "given: compare close with close.shift(displacement).\n\n"
    "Source: Goichi Hosoda (1969).",
)
