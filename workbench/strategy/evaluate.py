"""Run a strategy's targets and hold them to the contract."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from workbench.errors import UsageError
from workbench.strategy.membership import of_members
from workbench.strategy.rules import stated

if TYPE_CHECKING:
    from workbench.strategy.base import BaseStrategy

__all__ = ["evaluate", "unchecked"]


def evaluate(strategy: BaseStrategy, bars: pd.DataFrame) -> np.ndarray:
    """Return a strategy's targets as an array, checked.

    Parameters
    ----------
    strategy : Strategy
    bars : DataFrame
        The bars contract.

    Returns
    -------
    ndarray
        float64, (rows, symbols), symbols in the order of ``bars["close"]``; NaN is no opinion.
        Yes and no (booleans) become 1 and 0. Where the bars have a column ``member``, targets
        of who is none are 0.

    Raises
    ------
    UsageError
        The strategy runs on events, or its targets have another type, index, shape or symbols
        than the bars, hold something that is no number, or are infinite.

    Examples
    --------
    >>> from workbench.strategy.library import SmaCross
    >>> days = pd.date_range("2024-01-01", periods=6, tz="UTC", name="time")
    >>> bars = pd.DataFrame({"close": [5.0, 4, 3, 4, 5, 6]}, index=days)
    >>> evaluate(SmaCross(fast=2, slow=5), bars).ravel()
    array([nan, nan, nan, nan,  1.,  1.])
    """
    result = unchecked(strategy, bars)
    if np.isinf(result).any():
        row, column = np.argwhere(np.isinf(result))[0]
        symbols = _symbols(bars)
        of = "" if symbols is None else f" of {symbols[column]}"
        raise _refuse(
            strategy.name,
            f"the target{of} at {bars.index[row]} is infinite; NaN means no opinion",
            time=bars.index[row],
        )
    return result


def unchecked(strategy: BaseStrategy, bars: pd.DataFrame) -> np.ndarray:
    """Return what `evaluate` does, without a look for infinite targets."""
    return of_members(_wanted(strategy, bars), bars)


def _wanted(strategy: BaseStrategy, bars: pd.DataFrame) -> np.ndarray:
    targets = getattr(strategy, "targets", None)
    if targets is None or isinstance(strategy, type):
        raise UsageError(
            f"{strategy!r} has no targets: give an object derived from wb.Strategy "
            "(a strategy on events runs in replay and live)",
            strategy=str(strategy),
        )
    _check_count(strategy, bars)
    rule = stated(strategy)
    if rule is not None:
        from workbench.strategy.lines import Lines

        return Lines(bars).targets(rule)
    found = targets(bars)
    if type(found) is pd.Series and found.index is bars.index and bars.columns.nlevels == 1:
        array = found.to_numpy()
        if array.dtype == np.float64:
            return np.ascontiguousarray(array).reshape(-1, 1)
    name = strategy.name
    symbols = _symbols(bars)
    _check_index(name, found, bars.index)
    values = _check_columns(name, found, symbols)
    return _floats(name, values)


def _symbols(bars: pd.DataFrame) -> list[Any] | None:
    if bars.columns.nlevels == 1:
        return None
    return list(bars["close"].columns)


def _check_count(strategy: BaseStrategy, bars: pd.DataFrame) -> None:
    symbols = _symbols(bars)
    count = 1 if symbols is None else len(symbols)
    low, high = strategy.min_symbols, strategy.max_symbols
    if count < low or (high is not None and count > high):
        wanted = f"at least {low}" if high is None else str(low) if low == high else f"{low}-{high}"
        raise _refuse(
            strategy.name,
            f'needs bars of {wanted} symbols, these have {count}; e.g. wb.bars(["AAPL", "MSFT"])',
            symbols=symbols,
        )


def _check_index(name: str, found: Any, index: pd.Index) -> None:
    if not isinstance(found, pd.Series | pd.DataFrame):
        hint = "; does it return something on every path?" if found is None else ""
        raise _refuse(
            name, f"targets returned a {type(found).__name__}, not a Series or DataFrame{hint}"
        )
    if len(found) != len(index):
        raise _refuse(
            name,
            f"targets returned {len(found)} rows for {len(index)} bars; "
            "keep every row, NaN where there is no opinion",
            rows=len(found),
            bars=len(index),
        )
    if found.index is not index and not found.index.equals(index):
        differs = np.flatnonzero(np.asarray(found.index != index))
        at = int(differs[0]) if len(differs) else 0
        raise _refuse(
            name,
            f"the index of the targets is not that of the bars: row {at} is "
            f"{found.index[at]}, not {index[at]}",
            row=at,
        )


def _check_columns(
    name: str, found: pd.Series | pd.DataFrame, symbols: list[Any] | None
) -> pd.DataFrame:
    wide = 1 if symbols is None else len(symbols)
    if isinstance(found, pd.Series):
        if wide != 1:
            raise _refuse(
                name, f"targets returned one Series for {wide} symbols; return a column for each"
            )
        return found.to_frame()
    if symbols is None:
        if found.shape[1] != 1:
            raise _refuse(
                name, f"targets returned {found.shape[1]} columns for one symbol; return a Series"
            )
        return found
    if list(found.columns) == symbols:
        return found
    missing = [s for s in symbols if s not in found.columns]
    extra = [s for s in found.columns if s not in symbols]
    if missing or extra or found.shape[1] != wide:
        raise _refuse(
            name,
            "the columns of the targets are not the symbols of the bars: "
            f"missing {missing or 'none'}, unknown {extra or 'none'}",
            missing=missing,
            unknown=extra,
        )
    return found[symbols]


def _floats(name: str, frame: pd.DataFrame) -> np.ndarray:
    for column, kind in zip(frame.columns, frame.dtypes, strict=True):
        number = pd.api.types.is_numeric_dtype(kind) and not pd.api.types.is_complex_dtype(kind)
        if not number:  # booleans count as numbers, object columns do not
            raise _refuse(
                name,
                f"the targets ({column}) hold {kind}, not numbers; "
                "use .astype(float), NaN where there is no opinion",
                dtype=str(kind),
            )
    return np.ascontiguousarray(frame.to_numpy(dtype=np.float64, na_value=np.nan))


def _refuse(name: str, why: str, **facts: Any) -> UsageError:
    return UsageError(f"{name}: {why}", strategy=name, **facts)
