"""Whose a netted position is: the rule of docs/fills.md, 6c, folded over a run."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from workbench.backtest import terms
from workbench.backtest.frames import LEGS
from workbench.backtest.parts import Part, marks
from workbench.backtest.tape import Run
from workbench.data.period_ends import period_ends
from workbench.kernels.book import FILL
from workbench.kernels.carry import KINDS
from workbench.kernels.codes import DIVIDEND, FUNDING, SPLIT, Floats
from workbench.strategy.sleeves import Sleeves, in_force

__all__ = ["netted", "split_units"]


class _Event(NamedTuple):
    """A fill of the account, or the instant of a change that needed none (`place` -1)."""

    bar: int
    place: int
    price: float
    decided: int


def split_units(total: float, each: float, weights: Floats, held: Floats) -> Floats:
    """Divide the units of a symbol among strategies.

    Each gets ``weight × each``, and of what the account has more or less than that, a part in
    proportion to the size of its weight; where no one wants any, of what it held before.

    Parameters
    ----------
    total : float
        Units of the account.
    each : float
        Units that a weight of 1 stands for.
    weights, held : ndarray, shape (strategies,)

    Examples
    --------
    >>> split_units(9.0, 50.0, np.array([0.4, -0.2]), np.zeros(2)).round(9).tolist()
    [19.333333333, -10.333333333]
    """
    sizes = np.abs(weights)
    if not sizes.any():
        sizes = np.abs(held)
    if not sizes.any():
        sizes = np.ones(len(weights))
    found: Floats = weights * each + (total - weights.sum() * each) * (sizes / sizes.sum())
    return found


def netted(run: Run, strategy: Sleeves) -> list[Part]:
    """Return what belongs to each strategy of a run that traded the sum of their targets."""
    ledger = _Ledger(run, strategy)
    for symbol in range(len(run.symbols)):
        ledger.fold(symbol)
    return ledger.parts()


@dataclass
class _Ledger:
    """Divides the fills of a run, one symbol after the other."""

    run: Run
    strategy: Sleeves
    rows: list[tuple[int, tuple[Any, ...], str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        bars, choices = self.run.bars, terms.read(self.run.choices)
        index = pd.DatetimeIndex(bars.index)
        shape = (len(bars), len(self.run.symbols))
        self.weights = in_force(self.strategy.wanted(bars))
        if choices.sizing.every is not None:
            frame, calendar = self.run.choices["timeframe"], self.run.choices["calendar"]
            due = period_ends(index, choices.sizing.every, frame, calendar)
            self.weights = in_force(np.where(due[:, None], self.weights, np.nan))
        self.at_close = choices.fill == "close"
        self.opens = bars["open"].to_numpy("float64").reshape(shape)
        self.closes = bars["close"].to_numpy("float64").reshape(shape)
        self.events, self.booked = self.run.carried
        self.marks = marks(self.closes, self.events)
        self.units = np.zeros((len(self.strategy.strategies), *shape))
        self.flows = np.zeros(self.units.shape if len(self.booked) else (len(self.units), 0, 0))
        orders = self.run.orders
        decided = index.get_indexer(pd.DatetimeIndex(orders["time"])).tolist()
        self.decided = dict(zip(orders["order_id"], decided, strict=True))
        self.order_ids = self.run.fills["order_id"].tolist()

    def fold(self, symbol: int) -> None:
        """Go through a symbol's fills and write down what each strategy has of them."""
        fills = self.run.records
        held: Floats = np.zeros(len(self.units))
        total, row = 0.0, 0
        events = self._happened(symbol)
        for event, following in zip(events, [*events[1:], None], strict=True):
            held, total = self._advance(symbol, row, event.bar, held, total)
            row = event.bar
            if event.place >= 0:
                fill = fills[event.place]
                total += fill["side"] * fill["quantity"]
                if following is None or following.bar > row:  # noise of what is left is no holding
                    total = float(self.run.units[row, symbol])
            weights: Floats = np.zeros(len(held))
            each = 0.0
            if event.decided >= 0:
                weights = self.weights[:, event.decided, symbol]
                each = float(self.run.worth[event.decided]) / event.price
            wanted = split_units(total, each, weights, held)
            held = self._moved(event, symbol, held, wanted)
            self.units[:, row, symbol] = held
        self._advance(symbol, row, len(self.opens) - 1, held, total)

    def parts(self) -> list[Part]:
        """Return what each strategy has."""
        if len(self.booked):
            self._share_flows()
        self.rows.sort(key=lambda row: self._turn(row[1][0], row[1][7]))
        records = np.array([values for _, values, _ in self.rows], FILL)
        records["order"] = np.arange(len(records))
        names = np.array([name for _, _, name in self.rows], dtype=object)
        owners = np.array([who for who, _, _ in self.rows], dtype=np.int64)
        found = []
        for place in range(len(self.units)):
            mine = owners == place
            units = np.ascontiguousarray(self.units[place])
            found.append(Part(units, records[mine], names[mine], self.events, self.flows[place]))
        return found

    def _happened(self, symbol: int) -> list[_Event]:
        """Return the fills of a symbol and the changes without an order, oldest first."""
        fills = self.run.records
        found = []
        for place in np.flatnonzero(fills["symbol"] == symbol).tolist():
            name = self.order_ids[place]
            decided = -1 if name.endswith(LEGS) else self.decided[name]
            fill = fills[place]
            found.append(_Event(int(fill["bar"]), place, float(fill["price"]), decided))
        found += self._crossed(symbol)
        return sorted(found, key=lambda event: self._turn(event.bar, event.place))

    def _turn(self, bar: int, place: int) -> tuple[int, int]:
        """Return what sorts: a change without an order goes before the fills of an open."""
        last = len(self.order_ids)
        return bar, last if place < 0 and self.at_close else place

    def _crossed(self, symbol: int) -> Iterator[_Event]:
        """Yield the changes of weights that were netted away: no order was made for them."""
        orders = self.run.orders
        mine = orders[orders["symbol"] == self.run.symbols[symbol]]["order_id"]
        ordered = {self.decided[name] for name in mine if not name.endswith(LEGS)}
        weights = self.weights[:, :, symbol]
        before = np.concatenate([np.zeros((len(weights), 1)), weights[:, :-1]], axis=1)
        prices = (self.closes if self.at_close else self.opens)[:, symbol]
        priced = np.flatnonzero(~np.isnan(prices))
        for row in np.flatnonzero((weights != before).any(axis=0)).tolist():
            first = np.searchsorted(priced, row if self.at_close else row + 1)
            if row not in ordered and first < len(priced):
                bar = int(priced[first])
                yield _Event(bar, -1, float(prices[bar]), row)

    def _advance(
        self, symbol: int, row: int, bar: int, held: Floats, total: float
    ) -> tuple[Floats, float]:
        """Take what is held from the close of `row` into `bar`, through splits."""
        if not len(self.events):
            self.units[:, row + 1 : bar + 1, symbol] = held[:, None]
            return held, total
        for between in range(row + 1, bar + 1):
            ratio = self.events[between, symbol, SPLIT]
            held, total = held * ratio, total * ratio
            self.units[:, between, symbol] = held
        return held, total

    def _moved(self, event: _Event, symbol: int, held: Floats, wanted: Floats) -> Floats:
        """Write down what goes to and from each strategy; return what each then holds."""
        sizes = np.abs(wanted - held)
        # A billionth is noise, but what ends a holding ends it.
        sizes[(sizes <= 1e-9 * np.abs(wanted).sum()) & (wanted != 0.0)] = 0.0
        if not sizes.any():
            return held
        parts, place = sizes / sizes.sum(), event.place
        fill = self.run.records[place] if place >= 0 else None
        fee, slippage, both, name = 0.0, 0.0, 0, ""
        if fill is not None:
            fee, slippage, both = float(fill["fee"]), float(fill["slippage"]), int(fill["both"])
            name = self.order_ids[place]
        sides = np.where(wanted > held, 1.0, -1.0)
        for who in np.flatnonzero(sizes).tolist():
            values = (
                event.bar, symbol, sides[who], sizes[who], event.price, fee * parts[who],
                slippage * parts[who], place, both,
            )  # fmt: skip
            self.rows.append((who, values, name))
        after: Floats = held + sides * sizes
        return after

    def _share_flows(self) -> None:
        """Divide what holdings received: by units, and the fee for what is short by those short."""
        ratios = self.events[:, :, SPLIT]
        before = np.concatenate([np.zeros((1, ratios.shape[1])), self.marks[:-1]]) / ratios
        prices = np.where(np.isnan(self.opens), before, self.opens)
        held = np.zeros_like(self.units)
        held[:, 1:] = self.units[:, :-1]
        held *= ratios
        due = held * (self.events[:, :, DIVIDEND] - prices * self.events[:, :, FUNDING])
        rest = self.booked[:, len(KINDS) :] - due.sum(axis=0)
        short = np.minimum(held, 0.0)
        total = short.sum(axis=0)
        parts = np.divide(short, total, out=np.zeros_like(short), where=total != 0.0)
        self.flows = due + rest * parts
