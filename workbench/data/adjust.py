"""Splits and dividends: adjusted prices and volumes, derived from raw bars when read.

Raw bars of a stock carry two columns on the ex-date: ``split`` (new shares per old, 1
where nothing happened) and ``dividend`` (cash per new share, 0 where nothing happened).
Adjusted *backwards*, which is the usual way, a price is the raw price times the product,
over all *later* actions, of

- ``1 / split``, and
- ``1 / (1 + dividend / close)`` with the close of the ex-date,

so that the return over an ex-date is the total return ``(close + dividend) * split /
previous close - 1``. Volume is multiplied by the later splits only: a dividend changes
no count of shares. The last bar's prices are the raw ones.

Adjusted *forwards* (``"all-forward"`` and so on) the first bar's prices are the raw ones,
and a price is multiplied by ``split`` and by ``1 + dividend / close`` of all actions *up to
its own date*: what one share of the first day has become. The returns are the same; no
later action changes an earlier price, but the level depends on where the bars begin.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from workbench.errors import UsageError, nearest
from workbench.venues.rows import PRICES

__all__ = [
    "ACTIONS",
    "Adjustment",
    "adjust",
    "adjust_intraday",
    "adjusts_for",
    "check_adjustment",
    "factors",
    "is_forward",
]

Adjustment = Literal[
    "all", "splits", "dividends", "none", "all-forward", "splits-forward", "dividends-forward"
]
ACTIONS = ("split", "dividend")
_BACK: dict[str, frozenset[str]] = {
    "all": frozenset(ACTIONS),
    "splits": frozenset({"split"}),
    "dividends": frozenset({"dividend"}),
    "none": frozenset(),
}
_FORWARD = "-forward"
_KNOWN = (*_BACK, *(f"{name}{_FORWARD}" for name in _BACK if name != "none"))

Floats = npt.NDArray[np.float64]


def check_adjustment(how: str) -> str:
    """Return `how` if it is one of the ways to adjust.

    Raises
    ------
    UsageError
        It is none of them.
    """
    if how not in _KNOWN:
        hint = nearest(str(how), _KNOWN) or f"; use {', '.join(map(repr, _KNOWN))}"
        raise UsageError(f"adjust= may not be {how!r}{hint}", adjust=how)
    return how


def adjusts_for(how: object) -> frozenset[str]:
    """Return which actions prices of an adjustment contain; none where it is not known.

    Examples
    --------
    >>> sorted(adjusts_for("all-forward")), sorted(adjusts_for("unknown"))
    (['dividend', 'split'], [])
    """
    return _BACK.get(str(how).removesuffix(_FORWARD), frozenset())


def is_forward(how: str) -> bool:
    """Tell whether prices are adjusted from the first bar on, and not back from the last."""
    return how.endswith(_FORWARD)


def adjust(bars: pd.DataFrame, how: str = "all") -> pd.DataFrame:
    """Return bars of one symbol with adjusted prices and volumes.

    Parameters
    ----------
    bars : DataFrame
        Raw, with ``split`` and ``dividend`` where the source has them. Backwards, later
        actions count, so the bars must reach to the last one known; forwards, the bars
        must begin where the prices are to be the raw ones. Bars whose ``attrs`` say
        that they are adjusted, or that it is not known, are returned as they are.
    how : {"all", "splits", "dividends", "none"}, or with "-forward", e.g. "all-forward"
        ``"all"`` leaves out both columns, as nothing is left to happen; ``"splits"``
        leaves ``dividend``, per adjusted share; ``"dividends"`` leaves ``split``;
        ``"none"`` changes nothing.

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
    >>> adjust(raw, "splits-forward")[["close", "volume"]].to_numpy().tolist()
    [[100.0, 10.0], [100.0, 10.0]]
    """
    check_adjustment(how)
    is_raw = bars.attrs.get("adjustment", "none") == "none"
    if how == "none" or not is_raw or not set(ACTIONS) & set(bars.columns):
        return bars
    price, shares = factors(bars, how)
    adjusted = bars.drop(columns=list(adjusts_for(how)), errors="ignore")
    if "dividend" in adjusted:
        adjusted["dividend"] = bars["dividend"].to_numpy() / shares
    return _scaled(adjusted, bars, price, shares, how)


def factors(bars: pd.DataFrame, how: str) -> tuple[Floats, Floats]:
    """Return what prices are multiplied by, row by row, and what volumes are.

    Parameters
    ----------
    bars : DataFrame
        Raw daily bars with ``split`` or ``dividend``.
    how : str
        As `adjust` takes it.

    Examples
    --------
    >>> bars = pd.DataFrame({"close": [8.0, 4.0], "split": [1.0, 2.0]})
    >>> [side.tolist() for side in factors(bars, "splits")]
    [[0.5, 1.0], [2.0, 1.0]]
    """
    wanted, ones = adjusts_for(how), np.ones(len(bars))
    is_split = "split" in wanted and "split" in bars
    split = bars["split"].where(bars["split"] > 0, 1.0).to_numpy() if is_split else ones
    total = split
    if "dividend" in wanted and "dividend" in bars:
        total = split * (1.0 + (bars["dividend"] / bars["close"]).fillna(0.0).to_numpy())
    if is_forward(how):
        return _so_far(total), 1.0 / _so_far(split)
    shares = _later(split)
    return 1.0 / (shares if total is split else _later(total)), shares


def adjust_intraday(bars: pd.DataFrame, daily: pd.DataFrame, how: str = "all") -> pd.DataFrame:
    """Return raw intraday bars adjusted by the actions that stand beside raw daily ones.

    Parameters
    ----------
    bars : DataFrame
        Raw, intraday, of a stock traded in New York; hours before and after the session
        belong to its date.
    daily : DataFrame
        Raw, with ``split`` and ``dividend``, from the first date of `bars` to the last known.
    how : str
        As `adjust` takes it.

    Returns
    -------
    DataFrame
        New where something was adjusted; ``attrs["adjustment"]`` says what was done.
    """
    check_adjustment(how)
    if how == "none" or not len(bars) or not len(daily):
        return bars
    local = pd.DatetimeIndex(bars.index).tz_convert("America/New_York")
    dates = local.tz_localize(None).normalize().tz_localize("UTC")
    price, shares = factors(daily, how)
    if is_forward(how):
        at = np.maximum(daily.index.searchsorted(dates, side="right") - 1, 0)
    else:
        at = daily.index.searchsorted(dates)
        price, shares = np.append(price, 1.0), np.append(shares, 1.0)
    kept = bars.drop(columns=list(adjusts_for(how)), errors="ignore").copy()
    if "dividend" in kept:
        kept["dividend"] = bars["dividend"].to_numpy() / shares[at]
    return _scaled(kept, bars, price[at], shares[at], how)


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


def _so_far(steps: Floats) -> Floats:
    # The first bar is the anchor: what happened on its own date is in its raw price.
    reached: Floats = np.ones(len(steps))
    reached[1:] = np.cumprod(steps[1:])
    return reached
