"""Targets of symbols that belong to a universe for a time only."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

__all__ = ["barred", "of_members"]

_MEMBER = "member"


def barred(bars: pd.DataFrame) -> npt.NDArray[np.bool_] | None:
    """Return where symbols may not be held, (rows, symbols); None where bars do not say.

    Examples
    --------
    >>> barred(pd.DataFrame({"close": [1.0, 1.0], "member": [1.0, 0.0]})).ravel()
    array([False,  True])
    """
    if _MEMBER not in bars.columns:
        return None
    if bars.columns.nlevels == 1:
        return (bars[[_MEMBER]] == 0.0).to_numpy()
    keys = pd.MultiIndex.from_product([[_MEMBER], list(bars["close"].columns)])
    return (bars.reindex(columns=keys) == 0.0).to_numpy()


def of_members(targets: npt.NDArray[np.float64], bars: pd.DataFrame) -> npt.NDArray[np.float64]:
    """Return targets that are 0 where the column ``member`` of the bars is.

    Examples
    --------
    >>> bars = pd.DataFrame({"close": [1.0, 1.0, 1.0], "member": [0.0, 1.0, 0.0]})
    >>> of_members(np.array([[0.5], [0.5], [np.nan]]), bars).ravel()
    array([0. , 0.5, 0. ])
    """
    out = barred(bars)
    return targets if out is None else np.where(out, 0.0, targets)
