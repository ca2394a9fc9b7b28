"""Which bars a strategy is fitted on, and which it is then judged by."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import combinations
from math import comb
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd

from workbench.errors import UsageError, nearest

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Fold", "Scheme", "Size", "combinatorial", "path_numbers", "windows"]

Size = int | str
Scheme = Literal["rolling", "anchored", "combinatorial"]

_TEXT = re.compile(r"^\s*(\d+)\s*([A-Za-z]+)\s*$")
_UNITS = {"y": "years", "M": "months", "w": "weeks", "d": "days", "h": "hours", "m": "minutes"}
_MOST = 10_000


@dataclass(frozen=True)
class Fold:
    """One division of the bars; windows are row numbers, the end excluded.

    Parameters
    ----------
    train : tuple of (int, int)
        What parameters are chosen on; several windows where a test lies in between.
    test : tuple of (int, int)
        What they are judged by.
    """

    train: tuple[tuple[int, int], ...]
    test: tuple[tuple[int, int], ...]


def windows(
    index: pd.DatetimeIndex,
    train: Size,
    test: Size,
    *,
    step: Size | None = None,
    anchored: bool = False,
    purge: Size = 0,
) -> list[Fold]:
    """Return train and test windows that move through time.

    Parameters
    ----------
    index : DatetimeIndex
        The bars' labels.
    train, test : int or str
        Bars, or a span of the calendar: ``"2y"``, ``"6M"``, ``"8w"``, ``"90d"``, ``"12h"``.
    step : int or str, optional
        How far the windows move on; `test` by default. Less would judge bars twice.
    anchored : bool
        Whether each train window begins at the first bar.
    purge : int or str
        What is left out between a train window and its test window.

    Returns
    -------
    list of Fold
        Whole test windows only.

    Raises
    ------
    UsageError
        No such size, not one fold fits, or test windows overlap.

    Examples
    --------
    >>> index = pd.date_range("2024-01-01", periods=10, tz="UTC")
    >>> for fold in windows(index, 4, 2, purge=1):
    ...     print(fold.train, fold.test)
    ((0, 4),) ((5, 7),)
    ((2, 6),) ((7, 9),)
    """
    for name, size in (("train", train), ("test", test), ("step", test if step is None else step)):
        if _moved(index, 0, size, 1, name) < 1:
            raise UsageError(f"{name} must hold at least one bar, not {size!r}", size=size)
    first = _moved(index, 0, train, 1, "train")
    found: list[Fold] = []
    for k in range(_MOST):
        end = _moved(index, first, test if step is None else step, k, "step")
        begin = _moved(index, end, purge, 1, "purge")
        if step is None:  # by the same road as the next begin, so that no bar falls between
            until = _moved(index, _moved(index, first, test, k + 1, "test"), purge, 1, "purge")
        else:
            until = _moved(index, begin, test, 1, "test")
        if until > len(index):
            break
        start = 0 if anchored else _moved(index, 0, test if step is None else step, k, "step")
        if found and begin < found[-1].test[0][1]:
            raise UsageError(
                f"step {step!r} is shorter than test {test!r}: bars would be judged twice",
                step=step,
                test=test,
            )
        found.append(Fold(((start, end),), ((begin, until),)))
    if not found:
        raise UsageError(
            f"not one fold fits: train {train!r}, purge {purge!r} and test {test!r} need more than "
            f"the {len(index):,} bars from {index[0]:%Y-%m-%d} to {index[-1]:%Y-%m-%d}",
            bars=len(index),
            train=train,
            test=test,
        )
    return found


def combinatorial(rows: int, train: int, test: int, purge: int = 0, embargo: int = 0) -> list[Fold]:
    """Return the folds of combinatorial purged cross-validation.

    The bars are cut into ``train + test`` groups of equal length; each choice of `test` of
    them is judged by what is chosen on the others. Source: López de Prado, "Advances in
    Financial Machine Learning", 2018, chapter 12.

    Parameters
    ----------
    rows : int
        How many bars.
    train, test : int
        Numbers of groups.
    purge, embargo : int
        Bars left out of training before a test group, and after one.

    Returns
    -------
    list of Fold
        ``comb(train + test, test)``; the windows of `test` are one per group.

    Raises
    ------
    UsageError
        Sizes that are no counts, too many folds, groups too short.

    Examples
    --------
    >>> folds = combinatorial(12, train=2, test=1, purge=1, embargo=1)
    >>> [fold.train for fold in folds]
    [((5, 12),), ((0, 3), (9, 12)), ((0, 7),)]
    """
    for name, size in (("train", train), ("test", test), ("purge", purge), ("embargo", embargo)):
        least = 0 if name in ("purge", "embargo") else 1
        if not isinstance(size, int) or isinstance(size, bool) or size < least:
            raise UsageError(
                f"{name} must be a count of {'bars' if least == 0 else 'groups'}, at least "
                f"{least}, not {size!r}: combinatorial folds are made of train + test equal groups",
                **{name: size},
            )
    groups = train + test
    if comb(groups, test) > _MOST:
        raise UsageError(
            f"{groups} groups with {test} for testing make {comb(groups, test):,} folds; "
            f"{_MOST:,} are the most",
            folds=comb(groups, test),
        )
    edges = np.linspace(0, rows, groups + 1).astype(int).tolist()
    if min(np.diff(edges)) <= max(2, purge + embargo):
        raise UsageError(
            f"{rows:,} bars in {groups} groups leave {rows // groups} each: too few beside a purge "
            f"of {purge} and an embargo of {embargo}",
            bars=rows,
        )
    found = []
    for chosen in combinations(range(groups), test):
        free = np.ones(rows, dtype=bool)
        for group in chosen:
            free[max(edges[group] - purge, 0) : edges[group + 1] + embargo] = False
        tests = tuple((edges[group], edges[group + 1]) for group in chosen)
        found.append(Fold(_runs(free), tests))
    return found


def path_numbers(folds: list[Fold]) -> NDArray[np.int64]:
    """Return for each fold and each of its test windows the path that it is part of.

    Each group is tested in as many folds as there are paths; its first test belongs to the
    first path, its second to the second: ``comb(groups, test) * test / groups`` paths.

    Examples
    --------
    >>> path_numbers(combinatorial(60, train=4, test=2)).max() + 1
    np.int64(5)
    """
    seen: dict[tuple[int, int], int] = {}
    found = np.zeros((len(folds), len(folds[0].test)), dtype=np.int64)
    for k, fold in enumerate(folds):
        for j, window in enumerate(fold.test):
            found[k, j] = seen.get(window, 0)
            seen[window] = int(found[k, j]) + 1
    return found


def _runs(free: NDArray[np.bool_]) -> tuple[tuple[int, int], ...]:
    edges = np.flatnonzero(np.diff(np.concatenate(([0], free.astype(int), [0]))))
    return tuple((int(a), int(b)) for a, b in zip(edges[::2], edges[1::2], strict=True))


def _moved(index: pd.DatetimeIndex, start: int, size: Size, times: int, name: str) -> int:
    """Return the row that lies `times` sizes behind a row; beyond the last bar is len + 1."""
    if isinstance(size, int) and not isinstance(size, bool):
        if size < 0:
            raise UsageError(f"{name} must not be negative, not {size!r}", **{name: size})
        return min(start + size * times, len(index) + 1)
    if start >= len(index):
        return start if times == 0 else len(index) + 1
    label = index[start] + _offset(size, name) * times if times else index[start]
    row = int(index.searchsorted(label))
    if row < len(index):
        return row
    # A span that ends on the day after the last bar is whole; a long weekend is no day missing.
    ahead = label - index[-1]
    usual = (index[1:] - index[:-1]).max() if len(index) > 1 else pd.Timedelta(0)
    return len(index) if ahead <= usual else len(index) + 1


def _offset(size: Size, name: str) -> pd.DateOffset:
    match = _TEXT.match(size) if isinstance(size, str) else None
    unit = "" if match is None else match[2] if match[2] in _UNITS else match[2].lower()
    if match is None or unit not in _UNITS:
        raise UsageError(
            f"{name} must be a number of bars or a span such as '2y', '6M', '8w' or '90d', not "
            f"{size!r}{nearest(unit, _UNITS) if unit else ''}",
            **{name: size},
        )
    span: dict[str, Any] = {_UNITS[unit]: int(match[1])}
    return pd.DateOffset(**span)
