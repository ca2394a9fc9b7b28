"""``python -m benchmarks [NAME ...]``: run them, print the table, write ``RESULTS.md``."""

from __future__ import annotations

import importlib
import os
import pkgutil
import platform
import sys
from importlib.metadata import version
from pathlib import Path

import benchmarks
from benchmarks.timing import Row

_HEAD = "| work | against | ours | theirs | ratio | at least |\n|---|---|---|---|---|---|\n"
_PEERS = ("numpy", "pandas", "numba", "ta-lib", "vectorbt")


def main(wanted: list[str]) -> int:
    rows: list[Row] = []
    for name in _names():
        if wanted and name not in wanted:
            continue
        print(f"… {name}", file=sys.stderr, flush=True)
        rows += importlib.import_module(f"benchmarks.{name}").rows()
    text = _HEAD + "".join(_line(row) for row in rows)
    print(text)
    if not wanted:
        _write(text)
    return 0 if all(row.holds for row in rows) else 1


def _names() -> list[str]:
    found = pkgutil.iter_modules(benchmarks.__path__)
    return sorted(module.name for module in found if module.name.startswith("bench_"))


def _line(row: Row) -> str:
    mark = "" if row.holds else " **missed**"
    return (
        f"| {row.work} | {row.peer} | {row.ours:.4g} {row.unit} | {row.theirs:.4g} {row.unit} "
        f"| {row.ratio:,.1f}{mark} | {row.at_least:g} |\n"
    )


def _write(text: str) -> None:
    packages = ", ".join(f"{name} {version(name)}" for name in _PEERS)
    machine = f"{os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}"
    path = Path(__file__).with_name("RESULTS.md")
    path.write_text(
        "# Results\n\nWritten by `make bench`. Both sides of a line were measured in the same "
        f"run, as CPU seconds, the best of a few.\n\n{machine}; {packages}.\n\n{text}",
        encoding="utf-8",
    )
    print(f"written to {path}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
