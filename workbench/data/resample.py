"""From trades and short bars to long ones, by the clock or by what happens."""

from __future__ import annotations

import itertools
import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from workbench.core.timeframe import Timeframe
from workbench.core.trade import Trade
from workbench.data.activity import KINDS, activity_bars, described
from workbench.data.calendar import (
    ALWAYS,
    known_times,
    period_starts,
    session_labels,
    sessions,
    utc_index,
)
from workbench.data.hours import labels_of
from workbench.data.schema import FIELDS, check_bars, describe
from workbench.data.trades import are_trades, as_trades
from workbench.errors import UsageError, nearest

__all__ = ["Bin", "bin_of", "check_pair", "resample"]

By = Literal["session", "clock"]
AnyBy = Literal["session", "clock", "trades", "volume", "dollars", "range", "renko"]
_BY = ("session", "clock")
_HOW = {"open": "first", "high": "max", "low": "min", "close": "last", "volume": "sum"}
_EXACT = 2.0**53
_INSTANT = Timeframe(1, "s")  # trades have no length; whatever is shorter than a day will do
Longs = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Bin:
    """The long bar one instant belongs to, in nanoseconds since 1970 UTC.

    Parameters
    ----------
    label, end : int
        As the long bar is labelled where this is its first, and when it is complete.
    start, until : int
        Instants with ``start <= time < until`` are sure to belong to it as well.
    """

    label: int
    end: int
    start: int
    until: int


@dataclass(frozen=True, slots=True)
class _Bins:
    """Each source bar's long bar, and what the long bars are.

    ``code`` is -1 for a bar outside the sessions; ``ends`` tells until when a long bar
    collects.
    """

    code: Longs
    labels: Longs
    ends: Longs


def resample(
    bars: pd.DataFrame | Sequence[Trade],
    timeframe: str | Timeframe | None = None,
    *,
    by: AnyBy | None = None,
    size: float | None = None,
    hours: str = "regular",
    partial: bool = False,
) -> pd.DataFrame:
    """Return longer bars made of shorter ones or of trades.

    Parameters
    ----------
    bars : DataFrame or sequence of Trade
        Bars of one symbol or several; or trades of one symbol: `Trade` objects, or a frame
        with ``price`` and ``size`` over their times.
    timeframe : str or Timeframe
        Longer than that of `bars`; in its place `size` for bars by what happens.
    by : str, optional
        Where intraday bars begin: ``"session"`` counts from each session's open (09:30,
        10:30, …, the last one cut at the close), ``"clock"`` from midnight UTC. The
        default is the session, and the clock for ``24/7`` and for trades that tell no
        calendar. Days are always sessions. Or how bars end, whatever the time: after
        ``"trades"``, ``"volume"`` or ``"dollars"`` (price times volume) of `size`, after a
        ``"range"`` from low to high of `size`, or by ``"renko"``: when the price is `size`
        away from where the last brick ended, or twice that on the way back.
    size : float
        Of bars by what happens.
    hours : {"regular", "extended"}
        ``"extended"`` takes in what is traded before and after the session, and counts
        intraday bars from where that begins (04:00 in New York). A day is known at its
        session's close, and longer bars never hold what came after it.
    partial : bool
        Whether to keep a last bar that is not complete yet. It is known to be complete
        once `bars` reach to its end; the default leaves it out, as it would still change.

    Returns
    -------
    DataFrame
        Bars: first open, highest high, lowest low, last close, sum of the volume, of what
        is there; NaN is skipped. A long bar of which nothing is there is not there.
        Weeks and months are labelled with their first session. Bars outside the sessions
        are left out and counted in ``attrs["outside_session"]``. Further columns are not
        carried over.

        Bars by what happens are labelled with the time of their first trade, and a column
        ``known`` tells that of their last one (of bars, when the last one was known): `align`
        and backtests go by it. Trades of one instant stay in one bar. Renko bars have their
        real prices, so that a backtest fills at prices there were; ``bricks`` tells how many
        ended at once, below 0 downwards, and ``level`` where the last of them ended.

    Raises
    ------
    UsageError
        The timeframe is not longer, or no multiple of the bars'; no `size`, or several
        symbols, where bars are made by what happens; extended hours of days.
    DataError
        As `workbench.data.schema.check_bars` and `workbench.data.trades.as_trades`.

    Notes
    -----
    Bars by volume, money and number of trades: M. López de Prado, *Advances in Financial
    Machine Learning*, 2018, chapter 2. What goes beyond the size is not carried over.

    Examples
    --------
    >>> times = pd.date_range("2024-01-01", periods=6, freq="1h", tz="UTC")
    >>> hours = pd.DataFrame({name: np.arange(1.0, 7) for name in FIELDS}, index=times)
    >>> hours.attrs |= {"timeframe": "1h", "calendar": "24/7"}
    >>> for name in ("open", "high", "low"):
    ...     hours[name] = hours["close"]
    >>> resample(hours, "4h")["volume"].tolist()  # the second bar is not complete
    [10.0]
    >>> resample(hours, "4h", partial=True)["close"].tolist()
    [4.0, 6.0]
    >>> resample(hours, by="volume", size=5)[["volume", "known"]].astype(str).to_numpy().tolist()
    [['6.0', '2024-01-01 03:00:00+00:00'], ['9.0', '2024-01-01 05:00:00+00:00'], \
['6.0', '2024-01-01 06:00:00+00:00']]
    """
    if by is not None and by not in (*_BY, *KINDS):
        raise UsageError(f"by= may not be {by!r}{nearest(str(by), [*_BY, *KINDS])}", by=by)
    if by in KINDS:
        if timeframe is not None or size is None:
            raise UsageError(f"by={by!r} needs size= in the place of a timeframe", by=by)
        return activity_bars(bars, by, size, hours=hours, partial=partial)
    if timeframe is None or size is not None:
        raise UsageError(
            "resample needs a timeframe, e.g. '1h', or by= one of "
            f"{', '.join(KINDS)} with size=, and not both"
        )
    long = Timeframe.parse(timeframe)
    source, calendar, short = _source(bars)
    if short is not None:
        check_pair(short, long)
    if hours != "regular" and not long.is_intraday:
        raise UsageError(
            f"{long} bars are known at their session's close: they cannot hold extended hours",
            hours=hours,
        )
    chosen = by or ("clock" if calendar == ALWAYS else "session")
    index = pd.DatetimeIndex(source.index)
    bins = _bins(index, short or _INSTANT, long, calendar, chosen, hours)
    longer = _aggregate(source, bins)
    if not partial and len(longer):
        reached = index[-1:] if short is None else known_times(index[-1:], short, calendar)
        longer = longer[bins.ends <= reached.as_unit("ns").asi8[0]]
    return described(longer, source, str(long), calendar, int((bins.code < 0).sum()))


