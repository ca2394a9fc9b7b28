# mypy: allow-untyped-calls
"""Messages of a symbol beside its chart: a list with search, and a place to write notes."""

from __future__ import annotations

from collections.abc import Callable
from html import escape
from typing import Any, get_args

import pandas as pd
import panel as pn
from panel_material_ui.widgets import Button, RadioButtonGroup, TextAreaInput, TextInput

from workbench.core.message import Message
from workbench.data.messages import frame_of, keep_note, query_of, read, written
from workbench.server.identity import authorize
from workbench.server.look import empty, part
from workbench.server.pages import Context
from workbench.store.messages import By

__all__ = ["MessageBoard", "listed"]

_LISTED = 60
_FLAGGED = 2_000
_STYLE = """
<style>
.news { max-height: 340px; overflow-y: auto; }
.news article { padding: 8px 14px; border-top: 1px solid var(--wb-line); font-size: 13px; }
.news article:first-child { border-top: 0; }
.news header { font-size: 12px; }
.news p { margin: 2px 0 0; overflow-wrap: anywhere; white-space: pre-line; }
</style>
"""


class MessageBoard:
    """News and notes of one symbol, searched, listed and written.

    Parameters
    ----------
    context : Context
    changed : callable
        Told when other messages are to be seen than before.

    Attributes
    ----------
    view : panel.Column
    found : DataFrame
        What is listed, as ``wb.messages`` returns it, for the flags of a chart.
    """

    def __init__(self, context: Context, changed: Callable[[], Any]) -> None:
        self._context, self._changed, self._symbol = context, changed, ""
        self.found: pd.DataFrame = frame_of(())
        wide: Any = {"sizing_mode": "stretch_width"}
        self.search = TextInput(
            label="Search news and notes", size="small", margin=(10, 6, 4, 12), **wide
        )
        self.by = RadioButtonGroup(
            options=list(get_args(By)), value="known", size="small", margin=(12, 12, 4, 6)
        )
        self.list = part(margin=0)
        self.text = TextAreaInput(
            label="Write a note", rows=2, max_length=2_000, size="small", margin=(8, 6, 10, 12),
            **wide,
        )  # fmt: skip
        self.keep = Button(label="Keep", variant="outlined", width=84, margin=(12, 12, 10, 6))
        may_write = context.who.may("research")
        self._writing = pn.Row(self.text, self.keep, visible=may_write, margin=0, **wide)
        self.view = pn.Column(
            pn.Row(self.search, self.by, margin=0, **wide),
            self.list,
            self._writing,
            margin=0,
            **wide,
        )
        again = context.guarded(lambda _: self._look())
        self.search.param.watch(again, "value")
        self.by.param.watch(again, "value")
        self.keep.on_click(context.guarded(lambda _: self._write()))

    def show(self, symbol: str) -> None:
        """Read the messages of a symbol and list them."""
        self._symbol = symbol
        by: By = self.by.value
        query = query_of(symbol, search=self.search.value or None, by=by, limit=_FLAGGED)
        messages = read(self._context.services.database, query)
        found = frame_of(messages)
        found.attrs["by"] = by
        with self._context.turn:
            self.found = found
            self.list.object = listed(messages, by, bool(self.search.value))

    def _look(self) -> None:
        if self._symbol:
            self._context.say("")
            self.show(self._symbol)
            self._changed()

    def _write(self) -> None:
        who = self._context.who
        authorize(who, "research")
        if not self._symbol:
            return
        note = written(self.text.value, [self._symbol], author=who.username)
        keep_note(self._context.services.database, note)
        self.text.value = ""
        self._look()


def listed(messages: list[Message], by: str, is_search: bool = False) -> str:
    """Return messages as a list, newest first."""
    if not messages:
        if is_search:
            return empty("Nothing found", "All words must be there; try fewer.")
        return empty(
            "No news or notes of this symbol yet",
            "Write one below, or bring news with: workbench messages fetch",
        )
    newest = sorted(messages, key=lambda one: getattr(one, by), reverse=True)
    rows = "".join(_row(one, by) for one in newest[:_LISTED])
    more = len(newest) - _LISTED
    rest = f'<article class="muted">and {more} older ones: search</article>' if more > 0 else ""
    return f'{_STYLE}<div class="news">{rows}{rest}</div>'


def _row(one: Message, by: str) -> str:
    time = getattr(one, by)
    told = [f"{time:%Y-%m-%d %H:%M} UTC", one.source, one.author]
    if one.edition > 1:
        told.append(f"edition {one.edition}")
    if one.sentiment is not None:
        told.append(f"sentiment {one.sentiment:+.2f}")
    head = " · ".join(escape(text) for text in told if text)
    body = f'<p class="muted">{escape(one.body[:300])}</p>' if one.body else ""
    title = escape(one.title)
    if one.url.startswith(("https://", "http://")):
        url = escape(one.url, quote=True)
        title = f'<a href="{url}" target="_blank" rel="noopener noreferrer">{title}</a>'
    return f'<article><header class="muted">{head}</header><p>{title}</p>{body}</article>'
