"""What holding costs: the rates of borrowed shares and cash, and the price of a margin call."""

from __future__ import annotations

from dataclasses import dataclass

from workbench.costs.checks import at_least, number

__all__ = ["Financing"]


@dataclass(frozen=True, kw_only=True)
class Financing:
    """Annual rates in basis points, by the calendar time between closes over 365 days.

    They are charged at the start of a bar, before its open fills anything, for the time from the
    close before to the close of this bar: on what was held, and on the cash there was, at the
    close before. What is bought and sold within a bar costs nothing. A liquidation is charged once,
    with its fee.

    Parameters
    ----------
    borrow_bps : float
        Paid on the value of shorts at the last close.
    margin_bps : float
        Paid on cash below zero.
    cash_bps : float
        Received on cash above zero, the proceeds of shorts included; may be negative.
    liquidation_bps : float
        Paid on the notional of what is liquidated (``wb.Sizing(maintenance=…)``), beside the fee.

    Raises
    ------
    UsageError
        A rate that is no finite number, or a cost below 0.

    Examples
    --------
    >>> round(Financing(margin_bps=500).interest(-10_000.0, 3 / 365), 6)  # over a weekend
    -4.109589
    """

    borrow_bps: float = 0.0
    margin_bps: float = 0.0
    cash_bps: float = 0.0
    liquidation_bps: float = 0.0

    def __post_init__(self) -> None:
        at_least(0.0, self.borrow_bps, "borrow_bps")
        at_least(0.0, self.margin_bps, "margin_bps")
        number(self.cash_bps, "cash_bps")
        at_least(0.0, self.liquidation_bps, "liquidation_bps")

    @property
    def is_free(self) -> bool:
        """Whether no time is ever charged for."""
        return not (self.borrow_bps or self.margin_bps or self.cash_bps)

    def interest(self, cash: float, years: float) -> float:
        """Return what an amount of cash earns; negative is a charge."""
        bps = self.margin_bps if cash < 0 else self.cash_bps
        return cash * bps / 1e4 * years

    def borrow(self, units: float, price: float, years: float) -> float:
        """Return what a holding costs to borrow, as a negative amount; 0 for what is long."""
        return min(units, 0.0) * price * self.borrow_bps / 1e4 * years

    def liquidation(self, notional: float) -> float:
        """Return what a liquidation of so much money is charged beside its fee."""
        return notional * self.liquidation_bps / 1e4
