"""Sweeps of strategies that share an account: each point is the backtest of its strategies."""

import numpy as np
import pytest
from pandas.testing import assert_frame_equal

import workbench as wb
from workbench.errors import UsageError
from workbench.research.sweep import sweep
from workbench.research.walk_forward import walk_forward
from workbench.runs.ledger import Ledger
from workbench.strategy.sleeves import swept

BOTH = {"trend": wb.strategies.SmaCross(), "dip": wb.strategies.RsiReversion()}
GRID = {"trend.fast": [5, 10], "trend.slow": [30, 60], "dip.window": [7, 14]}
COSTS = wb.Costs(fee=wb.fees.Bps(5), slippage_bps=2, max_participation=0.05)


def sleeves(net=False):
    return wb.Sleeves(strategies=BOTH, shares={"trend": 0.6, "dip": 0.4}, net=net)


@pytest.mark.parametrize("net", [False, True])
@pytest.mark.parametrize("symbols", ["one", "two"])
def test_each_point_is_the_backtest_of_its_strategies(request, symbols, net):
    bars = request.getfixturevalue(symbols)
    given = {"costs": COSTS, "cash": 50_000}
    found = sweep(sleeves(net), bars, progress=False, **given, **GRID)
    assert len(found) == 8 and list(found.stats.columns[:3]) == list(GRID)
    for number in found.stats.index[::3]:
        point = found.point(number)
        trend, dip = point.strategy.members
        row = found.stats.loc[number]
        assert [trend.fast, trend.slow, dip.window] == row.iloc[:3].tolist()
        alone = wb.backtest(point.strategy, bars, **given)
        wanted = [alone.stats[name] for name in found.names]
        np.testing.assert_allclose(row[list(found.names)].astype(float), wanted, rtol=1e-9)
        again = point.run()
        assert_frame_equal(again.fills, alone.fills)
        assert (again.by_strategy.equity == alone.by_strategy.equity).all(axis=None)
    assert Ledger.open().count() == 8  # the backtests of points were no new trials


def test_shares_are_swept_where_the_volume_does_not_matter(one):
    shares = [{"trend": 0.3, "dip": 0.7}, {"trend": 0.8, "dip": 0.2}]
    found = sweep(sleeves(), one, shares=shares, progress=False)
    for number, given in enumerate(shares):
        point = found.point(number)
        assert dict(point.strategy.shares) == given
        alone = wb.backtest(point.strategy, one, record=False)
        assert point.stats["end_equity"] == pytest.approx(alone.stats["end_equity"], rel=1e-12)
        again = point.run()
        assert_frame_equal(again.fills, alone.fills)
        assert again.manifest.data.fingerprint == alone.manifest.data.fingerprint
    with pytest.raises(UsageError, match=r"shares cannot be swept where fills depend"):
        sweep(sleeves(), one, shares=shares, costs=COSTS, progress=False)
    assert len(sweep(sleeves(net=True), one, shares=shares, costs=COSTS, progress=False)) == 2


def test_it_is_resumed_searched_and_held_to_a_constraint(one):
    part = sweep(sleeves(), one, progress=False, checkpoint=True, **GRID)
    again = sweep(sleeves(), one, progress=False, resume=part.run_id, **GRID)
    assert_frame_equal(again.stats, part.stats)
    found = sweep(
        sleeves(),
        one,
        search="sobol",
        trials=6,
        constraint=lambda p: p["trend.fast"] < p["dip.window"] and p["trend.slow"] == 50,
        progress=False,
        **{"trend.fast": (3, 12), "dip.window": (5, 20)},
    )
    assert len(found) == 6 and (found.stats["trend.fast"] < found.stats["dip.window"]).all()


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"trend.fst": [5, 6]}, "did you mean 'trend.fast'"),
        ({"trend.fast": [1, 6]}, "trend.fast must be at least 2, not 1"),
        ({"net": [True, False]}, "net cannot be swept"),
        ({"strategies": [{"x": BOTH["dip"]}, BOTH]}, "a share for 'trend', which is none of"),
        ({"shares": [{"trend": 0.5, "dip": 0.6}]}, "are 1.1 together, not 1"),
    ],
)
def test_what_cannot_be_swept_is_told(one, changes, word):
    with pytest.raises(UsageError, match=word):
        sweep(sleeves(), one, progress=False, **changes)
    assert Ledger.open().count() == 0


def test_they_are_not_walked_forward_with_books_of_their_own(one):
    with pytest.raises(UsageError, match="cannot be walked forward together"):
        walk_forward(sleeves(), one, train=200, test=100, progress=False, **GRID)
    walk = walk_forward(sleeves(net=True), one, train=300, test=100, progress=False, **GRID)
    assert set(walk.table["trend.fast"]) <= {5, 10}


def test_strategies_take_each_others_place(one):
    others = [BOTH, {"trend": BOTH["dip"], "dip": BOTH["trend"]}]
    found = sweep(sleeves(), one, strategies=others, progress=False)
    for number, given in enumerate(others):
        alone = wb.backtest(sleeves().replace(strategies=given), one, record=False)
        assert found.point(number).stats["sharpe"] == pytest.approx(alone.stats["sharpe"])


def test_names_of_what_can_be_swept():
    assert list(swept(sleeves()))[:4] == ["strategies", "shares", "net", "trend.fast"]
    assert sleeves().replace(**{"dip.window": 9}).strategies["dip"].window == 9
    with pytest.raises(UsageError, match="no parameter"):
        sleeves().replace(**{"other.window": 9})
