import gc
import re

import pytest
from bokeh.document import Document
from bokeh.io.doc import patch_curdoc
from bokeh.plotting import figure

from workbench.errors import UsageError
from workbench.plots.inline import is_served
from workbench.plots.page import save


def test_the_page_is_whole_and_asks_for_nothing(tmp_path):
    import panel  # noqa: F401  # hangs links of its own onto every page Bokeh writes

    drawn = figure(title="A line")
    drawn.line([1, 2, 3], [3, 1, 2])
    page = save(drawn, tmp_path / "new" / "line.html", title="Lines & <b>more</b>", theme="dark")
    text = page.read_text(encoding="utf-8")
    assert "<h1>Lines &amp; &lt;b&gt;more&lt;/b&gt;</h1>" in text
    assert not re.search(r"<(script|link)[^>]+(src|href)=", text)


def test_an_unknown_theme_is_refused(tmp_path):
    with pytest.raises(UsageError, match="light"):
        save(figure(), tmp_path / "x.html", theme="lihgt")


def test_a_page_is_written_where_the_current_document_has_ended(tmp_path):
    ended = Document()
    ended.callbacks.destroy()
    with patch_curdoc(ended):
        assert save(figure(), tmp_path / "x.html").exists()


def test_no_page_is_served_where_the_current_document_is_gone():
    gone = Document()
    with patch_curdoc(gone):
        del gone
        gc.collect()
        assert not is_served()
