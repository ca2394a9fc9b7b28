"""What a stand-in records, and that all else ends the reading."""

import copy
import math
import operator
import pickle

import numpy as np
import pandas as pd
import pytest

import workbench as wb
from workbench.kernels.sweep_signals import AND, GE, GT, KNOWN, NOT, OR, XOR
from workbench.strategy import rules
from workbench.strategy.recorded import Reading, Unread

_COLUMNS = ("open", "high", "low", "close", "volume", "extra")


def _read(targets, columns=_COLUMNS):
    reading = Reading(columns)
    return reading.read(targets), reading.lines


def _line(bars):
    return wb.ta.sma(bars["close"], 5)


def test_a_comparison_becomes_a_program():
    said, lines = _read(lambda b: (b.close > _line(b)).astype(float).where(_line(b).notna()))
    assert said.programs == ((GT,), (), (KNOWN,))
    assert lines == [rules.close, rules.sma(5)]
    assert said.operands == (0, 1, 1)
    said, _ = _read(lambda b: (b["close"] <= 30) & ~(b["close"] < 20.5) | b["open"].isna())
    assert said.programs == ((GE, GT, NOT, AND, KNOWN, NOT, OR), (), ())
    assert said.operands == (30.0, 0, 20.5, 0, 1)
    assert [type(x) for x in said.operands] == [float, int, float, int, int]


def test_targets_are_long_short_and_known():
    def both(bars):
        rsi = wb.ta.rsi(bars["close"], 14)
        found = (rsi < 30).astype(int) - (rsi > 70).astype(int)
        return found.mask(rsi.isna())

    said, lines = _read(both)
    assert said.programs == ((GT, GT, NOT, AND), (GT, GT, NOT, AND), (KNOWN, NOT, NOT))
    assert lines == [rules.close, rules.rsi(14)]
    said, _ = _read(lambda b: (b.close > 3) ^ (b.open > 3))
    assert said.programs == ((GT, GT, XOR), (), ())


def test_indicators_are_those_a_rule_declares():
    def many(bars):
        close = bars["close"]
        bands = wb.ta.bbands(close, 20, 2, 2)
        atr, slow = wb.ta.atr(bars, 14), wb.ta.sma(wb.ta.rsi(close, 9), timeperiod=3)
        own = wb.ta.atr(bars["high"], bars["low"], close, 14)
        up = (close > bands["upperband"]) & (atr > close.shift(2)) & (slow <= own)
        return up & (bars["extra"] > wb.ta.ema(bars["open"], 4)) & (wb.ta.sma(bars, 3) > 1)

    said, lines = _read(many)
    assert lines == [
        rules.close, rules.atr(14), rules.rsi(9), rules.sma(3, of=rules.rsi(9)), rules.high,
        rules.low, rules.bbands(20, 2, 2), rules.close.shift(2), rules.Field("extra"), rules.open,
        rules.ema(4, of=rules.open), rules.sma(3),
    ]  # fmt: skip
    assert len(said.operands) == 10


OTHERS = {
    "truth": lambda b: bool(b.close > 3),
    "if": lambda b: 1 if b.close > 3 else 2,
    "len": len,
    "iter": list,
    "any": lambda b: (b.close > 3).any(),
    "iloc": lambda b: b.close.iloc[0],
    "values": lambda b: b.close.values,
    "index": lambda b: pd.Series(1.0, index=b.index),
    "isinstance": lambda b: isinstance(b, pd.DataFrame),
    "isinstance series": lambda b: isinstance(b.close, pd.Series),
    "hasattr": lambda b: hasattr(b, "anything"),
    "unknown column": lambda b: b["nothing"],
    "columns": lambda b: b[["close"]],
    "where": lambda b: np.where(b.close > 3, 1.0, 0.0),
    "ufunc": lambda b: np.sqrt(b.close),
    "numpy scalar": lambda b: np.float64(3) < b.close,
    "numpy number": lambda b: b.close > np.float64(3),
    "asarray": lambda b: np.asarray(b.close),
    "concat": lambda b: pd.concat([b.close, b.open]),
    "series": lambda b: pd.Series(b.close),
    "plus": lambda b: b.close + 1,
    "times": lambda b: 2 * b.close,
    "equal": lambda b: b.close == 3,
    "real series": lambda b: pd.Series([1.0]) > b.close,
    "rolling": lambda b: b.close.rolling(3).mean(),
    "reindex": lambda b: b.close.reindex([1]),
    "shift back": lambda b: b.close.shift(-1),
    "shift flags": lambda b: (b.close > 3).shift(1),
    "flags and true": lambda b: (b.close > 3) & True,
    "flags where": lambda b: (b.close > 3).where(b.close > 4),
    "targets times": lambda b: (b.close > 3).astype(float) * 0.5,
    "targets where": lambda b: (b.close > 3).astype(float).where(b.close > 3, 0.5),
    "targets where callable": lambda b: (b.close > 3).astype(float).where(lambda x: x > 0),
    "targets ffill": lambda b: (b.close > 3).astype(float).ffill(),
    "targets fillna": lambda b: (b.close > 3).astype(float).fillna(1),
    "short": lambda b: (b.close > 3).astype("int8"),
    "float32": lambda b: b.close.astype(np.float32),
    "a line": lambda b: b.close,
    "none": lambda b: None,
    "bars": lambda b: b,
    "bool number": lambda b: b.close > True,
    "big number": lambda b: b.close > 2**53,
    "copy": copy.copy,
    "deep copy": copy.deepcopy,
    "pickle": pickle.dumps,
    "text": str,
    "format": lambda b: f"{b.close}",
    "hash": lambda b: {b: 1},
    "floor": lambda b: math.floor(b.close),
    "abs": lambda b: abs(b.close),
    "round": lambda b: round(b.close),
    "in": lambda b: "close" in b,
    "outputs": lambda b: wb.ta.bbands(b.close, 20, 2, 2) > 3,
    "unknown output": lambda b: wb.ta.bbands(b.close, 20, 2, 2)["mean"],
    "indicator of flags": lambda b: wb.ta.sma(b.close > 3, 5),
    "indicator of other columns": lambda b: wb.ta.atr(b.low, b.high, b.close, 14),
    "in place": lambda b: operator.iand(b.close > 3, b.open > 3),
    "pandas function": lambda b: pd.isna(b.close),
    "dot": lambda b: b.close @ b.close,
    "pipe": lambda b: b.close.pipe(lambda x: x > 3),
}


@pytest.mark.parametrize("what", OTHERS)
def test_all_else_ends_the_reading(what):
    with pytest.raises(Unread):
        _read(OTHERS[what])


def test_so_does_a_column_that_is_not_there():
    with pytest.raises(Unread):
        _read(lambda b: b.volume > 3, ["close"])
    with pytest.raises(Unread):
        _read(lambda b: wb.ta.atr(b, 14) > 3, ["close"])
    with pytest.raises(wb.errors.UsageError):
        _read(lambda b: wb.ta.sma(b.close, "five") > 3)
