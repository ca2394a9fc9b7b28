"""Universes: which symbols belonged to a list, from when to when, and which are gone.

A backtest over the members of today leaves out who failed in between, and looks better
than anything that could have been traded (survivorship). A universe keeps each symbol's
dates, and bars loaded by it say on each bar who may be held.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from workbench.config import load_settings
from workbench.core.timeframe import Timeframe
from workbench.data.calendar import ALWAYS, known_times, session_labels
from workbench.data.tables import SUFFIXES, read_table
from workbench.data.window import When, window_of
from workbench.errors import DataError, UsageError, nearest

__all__ = ["MEMBER", "Members", "Universe", "universe"]

MEMBER = "member"
"""The column of bars that says who may be held: 1 or 0."""

_DATES = ("start", "end", "delisted")
_FAR = pd.Timestamp("2262-01-01", tz="UTC")
_LONG_AGO = pd.Timestamp("1678-01-01", tz="UTC")


class Members(tuple[str, ...]):
    """The members of a universe on one day: a tuple of symbols that knows whose they are."""

    universe: str
    day: pd.Timestamp

    def __new__(cls, symbols: tuple[str, ...], universe: str, day: pd.Timestamp) -> Members:
        """Make it of symbols, the name of their universe and the day."""
        made = super().__new__(cls, symbols)
        made.universe, made.day = universe, day
        return made


@dataclass(frozen=True, eq=False)
class Universe:
    """Symbols with the dates of their membership.

    Parameters
    ----------
    name : str
    table : DataFrame
        One row per membership, several per symbol are allowed: ``symbol``, ``start`` (the
        first day; empty: from the beginning), ``end`` (the last day; empty: still) and
        ``delisted`` (the last day the symbol was traded; empty: it still is). Only
        ``symbol`` must be there.

    Raises
    ------
    DataError
        A row without a symbol, a date that cannot be read, an end before its start.

    Examples
    --------
    >>> table = pd.DataFrame({"symbol": ["A", "B"], "start": ["2010-01-04", "2012-01-03"]})
    >>> few = Universe("few", table.assign(delisted=["2015-06-30", None]))
    >>> few.at("2011-05-02"), few.at("2014-01-02"), few.at("2016-01-04")
    (('A',), ('A', 'B'), ('B',))
    """

    name: str
    table: pd.DataFrame

    def __post_init__(self) -> None:
        object.__setattr__(self, "table", _checked(self.name, self.table))

    @property
    def symbols(self) -> tuple[str, ...]:
        """Everyone who ever was a member."""
        return tuple(dict.fromkeys(self.table["symbol"]))

    @property
    def is_dated(self) -> bool:
        """Whether there is any date at all; without one it is a list, and no history of it."""
        return bool(self.table[list(_DATES)].notna().any(axis=None))

    def at(self, day: When) -> Members:
        """Return the members on a day."""
        when = window_of(day, None)[0]
        if when is None:
            raise UsageError("at needs a day, e.g. at='2015-01-02'")
        when = when.normalize()
        lasts = self._lasts(self.table["delisted"].fillna(_FAR))
        mine = self.table[(self.table["start"].fillna(_LONG_AGO) <= when) & (when <= lasts)]
        return Members(tuple(dict.fromkeys(mine["symbol"])), self.name, when)

    def between(self, start: pd.Timestamp | None, end: pd.Timestamp | None) -> tuple[str, ...]:
        """Return everyone who was a member with ``start <= day < end`` at some time."""
        first, last = start or _LONG_AGO, end or _FAR
        lasts = self._lasts(self.table["delisted"].fillna(_FAR))
        mine = self.table[
            (self.table["start"].fillna(_LONG_AGO) < last) & (first.normalize() <= lasts)
        ]
        return tuple(dict.fromkeys(mine["symbol"]))

    def membership(
        self, times: pd.DatetimeIndex, timeframe: str | Timeframe, calendar: str
    ) -> pd.DataFrame:
        """Return who may be held by what is decided on each bar.

        What is decided at the close of a bar is filled in the session after it, so a symbol
        counts on a bar where it is a member in *that* session: from the bar before its first
        day to the bar before its last. Who is delisted is not held into the last day of
        trading but sold on it. Such dates are announced ahead, and are taken as known one
        session before.

        Returns
        -------
        DataFrame
            1.0 and 0.0, (times, symbols).
        """
        days = _fill_days(times, timeframe, calendar)
        found = pd.DataFrame(0.0, index=times, columns=list(self.symbols))
        lasts = self._lasts(self.table["delisted"] - pd.Timedelta(days=1))
        for symbol, start, last in zip(
            self.table["symbol"], self.table["start"].fillna(_LONG_AGO), lasts, strict=True
        ):
            found.loc[(days >= start) & (days <= last), symbol] = 1.0
        return found

    def _lasts(self, gone: pd.Series) -> pd.Series:
        """Return the last day of each membership; `gone` is the last one that delisting leaves."""
        ends = self.table["end"].fillna(_FAR)
        return ends.where(ends <= gone.fillna(_FAR), gone.fillna(_FAR))

    def __repr__(self) -> str:
        gone = int(self.table.groupby("symbol")["delisted"].last().notna().sum())
        dated = f"{gone} delisted" if self.is_dated else "no dates"
        return f"Universe({self.name!r}: {len(self.symbols)} symbols, {dated})"


def _checked(name: str, table: pd.DataFrame) -> pd.DataFrame:
    if "symbol" not in table:
        raise DataError(
            f"universe {name!r} has no column symbol; it needs symbol, start, end, delisted",
            missing=("symbol",),
        )
    told = pd.DataFrame({"symbol": table["symbol"].astype("string").str.strip()})
    for column in _DATES:
        given = table.get(column, pd.Series(pd.NaT, index=table.index))
        days = pd.to_datetime(given.astype("object"), utc=True, errors="coerce", format="mixed")
        told[column] = days.dt.normalize().dt.as_unit("ns")
        _refuse(name, table, given.notna() & told[column].isna(), f"its {column} cannot be read")
    _refuse(name, table, told["symbol"].fillna("") == "", "it has no symbol")
    _refuse(name, table, told["end"] < told["start"], "it ends before it starts")
    _refuse(name, table, told["delisted"] < told["start"], "it was delisted before it starts")
    told["symbol"] = told["symbol"].astype("object")
    return told.reset_index(drop=True)


def _refuse(name: str, table: pd.DataFrame, bad: pd.Series, why: str) -> None:
    rows = np.flatnonzero(bad.to_numpy())
    if len(rows):
        shown = table.iloc[rows[0]].to_dict()
        raise DataError(
            f"row {rows[0]} of universe {name!r}, {shown}, is no membership: {why}",
            row=int(rows[0]),
            universe=name,
            rule=why,
        )


def _fill_days(
    times: pd.DatetimeIndex, timeframe: str | Timeframe, calendar: str
) -> pd.DatetimeIndex:
    """Return the date of the session in which the decision of each bar is filled."""
    known = known_times(times, timeframe, calendar)
    if calendar == ALWAYS or not len(times):
        return known.normalize()
    _, table = session_labels(known, calendar)
    at = np.searchsorted(table.closes, known.as_unit("ns").asi8, side="right")
    later = known.normalize() + pd.Timedelta(days=1)  # beyond the calendar's end
    labels = np.append(table.labels, 0)[np.minimum(at, len(table.labels))]
    return pd.DatetimeIndex(
        np.where(at < len(table.labels), labels, later.as_unit("ns").asi8).astype("datetime64[ns]")
    ).tz_localize("UTC")


def universe(name: str | Path, at: When = None) -> Universe | Members:
    """Return a universe of the workspace, or its members on a day.

    Parameters
    ----------
    name : str or Path
        ``"sp100"`` is ``data/universes/sp100.csv`` or ``.parquet`` of the workspace; a name
        that ends so is the path of a file. Columns: see `Universe`.
    at : str, date or Timestamp, optional
        Return the members on that day instead, as a tuple of symbols.

    Returns
    -------
    Universe or Members
        Give a `Universe` to ``wb.bars`` in the place of symbols: everyone who was a member
        in the range is loaded, with a column ``member``, outside of which targets count
        as 0 in backtest, sweep and replay. Given `Members`, ``wb.bars`` warns where they
        are of a later day than the first bar.

    Raises
    ------
    UsageError
        There is none of the name; the nearest is offered.
    DataError
        The file is no universe.
    """
    path = Path(name)
    if path.suffix.lower() not in SUFFIXES:
        folder = load_settings().folder("universes")
        known = {file.stem: file for file in sorted(folder.glob("*")) if file.suffix in SUFFIXES}
        if str(name) not in known:
            hint = nearest(str(name), known)
            raise UsageError(
                f"no universe {str(name)!r}{hint}; put a file {name}.csv with symbol,start,end,"
                f"delisted into {folder}",
                universe=str(name),
            )
        path = known[str(name)]
    found = Universe(path.stem, read_table(path))
    return found if at is None else found.at(at)
