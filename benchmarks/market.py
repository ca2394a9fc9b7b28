"""The bars the benchmarks run on: a seeded random walk, no file, no network."""

from __future__ import annotations

import numpy as np
import pandas as pd


def bars(count: int, seed: int = 1) -> pd.DataFrame:
    """Return `count` one-minute bars of a market that never closes."""
    rng = np.random.default_rng(seed)
    close = 100 * np.exp(np.cumsum(rng.normal(0, 0.001, count)))
    opened = np.concatenate([[100.0], close[:-1]]) * np.exp(rng.normal(0, 1e-4, count))
    spread = np.abs(rng.normal(0, 5e-4, count))
    index = pd.date_range("2020-01-01", periods=count, freq="min", tz="UTC", name="time")
    frame = pd.DataFrame(
        {
            "open": opened,
            "high": np.maximum(opened, close) * (1 + spread),
            "low": np.minimum(opened, close) * (1 - spread),
            "close": close,
            "volume": rng.integers(1_000, 10_000, count).astype("float64"),
        },
        index=index,
    )
    frame.attrs = {"timeframe": "1m", "calendar": "24/7", "source": "benchmark"}
    return frame
