"""Run by tests/data/test_kills.py: fetch, append and compact without end, until killed.

Each line printed is a promise: what it names was on the disk before.
"""

import sys
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd

from workbench.core.clock import EventClock
from workbench.core.timeframe import Timeframe
from workbench.data.catalog import Catalog

MINUTE = Timeframe(1, "m")
FIRST = pd.Timestamp("2023-12-20", tz="UTC")
STEP, STEPS = 700, 60
NOW = datetime(2024, 6, 1, tzinfo=UTC)


def truth():
    """Return what the vendor has: every minute, prices on a cent."""
    index = pd.date_range(FIRST, periods=STEP * STEPS, freq="min", name="time", unit="ns")
    level = np.round(100 + np.cumsum(np.random.default_rng(5).integers(-5, 6, len(index))) / 100, 2)
    bars = pd.DataFrame(dict.fromkeys(("open", "high", "low", "close"), level), index=index)
    bars["volume"] = np.arange(len(index)) % 977.0
    bars.attrs = {"timeframe": "1m", "calendar": "24/7"}
    return bars


class Vendor:
    """Serves the truth, and remembers what it was asked."""

    name, version = "vendor", "1"

    def __init__(self):
        self.bars, self.asked = truth(), []

    def symbols(self):
        return ()

    def history(self, symbol, timeframe, start, end):
        self.asked.append((start, end))
        bars = self.bars.loc[start : end - pd.Timedelta(1)]
        bars.attrs = self.bars.attrs
        return bars


def window(step):
    """Return the part of the truth that a step asks for."""
    return FIRST + pd.Timedelta(minutes=STEP * step), FIRST + pd.Timedelta(
        minutes=STEP * (step + 1)
    )


def main(folder, seed):
    catalog, vendor = Catalog(folder, EventClock(NOW)), Vendor()
    order = np.random.default_rng(seed).permutation(STEPS)
    print("ready", flush=True)
    for number, step in enumerate(order):
        catalog.fetch(vendor, "A", MINUTE, *window(step))
        print("fetched", step, flush=True)
        live = vendor.bars.iloc[number * 5 : number * 5 + 5]
        live.attrs = vendor.bars.attrs
        catalog.live.append("feed", "A", live, at=number)
        print("appended", number, flush=True)
        if number % 7 == 3:
            catalog.compact()


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
