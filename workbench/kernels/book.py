"""The state of a simulation and the tape it writes, as named tuples of arrays."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from workbench.kernels.codes import Floats, Integers
from workbench.kernels.compile import jit

__all__ = [
    "CANCELED",
    "EXPIRED",
    "FILLED",
    "PARTIAL",
    "REJECTED",
    "WORKING",
    "Book",
    "Tape",
    "grown",
    "new_book",
    "new_tape",
]

WORKING, FILLED, PARTIAL, CANCELED, EXPIRED, REJECTED = 0, 1, 2, 3, 4, 5
"""Where an order is, as the tape has it."""

# Columns of Tape.fills.
F_BAR, F_SYMBOL, F_SIDE, F_QUANTITY, F_PRICE, F_FEE, F_SLIPPAGE, F_ORDER, F_BOTH = range(9)
# Columns of Tape.orders. O_PAID is the notional of what was filled; O_OWNER the order that
# opened the position, for a protective leg; O_TRIMMED the units that could not be afforded.
(
    O_BAR, O_SYMBOL, O_SIDE, O_KIND, O_QUANTITY, O_TARGET, O_LEVEL, O_STATUS, O_FILLED, O_PAID,
    O_OWNER, O_TRIMMED,
) = range(12)  # fmt: skip

# Places in Book.account and Book.count.
CASH, TRADED = 0, 1
FILLS, ORDERS, PENDING, HELD = 0, 1, 2, 3


class Book(NamedTuple):
    """What is known between two steps; one place per symbol unless said otherwise.

    Parameters
    ----------
    account : ndarray
        Cash, and the notional traded so far.
    count : ndarray
        How many fills, orders, pending orders and positions there are.
    units, mark, average, best : ndarray
        Signed holding; last known price; entry price; most favourable price since entry.
    last, locked : ndarray
        Target in force; target that may not be entered again after a stop (NaN: none).
    order, kind, side, goal, remaining, due : ndarray
        The pending order (-1: none): its place on the tape, what it is, its side, its
        target, the units left (NaN: not sized yet) and those due on this bar, signed.
    owner : ndarray
        The order that opened the position.
    used : ndarray
        Units filled on this bar, against the participation cap.
    """

    account: Floats
    count: Integers
    units: Floats
    mark: Floats
    average: Floats
    best: Floats
    last: Floats
    locked: Floats
    order: Integers
    kind: Integers
    side: Floats
    goal: Floats
    remaining: Floats
    due: Floats
    owner: Integers
    used: Floats


class Tape(NamedTuple):
    """What happened: a row per fill and per order; see the ``F_`` and ``O_`` columns."""

    fills: Floats
    orders: Floats


@jit
def new_book(cash: float, n: int) -> Book:
    """Return the state before the first bar of `n` symbols."""
    account = np.zeros(2)
    account[CASH] = cash
    return Book(
        account,
        np.zeros(4, np.int64),
        np.zeros(n),
        np.full(n, np.nan),
        np.zeros(n),
        np.zeros(n),
        np.zeros(n),
        np.full(n, np.nan),
        np.full(n, -1, np.int64),
        np.zeros(n, np.int64),
        np.zeros(n),
        np.zeros(n),
        np.full(n, np.nan),
        np.zeros(n),
        np.full(n, -1, np.int64),
        np.zeros(n),
    )


@jit
def new_tape(n: int) -> Tape:
    """Return an empty tape with room for some bars of `n` symbols."""
    return Tape(np.empty((64 + 8 * n, 9)), np.empty((64 + 8 * n, 12)))


@jit
def grown(tape: Tape, count: Integers, n: int) -> Tape:
    """Return a tape with room for one more bar of `n` symbols: two fills and orders each."""
    fills, orders = tape.fills, tape.orders
    if count[FILLS] + 2 * n > fills.shape[0]:
        fills = np.empty((2 * tape.fills.shape[0] + 2 * n, 9))
        fills[: count[FILLS]] = tape.fills[: count[FILLS]]
    if count[ORDERS] + 2 * n > orders.shape[0]:
        orders = np.empty((2 * tape.orders.shape[0] + 2 * n, 12))
        orders[: count[ORDERS]] = tape.orders[: count[ORDERS]]
    return Tape(fills, orders)
