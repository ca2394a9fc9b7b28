import numpy as np
import pandas as pd
import pytest
from scipy.stats import spearmanr

import workbench as wb
from workbench.backtest.engine import prepare
from workbench.errors import DataError, UsageError
from workbench.research.walk_forward import walk_forward
from workbench.runs.ledger import Ledger

GRID = {"fast": [5, 10, 20], "slow": [30, 50]}


class _Peek(wb.Strategy):
    """Knows the last bar it is shown: whether it is shown the future can be read off."""

    side: int = wb.param(1, low=0, high=1)

    def targets(self, bars):
        return pd.Series(self.side * (bars.index[-1].day_of_year / 400), index=bars.index)


class _Fragile(wb.Strategy):
    window: int = wb.param(10, low=2, high=100)

    def targets(self, bars):
        if self.window == 7:
            raise ValueError("seven brings bad luck")
        return (bars["close"] > bars["close"].rolling(self.window).mean()).astype(float)


class _Idle(wb.Strategy):
    size: float = wb.param(0.0, low=0, high=0.5)

    def targets(self, bars):
        return bars["close"] * 0.0


def walk(bars, **choices):
    plan = {"train": 200, "test": 80, "progress": False} | choices
    return walk_forward(wb.strategies.SmaCross, bars, **(GRID | plan))


def test_the_chosen_point_is_the_best_of_its_training(one):
    found = walk(one, costs=wb.Costs(fee=wb.fees.Bps(5)))
    assert len(found) == 5
    costs = wb.Costs(fee=wb.fees.Bps(5))
    for number, fold in zip(found.table.index, found.folds, strict=True):
        row = found.table.loc[number]
        ((start, end),), ((first, last),) = fold.train, fold.test
        chosen = wb.strategies.SmaCross(fast=row["fast"], slow=row["slow"])
        best, then = {}, {}
        for k in range(len(found.grid)):
            strategy = found.grid.strategy(k)
            for into, begin, until in ((best, start, end), (then, first, last)):
                targets = strategy.targets(one.iloc[:until]).iloc[begin:]
                part = wb_targets(targets, one.iloc[begin:until], costs)
                into[strategy] = part.stats["sharpe"]
        assert chosen == max(best, key=best.get)
        assert row["in_sample"] == pytest.approx(best[chosen])
        assert row["out_of_sample"] == pytest.approx(then[chosen])
        expected = spearmanr(list(best.values()), list(then.values())).statistic
        assert row["rank_correlation"] == pytest.approx(expected)


def wb_targets(targets, bars, costs):
    return prepare(bars, costs=costs).result(wb.strategies.SmaCross(), targets.to_numpy())


def test_no_window_is_shown_what_comes_after(one):
    found = walk_forward(
        _Peek, one, train=100, test=50, stat="exposure", side=[0, 1], progress=False
    )
    begin = found.folds[0].test[0][0]
    targets = found.result.targets.to_numpy()[:, 0]
    for fold in found.folds:
        first, last = fold.test[0]
        last_seen = one.index[last - 1].day_of_year / 400
        assert (targets[first - begin : last - begin] == last_seen).all()


def test_the_strategy_is_warm_where_a_test_begins(one):
    found = walk(one)
    assert found.result.targets.notna().all(axis=None)
    # the average of 50 bars would be blind for most of a test of 80, were there no history
    assert found.result.stats["exposure"] > 0.3


def test_the_stitched_result_is_a_backtest_of_the_chosen_targets(one):
    found = walk(one)
    first, last = found.folds[0].test[0][0], found.folds[-1].test[0][1]
    parts = []
    for (_, row), fold in zip(found.table.iterrows(), found.folds, strict=True):
        begin, until = fold.test[0]
        chosen = wb.strategies.SmaCross(fast=row["fast"], slow=row["slow"])
        parts.append(chosen.targets(one.iloc[:until]).iloc[begin:])
    alone = wb_targets(pd.concat(parts), one.iloc[first:last], None)
    pd.testing.assert_series_equal(found.equity, alone.equity)
    assert found.result.fills.equals(alone.fills)
    assert found.stats.loc["walk forward", "sharpe"] == pytest.approx(alone.stats["sharpe"])
    assert found.result.save().is_dir()


def test_anchored_trains_on_everything_before(one):
    found = walk(one, anchored=True)
    assert found.scheme == "anchored"
    assert {fold.train[0][0] for fold in found.folds} == {0}
    assert walk(one, scheme="anchored").table.equals(found.table)


def test_every_trial_is_counted(one):
    found = walk(one)
    rows = Ledger.open().frame()
    # six points on two windows of five folds, and what was stitched
    assert len(rows) == found.trials == 6 * 2 * 5 + 1
    assert set(rows["kind"]) == {"walk_forward", "backtest"}
    assert rows["fingerprint"].nunique() == 11


def test_combinations_give_paths(one):
    found = walk(one, train=4, test=2, scheme="combinatorial", purge=5, embargo=5)
    assert len(found) == 15 and found.paths.shape == (600, 5)
    assert found.result is None and found.equity.shape == (600, 5)
    assert len(found.stats) == 5
    assert found.trials == 6 * 6 == len(Ledger.open().frame())
    row, fold = found.table.iloc[3], found.folds[3]
    group = found.table["tested"].iloc[3][0]
    begin, until = fold.test[0]
    chosen = wb.strategies.SmaCross(fast=row["fast"], slow=row["slow"])
    alone = wb_targets(chosen.targets(one.iloc[:until]).iloc[begin:], one.iloc[begin:until], None)
    same = [np.allclose(found.paths[name].iloc[begin:until], alone.returns) for name in found.paths]
    assert any(same) and group == 0
    shades = [type(item).__name__ for item in found.plot().children[0].center]
    assert "BoxAnnotation" not in shades


