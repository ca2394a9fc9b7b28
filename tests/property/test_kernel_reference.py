"""Kernel and reference, two authors of one table, agree on bars made by hypothesis."""

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from workbench.backtest.engine import Simulation, terms_of
from workbench.backtest.entries import Limit
from workbench.backtest.reference import Reference
from workbench.backtest.sizing import Sizing
from workbench.backtest.stops import Stops
from workbench.costs import fees, slippage
from workbench.costs.costs import Costs
from workbench.costs.financing import Financing
from workbench.kernels import book as b
from workbench.kernels.codes import DIVIDEND, FUNDING, SPLIT, YEARS, Market
from workbench.kernels.simulate import simulate

STATUS = {
    b.WORKING: "working",
    b.FILLED: "filled",
    b.PARTIAL: "partially_filled",
    b.CANCELED: "canceled",
    b.EXPIRED: "expired",
    b.REJECTED: "rejected",
}
KIND = ["market", "loss", "profit", "trail", "liquidation"]


def make_market(seed, bars, n, holes):
    """Bars with gaps, missing bars, days of no volume and limit-up days."""
    rng = np.random.default_rng(seed)
    close = 50 * np.exp(np.cumsum(rng.normal(0, 0.03, (bars, n)), axis=0))
    before = np.vstack([np.full((1, n), 50.0), close[:-1]])
    opened = before * np.exp(rng.normal(0, 0.02, (bars, n)))
    high = np.maximum(opened, close) * (1 + rng.random((bars, n)) * 0.05)
    low = np.minimum(opened, close) * (1 - rng.random((bars, n)) * 0.05)
    volume = np.floor(rng.random((bars, n)) * 2_000)
    locked = rng.random((bars, n)) < holes / 2
    for price in (opened, high, low):
        price[locked] = close[locked]
    volume[rng.random((bars, n)) < holes] = 0.0
    missing = rng.random((bars, n)) < holes
    for field in (opened, high, low, close, volume):
        field[missing] = np.nan
    return Market(opened, high, low, close, volume)


def make_events(seed, bars, n):
    """Weekends, dividends, funding and splits, some on missing bars."""
    rng = np.random.default_rng(seed + 2)
    events = np.zeros((bars, n, 4))
    events[:, :, YEARS] = rng.choice([1.0, 3.0, 30.0], (bars, 1)) / 365
    rare = rng.random((3, bars, n)) < 0.15
    events[:, :, FUNDING] = np.where(rare[0], rng.normal(0, 0.01, (bars, n)), 0.0)
    events[:, :, DIVIDEND] = np.where(rare[1], rng.random((bars, n)), 0.0)
    events[:, :, SPLIT] = np.where(rare[2], rng.choice([2.0, 0.5, 1.5, 3.0], (bars, n)), 1.0)
    return events


def make_targets(seed, bars, n, shorts):
    rng = np.random.default_rng(seed + 1)
    choices = [0.0, 1.0 / n, 0.5 / n, 1.0, 0.3] + [-1.0 / n, -0.4, -1.0] * shorts
    targets = rng.choice(choices, (bars, n))
    keep = rng.random((bars, n)) < 0.5
    targets[keep] = np.nan
    return targets


