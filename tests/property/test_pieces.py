"""In whatever pieces a range is loaded, it has the same bits."""

from __future__ import annotations

import itertools
from contextlib import closing
from datetime import UTC, datetime

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.core.clock import EventClock
from workbench.core.timeframe import Timeframe
from workbench.data.catalog import Catalog
from workbench.data.schema import fingerprint

MINUTE = Timeframe(1, "m")
FIRST = pd.Timestamp("2023-12-30", tz="UTC")  # over the end of a year, where files part
MINUTES = 4 * 1440


class Vendor:
    """Serves minutes whose prices are of many kinds of decimals, and counts what is asked."""

    name, version = "vendor", "1"

    def __init__(self):
        index = pd.date_range(FIRST, periods=MINUTES, freq="min", name="time", unit="ns")
        draw = np.random.default_rng(9)
        level = 100 + np.cumsum(draw.normal(0, 0.01, MINUTES))
        level[::3] = np.round(level[::3], 2)
        self.bars = pd.DataFrame(
            dict.fromkeys(("open", "high", "low", "close"), level), index=index
        )
        self.bars["volume"] = draw.exponential(1.0, MINUTES)
        self.asked = []

    def symbols(self):
        return ()

    def history(self, symbol, timeframe, start, end):
        self.asked.append((start, end))
        bars = self.bars.loc[start : end - pd.Timedelta(1)]
        bars.attrs = {"timeframe": "1m", "calendar": "24/7"}
        return bars


def moment(minute):
    return FIRST + pd.Timedelta(minutes=minute)


EDGES = st.tuples(st.integers(0, MINUTES), st.integers(0, MINUTES)).filter(lambda e: e[0] != e[1])


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(EDGES, st.booleans()), min_size=1, max_size=7))
def test_pieces_have_the_bits_of_the_whole_and_nothing_is_asked_for_twice(tmp_path_factory, pieces):
    vendor = Vendor()
    clock = EventClock(datetime(2024, 6, 1, tzinfo=UTC))
    with closing(Catalog(tmp_path_factory.mktemp("pieces"), clock)) as catalog:
        for edges, tidies in pieces:
            low, high = (moment(minute) for minute in sorted(edges))
            part = catalog.fetch(vendor, "A", MINUTE, low, high)
            want = vendor.bars[(vendor.bars.index >= low) & (vendor.bars.index < high)]
            assert fingerprint(part) == fingerprint(want)
            if tidies:
                catalog.compact()
        whole = catalog.fetch(vendor, "A", MINUTE, FIRST, moment(MINUTES))
        assert fingerprint(whole) == fingerprint(vendor.bars)
    asked = sorted(vendor.asked)
    assert all(one[1] <= other[0] for one, other in itertools.pairwise(asked))
    assert sum((high - low for low, high in asked), pd.Timedelta(0)) == moment(MINUTES) - FIRST
