import pickle
import tracemalloc

import numpy as np
import pytest
from pandas.testing import assert_frame_equal

import workbench as wb
from workbench.backtest import stats
from workbench.backtest.engine import backtest
from workbench.errors import DataError, UsageError
from workbench.research.sweep import sweep
from workbench.runs import registry
from workbench.runs.ledger import Ledger

GRID = {"fast": range(5, 15), "slow": range(20, 60, 4)}


class _Fragile(wb.Strategy):
    window: int = wb.param(10, low=2, high=100)

    def targets(self, bars):
        if self.window == 7:
            raise ValueError("seven brings bad luck")
        if self.window == 9:
            return bars["close"] * np.nan
        return (bars["close"] > bars["close"].rolling(self.window).mean()).astype(float)


class _Stopped(_Fragile):
    """Somebody presses Ctrl-C while the point 6 runs."""

    def targets(self, bars):
        if self.window == 6:
            raise KeyboardInterrupt
        return super().targets(bars)


class _Rude(wb.Strategy):
    shift: int = wb.param(1, low=1, high=9)

    def targets(self, bars):
        bars["close"] = bars["close"].shift(self.shift)
        return (bars["close"] > 100).astype(float)


class _Clash(wb.Strategy):
    exposure: float = wb.param(1.0, low=0, high=1)

    def targets(self, bars):
        return bars["close"] * 0 + self.exposure


@pytest.fixture
def found(one):
    costs = wb.Costs(fee=wb.fees.Bps(10), slippage_bps=2)
    stops = wb.Stops(loss=0.05)
    return sweep(
        wb.strategies.SmaCross, one, costs=costs, stops=stops, cash=5e4, progress=False, **GRID
    )


def test_each_row_equals_the_backtest_of_its_parameters(one, found):
    costs, stops = wb.Costs(fee=wb.fees.Bps(10), slippage_bps=2), wb.Stops(loss=0.05)
    assert len(found) == 100 and found.finished
    assert list(found.stats.columns) == ["fast", "slow", *stats.NAMES[2:]]
    for _, row in found.stats.iloc[::9].iterrows():
        strategy = wb.strategies.SmaCross(fast=int(row.fast), slow=int(row.slow))
        alone = backtest(strategy, one, costs=costs, stops=stops, cash=5e4, record=False)
        np.testing.assert_allclose(
            row[list(found.names)].to_numpy(float),
            alone.stats[list(found.names)].to_numpy(float),
            rtol=1e-9,
        )


def test_the_best_point_run_alone_gives_its_row_and_the_backtests_fills(one, found):
    best = found.best("sharpe")
    assert best.stats["sharpe"] == found.stats["sharpe"].max()
    run = best.run()
    alone = backtest(
        best.strategy,
        one,
        costs=wb.Costs(fee=wb.fees.Bps(10), slippage_bps=2),
        stops=wb.Stops(loss=0.05),
        cash=5e4,
        record=False,
    )
    assert_frame_equal(run.fills, alone.fills, check_exact=True)
    assert len(run.fills) > 0
    for name in found.names:
        assert best.stats[name] == pytest.approx(run.stats[name], rel=1e-9, nan_ok=True)


def test_less_is_best_where_less_is_better_and_ties_go_to_the_first(found):
    table = found.stats
    assert found.best("volatility").stats.name == table["volatility"].idxmin()
    assert found.best("max_drawdown").stats.name == table["max_drawdown"].idxmax()
    assert found.best("turnover", largest=True).stats.name == table["turnover"].idxmax()
    assert found.best("bars").stats.name == 0


def test_it_is_deterministic_and_counts_each_trial_once(one, found, workspace):
    again = sweep(
        wb.strategies.SmaCross,
        one,
        costs=wb.Costs(fee=wb.fees.Bps(10), slippage_bps=2),
        stops=wb.Stops(loss=0.05),
        cash=5e4,
        progress=False,
        **GRID,
    )
    assert_frame_equal(found.stats, again.stats, check_exact=True)
    ledger = Ledger.open()
    assert ledger.path.is_relative_to(workspace)
    assert ledger.count("SmaCross", found.manifest.data.fingerprint) == 100
    assert len(ledger.frame()) == 200


