"""What a replay leaves behind, as the frames of a result."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from workbench.backtest.tape import RunRecord
from workbench.core.ids import order_key
from workbench.core.order import Order
from workbench.core.posting import PostingKind
from workbench.kernels.carry import KINDS

if TYPE_CHECKING:
    from workbench.live.replay.replay import Runner

__all__ = ["fills_frame", "orders_frame", "record_of"]

# what a reader of results is told: on its way is "working" to whoever looks at a backtest
_WORKING = {"created", "submitted", "accepted", "pending_cancel", "pending_replace"}


def record_of(runner: Runner) -> RunRecord:
    """Return a finished replay as the record that a result is assembled from."""
    simulation = runner.simulation
    index = pd.DatetimeIndex(simulation.bars.index)
    columns = list(simulation.symbols)
    ledger, state = runner.manager.core.ledger, runner.venue.state
    refused = sum(judged.outcome == "refuse" for judged in ledger.intents.values())
    findings = list(simulation.inferred)
    if runner.is_deaf:
        findings.append(
            f"{runner.strategy.name} answers messages and was told none: give messages="
        )
    if refused:
        findings.append(f"the risk gate refused {refused} of {len(ledger.intents)} intents")
    return RunRecord(
        kind="replay",
        strategy=runner.strategy,
        bars=simulation.bars,
        symbols=simulation.symbols,
        cash=simulation.cash,
        choices=simulation.choices,
        equity=pd.Series(runner.equity, index=index, name="equity"),
        cash_held=pd.Series(runner.cash, index=index, name="cash"),
        positions=pd.DataFrame(runner.units, index=index, columns=columns),
        targets=pd.DataFrame(runner.targets, index=index, columns=columns),
        orders=orders_frame(runner, index),
        fills=fills_frame(runner, index),
        path_dependent=[key[1] in state.path_dependent for key in ledger.fills],
        trimmed=sum(
            slot.trimmed > 1e-3 * (slot.trimmed + slot.quantity) for slot in state.slots.values()
        ),
        small=runner.pilot.decider.small + state.small,
        flows=_flows(runner),
        findings=tuple(findings),
    )


def _flows(runner: Runner) -> np.ndarray:
    """Return what was booked beside fills, as ``workbench.kernels.carry`` writes it."""
    symbols = list(runner.simulation.symbols)
    if not len(runner.simulation.market.events):
        return np.empty((0, 0))
    found = np.zeros((len(runner.index), len(KINDS) + len(symbols)))
    postings = list(runner.manager.core.ledger.postings.values())
    rows = runner.rows([posting.time for posting in postings]).tolist()
    for row, posting in zip(rows, postings, strict=True):
        if posting.kind is PostingKind.SPLIT:
            continue
        amount = float(posting.amount)
        found[row, KINDS.index(posting.kind.value)] += amount
        if posting.symbol:
            found[row, len(KINDS) + symbols.index(posting.symbol)] += amount
    return found


def orders_frame(runner: Runner, index: pd.DatetimeIndex) -> pd.DataFrame:
    """Return the orders, oldest first as they were made; columns as in a backtest's result."""
    ledger = runner.manager.core.ledger
    orders = list(ledger.orders.values())
    # added up as the kernel adds: floats, in the order of the fills
    filled = dict.fromkeys(ledger.orders, 0.0)
    paid = dict.fromkeys(ledger.orders, 0.0)
    for fill in ledger.fills.values():
        filled[fill.order_id] += float(fill.quantity)
        paid[fill.order_id] += float(fill.quantity) * float(fill.price)
    done = np.array([filled[order.order_id] for order in orders], dtype=np.float64)
    spent = np.array([paid[order.order_id] for order in orders], dtype=np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        average = np.where(done > 0, spent / done, np.nan)
    return pd.DataFrame(
        {
            "order_id": _words([_key(order) for order in orders]),
            "time": index[runner.rows([order.decided_at for order in orders])],
            "symbol": _words([order.symbol for order in orders]),
            "side": _words([order.side.value for order in orders]),
            "type": _words([order.type.value for order in orders]),
            "quantity": _floats(order.quantity for order in orders),
            "target": _floats(runner.pilot.wanted.get(order.order_id) for order in orders),
            "limit_price": _floats(order.limit_price for order in orders),
            "stop_price": _floats(order.stop_price for order in orders),
            "status": _words([_status(order) for order in orders]),
            "filled": done,
            "average_price": average,
        }
    )


def fills_frame(runner: Runner, index: pd.DatetimeIndex) -> pd.DataFrame:
    """Return the fills, oldest first; columns as in a backtest's result."""
    ledger = runner.manager.core.ledger
    fills = list(ledger.fills.values())
    keys = {order_id: _key(order) for order_id, order in ledger.orders.items()}
    return pd.DataFrame(
        {
            "time": index[runner.rows([fill.time for fill in fills])],
            "symbol": _words([fill.symbol for fill in fills]),
            "side": _words([fill.side.value for fill in fills]),
            "quantity": _floats(fill.quantity for fill in fills),
            "price": _floats(fill.price for fill in fills),
            "fee": _floats(fill.fee for fill in fills),
            "slippage": _floats(fill.slippage for fill in fills),
            "order_id": _words([keys[fill.order_id] for fill in fills]),
        }
    )


def _key(order: Order) -> str:
    leg = order.order_id.removeprefix(order.parent_id) if order.parent_id else ""
    return order_key(order.decided_at, order.symbol) + leg


def _status(order: Order) -> str:
    return "working" if order.state.value in _WORKING else order.state.value


def _words(values: list[str]) -> np.ndarray:
    return np.array(values, dtype=object)


def _floats(values: Iterable[Decimal | float | None]) -> np.ndarray:
    return np.array([np.nan if v is None else float(v) for v in values], dtype=np.float64)
