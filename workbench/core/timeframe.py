"""The length of a bar."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta

from workbench.errors import UsageError

__all__ = ["Timeframe"]

_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_WORDS = {"min": "m", "t": "m", "hour": "h", "day": "d", "week": "w", "month": "M", "mo": "M"}
_TEXT = re.compile(r"^\s*(\d*)\s*([A-Za-z]+)\s*$")


@dataclass(frozen=True, order=False)
class Timeframe:
    """A bar's length: a count of seconds, minutes, hours, days, weeks or months.

    Parameters
    ----------
    count : int
        How many units, at least 1.
    unit : {"s", "m", "h", "d", "w", "M"}
        ``m`` is a minute and ``M`` a calendar month.

    Examples
    --------
    >>> Timeframe.parse("5min"), str(Timeframe.parse("1D"))
    (Timeframe(count=5, unit='m'), '1d')
    >>> Timeframe.parse("1h").delta
    datetime.timedelta(seconds=3600)
    """

    count: int
    unit: str

    def __post_init__(self) -> None:
        if self.count < 1 or (self.unit not in _SECONDS and self.unit != "M"):
            raise UsageError(
                f"no such timeframe: {self.count}{self.unit}; use e.g. '1m', '1h', '1d', '1w', '1M'"
            )

    @classmethod
    def parse(cls, text: str | Timeframe) -> Timeframe:
        """Read ``"1m"``, ``"15min"``, ``"1h"``, ``"1d"``, ``"1w"`` or ``"1M"``.

        Raises
        ------
        UsageError
            The text names no timeframe.
        """
        if isinstance(text, Timeframe):
            return text
        match = _TEXT.match(text) if isinstance(text, str) else None
        if match is None:
            raise UsageError(f"no such timeframe: {text!r}; use e.g. '1m', '1h', '1d', '1w', '1M'")
        count, unit = int(match[1] or 1), match[2]
        if unit != "M":
            unit = _WORDS.get(unit.lower().rstrip("s") or "s", unit.lower())
        return cls(count, unit)

    @property
    def delta(self) -> timedelta:
        """The nominal length; a month counts as 30 days."""
        if self.unit == "M":
            return timedelta(days=30 * self.count)
        return timedelta(seconds=self.count * _SECONDS[self.unit])

    @property
    def is_intraday(self) -> bool:
        """Whether the bar is shorter than a day, hence labelled with its opening instant."""
        return self.unit in "smh" and self.delta < timedelta(days=1)

    def __str__(self) -> str:
        return f"{self.count}{self.unit}"

    def __lt__(self, other: Timeframe) -> bool:
        return self.delta < other.delta
