"""The bars a strategy at work has seen: a frame that grows at its end."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd

from workbench.core.bar import Bar
from workbench.core.timeframe import Timeframe
from workbench.data.schema import FIELDS

__all__ = ["Window"]

_FIRST = 1_024


class Window:
    """Bars of one or several symbols by label, as ``wb.bars`` would return them.

    Parameters
    ----------
    symbols : tuple of str
    timeframe : Timeframe
    calendar : str
    source : str
        For ``attrs``.
    keep : int
        About as many rows stay; older ones go.

    Examples
    --------
    >>> from datetime import UTC
    >>> window = Window(("X",), Timeframe(1, "m"), "24/7", "sim")
    >>> at = datetime(2024, 1, 2, 12, tzinfo=UTC)
    >>> window.put(at, {"X": Bar("X", at, 1.0, 2.0, 0.5, 1.5, 10.0)})
    >>> window.frame()["close"].tolist(), len(window)
    ([1.5], 1)
    """

    def __init__(
        self,
        symbols: tuple[str, ...],
        timeframe: Timeframe,
        calendar: str,
        source: str,
        keep: int = 50_000,
    ) -> None:
        self.symbols, self.timeframe, self.calendar = symbols, timeframe, calendar
        self._attrs: dict[Any, Any] = {
            "timeframe": str(timeframe), "calendar": calendar, "source": source,
        }  # fmt: skip
        if len(symbols) == 1:
            self._attrs["symbol"] = symbols[0]
        self._keep = keep
        self._labels: list[datetime] = []
        self._values = np.full((_FIRST, len(FIELDS), len(symbols)), np.nan)

    def __len__(self) -> int:
        return len(self._labels)

    @property
    def last(self) -> datetime | None:
        """The newest label."""
        return self._labels[-1] if self._labels else None

    def has(self, bar: Bar) -> bool:
        """Whether there is a bar of that symbol and label already."""
        row = bisect_left(self._labels, bar.time)
        if row >= len(self._labels) or self._labels[row] != bar.time:
            return False
        return not np.isnan(self._values[row, 3, self.symbols.index(bar.symbol)])

    def put(self, label: datetime, bars: Mapping[str, Bar]) -> None:
        """Take bars of one label in, wherever it belongs."""
        row = self._place(label)
        for symbol, bar in bars.items():
            values = (bar.open, bar.high, bar.low, bar.close, bar.volume)
            self._values[row, :, self.symbols.index(symbol)] = values

    def load(self, frame: pd.DataFrame) -> None:
        """Take in the rows of a frame of bars; what is here already stays as it is."""
        count = len(self.symbols)
        columns = [frame[name].to_numpy("float64").reshape(len(frame), count) for name in FIELDS]
        values = np.stack(columns, axis=1)
        labels: list[datetime] = pd.DatetimeIndex(frame.index).to_pydatetime().tolist()
        for label, row in zip(labels, values, strict=True):
            place = self._place(label)
            self._values[place] = np.where(np.isnan(self._values[place]), row, self._values[place])

    def frame(self, until: datetime | None = None) -> pd.DataFrame:
        """Return all of it up to a label, as a frame of its own."""
        count = self._count(until)
        index = self.index(until)
        table = self._values[:count].reshape(count, -1).copy()
        columns: Any = list(FIELDS)
        if len(self.symbols) > 1:
            columns = pd.MultiIndex.from_product([FIELDS, self.symbols], names=["field", "symbol"])
        frame = pd.DataFrame(table, index=index, columns=columns)
        frame.attrs = dict(self._attrs)
        return frame

    def index(self, until: datetime | None = None) -> pd.DatetimeIndex:
        """Return the labels up to one."""
        labels = self._labels[: self._count(until)]
        return pd.DatetimeIndex(labels, name="time", tz="UTC").as_unit("ns")

    def row(self, label: datetime) -> np.ndarray:
        """Return one row as an array of shape (fields, 1, symbols)."""
        place = bisect_left(self._labels, label)
        row: np.ndarray = self._values[place][:, None, :].copy()
        return row

    def values(self) -> np.ndarray:
        """Return all of it as an array of shape (fields, rows, symbols)."""
        return self._values[: len(self._labels)].transpose(1, 0, 2).copy()

    def closes(self, label: datetime) -> dict[str, float]:
        """Return a row's closes by symbol; NaN where a bar is missing."""
        values: list[float] = self.row(label)[3, 0].tolist()
        return dict(zip(self.symbols, values, strict=True))

    def marks(self) -> dict[str, float]:
        """Return the last known close of each symbol that has one."""
        found = {}
        for place, symbol in enumerate(self.symbols):
            closes = self._values[: len(self._labels), 3, place]
            known = closes[~np.isnan(closes)]
            if len(known):
                found[symbol] = float(known[-1])
        return found

    def _count(self, until: datetime | None) -> int:
        return len(self._labels) if until is None else bisect_right(self._labels, until)

    def _place(self, label: datetime) -> int:
        labels = self._labels
        row = len(labels) if not labels or label > labels[-1] else bisect_left(labels, label)
        if row < len(labels) and labels[row] == label:
            return row
        self._room()
        row = bisect_left(labels, label)
        self._values[row + 1 : len(labels) + 1] = self._values[row : len(labels)]
        self._values[row] = np.nan
        labels.insert(row, label)
        return row

    def _room(self) -> None:
        count = len(self._labels)
        if count >= 2 * self._keep:
            self._values[: self._keep] = self._values[count - self._keep : count]
            del self._labels[: count - self._keep]
        elif count + 1 >= len(self._values):
            more = np.full_like(self._values, np.nan)
            self._values = np.concatenate([self._values, more])
