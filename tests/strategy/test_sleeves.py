"""Several strategies as one object: what is refused, how bars are spread, what is added up."""

import copy
import pickle

import numpy as np
import pandas as pd
import pytest

import workbench as wb
from workbench.errors import UsageError
from workbench.runs.manifest import plain
from workbench.strategy.evaluate import evaluate
from workbench.strategy.sleeves import WHOLE, Named, Sleeves, gather, spread

TREND, DIP = wb.strategies.SmaCross(fast=3, slow=8), wb.strategies.RsiReversion(window=5)
BOTH = Sleeves(strategies={"trend": TREND, "dip": DIP}, shares={"trend": 0.75, "dip": 0.25})


@pytest.fixture
def bars():
    return wb.bars(["AAPL", "IBM"], start="2011-06", end="2011-12")


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({}, "needs strategies by name"),
        ({"strategies": {}}, "needs strategies by name"),
        ({"strategies": {"a b": TREND}}, "identifier"),
        ({"strategies": {1: TREND}}, "identifier"),
        ({"strategies": {"a": wb.strategies.SmaCross}}, "must be an object"),
        ({"strategies": {"a": BOTH}}, "must be an object"),
        ({"strategies": {"a": TREND}, "shares": {"b": 1.0}}, "none of the strategies"),
        ({"strategies": {"a": TREND, "b": DIP}, "shares": {"a": 1.0}}, "share of b"),
        ({"strategies": {"a": TREND, "b": DIP}, "shares": {"a": 0.5, "b": 0.4}}, "0.9 together"),
        ({"strategies": {"a": TREND, "b": DIP}, "shares": {"a": 1.0, "b": 0.0}}, "above 0"),
        ({"strategies": {"a": TREND}, "shares": {"a": True}}, "above 0"),
        ({"strategies": {"a": TREND}, "shares": [1.0]}, "numbers by name"),
        ({"strategies": {"a": TREND}, "nett": True}, "did you mean 'net'"),
        ({"strategies": {"a": {"strategy": "SmaCros"}}}, "did you mean 'SmaCross'"),
    ],
)
def test_what_does_not_fit_is_refused(given, words):
    with pytest.raises(UsageError, match=words):
        Sleeves(**given)


def test_a_strategy_on_events_is_refused():
    class Gap(wb.EventStrategy):
        def on_bar(self, bar):
            return None

    with pytest.raises(UsageError, match="an object derived"):
        Sleeves(strategies={"a": Gap()})


def test_an_object_prints_compares_hashes_pickles_and_changes():
    assert eval(repr(BOTH), {"Sleeves": Sleeves, **vars(wb.strategies)}) == BOTH
    for twin in (pickle.loads(pickle.dumps(BOTH)), copy.deepcopy(BOTH), BOTH.replace()):
        assert twin == BOTH
        assert hash(twin) == hash(BOTH)
    assert BOTH.replace(net=True) != BOTH
    turned = Sleeves(strategies={"dip": DIP, "trend": TREND}, shares=dict(BOTH.shares))
    assert turned != BOTH  # the first goes first
    assert BOTH.warmup == max(TREND.warmup, DIP.warmup)
    assert Sleeves(strategies={"a": TREND, "b": DIP}).shares == Named(a=0.5, b=0.5)
    assert Sleeves(**plain(BOTH.params)) == BOTH  # as a manifest keeps it


def test_bars_are_spread_and_gathered_again(bars):
    wide = bars.copy()
    wide["split", "IBM"] = np.nan
    wide.attrs = {**bars.attrs, "adjustment": "none"}
    laid = spread(BOTH, wide)
    assert list(laid["close"]) == ["trend/AAPL", "trend/IBM", "dip/AAPL", "dip/IBM"]
    np.testing.assert_array_equal(laid["volume"]["dip/IBM"], 0.25 * wide["volume"]["IBM"])
    pd.testing.assert_frame_equal(gather(laid), wide)
    pd.testing.assert_frame_equal(spread(BOTH, laid), laid)
    one = wb.bars("IBM", start="2011")
    pd.testing.assert_frame_equal(gather(spread(BOTH, one)), one)
    nameless = one.copy()
    del nameless.attrs["symbol"]
    assert list(spread(BOTH, nameless)["close"]) == ["trend/asset", "dip/asset"]
    assert gather(spread(BOTH, nameless)).equals(nameless)
    assert spread(BOTH.replace(net=True), bars) is bars
    assert spread(TREND, bars) is bars
    assert gather(bars) is bars


def test_volumes_never_sum_to_more_than_there_is(bars):
    thirds = Sleeves(strategies=dict.fromkeys("abc", TREND))
    laid = spread(thirds, bars)
    parts = laid["volume"].T.groupby(lambda symbol: symbol.rpartition("/")[2]).sum().T
    np.testing.assert_allclose(parts, laid[WHOLE].iloc[:, :2], rtol=1e-15)


def test_targets_stand_side_by_side_or_are_added_up(bars):
    own = evaluate(BOTH, spread(BOTH, bars))
    trend, dip = evaluate(TREND, bars), evaluate(DIP, bars)
    np.testing.assert_array_equal(own, np.hstack([0.75 * trend, 0.25 * dip]))
    total = evaluate(BOTH, bars)
    known = (
        pd.DataFrame(trend).ffill().fillna(0) * 0.75 + pd.DataFrame(dip).ffill().fillna(0) * 0.25
    )
    silent = np.isnan(trend) & np.isnan(dip)
    np.testing.assert_array_equal(total, known.mask(silent))
    assert silent.any()


def test_bars_of_other_strategies_are_refused(bars):
    other = Sleeves(strategies={"x": TREND, "y": DIP})
    with pytest.raises(UsageError, match="were spread over x, y"):
        BOTH.targets(spread(other, bars))


def test_names_that_orders_cannot_be_told_apart_by_are_refused(bars):
    bars = bars.rename(columns={"AAPL": "b/X", "IBM": "X"}, level=1)
    with pytest.raises(UsageError, match="same name"):
        spread(Sleeves(strategies={"a": TREND, "a_b": DIP}), bars)


def test_they_are_swept_but_for_whether_they_are_netted(bars):
    with pytest.raises(UsageError, match="net cannot be swept"):
        wb.sweep(BOTH, bars, net=[False])
    found = wb.sweep(
        BOTH.replace(net=True), bars, shares=[Named(trend=0.5, dip=0.5), BOTH.shares],
        progress=False,
    )  # fmt: skip
    assert len(found.stats) == 2


def test_what_a_holdout_opens_is_spread(bars):
    _, seal = wb.holdout(bars, 0.25)
    result = seal.open(BOTH).result
    assert len(result.bars) == seal.bars
    assert list(result.by_strategy.equity) == ["trend", "dip"]
