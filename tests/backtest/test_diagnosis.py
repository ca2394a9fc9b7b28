"""Findings and diagnosis: constructed runs that have a flaw, and their like without it."""

import re

import numpy as np
import pandas as pd
import pytest

import workbench as wb
from workbench.backtest.diagnosis import doubled
from workbench.backtest.result import RunRecord, assemble
from workbench.backtest.saved import load_run
from workbench.runs.ledger import Ledger
from workbench.strategy.base import Strategy


class Script(Strategy):
    """In the market on every other pair of bars, or as `pattern` says ('1' is in)."""

    pattern: str = "1100"

    def targets(self, bars):
        wanted = np.array([float(c) for c in self.pattern])
        repeated = np.resize(wanted, len(bars))
        closes = bars["close"]
        if isinstance(closes, pd.DataFrame):
            return closes * 0 + repeated[:, None] / closes.shape[1]
        return pd.Series(repeated, index=bars.index)


class Free(Strategy):
    """One without parameters."""

    def targets(self, bars):
        return pd.Series(np.resize([1.0, 1.0, 0.0, 0.0], len(bars)), index=bars.index)


def make_bars(opens, closes=None, spread=0.0, volume=1e6):
    opens = np.asarray(opens, float)
    closes = opens if closes is None else np.asarray(closes, float)
    index = pd.date_range("2024-01-01", periods=len(opens), freq="D", tz="UTC", name="time")
    high = np.maximum(opens, closes) * (1 + spread)
    low = np.minimum(opens, closes) * (1 - spread)
    data = {"open": opens, "high": high, "low": low, "close": closes, "volume": volume}
    bars = pd.DataFrame(data, index=index)
    bars.attrs = {"timeframe": "1d", "calendar": "24/7", "symbol": "A"}
    return bars


def steady(n=160, rate=0.002):
    return 100 * np.cumprod(np.full(n, 1 + rate))


def run(bars, strategy=None, **options):
    return wb.backtest(strategy or Script(), bars, record=False, **options)


def said(result, words):
    return [text for text in result.findings if words in text]


@pytest.fixture(autouse=True)
def workspace(tmp_path, monkeypatch):
    monkeypatch.setenv("WORKBENCH_HOME", str(tmp_path))
    return tmp_path


def test_profit_of_one_trade():
    prices = np.full(80, 100.0)
    prices[::4] = 100.05  # a little lost on each
    prices[42:44] = [120, 121]
    lucky = np.concatenate((np.full(42, 100.0), np.full(38, 130.0)))
    found = said(run(make_bars(lucky * steady(80, 0.0001) / 100)), "is that of one")
    assert len(found) == 1
    assert "of 19 closed round trips" in found[0] or "of 20 closed round trips" in found[0]
    assert "A from 2024-02-11 to 2024-02-13" in found[0]
    assert not said(run(make_bars(steady())), "is that of one")
    assert not said(run(make_bars(steady()[::-1])), "is that of one")
    assert not said(run(make_bars(lucky[38:48])), "is that of one")  # too few to tell


def test_profit_that_hangs_on_the_path_inside_bars():
    wide, tight = make_bars(steady(), spread=0.05), make_bars(steady(), spread=0.001)
    stops = wb.Stops(loss=0.02, profit=0.02)
    assert said(run(wide, stops=stops), "100% of all profit and loss")
    assert not said(run(tight, stops=stops), "of all profit and loss")


def test_fills_that_waited_for_a_price():
    bars = make_bars(steady(40))
    assert not said(run(bars), "waited")
    bars.iloc[[5, 6]] = np.nan
    found = said(run(bars, Script(pattern="0000111100")), "waited for a price")
    # of the decision at bar 4 the open at 5 and 6 are missing: filled at 7, with the next
    assert found
    assert "up to 2 bars" in found[0]
    assert "1 of " in found[0]


def test_fills_that_the_volume_capped():
    bars = make_bars(steady(40), volume=1000.0)
    capped = said(run(bars, costs=wb.Costs(max_participation=0.1)), "for want of volume")
    assert capped
    assert not said(run(bars, cash=1000.0, costs=wb.Costs(max_participation=0.1)), "for want")
    assert not said(run(bars), "for want")


