"""A statistic is shown in the unit a person reads it in."""

import numpy as np
import pandas as pd
import pytest

from workbench.backtest.stats import NAMES
from workbench.plots.units import FRACTIONS, shown


def test_every_fraction_is_a_statistic():
    assert set(NAMES) >= FRACTIONS


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("max_drawdown", -0.4798, "-47.98%"),
        ("end_equity", 51_959.95, "51,959.95"),
        ("bars", 2148, "2,148"),
        ("profit_factor", np.nan, "–"),
        ("win_rate", np.float64(0.5), "50.00%"),
        ("start", pd.Timestamp("2024-01-02"), "2024-01-02"),
    ],
)
def test_text(name, value, text):
    assert shown(name, value) == text