def _source(
    bars: pd.DataFrame | Sequence[Trade],
) -> tuple[pd.DataFrame, str, Timeframe | None]:
    """Return bars, their calendar and timeframe; of trades bars of no length, None."""
    if not are_trades(bars):
        source = check_bars(bars)  # type: ignore[arg-type]  # which refuses what is no frame
        info = describe(source)
        return source, info.calendar, Timeframe.parse(info.timeframe)
    trades = as_trades(bars)
    fields = {name: trades["size" if name == "volume" else "price"] for name in FIELDS}
    source = pd.DataFrame(fields)
    source.attrs = dict(trades.attrs)
    return source, str(trades.attrs.get("calendar", ALWAYS)), None


def bin_of(time: datetime, short: Timeframe, long: Timeframe, calendar: str, by: By) -> Bin | None:
    """Return the long bar a short one belongs to, None outside the sessions.

    Examples
    --------
    >>> found = bin_of(
    ...     pd.Timestamp("2024-07-03 16:59", tz="UTC"),
    ...     Timeframe(1, "m"), Timeframe(1, "h"), "XNYS", "session",
    ... )
    >>> print(pd.Timestamp(found.label), pd.Timestamp(found.end))  # a half day
    2024-07-03 16:30:00 2024-07-03 17:00:00
    """
    index = pd.DatetimeIndex([time]).as_unit("ns")
    bins = _bins(index, short, long, calendar, by)
    if bins.code[0] < 0:
        return None
    label, end, at = int(bins.labels[0]), int(bins.ends[0]), int(index.asi8[0])
    if long.is_intraday:
        return Bin(label, end, label, end)
    if not short.is_intraday:
        return Bin(label, end, at, at + 1)
    day, table = session_labels(index, calendar)
    row = int(np.searchsorted(table.labels, day.asi8[0]))
    return Bin(label, end, int(table.opens[row]), int(table.closes[row]))


def check_pair(short: Timeframe, long: Timeframe) -> None:
    """Refuse timeframes of which the one cannot be made of the other.

    Raises
    ------
    UsageError
        `long` is no longer than `short`, or no multiple of it.
    """
    if long.delta <= short.delta:
        raise UsageError(
            f"cannot resample {short} bars to {long}: the timeframe must be longer",
            timeframe=str(long),
        )
    within = long.is_intraday or (long.unit == "d" and not short.is_intraday)
    if within and long.delta % short.delta:
        raise UsageError(
            f"cannot resample {short} bars to {long}: {long} is no multiple of {short}",
            timeframe=str(long),
        )
    if not short.is_intraday and short.unit in "wM" and long.unit != short.unit:
        raise UsageError(
            f"cannot resample {short} bars to {long}: weeks and months do not divide each other",
            timeframe=str(long),
        )


