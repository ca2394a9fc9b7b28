"""The second opinion: asked when a run is saved, kept with it, loud where it differs."""

import warnings
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import workbench as wb
from workbench.backtest.agreement import Agreement, check
from workbench.backtest.result import RunRecord, assemble
from workbench.backtest.saved import load_run
from workbench.backtest.terms import read
from workbench.errors import UsageError
from workbench.strategy.base import Strategy


class Blocks(Strategy):
    """Long, flat and short by turns, each symbol shifted."""

    length: int = 7

    def targets(self, bars):
        closes = bars["close"]
        if isinstance(closes, pd.Series):
            closes = closes.to_frame("A")
        turn = np.arange(len(bars))[:, None] // self.length + np.arange(closes.shape[1])
        wanted = np.array([1.0, 0.0, -0.5])[turn % 3] / closes.shape[1]
        frame = pd.DataFrame(wanted, index=bars.index, columns=closes.columns)
        return frame if closes.shape[1] > 1 else frame.iloc[:, 0]


def make_bars(n=90, symbols=("A",), seed=5):
    rng = np.random.default_rng(seed)
    index = pd.date_range("2024-01-01", periods=n, freq="D", tz="UTC", name="time")
    parts = {}
    for symbol in symbols:
        close = 50 * np.exp(np.cumsum(rng.normal(0, 0.02, n)))
        opened = np.concatenate(([50.0], close[:-1])) * np.exp(rng.normal(0, 0.01, n))
        high, low = np.maximum(opened, close) * 1.02, np.minimum(opened, close) * 0.98
        volume = np.floor(rng.random(n) * 5000)
        parts[symbol] = pd.DataFrame(
            {"open": opened, "high": high, "low": low, "close": close, "volume": volume}, index
        )
        parts[symbol].iloc[n // 2] = np.nan
    bars = pd.concat(parts, axis=1, names=["symbol", "field"]).swaplevel(axis=1)
    bars = bars[["open", "high", "low", "close", "volume"]]
    if len(symbols) == 1:
        bars = parts[symbols[0]]
    bars.attrs = {"timeframe": "1d", "calendar": "24/7"}
    return bars


ROUGH = {
    "costs": wb.Costs(
        fee=wb.fees.Tiered([(0, 5, 30), (20_000, 2, 12)]),
        slippage=wb.slippage.VolumeShare(0.2),
        max_participation=0.1,
    ),
    "sizing": wb.Sizing(lot=1, rebalance="always", leverage=1.5),
    "stops": wb.Stops(loss=0.03, profit=0.05, trail=0.04),
}


@pytest.fixture
def workspace(tmp_path, monkeypatch):
    monkeypatch.setenv("WORKBENCH_HOME", str(tmp_path))
    return tmp_path


def falsified(result, **changes):
    """The same result, told with other frames."""
    told = {
        name: getattr(result, name)
        for name in (
            "kind", "strategy", "bars", "symbols", "cash", "choices", "equity", "cash_held",
            "positions", "targets", "orders", "fills",
        )
    }  # fmt: skip
    return assemble(RunRecord(**{**told, "path_dependent": result.path_dependent_fills, **changes}))


@pytest.mark.parametrize("fill", ["next_open", "close"])
@pytest.mark.parametrize("symbols", [("A",), ("A", "B", "C")])
@pytest.mark.parametrize("options", [{}, ROUGH])
def test_an_honest_run_agrees(fill, symbols, options):
    result = wb.backtest(Blocks(), make_bars(symbols=symbols), fill=fill, record=False, **options)
    found = result.second_opinion()
    assert found.verdict == "agrees"
    assert (found.bars, found.of, found.fills) == (90, 90, len(result.fills))
    assert len(result.fills) > 5
    assert found.largest < 1e-9
    assert not any("do not believe" in text for text in result.findings)


def test_saving_asks_and_loading_tells(workspace):
    result = wb.backtest(Blocks(), make_bars(), record=False, **ROUGH)
    assert result.agreement is None
    after = load_run(result.save().name)
    assert result.agreement.verdict == "agrees"
    assert after.agreement == result.agreement
    assert after.findings == result.findings


def test_the_tear_sheet_tells(tmp_path):
    result = wb.backtest(Blocks(), make_bars(), record=False)
    assert "not asked for" in result.tearsheet(tmp_path / "before.html").read_text()
    result.second_opinion()
    assert (
        "the reference agrees on all 90 bars" in result.tearsheet(tmp_path / "a.html").read_text()
    )


def test_a_long_run_is_checked_in_part():
    result = wb.backtest(Blocks(), make_bars(symbols=("A", "B")), record=False)
    found = check(result._run, budget=60)
    assert (found.bars, found.of) == (30, 90)
    assert found.fills == (result.fills["time"] <= result.index[29]).sum() > 0
    assert "the first 30 of 90 bars" in str(found)


def change(series, row, factor):
    values = series.copy()
    values.iloc[row] = values.iloc[row] * factor
    return values


def test_a_falsified_equity_is_saved_loudly_and_names_the_bar(workspace):
    result = wb.backtest(Blocks(), make_bars(), record=False)
    bad = falsified(result, equity=change(result.equity, 40, 1 + 1e-6))
    with pytest.warns(RuntimeWarning, match="DIFFERS, first at 2024-02-10"):
        path = bad.save()
    after = load_run(path.name)
    assert after.agreement.verdict == "differs"
    assert after.agreement.first.startswith("2024-02-10")
    assert "equity off by" in after.agreement.reason
    assert sum("do not believe this run" in text for text in after.findings) == 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        again = load_run(after.save().name)
    assert again.findings == after.findings


def test_a_falsified_fill_is_found():
    result = wb.backtest(Blocks(), make_bars(), record=False)
    fills = result.fills.copy()
    fills.loc[3, "price"] *= 1.001
    with pytest.warns(RuntimeWarning, match="price of a fill of"):
        found = falsified(result, fills=fills).second_opinion()
    assert found.first == str(fills.loc[3, "time"])
    with pytest.warns(RuntimeWarning, match="the reference has"):
        found = falsified(
            result, fills=result.fills.iloc[:-1], path_dependent=None
        ).second_opinion()
    assert found.first == str(result.fills["time"].iloc[-1])


def test_holdings_cash_and_nan_are_compared():
    result = wb.backtest(Blocks(), make_bars(), record=False)
    for changes in (
        {"positions": change(result.positions, 20, 1.001)},
        {"cash_held": change(result.cash_held, 20, 1.001)},
        {"equity": change(result.equity, 20, np.nan)},
    ):
        with pytest.warns(RuntimeWarning, match="2024-01-21"):
            assert falsified(result, **changes).second_opinion().verdict == "differs"


def test_other_targets_than_those_traded_are_found():
    result = wb.backtest(Blocks(), make_bars(), record=False)
    other = wb.backtest(Blocks(length=9), result.bars, record=False)
    with pytest.warns(RuntimeWarning, match="DIFFERS"):
        assert falsified(result, targets=other.targets).second_opinion().verdict == "differs"


def test_a_difference_beyond_the_part_is_not_seen_and_the_part_is_said():
    result = wb.backtest(Blocks(), make_bars(), record=False)
    bad = falsified(result, equity=change(result.equity, 80, 1.1))
    found = check(bad._run, budget=50)
    assert found.verdict == "agrees"
    assert "the first 50 of 90" in str(found)


def test_what_is_no_backtest_or_cannot_be_read_is_not_checked():
    result = wb.backtest(Blocks(), make_bars(), record=False)
    live = falsified(result, kind="live").second_opinion()
    assert str(live) == "not checked by the reference: of the kind 'live', no backtest"
    odd = falsified(result, choices={**result.choices, "costs": "Mine()"}).second_opinion()
    assert odd.verdict == "not checked"
    assert "costs" in odd.reason


def test_facts_come_back_from_a_series():
    found = Agreement("differs", 10, 20, 3, 0.5, "2024-01-01", "cash off by 1")
    assert Agreement.of_series(found.series()) == found
    assert replace(found, bars=11) != found


def test_choices_are_read_back_and_nothing_else_is():
    result = wb.backtest(Blocks(), make_bars(), record=False, **ROUGH)
    found = read(result.choices)
    assert found[:3] == (ROUGH["costs"], ROUGH["sizing"], ROUGH["stops"])
    for text in (
        "__import__('os')",
        "Costs(fee=open('x'))",
        "Costs().fee",
        "1",
        "Costs(",
        "Stops()",
    ):
        with pytest.raises(UsageError, match="cannot be read"):
            read({**result.choices, "costs": text})
