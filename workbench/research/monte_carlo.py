"""What else could have happened: round trips in another order, days in other blocks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from workbench.errors import DataError, UsageError
from workbench.research.reality_check import stationary_rows

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from workbench.backtest.result import Result

__all__ = ["MonteCarlo", "of_returns", "of_round_trips"]

_LEVELS = (0.05, 0.25, 0.5, 0.75, 0.95)
_CELLS = 2_000_000
_POINTS = 400


@dataclass(frozen=True, eq=False)
class MonteCarlo:
    """Many futures drawn from one past.

    Parameters
    ----------
    cone : DataFrame
        Quantiles of the equity (columns 0.05, 0.25, 0.5, 0.75, 0.95) over time, at most 400
        rows; the index is time, or the number of round trips.
    observed : Series
        What happened, on the same index.
    final : ndarray, shape (samples,)
        Total return of each draw.
    drawdown : ndarray, shape (samples,)
        Deepest drawdown of each, a negative fraction.
    kind : str
        ``"round trips"`` or ``"blocks of bars"``.
    """

    cone: pd.DataFrame
    observed: pd.Series
    final: NDArray[np.float64]
    drawdown: NDArray[np.float64]
    kind: str

    @property
    def loss(self) -> float:
        """The share of draws that end with less than they began with."""
        return float(np.mean(self.final < 0))

    @property
    def table(self) -> pd.DataFrame:
        """Quantiles of total return and deepest drawdown; of drawdowns 0.05 is the worst."""
        frame = pd.DataFrame({"total_return": self.final, "max_drawdown": self.drawdown})
        return frame.quantile(list(_LEVELS)).rename_axis("quantile")

    def explain(self) -> str:
        """Say it in a sentence."""
        low, high = np.quantile(self.final, [0.05, 0.95])
        return (
            f"{len(self.final):,} draws of {self.kind}: total return between {low:.0%} and "
            f"{high:.0%} in nine of ten, a loss in {self.loss:.0%}; one drawdown in twenty is "
            f"deeper than {np.quantile(self.drawdown, 0.05):.0%}"
        )

    def plot(self, **options: Any) -> Any:
        """Return a Bokeh figure: the cone, and what happened.

        Parameters
        ----------
        **options
            Passed to ``workbench.plots.cone.figure``: ``theme``, ``height``.
        """
        from workbench.plots.cone import figure

        return figure(self.cone, self.observed, **options)

    def _repr_html_(self) -> str:
        from html import escape

        table = self.table.to_html(float_format="{:.2%}".format)
        return f"<div><b>{escape(self.explain())}</b>{table}</div>"


def of_returns(
    result: Result, *, samples: int = 1_000, block: float | None = None, seed: int = 0
) -> MonteCarlo:
    """Draw a result's bar returns anew, in blocks.

    The stationary bootstrap (Politis and Romano 1994) keeps what depends on the bars before
    within a block; it tells how much of the path was the order of things.

    Parameters
    ----------
    result : Result
    samples : int
        At least 10.
    block : float, optional
        Mean length in bars; the cube root of the number of bars by default.
    seed : int

    Raises
    ------
    UsageError
        Too few samples or a block out of its range.
    DataError
        An equity that falls to nothing.

    Examples
    --------
    >>> import workbench as wb
    >>> bars = wb.bars("AAPL", start="2008", end="2012", source="sample")
    >>> result = wb.backtest(wb.strategies.SmaCross(), bars, record=False)
    >>> drawn = of_returns(result, samples=200)
    >>> bool(drawn.final.min() < result.stats["total_return"] < drawn.final.max())
    True
    """
    _check(samples)
    steps = _alive(result.returns.to_numpy("float64"))
    length = max(1.0, round(len(steps) ** (1 / 3))) if block is None else float(block)
    if not 1 <= length <= len(steps):
        raise UsageError(f"block must lie between 1 and {len(steps)} bars, not {block!r}")

    def rows(count: int, rng: np.random.Generator) -> NDArray[np.int64]:
        return stationary_rows(len(steps), count, length, rng)

    index = result.returns.index
    return _drawn(steps, rows, (samples, seed, result.cash), index, "blocks of bars")


def of_round_trips(result: Result, *, samples: int = 1_000, seed: int = 0) -> MonteCarlo:
    """Draw a result's closed round trips anew, with replacement.

    Each counts by its profit over the equity before its entry, and they follow one another:
    where several symbols were held at once, that is a simplification.

    Parameters
    ----------
    result : Result
    samples : int
        At least 10.
    seed : int

    Raises
    ------
    UsageError
        Too few samples.
    DataError
        Fewer than two closed round trips, or one that lost everything.
    """
    _check(samples)
    trips = result.round_trips
    if len(trips) < 2:
        raise DataError(
            f"there are {len(trips)} closed round trips: nothing to draw from",
            round_trips=len(trips),
        )
    before = result.equity.shift(1).fillna(result.cash)
    held = before.reindex(pd.DatetimeIndex(trips["entry_time"])).to_numpy("float64")
    steps = _alive(trips["pnl"].to_numpy("float64") / held)

    def rows(count: int, rng: np.random.Generator) -> NDArray[np.int64]:
        return rng.integers(0, len(steps), (count, len(steps)))

    index = pd.RangeIndex(1, len(steps) + 1, name="round trip")
    return _drawn(steps, rows, (samples, seed, result.cash), index, "round trips")


def _check(samples: int) -> None:
    if samples < 10:
        raise UsageError(f"samples must be at least 10, not {samples!r}", samples=samples)


def _alive(steps: NDArray[np.float64]) -> NDArray[np.float64]:
    if not (steps > -1).all():  # NaN is ruin as well
        raise DataError("the equity falls to nothing: there is no other order of that")
    return steps


def _drawn(
    steps: NDArray[np.float64], rows: Any, plan: tuple[int, int, float], index: pd.Index, kind: str
) -> MonteCarlo:
    samples, seed, cash = plan
    rng = np.random.default_rng(seed)
    shown = np.unique(np.linspace(0, len(steps) - 1, _POINTS).astype(int))
    chunk = max(1, _CELLS // len(steps))
    paths, falls = [], []
    for at in range(0, samples, chunk):
        drawn = steps[rows(min(chunk, samples - at), rng)]
        growth = np.cumprod(1 + drawn, axis=1)
        peak = np.maximum(np.maximum.accumulate(growth, axis=1), 1.0)
        falls.append((growth / peak).min(axis=1) - 1)
        paths.append(growth[:, shown])
    kept = np.concatenate(paths)
    quantiles = np.quantile(kept, _LEVELS, axis=0).T * cash
    return MonteCarlo(
        cone=pd.DataFrame(quantiles, index=index[shown], columns=list(_LEVELS)),
        observed=pd.Series(
            np.cumprod(1 + steps)[shown] * cash, index=index[shown], name="observed"
        ),
        final=kept[:, -1] - 1,
        drawdown=np.concatenate(falls),
        kind=kind,
    )
