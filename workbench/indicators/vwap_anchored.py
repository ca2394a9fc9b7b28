"""Volume-weighted average price since the start of the session.

The typical price ``(high + low + close) / 3`` weighted by volume, summed from the first bar of
each day, week or month of the exchange's time zone. Source: as TA-Lib's ``VWAP``, anchored.
"""

from __future__ import annotations

from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
import pandas as pd

from workbench.errors import UsageError, nearest
from workbench.indicators.face import make
from workbench.indicators.spec import Spec

__all__ = ["session_vwap"]

_PERIODS = {"day": "D", "week": "W", "month": "M"}
# Calendars whose days are not those of UTC.
_ZONES = {"XNYS": "America/New_York"}


def _vwap(
    high: np.ndarray, low: np.ndarray, close: np.ndarray, volume: np.ndarray, session: np.ndarray
) -> np.ndarray:
    table = pd.DataFrame({"money": (high + low + close) / 3 * volume, "units": volume})
    sums = table.groupby(session).cumsum()
    money, units = sums["money"].to_numpy(), sums["units"].to_numpy()
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(units > 0, money / units, np.nan)


_INNER = make(
    Spec(
        name="vwap_session",
        title="Volume Weighted Average Price since the start of the session",
        group="Volume Indicators",
        inputs=("high", "low", "close", "volume", "session"),
        parameters=(),
        outputs=("vwap_session",),
        kernel=_vwap,
    )
)


def session_vwap(*bars: Any, anchor: str = "day", timezone: str | None = None) -> Any:
    """Volume Weighted Average Price since the start of the session (Volume Indicators).

    ``wb.ta.vwap_session(bars)``: the typical price (high + low + close) / 3 weighted by
    volume, summed afresh from the first bar of each session.

    Parameters
    ----------
    *bars : DataFrame
        Bars of one symbol or of many; or one Series (or frame with one column per symbol)
        for each of high, low, close, volume. The index tells the sessions.
    anchor : {"day", "week", "month"}
        Where the sum starts afresh.
    timezone : str, optional
        Whose days are meant. By default that of ``bars.attrs["calendar"]`` (New York for
        XNYS), else UTC.

    Returns
    -------
    Series or DataFrame
        float64; rows, and symbols, as given. NaN while nothing was traded in the session.

    Raises
    ------
    UsageError
        Of the inputs, the anchor or the time zone; or the index has no times with a zone.

    Notes
    -----
    A row where an input is NaN or infinite is left out and its result is NaN.

    Examples
    --------
    >>> times = pd.DatetimeIndex(["2024-01-02 20:00", "2024-01-02 20:01", "2024-01-03 14:30"])
    >>> price = pd.Series([1.0, 2.0, 5.0], index=times.tz_localize("UTC"))
    >>> session_vwap(price, price, price, price * 0 + 100).tolist()
    [1.0, 1.5, 5.0]
    """
    if anchor not in _PERIODS:
        raise UsageError(
            f"vwap_session: no such anchor: {anchor!r}{nearest(anchor, _PERIODS)}; "
            f"use {', '.join(_PERIODS)}",
            anchor=anchor,
        )
    if not bars or not isinstance(bars[0], pd.Series | pd.DataFrame):
        raise UsageError(
            "vwap_session takes bars, or one Series for each of high, low, close, volume"
        )
    first = bars[0]
    session = _sessions(
        first.index, anchor, timezone or _ZONES.get(first.attrs.get("calendar", ""), "UTC")
    )
    return _INNER(*bars, session=session)


def _sessions(index: pd.Index, anchor: str, timezone: str) -> pd.Series:
    if not isinstance(index, pd.DatetimeIndex) or index.tz is None:
        raise UsageError("vwap_session needs an index of times with a time zone, as bars have")
    try:
        zone = ZoneInfo(timezone)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise UsageError(
            f"vwap_session: no such time zone: {timezone!r}", timezone=timezone
        ) from error
    # Daily bars carry their session's date at midnight UTC: it is a date, not an instant.
    midnight = bool((index == index.normalize()).all())
    local = (index if midnight else index.tz_convert(zone)).tz_localize(None)
    codes = local.to_period(_PERIODS[anchor]).asi8
    return pd.Series(codes.astype(np.float64), index=index)


session_vwap.__name__ = session_vwap.__qualname__ = "vwap_session"
