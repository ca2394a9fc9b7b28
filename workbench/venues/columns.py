"""From foreign columns and clocks to ours: names mapped, times brought to UTC."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
import numpy.typing as npt
import pandas as pd

from workbench.core.timeframe import Timeframe
from workbench.errors import DataError, UsageError, nearest
from workbench.venues.rows import FIELDS

__all__ = [
    "TIME_NAMES",
    "find_columns",
    "infer_calendar",
    "infer_timeframe",
    "labels",
    "read_times",
    "rename",
    "zone",
]

TIME_NAMES = ("time", "date", "datetime", "timestamp", "timestamp_utc", "open_time", "bar_time")
_SYNONYMS = {
    "open": ("open", "o", "open_price", "px_open"),
    "high": ("high", "h", "high_price", "px_high"),
    "low": ("low", "l", "low_price", "px_low"),
    "close": ("close", "c", "close_price", "last", "px_last"),
    "volume": ("volume", "v", "vol", "qty", "base_volume"),
    "time": TIME_NAMES,
}
_DAY = 86_400_000_000_000
_OFFSET = r"(?:[Zz]|[+-]\d{2}:?\d{2}|\b(?:UTC|GMT))$"
_EPOCHS = {10: "s", 13: "ms", 16: "us", 19: "ns"}


def find_columns(
    names: Iterable[object], columns: Mapping[str, str] | None = None
) -> dict[str, str]:
    """Return ours → theirs for the columns that are there.

    Parameters
    ----------
    names : iterable
        The foreign frame's column names; case and spaces do not matter.
    columns : mapping, optional
        What to map outright, ours to theirs: ``{"close": "Adj Close"}``.

    Raises
    ------
    UsageError
        `columns` names a column that is not there, or a field we do not have.

    Examples
    --------
    >>> find_columns(["Date", "Open", "High", "Low", "Close", "Vol"])["volume"]
    'Vol'
    """
    texts = [str(name) for name in names]
    folded = {_fold(text): text for text in reversed(texts)}
    found = {
        ours: folded[name]
        for ours, synonyms in _SYNONYMS.items()
        for name in reversed(synonyms)
        if name in folded
    }
    for ours, theirs in (columns or {}).items():
        if ours not in _SYNONYMS:
            raise UsageError(
                f"columns= maps {ours!r}{nearest(ours, _SYNONYMS)}; it is ours to theirs, and ours "
                f"are {', '.join(_SYNONYMS)}",
                column=ours,
            )
        if theirs not in texts:
            hint = nearest(theirs, texts)
            raise UsageError(
                f"columns= names {theirs!r} for {ours!r}, which is not there{hint}; "
                f"there are {', '.join(texts)}",
                column=theirs,
            )
        found[ours] = theirs
    return found


def rename(
    frame: pd.DataFrame, columns: Mapping[str, str] | None = None, *, where: str = "the frame"
) -> pd.DataFrame:
    """Return the frame with our names: the five fields first, the rest in lower case after.

    A foreign ``volume`` that is not there becomes NaN (unknown), as for currencies.

    Raises
    ------
    DataError
        A price column is missing; the error names it and what is there.
    """
    found = find_columns(frame.columns, columns)
    missing = [name for name in FIELDS[:4] if name not in found]
    if missing:
        raise DataError(
            f"{where} has no column for {', '.join(missing)}; there are "
            f"{', '.join(map(str, frame.columns))}. Pass columns={{{missing[0]!r}: 'their name'}}",
            missing=tuple(missing),
            where=where,
        )
    taken = set(found.values())
    kept = {name: found[name] for name in (*FIELDS, "time") if name in found}
    for name in map(str, frame.columns):
        if name not in taken:
            kept.setdefault(_fold(name), name)
    plain = frame.set_axis([str(name) for name in frame.columns], axis=1)
    if not plain.columns.is_unique:
        twice = plain.columns[plain.columns.duplicated()][0]
        raise DataError(f"{where} has the column {twice!r} twice", column=twice, where=where)
    renamed = plain[list(kept.values())].set_axis(list(kept), axis=1)
    if "volume" not in renamed:
        renamed.insert(4, "volume", np.nan)
    return renamed


def zone(tz: str) -> ZoneInfo:
    """Return a time zone by its name, or say that there is none.

    Raises
    ------
    UsageError
        No such zone.
    """
    try:
        return ZoneInfo(tz)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise UsageError(
            f"no such time zone: {tz!r}; use e.g. 'UTC' or 'America/New_York'", tz=tz
        ) from None


def read_times(
    times: pd.Series | pd.Index, tz: str | None, *, where: str, time_format: str | None = None
) -> pd.DatetimeIndex:
    """Return times in UTC, NaT where they cannot be read.

    Parameters
    ----------
    times : Series or Index
        Datetimes, ISO 8601 texts, or epochs (10 digits are seconds, 13 milliseconds,
        16 microseconds, 19 nanoseconds; epochs are UTC).
    tz : str, optional
        The zone of naive times. A local time that a clock change makes ambiguous or
        impossible is NaT.
    where : str
        Whose times, for the error.
    time_format : str, optional
        As for `datetime.datetime.strptime`, where the texts are not ISO 8601.

    Raises
    ------
    DataError
        Naive times without `tz`, or texts none of which can be read.
    """
    parsed = _parse(pd.Index(times), tz, where, time_format)
    if parsed.tz is not None:
        return parsed.tz_convert("UTC").as_unit("ns").rename("time")
    if tz is None:
        first = times.iloc[0] if isinstance(times, pd.Series) else times[0]
        raise _naive(where, str(first))
    local = parsed.tz_localize(zone(tz), ambiguous="NaT", nonexistent="NaT")
    return local.tz_convert("UTC").as_unit("ns").rename("time")


def labels(times: pd.DatetimeIndex, tz: str | None) -> pd.DatetimeIndex | None:
    """Return session labels (midnight UTC of the local date) if all times are local midnights.

    None otherwise: then the times are instants and stay what they are.

    Examples
    --------
    >>> noon = pd.DatetimeIndex(["2024-01-02 05:00"], tz="UTC")
    >>> labels(noon, "America/New_York")
    DatetimeIndex(['2024-01-02 00:00:00+00:00'], dtype='datetime64[ns, UTC]', freq=None)
    """
    local = times.tz_convert(zone(tz)) if tz else times
    valid = local[local.notna()]
    if not len(valid) or not (valid == valid.normalize()).all():
        return None
    return local.tz_localize(None).tz_localize("UTC").as_unit("ns")


def infer_timeframe(index: pd.DatetimeIndex) -> Timeframe:
    """Return the commonest step between bars; where all lie at midnight days, weeks or months.

    Examples
    --------
    >>> print(infer_timeframe(pd.date_range("2024-01-02 09:30", periods=9, freq="5min", tz="UTC")))
    5m
    """
    nanoseconds = index.as_unit("ns").asi8
    steps: npt.NDArray[np.int64] = np.diff(nanoseconds)
    if not len(steps):
        return Timeframe(1, "d")
    values, counts = np.unique(steps, return_counts=True)
    step = int(values[np.argmax(counts)])
    if (nanoseconds % _DAY == 0).all():
        days = int(np.median(steps)) / _DAY
        if days >= 25:
            return Timeframe(max(1, round(days / 30.4)), "M")
        return Timeframe(1, "w" if days >= 6 else "d")
    seconds = max(1, step // 1_000_000_000)
    for size, unit in ((86_400, "d"), (3600, "h"), (60, "m")):
        if seconds % size == 0:
            return Timeframe(seconds // size, unit)
    return Timeframe(seconds, "s")


def infer_calendar(index: pd.DatetimeIndex) -> str:
    """Return ``24/7`` where a bar lies on a Saturday or a Sunday, else ``XNYS``."""
    return "24/7" if bool((index.day_of_week >= 5).any()) else "XNYS"


def _parse(
    times: pd.Index, tz: str | None, where: str, time_format: str | None
) -> pd.DatetimeIndex:
    if isinstance(times, pd.DatetimeIndex):
        return times
    texts = pd.Series(times.astype(str).str.strip())
    filled = pd.Series(texts[~np.asarray(times.isna())].to_numpy())
    if not len(filled):
        raise DataError(f"{where} has no readable time", where=where)
    width = len(filled[0])
    if time_format is None and filled[0].isdigit() and width in _EPOCHS:
        numbers = pd.to_numeric(texts, errors="coerce")
        return pd.DatetimeIndex(
            pd.to_datetime(numbers, unit=_EPOCHS[width], utc=True, errors="coerce")  # type: ignore[call-overload]
        )
    aware = np.asarray(filled.str.contains(_OFFSET), dtype=bool)
    if not aware.all() and tz is None:
        raise _naive(where, filled[~aware].iloc[0])
    chosen = time_format or "ISO8601"
    if aware.any() and not aware.all():
        raise DataError(
            f"{where} mixes times with and without an offset, e.g. {filled[aware].iloc[0]!r} and "
            f"{filled[~aware].iloc[0]!r}; write all of them one way",
            where=where,
        )
    parsed = pd.DatetimeIndex(
        pd.to_datetime(texts, format=chosen, errors="coerce", utc=bool(aware.all()))
    )
    if parsed.isna().all():
        raise DataError(
            f"{where}: no time can be read, e.g. {filled[0]!r}; pass time_format=, e.g. '%m/%d/%Y'",
            where=where,
        )
    return parsed


def _naive(where: str, example: str) -> DataError:
    return DataError(
        f"{where} has times without a time zone, e.g. {example!r}; pass tz=, the zone they "
        "are meant in: tz='America/New_York', or tz='UTC' (also for plain dates)",
        where=where,
        rule="naive time zone",
    )


def _fold(name: object) -> str:
    return str(name).strip().lower().replace(" ", "_").replace("*", "")
