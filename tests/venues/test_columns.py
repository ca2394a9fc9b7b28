"""Names and clocks of others."""

from __future__ import annotations

import pandas as pd
import pytest

from workbench.errors import DataError
from workbench.venues.columns import find_columns, infer_timeframe, labels, read_times, rename


def test_the_first_synonym_wins():
    found = find_columns(["last", "close", "date", "timestamp"])
    assert found["close"] == "close"
    assert found["time"] == "date"


def test_a_column_twice_is_refused():
    frame = pd.DataFrame([[1, 2, 3, 4, 5]], columns=["open", "high", "low", "close", "close"])
    with pytest.raises(DataError, match="'close' twice"):
        rename(frame, where="X")


def test_unreadable_times_are_nat_not_an_error():
    times = read_times(pd.Series(["2024-01-02", "soon"]), "UTC", where="X")
    assert times.isna().tolist() == [False, True]


def test_midnights_are_labels_and_hours_are_not():
    days = pd.DatetimeIndex(["2024-01-02", "2024-07-01"]).tz_localize("America/New_York")
    found = labels(days.tz_convert("UTC"), "America/New_York")
    assert found.strftime("%F %H").tolist() == ["2024-01-02 00", "2024-07-01 00"]
    assert labels(days.tz_convert("UTC"), "UTC") is None


def test_a_few_gappy_days_are_days():
    assert str(infer_timeframe(pd.DatetimeIndex(["2024-01-02", "2024-01-05"], tz="UTC"))) == "1d"
