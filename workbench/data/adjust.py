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

__all__ = ["ACTIONS", "Adjustment", "adjust", "check_adjustment"]

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
    ones = np.ones(len(bars))
    split = bars["split"].where(bars["split"] > 0, 1.0).to_numpy() if "split" in bars else ones
    shares = _later(split)
    price = 1.0 / shares
    adjusted = bars.drop(columns="split", errors="ignore")
    if how == "all" and "dividend" in bars:
        yields = (bars["dividend"] / bars["close"]).fillna(0.0).to_numpy()
        price = 1.0 / _later(split * (1.0 + yields))
        adjusted = adjusted.drop(columns="dividend")
    elif "dividend" in adjusted:
        adjusted["dividend"] = bars["dividend"].to_numpy() / shares
    for name in PRICES:
        adjusted[name] = bars[name].to_numpy() * price
    adjusted["volume"] = bars["volume"].to_numpy() * shares
    adjusted.attrs = {**bars.attrs, "adjustment": how}
    return adjusted


def _later(steps: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    # Worked backwards, so that the rows before cannot change the bits of a row's factor.
    later: npt.NDArray[np.float64] = np.ones(len(steps))
    later[:-1] = np.cumprod(steps[::-1])[::-1][1:]
    return later
