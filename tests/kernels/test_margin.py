"""Margin calls, with figures worked by hand."""

import numpy as np
import pytest

import workbench as wb
from workbench.backtest.engine import terms_of
from workbench.errors import UsageError
from workbench.kernels import book as b
from workbench.kernels.codes import LIQUIDATION, LOSS, Market
from workbench.kernels.simulate import simulate

NAN = float("nan")
MISSING = (NAN, NAN, NAN, NAN, NAN)
TWICE = wb.Sizing(leverage=2, maintenance=0.3)


def run(bars, targets, fill="next_open", **choices):
    """Bars are rows of (open, high, low, close[, volume]), or a list of those per symbol."""
    many = bars if isinstance(bars[0], list) else [bars]
    rows = np.array([[(*row, 1e9)[:5] for row in symbol] for symbol in many], float)
    market = Market(*(np.ascontiguousarray(rows[:, :, k].T) for k in range(5)))
    wanted = np.ascontiguousarray(np.array(targets, float).reshape(len(targets), -1))
    told = {"sizing": TWICE, **choices}
    terms = terms_of(told.get("costs"), told["sizing"], told.get("stops"), fill)
    return simulate(market, wanted, 1_000.0, terms)


def flat(price):
    return (price, price, price, price)


def told(ran):
    return [
        (int(f["bar"]), int(f["symbol"]), f["side"] * f["quantity"], pytest.approx(f["price"]))
        for f in ran.fills
    ]


FALL = [flat(100), flat(100), (100, 101, 60, 80), flat(80)]


def test_a_long_is_sold_where_equity_is_the_margin():
    ran = run(FALL, [2, 2, 2, 2])
    # 20 units and a debt of 1,000: 20 p - 1,000 = 0.3 * 20 p
    assert told(ran) == [(1, 0, 20.0, 100.0), (2, 0, -20.0, 1_000 / 14)]
    assert ran.equity[2:].tolist() == [pytest.approx(0.3 * 20 * 1_000 / 14)] * 2
    assert ran.orders["kind"].tolist() == [0, LIQUIDATION]
    assert ran.orders["status"].tolist() == [b.FILLED, b.FILLED]


def test_a_short_is_bought_back_on_the_way_up():
    ran = run([flat(100), flat(100), (100, 150, 90, 120)], [-2, -2, -2])
    # 3,000 in cash against 20 units: 3,000 - 20 p = 0.3 * 20 p
    assert told(ran)[1] == (2, 0, 20.0, 3_000 / 26)


def test_a_gap_is_filled_at_the_open_whatever_is_left():
    ran = run([flat(100), flat(100), (40, 45, 30, 42)], [2, 2, 2])
    assert told(ran)[1] == (2, 0, -20.0, 40.0)
    assert ran.equity[-1] == pytest.approx(-200.0)


def test_the_margin_itself_is_enough():
    low = 1_000 / 14
    ran = run([flat(100), flat(100), (100, 100, low + 1e-9, 80)], [2, 2, 2])
    assert len(ran.fills) == 1


def test_without_maintenance_nothing_is_called():
    ran = run(FALL, [2, 2, 2, 2], sizing=wb.Sizing(leverage=2))
    assert len(ran.fills) == 1


def test_the_bar_of_the_entry_is_looked_at_and_that_of_an_entry_at_the_close_is_not():
    bars = [flat(100), (100, 100, 60, 90), (90, 91, 89, 90)]
    assert [f["bar"] for f in run(bars, [2, 2, 2]).fills] == [1, 1]
    assert len(run([(100, 101, 40, 100), flat(100)], [2, 2], fill="close").fills) == 1


def test_an_entry_at_a_limit_begins_there():
    bars = [flat(100), (110, 111, 60, 80), flat(80)]
    ran = run(bars, [2, 2, 2], fill=wb.Limit(0.1))
    units = ran.fills["quantity"][0]
    debt = -ran.cash[0] + units * 90
    assert told(ran) == [(1, 0, units, 90.0), (1, 0, -units, debt / (0.7 * units))]


def test_nothing_is_entered_again_until_the_target_changes():
    bars = [*FALL, flat(80), flat(80)]
    always = wb.Sizing(leverage=2, maintenance=0.3, rebalance="always")
    for sizing in (TWICE, always):
        ran = run(bars, [2, 2, 2, 2, 1, 1], sizing=sizing)
        assert [f["bar"] for f in ran.fills][:3] == [1, 2, 5]


def test_a_stop_before_it_leaves_nothing_to_call():
    ran = run(FALL, [2, 2, 2, 2], stops=wb.Stops(loss=0.1))
    assert ran.orders["kind"].tolist() == [0, LOSS]
    assert told(ran)[1] == (2, 0, -20.0, 90.0)


def test_all_holdings_go_together_each_at_its_share_of_the_way():
    rise = [flat(50), flat(50), (50, 90, 45, 60), flat(60)]
    ran = run([FALL, rise], [[1, -1]] * 4)
    # 10 long from 100 to 60, 20 short from 50 to 90, cash 1,000
    share = (1_000 - 0.3 * 2_000) / (10 * 40 + 20 * 40 + 0.3 * (20 * 40 - 10 * 40))
    assert told(ran)[2:] == [(2, 0, -10.0, 100 - 40 * share), (2, 1, 20.0, 50 + 40 * share)]


def test_what_has_no_price_is_sold_at_its_next_open():
    still = [flat(50), flat(50), MISSING, (49, 50, 48, 49), flat(49)]
    ran = run([[*FALL, flat(80)], still], [[1.6, 0.4]] * 5)
    assert [(bar, symbol) for bar, symbol, *_ in told(ran)] == [(1, 0), (1, 1), (2, 0), (3, 1)]
    assert ran.fills["price"][-1] == 49.0
    assert ran.cash[-1] == ran.equity[-1]


def test_what_the_volume_leaves_goes_on_at_the_next_opens():
    bars = [(*flat(100), 1e9), (*flat(100), 1e9), (100, 101, 60, 70, 120), (*flat(70), 120)]
    ran = run(bars, [2, 2, 2, 2], costs=wb.Costs(max_participation=0.1))
    assert told(ran)[1:] == [(2, 0, -12.0, 1_000 / 14), (3, 0, -8.0, 70.0)]
    assert ran.orders["status"][-1] == b.FILLED


def test_slippage_fee_and_the_price_of_a_liquidation_are_paid():
    costs = wb.Costs(
        fee=wb.fees.Bps(10),
        slippage_bps=20,
        financing=wb.financing.Financing(liquidation_bps=50),
    )
    ran = run(FALL, [1.8, 1.8, 1.8, 1.8], costs=costs)
    notional = ran.fills["quantity"] * ran.fills["price"]
    assert ran.orders["kind"].tolist() == [0, LIQUIDATION]
    assert ran.fills["fee"].tolist() == pytest.approx([0.001 * notional[0], 0.006 * notional[1]])
    assert ran.fills["slippage"][1] == pytest.approx(notional[1] * 0.002 / 0.998)


@pytest.mark.parametrize(
    "choices",
    [{"maintenance": 1.0}, {"maintenance": -0.1}, {"maintenance": 0.5, "leverage": 2},
     {"maintenance": 1.2, "leverage": 0.5}, {"maintenance": "a third"}, {"maintenance": NAN}],
)  # fmt: skip
def test_a_margin_that_would_liquidate_at_once_is_refused(choices):
    with pytest.raises(UsageError, match="maintenance"):
        wb.Sizing(**choices)
