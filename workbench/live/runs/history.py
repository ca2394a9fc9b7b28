"""Where a line's past comes from: a source's bars of several symbols as one frame."""

from __future__ import annotations

from datetime import datetime

import pandas as pd

from workbench.core.ports import BarSource
from workbench.core.timeframe import Timeframe
from workbench.data.schema import FIELDS
from workbench.live.runs.line import History

__all__ = ["history_of"]


def history_of(source: BarSource, symbols: tuple[str, ...], timeframe: Timeframe) -> History:
    """Return a source's bars as a line asks for them.

    Examples
    --------
    >>> from datetime import UTC
    >>> from workbench.data.synthetic import SyntheticSource
    >>> history = history_of(SyntheticSource(), ("A/USD", "B/USD"), Timeframe(1, "h"))
    >>> noon = datetime(2024, 1, 2, 12, tzinfo=UTC)
    >>> history(noon, noon.replace(hour=15))["close"].shape
    (3, 2)
    """

    def history(start: datetime, end: datetime) -> pd.DataFrame:
        frames = {
            symbol: source.history(symbol, timeframe, start, end)[list(FIELDS)]
            for symbol in symbols
        }
        if len(frames) == 1:
            return frames[symbols[0]]
        joined = pd.concat(frames, axis=1, names=["symbol", "field"]).swaplevel(axis=1)
        columns = pd.MultiIndex.from_product([FIELDS, symbols], names=["field", "symbol"])
        return joined.reindex(columns=columns)

    return history