def test_costs_that_eat_the_edge():
    bars = make_bars(steady())
    dear = run(bars, costs=wb.Costs(fee=wb.fees.Bps(12)))
    found = said(dear, "take ")
    assert len(found) == 1
    gross = dear.stats["end_equity"] - dear.cash + dear.stats["fees"]
    assert f"take {dear.stats['fees'] / gross:.0%} of the profit before costs" in found[0]
    # 0.4 % in two bars, two sides: about 20 bps of what is traded pay for the costs
    assert "it pays 20.0 bps" in found[0]
    assert not said(run(bars, costs=wb.Costs(fee=wb.fees.Bps(2))), "profit before costs")
    assert not said(run(bars), "profit before costs")
    falling = make_bars(steady()[::-1])
    assert not said(run(falling, costs=wb.Costs(fee=wb.fees.Bps(12))), "profit before costs")


def verdicts(result):
    return result.diagnose().table["verdict"]


def test_a_sound_run_has_nothing_to_worry_about():
    report = run(make_bars(steady(400)), costs=wb.Costs(fee=wb.fees.Bps(1))).diagnose()
    assert report.ok
    assert report.findings == []
    assert "nothing to worry about" in repr(report)
    assert set(report.table["verdict"]) == {"ok"}


def test_an_edge_of_one_bar():
    # rises on the very bars the script is in (decided two bars before, filled one bar before)
    factors = np.resize([0.99, 1.0, 1.012, 1.0], 160)
    prices = 100 * np.cumprod(factors)
    assert verdicts(run(make_bars(prices), Script(pattern="1000")))["one bar later"] == "found" or (
        verdicts(run(make_bars(prices), Script(pattern="0100")))["one bar later"] == "found"
    )
    assert verdicts(run(make_bars(steady(160))))["one bar later"] == "ok"


def test_an_edge_as_thin_as_its_costs():
    bars = make_bars(steady())
    thin = run(bars, costs=wb.Costs(fee=wb.fees.Bps(12)))
    assert verdicts(thin)["doubled costs"] == "found"
    assert verdicts(run(bars, costs=wb.Costs(slippage_bps=1)))["doubled costs"] == "ok"
    free = run(make_bars(steady(rate=0.0002))).diagnose()
    assert free.table.loc["doubled costs", "verdict"] == "found"
    assert "slippage of 5 bps" in free.table.loc["doubled costs", "figures"]


def test_a_result_of_its_first_bars():
    early = np.concatenate((steady(30, 0.02), np.full(170, steady(30, 0.02)[-1])))
    report = run(make_bars(early * steady(200, -1e-5) / 100)).diagnose()
    assert report.table.loc["start date", "verdict"] == "found"
    assert "from 2024-01-01" in report.table.loc["start date", "figures"]
    assert verdicts(run(make_bars(steady(200))))["start date"] == "ok"
    assert "too few" in run(make_bars(steady(30))).diagnose().table.loc["start date", "figures"]


def test_parameters_want_round_trips():
    assert verdicts(run(make_bars(steady(24))))["parameters"] == "found"
    assert verdicts(run(make_bars(steady(100))))["parameters"] == "ok"
    assert verdicts(run(make_bars(steady(24)), Free()))["parameters"] == "ok"


