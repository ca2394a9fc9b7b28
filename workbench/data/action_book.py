"""Corporate actions: splits, dividends and changes of name, stored with their dates.

What a source tells beside its bars comes with the bars. What it does not tell (files, for
one) or tells wrongly is kept here, in the workspace's own book, and overrules it on its
date. Prices are never touched: actions stand beside raw bars and are applied when read.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd

from workbench.config import Settings
from workbench.core.clock import WallClock
from workbench.core.ports import Clock
from workbench.data.calendar import ALWAYS, zone_of
from workbench.errors import DataError, nearest

__all__ = [
    "KINDS",
    "NEUTRAL",
    "ActionBook",
    "Span",
    "as_table",
    "beside",
    "check_actions",
    "merged",
    "spans",
]

KINDS = ("split", "dividend", "rename")
_COLUMNS = ("date", "kind", "value", "former")
NEUTRAL = {"split": 1.0, "dividend": 0.0}
_BUSY = 30.0
_SCHEMA = """
CREATE TABLE IF NOT EXISTS actions (
    symbol TEXT NOT NULL,
    date TEXT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('split', 'dividend', 'rename')),
    value REAL,
    former TEXT NOT NULL DEFAULT '',
    recorded TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS actions_by_symbol ON actions (symbol, date, kind);
