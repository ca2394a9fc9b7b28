import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import workbench as wb
from workbench.errors import DataError, UsageError
from workbench.reports.daily import review
from workbench.reports.parameters import declared
from workbench.reports.run import run_report

NOTEBOOK = Path(__file__).resolve().parents[2] / "notebooks" / "reports" / "daily_review.ipynb"


@pytest.fixture(scope="module")
def morning():
    return review(
        wb.bars(["AAPL", "IBM"]), "SmaCross", {"fast": 20, "slow": 50}, as_of="2012-06-29"
    )


def test_nothing_after_the_day_is_known(morning):
    bars = wb.bars(["AAPL", "IBM"])
    bars.loc["2012-06-30":] = np.nan
    same = review(bars.dropna(how="all"), "SmaCross", {"fast": 20, "slow": 50})
    assert morning.last == same.last == pd.Timestamp("2012-06-29", tz="UTC")
    pd.testing.assert_frame_equal(morning.movers(), same.movers())
    pd.testing.assert_frame_equal(morning.state(), same.state())
    assert morning.risk() == same.risk()


def test_movers_are_counted_by_hand(morning):
    close = wb.bars("AAPL")["close"].loc[:"2012-06-29"]
    row = morning.movers().loc["AAPL"]
    assert row["1 day"] == pytest.approx(close.iloc[-1] / close.iloc[-2] - 1)
    assert row["21 days"] == pytest.approx(close.iloc[-1] / close.iloc[-22] - 1)
    moves = close.pct_change()
    assert row["sigmas"] == pytest.approx(moves.iloc[-1] / moves.iloc[-64:-1].std())
    assert row["below high"] == pytest.approx(close.iloc[-1] / close.iloc[-252:].max() - 1)


def test_the_account_is_the_sum_of_its_parts(morning):
    equity = morning.equity
    assert equity.iloc[0] == pytest.approx(100_000)
    table = morning.performance()
    assert table.loc["since start", "strategy"] == pytest.approx(equity.iloc[-1] / 100_000 - 1)
    june, may = equity.iloc[-1], equity.loc[:"2012-05-31"].iloc[-1]
    april = equity.loc[:"2012-04-30"].iloc[-1]
    assert table.loc["month to date", "strategy"] == pytest.approx(june / may - 1)
    assert table.loc["last month", "strategy"] == pytest.approx(may / april - 1)
    year = equity.loc[:"2011-12-31"].iloc[-1]
    assert table.loc["year to date", "strategy"] == pytest.approx(june / year - 1)


def test_what_is_held_is_what_the_last_fill_left(morning):
    state = morning.state()
    for symbol, result in morning.results.items():
        fills = result.fills
        signed = np.where(fills["side"] == "buy", fills["quantity"], -fills["quantity"])
        assert state.loc[symbol, "position"] == pytest.approx(signed.sum(), abs=1e-6)
    gross = state["value"].abs().sum() / morning.equity.iloc[-1]
    assert morning.risk()["gross exposure"] == pytest.approx(gross)


def test_a_change_of_mind_is_what_to_look_at():
    bars = wb.bars("AAPL")
    wanted = wb.strategies.SmaCross(fast=20, slow=50).targets(bars)
    turns = wanted.index[(wanted.diff().abs() > 0) & (wanted.shift() >= 0)]
    told = review(bars, "SmaCross", {"fast": 20, "slow": 50}, as_of=str(turns[-1].date()))
    assert any("at the next open" in note for note in told.notes())
    assert told.notes(["two bars are missing"])[0] == "Data: two bars are missing"


def test_what_cannot_be_reviewed_is_refused():
    bars = wb.bars("AAPL")
    with pytest.raises(UsageError, match="SmaCross"):
        review(bars, "SmaCros")
    with pytest.raises(UsageError, match="no date"):
        review(bars, "SmaCross", as_of="yesterday-ish")
    with pytest.raises(DataError, match="0 bars"):
        review(bars, "SmaCross", as_of="1990-01-01")


def test_the_notebook_holds_no_output_and_declares_what_can_be_set():
    cells = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
    assert all(not cell.get("outputs") for cell in cells)
    assert set(declared(NOTEBOOK)) == {"symbols", "strategy", "params", "as_of", "source", "cash"}


@pytest.mark.browser
def test_the_report_is_whole_and_opens_without_a_network(tmp_path, visit):
    given = {"symbols": "AAPL,IBM", "as_of": "2012-06-29", "params": '{"fast": 10, "slow": 30}'}
    report = run_report(NOTEBOOK, given, tmp_path)
    text = report.html.read_text(encoding="utf-8")
    assert "Friday, 29 June 2012" in text
    for heading in ("What to look at", "What moved", "How it has done", "Live, beside", "Risk"):
        assert heading in text
    assert report.html.stat().st_size < 3_000_000
    with visit(report.html) as tab:
        tab.wait_for_function("document.querySelectorAll('[id^=wb-figure] > *').length >= 2")
        tab.wait_for_timeout(500)
        assert tab.locator("canvas").count() >= 6
        tab.set_viewport_size({"width": 390, "height": 900})
        tab.wait_for_timeout(300)
        assert tab.evaluate("document.documentElement.scrollWidth") <= 390
