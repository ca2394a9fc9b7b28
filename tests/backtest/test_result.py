"""The result: frames, findings, the card, the ledger, and the way to disk and back."""

import numpy as np
import pandas as pd
import pytest

import workbench as wb
from workbench.backtest.engine import backtest, prepare
from workbench.backtest.result import RunRecord, assemble
from workbench.backtest.saved import load_run
from workbench.errors import DataError, UsageError
from workbench.runs.ledger import Ledger
from workbench.strategy.base import Strategy


class Held(Strategy):
    """Long two bars of three."""

    weight: float = 1.0

    def targets(self, bars):
        wanted = (np.arange(len(bars)) % 3 < 2) * self.weight
        return pd.Series(wanted, index=bars.index)


def make_bars(n=60, seed=1, spread=0.01):
    rng = np.random.default_rng(seed)
    close = 50 * np.exp(np.cumsum(rng.normal(0, 0.02, n)))
    opened = np.concatenate(([50.0], close[:-1]))
    index = pd.date_range("2024-01-01", periods=n, freq="D", tz="UTC", name="time")
    bars = pd.DataFrame(
        {
            "open": opened,
            "high": np.maximum(opened, close) * (1 + spread),
            "low": np.minimum(opened, close) * (1 - spread),
            "close": close,
            "volume": 1e6,
        },
        index=index,
    )
    bars.attrs = {"timeframe": "1d", "calendar": "24/7", "symbol": "A", "source": "test"}
    return bars


@pytest.fixture
def workspace(tmp_path, monkeypatch):
    monkeypatch.setenv("WORKBENCH_HOME", str(tmp_path))
    return tmp_path


@pytest.fixture(scope="module")
def result():
    costs = wb.Costs(fee=wb.fees.Bps(10), slippage_bps=5)
    return backtest(Held(), make_bars(), costs=costs, record=False)


def test_columns_are_those_of_the_contract(result):
    assert " ".join(result.orders) == (
        "order_id time symbol side type quantity target limit_price stop_price status filled "
        "average_price"
    )
    assert " ".join(result.fills) == "time symbol side quantity price fee slippage order_id"
    assert " ".join(result.round_trips) == (
        "symbol side entry_time exit_time entry_price exit_price quantity pnl return bars fees "
        "path_dependent carried"
    )


def test_frames_hang_together(result):
    fills, orders = result.fills, result.orders
    assert (fills["quantity"] > 0).all()
    assert set(fills["order_id"]) <= set(orders["order_id"])
    assert orders["order_id"].is_unique
    signed = fills["quantity"].where(fills["side"] == "buy", -fills["quantity"])
    spent = (signed * fills["price"]).sum() + fills["fee"].sum()
    assert result.cash_held.iloc[-1] == pytest.approx(result.cash - spent, abs=1e-6)
    worth = result.cash_held + result.positions["A"] * result.bars["close"]
    pd.testing.assert_series_equal(result.equity, worth, check_names=False)
    trips = pd.concat([result.round_trips, result.open_round_trips])
    assert trips["pnl"].sum() == pytest.approx(result.equity.iloc[-1] - result.cash)
    assert trips["fees"].sum() == pytest.approx(fills["fee"].sum())


def test_curves_hang_together(result):
    assert (1 + result.returns).prod() * result.cash == pytest.approx(result.equity.iloc[-1])
    assert result.drawdown.min() == pytest.approx(result.stats["max_drawdown"])
    assert (result.drawdown <= 0).all()


def test_both_stops_inside_a_bar_give_a_band():
    stops = wb.Stops(loss=0.005, profit=0.005)
    wild = backtest(Held(), make_bars(spread=0.05), stops=stops, record=False)
    dependent = int(wild.round_trips["path_dependent"].sum())
    assert dependent > 0
    assert wild.best_equity.iloc[-1] > wild.equity.iloc[-1]
    said = [text for text in wild.findings if "inside one bar" in text]
    assert said[0].startswith(f"{dependent} round trips")
    legs = wild.orders[wild.orders["type"] != "market"]
    assert legs["order_id"].str.endswith(("-loss", "-profit")).all()
    assert wild.orders["order_id"].is_unique


def test_without_stops_there_is_no_band(result):
    assert result.best_equity is None
    assert not result.round_trips["path_dependent"].any()