"""
_LATEST = """
SELECT date, kind, value, former, MAX(rowid) FROM actions
WHERE symbol = ? AND recorded < ? GROUP BY date, kind ORDER BY date, kind
"""


@dataclass(frozen=True, slots=True)
class Span:
    """What a stock was called, ``start <= date < end``; None is open."""

    name: str
    start: pd.Timestamp | None = None
    end: pd.Timestamp | None = None


def check_actions(table: pd.DataFrame) -> pd.DataFrame:
    """Return a table of actions in order, or raise.

    Parameters
    ----------
    table : DataFrame
        Columns ``symbol date kind value former``: the ex-date of a ``split`` (`value` new
        shares per old) or ``dividend`` (`value` cash per share, after the split of the same
        date), or the first day of a ``rename`` (`former`: what it was called before).
        ``former`` may be left out where nothing was renamed. A split of 1, a dividend of 0
        and an empty `former` say that there was none, and overrule a source that has one.

    Raises
    ------
    DataError
        A column is missing, or a row is no action; the row is told.

    Examples
    --------
    >>> row = {"symbol": "AAPL", "date": "2014-06-09", "kind": "split", "value": 7}
    >>> check_actions(pd.DataFrame([row]))[["date", "value"]].to_numpy().tolist()
    [[Timestamp('2014-06-09 00:00:00+0000', tz='UTC'), 7.0]]
    """
    given = table.reset_index() if table.index.name in ("symbol", "date") else table
    missing = [name for name in ("symbol", "date", "kind", "value") if name not in given]
    if missing:
        raise DataError(
            f"a table of actions lacks {', '.join(missing)}; it needs symbol, date, kind "
            f"({', '.join(KINDS)}), value, and former for renames",
            missing=tuple(missing),
        )
    told = pd.DataFrame(
        {
            "symbol": given["symbol"].astype("string").str.strip(),
            "date": _days(given["date"]),
            "kind": given["kind"].astype("string").str.strip(),
            "value": pd.to_numeric(given["value"], errors="coerce").to_numpy(
                "float64", na_value=np.nan
            ),
            "former": given.get("former", pd.Series("", index=given.index))
            .astype("string")
            .fillna("")
            .str.strip(),
        }
    ).reset_index(drop=True)
    _refuse_first(told, given.reset_index(drop=True))
    return told.drop_duplicates(["symbol", "date", "kind"], keep="last").sort_values(
        ["symbol", "date", "kind"], ignore_index=True
    )


def _days(column: pd.Series) -> pd.Series:
    text = column.astype("string") if pd.api.types.is_integer_dtype(column) else column
    told = pd.to_datetime(text, utc=True, errors="coerce", format="mixed")
    return told.dt.normalize().dt.as_unit("ns")


def _refuse_first(told: pd.DataFrame, given: pd.DataFrame) -> None:
    is_rename = told["kind"].eq("rename").fillna(False)
    least = told["kind"].map({"split": np.nextafter(0, 1), "dividend": 0.0}).astype("float64")
    rules = {
        "it has no symbol": told["symbol"].fillna("") == "",
        "its date cannot be read": told["date"].isna(),
        f"its kind is none of {', '.join(KINDS)}": ~told["kind"].isin(KINDS),
        "a split is above 0 and a dividend not below it": ~is_rename
        & ~(np.isfinite(told["value"]) & (told["value"] >= least)),
        "it is called what it was called before": is_rename & (told["former"] == told["symbol"]),
    }
    for why, bad in rules.items():
        rows = np.flatnonzero(bad.fillna(True).to_numpy(dtype=bool))
        if len(rows):
            shown = {name: given[name].iloc[rows[0]] for name in given.columns}
            kind = str(shown.get("kind"))
            hint = nearest(kind, KINDS) if "kind" in why else ""
            raise DataError(
                f"row {rows[0]} of the actions, {shown}, is none: {why}{hint}",
                row=int(rows[0]),
                rule=why,
            )


class ActionBook:
    """The workspace's own actions, one SQLite file; what is replaced is kept.

    Parameters
    ----------
    path : Path
        Made when something is added.
    clock : Clock, optional
        Tells when an action was recorded; the machine's by default.

    Examples
    --------
    >>> import tempfile
    >>> book = ActionBook(Path(tempfile.mkdtemp()) / "actions.sqlite")
    >>> row = {"symbol": "META", "date": "2022-06-09", "kind": "rename", "value": None}
    >>> book.add(pd.DataFrame([row | {"former": "FB"}]))
    1
    >>> book.of("META")["former"].tolist(), book.symbols()
    (['FB'], ('META',))
    """

    def __init__(self, path: Path, clock: Clock | None = None) -> None:
        self.path = path
        self.clock = clock or WallClock()

    @classmethod
    def open(cls, settings: Settings) -> ActionBook:
        """Return the book of a workspace."""
        return cls(settings.folder("actions.sqlite"))

    def add(self, table: pd.DataFrame) -> int:
        """Add actions, all or none; one takes the place of another of its date and kind.

        Returns
        -------
        int
            How many there are of it.

        Raises
        ------
        DataError
            As `check_actions`; or the file is damaged.
        """
        told = check_actions(table)
        now = _instant(self.clock.now())
        rows = [
            (symbol, f"{date:%Y-%m-%d}", kind, None if np.isnan(value) else value, former, now)
            for symbol, date, kind, value, former in told.itertuples(index=False, name=None)
        ]
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self._connection() as connection, connection:
            connection.executescript(_SCHEMA)
            connection.executemany("INSERT INTO actions VALUES (?, ?, ?, ?, ?, ?)", rows)
        return len(rows)

    def of(self, symbol: str, as_of: pd.Timestamp | None = None) -> pd.DataFrame:
        """Return the actions of a symbol, oldest first: ``date kind value former``.

        With `as_of`, as they had been recorded before that instant.
        """
        until = "~" if as_of is None else _instant(as_of)
        return as_table([row[:4] for row in self._rows(_LATEST, (symbol, until))])

    def symbols(self) -> tuple[str, ...]:
        """Return the symbols that have an action, sorted."""
        return tuple(
            str(row[0]) for row in self._rows("SELECT DISTINCT symbol FROM actions ORDER BY 1")
        )

    def _rows(self, query: str, values: tuple[str, ...] = ()) -> list[tuple[object, ...]]:
        if not self.path.is_file():
            return []
        with self._connection() as connection:
            is_there = "SELECT 1 FROM sqlite_master WHERE name = 'actions'"
            if connection.execute(is_there).fetchone() is None:
                return []
            return connection.execute(query, values).fetchall()

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        try:
            with closing(sqlite3.connect(self.path, timeout=_BUSY)) as connection:
                yield connection
        except sqlite3.Error as error:
            raise DataError(
                f"the book of actions at {self.path} cannot be used: {error}. It was left as it "
                "is; restore it from a backup, or move it away and add the actions again",
                path=str(self.path),
                rule="damaged file",
            ) from error


def _instant(time: datetime) -> str:
    return time.astimezone(UTC).isoformat(timespec="microseconds")


def as_table(rows: Sequence[tuple[object, ...]]) -> pd.DataFrame:
    """Return rows of ``(date, kind, value, former)`` as a table of one symbol's actions."""
    table = pd.DataFrame(rows, columns=list(_COLUMNS))
    table["date"] = _days(table["date"])
    table["value"] = table["value"].astype("float64")
    return table


