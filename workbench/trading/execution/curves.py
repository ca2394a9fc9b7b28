"""How much of a parent should be done by when, as shares that rise to 1."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

import numpy as np
import pandas as pd

from workbench.core.money import MONEY, decimal
from workbench.data.calendar import zone_of
from workbench.data.schema import check_bars, describe
from workbench.errors import DataError, UsageError

__all__ = ["Impact", "even", "usual"]

_DIGITS = 9  # of a share: what lies below moves no lot of any parent


def even(slices: int) -> tuple[Decimal, ...]:
    """Return equal steps.

    Examples
    --------
    >>> even(2)
    (Decimal('0.5'), Decimal('1'))
    """
    _check(slices)
    return tuple(MONEY.divide(Decimal(n + 1), Decimal(slices)) for n in range(slices))


def usual(bars: pd.DataFrame, start: datetime, end: datetime, slices: int) -> tuple[Decimal, ...]:
    """Return the usual rise of volume between two times of the day.

    Of each day before the one of `start`, the share of the window's volume in each slice;
    of those the mean over the days. A bar counts in the slice that it opens in. Times of
    the day are those of the exchange, so that summer and winter are the same hours.

    Parameters
    ----------
    bars : DataFrame
        Intraday bars of one symbol, see ``wb.bars``. NaN volume counts as none.
    start, end : datetime
        The window; within one day of the exchange.
    slices : int

    Raises
    ------
    DataError
        No day before `start` has volume in the window.
    UsageError
        The window is longer than a day or runs over midnight.
    """
    _check(slices)
    bars = check_bars(bars)
    zone = zone_of(describe(bars).calendar)
    first, last = (pd.Timestamp(at).tz_convert(zone) for at in (start, end))
    if last <= first or last - first > pd.Timedelta(1, "D") or last.date() != first.date():
        raise UsageError("the window of a volume curve lies within one day of the exchange")
    local = pd.DatetimeIndex(bars.index).tz_convert(zone)
    opens, length = first - first.normalize(), last - first
    place = ((local - local.normalize()) - opens) / length * slices
    volume = bars["volume"].to_numpy(np.float64)
    fits = (place >= 0) & (place < slices) & (local < first.normalize()) & (volume > 0)
    if not fits.any():
        raise DataError("no day before the window has volume at these times", start=str(start))
    days = pd.DataFrame(
        {
            "day": np.asarray(local[fits].date),
            "slice": np.floor(place[fits]).astype(int),
            "volume": volume[fits],
        }
    ).pivot_table(index="day", columns="slice", values="volume", aggfunc="sum", fill_value=0.0)
    shares = days.div(days.sum(axis=1), axis=0).mean().reindex(range(slices), fill_value=0.0)
    return _rising(np.cumsum(shares.to_numpy(np.float64)).tolist())


@dataclass(frozen=True, slots=True, kw_only=True)
class Impact:
    """What trading fast and trading slowly cost, after Almgren and Chriss.

    Any unit of time will do, if it is the same one throughout; prices are money per unit.

    Parameters
    ----------
    horizon : float
        The time there is.
    volatility : float
        Deviation of the price per square root of time, in money.
    temporary : float
        Money per unit for each unit per time that is traded (eta).
    permanent : float
        Money that each unit moves the price for good (gamma).
    risk_aversion : float
        What a unit of variance is worth (lambda); 0 is an even schedule.

    References
    ----------
    R. Almgren, N. Chriss: *Optimal execution of portfolio transactions*, Journal of Risk
    3 (2), 2001: holdings ``sinh(k (T - t)) / sinh(k T)``, with
    ``2 / tau^2 (cosh(k tau) - 1) = lambda sigma^2 / (eta - gamma tau / 2)``.

    Examples
    --------
    >>> calm = Impact(horizon=1, volatility=1, temporary=1, risk_aversion=0)
    >>> [str(share) for share in calm.curve(4)]
    ['0.25', '0.5', '0.75', '1']
    >>> Impact(horizon=1, volatility=1, temporary=1, risk_aversion=25).curve(4)[0] > Decimal("0.6")
    True
    """

    horizon: float
    volatility: float
    temporary: float
    risk_aversion: float
    permanent: float = 0.0

    def urgency(self, slices: int) -> float:
        """Return kappa times the horizon: how many times over risk outweighs impact.

        Raises
        ------
        UsageError
            A figure is negative, or the slices are so long that the permanent impact of one
            outweighs its temporary one.
        """
        for name in ("horizon", "volatility", "temporary", "risk_aversion", "permanent"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value >= 0) or (name == "horizon" and value == 0):
                raise UsageError(f"{name} must be finite and not negative, not {value!r}")
        tau = self.horizon / slices
        eta = self.temporary - self.permanent * tau / 2
        if eta <= 0:
            raise UsageError(
                "temporary impact must outweigh half the permanent one of a slice: take more slices"
            )
        squared = self.risk_aversion * self.volatility**2 / eta
        return math.acosh(1 + squared * tau**2 / 2) / tau * self.horizon

    def curve(self, slices: int) -> tuple[Decimal, ...]:
        """Return the share that is done after each slice."""
        _check(slices)
        urgency = self.urgency(slices)
        if urgency < 1e-6:
            return even(slices)
        return _rising([1 - _held(urgency, (n + 1) / slices) for n in range(slices)])


def _held(urgency: float, gone: float) -> float:
    """Return sinh(k (T - t)) / sinh(k T), also where both are beyond a float."""
    return (
        math.exp(-urgency * gone) * math.expm1(-2 * urgency * (1 - gone)) / math.expm1(-2 * urgency)
    )


def _rising(shares: Sequence[float]) -> tuple[Decimal, ...]:
    rounded = [round(decimal(min(max(share, 0.0), 1.0)), _DIGITS) for share in shares[:-1]]
    return (*rounded, Decimal(1))


def _check(slices: int) -> None:
    if not 1 <= slices <= 10_000:
        raise UsageError(f"slices is 1 to 10,000, not {slices}")
