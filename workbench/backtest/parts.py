"""What one of several strategies has in a run."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from workbench.kernels.book import Records
from workbench.kernels.codes import SPLIT, Floats

__all__ = ["Part", "marks"]


class Part(NamedTuple):
    """What belongs to one strategy.

    Parameters
    ----------
    units : ndarray, shape (T, N)
        Held at the closes.
    records : ndarray of ``workbench.kernels.book.FILL``
        Its fills; ``order`` is their place among those of all strategies.
    order_ids : ndarray of str
    events : ndarray, shape (T, N, 4)
        As ``Market.events``.
    flows : ndarray, shape (T, N)
        What its holdings received; of length 0, as `events`, where nothing ever is.
    """

    units: Floats
    records: Records
    order_ids: NDArray[np.object_]
    events: Floats
    flows: Floats


def marks(closes: Floats, events: Floats) -> Floats:
    """Return the last known closes, divided by the splits since; 0 before the first.

    Examples
    --------
    >>> marks(np.array([[np.nan], [2.0], [np.nan]]), np.empty((0, 0, 0))).ravel().tolist()
    [0.0, 2.0, 2.0]
    """
    ratios = events[:, :, SPLIT].cumprod(axis=0) if len(events) else 1.0
    known = pd.DataFrame(closes * ratios).ffill().fillna(0.0).to_numpy("float64")
    found: Floats = known / ratios
    # Where a close is known it is taken as it is, without a rounding on the way.
    return np.where(np.isnan(closes), found, closes)
