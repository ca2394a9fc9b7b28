import numpy as np
import pandas as pd
import pytest

import workbench as wb
from workbench.research import leaks
from workbench.research.planting import PLANTS, Plant, hunt, plant
from workbench.strategy.evaluate import evaluate


class _Honest(wb.Strategy):
    @property
    def warmup(self):
        return 20

    def targets(self, bars):
        close = bars["close"]
        side = np.sign(close - close.rolling(20).mean())
        return side / (1 if close.ndim == 1 else 4)


@pytest.mark.parametrize("given", ["one", "two"])
@pytest.mark.parametrize("leak", PLANTS, ids=lambda leak: leak.name)
def test_each_plant_leaks_and_is_found(leak, given, request):
    bars = request.getfixturevalue(given)
    leaky = plant(_Honest(), leak)
    base = evaluate(leaky, bars)
    # an oracle apart from the search: shorter histories alone are decided otherwise somewhere
    lengths = range(300, 310)
    shorter = {rows: evaluate(leaky, bars.iloc[:rows]) for rows in lengths}
    assert any(len(leaks.differing(base[:rows], shorter[rows], 1e-12)) for rows in lengths)
    assert hunt(_Honest(), bars, plants=(leak,)).found == [leak.name]


def test_a_plant_that_leaks_nothing_is_missed_or_idle(one):
    late = Plant("late", outputs=lambda targets, _: targets.shift(1))
    same = Plant("same", outputs=lambda targets, _: targets)
    told = hunt(_Honest(), one, plants=(late, same))
    assert (told.found, told.missed, told.idle) == ([], ["late"], ["same"])


def test_what_is_not_tried_is_told(one):
    def refuse(bars, _):
        raise ValueError("no")

    told = hunt(_Honest(), one, plants=(Plant("refused", inputs=refuse),))
    assert told.untried == ["refused"] and told.planted == 0
    assert len(hunt(_Honest(), one, seconds=0).untried) == len(PLANTS)


def test_the_report_says_what_was_missed(one, monkeypatch):
    late = Plant("late", outputs=lambda targets, _: targets.shift(1))
    monkeypatch.setattr("workbench.research.planting.PLANTS", (PLANTS[0], late))
    report = wb.check(_Honest(), one, cuts=16)
    assert report.table.loc["hunter"].tolist() == ["weak", "found 1 of 2 planted leaks"]
    assert report.ok and any("planted, but not found: late" in note for note in report.notes)


def test_a_strategy_that_never_trades_holds_no_plant(one):
    class _Silent(wb.Strategy):
        def targets(self, bars):
            return bars["close"] * np.nan

    assert wb.check(_Silent(), one, cuts=4).table.loc["hunter", "verdict"] == "not done"


def test_planting_leaves_bars_alone(two):
    before = two.copy()
    hunt(_Honest(), two)
    pd.testing.assert_frame_equal(two, before)