def test_a_backtest_of_a_point_is_no_new_trial_and_another_stop_is(one, found):
    costs, stops = wb.Costs(fee=wb.fees.Bps(10), slippage_bps=2), wb.Stops(loss=0.05)
    backtest(wb.strategies.SmaCross(fast=5, slow=20), one, costs=costs, stops=stops, cash=5e4)
    assert Ledger.open().count() == 100
    backtest(wb.strategies.SmaCross(fast=5, slow=20), one, costs=costs, cash=5e4)
    assert Ledger.open().count() == 101


def test_several_symbols_share_one_sweep(two):
    found = sweep(wb.strategies.Momentum, two, lookback=[20, 40], skip=[0, 5], progress=False)
    assert len(found) == 4
    assert found.manifest.data.symbols == ("AAA", "BBB")


def test_a_failing_point_costs_only_itself_and_so_does_a_silent_one(one):
    found = sweep(_Fragile, one, window=range(5, 12), progress=False)
    assert found.stats["window"].tolist() == [5, 6, 8, 10, 11]
    assert not found.finished
    [said] = found.findings
    assert "2 of 7 points failed" in said and "window=7" in said and "bad luck" in said
    assert Ledger.open().count() == 5


def test_where_all_points_fail_the_first_error_is_raised(one):
    with pytest.raises(ValueError, match="bad luck"):
        sweep(_Fragile, one, window=[7], progress=False)


@pytest.mark.parametrize("engine", ["auto", "generic", "each"])
def test_a_point_without_an_opinion_is_refused_as_it_is_alone(one, engine):
    bars = one.iloc[:100]
    chosen = {"progress": False, "engine": engine, "fast": [5], "stops": wb.Stops()}
    found = sweep(wb.strategies.SmaCross, bars, slow=[20, 99, 100, 101, 300], **chosen)
    assert found.stats["slow"].tolist() == [20, 99, 100]
    [said] = found.findings
    with pytest.raises(UsageError, match="has no opinion") as alone:
        backtest(wb.strategies.SmaCross(fast=5, slow=300), bars, record=False)
    with pytest.raises(UsageError, match="has no opinion") as swept:
        sweep(wb.strategies.SmaCross, bars, slow=[300], **chosen)
    assert str(swept.value) == str(alone.value)
    assert "2 of 5 points failed" in said and "has no opinion on any of the 100 bars" in said


def test_a_flat_point_is_kept_for_it_has_an_opinion(one):
    found = sweep(_Clash, one, exposure=[0.0, 1.0], progress=False)
    assert found.stats["exposure_param"].tolist() == [0.0, 1.0]


def test_where_no_point_has_the_statistic_there_is_no_best(one):
    found = sweep(_Clash, one, exposure=[0.0], progress=False)
    with pytest.raises(UsageError, match="none of the 1 points has a sharpe"):
        found.best()
    with pytest.raises(UsageError, match="sharpe"):
        found.deflated_sharpe()


def test_an_interrupt_keeps_what_is_finished_and_counts_it(one):
    found = sweep(_Stopped, one, window=[3, 4, 5, 6, 8, 10, 11], progress=False)
    # the first, the last and the middle point are the probe; the middle one was interrupted
    assert found.stats["window"].tolist() == [3, 11]
    assert "interrupted: 2 of 7" in found.findings[0]
    assert Ledger.open().count() == 2
    assert found.best("sharpe").params["window"] in (3, 11)
    whole = sweep(_Fragile, one, window=[3, 11], progress=False)
    assert_frame_equal(
        found.stats.reset_index(drop=True), whole.stats.reset_index(drop=True), check_exact=True
    )


def test_an_interrupt_before_the_first_point_is_an_empty_table(one):
    found = sweep(_Stopped, one, window=[6, 8], progress=False)
    assert len(found) == 0
    assert found.stats.empty
    assert "0 of 2" in found.findings[0]
    with pytest.raises(UsageError):
        found.best()


def test_a_listener_is_told_each_point_and_may_end_it(one):
    told = []

    def listen(done, total):
        told.append((done, total))
        if done == 5:
            raise KeyboardInterrupt

    found = sweep(_Fragile, one, window=range(20, 30), progress=listen)
    assert told == [(3, 10), (4, 10), (5, 10)]
    assert len(found) == 5 and not found.finished
    assert Ledger.open().count() == 5


