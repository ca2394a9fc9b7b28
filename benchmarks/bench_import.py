"""What a fresh process pays before it can work."""

from __future__ import annotations

from benchmarks.timing import Row, fresh_process

_OURS = """
import numpy as np, pandas as pd
import workbench as wb
close = 100 * np.exp(np.cumsum(np.random.default_rng(1).normal(0, 0.01, 2000)))
index = pd.date_range("2015-01-01", periods=2000, freq="D", tz="UTC", name="time")
bars = pd.DataFrame({"open": close, "high": close * 1.01, "low": close * 0.99, "close": close,
                     "volume": 1e6}, index=index)
wb.backtest(wb.strategies.SmaCross(), bars, calendar="24/7", record=False)
"""


def rows() -> list[Row]:
    bare = fresh_process("pass")
    ours = fresh_process("import workbench") - bare
    fresh_process(_OURS, 1)  # fills the compiler cache
    first = fresh_process(_OURS)
    peer = fresh_process("import vectorbt", 2)
    return [
        Row("`import workbench`, interpreter not counted", "`import vectorbt`", ours, peer, 15),
        Row(
            "first `wb.backtest`, not recorded, fresh process, caches warm",
            "`import vectorbt`",
            first,
            peer,
            5,
        ),
    ]
