"""What is due before an open, with figures worked by hand."""

import numpy as np
import pandas as pd
import pytest

import workbench as wb
from workbench.backtest.engine import terms_of
from workbench.costs.financing import Financing
from workbench.kernels.codes import LOSS, Market
from workbench.kernels.simulate import simulate

NONE = (0.0, 0.0, 0.0, 1.0)
WEEKEND = (3 / 365, 0.0, 0.0, 1.0)


def run(bars, targets, events, cash=1_000.0, fill="next_open", **choices):
    rows = np.array([(*row, 1e9)[:5] for row in bars], float)
    market = Market(*(np.ascontiguousarray(rows[:, [k]]) for k in range(5)))
    market = market._replace(events=np.array(events, float).reshape(-1, 1, 4))
    told = (choices.get("costs"), choices.get("sizing"), choices.get("stops"), fill)
    return simulate(market, np.array(targets, float).reshape(-1, 1), cash, terms_of(*told))


def flat(price):
    return (price, price, price, price)


def financed(**rates):
    return wb.Costs(financing=Financing(**rates))


def test_interest_is_charged_on_the_cash_of_the_close_before():
    costs = financed(margin_bps=365, cash_bps=730)
    events = [WEEKEND, WEEKEND, WEEKEND]
    ran = run([flat(10)] * 3, [2, None, None], events, costs=costs, sizing=wb.Sizing(leverage=2))
    # 1,000 for three days at 7.3 %, sized with it; then what is borrowed at 3.65 %
    assert ran.flows[:, 1].tolist() == [0.0, pytest.approx(0.6), 0.0]
    assert ran.fills["quantity"].tolist() == [pytest.approx(200.12)]
    assert ran.flows[:, 0].tolist() == [0.0, 0.0, pytest.approx(-1_000.6 * 0.0003)]
    assert ran.cash[-1] == pytest.approx(-1_000.6 * 1.0003)


def test_a_short_pays_to_borrow_at_the_last_close_and_lends_nothing_within_a_bar():
    costs = financed(borrow_bps=365)
    bars = [flat(10), flat(10), (12, 12, 12, 12), flat(12)]
    ran = run(bars, [-0.5, None, 0, None], [WEEKEND] * 4, costs=costs)
    assert ran.flows[:, 2].tolist() == [
        0.0, 0.0, pytest.approx(-50 * 10 * 0.0003), pytest.approx(-50 * 12 * 0.0003),
    ]  # fmt: skip
    assert ran.flows[:, 5].tolist() == ran.flows[:, 2].tolist()


@pytest.mark.parametrize("side", [1, -1])
def test_longs_pay_funding_to_shorts_at_the_open(side):
    events = [NONE, (0, 0.01, 0, 1), (0, 0.01, 0, 1)]
    ran = run([flat(10), flat(10), (11, 12, 10, 12)], [side, None, None], events)
    # what is bought at an open owes nothing for that open
    assert ran.flows[:, 3].tolist() == [0.0, 0.0, pytest.approx(-side * 100 * 11 * 0.01)]


@pytest.mark.parametrize("side", [1, -1])
def test_a_long_receives_the_dividend_and_a_short_pays_it(side):
    events = [NONE, NONE, (0, 0, 0.5, 1)]
    ran = run([flat(10), flat(10), flat(9.5)], [side, None, None], events)
    assert ran.flows[2, 4] == pytest.approx(side * 50.0)
    assert ran.equity[2] == pytest.approx(1_000.0)


def test_a_stop_survives_a_split():
    bars = [flat(10), flat(10), (5, 5, 4.8, 4.9), (4.9, 4.9, 4.4, 4.6)]
    events = [NONE, NONE, (0, 0, 0, 2), NONE]
    ran = run(bars, [1, None, None, None], events, stops=wb.Stops(loss=0.1))
    assert ran.units[:, 0].tolist() == [0, 100, 200, 0]
    assert ran.orders["kind"].tolist() == [0, LOSS]
    assert (ran.fills["price"][1], ran.fills["quantity"][1]) == (4.5, 200)


def test_a_trailing_stop_survives_a_reverse_split():
    bars = [flat(10), (10, 12, 10, 12), (24, 24, 22, 23), (23, 23, 21, 22)]
    events = [NONE, NONE, (0, 0, 0, 0.5), NONE]
    ran = run(bars, [1, None, None, None], events, stops=wb.Stops(trail=0.1))
    assert ran.fills["price"][1] == pytest.approx(24 * 0.9)
    assert ran.units[:, 0].tolist() == [0, 100, 50, 0]


