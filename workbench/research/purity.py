"""Whether a strategy's targets are a pure function of its bars and parameters."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from workbench.research.leaks import ANSWERS, differing
from workbench.strategy.base import Strategy
from workbench.strategy.evaluate import evaluate

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["impurities"]


def impurities(strategy: Strategy, bars: pd.DataFrame, base: NDArray[np.float64]) -> list[str]:
    """Return a sentence for each way in which the targets are not pure.

    The strategy must leave its bars and itself as they were, give the same targets for the
    same bars, to the bit, whatever ran before, and not ask the global random generators.

    Parameters
    ----------
    strategy : Strategy
    bars : DataFrame
        Not changed: a strategy that changes its bars gets a copy of them.
    base : ndarray
        (rows, symbols), the targets on `bars`.
    """
    return [
        *_changed_bars(strategy, bars),
        *_changed_self(strategy, bars),
        *_moods(strategy, bars, base),
    ]


def _changed_bars(strategy: Strategy, bars: pd.DataFrame) -> Iterator[str]:
    given = bars.copy()
    evaluate(strategy, given)
    if not given.columns.equals(bars.columns):
        new = [str(c) for c in given.columns if c not in bars.columns]
        what = f"added {', '.join(new)}" if new else "changed the columns"
        yield f"purity: the strategy {what} in the bars it was given; work on a copy"
    elif not given.index.equals(bars.index):
        yield "purity: the strategy changed the index of the bars it was given; work on a copy"
    elif not given.equals(bars):
        column = next(c for c in bars.columns if not given[c].equals(bars[c]))
        yield f"purity: the strategy changed {column} of the bars it was given; work on a copy"
    if given.attrs != bars.attrs:
        yield "purity: the strategy changed the attrs of the bars it was given"


def _changed_self(strategy: Strategy, bars: pd.DataFrame) -> Iterator[str]:
    fresh = strategy.replace()
    before = {name: _picture(value) for name, value in vars(fresh).items()}
    evaluate(fresh, bars)
    for name, value in vars(fresh).items():
        if name not in before:
            if not isinstance(getattr(type(fresh), name, None), cached_property):
                yield f"purity: targets left an attribute {name!r} on the strategy"
        elif _picture(value) != before[name]:
            yield f"purity: targets changed the strategy's attribute {name!r}"


def _moods(strategy: Strategy, bars: pd.DataFrame, base: NDArray[np.float64]) -> Iterator[str]:
    again = evaluate(strategy, bars)
    if len(rows := differing(base, again, 0.0)):
        yield (
            "purity: the same bars gave other targets the second time, first at "
            f"{bars.index[rows[0][0]]}; it draws random numbers or keeps a state"
        )
        return
    with _seeded(1):
        one = evaluate(strategy, bars)
    with _seeded(2):
        other = evaluate(strategy, bars)
    if len(rows := differing(one, other, 0.0)):
        yield (
            "purity: the targets depend on the global random state, first at "
            f"{bars.index[rows[0][0]]}; use np.random.default_rng with a parameter as its seed"
        )
        return
    try:
        evaluate(strategy, bars.iloc[: len(bars) // 2])
    except ANSWERS:
        return
    if len(rows := differing(base, evaluate(strategy, bars), 0.0)):
        yield (
            "purity: the targets depend on what the strategy ran on before, first at "
            f"{bars.index[rows[0][0]]}; it keeps a state"
        )


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
    old, older = random.getstate(), np.random.get_state()  # noqa: NPY002 - theirs is asked for
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002
    try:
        yield
    finally:
        random.setstate(old)
        np.random.set_state(older)  # noqa: NPY002


def _picture(value: Any) -> str:
    if isinstance(value, pd.DataFrame | pd.Series):
        return str(pd.util.hash_pandas_object(value).sum())
    if isinstance(value, np.ndarray):
        return value.tobytes().hex()
    return repr(value)
