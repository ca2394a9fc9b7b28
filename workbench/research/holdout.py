"""``wb.holdout``: bars that nobody has looked at yet, and a seal that tells when somebody did."""

from __future__ import annotations

import getpass
import sqlite3
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from workbench.config import Settings, load_settings
from workbench.core.clock import WallClock
from workbench.data import schema
from workbench.errors import DataError, UsageError
from workbench.runs.fingerprint import fingerprint
from workbench.runs.writer import BUSY_SECONDS, transaction

if TYPE_CHECKING:
    from workbench.backtest.entries import Limit
    from workbench.backtest.result import Result
    from workbench.backtest.sizing import Sizing
    from workbench.backtest.stops import Stops
    from workbench.costs.costs import Costs
    from workbench.strategy.base import Strategy

__all__ = ["Holdout", "Opened", "holdout"]

_VERSION = 1
_SCHEMA = """
CREATE TABLE IF NOT EXISTS openings (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    fingerprint TEXT NOT NULL,
    symbols TEXT NOT NULL,
    start TEXT NOT NULL,
    "end" TEXT NOT NULL,
    time TEXT NOT NULL,
    who TEXT NOT NULL,
    strategy TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS openings_by_data ON openings (fingerprint);
CREATE TRIGGER IF NOT EXISTS openings_stay BEFORE UPDATE ON openings
    BEGIN SELECT RAISE(ABORT, 'openings are append-only'); END;
CREATE TRIGGER IF NOT EXISTS openings_are_kept BEFORE DELETE ON openings
    BEGIN SELECT RAISE(ABORT, 'openings are append-only'); END;
"""
_COLUMNS = ("symbols", "start", "end", "time", "who", "strategy")


@dataclass(frozen=True)
class Opened:
    """What a hold-out said.

    Parameters
    ----------
    result : Result
        Of the sealed bars alone; the bars before them warmed the strategy up.
    findings : tuple of str
        Whether it had been opened before, by whom and when; then those of the result.
    """

    result: Result
    findings: tuple[str, ...]

    def _repr_html_(self) -> str:
        from html import escape

        notes = "".join(f"<li>{escape(text)}</li>" for text in self.findings)
        return f"<div><b>hold-out</b><ul>{notes}</ul>{self.result._repr_html_()}</div>"


@dataclass(frozen=True, eq=False)
class Holdout:
    """The sealed part of bars, which can be opened once with its word kept.

    It guards against the eye, not against force: who has the source has the bars. What it
    adds is the memory. Openings are written into ``holdouts.db`` of the workspace, and each
    further one, of the same bars or of some that overlap with them, says so.

    Parameters
    ----------
    start, end : Timestamp
        Its first and its last bar.
    bars : int
        How many.
    symbols : tuple of str
    path : Path
        Where openings are remembered.
    """

    start: pd.Timestamp
    end: pd.Timestamp
    bars: int
    symbols: tuple[str, ...]
    path: Path
    _all: pd.DataFrame = field(repr=False)

    def open(
        self,
        strategy: Strategy,
        *,
        cash: float = 100_000,
        costs: Costs | None = None,
        sizing: Sizing | None = None,
        stops: Stops | None = None,
        fill: str | Limit = "next_open",
        calendar: str | None = None,
    ) -> Opened:
        """Run the strategy that was settled on over the sealed bars, and write that down.

        It is written before it is run: whoever sees the result was counted.

        Parameters
        ----------
        strategy : Strategy
            One object; a hold-out on which several are compared is no hold-out.
        cash, costs, sizing, stops, fill, calendar
            As in ``wb.backtest``.

        Raises
        ------
        UsageError
            A strategy's class, or a choice that ``wb.backtest`` refuses.
        DataError
            The opening cannot be written: then it stays shut.
        """
        from workbench.backtest.engine import prepare
        from workbench.strategy.evaluate import evaluate
        from workbench.strategy.sleeves import spread

        if isinstance(strategy, type):
            raise UsageError(
                f"{strategy.__name__} is a class: give an object, {strategy.__name__}()",
                strategy=strategy.__name__,
            )
        every = spread(strategy, self._all.copy(deep=False))
        sealed = every.iloc[-self.bars :]
        simulation = prepare(
            sealed, cash=cash, costs=costs, sizing=sizing, stops=stops, fill=fill, calendar=calendar
        )
        targets = evaluate(strategy, every)[-self.bars :]
        before = self.openings()
        self._write(repr(strategy))
        result = simulation.result(strategy, targets)
        result.count()
        said = () if before.empty else (_told(before),)
        return Opened(result, (*said, *result.findings))

    def openings(self) -> pd.DataFrame:
        """Return when and by whom these bars, or some that overlap with them, were opened.

        Columns ``symbols start end time who strategy``, oldest first.

        Raises
        ------
        DataError
            The file cannot be read.
        """
        if not self.path.exists():
            return pd.DataFrame(columns=list(_COLUMNS))
        query = f"SELECT {', '.join(f'{chr(34)}{c}{chr(34)}' for c in _COLUMNS)} FROM openings"  # noqa: S608
        try:
            uri = f"{self.path.absolute().as_uri()}?mode=rw"  # rolls back what a kill left
            with closing(sqlite3.connect(uri, uri=True, timeout=BUSY_SECONDS)) as connection:
                rows = connection.execute(f"{query} ORDER BY number").fetchall()
        except sqlite3.Error as error:
            raise DataError(
                f"the openings of hold-outs in {self.path} cannot be read: {error}",
                path=str(self.path),
            ) from None
        mine = set(self.symbols)
        kept = [
            row
            for row in rows
            if mine & set(row[0].split(","))
            and pd.Timestamp(row[1]) <= self.end
            and pd.Timestamp(row[2]) >= self.start
        ]
        return pd.DataFrame(kept, columns=list(_COLUMNS))

    def _write(self, strategy: str) -> None:
        row: tuple[Any, ...] = (
            fingerprint(self._all.iloc[-self.bars :]),
            ",".join(self.symbols),
            self.start.isoformat(),
            self.end.isoformat(),
            WallClock().now().isoformat(),
            _who(),
            strategy,
        )
        insert = (
            'INSERT INTO openings (fingerprint, symbols, start, "end", time, who, strategy) '
            "VALUES (?, ?, ?, ?, ?, ?, ?)"
        )
        try:
            with transaction(self.path, _SCHEMA, _VERSION) as connection:
                connection.execute(insert, row)
        except (sqlite3.Error, OSError) as error:
            raise DataError(
                f"the opening could not be written to {self.path} ({error}); the hold-out stays "
                "shut: one that nobody remembers is none",
                path=str(self.path),
            ) from None

    def __repr__(self) -> str:
        times = len(self.openings())
        seal = "sealed" if not times else f"opened {times} time{'s' * (times > 1)}"
        return (
            f"<hold-out of {', '.join(self.symbols)}: {self.bars:,} bars from "
            f"{self.start:%Y-%m-%d} to {self.end:%Y-%m-%d}, {seal}>"
        )


