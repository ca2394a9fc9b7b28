import exchange_calendars
import numpy as np
import pandas as pd
import pytest


def sessions(rows):
    days = exchange_calendars.get_calendar("XNYS").sessions_in_range("2015-01-05", "2020-12-31")
    return days[:rows].tz_localize("UTC").rename("time")


def walk(rows, seed, symbol=None):
    rng = np.random.default_rng(seed)
    close = 100 * np.exp(np.cumsum(rng.normal(0.0003, 0.015, rows)))
    open_ = close * np.exp(rng.normal(0, 0.004, rows))
    spread = np.exp(np.abs(rng.normal(0, 0.006, rows)))
    frame = pd.DataFrame(
        {
            "open": open_,
            "high": np.maximum(open_, close) * spread,
            "low": np.minimum(open_, close) / spread,
            "close": close,
            "volume": rng.integers(1_000, 50_000, rows).astype(float),
        },
        index=sessions(rows),
    )
    frame.attrs = {"timeframe": "1d", "calendar": "XNYS", "source": "made up"}
    if symbol:
        frame.attrs["symbol"] = symbol
    return frame


@pytest.fixture(scope="session")
def one():
    return walk(600, 1, "AAA")


@pytest.fixture(scope="session")
def two():
    frames = {"AAA": walk(600, 1), "BBB": walk(600, 2)}
    both = pd.concat(frames, axis=1, names=["symbol", "field"]).swaplevel(axis=1)
    both = both.reindex(columns=["open", "high", "low", "close", "volume"], level=0)
    both.attrs = dict(frames["AAA"].attrs)
    return both


@pytest.fixture(autouse=True)
def workspace(tmp_path, monkeypatch):
    """Keep what is counted here out of the checkout's own ledger."""
    monkeypatch.setenv("WORKBENCH_HOME", str(tmp_path))
    return tmp_path
