"""Courses that a live run could have taken: its decisions, with some of its fate and not the rest.

A course is computed by the code that decides live. What it does not take from the live run it
takes from the backtest: the bar of a fill, its price, its fee, its size.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal, localcontext
from enum import IntEnum
from typing import NamedTuple

import numpy as np
import pandas as pd

from workbench.backtest.engine import Simulation
from workbench.core.fill import Fill
from workbench.core.ids import client_order_id
from workbench.core.money import MONEY, ZERO, decimal
from workbench.core.order import Order, OrderState, OrderType
from workbench.core.signal import Side
from workbench.kernels.called import affordable, fee_of, fill_price, is_tradable, sized
from workbench.kernels.codes import Quote, Want
from workbench.live.decisions.pilot import Pilot
from workbench.live.decisions.sizing import Decision
from workbench.live.divergence.journaled import Execution, Happened, Journaled, Key

__all__ = ["Booked", "Course", "Stage"]


class Stage(IntEnum):
    """How much of what happened a course takes over; each takes what is above it as well."""

    PLAN = 0
    REJECT = 1
    MISSED = 2
    TIMING = 3
    PRICE = 4
    FEE = 5
    SIZE = 6


class Booked(NamedTuple):
    """A fill of a course; `quantity` is signed: positive is bought."""

    key: Key
    quantity: Decimal
    price: Decimal
    fee: Decimal


@dataclass
class _Waiting:
    """An order of a course; its units are known once it is sent, or with the first fill."""

    key: Key
    side: int
    target: float
    ordered: Decimal | None


class _Piece(NamedTuple):
    """A part of an order that is due in a bar."""

    order: _Waiting
    plan: Execution | None
    told: Execution | None


class Course:
    """One course of a run.

    Parameters
    ----------
    run : Journaled
        What was decided, and what became of it.
    simulation : Simulation
        The bars that were seen.
    plan : mapping of Key to Happened
        What the backtest of the same decisions did.
    stage : Stage
        How much of what happened is taken over.
    """

    def __init__(
        self, run: Journaled, simulation: Simulation, plan: Mapping[Key, Happened], stage: Stage
    ) -> None:
        self.run, self.simulation, self.plan, self.stage = run, simulation, plan, stage
        self.columns = run.columns
        self._terms = simulation.terms
        self._is_sized_later = self._terms.sizing.at_fill > 0.0
        self._opens, self._closes = simulation.market.open, simulation.market.close
        self._volumes = simulation.market.volume
        self._times: list[pd.Timestamp] = list(pd.DatetimeIndex(simulation.bars.index))
        self._rows = {time: row for row, time in enumerate(self._times)}
        self.pilot = Pilot(
            run.strategy, run.manifest.run_id, self.columns, self._terms, run.cash,
        )  # fmt: skip
        self._due: dict[int, list[_Piece]] = defaultdict(list)
        self._legs: dict[tuple[pd.Timestamp, str], list[Key]] = defaultdict(list)
        for key in {**plan, **run.orders}:
            if key.leg:
                self._legs[key.time, key.column].append(key)
        self._booked: list[Booked] = []

    def fills(self) -> list[Booked]:
        """Go through the bars; return what is booked."""
        due = self.simulation.due
        with localcontext(MONEY):
            for row in range(len(self._times)):
                self._trade(row)
                self.pilot.mark(dict(zip(self.columns, self._closes[row].tolist(), strict=True)))
                targets = self.run.targets[row]
                if self.stage >= Stage.REJECT and self.run.skipped[row]:
                    targets = np.full(len(self.columns), np.nan)
                is_due = None if due is None else bool(due[row])
                if is_due is None and np.isnan(targets).all():
                    continue
                for decision in self.pilot.decisions(targets, is_due=is_due):
                    self._send(row, decision)
        return self._booked

    # orders -----------------------------------------------------------------------------

    def _send(self, row: int, decision: Decision) -> None:
        if decision.side is None:
            return
        key = Key(self._times[row], decision.symbol)
        told = self.run.orders.get(key)
        if self.stage >= Stage.REJECT and told is not None and told.is_refused:
            return
        self.pilot.sent(decision, self._name(key))
        side = int(decision.side.sign)
        order = _Waiting(key, side, decision.target, decision.quantity)
        for at, piece in self._pieces(row, order, self.plan.get(key), told):
            self._due[at].append(piece)

    def _pieces(
        self, row: int, order: _Waiting, plan: Happened | None, told: Happened | None
    ) -> list[tuple[int, _Piece]]:
        """Return when which parts of an order are filled."""
        if self.stage >= Stage.MISSED and (told is None or not told.fills):
            return []
        if self.stage >= Stage.TIMING and told is not None:
            planned = {one.row: one for one in (plan.fills if plan else ())}
            return [(one.row, _Piece(order, planned.get(one.row), one)) for one in told.fills]
        if plan is not None:
            return [(one.row, _Piece(order, one, None)) for one in plan.fills]
        place = self.columns.index(order.key.column)
        for at in range(row + 1, len(self._times)):
            price, volume = float(self._opens[at, place]), float(self._volumes[at, place])
            if is_tradable(price, volume, self._terms.costs):
                return [(at, _Piece(order, None, None))]
        return []

    def _watch_legs(self, key: Key) -> None:
        """Let the stops of an order that opened a position go off when they did."""
        for leg in self._legs.pop((key.time, key.column), []):
            plan, told = self.plan.get(leg), self.run.orders.get(leg)
            side = (told or plan or Happened(0, None)).side
            order = _Waiting(leg, side, 0.0, None)
            self._due_legs(self._pieces(len(self._times), order, plan, told))

    def _due_legs(self, pieces: list[tuple[int, _Piece]]) -> None:
        for at, piece in pieces:
            self._due[at].append(piece)

    # fills ------------------------------------------------------------------------------

    def _trade(self, row: int) -> None:
        seen: list[_Piece] = []
        while row in self._due:  # a stop may go off in the bar that opened the position
            pieces = self._due.pop(row)
            pieces.sort(key=lambda one: (one.order.side, self.columns.index(one.order.key.column)))
            seen += pieces
            equity = self._equity_at_open(row) if self._is_sized_later else math.nan
            for piece in pieces:
                self._fill(row, piece, equity)

    def _equity_at_open(self, row: int) -> float:
        book = self.pilot.book
        opens = dict(zip(self.columns, self._opens[row].tolist(), strict=True))
        book.mark(opens)
        return book.equity()

    def _fill(self, row: int, piece: _Piece, equity: float) -> None:
        order = piece.order
        key = order.key
        place = self.columns.index(key.column)
        quantity = self._quantity(row, place, piece, equity)
        if quantity == 0:
            return
        price = self._price(row, place, piece, quantity)
        fee = self._fee(piece, quantity, price)
        self._booked.append(Booked(key, order.side * quantity, price, fee))
        signed = order.side if quantity > 0 else -order.side
        fill = Fill(
            execution_id=str(len(self._booked)),
            order_id=self._name(key),
            venue="course",
            symbol=key.column,
            side=Side.BUY if signed > 0 else Side.SELL,
            quantity=abs(quantity),
            price=price,
            fee=fee,
            time=self._times[row].to_pydatetime(),
        )
        if key.leg:
            self._leave(key, order.side, OrderState.WORKING)
        self.pilot.learn(fill)
        if key.leg:
            self._leave(key, order.side, OrderState.FILLED)
        else:
            self._watch_legs(key)

    def _quantity(self, row: int, place: int, piece: _Piece, equity: float) -> Decimal:
        """Return the units of a part, positive where its order's side is traded."""
        order, key = piece.order, piece.order.key
        told = self.run.orders.get(key)
        if self.stage >= Stage.SIZE and piece.told is not None:
            return piece.told.quantity
        if order.ordered is None:
            order.ordered = self._sized(row, place, order, equity)
        if self.stage >= Stage.MISSED and told is not None:
            whole = told.filled if told.ordered is None else told.ordered
            if piece.told is not None:
                return _part(order.ordered, piece.told.quantity, whole)
            filled = _part(order.ordered, told.filled, whole)
        else:
            filled = order.ordered
        plan = self.plan.get(key)
        if piece.plan is None or plan is None:
            return filled
        whole = plan.filled if self.stage >= Stage.MISSED or not plan.ordered else plan.ordered
        return filled if piece.plan.quantity == whole else _part(filled, piece.plan.quantity, whole)

    def _sized(self, row: int, place: int, order: _Waiting, equity: float) -> Decimal:
        book = self.pilot.book
        cell = book.cell(order.key.column)
        if order.key.leg:
            return decimal(max(-order.side * cell.units, 0.0), "quantity")
        want = Want(order.target, float(order.side), cell.units)
        price, volume = float(self._opens[row, place]), float(self._volumes[row, place])
        if math.isnan(price):
            price = cell.mark
        quote = Quote(price, volume, math.inf)
        units = sized(want, quote, equity, book.traded, self._terms)
        others = book.gross_beside(order.key.column)
        units = affordable(
            want, units, quote, book.equity(), others, book.traded, self._terms
        )  # fmt: skip
        return decimal(float(units), "quantity")

    def _price(self, row: int, place: int, piece: _Piece, quantity: Decimal) -> Decimal:
        if piece.told is not None and self.stage >= Stage.PRICE:
            return piece.told.price
        if piece.plan is not None:
            return piece.plan.price
        base, volume = float(self._opens[row, place]), float(self._volumes[row, place])
        if piece.told is not None and (piece.order.key.leg or math.isnan(base)):
            return piece.told.price  # no rule tells another
        side, quote = float(piece.order.side), Quote(base, volume, math.inf)
        return decimal(
            float(fill_price(quote, side, float(abs(quantity)), self._terms.costs)), "price"
        )

    def _fee(self, piece: _Piece, quantity: Decimal, price: Decimal) -> Decimal:
        if piece.told is not None and self.stage >= Stage.FEE:
            return piece.told.fee
        plan = piece.plan
        if plan is not None and (plan.quantity, plan.price) == (quantity, price):
            return plan.fee  # as the backtest has it, a maker's fee included
        is_maker = piece.order.key.leg == "profit"
        return decimal(
            float(
                fee_of(float(abs(quantity)), float(price), is_maker, self.pilot.book.traded,
                       self._terms.costs)
            ),
            "fee",
        )  # fmt: skip

    def _leave(self, key: Key, side: int, state: OrderState) -> None:
        """Tell the pilot of a stop that goes off: its target may not be entered again."""
        plain = Key(key.time, key.column)
        order = Order(
            order_id=self._name(key),
            run_id=self.run.manifest.run_id,
            strategy=self.run.strategy.name,
            symbol=key.column,
            side=Side.BUY if side > 0 else Side.SELL,
            type=OrderType.STOP,
            decided_at=key.time.to_pydatetime(),
            state=OrderState.WORKING,
            parent_id=self._name(plain),
        )
        self.pilot.learn(replace(order, state=state))

    def _name(self, key: Key) -> str:
        name = client_order_id(self.run.manifest.run_id, key.time.to_pydatetime(), key.column)
        return f"{name}-{key.leg}" if key.leg else name


def _part(ordered: Decimal, some: Decimal, whole: Decimal) -> Decimal:
    """Return of `ordered` what `some` is of `whole`; exact where both were ordered alike."""
    if ordered == whole:
        return some
    if some == whole:
        return ordered
    return ZERO if whole == 0 else ordered * some / whole
