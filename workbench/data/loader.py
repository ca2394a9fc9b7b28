"""``wb.bars``: one way to bars, whatever they come from."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from datetime import date, datetime

import numpy as np
import pandas as pd

from workbench.config import load_settings
from workbench.core.ports import BarSource
from workbench.core.timeframe import Timeframe
from workbench.data import coverage, sources
from workbench.data.adjust import adjust as adjusted_bars
from workbench.data.adjust import check_adjustment
from workbench.data.catalog import Catalog
from workbench.data.schema import Dropped, check_bars, fingerprint
from workbench.errors import UsageError, nearest

__all__ = ["bars"]

When = str | date | datetime | pd.Timestamp | None


def bars(
    symbols: str | Sequence[str],
    timeframe: str | Timeframe = "1d",
    start: When = None,
    end: When = None,
    source: str | None = None,
    adjust: str = "all",
) -> pd.DataFrame:
    """Load bars of one symbol, or of several side by side.

    What is stored in the workspace is not fetched again, only the gaps are; what is
    fetched is checked, stored and returned. The same range gives the same bars whatever
    was asked before.

    Parameters
    ----------
    symbols : str or sequence of str
        ``"AAPL"`` gives single columns, ``["AAPL", "IBM"]`` two levels ``(field, symbol)``
        over the union of the times; a bar that a symbol does not have is NaN.
    timeframe : str
        ``"1m" "5m" "1h" "1d" "1w"``… as far as the source has it.
    start, end : str, date, datetime or Timestamp, optional
        ``start <= time < end``, whatever the type. Without a time zone they are UTC.
    source : str, optional
        ``"sample"``, ``"synthetic"``, ``"files"``; the settings' ``source`` when left out.
    adjust : {"all", "splits", "none"}
        For splits and dividends, for splits only, or raw prices (with the columns
        ``split`` and ``dividend`` where the source knows them).

    Returns
    -------
    DataFrame
        Bars (see `workbench.data.schema`). ``attrs`` tells ``timeframe source adjustment
        calendar fingerprint symbol`` and ``dropped``, the rows that were left out.

    Raises
    ------
    UsageError
        Unknown symbol, source, timeframe or adjustment; no bar in the range.
    DataError
        What was read is no bars, e.g. a damaged file.

    Examples
    --------
    >>> import workbench as wb
    >>> aapl = wb.bars("AAPL", start="2012-01-01", end="2013-01-01")
    >>> len(aapl), aapl.attrs["calendar"]
    (250, 'XNYS')
    """
    wanted, is_one = _names(symbols)
    frame = Timeframe.parse(timeframe)
    check_adjustment(adjust)
    window = (_instant(start, "start"), _instant(end, "end"))
    if window[0] is not None and window[1] is not None and window[0] >= window[1]:
        raise UsageError(f"start {start} is not before end {end}", start=start, end=end)
    settings = load_settings()
    chosen = sources.find(source or settings.source, settings)
    _check_known(wanted, chosen)
    store = Catalog(settings.folder("bars"))
    loaded = {name: _load(name, frame, window, chosen, adjust, store) for name in wanted}
    return _finish(loaded, frame, chosen.name, is_one)


def _load(
    symbol: str,
    timeframe: Timeframe,
    window: tuple[pd.Timestamp | None, pd.Timestamp | None],
    source: BarSource,
    how: str,
    catalog: Catalog,
) -> pd.DataFrame:
    start, end = window
    # To adjust, every later split and dividend must be known: read on beyond the end.
    until = end if how == "none" else None
    if getattr(source, "is_stored", True):
        raw = catalog.fetch(source, symbol, timeframe, start, until)
    else:
        raw = source.history(symbol, timeframe, start, until)
    done = coverage.cut(adjusted_bars(raw, how), start, end)
    if done.empty:
        raise UsageError(
            f"{source.name!r} has no {timeframe} bar of {symbol} from {start or 'its first'} "
            f"to {end or 'the last'}",
            symbol=symbol,
            source=source.name,
        )
    return check_bars(done)


def _finish(
    loaded: dict[str, pd.DataFrame], timeframe: Timeframe, source: str, is_one: bool
) -> pd.DataFrame:
    calendars = dict.fromkeys(frame.attrs.get("calendar", "XNYS") for frame in loaded.values())
    adjustments = {frame.attrs.get("adjustment", "unknown") for frame in loaded.values()}
    dropped = [record for frame in loaded.values() for record in frame.attrs.get("dropped", ())]
    if is_one:
        ((symbol, bars),) = loaded.items()
    else:
        bare = {name: frame.copy(deep=False) for name, frame in loaded.items()}
        for frame in bare.values():
            frame.attrs = {}
        joined = pd.concat(bare, axis=1, join="outer").sort_index().swaplevel(axis=1)
        fields = list(dict.fromkeys(field for frame in bare.values() for field in frame.columns))
        order = [(field, name) for field in fields for name in bare if field in bare[name]]
        bars = joined[order]
        bars.columns = pd.MultiIndex.from_tuples(order, names=["field", "symbol"])
    bars.index.name = "time"
    bars.attrs = {
        "timeframe": str(timeframe),
        "source": source,
        "adjustment": next(iter(adjustments)) if len(adjustments) == 1 else "mixed",
        "calendar": "24/7" if len(calendars) > 1 and "24/7" in calendars else next(iter(calendars)),
        "fingerprint": fingerprint(bars),
    }
    if is_one:
        bars.attrs["symbol"] = symbol
    if dropped:
        bars.attrs["dropped"] = Dropped(dropped)
        warnings.warn(f"{bars.attrs['dropped']!r}; see bars.attrs['dropped']", stacklevel=3)
    return bars


def _names(symbols: str | Sequence[str]) -> tuple[list[str], bool]:
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


def _check_known(wanted: list[str], source: BarSource) -> None:
    known = source.symbols()
    unknown = [name for name in wanted if known and name not in known]
    if not unknown:
        return
    texts = [f"{name!r}{nearest(name, known)}" for name in unknown]
    raise UsageError(
        f"source {source.name!r} has no symbol {'; '.join(texts)}; it has "
        f"{', '.join(known[:20])}{', …' if len(known) > 20 else ''}",
        symbol=unknown[0],
        unknown=tuple(unknown),
        source=source.name,
    )


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
