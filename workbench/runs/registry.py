"""Saved runs: a folder each, with ``manifest.json`` and a Parquet file per frame.

A run is written to a folder beside its own and renamed, so that it is there whole or
not at all. Each file's digest stands in ``manifest.json``: a run that was changed or
damaged afterwards is refused, not believed.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import date, datetime
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import pandas as pd

from workbench.config import load_settings
from workbench.errors import DataError, UsageError, nearest
from workbench.runs.manifest import Manifest, plain

__all__ = ["list_runs", "load", "load_manifest", "save"]

Frame = pd.DataFrame | pd.Series

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_MANIFEST = "manifest.json"
_HEADLINE = ("total_return", "sharpe", "max_drawdown", "round_trips", "end_equity")
# Values of a Series of mixed kinds (the statistics hold dates beside numbers) are kept as text.
_TAGS: dict[str, Any] = {
    "float": float,
    "int": int,
    "bool": lambda text: text == "True",
    "str": str,
    "time": pd.Timestamp,
    "delta": pd.Timedelta,
    "none": lambda _: None,
}


def save(manifest: Manifest, frames: Mapping[str, Frame], folder: Path | str | None = None) -> Path:
    """Save a run; the same run saved again takes the place of what was there.

    Parameters
    ----------
    manifest : Manifest
        Names the run.
    frames : mapping of str to DataFrame or Series
        What to keep. Index, names, dtypes, column levels and ``attrs`` come back as they
        were; a Series may hold dates beside numbers. NaN stays NaN.
    folder : Path or str, optional
        Where runs lie; the workspace's ``data/runs`` by default.

    Returns
    -------
    Path
        The run's own folder.

    Raises
    ------
    UsageError
        A name is no file name, or a frame holds what Parquet cannot.
    DataError
        The folder cannot be written (no right, disk full); nothing is left half done.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> from workbench.runs.manifest import DataFacts
    >>> manifest = Manifest("r1", "backtest", "SmaCross", {"fast": 10}, "c0de", DataFacts("f00d"))
    >>> with TemporaryDirectory() as where:
    ...     path = save(manifest, {"returns": pd.Series([0.1, -0.1])}, where)
    ...     known, frames = load("r1", where)
    >>> known == manifest, frames["returns"].tolist()
    (True, [0.1, -0.1])
    """
    home = _home(folder)
    target = home / _checked(manifest.run_id, "run id")
    for name in frames:
        _checked(name, "frame name")
    try:
        home.mkdir(parents=True, exist_ok=True)
        fresh = Path(mkdtemp(prefix=f".{manifest.run_id}.", dir=home))
        try:
            fresh.chmod(0o755)
            _write(fresh, manifest, frames)
            _swap(fresh, target)
        finally:
            shutil.rmtree(fresh, ignore_errors=True)
    except OSError as error:
        raise DataError(
            f"run {manifest.run_id!r} could not be saved under {home}: {error}",
            run_id=manifest.run_id,
            path=str(home),
        ) from error
    return target


def load(run_id: str, folder: Path | str | None = None) -> tuple[Manifest, dict[str, Frame]]:
    """Read a saved run.

    Raises
    ------
    UsageError
        No such run; the nearest known one is offered.
    DataError
        A file of the run is missing, damaged or was changed since.
    """
    home = _home(folder)
    path = _find(home, run_id)
    index = _index(path)
    manifest = Manifest.from_dict(index["manifest"])
    if manifest.run_id != run_id:
        raise _corrupt(path, f"its manifest is that of {manifest.run_id!r}")
    return manifest, {name: _read(path, name, entry) for name, entry in index["frames"].items()}


def load_manifest(run_id: str, folder: Path | str | None = None) -> Manifest:
    """Read the manifest of a saved run, without its frames.

    Raises
    ------
    UsageError
        No such run.
    DataError
        Its manifest is damaged.
    """
    return Manifest.from_dict(_index(_find(_home(folder), run_id))["manifest"])


def list_runs(folder: Path | str | None = None) -> pd.DataFrame:
    """Return the saved runs, newest first.

    Returns
    -------
    DataFrame
        Index ``run_id``; columns ``kind strategy params symbols timeframe start end bars
        created``, the headline statistics where the run has some, and ``problem``: why
        its manifest cannot be read, else empty. Frames are not read: what is listed may
        still be refused by `load`.
    """
    home = _home(folder)
    names = sorted(_names(home))
    rows = [_listed(home / name) for name in names]
    columns = ["kind", "strategy", "params", "symbols", "timeframe", "start", "end", "bars"]
    columns += ["created", *_HEADLINE, "problem"]
    frame = pd.DataFrame(rows, index=pd.Index(names, name="run_id", dtype="str"), columns=columns)
    frame["created"] = pd.to_datetime(frame["created"], utc=True, format="ISO8601")
    return frame.sort_values("created", ascending=False, kind="stable")


def _home(folder: Path | str | None) -> Path:
    return load_settings().folder("runs") if folder is None else Path(folder)


def _checked(name: str, what: str) -> str:
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise UsageError(f"{what} {name!r} is no file name: use letters, digits, '.', '_', '-'")
    return name


def _names(home: Path) -> Iterator[str]:
    if home.is_dir():
        for entry in os.scandir(home):
            if entry.is_dir() and _NAME.fullmatch(entry.name):
                yield entry.name


def _find(home: Path, run_id: str) -> Path:
    path = home / _checked(run_id, "run id")
    aside = _aside(path)
    if not path.is_dir() and aside.is_dir():  # a kill fell between the two renames of `_swap`
        aside.rename(path)
    if not path.is_dir():
        known = sorted(_names(home), reverse=True)
        latest = f"; the latest are {', '.join(known[:3])}" if known else f"; {home} holds none"
        raise UsageError(
            f"no such run: {run_id!r}{nearest(run_id, known) or latest}", run_id=run_id
        )
    return path


def _aside(target: Path) -> Path:
    return target.with_name(f".{target.name}.before")


def _swap(fresh: Path, target: Path) -> None:
    aside = _aside(target)
    if target.exists():
        shutil.rmtree(aside, ignore_errors=True)
        target.rename(aside)
    fresh.rename(target)
    shutil.rmtree(aside, ignore_errors=True)


def _write(path: Path, manifest: Manifest, frames: Mapping[str, Frame]) -> None:
    entries = {}
    for name, frame in frames.items():
        entry, table = _encode(name, frame)
        file = path / f"{name}.parquet"
        try:
            table.to_parquet(file, compression="zstd")
        except (TypeError, ValueError, NotImplementedError) as error:
            raise UsageError(
                f"frame {name!r} cannot be saved: {error}", frame=name, run_id=manifest.run_id
            ) from error
        entries[name] = {"sha256": _digest(file), **entry}
    index = {"manifest": manifest.to_dict(), "headline": _headline(frames), "frames": entries}
    text = json.dumps(index, indent=2, allow_nan=False, ensure_ascii=False)
    (path / _MANIFEST).write_text(text, encoding="utf-8")


def _encode(name: str, frame: Frame) -> tuple[dict[str, Any], pd.DataFrame]:
    """Return how a frame is kept, and the frame that Parquet keeps."""
    entry: dict[str, Any] = {"kind": "frame", "attrs": plain(dict(frame.attrs))}
    if isinstance(frame, pd.Series):
        entry |= {"kind": "series", "name": plain(frame.name)}
        values = frame
        if frame.dtype == object:
            entry["kind"] = "mixed"
            values = pd.Series([_tagged(name, v) for v in frame], index=frame.index, dtype="str")
        table = values.to_frame("value")
    else:
        table = frame.copy(deep=False)
    if isinstance(table.index, pd.DatetimeIndex) and table.index.freqstr:
        entry["freq"] = table.index.freqstr
    if not table.columns.map(lambda c: isinstance(c, str | tuple)).all():
        raise UsageError(f"frame {name!r} has column names that are no text", frame=name)
    table.attrs = {}  # pandas would put them into the file as JSON of its own making
    return entry, table


def _tagged(name: str, value: Any) -> str:
    if hasattr(value, "item") and not isinstance(value, pd.Timestamp | pd.Timedelta):
        value = value.item()
    if value is None or value is pd.NaT:
        return "none:"
    for tag, kinds in (
        ("bool", bool),
        ("int", int),
        ("float", float),
        ("str", str),
        ("delta", pd.Timedelta),
    ):
        if isinstance(value, kinds):
            return f"{tag}:{value}"
    if isinstance(value, date | datetime):
        return f"time:{value.isoformat()}"
    raise UsageError(
        f"series {name!r} holds {type(value).__name__}, which cannot be saved", frame=name
    )


def _read(path: Path, name: str, entry: Mapping[str, Any]) -> Frame:
    file = path / f"{name}.parquet"
    try:
        if _digest(file) != entry["sha256"]:
            raise _corrupt(path, f"{file.name} was changed or damaged since it was saved")
        table = pd.read_parquet(file)
        if entry.get("freq"):
            with suppress(ValueError):  # the name of an exchange's days does not hold its holidays
                table.index = pd.DatetimeIndex(table.index, freq=entry["freq"])
        frame: Frame = table
        if entry["kind"] == "series":
            frame = table["value"].rename(entry["name"])
        elif entry["kind"] == "mixed":
            split = [str(text).partition(":") for text in table["value"]]
            values = [_TAGS[tag](text) for tag, _, text in split]
            frame = pd.Series(values, index=table.index, name=entry["name"], dtype=object)
        frame.attrs = dict(entry["attrs"])
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise _corrupt(path, f"{file.name}: {error}") from error
    return frame


def _index(path: Path) -> dict[str, Any]:
    try:
        index = json.loads((path / _MANIFEST).read_text(encoding="utf-8"))
        if not isinstance(index["manifest"], dict) or not isinstance(index["frames"], dict):
            raise _corrupt(path, f"{_MANIFEST} does not hold a manifest and its frames")
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise _corrupt(path, f"{_MANIFEST}: {error!r}") from error
    return dict(index)


def _listed(path: Path) -> dict[str, Any]:
    try:
        index = _index(path)
        manifest = Manifest.from_dict(index["manifest"])
    except DataError as error:
        return {"problem": error.message}
    data = manifest.data
    return {
        "kind": manifest.kind,
        "strategy": manifest.strategy,
        "params": ", ".join(f"{k}={v}" for k, v in manifest.params.items()),
        "symbols": ", ".join(data.symbols),
        "timeframe": data.timeframe,
        "start": data.start,
        "end": data.end,
        "bars": data.bars,
        "created": manifest.created,
        **index.get("headline", {}),
        "problem": "",
    }


def _headline(frames: Mapping[str, Frame]) -> dict[str, Any]:
    stats = frames.get("stats")
    if not isinstance(stats, pd.Series):
        return {}
    known = {name: stats[name] for name in _HEADLINE if name in stats.index}
    return {name: float(value) for name, value in known.items() if pd.notna(value)}


def _digest(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _corrupt(path: Path, why: str) -> DataError:
    return DataError(
        f"run {path.name!r} is damaged: {why}; run it again or restore {path} from a backup",
        run_id=path.name,
        path=str(path),
    )