def test_it_pickles(found):
    again = pickle.loads(pickle.dumps(found))
    assert_frame_equal(again.stats, found.stats)
    assert again.best().run().stats["sharpe"] == found.best().run().stats["sharpe"]
    deflated = found.deflated_sharpe()
    assert str(pickle.loads(pickle.dumps(deflated))) == str(deflated) == deflated.explain()


def test_what_a_strategy_does_to_its_bars_reaches_no_other_point(one):
    before = one.copy()
    found = sweep(_Rude, one, shift=[1, 2, 3, 4], progress=False)
    assert_frame_equal(one, before)
    for number, shift in enumerate([1, 2, 3, 4]):
        alone = sweep(_Rude, one, shift=[shift], progress=False)
        assert found.stats.loc[number, "end_equity"] == alone.stats.loc[0, "end_equity"]


def test_it_says_the_plan_before_it_starts(one, capsys):
    found = sweep(wb.strategies.SmaCross, one, fast=range(5, 15), slow=[20, 30])
    said = capsys.readouterr()
    assert said.out == f"{found.plan}\n"
    assert "20 points × 600 bars" in said.out
    assert "20/20" in said.err
    assert 0 < found.plan.memory_bytes < 5_000_000


def test_someone_elses_memory_trace_goes_on(one):
    tracemalloc.start()
    try:
        sweep(wb.strategies.SmaCross, one, fast=[5, 6, 7], progress=False)
        assert tracemalloc.is_tracing()
    finally:
        tracemalloc.stop()


def test_the_deflated_sharpe_uses_the_count_of_the_ledger(one, found):
    first = found.deflated_sharpe()
    assert first.trials == 100
    assert 0 <= first <= 1
    per_period = found.stats["sharpe"].dropna() / np.sqrt(252)
    assert first.variance == pytest.approx(per_period.var(ddof=1))
    assert first.moments.sharpe == pytest.approx(found.best().stats["sharpe"] / np.sqrt(252))
    sweep(wb.strategies.RsiReversion, one, window=range(5, 20), progress=False)
    second = found.deflated_sharpe()
    assert second.trials == 115
    assert found.deflated_sharpe(scope="strategy") == first
    sweep(wb.strategies.SmaCross, one.iloc[:500], fast=[5, 6], progress=False)
    assert found.deflated_sharpe().trials == 115
    assert found.deflated_sharpe(scope="workspace").trials == 117
    with pytest.raises(UsageError, match="did you mean 'data'"):
        found.deflated_sharpe(scope="dat")


def test_without_a_ledger_the_sweep_counts_its_own_points(one, workspace):
    (workspace / "data").write_text("a file where the folder should be")
    found = sweep(wb.strategies.SmaCross, one, progress=False, **GRID)
    assert any("not counted" in text for text in found.findings)
    assert found.deflated_sharpe().trials == 100


def test_the_heatmap_shows_what_was_swept(found):
    cells = found.heatmap("fast", "slow", stat="cagr").select_one("cells").data_source.data
    assert len(cells["value"]) == 100
    for wrong in (("fast", "fast"), ("fast", "slw"), ("cash", "slow")):
        with pytest.raises(UsageError):
            found.heatmap(*wrong)
    with pytest.raises(UsageError, match="sharpe"):
        found.heatmap("fast", "slow", stat="sharp")
    with pytest.raises(UsageError, match="takes no 'metric'; it takes stat"):
        found.heatmap("fast", "slow", metric="cagr")


def test_a_parameter_called_like_a_statistic_keeps_its_place(one):
    found = sweep(_Clash, one, exposure=[0.5, 1.0], progress=False)
    assert found.stats["exposure_param"].tolist() == [0.5, 1.0]
    assert found.best("total_return").params["exposure"] in (0.5, 1.0)


def test_it_is_saved_and_read(found):
    path = found.save()
    manifest, frames = registry.load(path.name)
    assert manifest == found.manifest
    assert manifest.kind == "sweep"
    assert_frame_equal(frames["points"], found.stats, check_exact=True)


