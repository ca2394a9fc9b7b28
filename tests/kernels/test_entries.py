"""Entries at a limit, rule by rule, with figures worked by hand."""

import numpy as np
import pytest

from workbench.backtest.engine import terms_of
from workbench.backtest.entries import Limit
from workbench.backtest.sizing import Sizing
from workbench.backtest.stops import Stops
from workbench.costs import fees
from workbench.costs.costs import Costs
from workbench.kernels import book as b
from workbench.kernels.codes import LOSS, PROFIT, TRAIL, Market
from workbench.kernels.simulate import simulate


def run(rows, targets, *, limit=None, best_first=0.0, **choices):
    """Rows are (open, high, low, close[, volume]) of one symbol; the limit is 1 % by default."""
    table = np.array([(*row, 1e9)[:5] for row in rows], float)
    market = Market(*(np.ascontiguousarray(table[:, k : k + 1]) for k in range(5)))
    wanted = np.array(targets, float).reshape(-1, 1)
    terms = terms_of(fill=limit or Limit(0.01), **choices)
    return simulate(market, wanted, 1_000.0, terms._replace(best_first=best_first))


def told(ran):
    return [(int(f["bar"]), f["side"] * f["quantity"], f["price"]) for f in ran.fills]


DECIDED = (100, 100, 100, 100)  # so that a buy rests at 99


@pytest.mark.parametrize(
    ("bar", "price"),
    [
        ((100, 101, 98, 100), 99.0),  # through: at the limit
        ((98, 101, 97, 100), 98.0),  # a gap below: at the open, which is better
        ((100, 101, 99, 100), None),  # only touched
        ((100, 101, 99.5, 100), None),
    ],
)
def test_a_buy_is_filled_where_prices_go_through_its_limit(bar, price):
    ran = run([DECIDED, bar], [1, 1])
    assert told(ran) == ([] if price is None else [(1, pytest.approx(1000 / price), price)])
    assert ran.orders["level"].tolist() == [99.0]


def test_a_touch_is_enough_where_it_is_asked_for():
    ran = run([DECIDED, (100, 101, 99, 100)], [1, 1], limit=Limit(0.01, touch=True))
    assert ran.fills["price"].tolist() == [99.0]


def test_a_sell_that_opens_is_the_mirror():
    ran = run([DECIDED, (100, 102, 98, 100)], [-1, -1])
    assert ran.fills["price"].tolist() == [101.0] and ran.fills["side"].tolist() == [-1.0]


def test_what_is_not_reached_expires():
    dull = (100, 101, 99.5, 100)
    ran = run([DECIDED, dull, dull, (100, 100, 90, 95)], [1] * 4, limit=Limit(0.01, good_for=2))
    assert told(ran) == [] and ran.orders["status"].tolist() == [b.EXPIRED]
    ran = run([DECIDED, dull, dull, (100, 100, 90, 95)], [1] * 4, limit=Limit(0.01, good_for=3))
    assert ran.fills["price"].tolist() == [99.0]


def test_exits_and_turns_go_to_the_market():
    ran = run([DECIDED, (98, 98, 98, 98), (97, 120, 97, 99), (96, 96, 96, 96)], [1, 0, -1, -1])
    assert ran.fills["price"].tolist() == [98.0, 97.0]  # in at the open, out at the open
    assert np.isnan(ran.orders["level"]).tolist() == [False, True, False]
    ran = run([DECIDED, (98, 98, 98, 98), (97, 97, 97, 97)], [1, -1, -1])
    assert ran.fills["price"].tolist() == [98.0, 97.0]


def test_what_rests_makes_and_what_is_marketable_at_the_open_takes():
    costs = Costs(fee=fees.MakerTaker(-10, 20), slippage_bps=50)
    ran = run([DECIDED, (100, 101, 98, 100)], [1, 1], costs=costs)
    assert ran.fills["fee"][0] == pytest.approx(-0.001 * 99 * ran.fills["quantity"][0])
    assert ran.fills["slippage"].tolist() == [0.0]
    ran = run([DECIDED, (98, 101, 97, 100)], [1, 1], costs=costs)
    assert ran.fills["fee"][0] == pytest.approx(0.002 * 98 * ran.fills["quantity"][0])


def test_volume_caps_and_the_rest_goes_on_resting():
    costs = Costs(max_participation=0.1)
    ran = run(
        [DECIDED, (100, 100, 98, 99, 40), (99.5, 100, 98, 99, 40), (98, 98, 98, 98, 1e6)],
        [1] * 4, limit=Limit(0.01, good_for=3), costs=costs, sizing=Sizing(lot=1),
    )  # fmt: skip
    assert told(ran) == [(1, 4.0, 99.0), (2, 4.0, 99.0), (3, 2.0, 98.0)]


# The bar of the entry: what lies beyond the limit comes after it, the rest may not.


def test_a_loss_beyond_the_limit_is_sure():
    ran = run([DECIDED, (100, 100.5, 94, 96)], [1, 1], stops=Stops(loss=0.04))
    assert ran.fills["price"].tolist() == [99.0, pytest.approx(99 * 0.96)]
    assert ran.orders["kind"].tolist() == [0, LOSS] and not ran.fills["both"].any()


def test_a_profit_that_may_have_come_before_the_entry_is_not_taken_but_flagged():
    bars = [DECIDED, (100, 104, 98, 100), (100, 100, 100, 100)]
    worst = run(bars, [1] * 3, stops=Stops(profit=0.03))
    assert worst.fills["price"].tolist() == [99.0] and worst.fills["both"].tolist() == [1]
    best = run(bars, [1] * 3, stops=Stops(profit=0.03), best_first=1.0)
    assert best.fills["price"].tolist() == [99.0, pytest.approx(99 * 1.03)]
    assert best.equity[-1] > worst.equity[-1]


def test_a_profit_that_the_close_is_beyond_is_sure():
    ran = run([DECIDED, (100, 104, 98, 103)], [1, 1], stops=Stops(profit=0.03))
    assert ran.orders["kind"].tolist() == [0, PROFIT] and not ran.fills["both"].any()


def test_both_after_an_entry_take_the_loss():
    stops = Stops(loss=0.04, profit=0.03)
    ran = run([DECIDED, (100, 104, 94, 96)], [1, 1], stops=stops)
    assert ran.orders["kind"].tolist() == [0, LOSS] and ran.fills["both"].tolist() == [1, 1]


def test_of_the_entry_bar_only_the_close_moves_a_trailing_stop():
    bars = [DECIDED, (100, 110, 98.5, 100), (100, 100, 97.5, 98)]
    ran = run(bars, [1] * 3, stops=Stops(trail=0.02))
    assert ran.orders["kind"].tolist() == [0, TRAIL]
    assert ran.fills["price"].tolist() == [99.0, pytest.approx(98.0)]  # of 100, not of 110


def test_a_stop_nearer_than_the_limit_closes_what_is_held_and_ends_the_order():
    costs = Costs(max_participation=0.1)
    rise = (100, 110, 99.5, 110, 1e3)
    ran = run(
        [DECIDED, (100, 100, 98, 99, 40), rise, (108, 109, 97, 98, 1e3)], [1] * 4,
        limit=Limit(0.01, good_for=9), costs=costs, stops=Stops(trail=0.05), sizing=Sizing(lot=1),
    )  # fmt: skip
    assert told(ran) == [(1, 4.0, 99.0), (3, -4.0, pytest.approx(104.5))]
    assert ran.orders["status"].tolist() == [b.CANCELED, b.FILLED]
