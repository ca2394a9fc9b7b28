"""The trial ledger: every configuration that was ever looked at, kept and counted.

The best of many trials looks good by luck alone, so the deflated Sharpe ratio and the
probability of overfitting need the true number of trials. It is written down where the
trials happen, by each backtest and by each point of a sweep, and never by memory.

One *trial* is one configuration seen on one data set: the strategy's name, its code, its
parameters, the fingerprint of the bars, and the choices of fill, sizing, costs and stops.
The same configuration run twice on the same bars, by whichever runner, is one trial: it
gave the same number, and seeing it again is no second draw. Another parameter, an edited
line of the strategy, another stop, another start of the window are each another trial.
Cash and the run's name are not part of it. A trial without a Sharpe ratio (it never
traded) counts, but adds nothing to the variance.
"""

from __future__ import annotations

import hashlib
import json
import math
import sqlite3
from collections.abc import Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from workbench.config import Settings, load_settings
from workbench.core.clock import WallClock
from workbench.errors import DataError
from workbench.runs.manifest import Manifest, plain
from workbench.runs.writer import BUSY_SECONDS, transaction

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

__all__ = ["Ledger", "Trial"]

_CHOICES = ("fill", "sizing", "costs", "stops")
_VERSION = 1
_SCHEMA = """
CREATE TABLE IF NOT EXISTS trials (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    trial TEXT NOT NULL,
    time TEXT NOT NULL,
    run_id TEXT NOT NULL,
    kind TEXT NOT NULL,
    strategy TEXT NOT NULL,
    params TEXT NOT NULL,
    code_hash TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    window_start TEXT,
    window_end TEXT,
    bars INTEGER NOT NULL,
    sharpe REAL,
    periods REAL NOT NULL
);
CREATE INDEX IF NOT EXISTS trials_by_data ON trials (fingerprint, strategy, trial);
CREATE TRIGGER IF NOT EXISTS trials_stay BEFORE UPDATE ON trials
    BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
CREATE TRIGGER IF NOT EXISTS trials_are_kept BEFORE DELETE ON trials
    BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
"""
_COLUMNS = (
    *("trial", "time", "run_id", "kind", "strategy", "params", "code_hash"),
    *("fingerprint", "window_start", "window_end", "bars", "sharpe", "periods"),
)


@dataclass(frozen=True)
class Trial:
    """One configuration seen on one data set.

    Parameters
    ----------
    manifest : Manifest
        Of the run that saw it. A sweep has one manifest for all its points.
    sharpe : float
        Annualised, as the statistics have it; NaN where there is none.
    periods : float
        Periods per year, by which it was annualised.
    params : mapping, optional
        The parameters, where they are not the manifest's: those of a point of a sweep.
    """

    manifest: Manifest
    sharpe: float
    periods: float
    params: Mapping[str, Any] | None = None

    @property
    def identity(self) -> str:
        """The digest by which trials are told apart, as the module tells."""
        return self._digest(self._params())

    def row(self, time: str) -> tuple[Any, ...]:
        """Return the ledger's row."""
        made, params = self.manifest, self._params()
        data = made.data
        return (
            self._digest(params),
            time,
            made.run_id,
            made.kind,
            made.strategy,
            params,
            made.code_hash,
            data.fingerprint,
            data.start,
            data.end,
            data.bars,
            None if math.isnan(self.sharpe) else float(self.sharpe),
            float(self.periods),
        )

    def _params(self) -> str:
        given = self.manifest.params if self.params is None else self.params
        return json.dumps({str(k): _whole(plain(v)) for k, v in given.items()}, sort_keys=True)

    def _digest(self, params: str) -> str:
        made = self.manifest
        choices = json.dumps([made.conventions.get(name) for name in _CHOICES], sort_keys=True)
        text = "|".join((made.strategy, made.code_hash, made.data.fingerprint, choices, params))
        return hashlib.sha256(text.encode()).hexdigest()[:32]


