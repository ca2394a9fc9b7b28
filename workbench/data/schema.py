"""The bars contract: what bars look like, checked and told.

Bars are a DataFrame. The index is named ``time``: UTC, opening times, strictly
increasing. Columns are ``open high low close volume`` in float64, further ones allowed.
Several symbols have two column levels ``("field", "symbol")``, so that ``bars["close"]``
is a Series for one symbol and a frame for many. Daily bars and longer ones carry their
session's date at midnight UTC. ``attrs`` tells ``timeframe source adjustment fingerprint
calendar``, and ``symbol`` where there is one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from numbers import Real
from typing import Any, NoReturn

import numpy as np
import pandas as pd

from workbench.core.timeframe import Timeframe
from workbench.errors import DataError, UsageError
from workbench.venues import columns as foreign
from workbench.venues.calendars import check_code
from workbench.venues.rows import FIELDS, PRICES, Dropped, clean, is_sound, violations

__all__ = [
    "FIELDS",
    "PRICES",
    "BarsInfo",
    "Dropped",
    "as_bars",
    "check_bars",
    "clean",
    "describe",
    "fingerprint",
]

_SINGLE = "asset"


@dataclass(frozen=True, slots=True)
class BarsInfo:
    """What bars are, and which of it had to be inferred.

    Parameters
    ----------
    timeframe, calendar : str
        E.g. ``"1d"`` and ``"XNYS"``.
    symbols : tuple of str
        In the order of the columns; ``("asset",)`` for one nameless symbol.
    inferred : tuple of str
        Sentences on what ``attrs`` did not tell, e.g. ``"calendar XNYS: no bar on a weekend"``.
    """

    timeframe: str
    calendar: str
    symbols: tuple[str, ...]
    inferred: tuple[str, ...] = ()


def check_bars(bars: pd.DataFrame) -> pd.DataFrame:
    """Return bars that hold the contract, or raise.

    What can be brought in line without loss is: integers become float64, another zone
    becomes UTC (times that are all local midnights are session dates), the index is named,
    columns are put in order. The input is not changed. NaN is a missing bar and is allowed.

    Parameters
    ----------
    bars : DataFrame
        (T, 5 or more) for one symbol, two column levels for several.

    Raises
    ------
    DataError
        Naive times, times unsorted or twice, a missing column, a value that is no
        number or not finite, a price not positive, high below low, open or close
        outside them. Fields: ``symbol time row rule``.
    UsageError
        Not a DataFrame.

    Examples
    --------
    >>> times = pd.DatetimeIndex(["2024-01-02", "2024-01-03"], tz="UTC")
    >>> bars = pd.DataFrame({name: [1, 2] for name in FIELDS}, index=times)
    >>> check_bars(bars)["close"].tolist()
    [1.0, 2.0]
    """
    if not isinstance(bars, pd.DataFrame):
        raise UsageError(
            f"bars must be a DataFrame, not {type(bars).__name__}; see wb.bars and wb.as_bars"
        )
    index = _check_index(bars)
    checked = _check_columns(bars)
    if index is not checked.index:
        checked = checked.set_axis(index, axis=0)
    two_level = checked.columns.nlevels == 2
    symbols = _symbols(checked)
    values = {
        name: checked[name].to_numpy("float64").reshape(len(index), len(symbols)) for name in FIELDS
    }
    for rule, bad in () if is_sound(values) else violations(values):
        if bad.any():
            row, column = map(int, np.argwhere(bad)[0])
            shown = " ".join(f"{name}={values[name][row, column]:g}" for name in FIELDS)
            _refuse(symbols[column], index[row], row, rule, shown)
    checked.attrs = dict(bars.attrs)
    if two_level:
        had: list[Any] = list(checked.columns)
        keys = [(field, str(symbol)) for field, symbol in had]
        if keys != had or list(checked.columns.names) != ["field", "symbol"]:
            checked.columns = pd.MultiIndex.from_tuples(keys, names=["field", "symbol"])
    return checked


def describe(bars: pd.DataFrame) -> BarsInfo:
    """Tell timeframe, calendar and symbols from ``attrs``, and infer what is not there.

    The timeframe is the commonest step between bars (at midnight: days, weeks or
    months); the calendar is ``24/7`` where a bar lies on a Saturday or Sunday, else
    ``XNYS``.

    Examples
    --------
    >>> times = pd.date_range("2024-01-01", periods=9, tz="UTC")
    >>> info = describe(pd.DataFrame({name: 1.0 for name in FIELDS}, index=times))
    >>> info.timeframe, info.calendar, len(info.inferred)
    ('1d', '24/7', 2)
    """
    index = _check_index(bars)
    inferred: list[str] = []
    timeframe = bars.attrs.get("timeframe")
    if timeframe is None:
        timeframe = str(foreign.infer_timeframe(index))
        inferred.append(f"timeframe {timeframe}: the commonest step between bars")
    calendar = bars.attrs.get("calendar")
    if calendar is None:
        calendar = foreign.infer_calendar(index)
        why = "no bar lies" if calendar == "XNYS" else "there are bars"
        inferred.append(f"calendar {calendar}: {why} on a weekend")
    return BarsInfo(str(timeframe), str(calendar), _symbols(bars), tuple(inferred))


def fingerprint(bars: pd.DataFrame) -> str:
    """Return the SHA-256 of index, columns and values; ``attrs`` do not count.

    The same numbers give the same text on every machine and every version of pandas:
    times are hashed as nanoseconds, numbers as float64, every NaN as one.

    Examples
    --------
    >>> times = pd.DatetimeIndex(["2024-01-02"], tz="UTC")
    >>> fingerprint(pd.DataFrame({"close": [1.0]}, index=times))[:12]
    '49a51b845111'
    """
    digest = hashlib.sha256()
    names = ["\x1f".join(map(str, key)) if isinstance(key, tuple) else str(key) for key in bars]
    digest.update("\x1e".join(names).encode())
    digest.update(pd.DatetimeIndex(bars.index).as_unit("ns").asi8.astype("<i8").tobytes())
    for position in range(bars.shape[1]):
        digest.update(_bytes(bars.iloc[:, position]))
    return digest.hexdigest()


def as_bars(
    frame: pd.DataFrame,
    *,
    symbol: str | None = None,
    timeframe: str | None = None,
    tz: str | None = None,
    calendar: str | None = None,
    columns: Mapping[str, str] | None = None,
) -> pd.DataFrame:
    """Bring a foreign frame of one symbol, or bars of your own, under the contract.

    Parameters
    ----------
    frame : DataFrame
        ``Open``, ``HIGH``, ``o``, ``Vol`` and the like are recognised in any case; times
        (or texts that can be read as such) stand in the index or in a column ``time``,
        ``Date``, ``timestamp``… Two column levels are taken as ``(field, symbol)`` or
        ``(symbol, field)``.
    symbol, timeframe, calendar : str, optional
        Kept in ``attrs``; what is left out is inferred when it is needed (`describe`).
    tz : str, optional
        The zone of naive times; they are refused without it. Times that are all local
        midnights are session dates.
    columns : mapping, optional
        Ours to theirs, for names that are not recognised: ``{"close": "Adj Close"}``.

    Returns
    -------
    DataFrame
        Bars. ``volume`` is NaN where the frame has none.

    Raises
    ------
    DataError
        As `check_bars`; rows are never dropped here.
    UsageError
        An unknown zone, timeframe, calendar or column.

    Examples
    --------
    >>> raw = pd.DataFrame({"Open": [1], "High": [2], "Low": [1], "Close": [2]},
    ...                    index=pd.DatetimeIndex(["2024-01-02"]))
    >>> as_bars(raw, symbol="A", tz="UTC").attrs["symbol"]
    'A'
    """
    if not isinstance(frame, pd.DataFrame):
        raise UsageError(f"as_bars needs a DataFrame, not {type(frame).__name__}")
    if frame.columns.nlevels == 2:
        mapped = _two_levels(frame)
        times: pd.Index | pd.Series = mapped.index
    else:
        mapped = foreign.rename(frame, columns, where=symbol or "the frame")
        times = mapped.get("time", mapped.index)
        mapped = mapped.drop(columns="time", errors="ignore")
    where = symbol or "the frame"
    if calendar is not None:
        check_code(calendar)
    if not isinstance(times, pd.DatetimeIndex | pd.Series) and not _may_be_times(times):
        raise DataError(
            f"{where} has neither a DatetimeIndex nor a column of times; there are "
            f"{', '.join(map(str, frame.columns))}. Pass columns={{'time': 'their name'}}",
            where=where,
        )
    known = getattr(getattr(times, "dt", times), "tz", None)
    utc = foreign.read_times(times, tz, where=where)
    local = tz or (str(known) if known is not None else "UTC")
    dates = foreign.labels(utc, local) if _may_be_daily(timeframe) else None
    bars = mapped.set_axis(utc if dates is None else dates, axis=0)
    bars.index.name = "time"
    bars.attrs = {"source": frame.attrs.get("source", "user"), "adjustment": "unknown"}
    bars.attrs |= frame.attrs
    given = {
        "symbol": symbol,
        "timeframe": str(Timeframe.parse(timeframe)) if timeframe else None,
        "calendar": calendar,
    }
    bars.attrs |= {key: value for key, value in given.items() if value is not None}
    checked = check_bars(bars)
    info = describe(checked)
    checked.attrs |= {"timeframe": info.timeframe, "calendar": info.calendar}
    checked.attrs["fingerprint"] = fingerprint(checked)
    return checked


def _may_be_times(index: pd.Index) -> bool:
    kinds = ("string", "date", "datetime", "datetime64")
    return index.nlevels == 1 and pd.api.types.infer_dtype(index, skipna=True) in kinds


def _may_be_daily(timeframe: str | None) -> bool:
    return timeframe is None or not Timeframe.parse(timeframe).is_intraday


def _two_levels(frame: pd.DataFrame) -> pd.DataFrame:
    swapped = frame
    first = {str(name).lower() for name in frame.columns.get_level_values(0)}
    if "close" not in first:
        swapped = frame.swaplevel(axis=1)
    fields, symbols = (swapped.columns.get_level_values(level) for level in (0, 1))
    lower = [str(field).strip().lower().replace(" ", "_") for field in fields]
    names = list(zip(lower, symbols, strict=True))
    return swapped.set_axis(pd.MultiIndex.from_tuples(names, names=["field", "symbol"]), axis=1)


def _symbols(bars: pd.DataFrame) -> tuple[str, ...]:
    if bars.columns.nlevels == 2:
        return tuple(map(str, dict.fromkeys(bars.columns.get_level_values(1))))
    return (str(bars.attrs.get("symbol") or _SINGLE),)


def _name(bars: pd.DataFrame) -> str:
    return ", ".join(_symbols(bars)[:3])


def _check_index(bars: pd.DataFrame) -> pd.DatetimeIndex:
    index = bars.index
    name = _name(bars)
    if not isinstance(index, pd.DatetimeIndex):
        raise DataError(
            f"bars of {name} need a DatetimeIndex, not {type(index).__name__}; see wb.as_bars",
            symbol=name,
            rule="no time index",
        )
    if index.tz is None:
        raise DataError(
            f"bars of {name} have a naive time index: localise it, or use wb.as_bars(frame, tz=…)",
            symbol=name,
            rule="naive time zone",
        )
    utc = index if str(index.tz) == "UTC" else _utc(index, bars.attrs.get("timeframe"))
    utc = utc if utc.unit == "ns" else utc.as_unit("ns")
    if utc.hasnans:
        _refuse(name, pd.NaT, int(np.argmax(utc.isna())), "time missing", "")
    times = utc.asi8
    late = times[1:] <= times[:-1]
    if late.any():
        row = int(np.argmax(late)) + 1
        rule = "duplicate time" if times[row] == times[row - 1] else "times not in order"
        _refuse(name, utc[row], row, rule, f"after {utc[row - 1]}")
    return utc if utc.name == "time" else utc.rename("time")


def _utc(index: pd.DatetimeIndex, timeframe: str | None) -> pd.DatetimeIndex:
    if _may_be_daily(timeframe) and bool((index == index.normalize()).all()):
        return index.tz_localize(None).tz_localize("UTC")  # sessions: their date is what counts
    return index.tz_convert("UTC")


def _check_columns(bars: pd.DataFrame) -> pd.DataFrame:
    if bars.columns.nlevels > 2:
        raise DataError(f"bars have one or two column levels, not {bars.columns.nlevels}")
    name = _name(bars)
    if not bars.columns.is_unique:
        twice = bars.columns[bars.columns.duplicated()][0]
        raise DataError(
            f"bars of {name} have the column {twice!r} twice", symbol=name, column=twice
        )
    fields = list(dict.fromkeys(bars.columns.get_level_values(0)))
    missing = [field for field in FIELDS if field not in fields]
    if missing:
        raise DataError(
            f"bars of {name} lack {', '.join(missing)}; there are {', '.join(map(str, fields))}. "
            "wb.as_bars maps foreign names",
            symbol=name,
            rule="missing column",
            missing=tuple(missing),
        )
    wanted: list[Any] = [*FIELDS, *(field for field in fields if field not in FIELDS)]
    if bars.columns.nlevels == 2:
        symbols = list(dict.fromkeys(bars.columns.get_level_values(1)))
        wanted = [(field, symbol) for field in FIELDS for symbol in symbols]
        absent = [key for key in wanted if key not in bars.columns]
        if absent:
            field, symbol = absent[0]
            raise DataError(
                f"bars of {symbol} lack {field}",
                symbol=symbol,
                rule="missing column",
                missing=(field,),
            )
        wanted += [key for key in bars.columns if key[0] not in FIELDS]
    checked = bars if list(bars.columns) == wanted else bars[wanted]
    return _as_floats(checked)


def _as_floats(bars: pd.DataFrame) -> pd.DataFrame:
    to_cast: dict[Any, str] = {}
    for key, dtype in bars.dtypes.items():
        field, symbol = key if isinstance(key, tuple) else (key, _name(bars))
        if field not in FIELDS or dtype == np.float64:
            continue
        if not pd.api.types.is_numeric_dtype(dtype) or pd.api.types.is_complex_dtype(dtype):
            column = bars[key]
            bad = _no_numbers(column)
            if not bad.any() and dtype.kind == "O":
                to_cast[key] = "float64"
                continue
            unreadable = bad & pd.to_numeric(column, errors="coerce").isna().to_numpy()
            row = int(np.argmax(unreadable if unreadable.any() else bad))
            shown = f"{field}={column.iloc[row]!r}" if len(column) else f"{field} is {dtype}"
            time = bars.index[row] if len(column) else None
            _refuse(str(symbol), time, row, "not a number", shown)
        to_cast[key] = "float64"
    return bars.astype(to_cast) if to_cast else bars.copy(deep=False)


def _no_numbers(column: pd.Series) -> np.ndarray:
    """Return where a column holds no number; a text that reads like one is none."""
    kinds = (Real, Decimal)
    values = column.tolist()
    fine = [isinstance(v, kinds) and not isinstance(v, bool) for v in values]
    return ~(np.array(fine, dtype=bool) | column.isna().to_numpy())


def _refuse(symbol: str, time: Any, row: int, rule: str, shown: str) -> NoReturn:
    raise DataError(
        f"bars of {symbol}, row {row} ({time}): {rule}{': ' if shown else ''}{shown}",
        symbol=symbol,
        time=time,
        row=row,
        rule=rule,
    )


def _bytes(column: pd.Series) -> bytes:
    if pd.api.types.is_numeric_dtype(column.dtype) or pd.api.types.is_bool_dtype(column.dtype):
        values = column.to_numpy("float64", na_value=np.nan).astype("<f8")
        values[np.isnan(values)] = np.nan
        return values.tobytes()
    return "\x1e".join(map(str, column)).encode()
