"""From a target to units."""

from __future__ import annotations

from dataclasses import dataclass

from workbench.costs.checks import at_least
from workbench.data.period_ends import PERIODS
from workbench.errors import UsageError, nearest
from workbench.kernels.codes import SizingCode

__all__ = ["Sizing"]

_MODES = ("on_change", "always", *PERIODS)


@dataclass(frozen=True, kw_only=True)
class Sizing:
    """How targets become orders.

    Parameters
    ----------
    lot : float
        Step of a position: 0 allows fractions, 1 is whole shares.
    at : {"fill", "decision"}
        Whether equity and price are those of the fill (a notional order, which never
        overdraws) or those of the close the decision was made at (a quantity order).
    cash_buffer : float
        Fraction of equity left out, at least 0 and below 1.
    rebalance : {"on_change", "always", "day", "week", "month"}
        Trade when the target changes, or bring the holding to the target on each bar, or
        bring the whole portfolio to the targets in force on the last bar of each period, as
        the calendar of the bars knows it; between, nothing is decided.
    drift : float, optional
        Trade when the held weight is off the target by more than this fraction of equity,
        symbol by symbol in the place of ``"on_change"`` and ``"always"``; at the end of a
        period the whole portfolio, where any symbol is off.
    leverage : float
        Most gross exposure as a multiple of equity, above 0.
    overdraw : {"fill", "trim"}
        What becomes of an order sized at the decision that the open made too dear: filled
        on margin, or trimmed to what is affordable.
    min_notional : float
        Least money an order must move, as venues ask; what closes a position is exempt. A
        smaller one is not made, or rejected where it turns out to be at the fill.
    maintenance : float
        Least equity as a fraction of gross exposure. Where a bar's prices leave less, all that is
        held is liquidated. 0 is none; else below 1 and below what `leverage` lets be opened,
        1 / leverage.

    Raises
    ------
    UsageError
        A value out of its range.

    Examples
    --------
    >>> Sizing(lot=1).code().lot
    1.0
    """

    lot: float = 0.0
    at: str = "fill"
    cash_buffer: float = 0.0
    rebalance: str = "on_change"
    drift: float | None = None
    leverage: float = 1.0
    overdraw: str = "fill"
    min_notional: float = 0.0
    maintenance: float = 0.0

    def __post_init__(self) -> None:
        at_least(0.0, self.lot, "lot")
        at_least(0.0, self.min_notional, "min_notional")
        _check_word(self.at, ("fill", "decision"), "at")
        _check_word(self.rebalance, _MODES, "rebalance")
        _check_word(self.overdraw, ("fill", "trim"), "overdraw")
        if at_least(0.0, self.cash_buffer, "cash_buffer") >= 1.0:
            raise UsageError(f"cash_buffer must lie below 1, not {self.cash_buffer!r}")
        if at_least(0.0, self.leverage, "leverage") == 0.0:
            raise UsageError("leverage must lie above 0")
        if self.drift is not None:
            at_least(0.0, self.drift, "drift")
        most = min(1.0, 1.0 / self.leverage)
        if at_least(0.0, self.maintenance, "maintenance") >= most:
            raise UsageError(
                f"maintenance must lie below {most:g} with a leverage of {self.leverage:g}, not "
                f"{self.maintenance!r}: what has just been opened would be liquidated",
                maintenance=self.maintenance,
                leverage=self.leverage,
            )

    @property
    def every(self) -> str | None:
        """The calendar period at whose end the portfolio is rebalanced; None is none."""
        return self.rebalance if self.rebalance in PERIODS else None

    def code(self) -> SizingCode:
        """Return the named tuple that kernels compute with."""
        # Between the ends of periods the kernels are given no targets, so at one all are traded.
        mode = 1.0 if self.every else float(_MODES.index(self.rebalance))
        if self.drift is not None:
            mode = 3.0 if self.every else 2.0
        return SizingCode(
            lot=float(self.lot),
            at_fill=1.0 if self.at == "fill" else 0.0,
            cash_buffer=float(self.cash_buffer),
            mode=mode,
            drift=float(self.drift or 0.0),
            leverage=float(self.leverage),
            trims=1.0 if self.overdraw == "trim" else 0.0,
            least=float(self.min_notional),
            maintenance=float(self.maintenance),
        )


def _check_word(word: object, known: tuple[str, ...], what: str) -> None:
    if word not in known:
        hint = nearest(str(word), known)
        choices = " or ".join(map(repr, known))
        raise UsageError(f"{what} must be {choices}, not {word!r}{hint}", what=what, value=word)
