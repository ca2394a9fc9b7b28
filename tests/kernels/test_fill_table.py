"""The fill table, rule by rule, with figures worked by hand."""

import numpy as np
import pytest

from workbench.backtest.engine import terms_of
from workbench.backtest.sizing import Sizing
from workbench.backtest.stops import Stops
from workbench.costs import fees, slippage
from workbench.costs.costs import Costs
from workbench.kernels import book as b
from workbench.kernels.codes import LOSS, PROFIT, TRAIL, Market
from workbench.kernels.simulate import simulate

NAN = float("nan")


def run(bars, targets, cash=1_000.0, fill="next_open", **choices):
    """Bars are rows of (open, high, low, close[, volume]), or a list of those per symbol."""
    many = bars if isinstance(bars[0], list) else [bars]
    rows = np.array([[(*row, 1e9)[:5] for row in symbol] for symbol in many], float)
    market = Market(*(np.ascontiguousarray(rows[:, :, k].T) for k in range(5)))
    wanted = np.array(targets, float).reshape(len(targets), -1)
    terms = terms_of(choices.get("costs"), choices.get("sizing"), choices.get("stops"), fill)
    return simulate(market, np.ascontiguousarray(wanted), cash, terms)


def flat(price, volume=1e9):
    return (price, price, price, price, volume)


def told(ran):
    return [
        (int(f["bar"]), int(f["symbol"]), f["side"] * f["quantity"], f["price"]) for f in ran.fills
    ]


# 1. When


def test_a_decision_is_filled_at_the_next_open():
    ran = run([flat(10), (8, 9, 7, 9), flat(9)], [1, 1, 1])
    assert told(ran) == [(1, 0, 125.0, 8.0)]
    assert ran.equity.tolist() == [1_000, 1_125, 1_125]


def test_at_the_close_it_is_filled_where_it_was_decided():
    ran = run([flat(10), (8, 9, 7, 9), flat(9)], [1, 1, 1], fill="close")
    assert told(ran) == [(0, 0, 100.0, 10.0)]
    assert ran.equity.tolist() == [1_000, 900, 900]


def test_a_new_decision_replaces_the_pending_one():
    missing = (NAN, NAN, NAN, NAN, NAN)
    ran = run([flat(10), missing, flat(10), flat(10)], [1, 0.5, NAN, NAN])
    assert told(ran) == [(2, 0, 50.0, 10.0)]
    assert ran.orders["status"].tolist() == [b.CANCELED, b.FILLED]


def test_an_order_does_not_change_its_side():
    bars = [flat(10), flat(10), flat(8), flat(20)]
    ran = run(bars, [0.5, NAN, 0.6, NAN])
    assert len(ran.fills) == 1
    assert ran.orders["status"].tolist() == [b.FILLED, b.CANCELED]


# 2. How much


def test_the_fee_is_solved_for():
    ran = run([flat(10), flat(10)], [1, 1], costs=Costs(fee=fees.Bps(100)))
    assert ran.fills["quantity"][0] == pytest.approx(1_000 / 10.1)
    assert ran.cash[-1] == pytest.approx(0.0, abs=1e-9)


def test_the_minimum_fee_is_solved_for():
    costs = Costs(fee=fees.PerShare(0.01, minimum=50))
    ran = run([flat(10), flat(10)], [1, 1], costs=costs)
    assert ran.fills["quantity"][0] == pytest.approx(95.0)
    assert ran.fills["fee"][0] == 50.0


def test_whole_shares_are_floored():
    ran = run([flat(10), flat(7)], [1, 1], sizing=Sizing(lot=1))
    assert told(ran) == [(1, 0, 142.0, 7.0)]


def test_a_buffer_is_left_out():
    ran = run([flat(10), flat(10)], [1, 1], sizing=Sizing(cash_buffer=0.1))
    assert told(ran) == [(1, 0, 90.0, 10.0)]


def test_sized_at_the_decision_a_gap_overdraws():
    ran = run([flat(10), flat(12)], [1, 1], sizing=Sizing(at="decision"))
    assert told(ran) == [(1, 0, 100.0, 12.0)]
    assert ran.cash[-1] == -200


