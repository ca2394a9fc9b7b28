"""The second opinion: a run computed once more by the slow reference, and compared bar by bar."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd

from workbench.backtest import terms
from workbench.backtest.entries import Limit
from workbench.backtest.reference import Reference
from workbench.backtest.tape import Run
from workbench.data.period_ends import period_ends
from workbench.errors import UsageError
from workbench.kernels.codes import Floats

__all__ = ["BUDGET", "Agreement", "check"]

BUDGET = 100_000
"""Bars times symbols that are computed once more, about two seconds' worth."""

_CLOSE = 1e-9
_FIELDS = ("open", "high", "low", "close", "volume")


@dataclass(frozen=True)
class Agreement:
    """What the reference says to a run.

    Parameters
    ----------
    verdict : {"agrees", "differs", "not checked"}
    bars : int
        How many bars were computed once more, from the first one on.
    of : int
        How many there are.
    fills : int
        How many fills of these bars were compared.
    largest : float
        The largest difference of equity on them, relative to equity.
    first : str
        The label of the first bar that differs.
    reason : str
        What differs there, or why nothing was checked.

    Examples
    --------
    >>> print(Agreement("agrees", 100, 250, 12, 1e-16))
    the reference agrees on the first 100 of 250 bars and their 12 fills (equity to 1e-16)
    """

    verdict: str
    bars: int = 0
    of: int = 0
    fills: int = 0
    largest: float = 0.0
    first: str = ""
    reason: str = ""

    def __str__(self) -> str:
        if self.verdict == "not checked":
            return f"not checked by the reference: {self.reason}"
        if self.verdict == "differs":
            return f"the reference DIFFERS, first at {self.first}: {self.reason}"
        part = "all" if self.bars == self.of else f"the first {self.bars:,} of"
        return (
            f"the reference agrees on {part} {self.of:,} bars and their {self.fills:,} fills "
            f"(equity to {self.largest:.0e})"
        )

    def series(self) -> pd.Series:
        """Return the facts as a Series, to be saved."""
        return pd.Series(asdict(self), dtype=object, name="agreement")

    @classmethod
    def of_series(cls, facts: pd.Series) -> Agreement:
        """Read back what `series` made."""
        return cls(**{str(name): value for name, value in facts.items()})


def check(run: Run, budget: int = BUDGET) -> Agreement:
    """Compute a backtest once more by ``workbench.backtest.reference`` and compare.

    Equity, cash and holdings of each bar and each fill must agree to 1e-9 of equity.

    Parameters
    ----------
    run : Run
        Anything but a backtest is not checked: a replay or a live run has its own reasons to
        differ (risk limits, data, timing), which ``wb.compare`` puts into words.
    budget : int
        At most this many bars times symbols, from the first bar on; at least two bars.
    """
    total = len(run.bars)
    if run.kind != "backtest":
        return Agreement("not checked", of=total, reason=f"of the kind {run.kind!r}, no backtest")
    try:
        choices = terms.read(run.choices)
    except UsageError as error:
        return Agreement("not checked", of=total, reason=error.message)
    count = min(total, max(budget // len(run.symbols), 2))
    second = Reference(
        cash=run.cash,
        costs=choices.costs,
        sizing=choices.sizing,
        stops=choices.stops,
        at_close=choices.fill == "close",
        entry=choices.fill if isinstance(choices.fill, Limit) else None,
    )
    columns = [_field(run.bars, name)[:count].tolist() for name in _FIELDS]
    targets = run.targets.to_numpy("float64")[:count].tolist()
    ends = _ends(run, choices.sizing.every)[:count]
    due = run.carried.events[:count].tolist() or [()] * count
    for *fields, wanted, is_end, events in zip(*columns, targets, ends, due, strict=True):
        second.step(list(zip(*fields, strict=True)), wanted, is_end, events)
    return _compared(run, second, count)


def _compared(run: Run, second: Reference, count: int) -> Agreement:
    worth, purse = run.worth[:count], run.purse[:count]
    equity = np.array(second.equity)
    scale = np.maximum(np.abs(equity), run.cash)
    closes = pd.DataFrame(_field(run.bars, "close")[:count]).ffill().fillna(1.0).to_numpy("float64")
    held = np.abs(run.units[:count] - np.array(second.units)) * closes
    off = {
        "equity": np.abs(worth - equity),
        "cash": np.abs(purse - np.array(second.purse)),
        "holdings": held.max(axis=1),
    }
    fills = run.records[run.records["bar"] < count]
    found = []
    for name, gap in off.items():
        # A NaN on one side is a difference, too.
        rows = np.flatnonzero(~(gap <= _CLOSE * scale))
        if len(rows):
            found.append((int(rows[0]), f"{name} off by {gap[rows[0]]:,.6g}"))
    found += _fills_off(run, fills, second)
    largest = float(np.nanmax(off["equity"] / scale))
    facts: dict[str, Any] = {
        "bars": count, "of": len(run.bars), "fills": len(fills), "largest": largest,
    }  # fmt: skip
    if not found:
        return Agreement("agrees", **facts)
    row = min(bar for bar, _ in found)
    words = "; ".join(text for bar, text in found if bar == row)
    return Agreement("differs", first=str(run.bars.index[row]), reason=words, **facts)


def _fills_off(run: Run, fills: np.ndarray, second: Reference) -> list[tuple[int, str]]:
    """Return the first fill that is not the reference's, with its bar."""
    theirs = second.executions
    for mine, other in zip(fills, theirs, strict=False):
        bar = min(int(mine["bar"]), other.bar)
        of = run.symbols[int(mine["symbol"])]
        places = (int(mine["bar"]), int(mine["symbol"]), int(mine["side"]))
        if places != (other.bar, other.symbol, other.side):
            return [(bar, f"a fill of {of} that the reference has not")]
        for name in ("quantity", "price", "fee"):
            value, wanted = float(mine[name]), float(getattr(other, name))
            if abs(value - wanted) > _CLOSE * max(abs(wanted), 1.0):
                return [(bar, f"{name} of a fill of {of} is {value:.10g}, not {wanted:.10g}")]
    if len(fills) == len(theirs):
        return []
    shared = min(len(fills), len(theirs))
    bar = int(fills[shared]["bar"]) if len(fills) > shared else theirs[shared].bar
    return [(bar, f"{len(fills)} fills, the reference has {len(theirs)}")]


def _ends(run: Run, every: str | None) -> list[bool]:
    index = pd.DatetimeIndex(run.bars.index)
    if every is None:
        return [True] * len(index)
    timeframe, calendar = run.choices["timeframe"], run.choices["calendar"]
    return [bool(end) for end in period_ends(index, every, timeframe, calendar)]


def _field(bars: pd.DataFrame, name: str) -> Floats:
    found: Floats = bars[name].to_numpy("float64").reshape(len(bars), -1)
    return found