def _bins(
    index: pd.DatetimeIndex,
    short: Timeframe,
    long: Timeframe,
    calendar: str,
    by: str,
    hours: str = "regular",
) -> _Bins:
    times = index.as_unit("ns").asi8
    if not long.is_intraday:
        days = (
            session_labels(index, calendar)[0]
            if short.is_intraday
            else _on_sessions(index, calendar)
        )
        return _session_bins(days, long, calendar)
    size = int(long.delta.total_seconds() * 1e9)
    if by == "clock":
        starts = times // size * size
        labels, code = np.unique(starts, return_inverse=True)
        return _Bins(code.astype(np.int64), labels, labels + size)
    of_session, table = labels_of(index, calendar, hours)
    inside = ~np.asarray(of_session.isna())
    row = np.searchsorted(table.labels, of_session.asi8[inside])
    opens = table.opens[row]
    starts = opens + (times[inside] - opens) // size * size
    labels, inverse = np.unique(starts, return_inverse=True)
    ends = np.zeros(len(labels), dtype=np.int64)
    ends[inverse] = np.minimum(starts + size, table.closes[row])
    code = np.full(len(times), -1, dtype=np.int64)
    code[inside] = inverse
    return _Bins(code, labels, ends)


def _on_sessions(days: pd.DatetimeIndex, calendar: str) -> pd.DatetimeIndex:
    """Return days with NaT where the exchange is closed.

    A week would otherwise take in a Good Friday and still count as known on Thursday.
    """
    if calendar == ALWAYS or not len(days):
        return days
    known = sessions(calendar, days[0], days[-1])
    # beyond the last session the calendar knows, nothing can be told: take the day's word
    reach = known[-1] if len(known) else days[0]
    closed = ~days.isin(known) & (days <= reach)
    if closed.any():
        warnings.warn(
            f"{int(closed.sum())} daily bars lie on days that are no session of {calendar}, the "
            f"first on {days[closed][0]:%Y-%m-%d}; they are left out. Is it another exchange's "
            "calendar? Name it: bars.attrs['calendar'] = ...",
            stacklevel=5,
        )
    return pd.DatetimeIndex(days.where(~closed))


def _session_bins(days: pd.DatetimeIndex, long: Timeframe, calendar: str) -> _Bins:
    inside = ~np.asarray(days.isna())
    valid = days[inside]
    code = np.full(len(days), -1, dtype=np.int64)
    if long.unit == "d" and long.count == 1:
        labels, inverse = np.unique(valid.asi8, return_inverse=True)
    else:
        starts = period_starts(valid, long)
        _, first, inverse = np.unique(starts, return_index=True, return_inverse=True)
        labels = valid.asi8[first]
    code[inside] = inverse
    if long.unit == "d" and long.count > 1:
        ends = np.unique(starts) + int(long.delta.total_seconds() * 1e9)
    else:
        ends = known_times(utc_index(labels), long, calendar).asi8
    return _Bins(code, labels, ends)


def _aggregate(bars: pd.DataFrame, bins: _Bins) -> pd.DataFrame:
    inside = bins.code >= 0
    bare = bars[list(FIELDS)].copy(deep=False)
    bare.attrs = {}
    present, code = bare[inside], bins.code[inside]
    fields = {}
    for name, how in _HOW.items():
        part = present[name].groupby(code, sort=True)
        fields[name] = getattr(part, how)() if how != "sum" else _total(present[name], part, code)
    if bars.columns.nlevels == 1:
        longer = pd.DataFrame(fields)
    else:
        longer = pd.concat(fields, axis=1, names=["field", "symbol"])
    return longer.set_axis(utc_index(bins.labels), axis=0)


def _total(values: Any, part: Any, code: Longs) -> Any:
    """Return sums rounded once, so that they depend on neither order nor pieces.

    pandas adds up in different ways according to version, order and gaps. Whole numbers
    come out the same in all of them.
    """
    totals = part.sum(min_count=1)
    plain = values.to_numpy("float64")
    largest = np.nansum(np.abs(plain), axis=0).max(initial=0.0) if plain.size else 0.0
    if largest < _EXACT and bool((np.isnan(plain) | (plain == np.floor(plain))).all()):
        return totals
    order = np.argsort(code, kind="stable")
    edges = np.flatnonzero(np.diff(code[order], prepend=-1, append=np.iinfo(np.int64).max))
    table = plain.reshape(len(plain), -1)[order].T.tolist()
    sums = [
        [_fsum(column[low:high]) for low, high in itertools.pairwise(edges.tolist())]
        for column in table
    ]
    exact = np.array(sums, dtype="float64").T.reshape(totals.shape)
    return type(totals)(exact, index=totals.index, **_named(totals))


def _fsum(values: list[float]) -> float:
    present = [value for value in values if value == value]  # noqa: PLR0124  not NaN
    return math.fsum(present) if present else math.nan


def _named(totals: Any) -> dict[str, Any]:
    return {"columns": totals.columns} if totals.ndim == 2 else {"name": totals.name}
