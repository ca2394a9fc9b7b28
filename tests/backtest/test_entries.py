import pandas as pd
import pytest

import workbench as wb
from workbench.backtest.agreement import check
from workbench.backtest.entries import Limit
from workbench.errors import UsageError


@pytest.mark.parametrize(
    ("values", "word"),
    [
        ({"offset": -0.1}, "offset"),
        ({"offset": 1.0}, "offset"),
        ({"offset": float("nan")}, "offset"),
        ({"offset": "1%"}, "offset"),
        ({"good_for": 0}, "good_for"),
        ({"good_for": 1.5}, "good_for"),
        ({"good_for": True}, "good_for"),
    ],
)
def test_bad_values_are_named(values, word):
    with pytest.raises(UsageError, match=word):
        Limit(**values)


def test_a_result_tells_how_it_was_filled_and_the_reference_reads_it():
    bars = wb.bars("AAPL", start="2010", end="2012")
    entry = wb.Limit(0.01, good_for=5)
    result = wb.backtest(wb.strategies.SmaCross(), bars, fill=entry, record=False)
    assert result.choices["fill"] == "Limit(offset=0.01, good_for=5, touch=False)"
    assert set(result.orders["type"]) == {"limit", "market"}
    assert result.orders.loc[result.orders["type"] == "market", "limit_price"].isna().all()
    bought = result.fills.merge(result.orders, on="order_id")
    entries = bought[bought["type"] == "limit"]
    assert len(entries) and (entries["price"] <= entries["limit_price"]).all()
    assert check(result._run).verdict == "agrees"


def test_a_sweep_at_a_limit_leaves_the_events_engine():
    bars = wb.bars("AAPL", start="2010", end="2012")
    choices = {"fill": wb.Limit(0.01), "progress": False, "record": False}
    found = wb.sweep(wb.strategies.SmaCross, bars, fast=[5, 10], **choices)
    assert found.engine == "generic"
    each = wb.sweep(wb.strategies.SmaCross, bars, fast=[5, 10], engine="each", **choices)
    pd.testing.assert_frame_equal(found.stats, each.stats, rtol=1e-9)
    with pytest.raises(UsageError, match="rest at a limit"):
        wb.sweep(wb.strategies.SmaCross, bars, fast=[5], engine="events", **choices)