class Ledger:
    """The ledger of one workspace: one SQLite file, append-only, safe under several processes.

    Parameters
    ----------
    path : Path
        The file; made with its folder at the first record.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> from workbench.runs.manifest import DataFacts
    >>> manifest = Manifest("r1", "backtest", "SmaCross", {"fast": 10}, "c0de", DataFacts("f00d"))
    >>> with TemporaryDirectory() as folder:
    ...     ledger = Ledger(Path(folder) / "ledger.db")
    ...     said = ledger.record([Trial(manifest, 0.7, 252), Trial(manifest, 0.7, 252)])
    ...     ledger.count(), ledger.count(strategy="Pairs")
    (1, 0)
    """

    def __init__(self, path: Path) -> None:
        self.path = Path(path)

    @classmethod
    def open(cls, settings: Settings | None = None) -> Ledger:
        """Return the ledger of a workspace, of the present one when none is given."""
        return cls((settings or load_settings()).folder("ledger.db"))

    def record(self, trials: Iterable[Trial]) -> str:
        """Append trials, all or none.

        Returns
        -------
        str
            Empty when they are written. Else a sentence for the findings of the run:
            a folder that cannot be written or a full disk must not cost a result.
        """
        time = WallClock().now().isoformat()
        rows = [trial.row(time) for trial in trials]
        if not rows:
            return ""
        slots = ",".join("?" * len(_COLUMNS))
        insert = f"INSERT INTO trials ({','.join(_COLUMNS)}) VALUES ({slots})"  # noqa: S608
        try:
            with transaction(self.path, _SCHEMA, _VERSION) as connection:
                connection.executemany(insert, rows)
        except (sqlite3.Error, OSError) as error:
            return (
                f"not counted: {len(rows):,} trial{'s' * (len(rows) > 1)} could not be written "
                f"to the ledger {self.path} ({error}); the deflated Sharpe ratio will not know them"
            )
        return ""

    def trials_of(self, run_id: str) -> frozenset[str]:
        """Return the identities of the trials that a run has recorded.

        Raises
        ------
        DataError
            The ledger's file cannot be read.
        """
        rows = self._read("SELECT trial FROM trials WHERE run_id = ?", [run_id])
        return frozenset(trial for (trial,) in rows)

    def count(self, strategy: str | None = None, fingerprint: str | None = None) -> int:
        """Return how many distinct trials there are; see the module for what is one.

        Parameters
        ----------
        strategy : str, optional
            Only those of this strategy.
        fingerprint : str, optional
            Only those on these bars.

        Raises
        ------
        DataError
            The ledger's file cannot be read.
        """
        where, values = _where(strategy, fingerprint)
        found = self._read(f"SELECT COUNT(DISTINCT trial) FROM trials{where}", values)  # noqa: S608
        return int(found[0][0]) if found else 0

    def sharpes(
        self, strategy: str | None = None, fingerprint: str | None = None
    ) -> NDArray[np.float64]:
        """Return the Sharpe ratio per period, not annualised, of each distinct trial that has one.

        Their variance is what the deflated Sharpe ratio asks for. Of a trial seen several
        times the latest counts. The order is that of their first appearance.

        Raises
        ------
        DataError
            The ledger's file cannot be read.
        """
        where, values = _where(strategy, fingerprint)
        rows = self._read(
            f"SELECT trial, sharpe, periods FROM trials{where} ORDER BY number",  # noqa: S608
            values,
        )
        latest = {trial: (sharpe, periods) for trial, sharpe, periods in rows}
        known = [s / math.sqrt(p) for s, p in latest.values() if s is not None and p > 0]
        return np.array(known, dtype=np.float64)

    def frame(self, strategy: str | None = None, fingerprint: str | None = None) -> pd.DataFrame:
        """Return the rows as they were appended, `params` as JSON text, `time` in UTC.

        Raises
        ------
        DataError
            The ledger's file cannot be read.
        """
        import pandas as pd

        where, values = _where(strategy, fingerprint)
        rows = self._read(
            f"SELECT {','.join(_COLUMNS)} FROM trials{where} ORDER BY number",  # noqa: S608
            values,
        )
        frame = pd.DataFrame(rows, columns=_COLUMNS)
        return frame.assign(time=pd.to_datetime(frame["time"], utc=True, format="ISO8601"))

    def _read(self, query: str, values: list[str]) -> list[Any]:
        if not self.path.exists():
            return []
        failed: sqlite3.Error | None = None
        # The first reader after a kill rolls back what was not finished, and must write for it. A
        # folder that cannot be written refuses WAL's side files: then it does not change either.
        for mode in ("mode=rw", "mode=ro", "immutable=1"):
            try:
                uri = f"{self.path.absolute().as_uri()}?{mode}"
                with closing(sqlite3.connect(uri, uri=True, timeout=BUSY_SECONDS)) as connection:
                    return connection.execute(query, values).fetchall()
            except sqlite3.Error as error:
                failed = failed or error
        if failed is not None and "no such table" in str(failed):
            return []
        raise DataError(
            f"the trial ledger {self.path} cannot be read: {failed}; move it away to begin a new "
            "one, and know that the count begins anew with it",
            path=str(self.path),
        )


def _where(strategy: str | None, fingerprint: str | None) -> tuple[str, list[str]]:
    asked = {"strategy": strategy, "fingerprint": fingerprint}
    given = {name: value for name, value in asked.items() if value is not None}
    if not given:
        return "", []
    return " WHERE " + " AND ".join(f"{name} = ?" for name in given), list(given.values())


def _whole(value: Any) -> Any:
    """Take 10.0 for 10: a parameter is the same however it was written."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value
