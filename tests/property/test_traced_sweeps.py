"""A sweep that reads targets gives what one gives that asks for them, to the bit."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import workbench as wb
from workbench.research import runner, traced

few = settings(
    max_examples=8,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)


class _Windows(wb.Strategy):
    fast: int = wb.param(3, low=1, high=100)
    slow: int = wb.param(9, low=1, high=5000)


class Cross(_Windows):
    def targets(self, bars):
        fast, slow = wb.ta.sma(bars["close"], self.fast), wb.ta.sma(bars["close"], self.slow)
        return (fast > slow).astype(float).where(slow.notna())


class Both(_Windows):
    def targets(self, bars):
        rsi, mean = wb.ta.rsi(bars["close"], self.fast), wb.ta.ema(bars["close"], self.slow)
        found = ((rsi < 35) & (mean <= bars.high)).astype(int) - (rsi > 60).astype(int)
        return found.mask(rsi.between(45, 50) | mean.isna())


class Turns(_Windows):
    def targets(self, bars):
        bands = wb.ta.bbands(bars["close"], self.slow, 1.0, 1.0)
        out = (bars["close"] > bands["upperband"]) ^ (bars["close"] < bands["lowerband"])
        if self.fast > self.slow:  # control flow on parameters is read anew at each point
            out = ~out & (bars["close"].shift(self.fast) >= bars["open"])
        return out.astype(float).where(bands["middleband"].notna(), 0.0)


class YesNo(_Windows):
    def targets(self, bars):
        return bars["close"] > wb.ta.max(bars["high"].shift(1), self.fast)


class Half(_Windows):
    """Some points can be read, the others not."""

    def targets(self, bars):
        average = wb.ta.sma(bars["close"], self.slow)
        if self.fast % 2:
            return (bars["close"] > average * 1.01).astype(float)
        return (bars["close"] > average).astype(float)


class Odd(_Windows):
    """Nothing of it can be read."""

    def targets(self, bars):
        bars["average"] = bars["close"].rolling(self.slow).mean()
        bars.loc[bars.index[:3], "average"] = np.nan
        known = pd.concat([bars["average"], bars["close"]], axis=1).notna().all(axis=1)
        found = pd.Series(np.where(bars["close"] > bars["average"], 1.0, 0.0), index=bars.index)
        found[~known] = np.nan
        return found.reindex(bars.index)


class Careful(_Windows):
    """Its code may be read; what it does may not."""

    def targets(self, bars):
        close = np.log(bars["close"])
        return (close > close.shift(self.fast)).astype(float).where(close.rolling(9).mean() > 0)


TRACED, PLAIN = (Cross, Both, Turns, YesNo), (Odd, Careful)


def market(seed, rows, gaps):
    rng = np.random.default_rng(seed)
    close = 50 * np.exp(np.cumsum(rng.normal(0, 0.02, rows)))
    opened = np.concatenate([[50.0], close[:-1]]) * np.exp(rng.normal(0, 0.003, rows))
    high = np.maximum(opened, close) * (1 + rng.random(rows) * 0.02)
    low = np.minimum(opened, close) * (1 - rng.random(rows) * 0.02)
    index = pd.date_range("2020-01-01", periods=rows, tz="UTC", name="time")
    columns = {"open": opened, "high": high, "low": low, "close": close, "volume": 1e5}
    bars = pd.DataFrame(columns, index=index)
    bars.iloc[1 + np.flatnonzero(rng.random(rows - 1) < gaps)] = np.nan
    return bars


def swept(cls, bars, **choices):
    grid = {"fast": [1, 2, 4, 9, 30], "slow": [2, 5, 12, 60]}  # an average of one bar is none
    told = {"progress": False, "record": False, "calendar": "24/7", **choices}
    return wb.sweep(cls, bars, **grid, **told)


def asked(cls, bars, **choices):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(runner, "_FEW", 10**9)
        found = swept(cls, bars, **choices)
    assert not any("traced" in text for text in found.findings)
    return found


def is_traced(found):
    return any(text.startswith("traced") for text in found.findings)


@few
@given(
    seed=st.integers(0, 10**6),
    rows=st.sampled_from([70, 400, 2500]),
    gaps=st.sampled_from([0.0, 0.0, 0.05]),
    cls=st.sampled_from([*TRACED, Half]),
    stops=st.sampled_from([{}, {"loss": 0.02, "profit": 0.03}]),
    sizing=st.sampled_from([{}, {"lot": 1}, {"rebalance": "always"}]),
    fill=st.sampled_from(["next_open", "close"]),
)
def test_what_is_read_is_what_is_asked_for(seed, rows, gaps, cls, stops, sizing, fill):
    bars = market(seed, rows, gaps)
    choices = {"stops": wb.Stops(**stops), "sizing": wb.Sizing(**sizing), "fill": fill}
    choices["costs"] = wb.Costs(fee=wb.fees.Bps(10))
    before = bars.copy()
    found, plain = swept(cls, bars, **choices), asked(cls, bars, **choices)
    assert is_traced(found) and found.engine == plain.engine
    np.testing.assert_array_equal(found.numbers, plain.numbers)
    np.testing.assert_array_equal(found.table, plain.table)
    pd.testing.assert_frame_equal(bars, before, check_exact=True)
    best = found.best("total_return")
    alone = wb.backtest(best.strategy, bars, record=False, calendar="24/7", **choices)
    pd.testing.assert_frame_equal(best.run().fills, alone.fills, check_exact=True)
    for name in found.names:
        assert best.stats[name] == pytest.approx(alone.stats[name], rel=1e-9, nan_ok=True)


@pytest.mark.parametrize("cls", TRACED)
def test_points_are_read_whatever_the_engine_and_the_parts(cls, monkeypatch):
    bars = market(4, 700, 0.0)
    for engine in ("auto", "spans", "generic"):
        found, plain = swept(cls, bars, engine=engine), asked(cls, bars, engine=engine)
        assert is_traced(found)
        np.testing.assert_array_equal(found.table, plain.table)
    monkeypatch.setattr(traced, "_PART", 3)
    np.testing.assert_array_equal(swept(cls, bars).table, asked(cls, bars).table)


@pytest.mark.parametrize("cls", PLAIN)
def test_what_cannot_be_read_is_asked_for(cls):
    bars = market(5, 300, 0.0)
    found = swept(cls, bars)
    assert not is_traced(found)
    np.testing.assert_array_equal(found.table, asked(cls, bars).table)


def test_where_what_is_read_differs_every_point_is_asked_for(monkeypatch):
    bars = market(6, 300, 0.0)
    plain = asked(Cross, bars)
    monkeypatch.setattr(traced._Point, "said", property(_wrong))
    found = swept(Cross, bars)
    assert any(text.startswith("not traced: what was read of Cross(") for text in found.findings)
    np.testing.assert_array_equal(found.table, plain.table)


def _wrong(point):
    said = tuple.__getitem__(point, 1)
    return said._replace(operands=(said.operands[1], said.operands[0], said.operands[2]))


def test_neither_each_nor_several_symbols_are_read():
    bars = market(7, 300, 0.0)
    assert not is_traced(swept(Cross, bars, engine="each"))
    both = pd.concat({"A": bars, "B": bars}, axis=1, names=["symbol", "field"])
    both = both.swaplevel(axis=1)[["open", "high", "low", "close", "volume"]]
    assert not is_traced(swept(_Many, both))


class _Many(_Windows):
    def targets(self, bars):
        return (bars["close"] > wb.ta.sma(bars["close"], self.slow)).astype(float)
