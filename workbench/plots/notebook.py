"""Figures that show themselves in a notebook: no set-up cell, no network, light or dark as Lab is.

The first figure of a kernel carries BokehJS (packed, 0.6 MB), those after it only themselves; a
notebook exported to HTML shows them too. Where IPython runs, importing ``workbench.plots``
registers this for every Bokeh layout; ``bokeh.io.show`` works as ever.
"""

from __future__ import annotations

import base64
import gzip
import sys
from functools import cache
from typing import Any
from uuid import uuid4

from workbench.plots.scripts import script
from workbench.plots.theme import DARK, LIGHT

__all__ = ["html", "register"]

# the cell that loaded BokehJS; run again, it has to load it again, or a saved notebook
# would lose it with the output that was replaced
_loader: list[Any] = []


def html(figure: Any, *, library: bool = True) -> str:
    """Return a figure as a piece of HTML that draws itself.

    Parameters
    ----------
    figure : bokeh.models.LayoutDOM
        Painted light, it follows the theme of the page it is shown in, also when that
        changes; painted dark, it stays dark.
    library : bool
        Whether to carry BokehJS; a page needs it once.

    Examples
    --------
    >>> import pandas as pd
    >>> from workbench.plots.equity import figure
    >>> drawn = figure(pd.Series([1.0, 2.0], pd.date_range("2024-01-01", periods=2, tz="UTC")))
    >>> html(drawn, library=False)[:15]
    "<div id='wb-fig"
    """
    from bokeh import __version__
    from bokeh.core.json_encoder import serialize_json
    from bokeh.embed import json_item
    from bokeh.models import Plot

    from workbench.plots.inline import own_document

    with own_document():
        item = serialize_json(json_item(figure))
    grounds = [plot.background_fill_color for plot in figure.select({"type": Plot})]
    place = f"wb-figure-{uuid4().hex}"
    names = {
        "place": place,
        "version": __version__,
        "library": _library() if library else None,
        "dark": _swaps() if LIGHT.surface in grounds else None,
        "surface": LIGHT.surface,
    }
    told = "".join(f"const {name} = {serialize_json(value)};\n" for name, value in names.items())
    # "</" would end the script element wherever it stands
    body = f"{told}const item = {item};\n{script('notebook')}".replace("</", "<\\/")
    return f"<div id='{place}'></div><script>(() => {{\n{body}}})()</script>"


def register() -> None:
    """Let IPython show Bokeh figures by `html`; nothing where no notebook's kernel runs."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    if shell is None or not hasattr(shell, "kernel"):
        return
    formatter = shell.display_formatter.formatters["text/html"]
    formatter.for_type_by_name("bokeh.models.layouts", "LayoutDOM", _show)


def _show(figure: Any) -> str:
    cell = _cell()
    if not _loader:
        _loader.append(cell)
    return html(figure, library=cell == _loader[0])


def _cell() -> Any:
    """Which cell is running: Lab tells its id, other front ends at least the request's."""
    header = sys.modules["IPython"].get_ipython().kernel.get_parent()
    return header.get("metadata", {}).get("cellId") or header.get("header", {}).get("msg_id")


@cache
def _library() -> str:
    from bokeh.resources import Resources

    text = "\n".join(Resources(mode="inline", components=["bokeh", "bokeh-widgets"]).js_raw)
    return base64.b64encode(gzip.compress(text.encode(), mtime=0)).decode()


def _swaps() -> dict[str, str]:
    """Each colour of the light theme to that of its role in the dark one."""
    roles = [name for name in vars(LIGHT) if name not in ("name", "series")]
    pairs = {LIGHT.colour(role): DARK.colour(role) for role in roles}
    return pairs | dict(zip(LIGHT.series, DARK.series, strict=True))
