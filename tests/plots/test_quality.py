"""The picture of a quality report."""

from __future__ import annotations

import pytest
from bokeh.core.validation.check import check_integrity

import workbench as wb
from workbench.data.quality import quality
from workbench.errors import UsageError
from workbench.plots import quality as picture


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_each_check_that_found_has_its_marks(bars, theme):
    made = bars(400)
    made.iloc[50, :4] *= 3
    made.iloc[80:90, 4] = 0.0
    made.iloc[100, 1] = 1.0
    report = quality(made.drop(made.index[[20, 21]]))
    drawn = picture.figure(report, theme=theme)
    found = check_integrity([drawn, *drawn.references()])
    assert (found.error, found.warning) == ([], [])
    labels = [item.label.value for item in drawn.legend[0].items]
    assert {"missing (2)", "spikes (1)", "zero_volume (10)", "violations (1)"} == set(labels)
    marks = {r.data_source for r in drawn.renderers[1:]}
    assert sum(len(source.data["x"]) for source in marks) == len(report.details)


def test_a_symbol_is_chosen_or_told(bars, tmp_path, monkeypatch):
    monkeypatch.setenv("WORKBENCH_HOME", str(tmp_path))
    report = wb.quality(wb.bars(["AAPL", "IBM"], start="2012", end="2013"))
    assert wb.plots.quality.figure(report, "IBM").title.text == "IBM: nothing found"
    assert wb.plots.quality.figure(report).title.text.startswith("AAPL")
    with pytest.raises(UsageError, match="did you mean 'IBM'"):
        wb.plots.quality.figure(report, "IMB")


def test_nothing_to_draw_is_an_empty_figure(bars):
    drawn = picture.figure(quality(bars(3).iloc[:0]))
    assert drawn.title.text.endswith("nothing found")
