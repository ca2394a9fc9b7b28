import numpy as np
import pandas as pd
import pytest
from bokeh.core.json_encoder import serialize_json
from bokeh.core.validation.check import check_integrity
from bokeh.embed import file_html, json_item
from bokeh.events import RangesUpdate

from workbench.errors import UsageError
from workbench.plots.inline import INLINE
from workbench.plots.market import ChartOptions, MarketChart
from workbench.plots.panes import Pane, drawdown_pane, equity_pane
from workbench.plots.theme import DARK, LIGHT


def full(frame, fills=None, theme="dark", **options):
    close = frame["close"]
    mean, spread = close.rolling(20).mean(), close.rolling(20).std()
    bands = pd.DataFrame({"upper": mean + 2 * spread, "lower": mean - 2 * spread})
    equity = 1000 * close / close.iloc[0]
    return MarketChart(
        frame,
        {"SMA 20": mean, "BB": bands},
        [
            Pane("Momentum", {"change": close.diff(10)}, kind="bars", levels=(0,)),
            equity_pane(equity, equity),
            drawdown_pane(equity / equity.cummax() - 1),
        ],
        fills,
        theme,
        ChartOptions(symbol="A", **options),
    )


def test_every_pane_shares_the_view_and_nothing_is_misnamed(bars, fills):
    frame = bars(800)
    chart = full(frame, fills(frame))
    assert len(chart.figures) == 5
    assert {figure.x_range for figure in chart.figures} == {chart.x_range}
    found = check_integrity([chart.layout, *chart.layout.references()])
    assert found.error == []


def test_the_first_view_is_the_last_bars(bars):
    chart = full(bars(800), visible=100)
    assert chart.x_range.end > 799 > 700 >= chart.x_range.start > 690
    assert chart.source.data["first"].max() == 799


def test_the_view_follows_what_is_asked(bars):
    frame = bars(800)
    chart = full(frame)
    chart.update_view(100, 150)
    shown = chart.source.data
    inside = (shown["x"] >= 100) & (shown["x"] <= 150)
    assert inside.sum() == 51
    assert (shown["close"][inside] == frame["close"].iloc[100:151].to_numpy()).all()


def test_a_session_merges_on_the_server(bars):
    frame = bars(60_000, freq="min")
    chart = full(frame, server=True)
    assert chart.count == 60_000
    assert len(chart.source.data["x"]) <= 600
    event = RangesUpdate(chart.figures[0], x0=30_000.0, x1=30_100.0)
    chart.figures[0]._trigger_event(event)
    shown = chart.source.data
    assert shown["last"][0] == shown["first"][0]
    assert shown["first"].min() <= 30_000
    assert shown["last"].max() >= 30_100
    before = chart.source.data
    chart.figures[0]._trigger_event(RangesUpdate(chart.figures[0], x0=30_005.0, x1=30_105.0))
    assert chart.source.data is before, "a small drag needs no new data"


def test_without_a_server_a_figure_stays_small(bars):
    chart = full(bars(60_000, freq="min"), server=False)
    assert chart.count <= 20_000
    assert "subscribed_events" not in chart.figures[0].properties_with_values(
        include_defaults=False
    )


def test_other_bars_in_the_same_panes(bars):
    chart = full(bars(500), visible=100)
    longer = bars(501)
    close = longer["close"]
    mean, spread = close.rolling(20).mean(), close.rolling(20).std()
    overlays = {
        "SMA 20": mean,
        "BB": pd.DataFrame({"upper": mean + spread, "lower": mean - spread}),
    }
    panes = [
        Pane("Momentum", {"change": close.diff(10)}, kind="bars", levels=(0,)),
        equity_pane(close, close),
        drawdown_pane(close / close.cummax() - 1),
    ]
    start = chart.x_range.start
    chart.set_bars(longer, overlays, panes, symbol="B", keep_view=True)
    assert chart.x_range.start == start + 1
    assert chart.readout.tags[0]["symbol"] == "B"
    with pytest.raises(UsageError, match="make a new chart"):
        chart.set_bars(longer, {"EMA": mean}, panes)
    assert chart.labels[0] == "SMA 20"


