"""What a venue takes: one small frozen class per tariff, each with the one method ``amount``.

Rates are basis points of the notional (``10`` is 0.1 %); a negative one is a rebate. A
market order and a stop pay as taker, a profit limit as maker. Fees are per fill.
"""

# ruff: noqa: ARG002 - all tariffs answer to one signature
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from workbench.costs.checks import at_least, number
from workbench.errors import UsageError

__all__ = ["Bps", "Fee", "MakerTaker", "PerShare", "Tiered"]


@dataclass(frozen=True)
class Bps:
    """A fraction of the notional, the same for maker and taker.

    Parameters
    ----------
    bps : float
        Basis points, above -10,000 and below 10,000.

    Examples
    --------
    >>> Bps(10).amount(100, 50.0)
    5.0
    """

    bps: float = 0.0

    def __post_init__(self) -> None:
        _check_rate(self.bps, "bps")

    def amount(
        self, quantity: float, price: float, *, is_maker: bool = False, traded: float = 0.0
    ) -> float:
        """Return the fee of one fill in money; `is_maker` and `traded` do not matter."""
        return self.bps / 1e4 * price * quantity


@dataclass(frozen=True)
class PerShare:
    """Money per unit, and at least so much per fill.

    Parameters
    ----------
    per_share : float
        In the currency of the price, not negative.
    minimum : float
        Least fee of a fill.

    Examples
    --------
    >>> PerShare(0.005, minimum=1.0).amount(100, 50.0)
    1.0
    """

    per_share: float
    minimum: float = 0.0

    def __post_init__(self) -> None:
        at_least(0.0, self.per_share, "per_share")
        at_least(0.0, self.minimum, "minimum")

    def amount(
        self, quantity: float, price: float, *, is_maker: bool = False, traded: float = 0.0
    ) -> float:
        """Return the fee of one fill in money; only `quantity` matters."""
        return max(self.per_share * quantity, self.minimum)


@dataclass(frozen=True)
class MakerTaker:
    """One rate for orders that rest in the book, one for those that take from it.

    Examples
    --------
    >>> MakerTaker(maker_bps=-1, taker_bps=5).amount(10, 100.0)
    0.5
    """

    maker_bps: float
    taker_bps: float

    def __post_init__(self) -> None:
        _check_rate(self.maker_bps, "maker_bps")
        _check_rate(self.taker_bps, "taker_bps")

    def amount(
        self, quantity: float, price: float, *, is_maker: bool = False, traded: float = 0.0
    ) -> float:
        """Return the fee of one fill in money; `traded` does not matter."""
        return (self.maker_bps if is_maker else self.taker_bps) / 1e4 * price * quantity


@dataclass(frozen=True)
class Tiered:
    """Rates that fall, or rise, with the notional traded so far.

    A fill pays the tier that was reached before it. Nothing is ever forgotten: the
    notional counts from the start of the run, not over the last thirty days.

    Parameters
    ----------
    steps : sequence of (from_notional, maker_bps, taker_bps)
        The first begins at 0, and each later one above the one before.

    Examples
    --------
    >>> fee = Tiered([(0, 10, 20), (10_000, 5, 10)])
    >>> fee.amount(10, 100.0), fee.amount(10, 100.0, traded=10_000.0)
    (2.0, 1.0)
    """

    steps: Sequence[tuple[float, float, float]]

    def __post_init__(self) -> None:
        rows = tuple(self.steps) if isinstance(self.steps, Sequence) else ()
        if not rows or any(not isinstance(row, Sequence) or len(row) != 3 for row in rows):
            raise UsageError(
                "steps must be rows of (from_notional, maker_bps, taker_bps), at least one; "
                f"not {self.steps!r}"
            )
        names = ("from_notional", "maker_bps", "taker_bps")
        steps = tuple(tuple(map(number, row, names)) for row in rows)
        starts = [row[0] for row in steps]
        if starts[0] != 0.0 or any(b <= a for a, b in pairwise(starts)):
            raise UsageError(f"steps must begin at 0 and rise, not at {starts}", steps=starts)
        for _, maker, taker in steps:
            _check_rate(maker, "maker_bps")
            _check_rate(taker, "taker_bps")
        object.__setattr__(self, "steps", steps)

    def amount(
        self, quantity: float, price: float, *, is_maker: bool = False, traded: float = 0.0
    ) -> float:
        """Return the fee of one fill in money; `traded` is the notional before it."""
        reached = [step for step in self.steps if traded >= step[0]][-1]
        return reached[1 if is_maker else 2] / 1e4 * price * quantity


Fee = Bps | PerShare | MakerTaker | Tiered
"""The tariffs there are."""


def _check_rate(value: float, what: str) -> None:
    if not -1e4 < number(value, what) < 1e4:
        raise UsageError(f"{what} must lie between -10,000 and 10,000, not {value!r}", what=what)
