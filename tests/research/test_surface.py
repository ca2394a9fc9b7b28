from dataclasses import replace

import numpy as np
import pytest

import workbench as wb
from workbench.errors import UsageError
from workbench.research.surface import surface


@pytest.fixture
def flat(one):
    """A sweep of 7 × 7 whose Sharpe ratios are set by hand."""
    found = wb.sweep(
        wb.strategies.SmaCross, one, fast=range(2, 9), slow=range(20, 27), progress=False
    )

    def made(values):
        table = found.table.copy()
        table[:, found.names.index("sharpe")] = np.asarray(values, dtype=float).ravel()
        return replace(found, table=table)

    return made


def hill(width):
    x = np.arange(7) - 3
    return np.exp(-(x[:, None] ** 2 + x[None, :] ** 2) / (2 * width**2))


def test_a_hill_is_a_plateau_and_a_spike_is_a_cliff(flat):
    wide, narrow = surface(flat(hill(3.0))), surface(flat(hill(0.3)))
    for found in (wide, narrow):
        assert found.best == 24
    assert wide.table.loc[24, "plateau"] == 1 and wide.table.loc[24, "cliff"] < 0.6
    assert narrow.table.loc[24, "plateau"] == 0 and narrow.table.loc[24, "cliff"] > 0.98
    assert "a plateau" in wide.explain() and "a cliff" in narrow.explain()


def test_the_steady_point_is_on_the_hill_and_not_on_the_spike(flat):
    values = hill(1.5)
    values[0, 0] = 2.0
    found = surface(flat(values))
    assert found.best == 0 and found.steady == 24


def test_neighbours_by_hand(flat):
    values = np.arange(49.0).reshape(7, 7)
    found = surface(flat(values)).table
    assert found.loc[0, "neighbours"] == 3 and found.loc[0, "around"] == np.mean([1, 7, 8])
    assert found.loc[8, "neighbours"] == 8 and found.loc[8, "worst"] == 0
    assert found.loc[48, "cliff"] == pytest.approx((48 - 40) / (48 - 24))
    assert np.isnan(found.loc[0, "plateau"])  # below the median
    assert surface(flat(values), radius=2).table.loc[24, "neighbours"] == 24


def test_holes_are_no_neighbours(one):
    found = wb.sweep(
        wb.strategies.SmaCross, one, fast=[5, 10, 30], slow=[8, 20, 40], progress=False,
        constraint=lambda p: p["fast"] < p["slow"],
    )  # fmt: skip
    table = surface(found).table
    assert len(table) == len(found) == 6
    assert table["neighbours"].max() <= 5


def test_less_can_be_best(flat):
    found = surface(flat(hill(1.0)), "volatility")
    values = found.table["value"]
    assert values.loc[found.best] == values.min()


def test_what_cannot_be_told(flat):
    with pytest.raises(UsageError, match="radius"):
        surface(flat(hill(1.0)), radius=0)
    with pytest.raises(UsageError, match="did you mean 'sharpe'"):
        surface(flat(hill(1.0)), "sharp")
    lone = np.full((7, 7), np.nan)
    lone[3, 3] = 1.0
    assert "no neighbours" in surface(flat(lone)).explain()
    assert "no neighbours" in surface(flat(lone))._repr_html_()
