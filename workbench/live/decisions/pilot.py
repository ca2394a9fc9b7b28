"""The deciding of one strategy, the same code in a replay and live: targets in, intents out.

Nothing here waits, sends or asks the time. A driver tells it prices and what the venue
says, gives it the targets of a bar, and carries out the decisions one by one as they come.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import numpy as np

from workbench.core.fill import Fill
from workbench.core.frozen import maker
from workbench.core.ids import client_order_id
from workbench.core.money import decimal
from workbench.core.order import Intent, Order, OrderType
from workbench.core.ports import Update
from workbench.core.posting import Posting
from workbench.core.signal import Side
from workbench.kernels.codes import Floats, Terms
from workbench.live.decisions.sizing import Decision, TargetDecider, protection_of
from workbench.strategy.sleeves import owner
from workbench.venues.sim.floats import FloatBook

if TYPE_CHECKING:
    from workbench.strategy.base import BaseStrategy
    from workbench.trading.records import Verdicted

__all__ = ["Pilot"]

_Intent = maker(Intent)


class Pilot:
    """Decides for one strategy, with books of its own.

    Parameters
    ----------
    strategy : BaseStrategy
    run_id : str
        Order ids are made of it, the bar and the symbol.
    columns : sequence of str
        What is decided about, in order: symbols, or ``trend/AAPL`` where strategies share it.
    terms : Terms
        Sizing and stops as the kernels have them.
    cash : float
        Of its books, to begin with.
    traded : mapping of str to str, optional
        The symbol that is traded for each column; itself by default.
    """

    def __init__(
        self,
        strategy: BaseStrategy,
        run_id: str,
        columns: tuple[str, ...],
        terms: Terms,
        cash: float,
        traded: Mapping[str, str] | None = None,
    ) -> None:
        self.strategy, self.run_id, self.columns = strategy, run_id, columns
        self.decider = TargetDecider(FloatBook.of(columns, cash), terms)
        self.protection = protection_of(terms.stops)
        self.wanted: dict[str, float] = {}
        self.orders: dict[str, str] = {}
        self._terms = terms
        self._traded = traded or {}
        self._in_force: Floats = np.full(len(columns), np.nan)

    @property
    def book(self) -> FloatBook:
        """What its own fills add up to."""
        return self.decider.book

    def traded(self, column: str) -> str:
        """Return the symbol that is traded for a column."""
        return self._traded.get(column, column)

    def stopped(self, column: str, order: Order) -> None:
        """Learn that an order closes a position because of a stop."""
        self.decider.exits(column, order.order_id)
        self.decider.learn(replace(order, symbol=column))

    def mark(self, closes: Mapping[str, float]) -> None:
        """Take prices by column as the last known ones; NaN is left out."""
        self.book.mark(closes)

    def mark_at_cost(self) -> None:
        """Take what is held for worth what it cost, until a price comes."""
        self.mark({key: one.average for key, one in self.book.cells.items() if one.units})

    def decisions(self, targets: Floats, *, is_due: bool | None = None) -> Iterator[Decision]:
        """Yield what the targets of a bar ask for, in the order of the columns.

        Each decision is to be carried out before the next is asked for: it counts on it.

        Parameters
        ----------
        targets : ndarray
            One per column; NaN is no opinion.
        is_due : bool, optional
            Whether a period ends with this bar, where orders wait for that; then the last
            target that was not NaN counts.
        """
        if is_due is not None:
            targets = self._in_force = np.where(np.isnan(targets), self._in_force, targets)
            if not is_due:
                return
        equity = self.book.equity()
        wanted: dict[str, float] = dict(zip(self.columns, targets.tolist(), strict=True))
        if self._terms.sizing.mode == 3.0 and not self.decider.is_off(wanted, equity):
            return
        for column, target in wanted.items():
            decision = self.decider.decide(column, target, equity)
            if decision is not None:
                yield decision

    def renewed(self, decision: Decision) -> Decision:
        """Return what a decision's target asks for now that another order has filled."""
        column = decision.symbol
        self.decider.again(column)
        found = self.decider.decide(column, decision.target, self.book.equity())
        return found or Decision(column, decision.target)

    def intent(self, decision: Decision, time: datetime, limit: Decimal | None = None) -> Intent:
        """Return the intent of a decision that has a side.

        Parameters
        ----------
        time : datetime
            The label of the bar that was decided on.
        limit : Decimal, optional
            In the place of the decision's own.
        """
        column, is_target = decision.symbol, decision.quantity is None
        limit = decision.limit if limit is None else limit
        return _Intent(
            intent_id=client_order_id(self.run_id, time, column),
            run_id=self.run_id,
            strategy=owner(self.strategy, column),
            symbol=self.traded(column),
            side=decision.side or Side.FLAT,
            decided_at=time,
            quantity=decision.quantity,
            target=decimal(decision.target, "target") if is_target else None,
            type=OrderType.MARKET if limit is None else OrderType.LIMIT,
            limit_price=limit,
            protection=self.protection,
            reference_price=decimal(self.book.cell(column).mark, "price"),
        )

    def expect(self, decision: Decision, order_id: str) -> None:
        """Know whose an order will be before it is sent: its fills may be told at once."""
        self.wanted[order_id] = decision.target
        self.orders[order_id] = decision.symbol

    def sent(self, decision: Decision, order_id: str) -> None:
        """Learn that an order was made of a decision, and is open."""
        self.expect(decision, order_id)
        self.decider.sent(decision.symbol, order_id)

    def part(self, order_id: str, judged: Verdicted | None) -> None:
        """Know an order as ours where it is a part of one of ours that is worked in parts."""
        whole = None if judged is None else judged.intent.slice
        if whole is not None and whole.algo_id in self.orders:
            self.orders[order_id] = self.orders[whole.algo_id]

    def owns(self, update: Order | Fill) -> bool:
        """Whether what a venue tells is of an order of ours, or of a leg of one."""
        parent = getattr(update, "parent_id", None)
        return update.order_id in self.orders or parent in self.orders

    def learn(self, update: Update) -> None:
        """Learn from the venue; a fill is given once, whoever calls sees to it."""
        if isinstance(update, Order) and update.parent_id in self.orders:
            self.orders[update.order_id] = self.orders[update.parent_id]
        self.decider.learn(self._in_columns(update) if self._traded else update)

    def state(self) -> dict[str, Any]:
        """Return what it remembers beside its books, as plain JSON values."""
        return {
            "decided": self.decider.state(),
            "book": self.book.state(),
            "in_force": [None if np.isnan(one) else one for one in self._in_force.tolist()],
        }

    def restore(self, state: Mapping[str, Any], open_orders: Container[str]) -> None:
        """Remember what `state` told; orders that are open no more are left out."""
        self.book.restore(state["book"])
        self.decider.restore(state["decided"], open_orders)
        told = [np.nan if one is None else one for one in state["in_force"]]
        self._in_force = np.array(told, dtype=np.float64)

    def _in_columns(self, update: Update) -> Update:
        column = None if isinstance(update, Posting) else self.orders.get(update.order_id)
        return update if column is None else replace(update, symbol=column)
