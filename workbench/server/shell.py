# mypy: allow-untyped-calls
"""What is around every Panel page: header, drawer, theme, the halt button."""

from __future__ import annotations

from html import escape
from typing import Any

import panel as pn
from bokeh.themes import Theme as BokehTheme
from panel_material_ui.layout import Dialog
from panel_material_ui.template.base import Meta, Page
from panel_material_ui.widgets import Button, TextInput

from workbench.risk.halt import Halt, HaltLevel
from workbench.server.look import HEADER_CSS, PAGE_SX, THEME_CONFIG, part
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
        # what is added later would fetch its style sheets from Panel's own site
        pn.state.curdoc.template_variables["dist_url"] = "/static/extensions/panel/"
    buttons, dialogs = _halt(context)
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
        margin=(0, 0, 0, 12),
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


def _halt(context: Context) -> tuple[list[Any], list[Any]]:
    """Return the button that stops trading, and the question before it."""
    desk, who = context.services.desk, context.who
    if not who.may("halt"):
        return [], []
    button = Button(size="small", variant="outlined", color="error", margin=(0, 4))
    reason = TextInput(label="Why", placeholder="goes into the log", sizing_mode="stretch_width")
    question, yes = part(), Button(color="error", variant="contained")
    dialog = Dialog(question, reason, yes, title="", width_option="xs", close_on_click=True)

    def show() -> None:
        halt = desk.in_force
        halted = halt.level is not HaltLevel.RUN
        button.label = "Halted" if halted else "Halt trading"
        button.icon = "lock" if halted else "block"
        button.variant = "contained" if halted else "outlined"
        dialog.title = "Resume trading?" if halted else "Halt trading?"
        yes.label = "Resume trading" if halted else "Halt trading"
        yes.disabled = halted and not who.may("resume")
        question.object = _question(halt, may_resume=who.may("resume"))

    def ask(_: Any) -> None:
        show()
        dialog.open = True

    def act(_: Any) -> None:
        why = reason.value_input or reason.value
        is_halted = desk.in_force.level is not HaltLevel.RUN
        desk.wait(desk.resume(who, why) if is_halted else desk.halt(who, why))
        dialog.open, reason.value = False, ""
        show()

    show()
    button.on_click(context.guarded(ask))
    yes.on_click(context.guarded(act))
    pn.state.add_periodic_callback(show, 3_000)
    return [button], [dialog]


def _question(halt: Halt, *, may_resume: bool) -> str:
    if halt.level is HaltLevel.RUN:
        return "New orders are refused and working ones canceled, until an admin resumes."
    said = f"Halted by {escape(halt.actor)}"
    said += f": {escape(halt.reason)}." if halt.reason else ", no reason given."
    return said + (" Say why it may go on." if may_resume else " Only an admin may resume.")


def _first_paint(*, is_dark: bool) -> str:
    """Colour the document before the scripts have run, so that dark does not flash white."""
    ground = "#0d1117" if is_dark else "#f6f7f9"
    return f"html, body, #loader {{ background: {ground} !important; }}"
