"""All that trading costs, as one frozen object."""

from __future__ import annotations

from dataclasses import dataclass, field

from workbench.costs import fees
from workbench.costs import slippage as slippages
from workbench.costs.checks import at_least, number
from workbench.costs.financing import Financing
from workbench.errors import UsageError, nearest

__all__ = ["Costs"]


@dataclass(frozen=True, kw_only=True)
class Costs:
    """Fees, slippage, financing, and how much of a bar may be had.

    Parameters
    ----------
    fee : Bps, PerShare, MakerTaker or Tiered
        See ``wb.fees``.
    slippage_bps : float
        Short for ``slippage=wb.slippage.Bps(…)``; only one of the two may be given.
    slippage : Bps, Fixed or VolumeShare, optional
        See ``wb.slippage``.
    max_participation : float, optional
        At most this fraction of a bar's volume is filled; None is no cap.
    remainder : {"wait", "expire"}
        What becomes of the part of an order that the cap leaves over.
    financing : Financing
        Borrow fee and interest, see ``wb.financing``.

    Raises
    ------
    UsageError
        A value out of its range, or no such fee, slippage or remainder.

    Examples
    --------
    >>> Costs(fee=fees.Bps(10), max_participation=0.05).fill_price(100.0, 1)
    100.0
    """

    fee: fees.Fee = field(default_factory=fees.Bps)
    slippage_bps: float = 0.0
    slippage: slippages.Slippage | None = None
    max_participation: float | None = None
    remainder: str = "wait"
    financing: Financing = field(default_factory=Financing)

    def __post_init__(self) -> None:
        if not isinstance(self.fee, fees.Fee):
            raise UsageError(
                f"fee must be one of wb.fees: Bps, PerShare, MakerTaker, Tiered; not {self.fee!r}"
            )
        if self.slippage is not None and not isinstance(self.slippage, slippages.Slippage):
            raise UsageError(
                "slippage must be one of wb.slippage: Bps, Fixed, VolumeShare; "
                f"not {self.slippage!r}"
            )
        if not isinstance(self.financing, Financing):
            raise UsageError(f"financing must be a wb.financing.Financing, not {self.financing!r}")
        slippages.Bps(at_least(0.0, self.slippage_bps, "slippage_bps"))
        if self.slippage is not None and self.slippage_bps:
            raise UsageError("give slippage or slippage_bps, not both")
        if self.max_participation is not None:
            share = number(self.max_participation, "max_participation")
            if not 0.0 < share <= 1.0:
                raise UsageError(
                    f"max_participation must lie above 0 and at most 1, not {share!r}",
                    what="max_participation",
                )
        if self.remainder not in ("wait", "expire"):
            raise UsageError(
                f"remainder must be 'wait' or 'expire', not {self.remainder!r}"
                f"{nearest(str(self.remainder), ('wait', 'expire'))}",
                what="remainder",
            )

    def fill_price(
        self, price: float, side: float, quantity: float = 0.0, volume: float = 0.0
    ) -> float:
        """Return the price after slippage of a buy (`side` 1) or a sell (-1)."""
        model = self.slippage if self.slippage is not None else slippages.Bps(self.slippage_bps)
        return model.price(price, side, quantity, volume)
