# mypy: allow-untyped-calls
"""The limits of the desk on its page: how much is used, who changed them, and changing one."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from html import escape
from typing import Any

import panel as pn
from panel_material_ui.widgets import Button, Select, TextInput

from workbench.config import RiskLimits
from workbench.errors import UsageError, WorkbenchError
from workbench.risk.limits import loosened
from workbench.server.asking import Question
from workbench.server.bridge import Look
from workbench.server.limit_bars import limit_bars, limit_name, limit_value
from workbench.server.look import note, part
from workbench.server.pages import Context
from workbench.store.risk import Change, changes_of

__all__ = ["LimitEditor", "changes_list"]

_LISTED = 12
_SWITCHES = {"on": True, "off": False}


class LimitEditor:
    """The tab of limits.

    Parameters
    ----------
    context : Context
        Its reader may look; a trader may tighten, an admin loosen as well.

    Attributes
    ----------
    view : panel.Column
    question : Question
        Which limit, the new value, why; it shows the old value beside the new one.
    """

    def __init__(self, context: Context) -> None:
        self._context, self._desk, self._who = context, context.services.desk, context.who
        wide: Any = {"sizing_mode": "stretch_width"}
        self.bars = part(margin=(4, 14, 6, 14))
        self.log = part(margin=(0, 14, 14, 14))
        self._logged = -1
        self.change = Button(
            label="Change a limit", variant="outlined", size="small", margin=(10, 14, 4, 14),
            visible=self._who.may("limit"),
        )  # fmt: skip
        self.name = Select(
            label="Limit",
            options={limit_name(name): name for name in RiskLimits.model_fields},
            margin=(8, 0),
            **wide,
        )
        self.value = TextInput(label="New value", margin=(8, 0), **wide)
        self.switch = Select(label="New value", options=list(_SWITCHES), margin=(8, 0), **wide)
        self._step = part(margin=(4, 0))
        self.question = Question(
            context, [self.name, self.value, self.switch, self._step], self._act, self._show_now
        )
        self.view = pn.Column(
            self.change, self.bars, self.log, sizing_mode="stretch_width", margin=0
        )
        self.change.on_click(context.guarded(lambda _: self.ask()))
        self.name.param.watch(context.guarded(lambda _: self._other()), "value")
        for widget, what in ((self.value, "value_input"), (self.switch, "value"),
                             (self.question.reason, "value_input")):  # fmt: skip
            widget.param.watch(context.guarded(lambda _: self._dress()), what)

    def show(self, look: Look) -> None:
        """Show the limits as they stand."""
        self.bars.object = limit_bars(look.uses, look.version)
        if look.version != self._logged:
            self._logged = look.version
            with self._context.services.database.read() as connection:
                found = changes_of(connection, (self._desk.limits_subject,), _LISTED)
            self.log.object = changes_list(found)

    def ask(self, name: str = "max_gross") -> None:
        """Open the dialog for a limit."""
        self.name.value = name
        self._other()
        self.question.open("Change a limit")

    def _show_now(self) -> None:
        self.show(self._desk.look())

    def _other(self) -> None:
        present = getattr(self._desk.limits_now, self.name.value)
        is_switch = isinstance(present, bool)
        self.switch.visible, self.value.visible = is_switch, not is_switch
        if is_switch:
            self.switch.value = "on" if present else "off"
        else:
            self.value.value = self.value.value_input = _typed(present)
            several = self.name.value == "symbols"
            self.value.placeholder = "no limit"
            self.value.label = "Symbols, with spaces between" if several else "New value"
        self._dress()

    def _dress(self) -> None:
        """Say what would change, and whether this reader may."""
        self.question.yes.label = "Change the limit"
        self.question.yes.disabled = True
        try:
            before, after = self._desk.proposed(self._update())
        except WorkbenchError as error:
            self._step.object = note(error.message, "bad")
            return
        name = self.name.value
        old, new = getattr(before, name), getattr(after, name)
        if old == new:
            self._step.object = note(f"In force: {limit_value(name, old)}.")
            return
        is_looser = bool(loosened(before, after))
        words = f"{limit_value(name, old)} → {limit_value(name, new)}"
        told = "looser than now" if is_looser else "tighter than now"
        if is_looser and not self._who.may("loosen limits"):
            self._step.object = note(f"{words}: {told}. Only an admin may loosen a limit.", "bad")
            return
        self._step.object = note(f"{words}: {told}.", "warn" if is_looser else "good")
        self.question.yes.color = "error" if is_looser else "primary"
        self.question.yes.disabled = not self.question.why

    def _act(self) -> None:
        work = self._desk.change_limits(self._update(), self._who, self.question.why)
        self._desk.wait(work)

    def _update(self) -> dict[str, Any]:
        name = self.name.value
        if self.switch.visible:
            return {name: _SWITCHES[self.switch.value]}
        text = (self.value.value_input or "").strip()
        if not text:
            return {name: None}
        if name == "symbols":
            return {name: tuple(text.upper().replace(",", " ").split())}
        try:
            return {name: float(text.replace(",", ""))}
        except ValueError:
            raise UsageError(f"{text[:40]!r} is no number; leave it empty for no limit") from None


def changes_list(found: Sequence[Change]) -> str:
    """Return who changed which limit, from what to what, when and why; newest first."""
    rows = "".join(_row(one) for one in found)
    if not rows:
        return ""
    return f'<h2>Changes</h2><div class="changes">{rows}</div>'


def _row(one: Change) -> str:
    before = RiskLimits.model_validate_json(one.before)
    after = RiskLimits.model_validate_json(one.after)
    steps = ", ".join(
        f"{limit_name(name)} {limit_value(name, getattr(before, name))} → "
        f"{limit_value(name, getattr(after, name))}"
        for name in RiskLimits.model_fields
        if getattr(before, name) != getattr(after, name)
    )
    return (
        f'<div><span class="muted">{_stamp(one.time)} · {escape(one.actor)}</span> '
        f"<b>{escape(steps)}</b> <span>{escape(one.reason)}</span></div>"
    )


def _stamp(at: datetime) -> str:
    return f"{at:%m-%d %H:%M:%S} UTC"


def _typed(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, tuple):
        return " ".join(value)
    return f"{value:g}" if isinstance(value, float) and value < 1e6 else f"{value:.0f}"
