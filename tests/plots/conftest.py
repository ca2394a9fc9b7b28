import numpy as np
import pandas as pd
import pytest


def make_bars(count, seed=1, freq="D"):
    rng = np.random.default_rng(seed)
    index = pd.date_range("2001-01-01", periods=count, freq=freq, tz="UTC", name="time")
    close = 100 * np.exp(np.cumsum(rng.normal(0, 0.01, count)))
    opened = close * np.exp(rng.normal(0, 0.004, count))
    top, bottom = np.maximum(opened, close), np.minimum(opened, close)
    frame = pd.DataFrame(
        {
            "open": opened,
            "high": top * (1 + rng.random(count) * 0.01),
            "low": bottom * (1 - rng.random(count) * 0.01),
            "close": close,
            "volume": rng.integers(1000, 9000, count).astype(float),
        },
        index,
    )
    frame.attrs = {"timeframe": "1d", "calendar": "24/7"}
    return frame


@pytest.fixture
def bars():
    return make_bars


@pytest.fixture
def fills():
    def make(frame):
        rows = frame.index[10::40]
        return pd.DataFrame(
            {
                "time": rows,
                "symbol": "A",
                "side": ["buy" if n % 2 == 0 else "sell" for n in range(len(rows))],
                "quantity": 10.0,
                "price": frame.loc[rows, "open"].to_numpy(),
            }
        )

    return make
