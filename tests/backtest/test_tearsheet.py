import re
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest

import workbench as wb
from workbench.backtest import tearsheet_tables as tables
from workbench.backtest.measures.tables import drawdown_table
from workbench.backtest.tearsheet import write
from workbench.errors import UsageError


@pytest.fixture(scope="module")
def result():
    costs = wb.Costs(fee=wb.fees.Bps(5), slippage_bps=2)
    bars = wb.bars("AAPL")
    return wb.backtest(wb.strategies.SmaCross(fast=20, slow=50), bars, costs=costs, record=False)


class Outline(HTMLParser):
    """What a reader without eyes gets: language, headings, tables and their heads."""

    def __init__(self, text):
        super().__init__()
        self.lang, self.levels, self.tables, self.heads, self.captions = None, [], 0, 0, 0
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        facts = dict(attrs)
        if tag == "html":
            self.lang = facts.get("lang")
        elif tag in ("h1", "h2", "h3"):
            self.levels.append(tag)
        elif tag == "table":
            self.tables += 1
        elif tag == "caption":
            self.captions += 1
        elif tag == "th":
            self.heads += 1
            assert facts.get("scope") in ("col", "row")


def words_of(page):
    text = page.read_text(encoding="utf-8")
    return re.sub(r"<(script|style)\b.*?</\1>", "", text, flags=re.S)


def test_it_says_what_the_result_says(result, tmp_path):
    page = write(result, tmp_path / "new" / "sheet.html")
    text = words_of(page)
    stats, data = result.stats, result.manifest.data
    assert "SmaCross(fast=20, slow=50) on AAPL" in text
    for fact in (
        f"{stats['start']:%d %b %Y}",
        f"{stats['bars']:,} bars",
        data.fingerprint,
        result.manifest.run_id,
        result.manifest.code_hash,
        "filled at the next open",
        f"{stats['sharpe']:.2f}",
        f"{stats['total_return']:+,.1%}",
        f"−{abs(stats['max_drawdown']):.1%}",
        f"${stats['fees']:,.2f}",
        "ddof=1",
    ):
        assert fact in text, fact
    assert list((tmp_path / "new").iterdir()) == [page], "no draft is left"


def test_it_is_one_file_of_a_size_to_mail(result, tmp_path):
    page = write(result, tmp_path / "sheet.html")
    assert page.stat().st_size < 3_000_000
    assert not re.search(r"<(script|link|img|iframe)[^>]+(src|href)=\"(?!data:)", words_of(page))


def test_it_can_be_read_aloud(result, tmp_path):
    outline = Outline(write(result, tmp_path / "sheet.html").read_text(encoding="utf-8"))
    assert outline.lang == "en"
    assert outline.levels[0] == "h1"
    assert outline.levels.count("h1") == 1
    assert outline.tables == outline.captions == 4
    assert outline.heads > 40


def test_what_comes_from_outside_is_text_and_not_markup(result, tmp_path):
    page = write(result, tmp_path / "sheet.html", title="<img src=x onerror=alert(1)>")
    text = words_of(page)
    assert "<img" not in text
    assert "&lt;img" in text


def test_a_benchmark_of_ones_own_goes_by_its_name(result, tmp_path):
    index = pd.Series(np.linspace(100, 300, len(result.bars)), result.bars.index, name="Nasdaq")
    assert "Nasdaq 8.8%" in words_of(write(result, tmp_path / "a.html", benchmark=index))
    assert "buy &amp; hold" in words_of(write(result, tmp_path / "b.html"))


def test_many_symbols_and_findings_are_told(tmp_path):
    bars = wb.bars(["AAPL", "IBM", "MSFT"], start="2008-01-01", end="2009-12-31")
    made = wb.backtest(wb.strategies.Momentum(lookback=60), bars, fill="close", record=False)
    text = words_of(write(made, tmp_path / "many.html", theme="dark"))
    assert "on AAPL, IBM, MSFT" in text
    assert "the close decided on" in text
    for finding in made.findings:
        assert finding.replace("'", "&#39;") in text


