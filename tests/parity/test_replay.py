"""A replay is the backtest: the same orders and fills, row by row, to the bit."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from sqlalchemy import select

import workbench as wb
from workbench.config import RiskLimits
from workbench.errors import UsageError
from workbench.live.replay.compare import compare
from workbench.store import tables
from workbench.store.migrate import open_database
from workbench.trading.journal import Journal

FEES = wb.Costs(fee=wb.fees.PerShare(0.005, minimum=1.0), slippage_bps=5)
CAPPED = wb.Costs(fee=wb.fees.Bps(10), max_participation=0.0005)
IMPACT = wb.Costs(
    fee=wb.fees.MakerTaker(1, 3), slippage=wb.slippage.VolumeShare(0.1), max_participation=0.01
)
STOPS = wb.Stops(loss=0.05, profit=0.08)
TRAIL = wb.Stops(trail=0.07, profit=0.2)

SINGLE = [
    wb.strategies.SmaCross(fast=5, slow=20),
    wb.strategies.RsiReversion(),
    wb.strategies.DonchianBreakout(),
]
CHOICES = {
    "plain": {},
    "costs": {"costs": FEES},
    "whole shares": {"costs": FEES, "sizing": wb.Sizing(lot=1)},
    "stops": {"stops": STOPS},
    "trailing stop, costs": {"stops": TRAIL, "costs": FEES, "sizing": wb.Sizing(lot=1)},
    "participation": {"costs": CAPPED, "cash": 10_000_000, "stops": STOPS},
    "expiring rest": {
        "costs": wb.Costs(max_participation=0.0005, remainder="expire"),
        "cash": 10_000_000,
    },
    "impact": {"costs": IMPACT, "cash": 5_000_000, "sizing": wb.Sizing(lot=1)},
    "at the decision": {"sizing": wb.Sizing(lot=1, at="decision"), "costs": FEES},
    "at the decision, trimmed": {"sizing": wb.Sizing(at="decision", overdraw="trim")},
    "always": {"sizing": wb.Sizing(rebalance="always", cash_buffer=0.02), "costs": FEES},
    "least notional": {
        "sizing": wb.Sizing(rebalance="always", min_notional=500.0),
        "costs": FEES,
    },
    "least notional at the decision": {
        "sizing": wb.Sizing(drift=0.001, min_notional=500.0, at="decision"),
        "costs": FEES,
    },
    "drift": {"sizing": wb.Sizing(drift=0.03)},
    "by the week": {"sizing": wb.Sizing(rebalance="week", lot=1), "costs": FEES},
    "at a limit": {
        "fill": wb.Limit(0.005, good_for=4),
        "costs": wb.Costs(fee=wb.fees.MakerTaker(-1, 3)),
        "stops": wb.Stops(loss=0.03, profit=0.02, trail=0.04),
        "sizing": wb.Sizing(lot=1),
    },
    "at a limit, participation": {
        "fill": wb.Limit(0.002, good_for=6, touch=True),
        "cash": 10_000_000,
        "costs": CAPPED,
        "stops": STOPS,
    },
    "at a limit, every bar": {
        "fill": wb.Limit(0.01),
        "sizing": wb.Sizing(rebalance="always", at="decision"),
    },
    "at the close": {"fill": "close", "costs": FEES, "stops": STOPS},
    "at the close, participation": {"fill": "close", "costs": CAPPED, "cash": 20_000_000},
}


def assert_same(strategy, bars, **choices):
    tested = wb.backtest(strategy, bars, record=False, **choices)
    replayed = wb.replay(strategy, bars, **choices)
    comparison = compare(tested, replayed)
    assert comparison.ok, str(comparison)
    assert tested._run.small == replayed._run.small
    assert len(tested.fills)  # a parity of nothing would prove nothing
    pd.testing.assert_frame_equal(tested.orders, replayed.orders, check_exact=True)
    pd.testing.assert_frame_equal(tested.fills, replayed.fills, check_exact=True)
    pd.testing.assert_series_equal(tested.equity, replayed.equity, check_exact=True)
    pd.testing.assert_frame_equal(tested.positions, replayed.positions, check_exact=True)
    pd.testing.assert_frame_equal(tested.round_trips, replayed.round_trips, check_exact=True)
    pd.testing.assert_frame_equal(tested.targets, replayed.targets, check_exact=True)
    return tested, replayed


@pytest.fixture(scope="module")
def panel():
    return wb.bars(["AAPL", "GOOG", "IBM", "MSFT"], start="2009-12", end="2011")


@pytest.mark.parametrize("choices", CHOICES.values(), ids=CHOICES)
@pytest.mark.parametrize("strategy", SINGLE, ids=lambda s: s.name)
def test_one_symbol(strategy, choices):
    assert_same(strategy, wb.bars("AAPL", start="2008-08", end="2009-08"), **choices)


@pytest.mark.parametrize("symbol", ["GOOG", "IBM", "MSFT"])
def test_every_sample_symbol(symbol):
    assert_same(SINGLE[0], wb.bars(symbol, start="2010"), costs=FEES, stops=TRAIL)


@pytest.mark.parametrize(
    "choices",
    [{}, {"costs": FEES, "sizing": wb.Sizing(lot=1)}, {"stops": STOPS, "costs": FEES},
     {"sizing": wb.Sizing(rebalance="always"), "costs": FEES, "cash": 1_000_000},
     {"sizing": wb.Sizing(rebalance="month"), "stops": STOPS},
     {"sizing": wb.Sizing(rebalance="week", drift=0.01), "costs": FEES},
     {"fill": wb.Limit(0.005, good_for=9), "stops": STOPS, "costs": FEES}],
    ids=["plain", "costs", "stops", "always", "month", "week and drift", "limit"],
)  # fmt: skip
def test_many_symbols_on_one_account(panel, choices):
    assert_same(wb.strategies.Momentum(), panel, **choices)


FINANCED = wb.Costs(
    fee=wb.fees.Bps(3),
    financing=wb.financing.Financing(borrow_bps=300, margin_bps=600, cash_bps=150),
)


def eventful(bars, seed=4):
    """Bars with splits, dividends and funding at random, some of them on missing bars."""
    rng = np.random.default_rng(seed)
    bars = bars.copy()
    bars.attrs = {**bars.attrs, "adjustment": "none"}
    for symbol in bars["close"].columns:
        hits = rng.random((3, len(bars))) < 0.04
        bars["split", symbol] = np.where(hits[0], rng.choice([2.0, 0.5, 1.5], len(bars)), np.nan)
        bars["dividend", symbol] = np.where(hits[1], 0.3, 0.0)
        bars["funding", symbol] = np.where(hits[2], 0.002, 0.0)
        bars.loc[rng.random(len(bars)) < 0.05, [c for c in bars if c[1] == symbol][:5]] = np.nan
    return bars


@pytest.mark.parametrize(
    "choices",
    [{}, {"stops": STOPS, "sizing": wb.Sizing(lot=1)},
     {"sizing": wb.Sizing(at="decision", leverage=2)}, {"fill": "close", "stops": TRAIL}],
    ids=["plain", "stops", "at the decision", "at the close"],
)  # fmt: skip
def test_what_is_carried(panel, choices, tmp_path):
    bars = eventful(panel)
    tested, replayed = assert_same(Rotation(), bars, costs=FINANCED, **choices)
    pd.testing.assert_frame_equal(tested.carry, replayed.carry, check_exact=True)
    assert (tested.carry.abs().sum()[["cash", "funding", "dividend"]] > 0).all()
    assert tested.findings == replayed.findings


def test_carried_orders_go_through_splits(panel):
    costs = wb.Costs(fee=wb.fees.Bps(3), max_participation=0.0005, financing=FINANCED.financing)
    bars = eventful(panel, 6)
    assert_same(Rotation(), bars, costs=costs, cash=50_000_000, stops=STOPS)


class Levered(wb.Strategy):
    """More than there is, in turns, now long and now short."""

    every: int = wb.param(11, low=1)

    def targets(self, bars):
        close = bars["close"]
        columns = [close.name] if isinstance(close, pd.Series) else close.columns
        turn = (np.arange(len(close))[:, None] // self.every + np.arange(len(columns))) % 3
        values = np.array([3.8, -3.6, 3.4])[turn] / len(columns)
        if isinstance(close, pd.Series):
            return pd.Series(values[:, 0], close.index)
        return pd.DataFrame(values, index=close.index, columns=columns)


WIDE = wb.Stops(loss=0.2, profit=0.1)
CALLED = wb.Costs(
    fee=wb.fees.PerShare(0.005, minimum=1.0),
    slippage_bps=5,
    financing=wb.financing.Financing(liquidation_bps=30, margin_bps=500),
)


@pytest.mark.parametrize(
    "choices",
    [{}, {"stops": WIDE, "sizing": wb.Sizing(leverage=4, maintenance=0.24, lot=1)},
     {"fill": wb.Limit(0.003, good_for=4), "stops": wb.Stops(trail=0.2)}, {"fill": "close"},
     {"sizing": wb.Sizing(leverage=4, maintenance=0.24, rebalance="always", at="decision")}],
    ids=["plain", "stops", "limit", "close", "always at the decision"],
)  # fmt: skip
@pytest.mark.parametrize("symbols", ["AAPL", ["AAPL", "GOOG", "IBM", "MSFT"]], ids=["one", "four"])
def test_forced_liquidations(symbols, choices):
    choices = {"sizing": wb.Sizing(leverage=4, maintenance=0.24), "costs": CALLED, **choices}
    bars = wb.bars(symbols, start="2008-09", end="2009-03")
    tested, replayed = assert_same(Levered(), bars, **choices)
    assert tested.orders["order_id"].str.endswith("-liquidation").any()
    assert tested.findings == replayed.findings
    assert any("liquidated" in text for text in tested.findings)


def test_liquidations_wait_for_volume_and_prices(panel):
    costs = wb.Costs(fee=wb.fees.Bps(3), max_participation=0.01, financing=CALLED.financing)
    sizing = wb.Sizing(leverage=4, maintenance=0.24)
    tested, _ = assert_same(Levered(), eventful(panel), costs=costs, sizing=sizing, cash=20_000_000)
    counts = tested.fills["order_id"].value_counts()
    assert counts[counts.index.str.endswith("-liquidation")].max() > 1


def test_shorts_pay_what_longs_receive():
    bars = eventful(wb.bars(["AAPL", "MSFT"], start="2008", end="2010"))
    tested, replayed = assert_same(wb.strategies.Pairs(), bars, costs=FINANCED, stops=STOPS)
    assert tested.carry["borrow"].sum() < 0
    assert (
        tested.financing
        == replayed.financing
        == pytest.approx(tested.carry["dividend"].sum() - tested.carry.iloc[:, :5].sum().sum())
    )


def test_the_journal_keeps_what_was_booked(panel, tmp_path):
    wb.replay(Rotation(), eventful(panel), costs=FINANCED, database=tmp_path / "kept.db")
    database = open_database(f"sqlite:///{tmp_path / 'kept.db'}")
    with database.read() as connection:
        book = connection.execute(select(tables.events.c.book).limit(1)).scalar_one()
    journal = Journal(database, book)
    journal.verify()
    kinds = {posting.kind.value for posting in journal.load().postings.values()}
    journal.close()
    database.close()
    assert {"cash", "split", "dividend", "funding"} <= kinds


def test_pairs_go_short():
    bars = wb.bars(["AAPL", "MSFT"], start="2008", end="2010")
    tested, _ = assert_same(wb.strategies.Pairs(), bars, costs=FEES, stops=STOPS)
    assert (tested.positions < 0).any().any()


@pytest.mark.parametrize(
    ("stops", "costs"),
    [(STOPS, {"max_participation": 0.0003}), (wb.Stops(loss=0.02, profit=0.015), {})],
    ids=["participation", "tight stops"],
)
def test_pairs_enter_at_a_limit(stops, costs):
    bars = wb.bars(["AAPL", "MSFT"], start="2008", end="2009-03")
    choices = {"stops": stops, "costs": wb.Costs(slippage_bps=5, **costs), "cash": 5_000_000}
    entry = wb.Limit(0.004, good_for=6)
    tested, _ = assert_same(wb.strategies.Pairs(), bars, fill=entry, **choices)
    assert (tested.positions < 0).any().any()
    if not costs:  # what the path inside a bar decides is told alike by both
        assert tested.round_trips["path_dependent"].any()
        assert tested.best_equity.iloc[-1] > tested.equity.iloc[-1]


def test_bars_with_gaps(panel):
    generator = np.random.default_rng(5)
    holed = panel.copy()
    for symbol in ("AAPL", "IBM"):
        rows = generator.choice(len(holed), 60, replace=False)
        holed.iloc[rows, [i for i, c in enumerate(holed.columns) if c[1] == symbol]] = np.nan
    assert_same(Rotation(), holed, costs=FEES, stops=STOPS)


class Rotation(wb.Strategy):
    """Moves between the symbols on a fixed calendar, so that gaps meet decisions."""

    every: int = wb.param(7, low=1)

    def targets(self, bars):
        close = bars["close"]
        turn = (np.arange(len(close)) // self.every) % close.shape[1]
        values = (turn[:, None] == np.arange(close.shape[1])[None, :]).astype(float)
        return pd.DataFrame(values, index=close.index, columns=close.columns)


class Rising(wb.EventStrategy):
    """Long after a rising bar, flat after a falling one."""

    def on_bar(self, bar):
        return wb.Signal(bar.symbol, "buy" if bar.close > bar.open else "flat", 0.5)


class RisingTargets(wb.Strategy):
    def targets(self, bars):
        return (bars["close"] > bars["open"]).astype(float) * 0.5


def test_a_strategy_on_events_fills_like_its_twin_on_bars():
    bars = wb.bars("MSFT", start="2011")
    tested = wb.backtest(RisingTargets(), bars, costs=FEES, record=False)
    replayed = wb.replay(Rising(), bars, costs=FEES)
    assert compare(tested, replayed).ok


class Patient(wb.EventStrategy):
    def on_bar(self, bar):
        return wb.Signal(bar.symbol, "buy", 1.0, limit_price=Decimal(str(bar.low)))


def test_a_limit_price_is_never_passed():
    bars = wb.bars("MSFT", start="2011", end="2011-03")
    result = wb.replay(Patient(), bars)
    assert len(result.fills) == 1
    assert (result.orders["type"] == "limit").all()
    assert result.fills["price"].iloc[0] <= result.orders["limit_price"].iloc[0]


def test_limits_refuse_and_the_findings_say_so():
    bars = wb.bars("AAPL", start="2010", end="2011")
    free = wb.replay(SINGLE[0], bars)
    held = wb.replay(SINGLE[0], bars, limits=RiskLimits(max_order_notional=1_000.0))
    assert len(free.fills) > 0
    assert len(held.fills) == 0
    assert any("risk gate refused" in text for text in held.findings)
    comparison = compare(free, held)
    assert not comparison.ok
    assert "order" in comparison.first


def test_the_first_difference_is_named():
    bars = wb.bars("AAPL", start="2010", end="2011")
    one = wb.backtest(SINGLE[0], bars, record=False)
    other = wb.replay(SINGLE[0], bars, costs=wb.Costs(slippage_bps=1))
    comparison = compare(one, other)
    assert comparison.first.startswith("order 0: quantity is")
    assert comparison.table.loc["fills", "different"] == len(one.fills)


def test_the_strategy_sees_nothing_later():
    seen = []

    class Spy(wb.Strategy):
        def targets(self, bars):
            seen.append(len(bars))
            return bars["close"] * 0

    bars = wb.bars("IBM", start="2012-11")
    wb.replay(Spy(), bars)
    assert seen == list(range(1, len(bars) + 1))


@pytest.mark.parametrize("bad", ["sma", None, wb.strategies.SmaCross, object()])
def test_only_strategies_are_replayed(bad):
    with pytest.raises(UsageError):
        wb.replay(bad, wb.bars("IBM", start="2012-11"))
