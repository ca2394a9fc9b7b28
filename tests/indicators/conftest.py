"""Bars to try indicators on, and all indicators there are."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import talib

import workbench as wb

FIELDS = ["open", "high", "low", "close", "volume"]


def _bars(rows: int, seed: int = 0, start: str = "2020-01-01") -> pd.DataFrame:
    """A geometric walk with highs and lows around it; deterministic by seed."""
    rng = np.random.default_rng(seed)
    close = 100 * np.exp(np.cumsum(rng.normal(0, 0.02, rows)))
    opened = np.r_[100.0, close[:-1]][:rows] * np.exp(rng.normal(0, 0.005, rows))
    high = np.maximum(opened, close) * (1 + rng.random(rows) * 0.01)
    low = np.minimum(opened, close) * (1 - rng.random(rows) * 0.01)
    index = pd.date_range(start, periods=rows, freq="D", tz="UTC", name="time")
    return pd.DataFrame(
        {
            "open": opened,
            "high": high,
            "low": low,
            "close": close,
            "volume": rng.integers(1, 10_000, rows).astype(float),
        },
        index=index,
    )


def _panel(rows: int, symbols: list[str], seed: int = 0) -> pd.DataFrame:
    """Bars of many symbols: columns (field, symbol)."""
    parts = {s: _bars(rows, seed + i) for i, s in enumerate(symbols)}
    panel = pd.concat(parts, axis=1, names=["symbol", "field"]).swaplevel(axis=1)
    order = pd.MultiIndex.from_product([FIELDS, symbols], names=["field", "symbol"])
    return panel[order]


def _inputs(name: str, bars: pd.DataFrame) -> list:
    """What an indicator reads, one Series or frame per input."""
    spec = getattr(getattr(wb.ta, name), "spec", None)
    wanted = spec.inputs if spec else ("high", "low", "close", "volume")
    parts = []
    for field in wanted:
        if field == "periods":
            parts.append((bars["close"] * 0 + 7).where(bars["close"] < 100, 15))
        elif name in ("acos", "asin"):
            parts.append(bars[field] / 1000)
        else:
            parts.append(bars[field])
    return parts


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Give each test every indicator found in the module, or those that its argument says."""
    all_of_them = dir(wb.ta)
    made = [n for n in all_of_them if hasattr(getattr(wb.ta, n), "spec")]
    groups = {
        "every": all_of_them,
        "made": made,  # from a spec
        "of_talib": [n.lower() for n in talib.get_functions()],
        # mavp wants periods, which bars do not carry; a price has no arc
        "of_bars": [n for n in all_of_them if n not in ("mavp", "acos", "asin")],
    }
    for group, names in groups.items():
        if group in metafunc.fixturenames:
            metafunc.parametrize(group, names)


@pytest.fixture(scope="session")
def make_bars():
    return _bars


@pytest.fixture(scope="session")
def make_panel():
    return _panel


@pytest.fixture(scope="session")
def inputs_of():
    return _inputs


@pytest.fixture(scope="session")
def bars() -> pd.DataFrame:
    return _bars(300)
