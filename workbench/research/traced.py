"""Points of a sweep whose targets are read as rules.

The targets of each point are read by `workbench.strategy.recorded`, in the time of a few
calls, and go to the kernels of rules with the others that have the same program. Control flow
on parameters is the strategy's business: each point is read anew. A point that cannot be
read is left, to be asked for its targets.

Before anything is read that counts, some points are read and asked as well. Where the
targets differ in a bit nothing is read, and the sweep says so.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from workbench.errors import WorkbenchError
from workbench.kernels.families import known_from
from workbench.kernels.sweep_signals import AND, FLAT, GE, GT, KEEP, LONG, SHORT, Rules, signals
from workbench.strategy.evaluate import unchecked
from workbench.strategy.lines import Lines
from workbench.strategy.readable import is_readable
from workbench.strategy.recorded import Reading, Said, Unread

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from workbench.research.grid import Grid
    from workbench.strategy.base import Strategy
    from workbench.strategy.rules import Line

    Floats = NDArray[np.float64]
    Integers = NDArray[np.int64]

__all__ = ["Tracing"]

_PART = 4096  # points that share their rows
_FEWEST_ROWS = 8
_DRAWN = 2  # points that are compared, beside the first and the last
# What the strategy's code may raise, or an indicator on what it was given.
_FAILURES = (WorkbenchError, ArithmeticError, AttributeError, LookupError, TypeError, ValueError)
_TARGETS = np.empty(4)
_TARGETS[[KEEP, LONG, FLAT, SHORT]] = np.nan, 1.0, 0.0, -1.0


class _Point(NamedTuple):
    number: int
    said: Said


class Tracing:
    """Reads the targets of points.

    Parameters
    ----------
    grid : Grid
    bars : DataFrame
        That strategies are shown.
    rows : int
        Of indicators at a time.

    Attributes
    ----------
    is_trusted : bool
        Whether what was read of some points are their targets to the bit.
    told : str
        What came of it, for people.
    left : list of int
        Points that could not be read.
    """

    def __init__(self, grid: Grid, bars: pd.DataFrame, rows: int) -> None:
        self._grid, self._bars, self._most = grid, bars, rows
        floats = self._bars.dtypes == np.float64
        self._columns = [name for name in self._bars.columns[floats] if type(name) is str]
        self.is_trusted, self.told, self.left = False, "", list[int]()

    @classmethod
    def of(cls, grid: Grid, bars: pd.DataFrame, points: Integers, most: int) -> Tracing | None:
        """Compare some points; return None where nothing of them can be read.

        Parameters
        ----------
        grid : Grid
        bars : DataFrame
        points : ndarray of int
            That are to be read.
        most : int
            Bytes of rows at a time.
        """
        rows = most // (8 * len(bars))
        is_one = bars.columns.nlevels == 1 and bars.columns.is_unique
        if rows < _FEWEST_ROWS or not is_one or not is_readable(type(grid.base)):
            return None
        made = cls(grid, bars, rows)
        drawn = random.Random(len(points)).sample(points.tolist(), min(_DRAWN, len(points)))  # noqa: S311
        compared, differs = 0, None
        for k in dict.fromkeys([int(points[0]), int(points[-1]), *drawn]):
            same = made._is_same(k)
            compared += same is not None
            differs = k if same is False else differs
        if not compared:
            return None
        made.is_trusted = differs is None
        if differs is None:
            made.told = (
                f"traced: targets were read as rules, and {compared} points compared to the bit "
                "with what the strategy computes"
            )
        else:
            made.told = (
                f"not traced: what was read of {grid.strategy(differs)!r} is not what it computes; "
                "every point was asked for its targets"
            )
            made.left = points.tolist()
        return made

    def _is_same(self, k: int) -> bool | None:
        """Tell whether what is read of a point are its targets; None where nothing is."""
        reading, strategy = Reading(self._columns), self._grid.strategy(k)
        said = _read(reading, strategy)
        if said is None:
            return None
        try:
            wanted = unchecked(strategy, self._bars.copy(deep=False)).ravel()
            [(_, rules)] = self._ruled([_Point(k, said)], reading.lines)
        except _FAILURES:
            return None
        codes = np.zeros(len(wanted), np.uint8)
        stack = np.zeros((len(rules.program), len(wanted)), np.uint8)
        signals(0, 0, rules, stack, codes)
        return np.array_equal(_TARGETS[codes], wanted, equal_nan=True)

    def parts(self, numbers: Integers) -> Iterator[tuple[Integers, Rules]]:
        """Read points and yield them with their rules; those that cannot be are `left`."""
        reading, points, asked = Reading(self._columns), list[_Point](), 0
        for k in numbers.tolist():
            said = _read(reading, self._grid.strategy(k))
            if said is None:
                self.left.append(k)
                continue
            points.append(_Point(k, said))
            asked = max(asked, len(said.operands))
            if len(points) == _PART or len(reading.lines) + asked > self._most:
                yield from self._part(points, reading.lines)
                reading, points = Reading(self._columns), []
        yield from self._part(points, reading.lines)

    def _part(
        self, points: Sequence[_Point], lines: Sequence[Line]
    ) -> Iterator[tuple[Integers, Rules]]:
        if not points:
            return
        try:
            yield from self._ruled(points, lines)
        except _FAILURES:  # an indicator refuses a parameter: find the points that gave it
            if len(points) == 1:
                self.left.append(points[0].number)
                return
            middle = len(points) // 2
            yield from self._part(points[:middle], lines)
            yield from self._part(points[middle:], lines)

    def _ruled(
        self, points: Sequence[_Point], lines: Sequence[Line]
    ) -> list[tuple[Integers, Rules]]:
        """Return the points of each program with their rules."""
        groups: dict[tuple[tuple[int, ...], ...], list[_Point]] = defaultdict(list)
        for point in points:
            groups[point.said.programs].append(point)
        given = {p: [point.said.operands for point in group] for p, group in groups.items()}
        used = sorted({x for g in given.values() for o in g for x in o if type(x) is int})
        table, first = self._table([lines[number] for number in used])
        at = {number: row for row, number in enumerate(used)}
        found = []
        for programs, group in groups.items():
            operands = given[programs]
            rows = [[at[x] if type(x) is int else -1 for x in o] for o in operands]
            numbers = [[0.0 if type(x) is int else x for x in o] for o in operands]
            program, ends = _program(programs)
            rules = Rules(
                table, first, program, ends, np.array(rows, np.int64), np.array(numbers), True
            )
            found.append((np.array([point.number for point in group], np.int64), rules))
        return found

    def _table(self, lines: list[Line]) -> tuple[Floats, Integers]:
        table, first = np.empty((len(lines), len(self._bars))), np.zeros(len(lines), np.int64)
        Lines(self._bars).write(lines, table)
        for row in range(len(lines)):
            if not known_from(table[row : row + 1], first[row : row + 1]):
                first[row] = table.shape[1]
        return table, first


def _read(reading: Reading, strategy: Strategy) -> Said | None:
    try:
        return reading.read(strategy.targets)
    except (Unread, *_FAILURES):
        return None


def _program(programs: tuple[tuple[int, ...], ...]) -> tuple[Integers, Integers]:
    """Return operations with the places of their operands, and where the programs end."""
    steps, ends, count = list[tuple[int, int, int]](), list[int](), 0
    for program in programs:
        for op in program:
            takes = 2 if op in (GT, GE) else 1 if op < AND else 0
            steps.append((op, count, count + takes - 1) if takes else (op, 0, 0))
            count += takes
        ends.append(len(steps))
    return np.array(steps, np.int64), np.array(ends, np.int64)
