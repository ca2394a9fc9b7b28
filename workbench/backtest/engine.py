"""The vectorised runner: bars and a strategy in, a result out."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from workbench.backtest import stats
from workbench.backtest.entries import Limit
from workbench.backtest.events import events_of
from workbench.backtest.result import Result
from workbench.backtest.sizing import Sizing
from workbench.backtest.stops import Stops
from workbench.backtest.tape import TapeRun
from workbench.costs.checks import number
from workbench.costs.costs import Costs
from workbench.costs.encode import encode
from workbench.data import schema
from workbench.data.known import bars_per_year, has_known
from workbench.data.period_ends import period_ends
from workbench.errors import DataError, UsageError, nearest
from workbench.kernels.codes import EntryCode, Floats, Market, Terms
from workbench.kernels.simulate import Simulated, simulate
from workbench.kernels.trips import Carried
from workbench.strategy.evaluate import evaluate
from workbench.strategy.sleeves import spread

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from workbench.strategy.base import Strategy

__all__ = ["Simulation", "backtest", "prepare", "terms_of"]

_FILLS = ("next_open", "close")


def backtest(  # noqa: PLR0913 - the public face: seven choices with a default each
    strategy: Strategy,
    bars: pd.DataFrame,
    *,
    cash: float = 100_000,
    costs: Costs | None = None,
    sizing: Sizing | None = None,
    stops: Stops | None = None,
    fill: str | Limit = "next_open",
    calendar: str | None = None,
    record: bool = True,
) -> Result:
    """Run a strategy over bars.

    What is decided at the close of a bar is filled at the open of the next one; the whole
    table of rules is docs/fills.md.

    Parameters
    ----------
    strategy : Strategy
        An object, such as ``wb.strategies.SmaCross(fast=10)``.
    bars : DataFrame
        One or several symbols, see ``wb.bars``; NaN is a missing bar, which fills nothing.
    cash : float
        To begin with.
    costs : wb.Costs, optional
        Fees, slippage, participation; none by default.
    sizing : wb.Sizing, optional
        Lot, cash buffer, rebalancing, leverage.
    stops : wb.Stops, optional
        Loss, profit and trailing stops; none by default.
    fill : {"next_open", "close"} or wb.Limit
        ``"close"`` fills at the close that was decided on, and the findings say so; with
        ``wb.Limit(0.01)`` entries rest at a limit.
    calendar : str, optional
        ``"XNYS"``, ``"24/7"``…, for the periods per year; that of the bars by default.
    record : bool
        Whether the run counts as a trial in the workspace's ledger.

    Returns
    -------
    Result
        Statistics, equity, orders, fills, round trips, plots.

    Raises
    ------
    UsageError
        A setting out of its range, a strategy's class in the place of an object, targets
        that do not fit the bars or are all NaN.
    DataError
        Bars that break the contract, or fewer than two.

    Examples
    --------
    >>> import workbench as wb
    >>> bars = wb.bars("AAPL", start="2010", end="2012")
    >>> result = wb.backtest(wb.strategies.SmaCross(fast=10, slow=50), bars, record=False)
    >>> int(result.stats["bars"]) == len(bars)
    True
    """
    if isinstance(strategy, type):
        raise UsageError(
            f"{strategy.__name__} is a class: give an object, {strategy.__name__}()",
            strategy=strategy.__name__,
        )
    simulation = prepare(
        spread(strategy, bars),
        cash=cash, costs=costs, sizing=sizing, stops=stops, fill=fill, calendar=calendar,
    )  # fmt: skip
    result = simulation.result(strategy, evaluate(strategy, simulation.bars))
    if record:
        result.count()
    return result


def prepare(
    bars: pd.DataFrame,
    *,
    cash: float = 100_000,
    costs: Costs | None = None,
    sizing: Sizing | None = None,
    stops: Stops | None = None,
    fill: str | Limit = "next_open",
    calendar: str | None = None,
) -> Simulation:
    """Check bars and choices once, for any number of runs; parameters as in `backtest`.

    Examples
    --------
    >>> import workbench as wb
    >>> simulation = prepare(wb.bars("AAPL", start="2011", end="2012"))
    >>> hold = np.ones((len(simulation.bars), 1))
    >>> simulation.stats(hold)["round_trips"]
    0.0
    """
    if not number(cash, "cash") > 0:
        raise UsageError(f"cash must be positive, not {cash!r}", cash=cash)
    terms = terms_of(costs, sizing, stops, fill)
    checked = schema.check_bars(bars)
    if len(checked) < 2:
        raise DataError(
            f"a backtest needs at least two bars, one to decide and one to fill; there "
            f"{'is one' if len(checked) else 'are none'}",
            bars=len(checked),
        )
    info = schema.describe(checked)
    where = calendar or info.calendar
    inferred = tuple(
        text for text in info.inferred if not (calendar and text.startswith("calendar"))
    )
    inferred += tuple(checked.attrs.get("caveats", ()))
    inferred += tuple(f"bars were repaired: {t}" for t in checked.attrs.get("repairs", ()))
    choices: dict[str, Any] = {
        "fill": fill if isinstance(fill, str) else repr(fill),
        "sizing": repr(sizing or Sizing()),
        "costs": repr(costs or Costs()),
        "stops": repr(stops or Stops()),
        "cash": float(cash),
        "calendar": where,
        "timeframe": info.timeframe,
        "periods_per_year": bars_per_year(checked, info.timeframe, where),
        "risk_free": 0.0,
    }
    if has_known(checked):
        inferred += (
            f"bars have no fixed length: a year has {choices['periods_per_year']:,.0f} as these do",
        )
    is_timed = costs is not None and not costs.financing.is_free
    events = events_of(checked, info.symbols, info.timeframe, where, is_timed=is_timed)
    fields = (_array(checked, name, len(info.symbols)) for name in schema.FIELDS)
    market = Market(*fields)._replace(events=events)
    every = (sizing or Sizing()).every
    return Simulation(checked, market, info.symbols, float(cash), terms, choices, inferred, every)


def terms_of(
    costs: Costs | None = None,
    sizing: Sizing | None = None,
    stops: Stops | None = None,
    fill: str | Limit = "next_open",
) -> Terms:
    """Return the choices of a run as kernel and simulated venue compute with.

    Raises
    ------
    UsageError
        One of them is of another kind, or there is no such `fill`.

    Examples
    --------
    >>> terms_of(fill="close").at_close
    1.0
    """
    if not isinstance(fill, Limit) and fill not in _FILLS:
        raise UsageError(
            f"fill must be 'next_open', 'close' or a wb.Limit, not {fill!r}"
            f"{nearest(str(fill), _FILLS)}",
            fill=fill,
        )
    for name, value, kind in (("sizing", sizing, Sizing), ("stops", stops, Stops)):
        if value is not None and not isinstance(value, kind):
            raise UsageError(f"{name} must be a wb.{kind.__name__}, not {type(value).__name__}")
    return Terms(
        encode(costs),
        (sizing or Sizing()).code(),
        (stops or Stops()).code(),
        1.0 if fill == "close" else 0.0,
        0.0,
        fill.code() if isinstance(fill, Limit) else EntryCode(),
    )


@dataclass(frozen=True, eq=False)
class Simulation:
    """Bars and choices, ready to run targets; made by `prepare`.

    Parameters
    ----------
    bars : DataFrame
        Checked.
    market : Market
        The same as arrays of shape (T, N).
    symbols : tuple of str
    cash : float
    terms : Terms
    choices : mapping
        What the numbers depend on beside strategy and bars.
    inferred : tuple of str
        What the bars did not tell and was inferred.
    every : {"day", "week", "month"}, optional
        The calendar period at whose end the portfolio is rebalanced.
    """

    bars: pd.DataFrame
    market: Market
    symbols: tuple[str, ...]
    cash: float
    terms: Terms
    choices: Mapping[str, Any]
    inferred: tuple[str, ...] = ()
    every: str | None = None

    @cached_property
    def due(self) -> NDArray[np.bool_] | None:
        """Whether a bar is one to rebalance on, of shape (T,); None where any may be."""
        if self.every is None:
            return None
        index = pd.DatetimeIndex(self.bars.index)
        return period_ends(index, self.every, self.choices["timeframe"], self.choices["calendar"])

    def run(self, targets: Floats) -> Simulated:
        """Run targets through the fill table.

        Parameters
        ----------
        targets : ndarray, shape (T, N)
            Fractions of equity; NaN keeps what is held.

        Raises
        ------
        UsageError
            Another shape, or an infinite target.
        """
        return simulate(self.market, self.taken(targets), self.cash, self.terms)

    def stats(self, targets: Floats) -> dict[str, float]:
        """Return the statistics alone, without `start` and `end`; nothing else is kept."""
        ran = self.run(targets)
        periods = self.choices["periods_per_year"]
        carried = Carried(self.market.events, ran.flows)
        return stats.measure(ran.equity, ran.units, ran.fills, self.cash, periods, carried)

    def silent(self, strategy: Strategy) -> UsageError:
        """Return the error for a strategy whose targets are all NaN."""
        warmup = getattr(strategy, "warmup", 0)
        return UsageError(
            f"{strategy!r} has no opinion on any of the {len(self.bars)} bars; its warm-up is "
            f"{warmup} bars",
            bars=len(self.bars),
            warmup=warmup,
        )

    def result(self, strategy: Strategy, targets: Floats) -> Result:
        """Return the full result of a strategy whose targets are known.

        Raises
        ------
        UsageError
            Another shape, an infinite target, or none at all.
        """
        values = self.shaped(targets)
        if np.isnan(values).all():
            raise self.silent(strategy)
        told = self.taken(values)
        ran = simulate(self.market, told, self.cash, self.terms)
        best = None
        if ran.fills["both"].any():
            upper = self.terms._replace(best_first=1.0)
            best = simulate(self.market, told, self.cash, upper).equity
        return Result(
            TapeRun(
                strategy=strategy,
                bars=self.bars,
                symbols=self.symbols,
                cash=self.cash,
                choices=self.choices,
                ran=ran,
                wanted=values,
                events=self.market.events,
                best=best,
                findings=self.inferred,
            )
        )

    def taken(self, targets: Floats) -> Floats:
        """Return targets as the kernels take them: `shaped`, and only those on bars to trade on.

        On the last bar of a period they are the last ones that were not NaN.
        """
        values = self.shaped(targets)
        if self.due is None:
            return values
        rows = np.where(np.isnan(values), -1, np.arange(len(values))[:, None])
        latest = np.maximum.accumulate(rows, axis=0)
        kept = np.take_along_axis(values, np.maximum(latest, 0), axis=0)
        kept[~self.due] = np.nan
        return np.require(kept, requirements=["C", "W"])

    def shaped(self, targets: Floats) -> Floats:
        """Return targets as an array of the shape of the bars, (T, N).

        Raises
        ------
        UsageError
            Another shape, or an infinite target.
        """
        shape = self.market.close.shape
        values = np.asarray(targets, dtype=np.float64)
        if values.ndim == 1 and shape[1] == 1:
            values = values.reshape(-1, 1)
        if values.shape != shape:
            raise UsageError(
                f"targets have the shape {values.shape}, the bars {shape}: a row per bar and a "
                "column per symbol",
                shape=values.shape,
                wanted=shape,
            )
        if np.isinf(values).any():
            row, column = map(int, np.argwhere(np.isinf(values))[0])
            raise UsageError(
                f"the target of {self.symbols[column]} at {self.bars.index[row]} is infinite",
                row=row,
                symbol=self.symbols[column],
            )
        # Writable as well: to the compiler a read-only array is another type.
        return np.require(values, requirements=["C", "W"])


def _array(bars: pd.DataFrame, field: str, n: int) -> Floats:
    values = bars[field].to_numpy("float64").reshape(len(bars), n)
    # The kernels only read. Pandas hands out its memory as read-only, which to the compiler
    # is another type; a copy would cost more than the checks of the bars.
    if values.flags.c_contiguous and not values.flags.writeable:
        with suppress(ValueError):  # not ours to open, such as a mapped file
            values.flags.writeable = True
    return np.require(values, requirements=["C", "W"])
