"""The numbers behind a price chart: columns by bar number, and what of them is drawn for a view."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from workbench.errors import DataError
from workbench.plots.reduce import Columns, aggregate_columns

__all__ = ["CLIENT_LIMIT", "MARGIN", "VIEW_LIMIT", "ChartData"]

CLIENT_LIMIT = 20_000
VIEW_LIMIT = 600
MARGIN = 0.25  # of the view, drawn beyond each edge so that a drag shows no void
_PRICES = ("open", "high", "low", "close", "volume")


@dataclass(frozen=True, eq=False)
class ChartData:
    """Bars and lines as plain columns.

    Parameters
    ----------
    columns : dict of str to array
        ``time open high low close volume line0 line1 …``; time in milliseconds of the clock on
        the exchange's wall.
    index : pandas.DatetimeIndex
        The bars' labels, one for each row of the columns.
    intraday : bool
        Whether times of day mean anything.
    zone : str
        The wall clock's name, for intraday bars.
    """

    columns: Columns
    index: pd.DatetimeIndex
    intraday: bool
    zone: str

    @classmethod
    def of(
        cls, bars: pd.DataFrame, lines: Iterable[pd.Series], *, carried: int | None
    ) -> ChartData:
        """Read bars of one symbol and the lines beside them.

        `carried` is the most rows kept; more bars are merged to that many. None keeps all.

        Raises
        ------
        DataError
            Several symbols, no rows, or a price column is missing.
        """
        if bars.columns.nlevels > 1:
            raise DataError(
                "a market chart shows one symbol; take it out with bars.xs(symbol, axis=1, level=1)"
            )
        for name in _PRICES[:4]:
            if name not in bars.columns:
                raise DataError(f"the bars have no column {name!r}", column=name)
        if not len(bars):
            raise DataError("there are no bars to show")
        index = pd.DatetimeIndex(bars.index)
        columns: Columns = {
            name: bars[name].to_numpy(np.float64) if name in bars else np.zeros(len(index))
            for name in _PRICES
        }
        intraday, zone, columns["time"] = _wall_clock(index, str(bars.attrs.get("calendar", "")))
        for number, values in enumerate(lines):
            columns[f"line{number}"] = _aligned(values, index)
        if carried is not None and len(index) > carried:
            merged = aggregate_columns(columns, 0, len(index), carried)
            first = merged.pop("first").astype(np.int64)
            del merged["last"]
            merged["time"] = columns["time"][first]
            columns, index = merged, index[first]
        return cls(columns, index, intraday, zone)

    def __len__(self) -> int:
        return len(self.index)

    @property
    def in_browser(self) -> bool:
        """Whether the browser holds every bar and merges by itself."""
        return len(self) <= CLIENT_LIMIT

    @property
    def digits(self) -> int:
        """Decimals a price is written with."""
        close = self.columns["close"]
        seen = close[np.isfinite(close)]
        typical = float(np.median(np.abs(seen))) if len(seen) else 1.0
        if typical >= 10_000:
            return 0
        return 2 if typical >= 1 else min(8, 3 - int(np.floor(np.log10(max(typical, 1e-8)))))

    def last(self, name: str) -> tuple[float, bool]:
        """Return a column's last value and whether it rose; NaN when there is none."""
        values = self.columns[name]
        seen = values[np.isfinite(values)]
        if not len(seen):
            return float("nan"), True
        return float(seen[-1]), bool(len(seen) < 2 or seen[-1] >= seen[-2])

    def view(self, start: float, stop: float) -> tuple[Columns, tuple[int, int, int]]:
        """Return what is drawn for the view from `start` to `stop`, and what it covers.

        Returns
        -------
        tuple of dict and (int, int, int)
            The columns of the source; first row, row after the last, and bars in a bucket.
        """
        margin = (stop - start) * MARGIN
        low = int(np.clip(np.floor(start - margin), 0, max(len(self) - 1, 0)))
        high = int(np.clip(np.ceil(stop + margin) + 1, low + 1, len(self)))
        merged = aggregate_columns(self.columns, low, high, VIEW_LIMIT)
        first, last = merged["first"], merged["last"]
        merged["time"] = self.columns["time"][first.astype(np.int64)]
        size = int(np.max(last - first, initial=0)) + 1
        merged["x"] = (first + last) / 2
        merged["width"] = np.full(len(first), size * 0.72)
        merged["mid"] = (merged["open"] + merged["close"]) / 2
        merged["body"] = np.abs(merged["close"] - merged["open"])
        merged["rising"] = (merged["close"] >= merged["open"]).astype(np.float64)
        return merged, (low, high, size)

    def marks(self, fills: pd.DataFrame | None) -> dict[str, list[Any]]:
        """Return the columns of the fills' source: a triangle for each fill within the bars."""
        keys = ("x", "y", "row", "side", "note", "mark", "shift")
        data: dict[str, list[Any]] = {key: [] for key in keys}
        if fills is None or not len(fills):
            return data
        rows = self.index.searchsorted(pd.DatetimeIndex(fills["time"]), side="right") - 1
        for row, fill in zip(rows, fills.itertuples(index=False), strict=True):
            if row < 0:
                continue
            side = "buy" if fill.side == "buy" else "sell"
            edge = self.columns["low" if side == "buy" else "high"][row]
            note = f"{side.title()} {fill.quantity:,.6g} @ {fill.price:,.{self.digits}f}"
            values = (
                float(row),
                float(edge) if np.isfinite(edge) else fill.price,
                int(row),
                side,
                note,
                "▲" if side == "buy" else "▼",
                5 if side == "buy" else -5,
            )
            for key, value in zip(keys, values, strict=True):
                data[key].append(value)
        return data


def _wall_clock(index: pd.DatetimeIndex, calendar: str) -> tuple[bool, str, NDArray[np.float64]]:
    utc = index if index.tz is not None else index.tz_localize("UTC")
    intraday = bool((utc != utc.normalize()).any())
    zone = " UTC" if intraday else ""
    if intraday and calendar == "XNYS":
        utc, zone = utc.tz_convert("America/New_York"), " New York"
    wall = utc.tz_localize(None).as_unit("ms").asi8.astype(np.float64)
    return intraday, zone, wall


def _aligned(values: pd.Series, index: pd.DatetimeIndex) -> NDArray[np.float64]:
    if len(values) == len(index) and not isinstance(values.index, pd.DatetimeIndex):
        return values.to_numpy(np.float64)
    if not values.index.equals(index):
        values = values.reindex(index)
    return values.to_numpy(np.float64)