fee_models = st.one_of(
    st.builds(fees.Bps, st.sampled_from([0.0, 10.0, -2.0])),
    st.builds(fees.PerShare, st.just(0.01), st.sampled_from([0.0, 1.0, 40.0])),
    st.just(fees.MakerTaker(-1, 7)),
    st.just(fees.Tiered([(0, 5, 30), (20_000, 2, 12), (80_000, 0, 5)])),
)
slip_models = st.sampled_from(
    [None, slippage.Bps(15), slippage.Fixed(0.07), slippage.VolumeShare(0.2)]
)
costs = st.builds(
    Costs,
    fee=fee_models,
    slippage=slip_models,
    max_participation=st.sampled_from([None, None, 0.05, 0.5]),
    remainder=st.sampled_from(["wait", "expire"]),
    financing=st.builds(
        Financing,
        borrow_bps=st.sampled_from([0.0, 300.0]),
        margin_bps=st.sampled_from([0.0, 700.0]),
        cash_bps=st.sampled_from([0.0, 200.0, -50.0]),
        liquidation_bps=st.sampled_from([0.0, 25.0]),
    ),
)
sizings = st.builds(
    Sizing,
    lot=st.sampled_from([0.0, 1.0, 0.1]),
    at=st.sampled_from(["fill", "decision"]),
    cash_buffer=st.sampled_from([0.0, 0.02]),
    rebalance=st.sampled_from(["on_change", "always", "week", "month"]),
    drift=st.sampled_from([None, None, 0.05]),
    leverage=st.sampled_from([1.0, 1.0, 2.0, 0.5]),
    overdraw=st.sampled_from(["fill", "trim"]),
    min_notional=st.sampled_from([0.0, 0.0, 900.0, 4_000.0]),
    maintenance=st.sampled_from([0.0, 0.0, 0.25, 0.45, 0.49]),
)
stops = st.builds(
    Stops,
    loss=st.sampled_from([None, 0.02, 0.1]),
    profit=st.sampled_from([None, 0.03, 0.1]),
    trail=st.sampled_from([None, 0.03, 0.1]),
)


limits = st.builds(
    Limit,
    st.sampled_from([0.0, 0.005, 0.02, 0.05]),
    good_for=st.sampled_from([1, 2, 5, 20]),
    touch=st.booleans(),
)


def ran_by_kernel(market, targets, cash, choices, fill="next_open"):
    """Run through `Simulation`, which knows the calendar"""
    sizing = choices[1]
    index = pd.date_range("2024-01-01", periods=len(targets), tz="UTC", name="time")
    facts = {"timeframe": "1d", "calendar": "24/7"}
    bars = pd.DataFrame(index=index)
    names = tuple(map(str, range(targets.shape[1])))
    terms = terms_of(*choices, fill)
    return Simulation(bars, market, names, cash, terms, facts, (), sizing.every).run(targets)


def ends_of(every, count):
    """The last day of each week or month, told by the day after alone."""
    days = [d.date() for d in pd.date_range("2024-01-01", periods=count + 1)]
    key = {"week": lambda d: d.isocalendar()[:2], "month": lambda d: (d.year, d.month)}.get(every)
    return [key is None or key(a) != key(b) for a, b in pairwise(days)]


def restate(market, targets, cash, choices, fill):
    costs, sizing, stops = choices
    ends = ends_of(sizing.every, len(targets))
    run = Reference(
        cash=cash,
        costs=costs,
        sizing=sizing,
        stops=stops,
        at_close=fill == "close",
        entry=fill if isinstance(fill, Limit) else None,
    )
    for t in range(len(targets)):
        rows = [tuple(field[t, j] for field in market[:5]) for j in range(targets.shape[1])]
        events = market.events[t].tolist() if len(market.events) else ()
        run.step(rows, targets[t].tolist(), ends[t], events)
    return run


