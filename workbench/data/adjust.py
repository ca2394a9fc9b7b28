"""Splits and dividends: adjusted prices and volumes, derived from raw bars when read.

Raw bars of a stock carry two columns on the ex-date: ``split`` (new shares per old, 1
where nothing happened) and ``dividend`` (cash per new share, 0 where nothing happened).
An adjusted price is the raw price times the product, over all *later* actions, of

- ``1 / split``, and
- ``1 / (1 + dividend / close)`` with the close of the ex-date,

so that the return over an ex-date is the total return ``(close + dividend) * split /
previous close - 1``. Volume is multiplied by the later splits only: a dividend changes
no count of shares. The last bar's prices are the raw ones.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from workbench.errors import UsageError, nearest
from workbench.venues.rows import PRICES

__all__ = ["ACTIONS", "Adjustment", "adjust", "adjust_intraday", "check_adjustment", "factors"]

Floats = npt.NDArray[np.float64]

Adjustment = Literal["all", "splits", "none"]
ACTIONS = ("split", "dividend")
_KNOWN = ("all", "splits", "none")


def check_adjustment(how: str) -> str:
    """Return `how` if it is ``"all"``, ``"splits"`` or ``"none"``.

    Raises
    ------
    UsageError
        It is none of them.
    """
    if how not in _KNOWN:
        hint = nearest(str(how), _KNOWN) or f"; use {', '.join(map(repr, _KNOWN))}"
        raise UsageError(f"adjust= may not be {how!r}{hint}", adjust=how)
    return how


def adjust(bars: pd.DataFrame, how: str = "all") -> pd.DataFrame:
    """Return bars of one symbol with adjusted prices and volumes.

    Parameters
    ----------
    bars : DataFrame
        Raw, with ``split`` and ``dividend`` where the source has them. Later actions
        count, so the bars must reach to the last one known. Bars whose ``attrs`` say
        that they are adjusted, or that it is not known, are returned as they are.
    how : {"all", "splits", "none"}
        ``"all"`` leaves out both columns, as nothing is left to happen; ``"splits"``
        leaves ``dividend``, per adjusted share; ``"none"`` changes nothing.

    Returns
    -------
    DataFrame
        New where something was adjusted; ``attrs["adjustment"]`` says what was done.
        NaN stays NaN and does not spread.

    Examples
    --------
    >>> times = pd.date_range("2024-01-02", periods=2, tz="UTC")
    >>> raw = pd.DataFrame({name: [100.0, 50.0] for name in PRICES}, index=times)
    >>> raw = raw.assign(volume=[10.0, 20.0], split=[1.0, 2.0], dividend=0.0)
    >>> adjust(raw)[["close", "volume"]].to_numpy().tolist()
    [[50.0, 20.0], [50.0, 20.0]]
    """
    check_adjustment(how)
    is_raw = bars.attrs.get("adjustment", "none") == "none"
    if how == "none" or not is_raw or not set(ACTIONS) & set(bars.columns):
        return bars
    price, shares = factors(bars, how)
    adjusted = bars.drop(columns=["split", *(["dividend"] * (how == "all"))], errors="ignore")
    if "dividend" in adjusted:
        adjusted["dividend"] = bars["dividend"].to_numpy() / shares
    return _scaled(adjusted, bars, price, shares, how)


def factors(bars: pd.DataFrame, how: str) -> tuple[Floats, Floats]:
    """Return what prices are multiplied by, row by row, and what volumes are.

    Parameters
    ----------
    bars : DataFrame
        Raw daily bars with ``split`` or ``dividend``.
    how : {"all", "splits"}
    """
    ones = np.ones(len(bars))
    split = bars["split"].where(bars["split"] > 0, 1.0).to_numpy() if "split" in bars else ones
    shares = _later(split)
    if how != "all" or "dividend" not in bars:
        return 1.0 / shares, shares
    yields = (bars["dividend"] / bars["close"]).fillna(0.0).to_numpy()
    return 1.0 / _later(split * (1.0 + yields)), shares


def adjust_intraday(bars: pd.DataFrame, daily: pd.DataFrame, how: str = "all") -> pd.DataFrame:
    """Return raw intraday bars adjusted by the actions that stand beside raw daily ones.

    Parameters
    ----------
    bars : DataFrame
        Raw, intraday, of a stock traded in New York; hours before and after the session
        belong to its date.
    daily : DataFrame
        Raw, with ``split`` and ``dividend``, from the first date of `bars` to the last known.
    how : {"all", "splits", "none"}

    Returns
    -------
    DataFrame
        New where something was adjusted; ``attrs["adjustment"]`` says what was done.
    """
    check_adjustment(how)
    if how == "none" or not len(bars):
        return bars
    local = pd.DatetimeIndex(bars.index).tz_convert("America/New_York")
    dates = local.tz_localize(None).normalize().tz_localize("UTC")
    at = daily.index.searchsorted(dates)
    price, shares = (np.append(column, 1.0)[at] for column in factors(daily, how))
    return _scaled(bars.copy(), bars, price, shares, how)


def _scaled(
    target: pd.DataFrame, raw: pd.DataFrame, price: Floats, shares: Floats, how: str
) -> pd.DataFrame:
    for name in PRICES:
        target[name] = raw[name].to_numpy() * price
    target["volume"] = raw["volume"].to_numpy() * shares
    target.attrs = {**raw.attrs, "adjustment": how}
    return target


def _later(steps: Floats) -> Floats:
    # Worked backwards, so that the rows before cannot change the bits of a row's factor.
    later: Floats = np.ones(len(steps))
    later[:-1] = np.cumprod(steps[::-1])[::-1][1:]
    return later
