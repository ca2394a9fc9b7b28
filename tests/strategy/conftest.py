"""Bars like the sample's: some symbols, one that is listed late, and a few gaps."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import workbench as wb

FIELDS = ["open", "high", "low", "close", "volume"]


def _bars(rows: int, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    drift = 0.02 * np.sin(np.arange(rows) / 40 + seed)
    close = 100 * np.exp(np.cumsum(rng.normal(0, 0.02, rows) + drift / 4))
    opened = np.r_[100.0, close[:-1]][:rows]
    spread = 1 + rng.random(rows) * 0.01
    index = pd.bdate_range("2015-01-01", periods=rows, tz="UTC", name="time")
    return pd.DataFrame(
        {
            "open": opened,
            "high": np.maximum(opened, close) * spread,
            "low": np.minimum(opened, close) / spread,
            "close": close,
            "volume": rng.integers(1, 10_000, rows).astype(float),
        },
        index=index,
    )


def _panel(rows: int, symbols: list[str], seed: int = 0) -> pd.DataFrame:
    parts = {s: _bars(rows, seed + i) for i, s in enumerate(symbols)}
    if len(symbols) == 2:  # a pair: the second follows the first
        follow = np.random.default_rng(seed).normal(0, 0.02, rows)
        parts[symbols[1]] = parts[symbols[0]].mul(0.5 * np.exp(follow), axis=0)
    panel = pd.concat(parts, axis=1, names=["symbol", "field"]).swaplevel(axis=1)
    order = pd.MultiIndex.from_product([FIELDS, symbols], names=["field", "symbol"])
    return panel[order]


@pytest.fixture(scope="session")
def make_bars():
    return _bars


@pytest.fixture(scope="session")
def make_panel():
    return _panel


def _cases() -> list:
    """Each strategy of the library with each number of symbols that it takes."""
    cases = []
    for name in wb.strategies.__all__:
        cls = getattr(wb.strategies, name)
        counts = [n for n in (1, 2, 4) if cls.min_symbols <= n <= (cls.max_symbols or n)]
        cases += [pytest.param((cls, n), id=f"{name}-{n}") for n in counts]
    return cases


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Give each test that asks for a ``case`` every strategy and number of symbols."""
    if "case" in metafunc.fixturenames:
        metafunc.parametrize("case", _cases())


@pytest.fixture(scope="session")
def bars_for(make_bars, make_panel):
    def make(count: int, rows: int, seed: int = 0) -> pd.DataFrame:
        if count == 1:
            return make_bars(rows, seed)
        return make_panel(rows, ["A", "B", "C", "D"][:count], seed)

    return make