def test_sized_at_the_decision_a_gap_can_be_trimmed():
    ran = run([flat(10), flat(12)], [1, 1], sizing=Sizing(at="decision", overdraw="trim"))
    assert ran.fills["quantity"][0] == pytest.approx(1_000 / 12)
    assert ran.orders["status"][0] == b.CANCELED
    assert ran.orders["quantity"][0] == 100.0


def test_leverage_lets_more_be_held():
    ran = run([flat(10), flat(10)], [2, 2], sizing=Sizing(leverage=2))
    assert told(ran) == [(1, 0, 200.0, 10.0)]
    capped = run([flat(10), flat(10)], [2, 2])
    assert told(capped) == [(1, 0, 100.0, 10.0)]


def test_an_order_below_the_least_notional_is_not_made():
    sizing = Sizing(rebalance="always", min_notional=100)
    bars = [flat(10), flat(10), flat(11), flat(18), flat(18)]
    ran = run(bars, [0.5, 0.5, 0.5, 0.5, 0.5], sizing=sizing)
    # at 11 the correction is 2.27 units, 25 in money; at 18 it is 11.1 units, 200 in money
    assert told(ran) == [(1, 0, 50.0, 10.0), (4, 0, pytest.approx(-200 / 18), 18.0)]
    assert ran.small == 1


def test_what_closes_is_exempt_from_the_least_notional():
    sizing = Sizing(min_notional=100)
    ran = run([flat(10), flat(10), flat(1), flat(1)], [0.2, NAN, 0, NAN], sizing=sizing)
    assert told(ran) == [(1, 0, 20.0, 10.0), (3, 0, -20.0, 1.0)]


def test_an_order_that_the_fill_makes_too_small_is_rejected():
    # decided at 10 for 120 in money; at an open of 11.2 it is 0.62 * 1060 - 560 = 97
    bars = [flat(10), flat(10), flat(10), flat(11.2)]
    ran = run(bars, [0.5, NAN, 0.62, NAN], sizing=Sizing(min_notional=100))
    assert ran.orders["status"].tolist() == [b.FILLED, b.REJECTED]
    assert (len(ran.fills), ran.small) == (1, 1)


def test_a_flip_is_one_order():
    ran = run([flat(10), flat(10), flat(10), flat(10)], [1, -1, NAN, NAN])
    assert told(ran) == [(1, 0, 100.0, 10.0), (2, 0, -200.0, 10.0)]


def test_ruin_leaves_nothing_to_size():
    bars = [flat(10), flat(10), flat(30), flat(30), flat(30)]
    ran = run(bars, [-1, NAN, -0.5, NAN, NAN])
    assert ran.equity[2] == -1_000
    assert ran.units[-1, 0] == 0
    assert told(ran)[-1] == (3, 0, 100.0, 30.0)


# 3. When to trade


def test_on_change_leaves_a_drifting_weight_alone():
    bars = [flat(10), flat(10), flat(20), flat(20)]
    assert len(run(bars, [0.5] * 4).fills) == 1
    always = run(bars, [0.5] * 4, sizing=Sizing(rebalance="always"))
    assert told(always) == [(1, 0, 50.0, 10.0), (3, 0, -12.5, 20.0)]


def test_drift_waits_for_its_threshold():
    bars = [flat(10), flat(10), flat(11), flat(20), flat(20)]
    ran = run(bars, [0.5] * 5, sizing=Sizing(drift=0.1))
    assert [row[0] for row in told(ran)] == [1, 4]


def test_zero_first_is_no_change():
    assert len(run([flat(10), flat(10)], [0, 0]).orders) == 0


# 4. Stops

ENTRY = [flat(10), (10, 10.4, 9.9, 10)]