def test_a_quantity_that_waits_is_split():
    missing = (float("nan"),) * 4
    events = [NONE, NONE, (0, 0, 0, 2), NONE]
    sizing = wb.Sizing(at="decision")
    ran = run([flat(10), missing, flat(5), flat(5)], [1, None, None, None], events, sizing=sizing)
    assert (ran.fills["quantity"][0], ran.fills["price"][0]) == (200, 5)
    assert ran.orders["quantity"][0] == 200


def test_a_limit_that_rests_is_split():
    bars = [flat(10), flat(10), (5, 5.2, 4.9, 5), (5, 5, 4.4, 4.8)]
    events = [NONE, NONE, (0, 0, 0, 2), NONE]
    ran = run(bars, [1, None, None, None], events, fill=wb.Limit(0.1, good_for=9))
    assert (ran.fills["bar"][0], ran.fills["price"][0], ran.orders["level"][0]) == (3, 4.5, 4.5)


def synthetic():
    rng = np.random.default_rng(9)
    close = 40 * np.exp(np.cumsum(rng.normal(0, 0.02, 250)))
    opened = close * np.exp(rng.normal(0, 0.01, 250))
    bars = pd.DataFrame(
        {
            "open": opened,
            "high": np.maximum(opened, close) * 1.01,
            "low": np.minimum(opened, close) * 0.99,
            "close": close,
            "volume": 1e6,
            "split": 1.0,
            "dividend": 0.0,
        },
        index=pd.bdate_range("2021-01-04", periods=250, tz="UTC", name="time"),
    )
    for row, ratio in ((60, 2.0), (150, 0.25)):
        bars.iloc[row, bars.columns.get_loc("split")] = ratio
        bars.iloc[row:, :4] /= ratio
    bars.iloc[[30, 90, 150, 200], bars.columns.get_loc("dividend")] = 0.7
    bars.attrs = {"timeframe": "1d", "calendar": "XNYS", "adjustment": "none"}
    return bars


class Steady(wb.Strategy):
    weight: float = wb.param(1.0, low=-1, high=1)

    def targets(self, bars):
        return bars["close"] * 0 + self.weight


class Blinking(wb.Strategy):
    """In and out by the calendar: signals on raw closes would see the splits."""

    every: int = wb.param(7, low=1)

    def targets(self, bars):
        return bars["close"] * 0 + (np.arange(len(bars)) // self.every % 2)


@pytest.mark.parametrize("weight", [1.0, 0.5, -0.5])
def test_raw_bars_give_the_total_return_of_adjusted_ones(weight):
    from workbench.data.adjust import adjust

    raw = synthetic()
    told = {"fill": "close", "sizing": wb.Sizing(rebalance="always"), "record": False}
    one = wb.backtest(Steady(weight=weight), raw, **told)
    other = wb.backtest(Steady(weight=weight), adjust(raw), **told)
    assert len(one.carry) and not len(other.carry)
    np.testing.assert_allclose(one.equity, other.equity, rtol=1e-9)


def test_raw_bars_split_alone_like_adjusted_ones():
    from workbench.data.adjust import adjust

    raw = synthetic().assign(dividend=0.0)
    told = {"stops": wb.Stops(loss=0.03, trail=0.05), "record": False}
    one, other = (wb.backtest(Blinking(), bars, **told) for bars in (raw, adjust(raw)))
    np.testing.assert_allclose(one.equity, other.equity, rtol=1e-9)
    assert len(one.round_trips) == len(other.round_trips) > 9
    for name in ("pnl", "return", "bars"):
        np.testing.assert_allclose(one.round_trips[name], other.round_trips[name], rtol=1e-7)
    for name in ("win_rate", "profit_factor", "expectancy"):
        assert one.stats[name] == pytest.approx(other.stats[name], rel=1e-7)


def test_profits_of_round_trips_are_the_gain_of_the_account():
    raw = synthetic()
    told = wb.Costs(fee=wb.fees.Bps(5), financing=Financing(borrow_bps=500))
    result = wb.backtest(wb.strategies.SmaCross(fast=3, slow=9), raw, costs=told, record=False)
    done = result.round_trips["pnl"].sum() + result.open_round_trips["pnl"].sum()
    assert done == pytest.approx(result.stats["end_equity"] - 100_000)
    assert result.carry["dividend"].sum() > 0
    assert any(text.startswith("carried: dividends +") for text in result.findings)
    assert "2 splits in raw prices" in result.findings


def test_a_saved_run_keeps_what_it_carried(tmp_path):
    costs = financed(cash_bps=100)
    result = wb.backtest(Steady(), synthetic(), costs=costs, record=False)
    again = wb.load_run(result.save(tmp_path))
    assert again.agreement.verdict == "agrees"
    np.testing.assert_array_equal(again.carry, result.carry)
    pd.testing.assert_series_equal(again.stats, result.stats)
    assert again.findings == result.findings