def test_decay_and_stability(one):
    found = walk(one)
    decay = found.decay
    assert decay["in_sample"] == pytest.approx(found.table["in_sample"].mean())
    assert decay["in_sample"] > decay["out_of_sample"]
    assert -1 <= decay["rank_correlation"] <= 1 and 0 <= decay["positive"] <= 1
    steady = found.stability
    assert list(steady.index) == ["fast", "slow"]
    assert steady.loc["fast", "values"] == 3 and 0 <= steady.loc["fast", "moved"] <= 1
    assert steady.loc["slow", "share"] >= 0.5


def test_noise_decays_to_nothing_and_a_true_edge_stays():
    rng = np.random.default_rng(3)
    days = pd.date_range("2010-01-01", periods=1500, tz="UTC", name="time")

    def made(drift):
        steps = rng.normal(0, 0.01, 1500) + drift
        close = 100 * np.exp(np.cumsum(steps))
        frame = pd.DataFrame(dict.fromkeys(("open", "high", "low", "close"), close), days)
        frame["volume"] = 1e6
        frame.attrs = {"timeframe": "1d", "calendar": "24/7"}
        return frame

    def rank(bars):
        return walk_forward(
            wb.strategies.SmaCross, bars, train=300, test=100, progress=False, **GRID
        ).decay

    # prices that go on as they went: what was best is best again
    slow = np.repeat(rng.choice([-0.004, 0.004], 15), 100)
    trend, noise = rank(made(slow)), [rank(made(0.0)) for _ in range(4)]
    assert trend["out_of_sample"] > 1
    assert abs(np.mean([one["out_of_sample"] for one in noise])) < 0.7
    assert np.mean([one["in_sample"] - one["out_of_sample"] for one in noise]) > 0.3


def test_a_point_that_fails_is_never_chosen(one):
    found = walk_forward(_Fragile, one, train=200, test=100, window=[5, 7, 9], progress=False)
    assert 7 not in set(found.table["window"])
    assert "bad luck" in found.findings[-1]
    with pytest.raises(ValueError, match="bad luck"):
        walk_forward(_Fragile, one, train=200, test=100, window=[7], progress=False)


def test_where_nothing_trades_nothing_is_chosen(one):
    found = walk_forward(_Idle, one, train=200, test=100, size=[0.0, 0.5], progress=False)
    assert set(found.table["point"]) == {-1}
    assert (found.equity == 100_000).all()
    assert any("no point had a sharpe" in text for text in found.findings)
    assert "no point" in found._repr_html_() and np.isnan(found.decay["kept"])


def test_several_symbols(two):
    found = walk_forward(
        wb.strategies.Momentum,
        two,
        train="1y",
        test="6M",
        lookback=[20, 60],
        skip=5,
        progress=False,
    )
    assert found.result.targets.shape[1] == 2
    assert len(found.plot(theme="dark").children) == 2


def test_progress_tells_points_and_folds(one):
    told = []
    walk(one, progress=lambda done, total: told.append((done, total)))
    assert told[-1] == (30, 30)


def test_the_same_call_gives_the_same_walk(one):
    pd.testing.assert_frame_equal(walk(one).table, walk(one).table)


def test_the_card_and_the_picture(one):
    found = walk(one, test=90)
    assert "rolling walk of SmaCross: 4 folds" in repr(found)
    assert "how steady the choice was" in found._repr_html_()
    assert any("last 40 bars" in text for text in found.findings)
    upper, _ = found.plot().children
    shades = [item for item in upper.center if type(item).__name__ == "BoxAnnotation"]
    assert len(shades) == 2


@pytest.mark.parametrize(
    ("choices", "words"),
    [
        ({"train": 550, "test": 80}, "not one fold fits"),
        ({"train": 50}, r"needs\s+50 to warm up"),
        ({"scheme": "roling"}, "did you mean 'rolling'"),
        ({"stat": "sharp"}, "did you mean 'sharpe'"),
        ({"stat": "win_rate", "scheme": "combinatorial", "train": 4, "test": 2}, "told by their"),
        ({"scheme": "combinatorial", "anchored": True}, "cannot be anchored"),
        ({"scheme": "combinatorial", "train": 4, "test": 2, "step": 3}, "no step"),
        ({"scheme": "combinatorial"}, "count of groups|folds|too few"),
        ({"embargo": -1}, "embargo must be"),
        ({"step": 10}, "judged twice"),
        ({"fast": 5, "slow": 30}, "nothing to sweep"),
        ({"fast": []}, "no values"),
        ({"constraint": lambda p: False}, "none of the"),
        ({"fasst": [5]}, "did you mean 'fast'"),
        ({"cash": 0}, "cash must be positive"),
    ],
)
def test_what_cannot_be_walked(one, choices, words):
    with pytest.raises(UsageError, match=words):
        walk(one, **choices)


def test_bars_that_are_none(one):
    with pytest.raises(DataError, match="two bars"):
        walk(one.iloc[:1])