def compare(ran, run, cash):
    close = {"rtol": 1e-9, "atol": 1e-9 * cash}
    np.testing.assert_allclose(ran.equity, run.equity, **close)
    np.testing.assert_allclose(ran.cash, run.purse, **close)
    np.testing.assert_allclose(ran.units, run.units, rtol=1e-9, atol=1e-7)
    assert len(ran.fills) == len(run.executions)
    for mine, theirs in zip(ran.fills, run.executions, strict=True):
        assert (mine["bar"], mine["symbol"], mine["side"], mine["order"], bool(mine["both"])) == (
            theirs.bar,
            theirs.symbol,
            theirs.side,
            theirs.ticket,
            theirs.both,
        )
        for name in ("quantity", "price", "fee", "slippage"):
            assert mine[name] == pytest.approx(getattr(theirs, name), rel=1e-9, abs=1e-7)
    assert ran.small == run.small
    assert len(ran.orders) == len(run.tickets)
    for mine, theirs in zip(ran.orders, run.tickets, strict=True):
        assert (mine["bar"], mine["symbol"], mine["side"]) == (
            theirs.bar,
            theirs.symbol,
            theirs.side,
        )
        assert KIND[mine["kind"]] == theirs.kind
        assert STATUS[mine["status"]] == theirs.status
        for name in ("quantity", "target", "filled", "level"):
            assert mine[name] == pytest.approx(
                getattr(theirs, name), rel=1e-9, abs=1e-7, nan_ok=True
            )


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    seed=st.integers(0, 10**6),
    bars=st.integers(2, 40),
    n=st.integers(1, 4),
    holes=st.sampled_from([0.0, 0.1, 0.4]),
    shorts=st.booleans(),
    choices=st.tuples(costs, sizings, stops),
    fill=st.one_of(st.sampled_from(["next_open", "close"]), limits),
    has_events=st.booleans(),
)
def test_kernel_and_reference_agree(seed, bars, n, holes, shorts, choices, fill, has_events):
    market = make_market(seed, bars, n, holes)
    if has_events:
        market = market._replace(events=make_events(seed, bars, n))
    targets = make_targets(seed, bars, n, shorts)
    cash = 10_000.0
    ran = ran_by_kernel(market, targets, cash, choices, fill)
    compare(ran, restate(market, targets, cash, choices, fill), cash)


def invariants(market, ran, cash):
    """What must hold on any tape, whoever wrote it."""
    signed = ran.fills["side"] * ran.fills["quantity"]
    paid = np.sum(signed * ran.fills["price"]) + np.sum(ran.fills["fee"])
    assert ran.cash[-1] == pytest.approx(cash - paid, rel=1e-9, abs=1e-6)
    for j in range(ran.units.shape[1]):
        held = signed[ran.fills["symbol"] == j].sum()
        assert ran.units[-1, j] == pytest.approx(held, abs=1e-7)
    filled = np.zeros(len(ran.orders))
    np.add.at(filled, ran.fills["order"], ran.fills["quantity"])
    np.testing.assert_allclose(filled, ran.orders["filled"], atol=1e-7)
    assert (ran.fills["quantity"] > 0).all()
    for fill in ran.fills:
        assert not np.isnan(market.open[fill["bar"], fill["symbol"]])
    assert (ran.orders["bar"][ran.fills["order"]] <= ran.fills["bar"]).all()


@settings(max_examples=150, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    n=st.integers(1, 4),
    choices=st.tuples(
        # A least fee can be more than a sale brings in, and closing is always possible.
        costs.filter(lambda drawn: not getattr(drawn.fee, "minimum", 0)),
        st.builds(Sizing, lot=st.sampled_from([0.0, 1.0])),
        stops,
    ),
)
def test_long_only_at_the_fill_never_overdraws(seed, n, choices):
    market, targets = make_market(seed, 40, n, 0.1), make_targets(seed, 40, n, False)
    ran = simulate(market, targets, 10_000.0, terms_of(*choices))
    invariants(market, ran, 10_000.0)
    assert ran.cash.min() >= -1e-5


@settings(max_examples=100, deadline=None)
@given(seed=st.integers(0, 10**6), cut=st.integers(1, 39), choices=st.tuples(costs, sizings, stops))
def test_the_past_does_not_know_the_future(seed, cut, choices):
    market, targets = make_market(seed, 40, 2, 0.1), make_targets(seed, 40, 2, True)
    market = market._replace(events=make_events(seed, 40, 2))
    whole = ran_by_kernel(market, targets, 10_000.0, choices)
    part = Market(*(np.ascontiguousarray(field[:cut]) for field in market))
    short = ran_by_kernel(part, np.ascontiguousarray(targets[:cut]), 10_000.0, choices)
    np.testing.assert_array_equal(short.equity, whole.equity[:cut])
    np.testing.assert_array_equal(short.fills, whole.fills[whole.fills["bar"] < cut])
