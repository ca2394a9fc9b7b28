"""How well a parent was executed: its average price against what the market did meanwhile."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from html import escape
from typing import Any

import numpy as np
import pandas as pd

from workbench.core.parent import Parent
from workbench.data.schema import check_bars
from workbench.errors import DataError, UsageError, nearest
from workbench.trading.execution.algorithm import read
from workbench.trading.ledger import Ledger
from workbench.trading.parents import Execution, order_of

__all__ = ["Report", "measure"]

_FILLS = ("time", "quantity", "price", "fee", "order_id")
_PARTS = ("order_id", "slice", "attempt", "time", "quantity", "limit_price", "state", "filled")


@dataclass(frozen=True)
class Report:
    """A parent, its parts and fills, and the market of its window.

    Parameters
    ----------
    execution : Execution
    parts : DataFrame
        One row per part: ``order_id slice attempt time quantity limit_price state filled``.
    fills : DataFrame
        One row per execution: ``time quantity price fee order_id``.
    bars : DataFrame
        Of the window, and one before it where there is one.
    """

    execution: Execution
    parts: pd.DataFrame
    fills: pd.DataFrame
    bars: pd.DataFrame

    @property
    def parent(self) -> Parent:
        """What was to be executed."""
        return self.execution.parent

    @cached_property
    def window(self) -> pd.DataFrame:
        """The bars that open from the start of the parent on and before its end."""
        index = self.bars.index
        return self.bars[(index >= self.parent.start) & (index < self.parent.end)].dropna(
            subset=["close"]
        )

    @cached_property
    def benchmarks(self) -> pd.Series:
        """The prices to compare with; NaN where the bars do not tell one.

        ``arrival`` is the parent's own where it has one, else the last close before its
        start, else the first open. ``vwap`` weighs the typical price of each bar (high, low
        and close) by its volume, ``twap`` is the mean of open, high, low and close, and
        ``close`` the last one of the window.
        """
        window, before = self.window, self.bars[self.bars.index < self.parent.start]
        typical = window[["high", "low", "close"]].mean(axis=1)
        volume = window["volume"].fillna(0.0)
        arrival: Any = np.nan
        if self.parent.arrival is not None:
            arrival = float(self.parent.arrival)
        elif before["close"].notna().any():
            arrival = before["close"].dropna().iloc[-1]
        elif len(window):
            arrival = window["open"].iloc[0]
        found = {
            "arrival": arrival,
            "vwap": (typical * volume).sum() / volume.sum() if volume.sum() > 0 else np.nan,
            "twap": window[["open", "high", "low", "close"]].mean(axis=1).mean(),
            "close": window["close"].iloc[-1] if len(window) else np.nan,
        }
        return pd.Series(found, dtype=np.float64)

    @property
    def average(self) -> float:
        """What a unit was filled at on average, without fees; NaN where nothing was."""
        units = self.fills["quantity"].sum()
        return (
            float((self.fills["quantity"] * self.fills["price"]).sum() / units) if units else np.nan
        )

    @cached_property
    def table(self) -> pd.DataFrame:
        """Per benchmark its price, and the slippage: what was lost against it, without fees.

        Positive is worse than the benchmark: bought above it, or sold below it. In basis
        points of the benchmark, and as money for what was filled.
        """
        prices, sign = self.benchmarks, float(self.parent.side.sign)
        lost = sign * (self.average - prices)
        filled = float(self.fills["quantity"].sum())
        return pd.DataFrame(
            {"price": prices, "slippage_bps": lost / prices * 1e4, "cost": lost * filled}
        ).rename_axis("benchmark")

    @cached_property
    def summary(self) -> pd.Series:
        """What was done, in figures.

        ``participation`` is the share of the window's volume, ``shortfall_bps`` what was lost
        against the arrival price by trading and by not trading, fees included: what was
        filled at its price and what was not at the last close (Perold, 1988).
        """
        wanted, filled = float(self.parent.quantity), float(self.fills["quantity"].sum())
        fees, volume = float(self.fills["fee"].sum()), float(self.window["volume"].sum())
        paid = self.average * filled if filled else 0.0
        prices, sign = self.benchmarks, float(self.parent.side.sign)
        rest = (wanted - filled) * (prices["close"] - prices["arrival"]) if wanted > filled else 0.0
        lost = sign * (paid - filled * prices["arrival"] + rest) + fees
        return pd.Series(
            {
                "state": self.execution.state.value,
                "quantity": wanted,
                "filled": filled,
                "fill_rate": filled / wanted,
                "parts": len(self.parts),
                "average_price": self.average,
                "fees": fees,
                "fees_bps": fees / paid * 1e4 if paid else np.nan,
                "participation": filled / volume if volume else np.nan,
                "shortfall_bps": lost / (wanted * prices["arrival"]) * 1e4,
                "first_fill": self.fills["time"].min() if filled else pd.NaT,
                "last_fill": self.fills["time"].max() if filled else pd.NaT,
            }
        )

    @cached_property
    def done(self) -> pd.DataFrame:
        """Units over time: ``target`` where the algorithm has one beforehand, and ``filled``."""
        parent = self.parent
        plan = read(parent.algorithm, parent.settings).plan(parent)
        filled = pd.Series(
            self.fills["quantity"].to_numpy(np.float64), pd.DatetimeIndex(self.fills["time"])
        )
        filled = filled.groupby(level=0).sum().cumsum()
        target = pd.Series(
            [float(units) for _, units in plan],
            pd.DatetimeIndex([at for at, _ in plan]),
            dtype=float,
        )
        ends = pd.DatetimeIndex([parent.start, parent.end])
        index = ends.union(pd.DatetimeIndex(filled.index)).union(pd.DatetimeIndex(target.index))
        frame = pd.DataFrame({"filled": filled.reindex(index).ffill().fillna(0.0)})
        if len(plan):
            frame.insert(0, "target", target.reindex(index).ffill().fillna(0.0))
        return frame.rename_axis("time")

    def plot(self, theme: str = "light") -> Any:
        """Return the parts over the price, and what was done over what should have been."""
        from workbench.plots.execution import figure

        return figure(
            self.window["close"], self.fills, self.done, self.benchmarks[["arrival", "vwap"]],
            is_buy=self.parent.side.sign > 0, theme=theme, title=str(self),
        )  # fmt: skip

    def __str__(self) -> str:
        parent, summary = self.parent, self.summary
        return (
            f"{parent.algorithm} {parent.side} {summary['quantity']:,.10g} {parent.symbol}: "
            f"{summary['fill_rate']:.0%} filled at {summary['average_price']:,.4f}, "
            f"{self.table['slippage_bps']['vwap']:+.1f} bps to VWAP"
        )

    def _repr_html_(self) -> str:
        table = self.table.to_html(float_format=lambda value: f"{value:,.4g}", border=0)
        figures = self.summary.to_frame("").to_html(header=False, border=0)
        return f"<div><b>{escape(str(self))}</b>{table}{figures}</div>"


def measure(ledger: Ledger, algo_id: str, bars: pd.DataFrame) -> Report:
    """Measure a parent of a book by bars of its symbol.

    Parameters
    ----------
    ledger : Ledger
    algo_id : str
    bars : DataFrame
        Of one symbol, over the parent's window at least.

    Raises
    ------
    UsageError
        There is no such parent.
    DataError
        No bar lies in its window.
    """
    if algo_id not in ledger.executions:
        raise UsageError(f"no parent {algo_id!r}{nearest(algo_id, ledger.executions)}")
    execution = ledger.executions[algo_id]
    bars = check_bars(bars)
    parent = execution.parent
    if not ((bars.index >= parent.start) & (bars.index < parent.end)).any():
        raise DataError(f"no bar lies in the window of {algo_id}", symbol=parent.symbol)
    orders = {name: order_of(ledger, name) for name in execution.children}
    parts = []
    for name, order in orders.items():
        intent = ledger.intents[name].intent
        part = intent.slice
        if part is not None and intent.quantity is not None:
            told = ("refused", 0.0) if order is None else (order.state.value, float(order.filled))
            limit = np.nan if intent.limit_price is None else float(intent.limit_price)
            parts.append(
                (name, part.number, part.attempt, intent.decided_at, float(intent.quantity), limit,
                 *told)
            )  # fmt: skip
    return Report(
        execution, _frame(parts, _PARTS), _frame(_executions(ledger, set(orders)), _FILLS), bars
    )


def _executions(ledger: Ledger, names: set[str]) -> list[tuple[Any, ...]]:
    found = []
    for fill in ledger.fills.values():
        if fill.order_id in names:
            sign = 1.0 if fill.reverses is None else -1.0
            found.append((
                fill.time, sign * float(fill.quantity), float(fill.price), float(fill.fee),
                fill.order_id,
            ))  # fmt: skip
    return found


def _frame(rows: Sequence[tuple[Any, ...]], columns: tuple[str, ...]) -> pd.DataFrame:
    frame = pd.DataFrame.from_records(list(rows), columns=list(columns))
    return frame.assign(time=pd.to_datetime(frame["time"], utc=True))
