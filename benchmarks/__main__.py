"""``python -m benchmarks [NAME ...]``: run them, print the table, write ``RESULTS.md``."""

from __future__ import annotations

import importlib
import os
import pkgutil
import platform
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import benchmarks
from benchmarks.timing import Row

_HEAD = "| work | against | ours | theirs | ratio | at least |\n|---|---|---|---|---|---|\n"
_INTRODUCTION = """# Results

Written by `make bench`. Both sides of a line were measured in the same run, on bars of a seeded
random walk, as CPU seconds of all threads, so that others on the machine count little: the best
of a few, of vectorbt's engines the faster one, compiled before. A line is only written where the
results agree to 1e-9:

- one backtest against vectorbt: total return, CAGR, volatility, Sharpe, Sortino, Calmar, maximum
  drawdown, win rate, profit factor, expectancy, round trips, exposure, turnover, fees, end equity;
- one backtest against the others: end equity, and round trips where they count them;
- replays: as many orders, give or take two at the ends;
- sweeps: total return, Sharpe, Sortino, maximum drawdown, round trips, win rate, profit factor, at
  every point; with stops at nine points of ten, as vectorbt takes a stop before an exit that was
  decided on the bar before.

What falls short of what was asked is marked.
"""
_PEERS = (
    *("numpy", "pandas", "numba", "ta-lib", "vectorbt", "vectorbt-rust"),
    *("backtesting", "backtrader", "bt"),
)


def main(wanted: list[str]) -> int:
    rows: list[Row] = []
    for name in _names():
        if wanted and name not in wanted:
            continue
        print(f"… {name}", file=sys.stderr, flush=True)
        for row in importlib.import_module(f"benchmarks.{name}").rows():
            print(_line(row), end="", file=sys.stderr, flush=True)
            rows.append(row)
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
        f"| {_ratio(row)}{mark} | {row.at_least:g} |\n"
    )


def _ratio(row: Row) -> str:
    return f"{row.ratio:,.1f}" if row.ratio >= 1 else f"{row.ratio:.3f}"


def _write(text: str) -> None:
    packages = ", ".join(f"{name} {found}" for name in _PEERS if (found := _version(name)))
    machine = f"{os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}"
    path = Path(__file__).with_name("RESULTS.md")
    path.write_text(
        f"{_INTRODUCTION}\n{machine}; {packages}.\n\n{text}",
        encoding="utf-8",
    )
    print(f"written to {path}", file=sys.stderr)


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