def holdout(
    bars: pd.DataFrame,
    fraction: float | None = None,
    *,
    start: str | pd.Timestamp | None = None,
    settings: Settings | None = None,
) -> tuple[pd.DataFrame, Holdout]:
    """Split bars into a part to work on and a sealed part to be opened once, at the end.

    Parameters
    ----------
    bars : DataFrame
        One or several symbols, see ``wb.bars``.
    fraction : float, optional
        The share of bars that is sealed, the latest ones; a fifth where nothing is said.
    start : str or Timestamp, optional
        Instead of a fraction: the first time that is sealed.
    settings : Settings, optional
        Of another workspace.

    Returns
    -------
    tuple of (DataFrame, Holdout)
        The bars to work on, and the seal; ``seal.open(strategy)`` is the test.

    Raises
    ------
    UsageError
        Both a fraction and a start, or one that leaves fewer than two bars on a side.
    DataError
        Bars that break the contract.

    Examples
    --------
    >>> import workbench as wb
    >>> bars = wb.bars("AAPL", start="2008", end="2012", source="sample")
    >>> work, seal = wb.holdout(bars, start="2011")
    >>> len(work) + seal.bars == len(bars), str(work.index[-1].date())
    (True, '2010-12-31')
    """
    if fraction is not None and start is not None:
        raise UsageError("give a hold-out a fraction or a start, not both", fraction=fraction)
    checked = schema.check_bars(bars)
    share = 0.2 if fraction is None else fraction
    if not 0 < share < 1:
        raise UsageError(
            f"fraction must lie between 0 and 1, not {fraction!r}: 0.2 seals the last fifth",
            fraction=fraction,
        )
    at = len(checked) - round(len(checked) * share) if start is None else _row(checked, start)
    if not 2 <= at <= len(checked) - 2:
        raise UsageError(
            f"{'fraction' if start is None else 'start'} {start or share!r} leaves {at:,} bars to "
            f"work on and {len(checked) - at:,} sealed: each part needs at least two",
            bars=len(checked),
        )
    info = schema.describe(checked)
    # What was inferred from all bars holds for the parts as well.
    checked.attrs = dict(bars.attrs) | {"timeframe": info.timeframe, "calendar": info.calendar}
    work = checked.iloc[:at].copy()
    work.attrs.pop("fingerprint", None)
    seal = Holdout(
        start=pd.Timestamp(checked.index[at]),
        end=pd.Timestamp(checked.index[-1]),
        bars=len(checked) - at,
        symbols=info.symbols,
        path=(settings or load_settings()).folder("holdouts.db"),
        _all=checked,
    )
    return work, seal


def _row(bars: pd.DataFrame, start: str | pd.Timestamp) -> int:
    try:
        label = pd.Timestamp(start)
    except (ValueError, TypeError):
        raise UsageError(f"start {start!r} is no time; write e.g. '2020-01-01'", start=start) from (
            None
        )
    label = label.tz_localize("UTC") if label.tzinfo is None else label.tz_convert("UTC")
    return int(bars.index.searchsorted(label))


def _told(before: pd.DataFrame) -> str:
    last = before.iloc[-1]
    times = "once" if len(before) == 1 else f"{len(before)} times"
    return (
        f"this hold-out was opened {times} before, last by {last['who']} at {last['time'][:16]} "
        f"with {last['strategy']}: what it says now is no longer out of sample"
    )


def _who() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        return "somebody without a name"
