"""Points given up early, by what they did on the first part of the bars.

A pruned point was run on the first third, or the first two thirds, of the bars and looked
worse there than others at the same place. It may have been good later: pruning saves time
and may cost the best point. It has no row in the statistics, for they would be those of
other bars than all other rows. It has been looked at nevertheless, so it is a trial like
any other: the ledger has it, with its Sharpe ratio on the part that was seen.

A point without the statistic on the part, because it has not traded yet, is not judged by
it and goes on.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["PARTS", "PRUNES", "Pruning"]

PRUNES = ("median", "halving")
PARTS = (1 / 3, 2 / 3)
_ENOUGH = 8  # values, before a median says anything


@dataclass
class Pruning:
    """Which points go on after a part of the bars.

    Parameters
    ----------
    how : {"median", "halving"}
        ``"median"`` gives up what is worse than the median of all points that were measured
        on the same part, of this batch and the ones before. ``"halving"`` lets the better half
        of each batch go on (Jamieson and Talwalkar 2016, *Non-stochastic best arm
        identification*).
    more : bool
        Whether more of the objective is better.

    Examples
    --------
    >>> Pruning("halving", more=True).goes_on(0, np.array([0.1, 0.7, np.nan, 0.4, -0.2]))
    array([False,  True,  True,  True, False])
    """

    how: str
    more: bool
    _seen: dict[int, list[float]] = field(default_factory=dict, init=False)

    def goes_on(self, part: int, values: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Tell which points of a batch go on.

        Parameters
        ----------
        part : int
            Which part of the bars was run: 0 is the shortest.
        values : ndarray
            The objective there, NaN where there is none.
        """
        signed = values if self.more else -values
        known = np.isfinite(signed)
        if self.how == "halving":
            kept = ~known
            ranked = np.argsort(-signed[known], kind="stable")
            best = np.flatnonzero(known)[ranked[: -(-len(ranked) // 2)]]
            kept[best] = True
            return kept
        seen = self._seen.setdefault(part, [])
        seen += signed[known].tolist()
        if len(seen) < _ENOUGH:
            return np.ones(len(values), dtype=bool)
        return ~known | (signed >= np.median(seen))
