"""What holds for every indicator there is; the tests find them by walking the module."""

from __future__ import annotations

import inspect
import pickle

import numpy as np
import pandas as pd
import pytest
import talib
from hypothesis import given, settings
from hypothesis import strategies as st
from talib import abstract

import workbench as wb

few = settings(max_examples=6, deadline=None, derandomize=True)


def same(left, right, rtol=0.0) -> None:
    kind = pd.testing.assert_series_equal if left.ndim == 1 else pd.testing.assert_frame_equal
    kind(left, right, rtol=rtol, atol=0, check_exact=rtol == 0, check_freq=False)


def call(name, bars, inputs_of):
    return getattr(wb.ta, name)(*inputs_of(name, bars))


def test_all_of_talib_is_there():
    wanted = {n.lower() for n in talib.get_functions()}
    assert len(wanted) == 201  # TA-Lib 0.8
    assert wanted < set(dir(wb.ta))


def test_it_equals_talib_on_clean_input(of_talib, bars, inputs_of):
    arrays = [part.to_numpy() for part in inputs_of(of_talib, bars)]
    plain = getattr(talib, of_talib.upper())(*arrays)
    plain = plain if isinstance(plain, tuple) else (plain,)
    found = call(of_talib, bars, inputs_of)
    columns = [found] if found.ndim == 1 else [found[c] for c in found.columns]
    assert len(columns) == len(plain)
    lookback = abstract.Function(of_talib.upper()).lookback
    for ours, theirs in zip(columns, plain, strict=True):
        assert ours.dtype == np.float64
        expected = theirs.astype(float)
        if theirs.dtype != np.float64:
            expected[:lookback] = np.nan
        np.testing.assert_array_equal(ours.to_numpy(), expected)


def test_it_says_something_on_clean_input(every, bars, inputs_of):
    assert np.isfinite(call(every, bars, inputs_of).to_numpy()).any()


@few
@given(seed=st.integers(0, 10**6), cut=st.integers(120, 280), gaps=st.booleans())
def test_the_future_cannot_change_the_past(every, make_bars, inputs_of, seed, cut, gaps):
    bars = make_bars(300, seed)
    if gaps:
        bars[np.random.default_rng(seed).random(300) < 0.1] = np.nan
    past = call(every, bars.iloc[:cut], inputs_of)
    whole = call(every, bars, inputs_of)
    same(past, whole.iloc[:cut], rtol=1e-12)
    other = bars.copy()
    other.iloc[cut:] = make_bars(300, seed + 1).iloc[cut:] * 3
    same(past, call(every, other, inputs_of).iloc[:cut], rtol=1e-12)


@few
@given(seed=st.integers(0, 10**6), share=st.sampled_from([0.02, 0.2, 0.6]))
def test_gaps_are_left_out(every, make_bars, inputs_of, seed, share):
    bars = make_bars(300, seed)
    rng = np.random.default_rng(seed)
    holed = bars.mask(rng.random(bars.shape) < share / 3)
    parts = inputs_of(every, holed)
    present = pd.concat(parts, axis=1).notna().all(axis=1)
    found = getattr(wb.ta, every)(*parts)
    dense = getattr(wb.ta, every)(*(part[present] for part in parts))
    assert found[~present].isna().to_numpy().all()
    if every in ("maxindex", "minindex", "minmaxindex"):
        rows = np.flatnonzero(present)
        dense = dense.map(lambda v: v if np.isnan(v) else float(rows[int(v)]))
    same(found[present], dense)


def test_leading_nan_only_delays(every, bars, inputs_of):
    late = bars.copy()
    late.iloc[:40] = np.nan
    found, fresh = call(every, late, inputs_of), call(every, late.iloc[40:], inputs_of)
    if every in ("maxindex", "minindex", "minmaxindex"):
        fresh = fresh + 40
    same(found.iloc[40:], fresh)
    assert found.iloc[:40].isna().to_numpy().all()


def test_many_symbols_are_each_symbol_alone(every, make_panel, inputs_of):
    panel = make_panel(200, ["B", "A", "C"], seed=5)
    panel.loc[panel.index[:30], (slice(None), "A")] = np.nan
    panel.loc[panel.index[90:95], (slice(None), "C")] = np.nan
    many = call(every, panel, inputs_of)
    assert many.index is panel.index or many.index.equals(panel.index)
    for symbol in ("A", "B", "C"):
        one = call(every, panel.xs(symbol, axis=1, level="symbol"), inputs_of)
        if one.ndim == 1:
            same(many[symbol].rename(every), one)
            assert list(many.columns) == ["B", "A", "C"]
        else:
            part = many.xs(symbol, axis=1, level="symbol")
            same(part.rename_axis(columns=None), one)
            assert many.columns.names == ["output", "symbol"]


def test_bars_and_their_columns_are_the_same(of_bars, bars, make_panel, inputs_of):
    function = getattr(wb.ta, of_bars)
    same(function(bars), call(of_bars, bars, inputs_of))
    panel = make_panel(120, ["A", "B"])
    same(function(panel), call(of_bars, panel, inputs_of))


@pytest.mark.parametrize("rows", [0, 1, 2])
def test_too_short_is_nan(every, make_bars, inputs_of, rows):
    bars = make_bars(rows)
    found = call(every, bars, inputs_of)
    assert len(found) == rows
    assert found.index.equals(bars.index)
    empty = call(every, make_bars(30) * np.nan, inputs_of)
    assert empty.isna().to_numpy().all()


def test_the_input_is_not_changed(every, make_bars, inputs_of):
    bars = make_bars(100)
    before = bars.copy()
    call(every, bars, inputs_of)
    pd.testing.assert_frame_equal(bars, before)


def test_jupyter_is_told(every, bars):
    function = getattr(wb.ta, every)
    assert function.__name__ == every
    assert inspect.signature(function).parameters
    for section in ("Parameters\n", "Returns\n", "Notes\n", "Examples\n"):
        assert section in function.__doc__
    assert "NaN" in function.__doc__
    assert max(map(len, function.__doc__.splitlines())) <= 100
    for parameter in (getattr(function, "spec", None) and function.spec.parameters) or ():
        assert parameter.name in inspect.signature(function).parameters
        assert f"{parameter.name} : " in function.__doc__


def test_the_example_of_the_docstring_runs(made, bars):
    function = getattr(wb.ta, made)
    line = next(x for x in function.__doc__.splitlines() if x.startswith("``wb.ta."))
    assert len(eval(line.strip("`"), {"wb": wb, "bars": bars})) == len(bars)


def test_it_pickles_by_name(made):
    function = getattr(wb.ta, made)
    assert pickle.loads(pickle.dumps(function)) is function
