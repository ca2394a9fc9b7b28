"""The digest of a frame of bars."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, cast

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["fingerprint"]


def fingerprint(bars: pd.DataFrame) -> str:
    """Return the SHA-256 of index, column names and values of a frame of numbers.

    Examples
    --------
    >>> import pandas as pd
    >>> frame = pd.DataFrame({"close": [1.0, 2.0]}, index=pd.date_range("2024", periods=2))
    >>> fingerprint(frame) == fingerprint(frame.copy()) != fingerprint(frame * 2)
    True
    """
    digest = hashlib.sha256()
    digest.update(repr([tuple(np.atleast_1d(c)) for c in bars.columns]).encode())
    index = cast("pd.DatetimeIndex", bars.index)
    digest.update(np.ascontiguousarray(index.as_unit("ns").asi8).data)
    digest.update(np.ascontiguousarray(bars.to_numpy(dtype=np.float64)).data)
    return digest.hexdigest()
