"""The bar source ``files``: a folder with one CSV or Parquet file per symbol."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

import pandas as pd

from workbench.config import Settings
from workbench.core.timeframe import Timeframe
from workbench.errors import UsageError, nearest
from workbench.venues.files.reader import SUFFIXES, Layout, read_bars

__all__ = ["FilesSource"]

_LAYOUT = "files.toml"


class FilesSource:
    """Bars from ``files_dir`` of the settings, by default the workspace's ``data/files``.

    ``AAPL.csv`` or ``AAPL.parquet`` is the symbol ``AAPL``; what a file name cannot hold
    is written as in an address: ``BTC%2FUSDT.csv``. Beside them, ``files.toml`` says how
    to read them, for all and for one::

        tz = "America/New_York"

        ["BTC%2FUSDT.csv"]
        tz = "UTC"
        calendar = "24/7"
        columns = { close = "Last" }

    Files are read anew each time: they are the store.

    Parameters
    ----------
    settings : Settings
    """

    name = "files"
    is_stored = False

    def __init__(self, settings: Settings) -> None:
        chosen = settings.files_dir
        self.folder = settings.workspace / chosen if chosen else settings.folder("files")

    def symbols(self) -> Sequence[str]:
        """Return the symbols that have a file, sorted."""
        return sorted(self._files())

    def history(
        self,
        symbol: str,
        timeframe: Timeframe,
        start: datetime | None = None,
        end: datetime | None = None,
    ) -> pd.DataFrame:
        """Return the bars of a symbol's file with ``start <= time < end``.

        Raises
        ------
        UsageError
            No file for the symbol, another timeframe in it, or a bad ``files.toml``.
        DataError
            As `workbench.venues.files.reader.load_bars_file`.
        """
        files = self._files()
        if symbol not in files:
            raise UsageError(
                f"source 'files' has no symbol {symbol!r}{nearest(symbol, files)}; put a file "
                f"{quote(symbol, safe=' ^=')}.csv or .parquet into {self.folder}",
                symbol=symbol,
                source="files",
                folder=str(self.folder),
            )
        path = files[symbol]
        bars = read_bars(path, symbol, self._layout(path))
        if bars.attrs["timeframe"] != str(timeframe):
            raise UsageError(
                f"{path} holds {bars.attrs['timeframe']} bars, not {timeframe}; load those and "
                "use wb.resample, or state timeframe in files.toml if it was inferred wrongly",
                timeframe=str(timeframe),
                path=str(path),
            )
        attrs = bars.attrs
        if start is not None:
            bars = bars[bars.index >= start]
        if end is not None:
            bars = bars[bars.index < end]
        bars.attrs = attrs
        return bars

    def _files(self) -> dict[str, Path]:
        if not self.folder.is_dir():
            return {}
        found: dict[str, Path] = {}
        for path in sorted(self.folder.iterdir()):
            suffix = next((end for end in SUFFIXES if path.name.lower().endswith(end)), None)
            if suffix is None or path.name.startswith("."):
                continue
            symbol = unquote(path.name[: -len(suffix)])
            if symbol in found:
                raise UsageError(
                    f"symbol {symbol!r} has two files, {found[symbol].name} and {path.name} in "
                    f"{self.folder}; keep one",
                    symbol=symbol,
                )
            found[symbol] = path
        return found

    def _layout(self, path: Path) -> Layout:
        told = self.folder / _LAYOUT
        if not told.is_file():
            return Layout()
        try:
            table = tomllib.loads(told.read_text(encoding="utf-8"))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise UsageError(f"{told} is not valid TOML: {error}", path=str(told)) from None
        general = {key: value for key, value in table.items() if "." not in key}
        return _with(_with(Layout(), general, told), table.get(path.name, {}), told)


def _with(layout: Layout, values: dict[str, Any], where: Path) -> Layout:
    known = list(Layout.__dataclass_fields__)
    for key, value in values.items():
        if key not in known:
            hint = nearest(key, known) or f"; known are {', '.join(known)}"
            raise UsageError(f"unknown key {key!r} in {where}{hint}", key=key, path=str(where))
        if not isinstance(value, dict if key == "columns" else str):
            raise UsageError(f"{key} in {where} may not be {value!r}", key=key, path=str(where))
    return replace(layout, **values)
