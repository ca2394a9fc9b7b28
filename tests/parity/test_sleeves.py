"""Several strategies on one account: a replay is the backtest, the books add up, to the bit."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

import workbench as wb
from workbench.live.replay.compare import compare
from workbench.store import tables
from workbench.store.migrate import open_database
from workbench.trading.journal import Journal

FEES = wb.Costs(fee=wb.fees.PerShare(0.005, minimum=1.0), slippage_bps=5)
CAPPED = wb.Costs(fee=wb.fees.Bps(10), max_participation=0.0005)
FINANCED = wb.Costs(
    fee=wb.fees.Bps(3),
    financing=wb.financing.Financing(borrow_bps=300, margin_bps=600, cash_bps=150),
)
IMPACT = wb.Costs(slippage=wb.slippage.VolumeShare(0.1), max_participation=0.001)
STOPS = wb.Stops(loss=0.05, profit=0.08)
CHOICES = {
    "costs": {"costs": FEES, "sizing": wb.Sizing(lot=1)},
    "participation and stops": {"costs": CAPPED, "stops": STOPS, "cash": 20_000_000},
    "impact": {"costs": IMPACT, "cash": 20_000_000, "stops": wb.Stops(trail=0.07)},
    "financing": {"costs": FINANCED, "sizing": wb.Sizing(leverage=2)},
    "month": {"sizing": wb.Sizing(rebalance="month"), "stops": STOPS, "costs": FEES},
    "always": {"sizing": wb.Sizing(rebalance="always", at="decision", lot=1)},
    "at the close": {"fill": "close", "costs": FEES, "stops": STOPS},
    "at a limit": {"fill": wb.Limit(0.005, good_for=4), "costs": FEES, "stops": STOPS},
}
MIXED = wb.Sleeves(
    strategies={
        "trend": wb.strategies.SmaCross(fast=5, slow=20),
        "pairs": wb.strategies.Pairs(window=20, entry=1.0),
        "dip": wb.strategies.RsiReversion(),
    },
    shares={"trend": 0.5, "pairs": 0.3, "dip": 0.2},
)


class Drawn(wb.Strategy):
    """Targets drawn once and for all: the same for a bar however many follow it."""

    seed: int = wb.param(0, low=0)

    def targets(self, bars):
        close = bars["close"]
        width = close.shape[1] if close.ndim == 2 else 1
        draws = np.random.default_rng(self.seed).random((len(close), width, 2))
        values = np.round(draws[..., 0] * 2.2 - 1.1, 1) / width
        values = np.where(draws[..., 1] < 0.7, np.nan, values)
        if close.ndim == 1:
            return pd.Series(values[:, 0], index=close.index)
        return pd.DataFrame(values, index=close.index, columns=close.columns)


def whole(books, result):
    """Hold the books to the account's, to a billionth of its cash."""
    near = {"rtol": 0, "atol": 1e-9 * result.cash}
    np.testing.assert_allclose(books.equity.sum(axis=1), result.equity, **near)
    np.testing.assert_allclose(books.cash.sum(axis=1), result.cash_held, **near)
    np.testing.assert_allclose(books.pnl.sum(axis=1), result.equity - result.cash, **near)
    for name in ("fees", "slippage", "end_equity"):
        np.testing.assert_allclose(books.stats.loc[name].sum(), result.stats[name], **near)
    names = [symbol.rpartition("/")[2] for symbol in result.symbols]
    account = result.positions.set_axis(names, axis=1).T.groupby(level=0).sum().T
    own = books.positions.T.groupby(level="symbol").sum().T
    np.testing.assert_allclose(own[account.columns], account, rtol=1e-9, atol=1e-6)
    units = books.fills["quantity"].where(books.fills["side"] == "buy", -books.fills["quantity"])
    traded = result.fills["quantity"].where(
        result.fills["side"] == "buy", -result.fills["quantity"]
    )
    np.testing.assert_allclose(
        (units * books.fills["price"]).sum(), (traded * result.fills["price"]).sum(), **near
    )


def assert_same(strategy, bars, **choices):
    tested = wb.backtest(strategy, bars, record=False, **choices)
    replayed = wb.replay(strategy, bars, **choices)
    comparison = compare(tested, replayed)
    assert comparison.ok, str(comparison)
    assert len(tested.fills)
    pd.testing.assert_series_equal(tested.equity, replayed.equity, check_exact=True)
    pd.testing.assert_frame_equal(tested.by_strategy.fills, replayed.by_strategy.fills)
    pd.testing.assert_frame_equal(tested.by_strategy.equity, replayed.by_strategy.equity)
    assert tested.second_opinion().verdict == "agrees"
    whole(tested.by_strategy, tested)
    return tested, replayed