def test_findings_tell_what_matters():
    bars = make_bars()
    open_end = backtest(Held(), bars.iloc[:5], record=False).findings
    assert "open at the end and valued at the last close: A" in open_end
    assert any("closed round trip" in text for text in open_end)
    gaps = bars.copy()
    gaps["open"] = gaps["high"] = gaps["high"] * 1.1
    late = backtest(Held(), gaps, sizing=wb.Sizing(at="decision"), record=False).findings
    assert any("overdrawn" in text for text in late)
    never = backtest(Held(), bars, sizing=wb.Sizing(lot=1e12), record=False).findings
    assert any("nothing was ever filled" in text for text in never)
    assert not any("nothing was ever filled" in text for text in open_end)
    much = backtest(Held(weight=3.0), bars, record=False).findings
    assert any("trimmed" in text for text in much)


def test_the_card_is_safe_and_whole(result):
    html = result._repr_html_()
    assert "<svg" in html
    assert "next open" in html
    assert "<script" not in html
    assert "Held(weight=1.0)" in html
    assert "total return" in repr(result)


def test_a_trial_is_counted_once(workspace):
    bars = make_bars()
    for _ in range(2):
        backtest(Held(), bars)
    backtest(Held(weight=0.5), bars)
    backtest(Held(weight=0.25), bars, record=False)
    assert Ledger.open().count("Held") == 2


def test_a_ledger_that_cannot_be_written_is_a_finding(workspace):
    (workspace / "data").write_text("in the way")
    found = backtest(Held(), make_bars())
    assert any(text.startswith("not counted") for text in found.findings)
    assert found.stats["bars"] == 60


def test_the_path_of_a_saved_run_loads_it(tmp_path):
    result = wb.backtest(wb.strategies.SmaCross(), wb.bars("IBM", start="2011"), record=False)
    path = result.save(tmp_path)
    assert load_run(path).fills.equals(result.fills)


def test_saved_and_read_back_it_is_the_same(workspace):
    stops = wb.Stops(loss=0.005, profit=0.005)
    costs = wb.Costs(fee=wb.fees.PerShare(0.01))
    before = backtest(Held(), make_bars(spread=0.05), stops=stops, costs=costs, record=False)
    path = before.save()
    after = load_run(path.name)
    assert after.manifest == before.manifest
    assert after.strategy == before.strategy
    assert after.findings == before.findings
    for name in ("orders", "fills", "round_trips", "positions", "targets", "bars"):
        pd.testing.assert_frame_equal(getattr(after, name), getattr(before, name), check_freq=False)
    for name in ("stats", "equity", "best_equity", "cash_held"):
        pd.testing.assert_series_equal(
            getattr(after, name), getattr(before, name), check_freq=False
        )
    assert load_run(path.name).save() == path


def test_an_unknown_run_and_a_run_without_a_result(workspace):
    from workbench.runs import registry

    before = backtest(Held(), make_bars(), record=False)
    with pytest.raises(UsageError, match="no such run"):
        load_run("backtest-nothing")
    registry.save(before.manifest, {"stats": before.stats})
    with pytest.raises(DataError, match="without bars, equity"):
        load_run(before.manifest.run_id)


def test_assembled_from_frames_it_is_the_same(result):
    again = assemble(
        RunRecord(
            kind="replay",
            strategy=result.strategy,
            bars=result.bars,
            symbols=result.symbols,
            cash=result.cash,
            choices=result.choices,
            equity=result.equity,
            cash_held=result.cash_held,
            positions=result.positions,
            targets=result.targets,
            orders=result.orders,
            fills=result.fills,
        )
    )
    pd.testing.assert_series_equal(again.stats, result.stats)
    pd.testing.assert_frame_equal(again.round_trips, result.round_trips)
    assert again.kind == "replay"


def test_a_manifest_tells_the_conventions():
    manifest = prepare(make_bars()).result(Held(), np.ones(60)).manifest
    assert manifest.conventions["fill"] == "next_open"
    assert manifest.conventions["periods_per_year"] == 365
    assert manifest.data.bars == 60


def test_plots(result):
    pytest.importorskip("bokeh")
    assert result.plot() is not None
    assert result.plot(theme="dark") is not None


def test_tearsheet(result, tmp_path):
    path = result.tearsheet(tmp_path / "sheet.html")
    text = path.read_text()
    assert "Held" in text
