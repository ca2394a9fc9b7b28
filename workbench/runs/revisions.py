"""``wb.revisions``: what vendors said differently later, and which saved runs that touches."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from workbench.config import load_settings
from workbench.core.timeframe import Timeframe
from workbench.data.catalog import Catalog
from workbench.data.versions import Versions
from workbench.data.window import When, moment_of
from workbench.runs.registry import list_runs, load_manifest

__all__ = ["Revisions", "revisions"]

_KEYS = ["source", "timeframe", "symbol"]
_COLUMNS = [*_KEYS, "time", "field", "before", "after", "stored", "replaced"]
_RUNS = ["run_id", "kind", "strategy", "symbol", "timeframe", "bars", "first", "last", "created"]


@dataclass(frozen=True, slots=True)
class Revisions:
    """What changed in the stored bars.

    Parameters
    ----------
    table : DataFrame
        One row per value: ``source timeframe symbol time field before after stored
        replaced``. `stored` is when the value before was stored and `replaced` when the
        next came; `after` is NaN where the bar was withdrawn.
    runs : DataFrame
        One row per saved run and symbol whose bars changed after it was made: ``run_id
        kind strategy symbol timeframe bars first last created``; `bars` is how many.
    """

    table: pd.DataFrame
    runs: pd.DataFrame

    def __len__(self) -> int:
        return len(self.table)

    def __str__(self) -> str:
        if not len(self.table):
            return "no bar was restated"
        bars = len(self.table.drop_duplicates([*_KEYS, "time", "stored"]))
        symbols = ", ".join(dict.fromkeys(self.table["symbol"]))
        touched = ", ".join(dict.fromkeys(self.runs["run_id"])) or "none"
        noun = "bar was" if bars == 1 else "bars were"
        return f"{bars:,} {noun} restated ({symbols}); saved runs that this touches: {touched}"

    def _repr_html_(self) -> str:
        return f"<p>{self}</p>{self.table.to_html(index=False, max_rows=50)}" + (
            self.runs.to_html(index=False, max_rows=50) if len(self.runs) else ""
        )


def revisions(
    symbols: str | Sequence[str] | None = None,
    timeframe: str | Timeframe | None = None,
    source: str | None = None,
    since: When = None,
) -> Revisions:
    """Tell which stored bars came again with other values, and which saved runs used them.

    Parameters
    ----------
    symbols, timeframe, source : optional
        Only these; all by default.
    since : str, date, datetime or Timestamp, optional
        Only what was replaced after it; a day alone means its end.

    Returns
    -------
    Revisions
        ``.table`` and ``.runs``.

    Raises
    ------
    DataError
        A stored file is damaged.

    Examples
    --------
    >>> import workbench as wb
    >>> print(wb.revisions("AAPL"))
    no bar was restated
    """
    settings = load_settings()
    catalog = Catalog.of(settings)
    wanted = None if symbols is None else {symbols} if isinstance(symbols, str) else set(symbols)
    frame = None if timeframe is None else Timeframe.parse(timeframe)
    after = moment_of(since)
    found = []
    for names in catalog.names():
        is_meant = (
            (source is None or names[0] == source)
            and (frame is None or names[1] == frame)
            and (wanted is None or names[2] in wanted)
        )
        if is_meant:
            changes = _changes(catalog, *names)
            found.append(changes if after is None else changes[changes["replaced"] > after])
    some = [changes for changes in found if len(changes)]
    table = pd.concat(some, ignore_index=True) if some else pd.DataFrame(columns=_COLUMNS)
    return Revisions(table, _touched(table, settings.folder("runs")))


def _changes(catalog: Catalog, source: str, timeframe: Timeframe, symbol: str) -> pd.DataFrame:
    standing, gone = catalog.history(source, timeframe, symbol)
    if not len(gone):
        return pd.DataFrame(columns=_COLUMNS)
    after = _next(gone, standing)
    parts = []
    for field in gone.bars.columns:
        old = gone.bars[field].to_numpy()
        new = after[field].to_numpy() if field in after else np.full(len(gone), np.nan)
        changed = ~((old == new) | (pd.isna(old) & pd.isna(new)))
        parts.append(
            pd.DataFrame(
                {
                    "time": gone.bars.index[changed],
                    "field": field,
                    "before": old[changed],
                    "after": new[changed],
                    "stored": _instants(gone.stored[changed]),
                    "replaced": _instants(gone.ends[changed]),
                }
            )
        )
    table = pd.concat([part for part in parts if len(part)] or parts[:1], ignore_index=True)
    for at, (name, value) in enumerate(zip(_KEYS, (source, str(timeframe), symbol), strict=True)):
        table.insert(at, name, value)
    return table.sort_values(["replaced", "time"], kind="stable")


def _next(gone: Versions, standing: Versions) -> pd.DataFrame:
    """Return for each bar that no longer stands the one that took its place."""
    bars = pd.concat([gone.bars, standing.bars]).reset_index(drop=True)
    later = pd.DataFrame(
        {
            "time": np.concatenate([gone.times, standing.times]),
            "stored": np.concatenate([gone.stored, standing.stored]),
            "row": np.arange(len(bars)),
        }
    ).sort_values("stored", kind="stable")
    asked = pd.DataFrame({"time": gone.times, "ends": gone.ends, "at": np.arange(len(gone))})
    met = pd.merge_asof(
        asked.sort_values("ends", kind="stable"), later,
        left_on="ends", right_on="stored", by="time", direction="forward",
    ).sort_values("at")["row"].to_numpy()  # fmt: skip
    is_there = ~np.isnan(met)
    found = bars.iloc[np.where(is_there, met, 0).astype(int)].reset_index(drop=True)
    return found.where(pd.Series(is_there), axis=0)


def _touched(table: pd.DataFrame, folder: Path) -> pd.DataFrame:
    rows = [row for row in _candidates(table, folder) if row]
    return pd.DataFrame(rows, columns=_RUNS)


def _candidates(table: pd.DataFrame, folder: Path) -> Iterator[list[object]]:
    if not len(table):
        return
    runs = list_runs(folder)
    for run_id in runs.index[runs["problem"] == ""]:
        manifest = load_manifest(str(run_id), folder)
        data = manifest.data
        if data.start is None or data.end is None or data.timeframe is None:
            continue
        # Adjusted prices hang on the splits and dividends after the window too.
        is_adjusted = data.adjustment not in (None, "none")
        actions = table["field"].isin(["split", "dividend"]) & is_adjusted
        sources = (data.source or "").split(", ")
        met = table[
            table["symbol"].isin(data.symbols)
            & table["source"].isin(sources)
            & (table["timeframe"] == data.timeframe)
            & (table["time"] >= pd.Timestamp(data.start))
            & ((table["time"] <= pd.Timestamp(data.end)) | actions)
            & (table["replaced"] > pd.Timestamp(manifest.created))
        ]
        for symbol, some in met.groupby("symbol"):
            times = some["time"]
            yield [
                run_id, manifest.kind, manifest.strategy, symbol, data.timeframe, times.nunique(),
                times.min(), times.max(), pd.Timestamp(manifest.created),
            ]  # fmt: skip


def _instants(stored: np.ndarray) -> pd.DatetimeIndex:
    return pd.to_datetime(stored, unit="us", utc=True)
