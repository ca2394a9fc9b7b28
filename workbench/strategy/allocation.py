"""Portfolio construction: weights from an optimiser, as a strategy."""

from __future__ import annotations

import re
from collections import OrderedDict
from importlib import import_module
from typing import Any, ClassVar, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from workbench.errors import UsageError
from workbench.strategy.base import Strategy
from workbench.strategy.parameters import param
from workbench.strategy.periods import firsts

__all__ = ["Allocation"]

# Weights are whole hundredths of a percent, cut: a solver's last digits trade nothing.
_GRAIN = 1e4
_KEPT = 1024
_BARS = {"day": 1, "week": 5, "month": 21, "quarter": 63, "year": 252}
_fits: OrderedDict[tuple[Any, ...], NDArray[np.float64]] = OrderedDict()


class Allocation(Strategy):
    """Hold all symbols at weights that an optimiser finds from their past, by calendar period.

    On the first bar of a period the weights are fitted on the returns of the last `lookback`
    bars, that one included; between, the target is NaN: keep what is held. Methods, long only
    and fully invested:

    - ``"equal"``: one over the number of symbols.
    - ``"inverse_volatility"``: in proportion to one over the deviation of returns.
    - ``"risk_parity"``: equal contributions to variance (Maillard, Roncalli and Teiletche, *The
      Properties of Equally Weighted Risk Contribution Portfolios*, 2010).
    - ``"mean_variance"``: the highest mean return less `risk_aversion` times variance
      (Markowitz, *Portfolio Selection*, 1952).
    - ``"black_litterman"``: the same on expected returns that start from those that equal
      weights imply and take in the `views` (Black and Litterman, *Global Portfolio
      Optimization*, 1992).
    - ``"hrp"``: hierarchical risk parity (López de Prado, *Building Diversified Portfolios
      that Outperform Out of Sample*, 2016).

    The first two are computed here, the others by `skfolio <https://skfolio.org>`_ (extra
    ``portfolio``), which is loaded when one is chosen. A symbol with a missing bar among the
    last `lookback` ones gets 0 until it has them all; a fit takes at least two bars of returns.

    Rebalancing knows its costs in two ways: mean variance and Black-Litterman subtract
    `cost_bps` of what is traded from what is expected, and no method trades as long as half of
    the sum of absolute changes of weights is below `band`.

    Raises
    ------
    UsageError
        skfolio is not installed, limits that no weights meet, or an optimiser that fails.

    Notes
    -----
    The band and the cost start from the weights that were last fitted, not from the drifted
    ones, and with the first fit of the history: with ``band=0`` and ``cost_bps=0``, the
    defaults, the targets after `warmup` do not depend on where the history starts.

    Examples
    --------
    >>> import workbench as wb
    >>> bars = wb.bars(["AAPL", "IBM", "MSFT"], source="sample").iloc[:300]
    >>> held = Allocation(method="inverse_volatility", max_weight=0.5).targets(bars).dropna()
    >>> held.iloc[0].tolist(), f"{held.index[0]:%Y-%m-%d}"
    ([0.2379, 0.407, 0.355], '2001-03-01')
    """

    min_symbols: ClassVar[int] = 2

    method: Literal[
        "equal", "inverse_volatility", "risk_parity", "mean_variance", "black_litterman", "hrp"
    ] = param("hrp", doc="How weights are found.")
    lookback: int = param(252, low=2, high=5_000, doc="Bars of returns to fit on.")
    every: Literal["day", "week", "month", "quarter", "year"] = param(
        "month", doc="When to fit anew: on the first bar of each."
    )
    min_weight: float = param(0.0, low=0, high=1, doc="No weight is below this.")
    max_weight: float = param(1.0, low=0.001, high=1, doc="No weight is above this.")
    gross: float = param(1.0, low=0.01, high=10, doc="What the weights sum to, of equity.")
    risk_aversion: float = param(5.0, low=0, high=1_000, doc="Of the mean-variance methods.")
    views: tuple[str, ...] = param(
        (), doc="Views per bar, as 'AAPL - IBM == 0.0005' or 'AAPL == 0.001'."
    )
    cost_bps: float = param(0.0, low=0, high=1_000, doc="Cost of trading, in basis points.")
    band: float = param(0.0, low=0, high=1, doc="Do not trade for a smaller turnover than this.")

    @property
    def warmup(self) -> int:
        """The bars of the returns and the one before; the longest wait for a period is NaN."""
        return self.lookback + 1

    def targets(self, bars: pd.DataFrame) -> pd.DataFrame:
        """Give fitted weights on the first bar of a period, NaN between."""
        closes = bars["close"]
        values = closes.to_numpy(dtype=np.float64)
        found = np.full(values.shape, np.nan)
        held: NDArray[np.float64] | None = None
        for row in np.flatnonzero(firsts(bars.index, self.every)):
            if row < self.lookback:
                continue
            past = values[row - self.lookback : row + 1]
            weights = self._weights(past[1:] / past[:-1] - 1, [str(s) for s in closes], held)
            if weights is None:
                continue
            if held is not None and np.abs(weights - held).sum() / 2 < self.band:
                continue
            held = weights
            found[row] = weights * self.gross
        return pd.DataFrame(found, index=bars.index, columns=closes.columns)

    def _weights(
        self, returns: NDArray[np.float64], symbols: list[str], held: NDArray[np.float64] | None
    ) -> NDArray[np.float64] | None:
        """Return a weight per symbol, or None where no symbol has all its bars."""
        spread = returns.std(axis=0)
        whole = np.isfinite(spread) & (spread > 0)
        count = int(whole.sum())
        if not count:
            return None
        if self.max_weight * count < 1 - 1e-9 or self.min_weight * count > 1 + 1e-9:
            raise UsageError(
                f"Allocation: {count} weights between {self.min_weight:g} and "
                f"{self.max_weight:g} cannot sum to 1; change min_weight or max_weight",
                symbols=symbols,
            )
        weights = np.zeros(len(symbols))
        before = None if held is None else held[whole]
        names = [name for name, used in zip(symbols, whole, strict=True) if used]
        if count == 1:
            weights[whole] = 1.0
        elif self.method in ("equal", "inverse_volatility"):
            raw = np.ones(count) if self.method == "equal" else 1 / spread[whole]
            weights[whole] = _within(raw / raw.sum(), self.min_weight, self.max_weight)
        else:
            frame = pd.DataFrame(returns[:, whole], columns=names)
            weights[whole] = self._optimised(frame, before)
        return np.floor(weights * _GRAIN + 1e-6) / _GRAIN

    def _optimised(
        self, returns: pd.DataFrame, held: NDArray[np.float64] | None
    ) -> NDArray[np.float64]:
        before = held if self.cost_bps else None
        past = b"" if before is None else before.tobytes()
        key = (self, tuple(returns.columns), returns.to_numpy().tobytes(), past)
        if key in _fits:
            _fits.move_to_end(key)
            return _fits[key]
        model = self._model(list(returns.columns), before)
        try:
            with import_module("threadpoolctl").threadpool_limits(limits=1):
                weights = np.asarray(model.fit(returns).weights_, dtype=np.float64)
        except (ValueError, ArithmeticError, RuntimeError) as error:
            raise UsageError(
                f"Allocation: {self.method} found no weights on {len(returns)} returns of "
                f"{', '.join(returns.columns)}: {error}",
                method=self.method,
            ) from error
        _fits[key] = _within(weights, self.min_weight, self.max_weight)
        if len(_fits) > _KEPT:
            _fits.popitem(last=False)
        return _fits[key]

    def _model(self, symbols: list[str], held: NDArray[np.float64] | None) -> Any:
        made = _skfolio()
        limits = {"min_weights": self.min_weight, "max_weights": self.max_weight}
        if self.method == "hrp":
            return made.HierarchicalRiskParity(**limits)
        if self.method == "risk_parity":
            return made.RiskBudgeting(**limits)
        return made.MeanRisk(
            objective_function=made.ObjectiveFunction.MAXIMIZE_UTILITY,
            risk_aversion=self.risk_aversion,
            prior_estimator=self._prior(symbols) if self.method == "black_litterman" else None,
            transaction_costs=self.cost_bps / 1e4 / _BARS[self.every],
            previous_weights=held,
            **limits,
        )

    def _prior(self, symbols: list[str]) -> Any:
        """Return what is expected: what equal weights imply, and the views."""
        priors = import_module("skfolio.prior")
        # a view on a symbol that has no past yet waits for it
        views = [view for view in self.views if _speaks_of(view) <= set(symbols)]
        if views:
            return priors.BlackLitterman(views=views)
        moments = import_module("skfolio.moments")
        return priors.EmpiricalPrior(mu_estimator=moments.EquilibriumMu())


def _speaks_of(view: str) -> set[str]:
    return set(re.findall(r"(?<![\w.])[A-Za-z_][\w.\-]*", view))


def _within(weights: NDArray[np.float64], low: float, high: float) -> NDArray[np.float64]:
    """Return the nearest weights in [low, high] that sum to 1: all moved alike, then cut.

    The projection onto the simplex with bounds, by bisection on the shift (Held, Wolfe and
    Crowder, *Validation of Subgradient Optimization*, 1974).

    Examples
    --------
    >>> _within(np.array([0.7, 0.2, 0.1]), 0.0, 0.5).round(6).tolist()
    [0.5, 0.3, 0.2]
    """
    below, above = -1.0 - high, 1.0 + high
    for _ in range(80):
        shift = (below + above) / 2
        if np.clip(weights + shift, low, high).sum() < 1:
            below = shift
        else:
            above = shift
    return np.clip(weights + above, low, high)


def _skfolio() -> Any:
    try:
        return import_module("skfolio.optimization")
    except ImportError as error:
        raise UsageError(
            "this method of Allocation needs skfolio, which is not installed: "
            "pip install 'trading-workbench[portfolio]'",
            extra="portfolio",
        ) from error
