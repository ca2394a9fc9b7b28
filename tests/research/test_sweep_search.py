import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

import workbench as wb
from workbench.errors import UsageError
from workbench.research import finished
from workbench.research.surface import surface
from workbench.research.sweep import sweep
from workbench.runs.ledger import Ledger

SPACE = {"fast": (5, 30), "slow": (20, 90)}
CALLS = []


class _Watched(wb.Strategy):
    """Tells who asked it for targets, and on how many bars."""

    window: int = wb.param(10, low=2, high=60)
    weight: float = wb.param(1.0, low=0.1, high=1)
    seed: int = wb.param(0, low=0, high=9)

    def targets(self, bars):
        CALLS.append((self.window, self.weight, len(bars)))
        if self.window == 13:
            raise ValueError("bad luck")
        if self.window == 17:
            return bars["close"] * np.nan
        return (bars["close"] > bars["close"].rolling(self.window).mean()) * self.weight


class _Stopped(_Watched):
    def targets(self, bars):
        if len(CALLS) == 30:
            raise KeyboardInterrupt
        return super().targets(bars)


@pytest.fixture(autouse=True)
def no_calls():
    CALLS.clear()


def in_order(point):
    return point["fast"] < point["slow"]


@pytest.mark.parametrize("how", ["random", "sobol", "tpe"])
def test_each_point_has_the_numbers_it_has_on_a_grid(one, how):
    given = {"costs": wb.Costs(fee=wb.fees.Bps(10)), "progress": False, "constraint": in_order}
    found = sweep(wb.strategies.SmaCross, one, search=how, trials=60, seed=3, **given, **SPACE)
    assert len(found) == 60 and found.finished
    assert not found.stats.duplicated(["fast", "slow"]).any()
    assert (found.stats["fast"] < found.stats["slow"]).all()
    grid = {"fast": range(5, 31), "slow": range(20, 91)}
    whole = sweep(wb.strategies.SmaCross, one, record=False, **given, **grid).stats
    same = found.stats.merge(whole, on=["fast", "slow"], suffixes=("", "_grid"))
    assert len(same) == 60
    for name in found.names:
        np.testing.assert_array_equal(same[name], same[f"{name}_grid"])
    assert Ledger.open().count() == 60 == len(Ledger.open().frame())
    assert found.search.asked.how == how
    assert f"{how} search by sharpe, seed 3: 60 points of the 1,846" in found.findings[0]


@pytest.mark.parametrize("how", ["random", "sobol", "tpe"])
@pytest.mark.parametrize("prune", [None, "median", "halving"])
def test_the_same_call_gives_the_same_table(one, how, prune):
    given = {"search": how, "trials": 40, "prune": prune, "progress": False, **SPACE}
    first = sweep(wb.strategies.SmaCross, one, seed=7, **given)
    again = sweep(wb.strategies.SmaCross, one, seed=7, **given)
    assert_frame_equal(first.stats, again.stats, check_exact=True)
    assert_frame_equal(first.search.pruned, again.search.pruned, check_exact=True)
    other = sweep(wb.strategies.SmaCross, one, seed=8, **given)
    assert first.stats["fast"].tolist() != other.stats["fast"].tolist()


def test_tpe_learns_where_the_good_points_are(one):
    given = {"trials": 80, "objective": "total_return", "progress": False, "record": False}
    given |= {"search": "tpe", "fast": (2, 100), "slow": (5, 400)}
    early, late = [], []
    for seed in range(3):
        found = sweep(wb.strategies.SmaCross, one, seed=seed, **given).stats["total_return"]
        early += found.iloc[:10].tolist()  # drawn at random
        late += found.iloc[40:].tolist()
    assert np.mean(late) > np.mean(early)


def test_the_objective_is_what_best_means_and_less_may_be_more(one):
    found = sweep(
        wb.strategies.SmaCross, one, search="tpe", trials=40, objective="volatility",
        progress=False, **SPACE,
    )  # fmt: skip
    assert found.best().stats["volatility"] == found.stats["volatility"].min()
    assert found.best("sharpe").stats["sharpe"] == found.stats["sharpe"].max()
    page = found._repr_html_()
    assert "best by volatility" in page and "tpe search by volatility" in repr(found)
    assert found.manifest.seed == 0
    assert found.manifest.conventions["search"] == "tpe search by volatility, seed 0"


