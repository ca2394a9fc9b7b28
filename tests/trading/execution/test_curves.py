from __future__ import annotations

import math
from datetime import UTC, datetime
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest

import workbench as wb
from workbench.errors import DataError, UsageError
from workbench.trading.execution.curves import Impact, even, usual


def minutes(days=4, share=lambda minute: 1.0):
    frames = []
    for day in pd.bdate_range("2024-03-06", periods=days):  # clocks change on the 10th
        opens = pd.Timestamp(f"{day.date()} 09:30", tz="America/New_York").tz_convert("UTC")
        index = pd.date_range(opens, periods=390, freq="min", name="time")
        volume = [share(n) for n in range(390)]
        frames.append(pd.DataFrame({"open": 1.0, "high": 1.0, "low": 1.0, "close": 1.0,
                                    "volume": volume}, index))  # fmt: skip
    bars = pd.concat(frames)
    bars.attrs |= {"timeframe": "1m", "calendar": "XNYS"}
    return bars


def window(day, start, end):
    at = [
        pd.Timestamp(f"{day} {time}", tz="America/New_York").tz_convert("UTC")
        for time in (start, end)
    ]
    return at[0].to_pydatetime(), at[1].to_pydatetime()


def test_even_steps_end_at_one():
    assert even(3)[-1] == 1
    assert sum(even(3)) == pytest.approx(Decimal(2))


def test_the_usual_volume_is_that_of_the_same_hours_in_summer_and_winter():
    bars = minutes(share=lambda n: 3.0 if n < 60 else 1.0)
    curve = usual(bars, *window("2024-03-12", "09:30", "11:30"), 2)
    assert [float(one) for one in curve] == [0.75, 1]


def test_days_count_alike_whatever_they_traded():
    bars = minutes(2)
    bars["volume"] = np.where(bars.index < "2024-03-07", 1.0, 1000.0)
    first = bars.index[:30]
    bars.loc[first, "volume"] = 3.0
    curve = usual(bars, *window("2024-03-08", "09:30", "10:30"), 2)
    assert [float(one) for one in curve] == pytest.approx([(0.75 + 0.5) / 2, 1])


def test_the_day_itself_tells_nothing():
    bars = minutes(3)
    start, end = window("2024-03-08", "09:30", "10:30")
    before = usual(bars, start, end, 4)
    bars.loc[bars.index >= start, "volume"] *= 1000 * np.arange(390.0)
    assert usual(bars, start, end, 4) == before


def test_no_history_is_an_error_and_so_is_a_window_over_midnight():
    bars = minutes()
    with pytest.raises(DataError, match="no day before"):
        usual(bars, *window("2024-03-06", "09:30", "10:30"), 4)
    start, _ = window("2024-03-11", "09:30", "10:30")
    with pytest.raises(UsageError, match="one day"):
        usual(bars, start, datetime(2024, 3, 13, 15, tzinfo=UTC), 4)


def test_holdings_are_those_of_the_closed_form_and_solve_its_recursion():
    trade = Impact(horizon=5, volatility=0.95, temporary=2.5e-6, permanent=2.5e-7,
                   risk_aversion=1e-6)  # fmt: skip
    slices, tau = 20, 0.25
    curve = np.array([0.0, *map(float, trade.curve(slices))])
    held = 1 - curve
    kappa2 = 1e-6 * 0.95**2 / (2.5e-6 - 2.5e-7 * tau / 2)
    second = held[2:] - 2 * held[1:-1] + held[:-2]
    assert second == pytest.approx(kappa2 * tau**2 * held[1:-1], abs=1e-8)
    kappa = trade.urgency(slices) / 5
    times = np.linspace(0, 5, slices + 1)
    assert held == pytest.approx(np.sinh(kappa * (5 - times)) / math.sinh(kappa * 5), abs=1e-8)


def test_the_closed_form_costs_less_than_its_neighbours():
    trade = Impact(horizon=1, volatility=2, temporary=0.5, risk_aversion=3)
    held = 1 - np.array([0.0, *map(float, trade.curve(8))])

    def cost(held):
        sold = -np.diff(held)
        return 0.5 * (sold**2).sum() * 8 + 3 * 2**2 / 8 * (held[1:] ** 2).sum()

    random = np.random.default_rng(1)
    for _ in range(200):
        other = held.copy()
        other[1:-1] += random.normal(0, 0.01, 7)
        assert cost(held) <= cost(other)


def test_great_urgency_stays_finite():
    curve = Impact(horizon=1, volatility=1, temporary=1e-9, risk_aversion=1e9).curve(5)
    assert curve[0] == curve[-1] == 1


@pytest.mark.parametrize("facts", [{"horizon": 0}, {"volatility": -1}, {"temporary": 0},
                                   {"risk_aversion": float("nan")}])  # fmt: skip
def test_figures_that_make_no_sense_are_refused(facts):
    with pytest.raises(UsageError):
        Impact(
            **{"horizon": 1, "volatility": 1, "temporary": 1, "risk_aversion": 1, **facts}
        ).curve(4)


def test_vwap_of_synthetic_minutes_is_early_and_late():
    bars = wb.bars("AAPL", "1m", source="synthetic", start="2024-01-02", end="2024-01-20")
    curve = usual(bars, *window("2024-01-18", "09:30", "16:00"), 13)
    shares = np.diff([0.0, *map(float, curve)])
    assert shares.sum() == pytest.approx(1)
    assert (shares > 0).all()
