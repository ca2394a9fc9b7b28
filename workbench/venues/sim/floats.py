"""An account in floats, with the arithmetic of the kernels to the bit.

The simulated venue sizes by it, and the replay's runner decides by one of its own that
it folds from the fills it is told of. Decimal books stand beside both.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from workbench.core.fill import Fill
from workbench.core.posting import Posting, PostingKind
from workbench.kernels.called import average_after, cash_after

__all__ = ["Cell", "FloatBook"]


@dataclass(slots=True)
class Cell:
    """One symbol: signed units, last known price, entry price, best price since entry."""

    units: float = 0.0
    mark: float = math.nan
    average: float = 0.0
    best: float = 0.0
    used: float = 0.0
    due: float = 0.0


@dataclass
class FloatBook:
    """Cash and holdings, added up in the order in which the kernels add.

    Parameters
    ----------
    cash : float
        To begin with.
    cells : dict of str to Cell
        In the order of the columns.

    Examples
    --------
    >>> book = FloatBook.of(["AAPL"], 1000.0)
    >>> is_new = book.trade("AAPL", 1.0, 2.0, 100.0, 0.5)
    >>> book.mark({"AAPL": 110.0})
    >>> book.equity()
    1019.5
    """

    cash: float
    traded: float = 0.0
    cells: dict[str, Cell] = field(default_factory=dict)

    @classmethod
    def of(cls, symbols: Iterable[str], cash: float) -> FloatBook:
        """Return the book before the first bar."""
        return cls(cash, cells={symbol: Cell() for symbol in symbols})

    def cell(self, symbol: str) -> Cell:
        """Return a symbol's place, made where it is new."""
        found = self.cells.get(symbol)
        if found is None:
            found = self.cells[symbol] = Cell()
        return found

    def mark(self, prices: Mapping[str, float]) -> None:
        """Take prices as the last known ones; NaN is left out."""
        for symbol, price in prices.items():
            if not math.isnan(price):
                self.cell(symbol).mark = price

    def equity(self) -> float:
        """Cash and what is held at the last known prices."""
        worth = self.cash
        for cell in self.cells.values():
            if cell.units != 0.0:
                worth += cell.units * cell.mark
        return worth

    def gross_beside(self, symbol: str) -> float:
        """Gross exposure of the other symbols, after what is due of them this bar."""
        gross = 0.0
        for name, cell in self.cells.items():
            if name != symbol and cell.units != 0.0:
                gross += min(abs(cell.units), abs(cell.units + cell.due)) * cell.mark
        return gross

    def trade(self, symbol: str, side: float, quantity: float, price: float, fee: float) -> bool:
        """Book a fill; return whether the position was opened, closed or turned by it."""
        cell = self.cell(symbol)
        self.cash = cash_after(self.cash, side, quantity, price, fee)
        self.traded += quantity * price
        cell.used += quantity
        held = cell.units
        after = held + side * quantity
        cell.average = average_after(held, cell.average, side, quantity, price)
        cell.units = after
        if held * after <= 0.0:
            cell.best = price
            return True
        return False

    def post(self, posting: Posting) -> None:
        """Book an entry that is no fill."""
        self.cash += float(posting.amount)
        if posting.kind is PostingKind.SPLIT:
            cell, ratio = self.cell(posting.symbol), float(posting.ratio)
            cell.units *= ratio
            cell.mark /= ratio
            cell.average /= ratio
            cell.best /= ratio

    def state(self) -> dict[str, Any]:
        """Return cash and holdings as plain JSON values; prices are not part of it."""
        cells = {name: [cell.units, cell.average, cell.best] for name, cell in self.cells.items()}
        return {"cash": self.cash, "traded": self.traded, "cells": cells}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from what `state` told, to the bit."""
        self.cash, self.traded = float(state["cash"]), float(state["traded"])
        for name, (units, average, best) in state["cells"].items():
            cell = self.cell(name)
            cell.units, cell.average, cell.best = float(units), float(average), float(best)

    def apply(self, fill: Fill) -> None:
        """Book a fill as the venue told of it: its Decimals are the venue's floats exactly.

        A fee in a third currency is no cash of this book.
        """
        fill = fill.booked
        self.trade(
            fill.symbol,
            float(fill.side.sign),
            float(fill.quantity),
            float(fill.price),
            float(fill.fee) if fill.fee_currency == fill.currency else 0.0,
        )