def merged(source: pd.DataFrame, own: pd.DataFrame) -> pd.DataFrame:
    """Return both tables of one symbol as one; on the same date and kind `own` counts."""
    parts = [table[list(_COLUMNS)] for table in (source, own) if len(table)]
    if not parts:
        return as_table([])
    both = pd.concat(parts).drop_duplicates(["date", "kind"], keep="last")
    return both.sort_values(["date", "kind"], ignore_index=True)


def spans(symbol: str, table: pd.DataFrame) -> list[Span]:
    """Return what a stock was called and when, oldest first.

    A ticker may be given to another company, so the date decides whose bars they are.

    Examples
    --------
    >>> told = as_table([("2022-06-09", "rename", None, "FB")])
    >>> [(span.name, span.start, span.end) for span in spans("META", told)][0]
    ('FB', None, Timestamp('2022-06-09 00:00:00+0000', tz='UTC'))
    """
    renames = table[(table["kind"] == "rename") & (table["former"] != "")].sort_values("date")
    found: list[Span] = []
    start: pd.Timestamp | None = None
    for date, former in zip(renames["date"], renames["former"], strict=True):
        found.append(Span(str(former), start, date))
        start = date
    return [*found, Span(symbol, start, None)]


def beside(bars: pd.DataFrame, table: pd.DataFrame, calendar: str | None = None) -> pd.DataFrame:
    """Return raw bars of days or less with the splits and dividends of a table as columns.

    Parameters
    ----------
    bars : DataFrame
        Raw, one symbol. Columns ``split`` and ``dividend`` that are there already stay, but
        for the dates of the table.
    table : DataFrame
        ``date kind value``, as `ActionBook.of` returns it.
    calendar : str, optional
        That of the bars, from their ``attrs`` by default: to whose date intraday bars belong.

    Returns
    -------
    DataFrame
        New, or `bars` where the table has neither splits nor dividends. An action falls on
        the first bar of its date, or of the next date that has one; what happened before the
        first bar, or after the last, is left out.
    """
    table = table[table["kind"].isin(list(NEUTRAL))]
    if table.empty or bars.attrs.get("adjustment", "none") != "none":
        return bars
    told = bars.copy()
    dates = _dates(pd.DatetimeIndex(bars.index), calendar or bars.attrs.get("calendar", ALWAYS))
    for kind, neutral in NEUTRAL.items():
        mine = table[table["kind"] == kind]
        if mine.empty and kind not in bars:
            continue
        found = {day: float(value) for day, value in zip(mine["date"], mine["value"], strict=True)}
        if kind in bars:
            there = bars[kind].fillna(neutral).to_numpy()
            rows = np.flatnonzero((there != neutral) & ((there != 0.0) | (kind != "split")))
            found = {dates[int(row)]: float(there[row]) for row in rows} | found
        told[kind] = _placed(dates, found, neutral)
    told.attrs = dict(bars.attrs)
    return told


def _placed(
    dates: pd.DatetimeIndex, found: dict[pd.Timestamp, float], neutral: float
) -> np.ndarray:
    column = np.full(len(dates), neutral)
    for day, value in sorted(found.items()):
        at = int(dates.searchsorted(day))
        if at < len(dates) and day >= dates[0]:
            column[at] = column[at] * value if neutral else column[at] + value
    return column


def _dates(times: pd.DatetimeIndex, calendar: str) -> pd.DatetimeIndex:
    """Return the date each bar belongs to; a bar at midnight UTC is one of a day."""
    if calendar == ALWAYS or (times == times.normalize()).all():
        return times.normalize()
    local = times.tz_convert(zone_of(calendar)).tz_localize(None).normalize()
    return local.tz_localize("UTC")