@pytest.mark.parametrize("how", ["random", "sobol", "tpe"])
def test_no_point_runs_twice_and_what_came_again_is_told(one, how):
    found = sweep(
        _Watched, one, search=how, trials=30, window=(20, 45), engine="each", progress=False
    )
    assert len(found) == 26 and found.finished
    assert sorted(window for window, _, _ in CALLS) == list(range(20, 46))
    assert "no further ones were found" in found.findings[1]
    assert found.search.again > 0 or how != "tpe"
    if how == "tpe":
        assert f"{found.search.again:,} proposals came again" in found.findings[0]


def test_failed_and_silent_points_cost_only_themselves(one):
    found = sweep(_Watched, one, search="tpe", trials=12, window=(10, 21), progress=False)
    assert sorted(found.stats["window"]) == [10, 11, 12, 14, 15, 16, *range(18, 22)]
    assert any("2 of 12 points failed" in text for text in found.findings)
    with pytest.raises(ValueError, match="bad luck"):
        sweep(_Watched, one, search="tpe", trials=5, window=[13], progress=False)


@pytest.mark.parametrize("prune", ["median", "halving"])
def test_pruned_points_saw_a_part_of_the_bars_and_count(one, prune):
    found = sweep(
        _Watched, one, search="random", trials=40, prune=prune, window=(20, 60),
        weight=(0.1, 1.0), engine="each", progress=False,
    )  # fmt: skip
    pruned = found.search.pruned
    assert len(pruned) and len(found) and len(pruned) + len(found) == 40 and found.finished
    assert set(pruned.index).isdisjoint(found.stats.index)
    assert set(pruned["bars"]) <= {200, 400}
    runs = pd.Series([rows for _, _, rows in CALLS]).value_counts()
    assert runs[200] == 40 and runs[600] == len(found)
    assert runs[400] == 40 - int((pruned["bars"] == 200).sum())
    # what they were judged by is what these bars give
    row = pruned.iloc[0]
    alone = sweep(
        _Watched, one.iloc[: int(row["bars"])], window=[int(row["window"])], engine="each",
        weight=row["weight"], record=False, progress=False,
    )  # fmt: skip
    assert alone.stats["sharpe"].iloc[0] == row["sharpe"]
    frame = Ledger.open().frame()
    assert len(frame) == 40 == frame["trial"].nunique()
    given_up = frame[frame["kind"] == "pruned"]
    assert sorted(given_up["bars"]) == sorted(pruned["bars"])
    assert given_up["fingerprint"].unique().tolist() == [found.manifest.data.fingerprint]
    assert sorted(given_up["sharpe"]) == sorted(pruned["sharpe"])
    assert found.deflated_sharpe().trials == 40
    assert any("given up after a third" in text for text in found.findings)


def test_halving_keeps_the_better_half_of_each_batch(one):
    found = sweep(
        wb.strategies.SmaCross, one, search="sobol", trials=32, prune="halving", progress=False,
        objective="total_return", **SPACE,
    )  # fmt: skip
    pruned = found.search.pruned
    assert (pruned["bars"] == 200).sum() == 16 and (pruned["bars"] == 400).sum() == 8
    assert len(found) == 8


def test_an_interrupt_keeps_what_is_finished(one):
    found = sweep(_Stopped, one, search="tpe", trials=200, window=(20, 60), weight=(0.1, 1.0),
                  engine="each", progress=False)  # fmt: skip
    assert len(found) == 30 == Ledger.open().count() and not found.finished
    assert any("interrupted: 30 of 200" in text for text in found.findings)
    assert found.best().params["window"] >= 20


def test_progress_tells_every_point(one):
    told = []
    sweep(wb.strategies.SmaCross, one, search="tpe", trials=40, prune="halving",
          progress=lambda done, total: told.append((done, total)), **SPACE)  # fmt: skip
    assert told[-1] == (40, 40)
    assert [done for done, _ in told] == sorted(done for done, _ in told)


def test_what_is_declared_is_searched_where_nothing_is_given(one):
    found = sweep(wb.strategies.RsiReversion, one, search="sobol", trials=20, progress=False)
    assert set(found.grid.values) <= set(wb.strategies.RsiReversion().params)
    assert len(found.grid.values) > 1
    some = sweep(wb.strategies.SmaCross, one, search="sobol", trials=20, fast=..., progress=False)
    assert list(some.grid.values) == ["fast"]
    assert some.best().params["slow"] == 50


