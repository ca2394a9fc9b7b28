"""Half a table on disk: what is finished of a long computation, so that a kill costs little.

One SQLite file per run, append-only: facts that say what the run is, and chunks of finished
rows, each written whole or not at all. A process that is killed loses the chunk it was
writing and nothing before it.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from workbench.config import Settings, load_settings
from workbench.errors import DataError, UsageError, nearest
from workbench.runs.writer import transaction

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Checkpoint", "Stored"]

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_VERSION = 1
_SCHEMA = """
CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS chunks (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    points BLOB NOT NULL,
    stats BLOB NOT NULL
);
"""


@dataclass(frozen=True, eq=False)
class Stored:
    """What a checkpoint holds.

    Parameters
    ----------
    facts : mapping of str to str
        What the run is.
    numbers : ndarray of int
        The finished points.
    rows : ndarray, shape (points, columns)
    """

    facts: Mapping[str, str]
    numbers: NDArray[np.int64]
    rows: NDArray[np.float64]


class Checkpoint:
    """The file of one run.

    Parameters
    ----------
    path : Path
        Made with its folder at the first `append`.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     kept = Checkpoint(Path(folder) / "r1.db")
    ...     kept.append(np.array([4, 7]), np.array([[0.5], [0.25]]), {"strategy": "SmaCross"})
    ...     stored = kept.read()
    >>> stored.numbers.tolist(), stored.rows.ravel().tolist(), stored.facts["strategy"]
    ([4, 7], [0.5, 0.25], 'SmaCross')
    """

    def __init__(self, path: Path) -> None:
        self.path = Path(path)

    @classmethod
    def of(cls, run_id: str, settings: Settings | None = None) -> Checkpoint:
        """Return the checkpoint of a run in a workspace, of the present one when none is given.

        Raises
        ------
        UsageError
            The run's name is no file name.
        """
        if not isinstance(run_id, str) or not _NAME.fullmatch(run_id):
            raise UsageError(f"run id {run_id!r} is no file name", run_id=run_id)
        return cls((settings or load_settings()).folder("sweeps") / f"{run_id}.db")

    def append(
        self,
        numbers: NDArray[np.int64],
        rows: NDArray[np.float64],
        facts: Mapping[str, str],
    ) -> None:
        """Write a chunk, whole or not at all; the facts stand with the first.

        Raises
        ------
        DataError
            It cannot be written (no right, disk full); what stands in the file stays.
        """
        points = np.ascontiguousarray(numbers, dtype="<i8").tobytes()
        stats = np.ascontiguousarray(rows, dtype="<f8").tobytes()
        try:
            with transaction(self.path, _SCHEMA, _VERSION) as connection:
                connection.executemany("INSERT OR IGNORE INTO facts VALUES (?, ?)", facts.items())
                connection.execute(
                    "INSERT INTO chunks (points, stats) VALUES (?, ?)", (points, stats)
                )
        except (sqlite3.Error, OSError) as error:
            raise DataError(
                f"{len(numbers):,} finished points could not be kept in {self.path} ({error}); "
                "make room or give the right to write",
                path=str(self.path),
            ) from error

    def read(self) -> Stored:
        """Return facts and finished rows; of a point that stands there twice, the last.

        Raises
        ------
        UsageError
            There is no such file; the nearest known run is offered.
        DataError
            It cannot be read.
        """
        if not self.path.exists():
            known = sorted(path.stem for path in self.path.parent.glob("*.db"))
            latest = f"; the latest are {', '.join(known[-3:])}" if known else ""
            name = self.path.stem
            raise UsageError(
                f"no sweep to resume is called {name!r}{nearest(name, known) or latest}",
                run_id=name,
            )
        try:
            with transaction(self.path, _SCHEMA, _VERSION) as connection:
                facts = dict(connection.execute("SELECT name, value FROM facts"))
                chunks = connection.execute(
                    "SELECT points, stats FROM chunks ORDER BY number"
                ).fetchall()
        except (sqlite3.Error, OSError) as error:
            raise DataError(
                f"the sweep in {self.path} cannot be read: {error}; run it again from the start",
                path=str(self.path),
            ) from error
        numbers = np.frombuffer(b"".join(points for points, _ in chunks), "<i8")
        rows = np.frombuffer(b"".join(stats for _, stats in chunks), "<f8")
        found, last = np.unique(numbers[::-1], return_index=True)
        table = rows.reshape(len(numbers), -1) if len(numbers) else np.empty((0, 0))
        return Stored(facts, found.astype(np.int64), table[::-1][last].astype(np.float64))
