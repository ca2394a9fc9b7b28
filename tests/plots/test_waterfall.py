import numpy as np

from workbench.plots.waterfall import figure


def bars(plot):
    return plot.renderers[1].data_source.data


def test_each_step_begins_where_the_one_before_ended():
    plot = figure(10.0, {"price": -12.0, "fee": -1.25, "size": 5.0}, ("backtest", "live"))
    data = bars(plot)
    assert list(data["name"]) == ["backtest", "price", "fee", "size", "live"]
    np.testing.assert_allclose(data["bottom"], [0.0, -2.0, -3.25, -3.25, 0.0])
    np.testing.assert_allclose(data["top"], [10.0, 10.0, -2.0, 1.75, 1.75])
    assert data["text"] == ["10.00", "-12.00", "-1.25", "+5.00", "1.75"]
    assert plot.y_range.start < -3.25
    assert plot.y_range.end > 10.0


def test_small_steps_of_a_large_amount_can_be_seen():
    for start in (12_500.0, -12_500.0):
        plot = figure(start, {"price": -3.0, "fee": -1.25})
        assert plot.y_range.end - plot.y_range.start < 20
        data = bars(plot)
        assert (data["top"] >= data["bottom"]).all()


def test_nothing_that_differs_is_two_bars_alike():
    data = bars(figure(0.0, {}, ("backtest", "live"), theme="dark"))
    assert list(data["name"]) == ["backtest", "live"]
    assert data["text"] == ["0.00", "0.00"]
