"""What the fills and round trips of a run say against it, with the numbers and what to do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd

from workbench.backtest.frames import LIQUIDATED
from workbench.backtest.tape import Run
from workbench.kernels.book import Records

__all__ = ["Note", "examine"]

_ONE = 0.5  # of the profit from one round trip
_INSIDE = 0.1  # of profit and loss decided by the path inside bars
_EATEN = 0.5  # of the profit before costs


class Note(NamedTuple):
    """One question asked of a run, and its answer.

    Parameters
    ----------
    check : str
        What was asked, in two words.
    flagged : bool
        Whether the answer is one to worry about.
    figures : str
        The answer, with its numbers.
    advice : str
        What to do about it; empty where there is nothing to do.
    """

    check: str
    flagged: bool
    figures: str
    advice: str = ""

    def __str__(self) -> str:
        return f"{self.figures}; {self.advice}" if self.flagged and self.advice else self.figures


def examine(run: Run, stats: Mapping[str, float], closed: Records) -> list[Note]:
    """Ask of a run what needs no other run.

    Parameters
    ----------
    run : Run
    stats : mapping
        Its statistics.
    closed : ndarray of ``workbench.kernels.trips.TRIP``
        Its closed round trips.
    """
    return [
        _one_trade(run, closed),
        _inside_bars(closed),
        _waited(run),
        _capped(run),
        _eaten(run, stats),
    ]


def _profits(closed: Records) -> np.ndarray:
    traded = closed["side"] * (closed["gained"] - closed["spent"]) - closed["fees"]
    profits: np.ndarray = traded + closed["carried"]
    return profits


def _one_trade(run: Run, closed: Records) -> Note:
    profits = _profits(closed)
    total = float(profits.sum())
    if len(profits) < 5 or total <= 0.0:
        return Note("one trade", False, "fewer than five closed round trips, or no profit of them")
    best = int(profits.argmax())
    part = float(profits[best]) / total
    trip = closed[best]
    times = [f"{run.bars.index[int(trip[name])]:%Y-%m-%d}" for name in ("entry", "exit")]
    return Note(
        "one trade",
        part >= _ONE,
        f"{part:.0%} of the profit of {len(profits)} closed round trips is that of one, "
        f"{run.symbols[int(trip['symbol'])]} from {times[0]} to {times[1]} "
        f"({profits[best]:,.2f} of {total:,.2f})",
        "judge the strategy by what is left without it",
    )


def _inside_bars(closed: Records) -> Note:
    moved = np.abs(_profits(closed))
    whole = float(moved.sum())
    part = float(moved[closed["both"] > 0].sum()) / whole if whole > 0.0 else 0.0
    return Note(
        "path inside bars",
        part >= _INSIDE,
        f"{part:.0%} of all profit and loss is of round trips whose loss and profit stop lay "
        "inside one bar",
        "run it on shorter bars, which tell which of the two came first",
    )


def _waited(run: Run) -> Note:
    """Orders filled later than the next bar: at a price other than the one decided on."""
    if not _can_wait(run):
        return Note("stale fills", False, "every order had a price and no need of a volume")
    orders, fills = run.orders, run.fills
    is_forced = orders["order_id"].astype(str).str.endswith(LIQUIDATED)
    market = orders[(orders["type"] == "market") & ~is_forced]
    if not len(market) or not len(fills):
        return Note("stale fills", False, "no market order was filled")
    index = pd.DatetimeIndex(run.bars.index)
    first = fills.drop_duplicates("order_id").set_index("order_id")["time"]
    filled = market[market["order_id"].isin(first.index)]
    late = index.get_indexer(pd.DatetimeIndex(first.loc[filled["order_id"]]))
    late = late - index.get_indexer(pd.DatetimeIndex(filled["time"]))
    late = late - (0 if run.choices.get("fill") == "close" else 1)
    count = int((late > 0).sum())
    return Note(
        "stale fills",
        count > 0,
        f"{count} of {len(filled)} filled market orders waited for a price or a volume, up to "
        f"{int(late.max(initial=0))} bars beyond the next one",
        "look for missing bars, or leave out what does not trade",
    )


def _can_wait(run: Run) -> bool:
    """Whether an order can have had to wait; orders become frames only where it can."""
    costs = str(run.choices.get("costs"))
    if run.kind != "backtest" or "max_participation=None" not in costs or "VolumeShare" in costs:
        return True
    return bool(np.isnan(run.bars["open"].to_numpy("float64")).any())


def _capped(run: Run) -> Note:
    if not _can_wait(run):
        return Note("capped fills", False, "no fill was held to a bar's volume")
    orders = run.orders
    parts = run.fills["order_id"].value_counts()
    broken = orders["order_id"].map(parts).fillna(0) > 1
    status = orders["status"]
    # an entry at a limit expires for want of a price, or of both
    cut = (status == "partially_filled") | ((status == "expired") & (orders["type"] == "market"))
    count = int((broken | cut).sum())
    return Note(
        "capped fills",
        count > 0,
        f"{count} of {len(orders)} orders were filled in parts, or not in full, for want of volume",
        "use less money or trade what has more volume: wb.stats.capacity tells how much fits",
    )


def _eaten(run: Run, stats: Mapping[str, float]) -> Note:
    net = stats["end_equity"] - run.cash
    paid = stats["fees"] + stats["slippage"]
    gross = net + paid
    if gross <= 0.0 or paid <= 0.0:
        words = "no costs were charged" if paid <= 0.0 else "there is no profit before costs"
        return Note("costs", False, f"{words} (before costs {gross:,.2f}, costs {paid:,.2f})")
    traded = float((run.records["quantity"] * run.records["price"]).sum())
    return Note(
        "costs",
        paid >= _EATEN * gross,
        f"fees and slippage take {paid / gross:.0%} of the profit before costs ({paid:,.2f} of "
        f"{gross:,.2f}, left {net:,.2f}); it pays {gross / traded * 1e4:.1f} bps of what is traded",
        "trade less often, or where it costs less",
    )