@pytest.mark.parametrize(
    ("target", "bar", "stops", "kind", "price"),
    [
        (1, (10, 10.2, 9.4, 9.6), Stops(loss=0.05), LOSS, 9.5),
        (1, (9, 9.2, 8.9, 9.1), Stops(loss=0.05), LOSS, 9.0),
        (1, (10, 11.2, 9.8, 11), Stops(profit=0.1), PROFIT, 11.0),
        (1, (11.5, 12, 11.4, 12), Stops(profit=0.1), PROFIT, 11.5),
        (1, (10.2, 10.2, 9.5, 10), Stops(trail=0.05), TRAIL, 10.4 * 0.95),
        (-1, (10, 10.6, 9.9, 10.4), Stops(loss=0.05), LOSS, 10.5),
        (-1, (11, 11.2, 10.9, 11), Stops(loss=0.05), LOSS, 11.0),
        (-1, (10, 10.1, 8.9, 9), Stops(profit=0.1), PROFIT, 9.0),
        (-1, (8.5, 8.6, 8, 8), Stops(profit=0.1), PROFIT, 8.5),
        (-1, (9.9, 10.4, 9.9, 10), Stops(trail=0.05), TRAIL, 9.9 * 1.05),
    ],
)
def test_a_stop(target, bar, stops, kind, price):
    ran = run([*ENTRY, bar, flat(10)], [target, NAN, NAN, NAN], stops=stops)
    assert len(ran.fills) == 2
    bar_of_exit, _, _, got = told(ran)[1]
    assert (bar_of_exit, got) == (2, pytest.approx(price))
    assert ran.orders["kind"].tolist() == [0, kind]
    assert ran.orders["bar"].tolist() == [0, 0]
    assert ran.orders["owner"].tolist() == [-1, 0]
    assert not ran.fills["both"].any()


def test_a_stop_works_on_the_entry_bar():
    ran = run([flat(10), (10, 10, 9, 9.2)], [1, 1], stops=Stops(loss=0.05))
    assert told(ran) == [(1, 0, 100.0, 10.0), (1, 0, -100.0, 9.5)]


def test_taken_at_the_close_it_is_protected_from_the_next_bar_on():
    ran = run([(10, 10, 5, 10), flat(10)], [1, 1], stops=Stops(loss=0.05), fill="close")
    assert len(ran.fills) == 1


def test_a_trailing_stop_does_not_know_its_own_bar():
    bars = [*ENTRY, (10, 14, 10.1, 13), (13, 13.5, 13.1, 13.2)]
    ran = run(bars, [1, NAN, NAN, NAN], stops=Stops(trail=0.05))
    assert told(ran)[1] == (3, 0, -100.0, 13.0)


def test_an_exit_at_the_open_beats_a_stop():
    bars = [*ENTRY, (9.8, 9.8, 9, 9)]
    ran = run(bars, [1, 0, NAN], stops=Stops(loss=0.05))
    assert told(ran)[1] == (2, 0, -100.0, 9.8)
    assert ran.orders["kind"].tolist() == [0, 0]


def test_both_inside_a_bar_the_loss_is_taken_and_flagged():
    bars = [*ENTRY, (10, 11.5, 9, 10)]
    stops = Stops(loss=0.05, profit=0.1)
    ran = run(bars, [1, NAN, NAN], stops=stops)
    assert told(ran)[1] == (2, 0, -100.0, 9.5)
    assert ran.fills["both"].tolist() == [0, 1]


@pytest.mark.parametrize(("opened", "price"), [(9.0, 9.0), (11.5, 11.5)])
def test_a_gap_settles_which_stop_came_first(opened, price):
    bars = [*ENTRY, (opened, 12, 8, 10)]
    ran = run(bars, [1, NAN, NAN], stops=Stops(loss=0.05, profit=0.1))
    assert told(ran)[1][3] == price
    assert not ran.fills["both"].any()


def test_after_a_stop_the_target_in_force_is_not_entered_again():
    bars = [*ENTRY, (10, 10, 9, 9), flat(9), flat(9), flat(9)]
    for sizing in (Sizing(), Sizing(rebalance="always"), Sizing(drift=0.01)):
        ran = run(bars, [1] * 6, stops=Stops(loss=0.05), sizing=sizing)
        assert len(ran.fills) == 2
        again = run(bars, [1, 1, 1, 0.5, 1, 1], stops=Stops(loss=0.05), sizing=sizing)
        assert [row[0] for row in told(again)] == [1, 2, 4, 5]


def test_a_stop_slips_and_a_limit_does_not():
    costs = Costs(slippage=slippage.Fixed(0.1), fee=fees.MakerTaker(0, 100))
    bars = [*ENTRY, (10, 10.2, 9.4, 9.6)]
    loss = run(bars, [1, NAN, NAN], stops=Stops(loss=0.05), costs=costs)
    assert loss.fills["price"][1] == pytest.approx(10.1 * 0.95 - 0.1)
    assert loss.fills["fee"][1] > 0
    won = run([*ENTRY, (10, 12, 9.9, 12)], [1, NAN, NAN], stops=Stops(profit=0.1), costs=costs)
    assert won.fills["price"][1] == pytest.approx(10.1 * 1.1)
    assert won.fills["fee"][1] == 0
    assert won.fills["slippage"][1] == 0