def test_trials_are_held_against_luck():
    rng = np.random.default_rng(4)
    bars = make_bars(100 * np.exp(np.cumsum(rng.normal(0.0002, 0.01, 300))))
    for place in range(30):
        pattern = "".join(rng.choice(["0", "1"], 12)) + f"{place % 2}"
        wb.backtest(Script(pattern=pattern), bars)
    sharpes = {}
    for pattern in ("1100", "10", "111000", "1110"):
        result = run(bars, Script(pattern=pattern))
        sharpes[result.stats["sharpe"]] = verdicts(result)["trials"]
    count = Ledger.open().count("Script")
    assert 25 <= count <= 30
    rng = np.random.default_rng(0)  # the best of as many Sharpe ratios without any skill
    luck = rng.normal(0, np.sqrt(365 / 299), (20_000, count)).max(axis=1).mean()
    figures = run(bars).diagnose().table.loc["trials", "figures"]
    told = float(re.search(r"would be ([0-9.]+) by luck", figures).group(1))
    assert told == pytest.approx(luck, rel=0.03)
    for sharpe, verdict in sharpes.items():
        assert verdict == ("found" if 0 < sharpe < told else "ok"), sharpe
    assert "found" in sharpes.values()
    good = run(make_bars(steady(300)))
    assert verdicts(good)["trials"] == "ok"


def test_diagnosing_counts_no_trial():
    result = wb.backtest(Script(), make_bars(steady()))
    before = Ledger.open().count()
    result.diagnose()
    assert Ledger.open().count() == before == 1


def test_a_saved_run_and_several_symbols_are_diagnosed_alike():
    parts = {name: make_bars(steady(120, rate)) for name, rate in (("A", 0.001), ("B", 0.003))}
    bars = pd.concat(parts, axis=1, names=["symbol", "field"]).swaplevel(axis=1)
    bars = bars[["open", "high", "low", "close", "volume"]]
    bars.attrs = {"timeframe": "1d", "calendar": "24/7"}
    options = {"costs": wb.Costs(fee=wb.fees.PerShare(0.01)), "stops": wb.Stops(loss=0.2)}
    before = run(bars, **options)
    after = load_run(before.save())
    pd.testing.assert_frame_equal(after.diagnose().table, before.diagnose().table)


def test_what_is_no_backtest_is_not_run_again():
    result = run(make_bars(steady()))
    names = ("strategy", "bars", "symbols", "cash", "choices", "equity", "cash_held", "positions",
             "targets", "orders", "fills")  # fmt: skip
    told = {name: getattr(result, name) for name in names}
    live = assemble(RunRecord(kind="live", **told)).diagnose()
    assert "one bar later" not in live.table.index
    assert "parameters" in live.table.index
    odd = assemble(
        RunRecord(kind="backtest", **{**told, "choices": {**result.choices, "costs": "Mine()"}})
    ).diagnose()
    assert "cannot be read" in odd.table.loc["not run again", "figures"]


def test_the_report_is_safe_html():
    html = run(make_bars(steady(24)), Script(pattern="11000")).diagnose()._repr_html_()
    assert "<table>" in html
    assert "Script(pattern=&#x27;11000&#x27;)" in html
    assert "<b>found</b>" in html


@pytest.mark.parametrize(
    ("costs", "twice"),
    [
        (wb.Costs(fee=wb.fees.Bps(3)), wb.Costs(fee=wb.fees.Bps(6))),
        (wb.Costs(fee=wb.fees.Bps(-3)), wb.Costs(fee=wb.fees.Bps(-3))),
        (wb.Costs(fee=wb.fees.PerShare(0.1, 1)), wb.Costs(fee=wb.fees.PerShare(0.2, 2))),
        (
            wb.Costs(fee=wb.fees.Tiered([(0, -1, 4), (100, -2, 3)])),
            wb.Costs(fee=wb.fees.Tiered([(0, -1, 8), (100, -2, 6)])),
        ),
        (wb.Costs(slippage_bps=4), wb.Costs(slippage_bps=8)),
        (wb.Costs(slippage=wb.slippage.Bps(4)), wb.Costs(slippage=wb.slippage.Bps(8))),
        (wb.Costs(slippage=wb.slippage.Fixed(0.1)), wb.Costs(slippage=wb.slippage.Fixed(0.2))),
        (
            wb.Costs(slippage=wb.slippage.VolumeShare(0.6)),
            wb.Costs(slippage=wb.slippage.VolumeShare(0.999)),
        ),
        (wb.Costs(), wb.Costs()),
    ],
)
def test_each_cost_is_doubled(costs, twice):
    assert doubled(costs) == twice
