import numpy as np
import pandas as pd
import pytest

import workbench as wb
from workbench.errors import UsageError
from workbench.strategy.base import evaluate


def giving(make):
    """A strategy that returns what `make` makes of the bars."""

    class Given(wb.Strategy):
        def targets(self, bars):
            return make(bars)

    return Given()


@pytest.fixture(scope="module")
def one(make_bars):
    return make_bars(30)


@pytest.fixture(scope="module")
def many(make_panel):
    return make_panel(30, ["B", "A", "C"])


@pytest.mark.parametrize(
    "make",
    [
        lambda b: b["close"] * 0 + 1,
        lambda b: (b["close"] * 0 + 1).to_frame("anything"),
        lambda b: b["close"] > 0,
        lambda b: (b["close"] > 0).astype(int),
        lambda b: (b["close"] > 0).astype("float32"),
        lambda b: (b["close"] > 0).astype("boolean"),
    ],
)
def test_one_symbol(one, make):
    found = evaluate(giving(make), one)
    assert found.dtype == np.float64
    np.testing.assert_array_equal(found, np.ones((30, 1)))


def test_many_symbols_come_in_the_order_of_the_bars(many):
    def make(bars):
        targets = bars["close"] * 0
        targets["A"], targets["C"] = 1.0, 2.0
        return targets[["C", "A", "B"]]

    np.testing.assert_array_equal(evaluate(giving(make), many), np.tile([0.0, 1.0, 2.0], (30, 1)))


def test_many_columns_of_one_symbol(make_panel):
    panel = make_panel(30, ["A"])
    for make in (lambda b: b["close"]["A"] * 0 + 1, lambda b: b["close"] * 0 + 1):
        assert evaluate(giving(make), panel).shape == (30, 1)


def test_no_opinion_stays_nan(one):
    missing = pd.array([None, 1.0] * 15, dtype="Float64")
    found = evaluate(giving(lambda b: pd.Series(missing, index=b.index)), one)
    assert np.isnan(found[::2]).all()
    assert (found[1::2] == 1).all()


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (lambda b: None, "returned a NoneType.*every path"),
        (lambda b: np.ones(30), "returned a ndarray"),
        (lambda b: b["close"].iloc[1:] * 0, "returned 29 rows for 30 bars"),
        (lambda b: (b["close"] * 0).reset_index(drop=True), "row 0 is 0, not 2015"),
        (lambda b: (b["close"] * 0).shift(1, freq="D"), "index of the targets"),
        (lambda b: b[["open", "close"]] * 0, "2 columns for one symbol"),
        (lambda b: b["close"].map(lambda v: "long"), "not numbers"),
        (lambda b: (b["close"] * 0).astype(object), "hold object, not numbers"),
        (lambda b: (b["close"] * 0).astype(complex), "not numbers"),
        (lambda b: pd.Series(b.index, index=b.index), "not numbers"),
    ],
)
def test_what_breaks_the_contract_for_one(one, make, why):
    with pytest.raises(UsageError, match=why) as caught:
        evaluate(giving(make), one)
    assert caught.value.strategy == "Given"


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (lambda b: b["close"]["A"] * 0, "one Series for 3 symbols"),
        (lambda b: b["close"][["A", "B"]] * 0, r"missing \['C'\], unknown none"),
        (
            lambda b: (b["close"] * 0).rename(columns={"A": "X"}),
            r"missing \['A'\], unknown \['X'\]",
        ),
        (lambda b: b["close"][["A", "B", "C", "A"]] * 0, "are not the symbols"),
    ],
)
def test_what_breaks_the_contract_for_many(many, make, why):
    with pytest.raises(UsageError, match=why):
        evaluate(giving(make), many)


@pytest.mark.parametrize("infinite", [np.inf, -np.inf])
def test_infinite_is_refused_with_its_place(one, many, infinite):
    def make(bars):
        targets = bars["close"] * 0.0
        targets.iloc[7] = infinite
        return targets

    with pytest.raises(UsageError, match=r"at 2015-01-12.* is infinite"):
        evaluate(giving(make), one)
    with pytest.raises(UsageError, match="target of B at 2015-01-12"):
        evaluate(giving(make), many)


def test_only_a_strategy_on_bars_has_targets(one):
    class Events(wb.EventStrategy):
        def on_bar(self, bar): ...

    for wrong in (Events(), wb.strategies.SmaCross, "SmaCross"):
        with pytest.raises(UsageError, match="has no targets"):
            evaluate(wrong, one)


def test_the_authors_own_error_passes_untouched(one):
    with pytest.raises(ZeroDivisionError):
        evaluate(giving(lambda b: 1 / 0), one)