def test_a_strategy_that_never_traded_still_has_a_sheet(tmp_path):
    bars = wb.bars("IBM", start="2012-01-01", end="2012-03-01")

    class Idle(wb.Strategy):
        def targets(self, bars):
            return bars["close"] * 0.0

    made = wb.backtest(Idle(), bars, record=False)
    text = words_of(write(made, tmp_path / "idle.html"))
    assert "No closed round trip." in text
    assert "No drawdown." in text
    assert not re.search(r"\bnan\b(?! where| without)", text.lower())


def test_an_unknown_theme_leaves_nothing_behind(result, tmp_path):
    with pytest.raises(UsageError, match="did you mean 'dark'"):
        write(result, tmp_path / "x.html", theme="darkk")
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_cannot_be_written_is_told_and_nothing_is_left(result, tmp_path):
    (tmp_path / "file").write_text("")
    for path in (tmp_path, tmp_path / "file" / "x.html"):
        with pytest.raises(UsageError, match="cannot be written"):
            write(result, path)
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]
    assert not list(tmp_path.parent.glob(".*.part"))


def test_drawdowns_are_those_of_the_curve(result):
    periods = drawdown_table(result.equity, result.cash)
    assert periods["depth"].iloc[0] == pytest.approx(result.stats["max_drawdown"])
    assert periods["to_trough"].iloc[0] == result.stats["max_drawdown_bars"]
    assert periods["depth"].is_monotonic_increasing
    for row in periods.itertuples():
        if pd.notna(row.recovery):
            assert result.equity[row.recovery] >= result.equity[row.peak]


@pytest.mark.browser
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_it_opens_without_a_network(result, tmp_path, visit, theme):
    with visit(write(result, tmp_path / "sheet.html", theme=theme)) as tab:
        assert tab.title() == "SmaCross(fast=20, slow=50) on AAPL"
        assert tab.locator("canvas").count() >= 6
        # nothing hangs over the edge, on a desk or a phone
        for width in (1280, 390):
            tab.set_viewport_size({"width": width, "height": 900})
            tab.wait_for_timeout(300)
            assert tab.evaluate("document.documentElement.scrollWidth") <= width


def test_what_was_carried_is_told(tmp_path):
    bars = wb.bars("AAPL", start="2010", end="2012")
    bars["dividend"] = np.where(np.arange(len(bars)) % 60 == 30, 0.5, 0.0)
    bars.attrs["adjustment"] = "none"
    financing = wb.financing.Financing(margin_bps=600, cash_bps=100)
    result = wb.backtest(
        wb.strategies.SmaCross(fast=5, slow=20), bars, record=False,
        costs=wb.Costs(fee=wb.fees.Bps(5), financing=financing),
    )  # fmt: skip
    told = dict(tables.costs(result))
    paid = -result.carry[["margin", "cash", "borrow", "funding"]].sum().sum()
    assert result.financing == pytest.approx(paid) and paid != 0
    assert told["Financing"] == tables.money(paid, 2)
    assert told["Dividends"] == tables.money(result.carry["dividend"].sum(), 2)
    assert told["Interest on cash"] == tables.money(result.carry["cash"].sum(), 2)
    assert "Borrow fees" not in told
    gained = result.stats["end_equity"] - result.cash
    before = gained + result.stats["fees"] - result.carry[["cash", "margin"]].sum().sum()
    assert told["Gain before costs"] == tables.money(before)
    trips = result.round_trips
    assert trips["carried"].sum() > 0
    text = words_of(write(result, tmp_path / "sheet.html"))
    assert "Carried" in text
    assert tables.money(trips.nlargest(1, "pnl")["carried"].iloc[0], 2) in text


def test_where_nothing_is_carried_nothing_is_said_of_it(result, tmp_path):
    assert "Carried" not in words_of(write(result, tmp_path / "sheet.html"))
    told = dict(tables.costs(result))
    assert not {"Dividends", "Funding"} & set(told)
    assert result.financing == 0.0 and told["Financing"] == tables.money(0.0, 2)
