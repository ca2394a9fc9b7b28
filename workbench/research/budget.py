"""What a sweep may take: memory, and time."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from workbench.errors import UsageError
from workbench.research.progress import size

if TYPE_CHECKING:
    from workbench.research.grid import Grid

__all__ = ["Budget"]

# Bytes of a point: its statistics, twice where some are left out, and its number; then its place
# among the values of a parameter.
_POINT, _VALUE = 2 * 20 * 8 + 24, 4 * 8

_SIZES = {"": 1, "kib": 2**10, "mib": 2**20, "gib": 2**30, "kb": 10**3, "mb": 10**6, "gb": 10**9}
_SPANS = {"": 1, "s": 1, "sec": 1, "min": 60, "h": 3600}
_NUMBER = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([A-Za-z]*)\s*")


@dataclass(frozen=True)
class Budget:
    """How much a sweep may take.

    Parameters
    ----------
    memory : int
        Bytes at most, beyond the bars and what the process held before.
    seconds : float or None
        After which it ends with what is finished; None runs all points.
    taken : int
        Bytes of the memory that are spoken for.

    Examples
    --------
    >>> Budget.of("64MiB", "1.5 min")
    Budget(memory=67108864, seconds=90.0, taken=0)
    """

    memory: int
    seconds: float | None = None
    taken: int = 0

    @property
    def room(self) -> int:
        """The bytes that are left."""
        return self.memory - self.taken

    def beside(self, grid: Grid) -> Budget:
        """Return what is left beside the table of a grid's points.

        Raises
        ------
        UsageError
            The table alone is more than the budget.
        """
        table = len(grid) * (_POINT + _VALUE * len(grid.values))
        self.check(table, f"the table of {len(grid):,} points", "widen the steps of the grid")
        return replace(self, taken=self.taken + table)

    @classmethod
    def of(cls, memory: Any = "1GiB", time: Any = None) -> Budget:
        """Read what a caller gave: bytes or ``"512MiB"``, seconds or ``"10min"``.

        Raises
        ------
        UsageError
            It is no size, no time span, or not positive.
        """
        held = _read(memory, _SIZES, "memory", '"512MiB", "1GiB" or a number of bytes')
        if time is None:
            return cls(int(held))
        return cls(int(held), _read(time, _SPANS, "time", '"90s", "10min", "2h" or seconds'))

    def check(self, needed: int, what: str, remedy: str) -> None:
        """Refuse what does not fit into the memory.

        Raises
        ------
        UsageError
            `needed` bytes are more than are left.
        """
        if needed > self.room:
            beside = f", beside {size(self.taken)} for the table" if self.taken else ""
            raise UsageError(
                f"{what} needs {size(needed)} of memory{beside}, and the budget is "
                f"{size(self.memory)}: {remedy}, or give "
                f"memory={_rounded(needed + self.taken)!r}",
                needed=needed + self.taken,
                memory=self.memory,
            )


def _read(given: Any, units: dict[str, int], name: str, like: str) -> float:
    amount = math.nan
    if isinstance(given, int | float) and not isinstance(given, bool):
        amount = float(given)
    elif isinstance(given, str):
        match = _NUMBER.fullmatch(given)
        if match and match[2].casefold() in units:
            amount = float(match[1]) * units[match[2].casefold()]
    if not 0 < amount < math.inf:
        raise UsageError(f"{name} may not be {given!r}; give {like}", **{name: given})
    return amount


def _rounded(needed: int) -> str:
    """Return a size that is enough, as it is given: the next step of 1.25."""
    mebibytes = 1.25 ** math.ceil(math.log(max(needed / 2**20, 1), 1.25))
    return f"{math.ceil(mebibytes)}MiB"
