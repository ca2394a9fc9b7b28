"""Declared lines and rules, computed on bars."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from workbench.errors import UsageError
from workbench.indicators import catalog
from workbench.indicators.compute import compute
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
    """The columns of bars of one or several symbols, and what was computed from them.

    Parameters
    ----------
    columns : dict of str to ndarray
        Field to (T, N), float64.
    kept : dict
        Line and symbol to its values; a line that comes twice is computed once.
    """

    columns: dict[str, Floats]
    kept: dict[tuple[Line, int], Floats] = field(default_factory=dict)

    @classmethod
    def of(cls, bars: pd.DataFrame) -> Lines:
        """Read bars."""
        found = {}
        for name in bars.columns.get_level_values(0).unique():
            part = bars[name]
            values = part.to_numpy(dtype=np.float64, na_value=np.nan)
            found[str(name)] = values[:, None] if part.ndim == 1 else values
        return cls(found)

    @property
    def shape(self) -> tuple[int, int]:
        """Bars and symbols."""
        first = next(iter(self.columns.values()))
        return first.shape[0], first.shape[1]

    def values(self, line: Line, j: int) -> Floats:
        """Return a line of symbol `j`, (T,)."""
        found = self.kept.get((line, j))
        if found is None:
            found = self.kept[line, j] = self._compute(line, j)
        return found

    def targets(self, rule: Rule) -> Floats:
        """Return the targets of a rule, (T, N)."""
        bars, count = self.shape
        weight = 1.0 / count if rule.shared else 1.0
        found = np.empty((bars, count))
        for j in range(count):
            found[:, j] = self._targets(rule, j) * weight
        return found

    def _targets(self, rule: Rule, j: int) -> Floats:
        bars = self.shape[0]
        nowhere = np.zeros(bars, bool)
        answers = [
            (nowhere, ~nowhere) if condition is None else self.answer(condition, j)
            for condition in (rule.long, rule.short, rule.flat)
        ]
        (long, long_known), (short, short_known), (flat, flat_known) = answers
        if rule.flat is None:
            target = np.where(long, 1.0, np.where(short, -1.0, 0.0))
            target[~(long_known & short_known)] = np.nan
            return target
        target = np.full(bars, np.nan)
        target[flat & flat_known] = 0.0
        target[short & short_known] = -1.0
        target[long & long_known] = 1.0
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
        if name not in self.columns:
            raise UsageError(
                f"the bars have no column {name}; they have {', '.join(self.columns)}", column=name
            )
        return np.ascontiguousarray(self.columns[name][:, j])

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
                given = [self._column(n, j) for n in spec.inputs]
                if of is not None:
                    given = [self.values(of, j)]
                return compute(spec, given, params)[output]
        raise UsageError(f"no line a rule knows: {line!r}")


def pandas_targets(rule: Rule, bars: pd.DataFrame) -> pd.Series | pd.DataFrame:
    """Return the targets of a rule as ``Strategy.targets`` does."""
    values = Lines.of(bars).targets(rule)
    if bars.columns.nlevels == 1:
        return pd.Series(values[:, 0], index=bars.index, name="targets")
    return pd.DataFrame(values, index=bars.index, columns=bars["close"].columns)
