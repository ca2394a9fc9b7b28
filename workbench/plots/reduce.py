"""Fewer points, the same picture: what is drawn is what a screen can show."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from workbench.errors import UsageError

__all__ = ["Columns", "aggregate", "aggregate_columns", "bucket_size", "extremes"]

Columns = dict[str, NDArray[Any]]

_MERGED = {"open", "high", "low", "close", "volume"}


def bucket_size(count: int, limit: int) -> int:
    """Return how many bars one drawn bar stands for.

    The sizes are 1, 2, 3, 4, 6, 8, 12, 16, ... so that a small change of zoom keeps them,
    and buckets start at multiples of the size so that a drag does not shuffle them.

    Examples
    --------
    >>> bucket_size(600, 600), bucket_size(601, 600), bucket_size(1_000_000, 600)
    (1, 2, 2048)
    """
    if limit < 2:
        raise UsageError(f"limit must be at least 2, not {limit}", limit=limit)
    size = 1
    while count > limit if size == 1 else count / size + 1 > limit:
        # a bucket cut by either end counts, hence the one more
        odd = size & (size - 1)
        size = 2 if size == 1 else size // 3 * 4 if odd else size // 2 * 3
    return size


def aggregate(
    bars: pd.DataFrame, start: int = 0, stop: int | None = None, limit: int = 600
) -> pd.DataFrame:
    """Merge bars until at most `limit` of them stand for those in ``[start, stop)``.

    Parameters
    ----------
    bars : pandas.DataFrame
        Bars of one symbol; further columns are carried by their last value.
    start, stop : int
        Row numbers; clipped to the frame.
    limit : int
        The most rows returned, at least 2.

    Returns
    -------
    pandas.DataFrame
        Indexed by each bucket's first bar: first open, highest high, lowest low, last close,
        summed volume; NaN rows count for nothing, a bucket of nothing but NaN stays NaN.
        ``first`` and ``last`` are the rows of `bars` each bucket covers, last included.

    Examples
    --------
    >>> index = pd.date_range("2024-01-01", periods=4, freq="D", tz="UTC", name="time")
    >>> bars = pd.DataFrame(
    ...     {"open": [1.0, 2, 3, 4], "high": [2.0, 9, 4, 5], "low": [1.0, 1, 3, 2],
    ...      "close": [2.0, 3, 4, 5], "volume": 10.0}, index)
    >>> aggregate(bars, limit=3)[["open", "high", "low", "close", "volume"]].to_numpy().tolist()
    [[1.0, 9.0, 1.0, 3.0, 20.0], [3.0, 5.0, 2.0, 5.0, 20.0]]
    """
    stop = len(bars) if stop is None else min(int(stop), len(bars))
    columns = {str(name): bars[name].to_numpy(np.float64) for name in bars.columns}
    merged = aggregate_columns(columns, max(0, int(start)), stop, limit)
    first = merged["first"].astype(np.int64)
    return pd.DataFrame(merged, index=bars.index[first])


def aggregate_columns(
    columns: Mapping[str, NDArray[Any]], start: int, stop: int, limit: int
) -> Columns:
    """As `aggregate`, over plain arrays: what a chart calls on each move of the view."""
    count = stop - start
    if count <= 0:
        empty = {name: np.empty(0) for name in columns}
        return {**empty, "first": np.empty(0), "last": np.empty(0)}
    size = bucket_size(count, limit)
    edges = np.arange(start // size * size, stop, size)
    edges[0] = start
    heads = edges - start
    last = np.append(edges[1:], stop) - 1
    merged: Columns = {}
    # reduceat over the view only, so that a window of a million bars costs its own size
    view = {name: values[start:stop] for name, values in columns.items()}
    if size == 1:
        merged = {name: values.copy() for name, values in view.items()}
    else:
        merged = {name: values[last - start] for name, values in view.items()}
        merged.update(_merge(view, heads))
    merged["first"], merged["last"] = edges.astype(np.float64), last.astype(np.float64)
    return merged


def _merge(view: Mapping[str, NDArray[Any]], heads: NDArray[np.int64]) -> Columns:
    out: Columns = {}
    if "high" in view:
        out["high"] = np.fmax.reduceat(view["high"], heads)
    if "low" in view:
        out["low"] = np.fmin.reduceat(view["low"], heads)
    if "volume" in view:
        out["volume"] = np.add.reduceat(np.nan_to_num(view["volume"]), heads)
    if "open" in view:
        out["open"] = _pick(view["open"], heads, first=True)
    if "close" in view:
        out["close"] = _pick(view["close"], heads, first=False)
    return out


def _pick(values: NDArray[Any], heads: NDArray[np.int64], *, first: bool) -> NDArray[Any]:
    """Take the first or last value of each bucket that is not NaN."""
    rows = np.arange(len(values))
    missing = np.isnan(values)
    if first:
        found = np.minimum.reduceat(np.where(missing, len(values), rows), heads)
        nothing = found == len(values)
    else:
        found = np.maximum.reduceat(np.where(missing, -1, rows), heads)
        nothing = found < heads
    picked = values[np.clip(found, 0, len(values) - 1)]
    return np.where(nothing, np.nan, picked)


def extremes(series: pd.Series, limit: int = 4000) -> pd.Series:
    """Keep a line's first, lowest, highest and last point of each stretch, in their order.

    Parameters
    ----------
    series : pandas.Series
        Any length; returned as it is when it has no more than `limit` points.
    limit : int
        The most points kept, at least 4. Peaks and troughs survive, which is what an eye and a
        drawdown need; NaN is kept only where a whole stretch is NaN.

    Examples
    --------
    >>> line = pd.Series(np.sin(np.arange(100_000) / 900))
    >>> thin = extremes(line)
    >>> bool(thin.max() == line.max() and thin.iloc[-1] == line.iloc[-1])
    True
    """
    if limit < 4:
        raise UsageError(f"limit must be at least 4, not {limit}", limit=limit)
    if len(series) <= limit:
        return series
    values = series.to_numpy(np.float64)
    heads = np.linspace(0, len(values), limit // 4 + 1).astype(np.int64)[:-1]
    rows = np.arange(len(values))
    bucket = np.searchsorted(heads, rows, side="right") - 1
    kept = [heads, np.append(heads[1:], len(values)) - 1]
    for reduce, fill in ((np.fmin, np.inf), (np.fmax, -np.inf)):
        best = reduce.reduceat(np.where(np.isnan(values), fill, values), heads)
        hit = np.where(values == best[bucket], rows, len(values))
        first = np.minimum.reduceat(hit, heads)
        kept.append(first[first < len(values)])
    return series.iloc[np.unique(np.concatenate(kept))]
