import numpy as np
import pandas as pd
import pytest
from bokeh.core.validation.check import check_integrity

from workbench.errors import DataError, UsageError
from workbench.plots import distribution, equity, heatmap, monthly


@pytest.fixture
def returns():
    rng = np.random.default_rng(3)
    index = pd.bdate_range("2019-06-03", periods=900, tz="UTC", name="time")
    return pd.Series(rng.normal(0.0004, 0.01, 900), index)


@pytest.fixture
def sweep():
    points = [(fast, slow) for fast in range(5, 30, 5) for slow in range(20, 60, 10)]
    frame = pd.DataFrame(points, columns=["fast", "slow"])
    frame["sharpe"] = -((frame["fast"] - 15) ** 2) / 100 - (frame["slow"] - 40) ** 2 / 1000
    frame.loc[3, "sharpe"] = np.nan
    frame["volatility"] = frame["slow"] / 100
    return frame


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_figure_is_sound(returns, sweep, theme):
    worth = 100 * (1 + returns).cumprod()
    drawn = [
        equity.figure(worth, worth * 2, theme=theme, log=True),
        heatmap.figure(sweep, "fast", "slow", theme=theme),
        monthly.figure(returns, theme=theme),
        distribution.figure(returns, theme=theme),
        distribution.rolling_sharpe(returns, 252, theme=theme),
    ]
    for figure in drawn:
        found = check_integrity([figure, *figure.references()])
        assert (found.error, found.warning) == ([], [])


def test_the_benchmark_begins_where_the_equity_begins(returns):
    worth = 100 * (1 + returns).cumprod()
    upper = equity.figure(worth.iloc[10:], worth * 7).children[0]
    first = [renderer.data_source.data["value"][0] for renderer in upper.renderers]
    assert first == pytest.approx([worth.iloc[10]] * 2)


def test_equity_that_cannot_be_drawn_is_refused(returns):
    with pytest.raises(DataError, match="no equity"):
        equity.figure(pd.Series(dtype=float))
    with pytest.raises(DataError, match="above 0"):
        equity.figure(returns, log=True)


def cells_of(figure):
    return figure.select_one("cells").data_source


def test_a_clicked_cell_leads_to_its_point(sweep):
    source = cells_of(heatmap.figure(sweep, "fast", "slow"))
    for cell, row in enumerate(source.data["row"]):
        assert source.data["x_name"][cell] == str(sweep["fast"].iloc[row])
        assert source.data["y_name"][cell] == str(sweep["slow"].iloc[row])


def test_the_best_point_is_marked_whatever_best_means(sweep):
    most = heatmap.figure(sweep, "fast", "slow").select_one("best").data_source.data
    assert (most["x"], most["y"]) == ([2.0], [2.0])
    least = heatmap.figure(sweep, "fast", "slow", "volatility").select_one("best").data_source.data
    assert least["y"] == [0.0]


def test_a_third_parameter_leaves_the_best_of_each_cell(sweep):
    more = pd.concat([sweep.assign(stop=stop, sharpe=sweep["sharpe"] + stop) for stop in (1, 3, 2)])
    figure = heatmap.figure(more.reset_index(drop=True), "fast", "slow")
    assert len(cells_of(figure).data["row"]) == len(sweep)
    assert "3 further points" in figure.title.text
    best = np.nanmax(cells_of(figure).data["value"])
    assert best == pytest.approx(sweep["sharpe"].max() + 3)


def test_a_heat_map_of_what_is_not_there_is_refused(sweep):
    with pytest.raises(UsageError, match="did you mean 'sharpe'"):
        heatmap.figure(sweep, "fast", "slow", "sharp")
    with pytest.raises(DataError, match="finite"):
        heatmap.figure(sweep.assign(sharpe=np.nan), "fast", "slow")


def test_months_compound_to_the_year(returns):
    table = monthly.table(returns)
    assert list(table.index) == [2019, 2020, 2021, 2022]
    for year, row in table.iterrows():
        months = row.drop("Year").dropna()
        assert np.prod(months + 1) - 1 == pytest.approx(row["Year"])
        part = returns[returns.index.year == year]
        assert (part + 1).prod() - 1 == pytest.approx(row["Year"])
    assert np.isnan(table.loc[2019, "Jan"])


def test_shades_tell_gain_from_loss_and_much_from_little():
    little, much, loss = (monthly.shade(v, 0.1) for v in (0.02, 0.1, -0.1))
    assert len({little, much, loss, monthly.shade(0, 0.1)}) == 4
    assert monthly.shade(float("nan"), 0.1) == "#ffffff"


def test_the_histogram_counts_each_bar_that_moved(returns):
    returns.iloc[:300] = 0.0
    figure = distribution.figure(returns)
    assert figure.renderers[0].data_source.data["count"].sum() == 600
    assert "33%" in figure.title.text


def test_the_rolling_ratio_is_the_formula(returns):
    data = distribution.rolling_sharpe(returns, 252, window=60).renderers[0].data_source.data
    last = returns.iloc[-60:]
    assert data["value"][-1] == pytest.approx(last.mean() / last.std(ddof=1) * np.sqrt(252))


def test_what_never_moved_has_no_distribution(returns):
    with pytest.raises(DataError, match="other than 0"):
        distribution.figure(returns * 0)
    with pytest.raises(DataError, match="2 bars"):
        distribution.rolling_sharpe(returns, 252, window=1)
