"""What strategies are shown of the bars, and which of them are traded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from workbench.kernels.sweep_signals import Rules, latest

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

__all__ = ["Sight"]


@dataclass(frozen=True, eq=False)
class Sight:
    """Bars that strategies are shown, of which the last ones are traded.

    On the first traded bar a strategy that has no opinion of its own has the latest one of
    its history: it is what somebody would hold who had run it all along.

    Parameters
    ----------
    bars : DataFrame
        All that is shown.
    start : int
        The first row that is traded.
    """

    bars: pd.DataFrame
    start: int = 0

    def window(self, targets: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the targets of the traded bars from those of all that are shown, (T, N).

        Examples
        --------
        >>> shown = np.array([[np.nan], [1.0], [np.nan], [np.nan], [0.0]])
        >>> Sight(None, start=3).window(shown).ravel()
        array([1., 0.])
        """
        if self.start == 0:
            return targets
        window = targets[self.start :].copy()
        for j in np.flatnonzero(np.isnan(window[0])):
            known = targets[: self.start, j]
            known = known[~np.isnan(known)]
            window[0, j] = known[-1] if len(known) else np.nan
        return window

    def rules(self, shown: Rules) -> Rules:
        """Return the rules of the traded bars from those of all that are shown."""
        if self.start == 0:
            return shown
        opening = np.zeros(len(shown.rows), np.uint8)
        latest(self.start, shown, opening)
        return shown._replace(
            table=np.ascontiguousarray(shown.table[:, self.start :]),
            first=np.maximum(shown.first - self.start, 0),
            opening=opening,
        )
