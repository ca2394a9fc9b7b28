import sys

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import workbench as wb
from workbench.errors import UsageError
from workbench.strategy.learning import LearningStrategy

pytest.importorskip("sklearn", reason="the extra learn is not installed")


def made(rows=420, seed=3, symbols=0):
    rng = np.random.default_rng(seed)
    index = pd.date_range("2020-01-01", periods=rows, freq="D", tz="UTC", name="time")
    frames = {}
    for name in ["AAA", "BBB"][: max(symbols, 1)]:
        steps = rng.normal(0, 0.01, rows)
        steps[1:] += 0.6 * steps[:-1]  # there is something to learn
        close = 100 * np.exp(steps.cumsum())
        frames[name] = pd.DataFrame(
            {"open": close, "high": close * 1.001, "low": close * 0.999, "close": close},
            index=index,
        ).assign(volume=1000.0)
    if symbols:
        bars = pd.concat(frames, axis=1, names=["symbol", "field"]).swaplevel(axis=1)
        bars = bars.reindex(columns=["open", "high", "low", "close", "volume"], level=0)
    else:
        bars = frames["AAA"]
    bars.attrs = {"timeframe": "1d", "calendar": "24/7"}
    return bars


class _Logistic(LearningStrategy):
    lookback = 3

    def features(self, bars):
        steps = np.log(bars["close"]).diff()
        return pd.DataFrame({"one": steps, "two": steps.shift(1)})


class _Boosted(_Logistic):
    def estimator(self):
        from sklearn.ensemble import RandomForestClassifier

        return RandomForestClassifier(n_estimators=5, max_depth=3)


class _Ridge(_Logistic):
    def estimator(self):
        from sklearn.linear_model import Ridge

        return Ridge()

    def label(self, bars):
        return bars["close"].shift(-self.horizon) / bars["close"] - 1

    def decide(self, forecast):
        return np.sign(forecast)


BARS = made()


@pytest.mark.parametrize("cls", [_Logistic, _Boosted, _Ridge])
@settings(max_examples=6, deadline=None)
@given(rows=st.integers(150, 419))
def test_later_rows_change_nothing(cls, rows):
    strategy = cls(train=60, horizon=2)
    whole, part = strategy.targets(BARS), strategy.targets(BARS.iloc[:rows])
    pd.testing.assert_series_equal(whole.iloc[:rows], part, check_freq=False)
    assert part.notna().any()


def test_labels_that_overlap_the_refit_are_purged():
    seen = []

    class _Watched(_Logistic):
        def label(self, bars):
            seen.append(len(bars) - 1)
            # an index instead of an answer: what is fitted on can be read from the model
            return pd.Series(np.arange(len(bars), dtype=float), index=bars.index)

        def estimator(self):
            from sklearn.dummy import DummyRegressor

            return DummyRegressor(strategy="quantile", quantile=1.0)

        def decide(self, forecast):
            return forecast

    last = _Watched(train=60, horizon=7).targets(BARS).dropna()
    rows = BARS.index.get_indexer(last.index)
    refit = np.array([max(row for row in seen if row <= at) for at in rows])
    np.testing.assert_array_equal(last.to_numpy(), refit - 7)
    assert all(BARS.index[row].day == 1 for row in seen)


def test_a_scaler_sees_training_rows_only():
    wild = BARS.copy()
    wild.iloc[300:] *= 50
    strategy = _Logistic(train=60)
    np.testing.assert_array_equal(
        strategy.targets(BARS)[:300].to_numpy(), strategy.targets(wild)[:300].to_numpy()
    )


def test_it_learns_what_there_is_to_learn():
    strategy = _Logistic(train=200, horizon=1)
    held = strategy.targets(BARS).iloc[:-1]
    later = BARS["close"].pct_change().shift(-1).iloc[:-1]
    right = ((held > 0.5) == (later > 0))[held.notna()]
    assert right.mean() > 0.6


def test_an_estimator_that_draws_is_the_same_each_time_and_leaves_the_generator_alone():
    from workbench.strategy import learning

    before = np.random.get_state()[1].tolist()  # noqa: NPY002
    one = _Boosted(train=60).targets(BARS)
    learning._models.clear()
    np.random.random(3)  # noqa: NPY002
    middle = np.random.get_state()[1].tolist()  # noqa: NPY002
    pd.testing.assert_series_equal(one, _Boosted(train=60).targets(BARS))
    assert np.random.get_state()[1].tolist() == middle  # noqa: NPY002
    assert len(before) == len(middle)
    assert not one.equals(_Boosted(train=60, seed=9).targets(BARS))


def test_symbols_share_a_model_and_the_equity():
    bars = made(symbols=2)
    held = _Logistic(train=60).targets(bars)
    assert list(held.columns) == ["AAA", "BBB"]
    assert set(held.dropna().to_numpy().ravel()) == {0.0, 0.5}


def test_rows_with_holes_have_no_forecast():
    torn = BARS.copy()
    torn.iloc[250] = np.nan
    held = _Logistic(train=60).targets(torn)
    assert held.iloc[250:253].isna().all() and held.iloc[253:].notna().all()


def test_one_class_alone_is_forecast_as_it_is():
    rising = BARS.copy()
    for name in ("open", "high", "low", "close"):
        rising[name] = np.linspace(100, 200, len(rising)) + np.sin(np.arange(len(rising))) / 10
    assert set(_Logistic(train=60, horizon=20).targets(rising).dropna()) == {1.0}


@pytest.mark.parametrize("cls", [_Logistic, _Ridge])
def test_the_check_passes_it(cls, tmp_path, monkeypatch):
    monkeypatch.setenv("WORKBENCH_HOME", str(tmp_path))
    report = wb.check(cls(train=60, horizon=2), BARS, cuts=8)
    assert report.ok, str(report)
    assert report.table.loc[["leaks", "hunter"], "verdict"].tolist() == ["ok", "ok"]


def test_a_feature_that_looks_ahead_is_found(tmp_path, monkeypatch):
    monkeypatch.setenv("WORKBENCH_HOME", str(tmp_path))

    class _Cheat(_Logistic):
        def features(self, bars):
            return pd.DataFrame({"next": bars["close"].pct_change().shift(-1)})

    report = wb.check(_Cheat(train=60, horizon=1), BARS, cuts=8)
    assert report.table.loc["leaks", "verdict"] == "found"


def test_what_does_not_fit_is_told():
    class _Short(_Logistic):
        def features(self, bars):
            return super().features(bars).iloc[1:]

    class _Continuous(_Logistic):
        def label(self, bars):
            return bars["close"]

    with pytest.raises(UsageError, match="index of the bars"):
        _Short(train=60).targets(BARS)
    with pytest.raises(UsageError, match="Pipeline refused 60 rows"):
        _Continuous(train=60).targets(BARS)


def test_without_the_library_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.base", None)
    with pytest.raises(UsageError, match=r"trading-workbench\[learn\]"):
        _Logistic().targets(BARS)
