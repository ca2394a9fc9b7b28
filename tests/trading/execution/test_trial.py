"""An algorithm on history, by numbers worked out by hand, and what the report makes of it."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pandas as pd
import pytest

import workbench as wb
from workbench.config import RiskLimits
from workbench.core.instrument import Instrument
from workbench.errors import DataError, UsageError
from workbench.trading.execution.benchmark import measure
from workbench.trading.ledger import Ledger

X = wb.execution
SHARES = Instrument("X", tick=Decimal("0.01"), lot=Decimal(1))


def bars_of(opens, volume=100.0):
    index = pd.date_range("2024-01-02 15:00", periods=len(opens), freq="min", tz="UTC", name="time")
    opens = np.array(opens, dtype=float)
    frame = pd.DataFrame(
        {"open": opens, "high": opens + 3, "low": opens - 3, "close": opens + 1, "volume": volume},
        index=index,
    )
    frame.attrs |= {"timeframe": "1m", "calendar": "24/7", "symbol": "X"}
    return frame


def run(algorithm, opens=(100, 102, 104, 106), **facts):
    given = {"side": "buy", "quantity": 8, "instrument": SHARES, "start": "2024-01-02 15:01"}
    return X.replay(algorithm, bars_of(opens), **{**given, **facts})


def test_slices_fill_at_the_opens_of_their_bars_and_are_measured_against_the_market():
    report = run(X.Twap(slices=3), quantity=9)
    assert report.fills["price"].tolist() == [102, 104, 106]
    assert report.fills["quantity"].tolist() == [3, 3, 3]
    prices = report.table["price"]
    typical = [(o + 3 + o - 3 + o + 1) / 3 for o in (102, 104, 106)]
    assert prices["arrival"] == 101  # the last close before the start
    assert prices["vwap"] == pytest.approx(np.mean(typical))
    assert prices["twap"] == pytest.approx(np.mean([o + 0.25 for o in (102, 104, 106)]))
    assert prices["close"] == 107
    slippage = report.table["slippage_bps"]
    assert slippage["arrival"] == pytest.approx((104 - 101) / 101 * 1e4)
    assert slippage["close"] == pytest.approx(-3 / 107 * 1e4)
    assert report.table["cost"]["arrival"] == pytest.approx(27)
    assert report.summary["participation"] == pytest.approx(9 / 300)
    assert report.summary["shortfall_bps"] == pytest.approx((104 - 101) / 101 * 1e4)


def test_a_sale_below_its_benchmark_is_slippage_too():
    report = run(X.Twap(slices=3), side="sell", quantity=9)
    assert report.table["slippage_bps"]["arrival"] == pytest.approx(-3 / 101 * 1e4)
    assert report.table["slippage_bps"]["close"] == pytest.approx(3 / 107 * 1e4)


def test_what_was_not_traded_costs_what_the_price_did_meanwhile():
    report = run(X.Twap(slices=3), quantity=9, limit_price=103)
    assert report.summary["state"] == "done"  # both later bars reach down to the limit
    assert report.fills["price"].tolist() == [102, 103, 103]
    dear = run(X.Twap(slices=3), quantity=9, limit_price=100)
    # the first bar of the window reaches 99: the first slice is filled, at its limit
    assert dear.summary["filled"] == 3
    lost = 3 * (100 - 101) + 6 * (107 - 101)
    assert dear.summary["shortfall_bps"] == pytest.approx(lost / (9 * 101) * 1e4)
    assert dear.execution.reason == "its time is over, 6 are left"


def test_fees_are_told_and_count_in_the_shortfall():
    costs = wb.Costs(fee=wb.fees.Bps(10))
    free, paid = run(X.Twap(slices=1)), run(X.Twap(slices=1), costs=costs)
    assert paid.summary["fees"] == pytest.approx(8 * 102 * 0.001)
    assert paid.summary["fees_bps"] == pytest.approx(10)
    assert paid.summary["shortfall_bps"] - free.summary["shortfall_bps"] == pytest.approx(
        10 * 102 / 101
    )
    assert paid.table["slippage_bps"].equals(free.table["slippage_bps"])


def test_a_share_of_volume_takes_part_of_the_bars_before():
    report = run(X.Pov(share=0.02), quantity=50)
    assert report.fills["quantity"].tolist() == [2, 2]
    assert report.fills["price"].tolist() == [104, 106]
    assert report.summary["fill_rate"] == 4 / 50


def test_nothing_is_decided_with_what_comes_later():
    opens = [100, 101, 99, 98, 103, 104, 97, 96, 100, 101]
    for algorithm in (X.Twap(slices=5, passive=True), X.Peg(every=0), X.Chase(patience=60)):
        whole = X.replay(algorithm, bars_of(opens), side="buy", quantity=20, end="2024-01-02 15:10")
        other = bars_of([*opens[:6], 500, 600, 700, 800])
        cut = X.replay(algorithm, other, side="buy", quantity=20, end="2024-01-02 15:10")
        first = whole.fills["time"] < "2024-01-02 15:06"
        same = cut.fills["time"] < "2024-01-02 15:06"
        assert whole.fills[first].equals(cut.fills[same])


def test_the_venue_fills_no_more_than_a_bars_volume_allows():
    costs = wb.Costs(max_participation=0.02)
    report = run(X.Twap(slices=1), quantity=8, costs=costs, end="2024-01-02 15:04")
    assert report.fills["quantity"].tolist() == [2, 2, 2]
    assert report.summary["state"] == "ended"


def test_the_gate_is_on_the_way():
    limits = RiskLimits(max_order_quantity=3, price_collar=None)
    report = run(X.Twap(slices=1), limits=limits)
    assert report.summary["filled"] == 0
    assert set(report.parts["state"]) == {"refused"}
    assert report.parts["attempt"].tolist() == list(range(len(report.parts)))


def test_algorithms_are_compared_row_by_row():
    found = X.compare(
        {"even": X.Twap(slices=3), "at once": X.Twap(slices=1)},
        bars_of([100, 102, 104, 106]), side="buy", quantity=9, start="2024-01-02 15:01",
    )  # fmt: skip
    assert found["average_price"].to_dict() == {"even": 104, "at once": 102}
    assert found.loc["at once", "arrival_bps"] == pytest.approx(1 / 101 * 1e4)


def test_done_and_target_over_time():
    report = run(X.Twap(slices=3), quantity=9)
    assert report.done["target"].tolist() == [3, 6, 9, 9]
    assert report.done["filled"].tolist() == [3, 6, 9, 9]
    assert "target" not in run(X.Pov(share=0.1)).done


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_picture_shows_price_fills_and_what_was_done(theme):
    report = run(X.Twap(slices=3), quantity=9)
    upper, lower = report.plot(theme).children
    assert (
        upper.title.text
        == str(report)
        == ("twap buy 9 X: 100% filled at 104.0000, -31.9 bps to VWAP")
    )
    labels = [item.label.value for item in upper.legend.items]
    assert labels == ["price", "arrival 101.00", "vwap 104.33", "bought"]
    marks = upper.renderers[-1].data_source.data
    assert list(marks["price"]) == [102, 104, 106]
    assert [item.label.value for item in lower.legend.items] == ["target", "filled"]


def test_an_order_that_was_not_filled_is_still_shown():
    report = run(X.Twap(slices=3), limit_price=1)
    assert report.summary["filled"] == 0
    assert np.isnan(report.average)
    report.plot()
    assert "nan" in report._repr_html_()


def test_symbols_are_escaped():
    bars = bars_of([100, 101])
    bars.attrs["symbol"] = "<script>"
    report = X.replay(X.Twap(slices=1), bars, side="buy", quantity=1)
    assert "<script>" not in report._repr_html_()


def test_what_makes_no_sense_is_refused():
    with pytest.raises(DataError, match="no bar"):
        run(X.Twap(), end="2024-01-03", start="2024-01-02 20:00")
    with pytest.raises(UsageError, match="lot"):
        run(X.Twap(), quantity=1.5)
    two = wb.bars(["AAPL", "IBM"], start="2010", end="2011")
    with pytest.raises(UsageError, match="one symbol"):
        X.replay(X.Twap(), two, side="buy", quantity=1)
    with pytest.raises(UsageError, match="buy or sell"):
        run(X.Twap(), side="by")
    with pytest.raises(UsageError, match="no parent"):
        measure(Ledger(), "p", bars_of([1.0]))
