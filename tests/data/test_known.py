"""When bars of any kind are known."""

from __future__ import annotations

import pandas as pd
import pytest

from workbench.data.known import bars_per_year, has_known, known_of
from workbench.errors import DataError

TIMES = pd.date_range("2024-01-02", periods=3, freq="1h", tz="UTC")


def bars(minutes):
    return pd.DataFrame({"known": TIMES + pd.to_timedelta(minutes, unit="min")}, index=TIMES)


def test_the_column_tells_it():
    assert has_known(bars([5, 6, 7]))
    assert not has_known(bars([5, 6, 7]).astype("int64"))
    assert known_of(bars([5, 6, 7]), "volume 5", "24/7").minute.tolist() == [5, 6, 7]


@pytest.mark.parametrize("minutes", [[-1, 5, 5], [200, 5, 5], [5, None, 5]])
def test_a_column_that_cannot_be_is_refused(minutes):
    with pytest.raises(DataError, match="in order"):
        known_of(bars(minutes), "volume 5", "24/7")


def test_without_the_column_the_timeframe_tells_it():
    plain = pd.DataFrame({"close": 1.0}, index=TIMES)
    assert bars_per_year(plain, "1h", "24/7") == 8760