@pytest.fixture(scope="module")
def pair():
    return wb.bars(["AAPL", "MSFT"], start="2008-10", end="2009-03-15")


@pytest.mark.parametrize("choices", CHOICES.values(), ids=CHOICES)
def test_library_strategies_mixed(pair, choices):
    tested, _ = assert_same(MIXED, pair, **choices)
    assert set(tested.by_strategy.fills["strategy"]) >= {"trend", "pairs"}


@pytest.mark.parametrize("choices", ["costs", "participation and stops"])
def test_library_strategies_netted(pair, choices):
    tested, _ = assert_same(MIXED.replace(net=True), pair, **CHOICES[choices])
    assert set(tested.by_strategy.fills["strategy"]) >= {"trend", "pairs"}


@pytest.mark.parametrize("net", [False, True], ids=["own books", "netted"])
def test_one_symbol(net):
    names = {"a": Drawn(seed=1), "b": Drawn(seed=2)}
    both = wb.Sleeves(strategies=names, net=net)
    tested, _ = assert_same(both, wb.bars("IBM", start="2011-12"), costs=FEES, stops=STOPS)
    assert tested.symbols == (("IBM",) if net else ("a/IBM", "b/IBM"))


@pytest.mark.parametrize("net", [False, True], ids=["own books", "netted"])
@pytest.mark.parametrize("choices", CHOICES.values(), ids=CHOICES)
def test_one_strategy_with_all_of_it_is_that_strategy(pair, choices, net):
    strategy = wb.strategies.Pairs(window=20, entry=1.0)
    alone = wb.backtest(strategy, pair, record=False, **choices)
    sleeve = wb.Sleeves(strategies={"pairs": strategy}, net=net)
    shared = wb.backtest(sleeve, pair, record=False, **choices)
    pd.testing.assert_series_equal(alone.equity, shared.equity, check_exact=True)
    np.testing.assert_array_equal(alone.positions, shared.positions)
    for name in ("time", "side", "quantity", "price", "fee", "slippage"):
        pd.testing.assert_series_equal(alone.fills[name], shared.fills[name], check_exact=True)
    assert alone.stats.equals(shared.stats)
    own = shared.by_strategy
    np.testing.assert_allclose(own.equity["pairs"], alone.equity, rtol=1e-12)
    pd.testing.assert_frame_equal(
        own.round_trips.drop(columns="strategy"), alone.round_trips, rtol=1e-9
    )


def test_together_they_never_take_more_than_a_bar_gives(pair):
    costs = wb.Costs(max_participation=0.001)
    twins = wb.Sleeves(strategies={"a": Drawn(seed=3), "b": Drawn(seed=3), "c": Drawn(seed=4)})
    result = wb.backtest(twins, pair, costs=costs, cash=100_000_000, record=False)
    taken = result.by_strategy.fills.groupby(["time", "symbol"])["quantity"].sum()
    given_ = pair["volume"].stack().reindex(taken.index)
    assert (taken <= 0.001 * given_ * (1 + 1e-9)).all()
    assert (taken > 0.0009 * given_).any()  # the cap was met


@pytest.mark.parametrize("net", [False, True], ids=["own books", "netted"])
def test_what_is_carried_is_shared_out(pair, net):
    bars = pair.copy()
    bars.attrs = {**bars.attrs, "adjustment": "none"}
    rng = np.random.default_rng(3)
    for symbol in ("AAPL", "MSFT"):
        hits = rng.random((3, len(bars))) < 0.05
        bars["split", symbol] = np.where(hits[0], rng.choice([2.0, 0.5], len(bars)), np.nan)
        bars["dividend", symbol] = np.where(hits[1], 0.3, 0.0)
        bars["funding", symbol] = np.where(hits[2], 0.002, 0.0)
        bars.loc[rng.random(len(bars)) < 0.04, [c for c in bars if c[1] == symbol][:5]] = np.nan
    drawn = wb.Sleeves(strategies={"a": Drawn(seed=5), "b": Drawn(seed=6)}, net=net)
    tested, _ = assert_same(drawn, bars, costs=FINANCED, stops=STOPS)
    assert (tested.carry.abs().sum()[["borrow", "funding", "dividend"]] > 0).all()
    earned = tested.by_strategy.round_trips["pnl"].sum()
    if not net:
        assert earned == pytest.approx(tested.round_trips["pnl"].sum(), rel=1e-9)


