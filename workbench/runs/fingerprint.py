"""The fingerprint of the very numbers a run used, computed once."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from workbench.data import schema

__all__ = ["fingerprint"]

_KEPT = 128
_Check = tuple[object, ...]
_known: dict[_Check, str] = {}


def fingerprint(bars: pd.DataFrame) -> str:
    """Return `workbench.data.schema.fingerprint` of a frame, remembered by its content.

    What ``attrs`` claim is not believed: pandas hands them on to slices and products, which
    are other data. Content seen before is known by 128 bits of checksum per column, at a
    tenth of the time of the digest.

    Parameters
    ----------
    bars : DataFrame
        NaN counts as a value.

    Examples
    --------
    >>> times = pd.date_range("2024-01-02", periods=3, tz="UTC")
    >>> bars = pd.DataFrame({"close": [1.0, 2.0, 3.0]}, index=times)
    >>> before = fingerprint(bars)
    >>> fingerprint(bars) == before == fingerprint(bars.copy())
    True
    >>> bars.iloc[1, 0] = 2.5
    >>> fingerprint(bars) == before
    False
    """
    if not all(dtype.kind == "f" for dtype in bars.dtypes):
        return schema.fingerprint(bars)
    check = _checksums(bars)
    if check not in _known:
        if len(_known) >= _KEPT:
            del _known[next(iter(_known))]
        _known[check] = schema.fingerprint(bars)
    return _known[check]


def _checksums(bars: pd.DataFrame) -> _Check:
    index = pd.DatetimeIndex(bars.index)
    parts: list[object] = [tuple(bars.columns), index.unit]
    numbers = (bars.iloc[:, k].to_numpy("float64") for k in range(bars.shape[1]))
    weights = _weights(1 << max(len(bars) - 1, 1).bit_length())[: len(bars)]
    for column in (index.asi8, *numbers):
        bits = np.ascontiguousarray(column).view(np.int64)
        # The weights tell the order of the rows, which sum and xor alone do not.
        parts += [int(np.bitwise_xor.reduce(bits)), int(np.dot(bits, weights))]
    return tuple(parts)


@lru_cache(maxsize=4)
def _weights(count: int) -> NDArray[np.int64]:
    ends = np.iinfo(np.int64)
    return np.random.default_rng(20_140_731).integers(ends.min, ends.max, count)
