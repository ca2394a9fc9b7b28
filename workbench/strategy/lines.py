"""Declared lines and rules, computed on bars."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from workbench.errors import UsageError
from workbench.indicators import catalog
from workbench.indicators.compute import compute
from workbench.indicators.families import FAMILIES, fill
from workbench.strategy.rules import (
    Compared,
    Condition,
    Field,
    Indicator,
    Joined,
    Line,
    Negated,
    Rule,
    Shifted,
    lines,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Flags = NDArray[np.bool_]

__all__ = ["Lines", "pandas_targets"]

_COMPARE = {">": np.greater, ">=": np.greater_equal, "<": np.less, "<=": np.less_equal}


@dataclass(frozen=True, eq=False)
class Lines:
    """Bars of one or several symbols, and what was computed from them.

    Parameters
    ----------
    bars : DataFrame
    kept : dict
        Line and symbol to its values; a line that comes twice is computed once.
    """

    bars: pd.DataFrame
    kept: dict[tuple[Line, int], Floats] = field(default_factory=dict)

    @property
    def shape(self) -> tuple[int, int]:
        """Bars and symbols."""
        is_single = self.bars.columns.nlevels == 1
        return len(self.bars), 1 if is_single else self.bars["close"].shape[1]

    def values(self, line: Line, j: int) -> Floats:
        """Return a line of symbol `j`, (T,)."""
        found = self.kept.get((line, j))
        if found is None:
            found = self.kept[line, j] = self._compute(line, j)
        return found

    def write(self, wanted: Sequence[Line], table: Floats) -> None:
        """Write lines of one symbol into the rows of a table, (lines, T); nothing is kept.

        Averages, sums, extremes and relative strengths of one column are computed together.
        """
        families: dict[tuple[str, Line | None], dict[int, int]] = defaultdict(dict)
        alone = []
        for r, line in enumerate(wanted):
            if isinstance(line, Indicator) and line.name in FAMILIES:
                families[line.name, line.of][line.params[0]] = r
            else:
                alone.append(r)
        for (name, of), rows in families.items():
            if not fill(name, self._given(name, of, 0)[0], rows, table):
                alone += rows.values()
        for r in alone:
            table[r] = self.values(wanted[r], 0)
            self.kept.clear()

    def targets(self, rule: Rule) -> Floats:
        """Return the targets of a rule, (T, N): 1 long, -1 short, 0 flat, NaN no opinion.

        Examples
        --------
        >>> from workbench.strategy import rules
        >>> days = pd.date_range("2024-01-01", periods=5, tz="UTC", name="time")
        >>> bars = pd.DataFrame({"close": [5.0, 4, 3, 4, 5]}, index=days)
        >>> Lines(bars).targets(rules.hold(rules.close > rules.sma(2))).ravel()
        array([nan,  0.,  0.,  1.,  1.])
        """
        bars, count = self.shape
        if count == 1:
            return self._targets(rule, 0)[:, None]
        found = np.empty((bars, count))
        for j in range(count):
            found[:, j] = self._targets(rule, j)
        return found / count if rule.shared else found

    def _targets(self, rule: Rule, j: int) -> Floats:
        if rule.flat is None:
            return self._held(rule, j)
        target = np.full(self.shape[0], np.nan)
        for condition, value in ((rule.flat, 0.0), (rule.short, -1.0), (rule.long, 1.0)):
            if condition is not None:
                holds, known = self.answer(condition, j)
                target[holds & known] = value
        return target

    def _held(self, rule: Rule, j: int) -> Floats:
        if rule.short is None and rule.long is not None:
            holds, known = self.answer(rule.long, j)
            target = holds.astype(np.float64)
        else:
            target = np.zeros(self.shape[0])
            known = np.ones(len(target), bool)
            for condition, value in ((rule.short, -1.0), (rule.long, 1.0)):
                if condition is not None:
                    holds, also = self.answer(condition, j)
                    np.copyto(target, value, where=holds)
                    known &= also
        np.copyto(target, np.nan, where=~known)
        return target

    def answer(self, condition: Condition, j: int) -> tuple[Flags, Flags]:
        """Return where a condition holds for symbol `j` and where it is known."""
        known = np.ones(self.shape[0], bool)
        for line in lines(condition):
            if isinstance(line, Line):
                known &= ~np.isnan(self.values(line, j))
        return self._holds(condition, j), known

    def _holds(self, condition: Condition, j: int) -> Flags:
        match condition:
            case Compared(left, how, right):
                other = self.values(right, j) if isinstance(right, Line) else float(right)
                found: Flags = _COMPARE[how](self.values(left, j), other)
                return found
            case Joined(left, "&", right):
                return self._holds(left, j) & self._holds(right, j)
            case Joined(left, _, right):
                return self._holds(left, j) | self._holds(right, j)
            case Negated(of):
                return ~self._holds(of, j)
        raise UsageError(f"no condition a rule knows: {condition!r}")

    def _column(self, name: str, j: int) -> Floats:
        known = self.bars.columns.get_level_values(0)
        if name not in known:
            raise UsageError(
                f"the bars have no column {name}; they have {', '.join(map(str, known.unique()))}",
                column=name,
            )
        part: Any = self.bars[name]
        column: pd.Series = part if part.ndim == 1 else part.iloc[:, j]
        if column.dtype == np.float64:
            return np.ascontiguousarray(column.to_numpy())
        return column.to_numpy(dtype=np.float64, na_value=np.nan)

    def _given(self, name: str, of: Line | None, j: int) -> list[Floats]:
        """Return what an indicator is computed from."""
        if of is not None:
            return [self.values(of, j)]
        return [self._column(n, j) for n in catalog.spec(name).inputs]

    def _compute(self, line: Line, j: int) -> Floats:
        match line:
            case Field(name):
                return self._column(name, j)
            case Shifted(of, bars):
                values = self.values(of, j)
                shifted = np.full(len(values), np.nan)
                shifted[bars:] = values[: len(values) - bars]
                return shifted
            case Indicator(name, params, of, output):
                spec: Any = catalog.spec(name)
                return compute(spec, self._given(name, of, j), params)[output]
        raise UsageError(f"no line a rule knows: {line!r}")


def pandas_targets(rule: Rule, bars: pd.DataFrame) -> pd.Series | pd.DataFrame:
    """Return the targets of a rule as ``Strategy.targets`` does."""
    values = Lines(bars).targets(rule)
    if bars.columns.nlevels == 1:
        return pd.Series(values[:, 0], index=bars.index, name="targets")
    return pd.DataFrame(values, index=bars.index, columns=bars["close"].columns)