def test_it_shows_in_a_notebook(found):
    page = found._repr_html_()
    best = found.best("sharpe")
    assert "100 points" in page and f"<th>{best.stats.name}</th>" in page
    assert page.index(f"<th>{best.stats.name}</th>") == page.index("<th>", page.index("<tbody>"))
    assert "10 fast × 10 slow" in repr(found)


def test_an_unknown_statistic_or_point_is_told(found):
    with pytest.raises(UsageError, match="did you mean 'sharpe'"):
        found.best("sharp")
    with pytest.raises(UsageError, match="no finished point 100"):
        found.point(100)
    assert found.point(99).params == {"fast": 14, "slow": 56}


@pytest.mark.parametrize(
    ("changes", "error", "word"),
    [
        ({"fst": [1]}, UsageError, "did you mean 'fast'"),
        ({"fast": []}, UsageError, "no values"),
        ({"fast": [5, 1000]}, UsageError, "at most 100, not 1000"),
        ({"fill": "next_opn", "fast": [5]}, UsageError, "next_open"),
        ({"cash": -1, "fast": [5]}, UsageError, "cash"),
        ({}, UsageError, "nothing to sweep"),
    ],
)
def test_bad_calls_are_told_and_count_nothing(one, changes, error, word):
    with pytest.raises(error, match=word):
        sweep(wb.strategies.SmaCross, one, progress=False, **changes)
    assert Ledger.open().count() == 0


def test_one_bar_is_too_few(one):
    with pytest.raises(DataError, match="two bars"):
        sweep(wb.strategies.SmaCross, one.iloc[:1], fast=[5], progress=False)


def test_bars_that_break_the_contract_are_told(one):
    with pytest.raises(DataError):
        sweep(wb.strategies.SmaCross, one.iloc[::-1], fast=[5], progress=False)


def test_an_object_lends_its_parameters(one):
    found = sweep(wb.strategies.SmaCross(slow=33), one, fast=[5, 6], progress=False)
    assert found.best("bars").params == {"fast": 5, "slow": 33}


def test_fewer_bars_than_the_warmup_are_refused(one):
    with pytest.raises(UsageError, match="has no opinion on any of the 10 bars"):
        sweep(wb.strategies.SmaCross, one.iloc[:10], slow=[50, 60], progress=False)


def test_points_without_the_statistic_stand_last(found):
    ranked = found.ranked("max_drawdown_bars")
    values = found.stats["max_drawdown_bars"].loc[ranked]
    assert values.is_monotonic_increasing and len(ranked) == 100
    trades = found.ranked("win_rate")
    assert set(trades) == set(found.stats.index[found.stats["win_rate"].notna()])


def test_the_equity_of_chosen_points_is_kept(one):
    grid = {"fast": [5, 10, 20], "slow": [30, 60], "progress": False, "record": False}
    found = sweep(wb.strategies.SmaCross, one, keep="equity", keep_points=("cagr", 2), **grid)
    assert found.equity.columns.tolist() == found.stats["cagr"].nlargest(2).index.tolist()
    for number in found.equity:
        alone = found.point(number).run()
        np.testing.assert_array_equal(found.equity[number], alone.equity)
        assert found.equity.index.equals(one.index)
    fast = sweep(
        wb.strategies.SmaCross, one, keep="equity", keep_points=lambda p: p["fast"] == 10, **grid
    )
    assert fast.equity.columns.tolist() == [2, 3]
    assert sweep(wb.strategies.SmaCross, one, **grid).equity is None
    _, frames = registry.load(found.save().name)
    np.testing.assert_array_equal(frames["equity"], found.equity)


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"keep": "equty"}, "keep='equity'"),
        ({"keep": "equity", "keep_points": 0}, "keep_points may not be 0"),
        ({"keep": "equity", "keep_points": ("cgr", 3)}, "did you mean 'cagr'"),
        ({"keep": "equity", "keep_points": ("cagr", 2.5)}, "keep_points"),
        ({"keep": "equity", "keep_points": 5000, "memory": "3MiB"}, "the equity of 1,000 points"),
    ],
)
def test_what_cannot_be_kept_is_told_before_it_starts(one, changes, word):
    with pytest.raises(UsageError, match=word):
        sweep(
            wb.strategies.SmaCross, one, fast=range(5, 25), slow=range(30, 80), progress=False,
            **changes,
        )  # fmt: skip
    assert Ledger.open().count() == 0
