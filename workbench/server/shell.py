# mypy: allow-untyped-calls
"""What is around every Panel page: header, drawer, theme, the halt button."""

from __future__ import annotations

from html import escape
from typing import Any

import panel as pn
from bokeh.events import DocumentReady
from bokeh.models import CustomJS
from bokeh.themes import Theme as BokehTheme
from panel_material_ui.template.base import Meta, Page

from workbench.server.halting import halt_switch
from workbench.server.look import HEADER_CSS, PAGE_SX, THEME_CONFIG, asset
from workbench.server.pages import Context, PageFile, View

__all__ = ["shell"]


_REMEMBER = (
    "document.cookie = `wb_theme=${source.dark_theme ? 'dark' : 'light'}; "
    "path=/; max-age=31536000; samesite=lax`"
)

# the page repaints every Bokeh model that a theme does not claim; ours paint themselves
_CLAIMED = ("Axis", "BaseColorBar", "ColorBar", "Figure", "Grid", "Legend", "Plot", "Title")
_CHARTS_ARE_PAINTED = BokehTheme(json={"attrs": {name: {} for name in _CLAIMED}})


def shell(page: PageFile, pages: list[PageFile], view: View, context: Context) -> Any:
    """Return the page with everything around it."""
    is_dark = context.theme == "dark"
    if pn.state.curdoc is not None:
        pn.state.curdoc.theme = _CHARTS_ARE_PAINTED
        pn.state.curdoc.js_on_event(DocumentReady, CustomJS(code=asset("drawer.js")))
        # what is added later would fetch its style sheets from Panel's own site
        pn.state.curdoc.template_variables["dist_url"] = "/static/extensions/panel/"
    buttons, dialogs = halt_switch(context)
    built = Page(
        title="Workbench",
        meta=Meta(title=f"{page.title} · Workbench", icon="/assets/mark.svg"),
        dark_theme=is_dark,
        theme_config=THEME_CONFIG,
        sx=PAGE_SX,
        sidebar_width=276,
        busy_indicator="linear",
        header=_header(page, pages, context, buttons),
        sidebar=view.sidebar,
        main=[
            pn.Column(context.notices, *view.main, *dialogs, sizing_mode="stretch_width", margin=0)
        ],
        raw_css=[_first_paint(is_dark=is_dark)],
    )

    def repaint(event: Any) -> None:
        theme = "dark" if event.new else "light"
        context.draw(lambda: [told(theme) for told in view.on_theme])

    built.param.watch(repaint, "dark_theme")
    context.is_live = True
    built.jscallback(dark_theme=_REMEMBER)
    return built


def _header(
    page: PageFile, pages: list[PageFile], context: Context, buttons: list[Any]
) -> list[Any]:
    links = "".join(
        f'<a href="/{one.slug}"{" aria-current=page" if one.slug == page.slug else ""}>'
        f"{escape(one.title)}</a>"
        for one in pages
    )
    nav = pn.pane.HTML(
        '<nav aria-label="Pages"><span class="badge">PAPER</span>'
        f'<a href="/">Home</a>{links}<a class="more" href="/reports">Reports</a>'
        '<a class="more" href="/docs">API</a></nav>',
        stylesheets=[HEADER_CSS],
        margin=0,
        align="center",
    )
    user = pn.pane.HTML(
        f'<div class="end"><span class="who">{escape(context.who.username)}</span>'
        '<form method="post" action="/logout"><button type="submit">Log out</button></form></div>',
        stylesheets=[HEADER_CSS],
        margin=(0, 8, 0, 12),
        align="center",
    )
    return [
        pn.Row(nav, pn.layout.HSpacer(), *buttons, user, sizing_mode="stretch_width",
               align="center", margin=0)
    ]  # fmt: skip


def _first_paint(*, is_dark: bool) -> str:
    """Colour the document before the scripts have run, so that dark does not flash white."""
    ground = "#0d1117" if is_dark else "#f6f7f9"
    return (
        f"html, body, #loader {{ background: {ground} !important; }}"
        "@media (max-width: 599.95px) { html { --wb-drawer: 0; } }"
    )
