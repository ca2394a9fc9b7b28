"""How entries may be filled other than at the market."""

from __future__ import annotations

from dataclasses import dataclass

from workbench.costs.checks import number
from workbench.errors import UsageError
from workbench.kernels.codes import EntryCode

__all__ = ["Limit"]


@dataclass(frozen=True)
class Limit:
    """Entries rest at a limit price instead of going to the market; given as ``fill=``.

    An order that opens a position or adds to one is a limit order from the next bar on; one that
    reduces, closes or turns a position goes to the market at the next open, as ever. The rules
    are in docs/fills.md.

    Parameters
    ----------
    offset : float
        The limit's distance from the close that decided, as a fraction of it: a buy below it,
        a sell above. At least 0 and below 1.
    good_for : int
        Bars after which what was not filled expires.
    touch : bool
        Whether a bar whose extreme is just the limit fills it. Without it, the default, prices
        must go through: there is a queue at every price, and nobody knows one's place in it.

    Raises
    ------
    UsageError
        A value out of its range.

    Examples
    --------
    >>> import workbench as wb
    >>> bars = wb.bars("AAPL", start="2010", end="2012")
    >>> patient = wb.backtest(wb.strategies.SmaCross(), bars, fill=Limit(0.01, good_for=5),
    ...                       record=False)
    >>> patient.orders["type"].unique().tolist()
    ['limit', 'market']
    """

    offset: float = 0.0
    good_for: int = 1
    touch: bool = False

    def __post_init__(self) -> None:
        if not 0.0 <= number(self.offset, "offset") < 1.0:
            raise UsageError(
                f"offset must be at least 0 and below 1, as a fraction of the close, not "
                f"{self.offset!r}",
                offset=self.offset,
            )
        if isinstance(self.good_for, bool) or self.good_for != int(
            number(self.good_for, "good_for")
        ):
            raise UsageError(f"good_for must be a number of bars, not {self.good_for!r}")
        if self.good_for < 1:
            raise UsageError(f"good_for must be at least one bar, not {self.good_for!r}")

    def code(self) -> EntryCode:
        """Return the named tuple that kernels compute with."""
        return EntryCode(float(self.offset), float(self.good_for), float(self.touch))
