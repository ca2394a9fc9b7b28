"""Indicators computed once where the same is asked for again and again.

A sweep of two windows over a grid asks for each average as often as the other window has
values. Within ``with remember(columns):`` the results of indicators on these very arrays
are kept and given out again, up to a number of bytes, the longest unused dropped first.
What is kept belongs to the block and to its thread, and ends with it.

What is given out twice cannot be written to: code that would change a kept result gets an
error in the place of a wrong number, and is to be run again outside.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import numpy as np

from workbench.indicators.spec import Spec

__all__ = ["Memo", "active", "forget", "remember"]

_LIMIT = 128 * 2**20
_Results = tuple[np.ndarray, ...]
_Compute = Callable[[Spec, list[np.ndarray], tuple[float, ...]], _Results]


class Memo:
    """Results by function, arrays and parameters.

    Parameters
    ----------
    columns : iterable of ndarray
        The arrays whose indicators are kept. They are told by where they lie in memory, and
        held here, so that nothing else can come to lie there. They must not be changed.
    limit : int
        Bytes of results.

    Attributes
    ----------
    size, hits : int
        Bytes kept; how often a result was there already.
    """

    def __init__(self, columns: Iterable[np.ndarray], limit: int = _LIMIT) -> None:
        self._columns = {_place(column): column for column in columns}
        self._kept: OrderedDict[tuple[object, ...], _Results] = OrderedDict()
        self._limit = limit
        self.size = self.hits = 0

    def get(
        self,
        spec: Spec,
        arrays: list[np.ndarray],
        parameters: tuple[float, ...],
        compute: _Compute,
    ) -> _Results:
        """Return a result, from what is kept or computed."""
        places = tuple(map(_place, arrays))
        if any(place not in self._columns for place in places):
            return compute(spec, arrays, parameters)
        key = (spec.name, spec.kernel, places, parameters)
        found = self._kept.get(key)
        if found is not None:
            self.hits += 1
            self._kept.move_to_end(key)
            return found
        found = compute(spec, arrays, parameters)
        for array in found:
            array.flags.writeable = False
        self._kept[key] = found
        self.size += sum(array.nbytes for array in found)
        while self.size > self._limit:
            _, dropped = self._kept.popitem(last=False)
            self.size -= sum(array.nbytes for array in dropped)
        return found


_ACTIVE: ContextVar[Memo | None] = ContextVar("workbench_memo", default=None)


def active() -> Memo | None:
    """Return the memo of this thread's block, None outside of one."""
    return _ACTIVE.get()


@contextmanager
def remember(columns: Iterable[np.ndarray], limit: int = _LIMIT) -> Iterator[Memo]:
    """Keep the results of indicators on some arrays while the block runs.

    Examples
    --------
    >>> import pandas as pd
    >>> from workbench import indicators as ta
    >>> close = pd.Series([1.0, 2.0, 4.0])
    >>> with remember([close.to_numpy()]) as memo:
    ...     same = ta.sma(close, 2).equals(ta.sma(close, 2))
    >>> same, memo.hits
    (True, 1)
    """
    memo = Memo(columns, limit)
    token = _ACTIVE.set(memo)
    try:
        yield memo
    finally:
        _ACTIVE.reset(token)


@contextmanager
def forget() -> Iterator[None]:
    """Keep nothing while the block runs, though it stands within another.

    Examples
    --------
    >>> with remember([]), forget():
    ...     active() is None
    True
    """
    token = _ACTIVE.set(None)
    try:
        yield
    finally:
        _ACTIVE.reset(token)


def _place(array: np.ndarray) -> tuple[object, ...]:
    return array.ctypes.data, array.shape, array.strides, array.dtype.char
