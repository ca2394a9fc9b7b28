"""A figure as a file of its own: one HTML page that makes no request."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bokeh.embed import file_html
from jinja2 import Template

from workbench.plots.inline import INLINE, own_document
from workbench.plots.theme import FONT, Theme, find

__all__ = ["save"]

_PAGE = Template(
    """<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><title>{{ title | e }}</title>{{ bokeh_css }}{{ bokeh_js }}
<style>body{margin:24px;background:{{ background }};color:{{ text }};font-family:{{ font }}}
h1{font-size:18px;font-weight:600;margin:0 0 16px}</style></head>
<body><h1>{{ title | e }}</h1>{{ plot_div }}{{ plot_script }}</body></html>
"""
)


def save(
    figure: Any, path: str | Path, *, title: str = "Workbench", theme: str | Theme = "light"
) -> Path:
    """Write a figure or layout as an HTML file that needs no network.

    Parameters
    ----------
    figure : bokeh.model.Model
        What one of ``wb.plots`` or ``result.plot()`` returned, in the same theme.
    path : str or Path
        The file; its folder is made where it is missing.
    title : str
        Of the page.
    theme : {"light", "dark"} or Theme
        The page around the figure.

    Returns
    -------
    Path
        Where it is.

    Examples
    --------
    >>> from tempfile import mkdtemp
    >>> from bokeh.plotting import figure
    >>> page = save(figure(), Path(mkdtemp()) / "empty.html", title="Empty")
    >>> "<h1>Empty</h1>" in page.read_text(encoding="utf-8")
    True
    """
    look = find(theme)
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    words = {"background": look.background, "text": look.text, "font": FONT}
    with own_document():
        html = file_html(figure, INLINE, title, template=_PAGE, template_variables=words)
    target.write_text(html, encoding="utf-8")
    return target
