"""A figure shows itself: in a kernel, without a network, in the paint of the page around it."""

from __future__ import annotations

import base64
import gzip
import json
import re

import nbformat
import numpy as np
import pandas as pd
import pytest
from nbclient import NotebookClient

from workbench.plots import equity, market, notebook
from workbench.plots.theme import DARK, LIGHT


@pytest.fixture
def series():
    index = pd.date_range("2024-01-01", periods=40, freq="D", tz="UTC", name="time")
    return pd.Series(np.linspace(100.0, 120.0, 40), index)


def constant(html: str, name: str):
    return json.loads(re.search(rf"^const {name} = (.*);$", html, re.MULTILINE)[1])


def test_it_carries_the_library_and_asks_nobody_for_it(series):
    html = notebook.html(equity.figure(series))
    packed = constant(html, "library")
    assert "BEGIN bokeh-widgets.min.js" in gzip.decompress(base64.b64decode(packed)).decode()
    assert not re.search(r"<(script|link)[^>]+(src|href)=", html)
    assert constant(notebook.html(equity.figure(series), library=False), "library") is None


def test_no_text_in_a_figure_ends_the_script(series):
    drawn = equity.figure(series)
    drawn.children[0].title.text = "</script><b>bold</b>"
    html = notebook.html(drawn, library=False)
    assert html.count("</script>") == 1
    assert "<\\/script>" in html


def test_a_light_figure_follows_the_page_and_a_dark_one_does_not(series):
    swaps = constant(notebook.html(equity.figure(series), library=False), "dark")
    assert swaps[LIGHT.surface] == DARK.surface
    assert swaps[LIGHT.text] == DARK.text
    assert [swaps[colour] for colour in LIGHT.series] == list(DARK.series)
    dark = equity.figure(series, theme="dark")
    assert constant(notebook.html(dark, library=False), "dark") is None


def test_invented_bars_are_named_so(series):
    bars = pd.DataFrame(dict.fromkeys(("open", "high", "low", "close"), series))
    bars["volume"] = 1.0
    bars.attrs = {"symbol": "ACME", "source": "synthetic"}
    assert market.figure(bars).children[0].tags[0]["symbol"] == "ACME (synthetic)"


def test_the_cell_that_brought_the_library_brings_it_whenever_it_runs(series, monkeypatch):
    drawn, brought = equity.figure(series), []
    monkeypatch.setattr(notebook, "_loader", [])
    for cell in ("first", "second", "first"):
        monkeypatch.setattr(notebook, "_cell", lambda cell=cell: cell)
        brought.append(constant(notebook._show(drawn), "library") is not None)
    assert brought == [True, False, True]


def test_the_first_figure_of_a_kernel_brings_the_library():
    start = (
        "import pandas as pd\nimport workbench as wb\n"
        "index = pd.date_range('2024-01-01', periods=3, tz='UTC')\n"
        "draw = lambda: wb.plots.equity.figure(pd.Series([1.0, 2.0, 1.5], index))"
    )
    cells = [nbformat.v4.new_code_cell(text) for text in (start, "draw()", "draw()")]
    client = NotebookClient(nbformat.v4.new_notebook(cells=cells), timeout=120)
    with client.setup_kernel():
        for number, cell in enumerate(cells):
            client.execute_cell(cell, number)
        shown = [cell.outputs[0].data["text/html"] for cell in cells[1:]]
        assert [constant(html, "library") is not None for html in shown] == [True, False]
        assert "wb-figure-" in shown[1]
