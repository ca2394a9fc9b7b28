"""A rule for all points of a grid at once, ready for the kernels.

The rule is asked for once with the swept parameters left open. A rule that passes them on,
as ``wb.rules.sma(self.fast)`` does, is then the same for all points but for its operands.
One that computes with them, or looks at them, cannot be had this way, and the strategy is
asked for its targets point by point.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from workbench.errors import WorkbenchError
from workbench.kernels.families import known_from
from workbench.kernels.sweep_signals import AND, GE, GT, NOT, OR, Rules
from workbench.strategy.lines import Lines
from workbench.strategy.rules import (
    Compared,
    Condition,
    Joined,
    Line,
    Negated,
    Rule,
    Slot,
    lines,
    stated,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from workbench.research.grid import Grid

__all__ = ["Template"]

_OPEN_ENDED = (TypeError, ValueError, AttributeError, LookupError, ArithmeticError, WorkbenchError)


@dataclass(frozen=True, eq=False)
class Template:
    """A rule whose operands depend on the point.

    Parameters
    ----------
    rule : Rule
        With a `Slot` for each swept parameter.
    operands : tuple
        What it compares: lines, numbers, slots.
    program, ends : ndarray
        As in ``workbench.kernels.sweep_signals.Rules``.
    """

    rule: Rule
    operands: tuple[Any, ...]
    program: NDArray[np.int64]
    ends: NDArray[np.int64]

    @classmethod
    def of(cls, grid: Grid) -> Template | None:
        """Return the template of a grid's strategy, None where it has none."""
        if stated(grid.strategy(0)) is None or not _are_plain(grid.values):
            return None
        open_ended = object.__new__(type(grid.base))
        open_ended.__dict__.update(grid.base.params | {n: Slot(n) for n in grid.values})
        try:
            rule = open_ended.rule()
        except _OPEN_ENDED:
            return None
        # What a rule hides from a slot, an `isinstance` for one, shows at the points themselves.
        for k in {0, len(grid) // 2, len(grid) - 1}:
            point = dict(zip(grid.values, grid.point(k), strict=True))
            if filled(rule, point) != stated(grid.strategy(k)):
                return None
        parts = [c for c in (rule.long, rule.short, rule.flat) if c is not None]
        operands = tuple(line for part in parts for line in lines(part))
        program, ends, count = [], [], 0
        for part in (rule.long, rule.short, rule.flat):
            if part is not None:
                steps, count = _compiled(part, count)
                program += steps
            ends.append(len(program))
        return cls(rule, operands, np.array(program, np.int64), np.array(ends, np.int64))

    def slots(self, operand: Any) -> tuple[str, ...]:
        """Return the swept parameters an operand depends on."""
        return tuple(dict.fromkeys(_slots(operand)))

    def rules(self, at: Mapping[str, NDArray[np.int64]], grid: Grid, found: Lines) -> Rules | None:
        """Return what the kernels are told of some points, None where a line has gaps inside.

        Parameters
        ----------
        at : mapping
            Per swept parameter the place of its value, for each point.
        grid : Grid
        found : Lines
            Of one symbol.
        """
        points = len(next(iter(at.values())))
        rows = np.full((points, len(self.operands)), -1, np.int64)
        numbers = np.zeros((points, len(self.operands)))
        table: dict[Line, int] = {}
        for s, operand in enumerate(self.operands):
            names = self.slots(operand)
            sizes = [len(grid.values[name]) for name in names]
            keys = np.zeros(points, np.int64)
            for name, size in zip(names, sizes, strict=True):
                keys = keys * size + at[name]
            known, where = np.unique(keys, return_inverse=True)
            row, number = np.full(len(known), -1), np.zeros(len(known))
            for i, key in enumerate(known):
                places = np.unravel_index(int(key), sizes) if names else ()
                point = {n: grid.values[n][int(v)] for n, v in zip(names, places, strict=True)}
                value = filled(operand, point)
                if isinstance(value, Line):
                    row[i] = table.setdefault(value, len(table))
                else:
                    number[i] = float(value)
            rows[:, s], numbers[:, s] = row[where], number[where]
        return self._stacked(table, rows, numbers, found)

    def _stacked(
        self,
        table: dict[Line, int],
        rows: NDArray[np.int64],
        numbers: NDArray[np.float64],
        found: Lines,
    ) -> Rules | None:
        bars = found.shape[0]
        stacked = np.empty((len(table), bars))
        first = np.zeros(len(table), np.int64)
        found.write(list(table), stacked)
        if not known_from(stacked, first):
            return None
        return Rules(stacked, first, self.program, self.ends, rows, numbers)


def filled(node: Any, point: Mapping[str, Any]) -> Any:
    """Return a rule, or a part of one, with the values of a point in the place of its slots."""
    if isinstance(node, Slot):
        return point[node.name]
    if isinstance(node, tuple):
        return tuple(filled(part, point) for part in node)
    if is_dataclass(node) and not isinstance(node, type):
        return replace(node, **{f.name: filled(getattr(node, f.name), point) for f in fields(node)})
    return node


def _slots(node: Any) -> Iterator[str]:
    if isinstance(node, Slot):
        yield node.name
    elif isinstance(node, tuple):
        for part in node:
            yield from _slots(part)
    elif is_dataclass(node) and not isinstance(node, type):
        for f in fields(node):
            yield from _slots(getattr(node, f.name))


def _are_plain(values: Mapping[str, tuple[Any, ...]]) -> bool:
    return all(type(v) in (int, float) for given in values.values() for v in given)


def _compiled(condition: Condition, count: int) -> tuple[list[tuple[int, int, int]], int]:
    """Return the program of a condition and the number of the next operand."""
    if isinstance(condition, Compared):
        left, right = count, count + 1
        op = GT if condition.how in (">", "<") else GE
        swapped = condition.how in ("<", "<=")
        return [(op, right, left) if swapped else (op, left, right)], count + 2
    if isinstance(condition, Negated):
        steps, count = _compiled(condition.of, count)
        return [*steps, (NOT, 0, 0)], count
    assert isinstance(condition, Joined)  # noqa: S101 - there is no other kind
    first, count = _compiled(condition.left, count)
    second, count = _compiled(condition.right, count)
    return [*first, *second, (AND if condition.how == "&" else OR, 0, 0)], count
