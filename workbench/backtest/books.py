"""The books of each strategy where several share an account; they add up to the account's."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
import pandas as pd

from workbench.backtest import stats as statistics
from workbench.backtest.frames import trips_frame
from workbench.backtest.netting import netted
from workbench.backtest.parts import Part, marks
from workbench.backtest.tape import Run
from workbench.kernels.book import Records
from workbench.kernels.carry import KINDS
from workbench.kernels.codes import Floats
from workbench.kernels.trips import NOTHING, Carried, Trips
from workbench.strategy.sleeves import Sleeves, gather

__all__ = ["Books", "books_of"]

_FIRST = len(KINDS)


class _Figures(NamedTuple):
    stats: dict[str, float]
    trips: Trips


@dataclass(frozen=True, eq=False)
class Books:
    """What each of several strategies on one account did.

    A strategy starts with its share of the cash; its equity is that, and what its own fills and
    holdings brought in since. All frames add up to those of the account.

    Parameters
    ----------
    run : Run
    strategy : Sleeves
    """

    run: Run
    strategy: Sleeves

    @property
    def names(self) -> list[str]:
        """The strategies, in order."""
        return list(self.strategy.strategies)

    @cached_property
    def symbols(self) -> tuple[str, ...]:
        """What is traded, without the name of a strategy before it."""
        if self.strategy.net:
            return self.run.symbols
        count = len(self.run.symbols) // len(self.names)
        return tuple(symbol.partition("/")[2] for symbol in self.run.symbols[:count])

    @cached_property
    def equity(self) -> pd.DataFrame:
        """Cash and holdings at each close, a column per strategy."""
        values = np.array(self._cash)
        for place, part in enumerate(self._parts):
            values[:, place] += (part.units * self._marks).sum(axis=1)
        return self._frame(values)

    @cached_property
    def cash(self) -> pd.DataFrame:
        """Cash at each close; negative is lent by the other strategies."""
        return self._frame(self._cash)

    @cached_property
    def pnl(self) -> pd.DataFrame:
        """What each has earned since the start, in money."""
        return self.equity - self._start

    @cached_property
    def positions(self) -> pd.DataFrame:
        """Units at each close; the columns are strategy and symbol."""
        keys = pd.MultiIndex.from_product([self.names, self.symbols], names=["strategy", "symbol"])
        values = np.concatenate([part.units for part in self._parts], axis=1)
        return pd.DataFrame(values, index=self.run.bars.index, columns=keys)

    @cached_property
    def fills(self) -> pd.DataFrame:
        """Fills, oldest first, with the ``strategy``; netted ones are parts of an order's.

        What went from one to another without an order has no ``order_id``.
        """
        frames = []
        for name, part in zip(self.names, self._parts, strict=True):
            records = part.records
            frames.append(
                pd.DataFrame(
                    {
                        "time": self.run.bars.index[records["bar"]],
                        "strategy": np.full(len(records), name, dtype=object),
                        "symbol": np.array(self.symbols, dtype=object)[records["symbol"]],
                        "side": np.where(records["side"] > 0, "buy", "sell").astype(object),
                        **{key: records[key] for key in ("quantity", "price", "fee", "slippage")},
                        "order_id": part.order_ids,
                    },
                    index=records["order"],
                )
            )
        return pd.concat(frames).sort_index(kind="stable").reset_index(drop=True)

    @cached_property
    def round_trips(self) -> pd.DataFrame:
        """What was closed, from flat to flat, in the order of the exits, with the ``strategy``."""
        index, last = pd.DatetimeIndex(self.run.bars.index), self._marks[-1]
        frames = []
        for name, figures in zip(self.names, self._figures, strict=True):
            frame = trips_frame(figures.trips.closed, index, self.symbols, last)
            frame.insert(0, "strategy", np.full(len(frame), name, dtype=object))
            frames.append(frame)
        return pd.concat(frames).sort_values("exit_time", kind="stable", ignore_index=True)

    @cached_property
    def stats(self) -> pd.DataFrame:
        """The statistics of ``result.stats``, a column per strategy, on its own equity."""
        index = self.run.bars.index
        columns = {
            name: statistics.as_series(figures.stats, index[0], index[-1])
            for name, figures in zip(self.names, self._figures, strict=True)
        }
        return pd.DataFrame(columns)

    def __repr__(self) -> str:
        earned = ", ".join(f"{name} {value:+,.2f}" for name, value in self.pnl.iloc[-1].items())
        return f"<books of {len(self.names)} strategies: {earned}>"

    def _repr_html_(self) -> str:
        html: str = self.stats.to_html()
        return html

    @property
    def _start(self) -> Floats:
        found: Floats = np.array([*self.strategy.shares.values()], dtype=np.float64) * self.run.cash
        return found

    @cached_property
    def _parts(self) -> list[Part]:
        return netted(self.run, self.strategy) if self.strategy.net else _cut(self.run, self.names)

    @cached_property
    def _marks(self) -> Floats:
        events = self._parts[0].events
        bars = gather(self.run.bars)
        closes = bars["close"].to_numpy("float64").reshape(len(bars), -1)
        return marks(closes, events)

    @cached_property
    def _cash(self) -> Floats:
        """Cash by strategy; its own cash earns and pays what the account's does on that bar."""
        moved = np.zeros((len(self.run.bars), len(self.names)))
        for place, part in enumerate(self._parts):
            fills = part.records
            spent = fills["side"] * fills["quantity"] * fills["price"] + fills["fee"]
            np.subtract.at(moved[:, place], fills["bar"], spent)
            if len(part.flows):
                moved[:, place] += part.flows.sum(axis=1)
        flows = self.run.carried.flows
        paid = flows[:, :2].sum(axis=1) if len(flows) else np.zeros(len(moved))
        held = self._start
        if not paid.any():
            summed: Floats = held + moved.cumsum(axis=0)
            return summed
        before = np.concatenate([[self.run.cash], self.run.purse[:-1]])
        rates = np.divide(paid, before, out=np.zeros(len(paid)), where=before != 0.0)
        found = np.empty_like(moved)
        for row, rate in enumerate(rates.tolist()):
            held = held + held * rate + moved[row]
            found[row] = held
        return found

    @cached_property
    def _figures(self) -> list[_Figures]:
        periods = float(self.run.choices["periods_per_year"])
        found = []
        for place, part in enumerate(self._parts):
            carried = NOTHING
            if len(part.flows):
                kinds = np.zeros((len(part.flows), _FIRST))
                carried = Carried(part.events, np.concatenate([kinds, part.flows], axis=1))
            equity = np.ascontiguousarray(self.equity.to_numpy("float64")[:, place])
            start = float(self._start[place])
            told = statistics.figures(equity, part.units, part.records, start, periods, carried)
            found.append(_Figures(*told))
        return found

    def _frame(self, values: Floats) -> pd.DataFrame:
        return pd.DataFrame(values, index=self.run.bars.index, columns=self.names)


def books_of(run: Run) -> Books | None:
    """Return the books of the strategies of a run; None where there is only one."""
    return Books(run, run.strategy) if isinstance(run.strategy, Sleeves) else None


def _cut(run: Run, names: list[str]) -> list[Part]:
    """Return what belongs to each where each has columns of its own."""
    wide = len(run.symbols) // len(names)
    records: Records = run.records
    order_ids = run.fills["order_id"].to_numpy(dtype=object)
    found = []
    for place in range(len(names)):
        columns = slice(place * wide, (place + 1) * wide)
        mine = records["symbol"] // wide == place
        own = records[mine].copy()
        own["symbol"] %= wide
        own["order"] = np.flatnonzero(mine)
        events, flows = run.carried
        if len(flows):
            events = np.ascontiguousarray(events[:, columns])
            flows = flows[:, _FIRST:][:, columns]
        units = np.ascontiguousarray(run.units[:, columns])
        found.append(Part(units, own, order_ids[mine], events, flows))
    return found
