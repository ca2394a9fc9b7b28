"""Terms for a venue that no backtest stands beside."""

from __future__ import annotations

import math

from workbench.costs.costs import Costs
from workbench.costs.encode import encode
from workbench.kernels.codes import SizingCode, StopCode, Terms

__all__ = ["plain_terms"]


def plain_terms(costs: Costs | None = None, *, leverage: float = 1.0) -> Terms:
    """Return terms with the given costs and the defaults of a backtest for the rest.

    Parameters
    ----------
    costs : Costs, optional
        None is "free of charge".
    leverage : float
        Most gross exposure as a multiple of equity.

    Examples
    --------
    >>> plain_terms().sizing.leverage
    1.0
    """
    sizing = SizingCode(
        lot=0.0, at_fill=1.0, cash_buffer=0.0, mode=0.0, drift=0.0, leverage=leverage, trims=0.0,
        least=0.0,
    )  # fmt: skip
    return Terms(encode(costs), sizing, StopCode(math.inf, math.inf, math.inf), 0.0, 0.0)
