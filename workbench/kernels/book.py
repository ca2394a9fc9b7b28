"""The state of a simulation and the tape it writes, as arrays of records.

Records keep the steps cheap: a function that is given a dozen arrays spends more time on
counting references to them than on its work.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from workbench.kernels.compile import jit, step

__all__ = [
    "CANCELED",
    "EXPIRED",
    "FILL",
    "FILLED",
    "ORDER",
    "PARTIAL",
    "REJECTED",
    "WORKING",
    "Book",
    "Records",
    "Tape",
    "grown",
    "is_full",
    "new_book",
    "new_tape",
]

Records: TypeAlias = Any
"""An array of records; ``array[j].field`` reads and writes in compiled code."""

WORKING, FILLED, PARTIAL, CANCELED, EXPIRED, REJECTED = 0, 1, 2, 3, 4, 5
"""Where an order is, as the tape has it."""

ACCOUNT = np.dtype(
    [
        ("cash", "f8"),
        ("traded", "f8"),  # notional of all fills so far
        ("fills", "i8"),
        ("orders", "i8"),
        ("pending", "i8"),
        ("held", "i8"),  # how many symbols
        ("small", "i8"),  # orders not made for the least notional
    ],
    align=True,
)

CELL = np.dtype(
    [
        ("units", "f8"),  # held, signed
        ("mark", "f8"),  # last known price
        ("average", "f8"),  # entry price
        ("best", "f8"),  # most favourable price since entry, known before this bar
        ("last", "f8"),  # target in force
        ("locked", "f8"),  # target not to be entered again after a stop; NaN is none
        ("side", "f8"),  # of the pending order
        ("goal", "f8"),  # its target
        ("remaining", "f8"),  # its units left; NaN is not sized yet
        ("due", "f8"),  # its units due on this bar, signed
        ("used", "f8"),  # units filled on this bar, against the participation cap
        ("limit", "f8"),  # where the pending order rests; NaN is at the market
        ("inside", "f8"),  # the limit an entry was filled at inside this bar; 0 is none
        ("order", "i8"),  # its place on the tape; -1 is no pending order
        ("kind", "i8"),  # what it is
        ("owner", "i8"),  # the order that opened the position
    ],
    align=True,
)

FILL = np.dtype(
    [
        ("bar", "i8"),
        ("symbol", "i8"),
        ("side", "f8"),
        ("quantity", "f8"),
        ("price", "f8"),
        ("fee", "f8"),
        ("slippage", "f8"),  # money lost against the undisturbed price
        ("order", "i8"),
        ("both", "i8"),  # 1 where the order of prices inside the bar decided
    ],
    align=True,
)

ORDER = np.dtype(
    [
        ("bar", "i8"),  # of the decision
        ("symbol", "i8"),
        ("side", "f8"),
        ("kind", "i8"),
        ("quantity", "f8"),  # NaN until sized
        ("target", "f8"),
        ("level", "f8"),  # of the stop, or the limit an entry rests at
        ("status", "i8"),
        ("filled", "f8"),
        ("paid", "f8"),  # notional of what was filled
        ("owner", "i8"),  # for a protective leg: the order that opened the position
        ("trimmed", "f8"),  # units that could not be afforded
    ],
    align=True,
)


class Book(NamedTuple):
    """What is known between two steps.

    Parameters
    ----------
    account : ndarray of ACCOUNT, shape (1,)
    cells : ndarray of CELL, shape (N,)
        One per symbol.
    """

    account: Records
    cells: Records


class Tape(NamedTuple):
    """What happened: a FILL per fill and an ORDER per order."""

    fills: Records
    orders: Records


@jit
def new_book(cash: float, n: int) -> Book:
    """Return the state before the first bar of `n` symbols."""
    account = np.zeros(1, ACCOUNT)
    account["cash"][0] = cash
    cells = np.zeros(n, CELL)
    for j in range(n):
        cells["mark"][j] = math.nan
        cells["locked"][j] = math.nan
        cells["remaining"][j] = math.nan
        cells["limit"][j] = math.nan
        cells["order"][j] = -1
        cells["owner"][j] = -1
    return Book(account, cells)


@jit
def new_tape(n: int) -> Tape:
    """Return an empty tape with room for some bars of `n` symbols."""
    return Tape(np.empty(64 + 8 * n, FILL), np.empty(64 + 8 * n, ORDER))


@step
def is_full(tape: Tape, book: Book) -> bool:
    """Tell whether one more bar, two fills and two orders per symbol, may not find room."""
    more = 2 * len(book.cells)
    account = book.account[0]
    return bool(account.fills + more > len(tape.fills) or account.orders + more > len(tape.orders))


@jit
def grown(tape: Tape, book: Book) -> Tape:
    """Return a tape of twice the length with the same on it."""
    account = book.account[0]
    fills = np.empty(2 * len(tape.fills), FILL)
    # One by one: an assignment of slices is slow to compile, for the words of its errors.
    for k in range(account.fills):
        fills[k] = tape.fills[k]
    orders = np.empty(2 * len(tape.orders), ORDER)
    for k in range(account.orders):
        orders[k] = tape.orders[k]
    return Tape(fills, orders)
