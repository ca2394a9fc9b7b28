"""Orders that are worked in parts as others see them: as one order, with parts, measured."""

from __future__ import annotations

import math
from datetime import datetime
from typing import Any

from workbench.core.money import MONEY, ZERO
from workbench.core.order import Order, OrderState, OrderType, Pending
from workbench.core.parent import ParentState
from workbench.live.accounts.view import order_row
from workbench.trading.execution.benchmark import Report
from workbench.trading.execution.moment import Progress
from workbench.trading.ledger import Ledger
from workbench.trading.parents import Execution

__all__ = ["as_order", "benchmark_row", "execution_row"]

_STATES = {
    ParentState.RUNNING: OrderState.WORKING,
    ParentState.PAUSED: OrderState.WORKING,
    ParentState.CANCELING: OrderState.PENDING_CANCEL,
    ParentState.DONE: OrderState.FILLED,
    ParentState.CANCELED: OrderState.CANCELED,
    ParentState.ENDED: OrderState.EXPIRED,
}


def as_order(ledger: Ledger, execution: Execution) -> Order:
    """Return a parent as if it were one order: its units, and what its parts were filled for.

    Examples
    --------
    >>> from datetime import UTC, timedelta
    >>> from decimal import Decimal
    >>> from workbench.core.parent import Parent
    >>> from workbench.core.signal import Side
    >>> at = datetime(2024, 1, 2, tzinfo=UTC)
    >>> parent = Parent(algo_id="p", run_id="r", strategy="s", symbol="AAPL", side=Side.BUY,
    ...                 quantity=Decimal(10), algorithm="twap", start=at, end=at + timedelta(1))
    >>> as_order(Ledger(), Execution(parent)).reason
    'twap in 0 parts'
    """
    parent, progress = execution.parent, Progress.of(ledger, execution)
    filled, paid = progress.filled, ZERO
    for name in execution.children:
        order = ledger.orders.get(name) if ledger.intents[name].outcome != "refuse" else None
        if order is not None and order.average_price is not None:
            paid = MONEY.add(paid, MONEY.multiply(order.filled, order.average_price))
    state = _STATES[execution.state]
    if state is OrderState.WORKING and filled:
        state = OrderState.PARTIALLY_FILLED
    words = f"{parent.algorithm} in {len(execution.children)} parts"
    if execution.state is ParentState.PAUSED:
        words += ", paused"
    return Order(
        order_id=parent.algo_id,
        run_id=parent.run_id,
        strategy=parent.strategy,
        symbol=parent.symbol,
        side=parent.side,
        type=OrderType.MARKET if parent.limit_price is None else OrderType.LIMIT,
        decided_at=parent.start,
        quantity=parent.quantity,
        limit_price=parent.limit_price,
        tif=parent.tif,
        state=state,
        pending=Pending.CANCEL if execution.state is ParentState.CANCELING else None,
        filled=filled,
        average_price=MONEY.divide(paid, filled) if filled else None,
        reduce_only=parent.reduce_only,
        extended_hours=parent.extended_hours,
        reason="; ".join(filter(None, (words, execution.reason or parent.reason))),
    )


def execution_row(ledger: Ledger, execution: Execution) -> dict[str, Any]:
    """Return a parent with its parts as plain JSON values; money is text."""
    parent, progress = execution.parent, Progress.of(ledger, execution)
    row = order_row(as_order(ledger, execution))
    return {
        **row,
        "state": execution.state.value,
        "algorithm": parent.algorithm,
        "settings": dict(parent.settings),
        "start": _stamp(parent.start),
        "end": _stamp(parent.end),
        "arrival": None if parent.arrival is None else format(parent.arrival, "f"),
        "max_participation": (
            None if parent.max_participation is None else format(parent.max_participation, "f")
        ),
        "committed": format(progress.committed, "f"),
        "parts": [
            {
                "order_id": child.name,
                "slice": child.slice.number,
                "attempt": child.slice.attempt,
                "time": _stamp(child.at),
                "quantity": format(child.quantity, "f"),
                "filled": format(child.filled, "f"),
                "limit_price": (
                    None if child.limit_price is None else format(child.limit_price, "f")
                ),
                "is_open": child.is_open,
                "is_refused": child.is_refused,
            }
            for child in progress.children
        ],
    }


def _stamp(time: datetime) -> str:
    return time.isoformat().replace("+00:00", "Z")


def benchmark_row(report: Report) -> dict[str, float | None]:
    """Return what a report tells in figures: positive slippage is worse than the benchmark."""
    table, summary = report.table, report.summary
    found = {"average_price": summary["average_price"]}
    for name in table.index:
        found[str(name)] = table["price"][name]
        found[f"{name}_bps"] = table["slippage_bps"][name]
    for name in ("shortfall_bps", "participation", "fees"):
        found[name] = summary[name]
    return {name: None if math.isnan(one) else float(one) for name, one in found.items()}
