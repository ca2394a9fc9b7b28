"""Bars with the instant at which each was stored, and what happens when one comes again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from workbench.data.calendar import utc_index

__all__ = ["Versions", "known_at", "merge", "stack"]

Longs = npt.NDArray[np.int64]
FOREVER = np.iinfo(np.int64).max


@dataclass(frozen=True, slots=True)
class Versions:
    """Bars, since when each is known here, and until when it was.

    Parameters
    ----------
    bars : DataFrame
    stored : ndarray of int64
        Microseconds since 1970.
    replaced : ndarray of int64, optional
        The same; of bars that another version took the place of.
    """

    bars: pd.DataFrame
    stored: Longs
    replaced: Longs | None = None

    def __len__(self) -> int:
        return len(self.bars)

    @property
    def times(self) -> Longs:
        """The times of the bars, nanoseconds since 1970."""
        return np.asarray(pd.DatetimeIndex(self.bars.index).asi8)

    @property
    def is_last(self) -> npt.NDArray[np.bool_]:
        """Which of several of one time is the last."""
        times = self.times
        return np.append(times[1:] != times[:-1], True)[: len(times)]

    @property
    def ends(self) -> Longs:
        """Until when each was known; far away for those that still are."""
        return np.full(len(self), FOREVER) if self.replaced is None else self.replaced

    def where(self, mask: npt.NDArray[np.bool_]) -> Versions:
        """Return those that a mask names."""
        ends = None if self.replaced is None else self.replaced[mask]
        return Versions(self.bars[mask], self.stored[mask], ends)

    @classmethod
    def of(cls, bars: pd.DataFrame, stored: int) -> Versions:
        """Return bars that are all stored at one instant; their index is made anew in ns."""
        index = utc_index(pd.DatetimeIndex(bars.index).as_unit("ns").asi8)
        return cls(bars.set_axis(index, axis=0), np.full(len(bars), stored, dtype=np.int64))

    @classmethod
    def none(cls) -> Versions:
        """Return no bars at all."""
        index = utc_index(np.empty(0, dtype=np.int64))
        return cls(pd.DataFrame(index=index), np.empty(0, dtype=np.int64))


def merge(current: Versions, fresh: Versions) -> tuple[Versions, Versions]:
    """Return the bars as they stand when `fresh` has come, and those that no longer stand.

    Of two bars of one time the one stored later stands, and the other is superseded unless
    they are equal. A column that `fresh` lacks says nothing, and stays as it was.
    """
    if not len(fresh):
        return current, _superseded(current.where(np.zeros(len(current), bool)))
    if not len(current):
        return fresh, _superseded(fresh.where(np.zeros(len(fresh), bool)))
    at = current.bars.index.get_indexer(fresh.bars.index)
    met = at >= 0
    changed = np.zeros(len(fresh), dtype=bool)
    changed[met] = _differ(current.bars.iloc[at[met]], fresh.bars[met])
    is_newer = np.zeros(len(fresh), dtype=bool)
    is_newer[met] = fresh.stored[met] >= current.stored[at[met]]
    ousted, late = changed & is_newer, changed & ~is_newer
    place = at[ousted]
    gone = stack(
        [
            Versions(current.bars.iloc[place], current.stored[place], fresh.stored[ousted]),
            Versions(fresh.bars[late], fresh.stored[late], current.stored[at[late]]),
        ]
    )
    if not ousted.any() and met.all():
        return current, gone
    restated = fresh.bars[ousted]
    absent = [name for name in current.bars.columns if name not in restated.columns]
    if absent:
        restated = restated.join(current.bars.iloc[place][absent])
    stays = np.ones(len(current), dtype=bool)
    stays[place] = False
    merged = stack(
        [
            current.where(stays),
            Versions(restated, fresh.stored[ousted]),
            fresh.where(~met),
        ]
    )
    return merged, gone


def stack(parts: Sequence[Versions]) -> Versions:
    """Return all of them in the order of their times; of several of one time the later stored."""
    some = [part for part in parts if len(part)]
    if len(some) <= 1:
        return some[0] if some else parts[0]
    frames = []
    for part in some:
        frame = part.bars.copy(deep=False)
        frame.attrs = {}
        frames.append(frame)
    bars = pd.concat(frames)
    stored = np.concatenate([part.stored for part in some])
    ends = np.concatenate([part.ends for part in some])
    order = np.lexsort((stored, pd.DatetimeIndex(bars.index).asi8))
    if (np.diff(order) == 1).all():
        ordered = bars
    else:
        ordered, stored, ends = bars.iloc[order], stored[order], ends[order]
    is_open = all(part.replaced is None for part in some)
    index = utc_index(
        pd.DatetimeIndex(ordered.index).asi8
    )  # made anew, without a name or freq of its own
    return Versions(ordered.set_axis(index, axis=0), stored, None if is_open else ends)


def known_at(versions: Versions, instant: int) -> pd.DataFrame:
    """Return the bars as they were known at an instant, microseconds since 1970."""
    then = versions.where((versions.stored <= instant) & (instant < versions.ends))
    return then.bars[then.is_last]


def _superseded(versions: Versions) -> Versions:
    return Versions(versions.bars, versions.stored, versions.ends)


def _differ(ours: pd.DataFrame, theirs: pd.DataFrame) -> npt.NDArray[np.bool_]:
    changed = np.zeros(len(ours), dtype=bool)
    for name in theirs.columns:
        new = theirs[name]
        if name not in ours.columns:
            changed |= new.notna().to_numpy()
            continue
        old = ours[name]
        both_missing = old.isna().to_numpy() & new.isna().to_numpy()
        changed |= np.asarray(old.to_numpy() != new.to_numpy()) & ~both_missing
    return changed
