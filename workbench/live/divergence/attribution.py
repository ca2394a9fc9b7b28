"""What each step from a backtest to a live run changes in money, order by order."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal, localcontext
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from workbench.backtest.engine import Simulation, prepare
from workbench.core.money import MONEY, ZERO, decimal
from workbench.data import loader
from workbench.errors import UsageError, WorkbenchError
from workbench.kernels.codes import Floats
from workbench.live.decisions.opinions import opinions_of
from workbench.live.divergence.courses import Booked, Course, Stage
from workbench.live.divergence.journaled import Execution, Happened, Journaled, Key
from workbench.live.divergence.rounds import rounds_of
from workbench.strategy.base import EventStrategy
from workbench.strategy.evaluate import evaluate
from workbench.strategy.sleeves import spread

__all__ = ["FACTS", "PARTS", "Attributed", "added", "attribute"]

PARTS = ("data", "signal", "reject", "missed", "timing", "price", "fee", "size", "unexplained")
FACTS = ["time", "symbol", "leg"]
_GRAIN = Decimal("1e-10")
_INVENTED = ("sim", "replay")


class Attributed(NamedTuple):
    """Two profits, and what lies between them; a `Divergence` says it."""

    planned: Decimal
    earned: Decimal
    table: pd.DataFrame
    rounds: pd.Series
    notes: list[str]


def attribute(run: Journaled, bars: pd.DataFrame | None = None) -> Attributed:
    """Compute all courses of a run, from the backtest on the bars of today to what happened.

    Parameters
    ----------
    run : Journaled
    bars : DataFrame, optional
        Those of today; asked of the run's source otherwise.

    Raises
    ------
    UsageError
        The bars given are not of the run's time.
    DataError
        Bars that break the contract.
    """
    with localcontext(MONEY):
        return _Work(run, bars).found()


def added(values: Iterable[Decimal]) -> Decimal:
    """Add money up.

    Examples
    --------
    >>> added([Decimal("0.1")] * 3)
    Decimal('0.3')
    """
    with localcontext(MONEY):
        return sum(values, ZERO)


class _Work:
    """The courses of one run, from the backtest of today to what happened."""

    def __init__(self, run: Journaled, bars: pd.DataFrame | None) -> None:
        self.run = run
        self.notes = list(run.notes)
        self.today = self._today(bars)
        self.seen = self._prepared(run.bars)

    def found(self) -> Attributed:
        """Compute the courses, and lay one beside the other."""
        run, seen = self.run, self.seen
        marks = _marks(seen)
        today = seen if self.today is run.bars else self._prepared(self.today)
        plan = _planned(run, seen, run.targets)
        happened = _worth(_booked(run.orders), marks)
        worths = [
            _worth(_booked(_planned(run, today, self._computed(today))), _marks(today)),
            _worth(_booked(_planned(run, seen, self._computed(seen))), marks),
            _worth(_booked(plan), marks),
            *(_worth(Course(run, seen, plan, stage).fills(), marks) for stage in Stage),
        ]
        keys = sorted({key for worth in [*worths, happened] for key in worth})
        rows = [self._row(key, [worth.get(key, ZERO) for worth in worths],
                          happened.get(key, ZERO)) for key in keys]  # fmt: skip
        table = pd.DataFrame(rows, columns=[*FACTS, *PARTS, "total"], dtype=object)
        table["time"] = pd.DatetimeIndex([key.time for key in keys], tz="UTC")
        held = (_booked(plan), _booked(run.orders))
        return Attributed(
            planned=added(worths[0].values()),
            earned=added(happened.values()),
            table=table,
            rounds=pd.Series(rounds_of(keys, held), name="round", dtype="int64"),
            notes=self.notes,
        )

    @staticmethod
    def _row(key: Key, worths: list[Decimal], happened: Decimal) -> list[Any]:
        """Return a row of the table: what each step changed for an order."""
        steps = [after - before for before, after in pairwise(worths)]
        data, signal, again, *others = steps
        # computed again, and what the last course still lacks: both are 0 where all is well
        unexplained = again + happened - worths[-1]
        return [key.time, key.column, key.leg, data, signal, *others, unexplained,
                happened - worths[0]]  # fmt: skip

    def _prepared(self, bars: pd.DataFrame) -> Simulation:
        choices = self.run.choices
        return prepare(
            spread(self.run.strategy, bars),
            cash=self.run.cash, costs=choices.costs, sizing=choices.sizing, stops=choices.stops,
            calendar=str(self.run.manifest.conventions["calendar"]),
        )  # fmt: skip

    def _computed(self, simulation: Simulation) -> Floats:
        """Return what the strategy wants on bars, asked now; NaN before the first decision."""
        strategy, bars = self.run.strategy, simulation.bars
        if isinstance(strategy, EventStrategy):
            index = pd.DatetimeIndex(bars.index)
            prices = np.stack(simulation.market[:5])
            asked = opinions_of(
                strategy.replace(), bars, simulation.symbols, index.to_pydatetime().tolist(), prices
            )
            targets = np.stack([asked.at(row) for row in range(len(bars))])
        else:
            targets = np.array(evaluate(strategy, bars))
        first = self.run.bars.index[self.run.first]
        targets[np.asarray(bars.index < first)] = np.nan
        return targets

    def _today(self, bars: pd.DataFrame | None) -> pd.DataFrame:
        seen, data = self.run.bars, self.run.manifest.data
        if bars is None:
            if data.source is None or data.source in _INVENTED:
                self.notes.append(
                    f"bars of {data.source or 'an unknown source'} are not kept anywhere: those "
                    "that were seen stand for those of today"
                )
                return seen
            wanted: Any = data.symbols[0] if len(data.symbols) == 1 else list(data.symbols)
            try:
                bars = loader.bars(
                    wanted, str(data.timeframe), seen.index[0],
                    seen.index[-1] + pd.Timedelta(1, "us"), source=data.source,
                )  # fmt: skip
            except WorkbenchError as error:
                self.notes.append(
                    f"the bars of today cannot be had, those that were seen stand for them: "
                    f"{error.message}"
                )
                return seen
        inside = bars.loc[seen.index[0] : seen.index[-1]]
        if len(inside) < 2:
            raise UsageError(
                f"the bars given have {len(inside)} rows between {seen.index[0]} and "
                f"{seen.index[-1]}, where the run lived"
            )
        inside.attrs = dict(bars.attrs)
        return inside


def _planned(run: Journaled, simulation: Simulation, targets: Floats) -> dict[Key, Happened]:
    """Return what a backtest of targets does, order by order."""
    if np.isnan(targets).all():
        return {}
    strategy: Any = run.strategy  # one on events names its result as any other
    result = simulation.result(strategy, targets)
    rows = {time: row for row, time in enumerate(result.index)}
    fills: dict[str, list[Execution]] = {}
    for fill in result.fills.to_dict("records"):
        numbers = (decimal(float(fill[name]), name) for name in ("quantity", "price", "fee"))
        fills.setdefault(fill["order_id"], []).append(Execution(rows[fill["time"]], *numbers))
    found = {}
    for order in result.orders.to_dict("records"):
        leg = "" if order["type"] == "market" else str(order["order_id"]).rpartition("-")[2]
        quantity = float(order["quantity"])
        found[Key(order["time"], str(order["symbol"]), leg)] = Happened(
            1 if order["side"] == "buy" else -1,
            None if np.isnan(quantity) else decimal(quantity, "quantity"),
            tuple(fills.get(order["order_id"], ())),
        )
    return found


def _booked(orders: Mapping[Key, Happened]) -> list[Booked]:
    return [
        Booked(key, order.side * fill.quantity, fill.price, fill.fee)
        for key, order in orders.items()
        for fill in order.fills
    ]


def _marks(simulation: Simulation) -> dict[str, Decimal]:
    """Return the last close of each column."""
    closes = pd.DataFrame(simulation.market.close).ffill().iloc[-1].tolist()
    return {
        column: decimal(close, "close")
        for column, close in zip(simulation.symbols, closes, strict=True)
        if not np.isnan(close)
    }


def _worth(fills: Iterable[Booked], marks: Mapping[str, Decimal]) -> dict[Key, Decimal]:
    """Return what each order earned by the last close."""
    found: dict[Key, Decimal] = {}
    for key, quantity, price, fee in fills:
        gain = quantity * (marks.get(key.column, price) - price) - fee
        found[key] = found.get(key, ZERO) + gain
    return {key: gain.quantize(_GRAIN) for key, gain in found.items()}