def test_the_journal_names_the_strategy(pair, tmp_path):
    wb.replay(MIXED, pair.iloc[:60], database=tmp_path / "kept.db")
    database = open_database(f"sqlite:///{tmp_path / 'kept.db'}")
    with database.read() as connection:
        book = connection.execute(select(tables.events.c.book).limit(1)).scalar_one()
    journal = Journal(database, book)
    orders = journal.load().orders.values()
    assert {(o.strategy, o.symbol.partition("/")[0]) for o in orders} == {
        (name, name) for name in {o.strategy for o in orders}
    }
    assert "trend" in {o.strategy for o in orders}
    journal.close()
    database.close()


def test_a_run_is_kept_with_its_books(pair, tmp_path):
    result = wb.backtest(MIXED, pair, record=False, costs=FEES)
    loaded = wb.load_run(result.save(tmp_path))
    assert loaded.strategy == MIXED
    pd.testing.assert_frame_equal(loaded.by_strategy.equity, result.by_strategy.equity)
    pd.testing.assert_frame_equal(loaded.by_strategy.fills, result.by_strategy.fills)
    again = wb.backtest(loaded.strategy, loaded.bars, record=False, costs=FEES)
    assert compare(again, result).ok
    plain = wb.backtest(MIXED.members[0], pair, record=False)
    assert result.manifest.data == plain.manifest.data  # the bars that were given
    assert result.manifest.code_hash != plain.manifest.code_hash


def test_it_is_shown(pair, tmp_path):
    result = wb.backtest(MIXED, pair, record=False)
    assert "trend" in result.tearsheet(tmp_path / "sheet.html").read_text(encoding="utf-8")
    assert result.plot(symbol="dip/MSFT") is not None
    assert result.by_strategy._repr_html_().startswith("<table")


@pytest.mark.parametrize("net", [False, True], ids=["own books", "netted"])
def test_it_can_be_checked(pair, net):
    report = wb.check(MIXED.replace(net=net), pair, cuts=8, plant=False)
    assert report.table.loc["leaks", "verdict"] == "ok"
    assert report.table.loc["parity", "verdict"] == "ok"


def test_a_leak_in_one_of_them_is_found(pair):
    class Tomorrow(wb.Strategy):
        def targets(self, bars):
            return (bars["close"].shift(-1) > bars["close"]).astype(float)

    mixed = wb.Sleeves(strategies={"fine": wb.strategies.SmaCross(), "leaky": Tomorrow()})
    assert not wb.check(mixed, pair, cuts=8, plant=False).ok


@settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    seeds=st.lists(st.integers(0, 10_000), min_size=1, max_size=4),
    cuts=st.lists(st.integers(1, 9), min_size=4, max_size=4),
    net=st.booleans(),
    at_close=st.booleans(),
    lot=st.sampled_from([0, 1]),
    costs=st.sampled_from([None, FEES, CAPPED, IMPACT, FINANCED]),
    stops=st.sampled_from([None, STOPS, wb.Stops(trail=0.03)]),
    rebalance=st.sampled_from(["on_change", "always", "week"]),
)
def test_the_books_add_up_whatever_is_drawn(
    seeds, cuts, net, at_close, lot, costs, stops, rebalance
):
    rng = np.random.default_rng(seeds[0])
    index = pd.date_range("2024-01-01", periods=60, tz="UTC", name="time")
    close = 50 * np.exp(rng.normal(0, 0.03, (60, 2)).cumsum(axis=0))
    opened = close * np.exp(rng.normal(0, 0.01, close.shape))
    tops, lows = np.maximum(opened, close) * 1.01, np.minimum(opened, close) * 0.99
    values = np.concatenate([opened, tops, lows, close, rng.integers(0, 900_000, (60, 2))], axis=1)
    values[np.repeat(rng.random((60, 1)) < 0.05, 10, axis=1)] = np.nan
    columns = pd.MultiIndex.from_product([["open", "high", "low", "close", "volume"], ["A", "B"]])
    bars = pd.DataFrame(values, index=index, columns=columns.set_names(["field", "symbol"]))
    names = [f"s{place}" for place in range(len(seeds))]
    weights = np.array(cuts[: len(seeds)]) / sum(cuts[: len(seeds)])
    sleeves = wb.Sleeves(
        strategies={name: Drawn(seed=seed) for name, seed in zip(names, seeds, strict=True)},
        shares=dict(zip(names, weights.tolist(), strict=True)),
        net=net,
    )
    result = wb.backtest(
        sleeves, bars, cash=1_000_000, costs=costs, stops=stops, record=False,
        sizing=wb.Sizing(lot=lot, rebalance=rebalance), fill="close" if at_close else "next_open",
    )  # fmt: skip
    whole(result.by_strategy, result)
    assert result.second_opinion().verdict == "agrees"
