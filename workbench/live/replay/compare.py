"""Whether two runs gave the same orders and the same fills, row by row, to the bit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from workbench.backtest.result import Result

__all__ = ["Comparison", "compare"]


@dataclass(frozen=True, eq=False)
class Comparison:
    """Two runs side by side.

    Parameters
    ----------
    table : DataFrame
        A row per frame (``orders``, ``fills``): the rows on both sides, and how many differ.
    first : str
        The first difference in words; ``""`` where there is none.
    """

    table: pd.DataFrame
    first: str = ""

    @property
    def ok(self) -> bool:
        """Whether nothing differs."""
        return not self.first

    def __str__(self) -> str:
        verdict = "the same" if self.ok else self.first
        return f"{self.table.to_string()}\n{verdict}"


def compare(one: Result, other: Result) -> Comparison:
    """Compare orders and fills of two runs row by row; a float must be the same to the bit.

    Parameters
    ----------
    one, other : Result
        A backtest and its replay, say.

    Returns
    -------
    Comparison
        ``.ok``, ``.table`` and ``.first``, the first difference in words.

    Examples
    --------
    >>> import workbench as wb
    >>> result = wb.backtest(wb.strategies.SmaCross(), wb.bars("IBM", start="2011"), record=False)
    >>> compare(result, result).ok
    True
    """
    rows, first = {}, ""
    for name in ("orders", "fills"):
        left, right = getattr(one, name), getattr(other, name)
        count, found = _differences(left, right, f"{name[:-1]}", (one.kind, other.kind))
        rows[name] = {one.kind: len(left), f"{other.kind} ": len(right), "different": count}
        first = first or found
    table = pd.DataFrame(rows).T
    table.columns = [one.kind, other.kind, "different"]
    return Comparison(table, first)


def _differences(
    left: pd.DataFrame, right: pd.DataFrame, what: str, kinds: tuple[str, str]
) -> tuple[int, str]:
    shared = min(len(left), len(right))
    if list(left.columns) != list(right.columns):
        return max(len(left), len(right)), f"the columns of the {what}s differ"
    unequal = np.zeros(shared, dtype=bool)
    columns: dict[str, np.ndarray] = {}
    for name in left.columns:
        columns[name] = ~_equal(left[name].iloc[:shared], right[name].iloc[:shared])
        unequal |= columns[name]
    count = int(unequal.sum()) + abs(len(left) - len(right))
    if unequal.any():
        row = int(np.argmax(unequal))
        name = next(name for name, differs in columns.items() if differs[row])
        return count, (
            f"{what} {row}: {name} is {_shown(left[name].iloc[row])} in the {kinds[0]} and "
            f"{_shown(right[name].iloc[row])} in the {kinds[1]}"
        )
    if count:
        longer = kinds[0] if len(left) > len(right) else kinds[1]
        return count, f"the {longer} has {count} {what}s more, from row {shared} on"
    return 0, ""


def _equal(left: pd.Series, right: pd.Series) -> np.ndarray:
    a, b = left.to_numpy(), right.to_numpy()
    both_missing = pd.isna(left).to_numpy() & pd.isna(right).to_numpy()
    return np.asarray(np.equal(a, b) | both_missing, dtype=bool)


def _shown(value: Any) -> str:
    return repr(float(value)) if isinstance(value, (float, np.floating)) else str(value)