# 5. Participation


def test_what_is_left_waits():
    costs = Costs(max_participation=0.1)
    ran = run([flat(10, 400)] * 4, [1, NAN, NAN, NAN], costs=costs)
    assert told(ran) == [(1, 0, 40.0, 10.0), (2, 0, 40.0, 10.0), (3, 0, 20.0, 10.0)]
    assert ran.orders["status"].tolist() == [b.FILLED]


def test_what_is_left_expires():
    costs = Costs(max_participation=0.1, remainder="expire")
    ran = run([flat(10, 400)] * 4, [1, NAN, NAN, NAN], costs=costs)
    assert told(ran) == [(1, 0, 40.0, 10.0)]
    assert ran.orders["status"].tolist() == [b.EXPIRED]


def test_a_stop_shares_the_volume_and_goes_on_at_the_open():
    costs = Costs(max_participation=0.1)
    bars = [flat(10), flat(10, 1_000), (10, 10, 9, 9.4, 600), flat(9, 600), flat(9, 600)]
    ran = run(bars, [1, NAN, NAN, 0.5, 0.5], stops=Stops(loss=0.05), costs=costs)
    assert told(ran)[1:3] == [(2, 0, -60.0, 9.5), (3, 0, -40.0, 9.0)]
    assert ran.orders["kind"].tolist()[:2] == [0, LOSS]
    assert ran.orders["filled"][1] == 100.0


# 6. Shared cash


def test_sells_before_buys_then_columns():
    rising = [flat(10)] * 4
    ran = run([rising, rising], [[0, 1], [1, 0], [NAN, NAN], [NAN, NAN]])
    assert told(ran)[1:] == [(2, 1, -100.0, 10.0), (2, 0, 100.0, 10.0)]
    both = run([rising, rising], [[0.8, 0.8], [NAN, NAN], [NAN, NAN], [NAN, NAN]])
    assert told(both) == [(1, 0, 80.0, 10.0), (1, 1, pytest.approx(20.0), 10.0)]


def test_a_short_that_is_covered_on_the_same_bar_does_not_stand_in_the_way():
    same = [flat(10)] * 4
    ran = run([same, same], [[0, -1], [1, 0], [NAN, NAN], [NAN, NAN]])
    assert told(ran)[1:] == [(2, 0, 100.0, 10.0), (2, 1, 100.0, 10.0)]


# 7. Missing prices


def test_a_missing_bar_fills_nothing():
    missing = (NAN, NAN, NAN, NAN, NAN)
    ran = run([flat(10), missing, missing, flat(5)], [1, NAN, NAN, NAN])
    assert told(ran) == [(3, 0, 200.0, 5.0)]
    assert ran.equity.tolist() == [1_000] * 4


def test_no_volume_matters_where_volume_matters():
    bars = [flat(10), flat(10, 0), flat(10, 4_000)]
    assert told(run(bars, [1, NAN, NAN])) == [(1, 0, 100.0, 10.0)]
    for costs in (Costs(max_participation=0.5), Costs(slippage=slippage.VolumeShare(0.1))):
        assert [row[0] for row in told(run(bars, [1, NAN, NAN], costs=costs))] == [2]


def test_a_symbol_without_a_price_has_no_opinion_that_counts():
    missing = (NAN, NAN, NAN, NAN, NAN)
    ran = run([missing, flat(10), flat(10)], [1, 1, 1])
    assert told(ran) == [(2, 0, 100.0, 10.0)]


# 8. The end


def test_what_is_open_is_marked_and_the_last_order_works():
    ran = run([flat(10), flat(10), flat(12)], [1, NAN, 0])
    assert ran.equity[-1] == 1_200
    assert ran.units[-1, 0] == 100
    assert ran.orders["status"].tolist() == [b.FILLED, b.WORKING]


def test_the_tape_grows():
    bars = [flat(10)] * 2_000
    ran = run([bars] * 3, [[0.1 * (t % 2)] * 3 for t in range(2_000)])
    assert len(ran.fills) == 3 * 1_998
    assert len(ran.orders) == 3 * 1_999
    assert ran.orders["bar"].tolist() == sorted(ran.orders["bar"].tolist())