def test_a_theme_reaches_everything(bars):
    chart = full(bars(100), theme="dark")
    chart.set_theme("light")
    text = serialize_json(json_item(chart.layout))
    light = {LIGHT.colour(name) for name in vars(LIGHT) if name not in ("name", "series")}
    for colour in {DARK.background, DARK.muted, DARK.primary, DARK.series[0], DARK.grid} - light:
        assert colour not in text
    assert LIGHT.surface in text


def test_missing_bars_are_gaps_and_not_errors(bars):
    frame = bars(50)
    frame.iloc[10:13] = np.nan
    frame.iloc[-1] = np.nan
    chart = full(frame)
    assert np.isnan(chart.source.data["close"][10:13]).all()
    assert chart._drawing.last.location == frame["close"].iloc[-2]


@pytest.mark.browser
def test_zoom_merges_in_the_browser_and_the_readout_follows(bars, fills, visit, tmp_path):
    frame = bars(5000)
    page = tmp_path / "chart.html"
    page.write_text(file_html(full(frame, fills(frame)).layout, INLINE, "chart"), encoding="utf-8")
    read = """() => { for (const m of Bokeh.documents[0].all_models)
        if (m.type == "ColumnDataSource" && m.data.rising) {
          const {x, first, last} = m.data
          return [x.length, Math.max(...Array.from(last, (l, i) => l - first[i] + 1))] } }"""
    words = """() => { for (const m of Bokeh.documents[0].all_models)
        if (m.type == "Div" && m.tags.length) return m.text; }"""
    with visit(page) as tab:
        count, merged = tab.evaluate(read)
        assert count <= 600
        assert merged > 4
        assert "2014-09" in tab.evaluate(words), "the last bar is read out at first"
        box = tab.locator("canvas").first.bounding_box()
        tab.mouse.move(box["x"] + 500, box["y"] + 200)
        at_first = tab.evaluate(words)
        for _ in range(6):
            tab.mouse.wheel(0, -240)
            tab.wait_for_timeout(80)
        tab.wait_for_timeout(300)
        count, merged = tab.evaluate(read)
        assert count <= 600
        assert merged == 1
        tab.mouse.move(box["x"] + 700, box["y"] + 200)
        tab.wait_for_timeout(200)
        assert tab.evaluate(words) not in ("", at_first)
        tab.mouse.dblclick(box["x"] + 700, box["y"] + 200)
        tab.wait_for_timeout(400)
        assert tab.evaluate(read)[1] > 4


@pytest.mark.browser
def test_the_browser_merges_as_python_does(bars, visit, tmp_path):
    frame = bars(5000)
    frame.iloc[2000:2007] = np.nan
    chart = full(frame)
    page = tmp_path / "chart.html"
    page.write_text(file_html(chart.layout, INLINE, "chart"), encoding="utf-8")
    move = """([start, end]) => { for (const m of Bokeh.documents[0].all_models)
        if (m.type == "Range1d" && m.reset_end > 4000) { m.setv({start, end}) } }"""
    read = """() => { for (const m of Bokeh.documents[0].all_models)
        if (m.type == "ColumnDataSource" && m.data.rising)
          return Object.fromEntries(Object.entries(m.data).map(([k, v]) => [k, Array.from(v)])) }"""
    with visit(page) as tab:
        for view in ([1500.5, 3001.0], [10.0, 4100.0], [2000.0, 2050.0]):
            tab.evaluate(move, view)
            tab.wait_for_timeout(150)
            seen = tab.evaluate(read)
            chart.update_view(*view)
            wanted = chart.source.data
            assert set(seen) == set(wanted)
            for name in wanted:
                got = np.array([np.nan if v is None else v for v in seen[name]], float)
                np.testing.assert_allclose(got, wanted[name], rtol=1e-12, err_msg=name)
