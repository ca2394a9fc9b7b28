"""``workbench doctor``: what this machine lacks, and how to mend it."""

from __future__ import annotations

import importlib
import platform
import shutil
import socket
import sqlite3
import sys
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import typer

from workbench.cli.show import out
from workbench.config import Settings, load_settings
from workbench.errors import WorkbenchError

__all__ = ["Finding", "doctor", "examine"]

_MARKS = {"ok": "[green]✓[/]", "warn": "[yellow]![/]", "bad": "[red]✗[/]"}


@dataclass(frozen=True)
class Finding:
    """What one look found: a state (``ok``, ``warn``, ``bad``), a sentence, and the mend."""

    name: str
    state: str
    said: str
    mend: str = ""


def doctor() -> None:
    """Look at Python, TA-Lib, compiler cache, database, ports; say how to mend what is wrong."""
    found = list(examine())
    for finding in found:
        mark = _MARKS[finding.state]
        out.print(f"{mark} [bold]{finding.name:<15}[/] {finding.said}", soft_wrap=True)
        if finding.mend:
            out.print(f"  {'':<15} [cyan]→ {finding.mend}[/]", soft_wrap=True)
    bad = sum(finding.state == "bad" for finding in found)
    out.print(f"\n{bad} to mend" if bad else "\nAll is well.")
    raise typer.Exit(1 if bad else 0)


def examine() -> Iterator[Finding]:
    """Yield the findings, one after the other; none of them changes anything."""
    yield _python()
    yield from _packages()
    yield _talib()
    yield _compiler_cache()
    try:
        settings = load_settings()
    except WorkbenchError as error:
        yield Finding("settings", "bad", error.message, "correct the key or the value")
        return
    yield Finding("settings", "ok", f"workspace {settings.workspace}")
    yield _sqlite()
    for look in (_folder, _database, _port):
        yield look(settings)
    yield _kernel()
    yield _browser()


def _python() -> Finding:
    said = f"{platform.python_version()} at {sys.executable}"
    if (3, 11) <= sys.version_info[:2] <= (3, 14):
        return Finding("Python", "ok", said)
    return Finding("Python", "bad", said, "use Python 3.11 to 3.14: make env PYTHON=python3.12")


def _packages() -> Iterator[Finding]:
    for extra, names in {
        "": ("numpy", "pandas", "numba", "panel", "bokeh", "fastapi", "sqlalchemy", "papermill"),
        "vectorbt": ("vectorbt",),
        "venues": ("alpaca-py", "ccxt", "massive"),
    }.items():
        missing = [name for name in names if not _has(name)]
        if not missing:
            continue
        if extra:
            mend = f"only where you want it: pip install 'trading-workbench[{extra}]'"
            yield Finding(f"extra {extra}", "warn", f"{', '.join(missing)} not installed", mend)
        else:
            yield Finding("packages", "bad", f"missing: {', '.join(missing)}", "make env")


def _has(name: str) -> bool:
    try:
        version(name)
    except PackageNotFoundError:
        return False
    return True


def _talib() -> Finding:
    try:
        talib = importlib.import_module("talib")
        count = len(talib.get_functions())
    except ImportError as error:
        return Finding("TA-Lib", "bad", f"cannot be imported: {error}", "pip install 'ta-lib>=0.8'")
    return Finding("TA-Lib", "ok", f"{talib.__version__}, {count} functions")


def _compiler_cache() -> Finding:
    compiler = importlib.import_module("workbench.kernels.compile")
    with warnings.catch_warnings(action="ignore"):
        folder = compiler.cache_folder()
    if folder is None:
        mend = "set NUMBA_CACHE_DIR to a folder that can be written; else each start compiles anew"
        return Finding("compiler cache", "warn", "no folder can be written", mend)
    kernels = len(list(Path(folder).rglob("*.nbi")))
    said = f"{kernels} kernels compiled" if kernels else "empty: the first run compiles"
    return Finding("compiler cache", "ok", f"{folder} ({said})")


def _folder(settings: Settings) -> Finding:
    folder = settings.folder("")
    if not _is_writable(folder):
        mend = "set data_dir in workbench.toml to a folder that can be written"
        return Finding("data folder", "bad", f"{folder} cannot be written", mend)
    near = next(p for p in (folder, *folder.parents) if p.exists())
    free = shutil.disk_usage(near).free / 2**30
    state, mend = ("ok", "") if free > 1 else ("warn", "make room: bars and reports need some")
    return Finding("data folder", state, f"{folder}, {free:.0f} GiB free", mend)


def _database(settings: Settings) -> Finding:
    migrate = importlib.import_module("workbench.store.migrate")
    database = importlib.import_module("workbench.store.database")
    url = settings.database
    path = Path(url.removeprefix("sqlite:///"))
    if url.startswith("sqlite:///") and not path.exists():
        return Finding("database", "ok", f"{path} (made at the first start)")
    try:
        with closing(database.Database(url)) as opened:
            present, shown = migrate.revision(opened), opened.url
    except WorkbenchError as error:
        return Finding("database", "bad", error.message, "check database_url in workbench.toml")
    if present == migrate.head():
        return Finding("database", "ok", f"{shown} at revision {present}")
    mend = "nothing to do: `workbench serve` brings it up to date"
    return Finding("database", "warn", f"{shown} at revision {present}", mend)


def _sqlite() -> Finding:
    library = importlib.import_module("workbench.store.library")
    said = f"SQLite {sqlite3.sqlite_version}"
    if not library.has_wal_reset_bug(sqlite3.sqlite_version_info):
        return Finding("SQLite", "ok", said)
    said += ": two writers at one instant could damage a database; the workbench's take turns"
    mend = "write to the workbench's database with nothing else, or use SQLite 3.51.3"
    return Finding("SQLite", "warn", said, mend)


def _port(settings: Settings) -> Finding:
    with closing(socket.socket(socket.AF_INET, socket.SOCK_STREAM)) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            sock.bind((settings.host, settings.port))
        except OSError as error:
            mend = f"workbench serve --port {settings.port + 1}, or set port in workbench.toml"
            said = f"{settings.host}:{settings.port} is not free ({error.strerror})"
            return Finding("port", "warn", said, mend)
    return Finding("port", "ok", f"{settings.host}:{settings.port} is free")


def _kernel() -> Finding:
    if _has("ipykernel"):
        return Finding("notebooks", "ok", f"ipykernel {version('ipykernel')}")
    return Finding("notebooks", "bad", "ipykernel is not installed", "make env")


def _browser() -> Finding:
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
    found = next(filter(None, map(shutil.which, names)), None)
    if found:
        return Finding("browser tests", "ok", found)
    mend = "only for `make test`: apt-get install chromium"
    return Finding("browser tests", "warn", "no Chromium on the PATH", mend)


def _is_writable(folder: Path) -> bool:
    near = next(p for p in (folder, *folder.parents) if p.exists())
    try:
        with tempfile.TemporaryFile(dir=near):
            return True
    except OSError:
        return False
