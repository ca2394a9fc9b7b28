"""What a call asks for, read: which symbols, and from when to when."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime

import numpy as np
import pandas as pd

from workbench.errors import UsageError

__all__ = ["When", "moment_of", "names_of", "window_of"]

When = str | date | datetime | pd.Timestamp | None


def names_of(symbols: str | Sequence[str]) -> tuple[list[str], bool]:
    """Return the symbols as a list, and whether one was given as a text.

    Raises
    ------
    UsageError
        None, one twice, or something that is no text.
    """
    if isinstance(symbols, str):
        wanted, is_one = [symbols], True
    elif isinstance(symbols, Sequence | pd.Index | pd.Series | np.ndarray):
        wanted, is_one = [str(n) if isinstance(n, str) else n for n in symbols], False
    else:
        raise UsageError(f"symbols must be a text or a list of texts, not {symbols!r}")
    if not wanted:
        raise UsageError("no symbol was named")
    for name in wanted:
        if not isinstance(name, str) or not name.strip():
            raise UsageError(f"a symbol must be a text, not {name!r}", symbol=name)
    if len(set(wanted)) < len(wanted):
        twice = next(name for name in wanted if wanted.count(name) > 1)
        raise UsageError(f"symbol {twice!r} is named twice", symbol=twice)
    return wanted, is_one


def window_of(start: When, end: When) -> tuple[pd.Timestamp | None, pd.Timestamp | None]:
    """Return both ends as UTC; a time without a zone is UTC.

    Raises
    ------
    UsageError
        One is no time, or the first is not before the second.
    """
    window = (_instant(start, "start"), _instant(end, "end"))
    if window[0] is not None and window[1] is not None and window[0] >= window[1]:
        raise UsageError(f"start {start} is not before end {end}", start=start, end=end)
    return window


def moment_of(as_of: When) -> pd.Timestamp | None:
    """Return the instant of ``as_of``; a day alone means its end.

    Examples
    --------
    >>> moment_of("2026-01-31"), moment_of("2026-01-31 12:00")
    (Timestamp('2026-01-31 23:59:59.999999+0000', tz='UTC'),
     Timestamp('2026-01-31 12:00:00+0000', tz='UTC'))
    """
    stamp = _instant(as_of, "as_of")
    if stamp is None:
        return None
    is_text = isinstance(as_of, str) and not set("T:") & set(as_of.upper())
    is_day = is_text or (isinstance(as_of, date) and not isinstance(as_of, datetime))
    return stamp + pd.Timedelta(1, "D") - pd.Timedelta(1, "us") if is_day else stamp


def _instant(value: When, name: str) -> pd.Timestamp | None:
    if value is None:
        return None
    if not isinstance(value, str | date | np.datetime64):  # a number would be nanoseconds
        raise UsageError(f"{name}={value!r} is no time; give e.g. '2010-01-31'", **{name: value})
    try:
        stamp = pd.Timestamp(value)
    except (ValueError, TypeError) as error:
        raise UsageError(f"{name}={value!r} is no time: {error}", **{name: value}) from None
    if pd.isna(stamp):
        raise UsageError(f"{name}={value!r} is no time", **{name: value})
    stamp = stamp.tz_localize("UTC") if stamp.tz is None else stamp.tz_convert("UTC")
    try:
        return stamp.as_unit("ns")
    except pd.errors.OutOfBoundsDatetime:
        raise UsageError(
            f"{name}={value!r} is out of reach; times of bars lie between 1678 and 2262",
            **{name: value},
        ) from None
