"""Bars that end when enough has happened, made of trades as they come.

They are those that `workbench.data.resample.resample` makes of the same trades, to the bit.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from workbench.core.bar import Bar
from workbench.core.trade import Trade
from workbench.data.activity import CLOSE_ENOUGH, KINDS
from workbench.errors import UsageError
from workbench.live.market.bar_builder import Growing

__all__ = ["Activity", "ActivityBars"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Activity:
    """What ends a bar in the place of a length of time.

    Parameters
    ----------
    by : {"trades", "volume", "dollars", "range"}
        As `workbench.data.resample.resample` has it.
    size : float
        How much of it.

    Raises
    ------
    UsageError
        The size is not above 0, or such bars are not made of a stream.

    Examples
    --------
    >>> Activity.parse("volume 1000"), Activity.parse("1m")
    (Activity(by='volume', size=1000.0), None)
    >>> str(Activity("dollars", 25_000.0))
    'dollars 25000'
    """

    by: str
    size: float

    def __post_init__(self) -> None:
        if self.by == "renko":
            raise UsageError(
                "renko bars are not made of a stream: keep trades and wb.resample them"
            )
        if not (self.size > 0 and math.isfinite(self.size)):
            raise UsageError(f"bars by {self.by} need a size above 0, not {self.size!r}")

    @classmethod
    def parse(cls, text: object) -> Activity | None:
        """Read ``"trades 500"``, ``"volume 1000"``, ``"dollars 1e6"`` or ``"range 0.5"``.

        None where it is something else, as a timeframe.
        """
        by, _, size = text.strip().partition(" ") if isinstance(text, str) else ("", "", "")
        if by not in KINDS:
            return None
        try:
            return cls(by, float(size))
        except ValueError:
            raise UsageError(f"bars by {by} need a size, as '{by} 1000', not {text!r}") from None

    def __str__(self) -> str:
        return f"{self.by} {self.size:.12g}"


@dataclass(slots=True)
class _Filling:
    """A bar that is not full yet, and the trades of the instant that may not be over."""

    bar: Growing
    amount: float = 0.0
    sizes: list[float] = field(default_factory=list)
    spent: list[float] = field(default_factory=list)


class ActivityBars:
    """Bars by number of trades, volume, money or range.

    Parameters
    ----------
    activity : Activity

    Notes
    -----
    Trades of one instant stay in one bar: it is over with the next trade, or by the clock. A
    trade of an instant that is over comes too late: it is counted in ``late`` and left out.

    Examples
    --------
    >>> made = ActivityBars(Activity("volume", 3.0))
    >>> at = [datetime(2024, 1, 2, 12, 0, second, tzinfo=UTC) for second in range(3)]
    >>> [made.add(Trade("X", time, 10.0, 2.0)) for time in at[:2]]
    [[], []]
    >>> (bar,) = made.add(Trade("X", at[2], 11.0, 2.0))
    >>> bar.volume, bar.time.second, bar.known_at.second
    (4.0, 0, 1)
    """

    def __init__(self, activity: Activity) -> None:
        self.activity = activity
        self.late = 0
        self._enough = activity.size * (1.0 - CLOSE_ENOUGH)
        self._filling: dict[str, _Filling] = {}
        self._done: dict[str, datetime] = {}

    def add(self, trade: Trade) -> list[Bar]:
        """Take a trade in; return the bar that it shows to be over, if there is one."""
        symbol, ended = trade.symbol, []
        filling = self._filling.get(symbol)
        if trade.time <= self._done.get(symbol, _EPOCH) or (
            filling is not None and trade.time < filling.bar.end
        ):
            self.late += 1
            return []
        if filling is not None and trade.time > filling.bar.end:
            ended = self._end_instant(symbol, filling)
        if symbol not in self._filling:
            self._filling[symbol] = _Filling(Growing(trade.time, trade.time))
        filling = self._filling[symbol]
        filling.bar.take((trade.price,) * 4, trade.size)
        filling.bar.end = trade.time
        filling.sizes.append(trade.size)
        filling.spent.append(trade.price * trade.size)
        return ended

    def advance(self, now: datetime) -> list[Bar]:
        """Return the bars that are full by the clock, though no trade came after them."""
        over = [(name, one) for name, one in self._filling.items() if one.bar.end < now]
        return [bar for name, one in over for bar in self._end_instant(name, one)]

    def restart(self, symbols: Iterable[str]) -> dict[str, datetime]:
        """Forget the bars under way, which lack trades after a break; return when they began."""
        gone = {name: self._filling.pop(name) for name in symbols if name in self._filling}
        return {name: one.bar.time for name, one in gone.items()}

    def _end_instant(self, symbol: str, filling: _Filling) -> list[Bar]:
        if self.activity.by == "range":
            filling.amount = filling.bar.high - filling.bar.low
        elif self.activity.by == "trades":
            filling.amount += len(filling.sizes)
        else:
            filling.amount += math.fsum(
                filling.sizes if self.activity.by == "volume" else filling.spent
            )
        filling.sizes, filling.spent = [], []
        if filling.amount < self._enough:
            return []
        del self._filling[symbol]
        self._done[symbol] = filling.bar.end
        return [filling.bar.bar(symbol)]
