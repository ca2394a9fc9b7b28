"""A workspace of its own for each test."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from workbench.venues.rows import FIELDS

MARKETDATA = Path(__file__).resolve().parents[2] / "../shared/marketdata"


@pytest.fixture
def workspace(tmp_path, monkeypatch):
    monkeypatch.setenv("WORKBENCH_HOME", str(tmp_path))
    return tmp_path


@pytest.fixture
def marketdata():
    if not MARKETDATA.is_dir():
        pytest.skip("no real market data beside the checkout")
    return MARKETDATA


@pytest.fixture
def make_bars():
    def make(times, values=None, **attrs):
        index = pd.DatetimeIndex(times)
        index = index.tz_localize("UTC") if index.tz is None else index
        level = np.arange(10.0, 10.0 + len(index)) if values is None else np.asarray(values, float)
        bars = pd.DataFrame(
            {
                "open": level,
                "high": level + 1,
                "low": level - 1,
                "close": level + 0.5,
                "volume": 100.0,
            },
            index=index.rename("time"),
        )[list(FIELDS)]
        bars.attrs |= attrs
        return bars

    return make
