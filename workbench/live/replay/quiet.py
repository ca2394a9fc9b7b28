"""Bars on which nothing can happen: a replay books them together."""

from __future__ import annotations

import math
from bisect import bisect_right
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from workbench.live.decisions.opinions import Opinions
    from workbench.live.replay.replay import Runner

__all__ = ["Quiet"]

_TOGETHER = 256


class Quiet:
    """Finds and books stretches of bars on which a replay does nothing but value what it holds.

    Nothing happens on a bar at whose open nothing is due and at whose close no target asks
    for a change: no order rests, no stop is watched, nothing is carried. Where the targets of
    all bars are known this is looked up, else the strategy is asked bar by bar. There is no
    quiet bar where orders may be sent without a change of target.

    Parameters
    ----------
    runner : Runner
    opinions : Opinions
    """

    def __init__(self, runner: Runner, opinions: Opinions) -> None:
        self._runner, self._opinions = runner, opinions
        self._known = opinions.known
        self._changes: list[int] = _changes(opinions.known).tolist()
        self._asked = -1
        self._nothing: NDArray[np.float64] | None = None
        self._is_whole = not np.isnan(runner.prices[3]).any()
        simulation = runner.simulation
        self._may_be = (
            simulation.terms.sizing.mode == 0.0
            and simulation.due is None
            and not len(simulation.market.events)
        )

    def end(self, row: int) -> int:
        """Return a bar from `row` on before which all are quiet; where it is `row`, it is not."""
        if not self._may_be or not self._runner.venue.is_idle:
            return row
        pilot = self._runner.pilot
        last = [pilot.decider.last(column) for column in pilot.columns]
        return self._asked_for(row, last) if self._known is None else self._seen(row, last)

    def wanted(self, row: int) -> NDArray[np.float64] | None:
        """Write down the targets of a bar, for which the strategy is asked once.

        None where there are none, of no symbol.
        """
        targets: NDArray[np.float64] = self._runner.targets[row]
        if row == self._asked:
            return targets
        self._asked = row
        found, out = self._opinions.at(row), self._runner.barred
        if found is self._nothing:
            return None
        if out is None and not found.flags.writeable and np.isnan(found).all():
            self._nothing = found  # it is given again wherever there is nothing
            return None
        targets[:] = found if out is None else np.where(out[row], 0.0, found)
        return targets

    def _asked_for(self, row: int, last: list[float]) -> int:
        for at in range(row, min(row + _TOGETHER, len(self._runner.targets))):
            targets = self.wanted(at)
            if targets is not None and self._asks(targets, last):
                return at
        return at + 1

    @staticmethod
    def _asks(targets: NDArray[np.float64], last: list[float]) -> bool:
        pairs = zip(targets.tolist(), last, strict=True)
        return any(one != before and not math.isnan(one) for one, before in pairs)

    def _seen(self, row: int, last: list[float]) -> int:
        known, changes = self._known, self._changes
        # between two changes the first bar speaks for all
        at = bisect_right(changes, row)
        while known is not None and row < len(known):
            if self._asks(known[row], last):
                return row
            row = changes[at] if at < len(changes) else len(known)
            at += 1
        return row

    def pass_by(self, row: int, end: int) -> None:
        """Write down what is held from bar `row` to before bar `end`, and take its prices."""
        runner = self._runner
        book, rows = runner.pilot.book, slice(row, end)
        worth: NDArray[np.float64] = np.full(end - row, book.cash)
        marks = {}
        # in the order of FloatBook.equity, so that each sum is the same to the bit
        for place, (symbol, cell) in enumerate(book.cells.items()):
            closes = runner.prices[3, rows, place]
            if not self._is_whole:
                closes = _filled(closes, cell.mark)
            marks[symbol] = float(closes[-1])
            if cell.units != 0.0:
                runner.units[rows, place] = cell.units
                worth += cell.units * closes
        runner.venue.mark(marks)
        runner.pilot.mark(marks)
        runner.equity[rows], runner.cash[rows] = worth, book.cash
        if self._known is not None:
            runner.targets[rows] = self._known[rows]


def _filled(prices: NDArray[np.float64], before: float) -> NDArray[np.float64]:
    """Return prices with NaN taken for the one before."""
    missing = np.isnan(prices)
    if not missing.any():
        return prices
    whole = np.concatenate([[before], prices])
    place = np.where(np.isnan(whole), 0, np.arange(len(whole)))
    filled: NDArray[np.float64] = whole[np.maximum.accumulate(place)][1:]
    return filled


def _changes(targets: NDArray[np.float64] | None) -> NDArray[np.intp]:
    """Return the rows whose targets are not those of the row before."""
    if targets is None:
        return np.empty(0, np.intp)
    now, before = targets[1:], targets[:-1]
    differs = (now != before) & ~(np.isnan(now) & np.isnan(before))
    return np.flatnonzero(differs.any(axis=1)) + 1