def test_a_parameter_called_like_a_choice_has_an_underscore(one):
    found = sweep(_Watched, one, seed_=[1, 2, 3], window=20, progress=False)
    assert found.stats["seed"].tolist() == [1, 2, 3]
    found = sweep(_Watched, one, search="random", trials=3, seed=5, seed_=(1, 3), progress=False)
    assert sorted(found.stats["seed"]) == [1, 2, 3] and found.manifest.seed == 5
    with pytest.raises(UsageError, match="given as seed_"):
        sweep(_Watched, one, seed=[1, 2], progress=False)
    with pytest.raises(UsageError, match="trials belongs to a search"):
        sweep(_Watched, one, trials=20, window=(3, 9), progress=False)


def test_scattered_points_are_drawn_as_dots_and_have_no_surface(one):
    found = sweep(wb.strategies.SmaCross, one, search="sobol", trials=20, progress=False, **SPACE)
    assert len(found.heatmap("fast", "slow").select_one("points").data_source.data["x"]) == 20
    with pytest.raises(UsageError, match="no neighbours"):
        surface(found)
    assert 0 <= found.pbo(blocks=4) <= 1


def test_several_symbols_are_searched(two):
    found = sweep(wb.strategies.Momentum, two, search="tpe", trials=12, lookback=(20, 60),
                  skip=(0, 9), prune="halving", progress=False)  # fmt: skip
    assert len(found) + len(found.search.pruned) == 12


def test_bad_calls_are_told_and_count_nothing(one):
    for given, word in [
        ({"search": "tpee"}, "did you mean 'tpe'"),
        ({"search": "tpe", "fast": (50, 5)}, "lowest value comes first"),
        ({"search": "tpe", "engine": "evnts"}, "did you mean 'events'"),
        ({"search": "sobol", "constraint": lambda _: False}, "passes the constraint"),
        ({"search": "tpe", "constraint": lambda _: False}, "passes the constraint"),
    ]:
        with pytest.raises(UsageError, match=word):
            sweep(wb.strategies.SmaCross, one, progress=False, **given)
    assert Ledger.open().count() == 0


@pytest.mark.parametrize("prune", [None, "median", "halving"])
@pytest.mark.parametrize("how", ["tpe", "sobol"])
def test_a_search_that_ended_early_goes_on_as_it_would_have(one, how, prune, monkeypatch):
    given = {"search": how, "trials": 90, "prune": prune, "window": (2, 60), "weight": (0.1, 1.0)}
    monkeypatch.setattr(finished, "_BATCH_SECONDS", 0.0)
    whole = sweep(_Watched, one, progress=False, record=False, **given)
    run_id, ends = None, iter([11, 40, 41])
    for end in ends:

        def listen(done, _, end=end):
            if done >= end:
                raise KeyboardInterrupt

        part = sweep(_Watched, one, progress=listen, resume=run_id, **given)
        assert not part.finished and len(part) + len(part.search.pruned) > end / 2  # some fail
        run_id = part.run_id
        assert any(f"resume={run_id!r} goes on" in text for text in part.findings)
    CALLS.clear()
    rest = sweep(_Watched, one, progress=False, resume=run_id, **given)
    again = {(w, x) for w, x, bars in CALLS if bars == len(one) and w not in (13, 17)}
    before = part.stats[["window", "weight"]].itertuples(index=False, name=None)
    assert not again & set(before)  # nothing that was finished ran once more
    assert rest.finished == whole.finished and rest.run_id == run_id
    assert_frame_equal(rest.stats, whole.stats, check_exact=True)
    assert_frame_equal(rest.search.pruned, whole.search.pruned, check_exact=True)
    assert rest.search.again == whole.search.again
    rows = Ledger.open().frame()
    assert len(rows) == rows["trial"].nunique() == len(rest) + len(rest.search.pruned)


def test_another_search_is_not_resumed(one):
    given = {"search": "tpe", "trials": 30, "progress": False, **SPACE}
    found = sweep(wb.strategies.SmaCross, one, checkpoint=True, constraint=in_order, **given)
    for changes, word in [
        ({"trials": 31}, "choice of trials: 30 then, 31 now"),
        ({"seed": 1}, "choice of search: .*seed 0 then, .*seed 1 now"),
        ({"prune": "median"}, "pruned by median"),
        ({"objective": "cagr"}, "by cagr"),
        ({"fast": (5, 31)}, "choice of space"),
        ({"engine": "generic"}, "engine: auto then, generic now"),
        ({"constraint": lambda p: p["slow"] > 60}, "another point . than .*constraint"),
    ]:
        asked = given | {"constraint": in_order} | changes
        with pytest.raises(UsageError, match=word):
            sweep(wb.strategies.SmaCross, one, resume=found.run_id, **asked)
    assert Ledger.open().count() == len(found) == 30
