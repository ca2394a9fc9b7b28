"""Costs as the kernels read them."""

from __future__ import annotations

import math

import numpy as np

from workbench.costs import fees, slippage
from workbench.costs.costs import Costs
from workbench.errors import UsageError
from workbench.kernels.codes import CostCode

__all__ = ["encode"]


def encode(costs: Costs | None = None) -> CostCode:
    """Return costs as the named tuple that kernel and simulated venue compute with.

    Parameters
    ----------
    costs : Costs, optional
        None is "free of charge".

    Raises
    ------
    UsageError
        Not a `Costs`.

    Examples
    --------
    >>> code = encode(Costs(fee=fees.Bps(10), slippage_bps=5))
    >>> code.slip_rate, code.tiers.tolist()
    (0.0005, [[0.0, 0.001, 0.001]])
    """
    costs = Costs() if costs is None else costs
    if not isinstance(costs, Costs):
        raise UsageError(f"costs must be a wb.Costs, not {type(costs).__name__}")
    per_share, minimum, tiers = _fee(costs.fee)
    slip_rate, slip_fixed, impact = costs.slippage_bps / 1e4, 0.0, 0.0
    match costs.slippage:
        case slippage.Bps(bps):
            slip_rate = bps / 1e4
        case slippage.Fixed(amount):
            slip_fixed = float(amount)
        case slippage.VolumeShare(coefficient):
            impact = float(coefficient)
    cap = math.inf if costs.max_participation is None else float(costs.max_participation)
    expires = 1.0 if costs.remainder == "expire" else 0.0
    rates = costs.financing
    return CostCode(
        per_share, minimum, tiers, slip_rate, slip_fixed, impact, cap, expires,
        borrow=rates.borrow_bps / 1e4, margin=rates.margin_bps / 1e4, credit=rates.cash_bps / 1e4,
        liquidation=rates.liquidation_bps / 1e4,
    )  # fmt: skip


def _fee(fee: fees.Fee) -> tuple[float, float, np.ndarray]:
    per_share = minimum = 0.0
    rows: list[tuple[float, float, float]] = [(0.0, 0.0, 0.0)]
    match fee:
        case fees.Bps(bps):
            rows = [(0.0, bps, bps)]
        case fees.PerShare(per_share, minimum):
            pass
        case fees.MakerTaker(maker, taker):
            rows = [(0.0, maker, taker)]
        case fees.Tiered(steps):
            rows = list(steps)
    tiers = np.array(rows, dtype=np.float64)
    tiers[:, 1:] /= 1e4
    return float(per_share), float(minimum), tiers
