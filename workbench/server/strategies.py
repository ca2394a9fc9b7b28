# mypy: allow-untyped-calls
"""The strategies at work as a table, and the question before one is paused, resumed or ended."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

import pandas as pd
import panel as pn
from panel_material_ui.layout import Dialog
from panel_material_ui.widgets import Button, TextInput

from workbench.errors import WorkbenchError
from workbench.live.runs.at_work import AtWork
from workbench.server.bridge import Move
from workbench.server.look import note, part
from workbench.server.pages import Context
from workbench.server.parts import table
from workbench.server.tables import chip, signed

__all__ = ["StrategyTable", "at_work"]

_WIDTHS = {
    "State": 92, "Strategy": 210, "Market": 160, "Decided": 84, "Wants": 120, "Position": 110,
    "Profit": 104, "Pause": 40, "End": 40,
}  # fmt: skip
_PAUSE = '<span class="end" title="Pause this strategy">‖</span>'
_RESUME = '<span class="end" title="Let it decide again">▶</span>'
_CROSS = '<span class="end" title="End this run">✕</span>'
_COLUMNS = ("State", "Strategy", "Market", "Decided", "Wants", "Position", "Profit", "Note",
            "name", "Pause", "End")  # fmt: skip
_QUESTIONS: dict[Move, str] = {
    "pause": "It decides no more until it is resumed. Its orders and stops stay as they are.",
    "resume": "It decides again from the next bar on.",
    "end": "Its open orders are canceled; what it holds stays held, and its stops are watched no "
    "more. The run cannot be resumed.",
}


def at_work(found: Sequence[AtWork]) -> pd.DataFrame:
    """Return strategies as the rows of a table, those that have ended last."""
    rows = [
        {
            "State": chip(one.state),
            "Strategy": _title(one),
            "Market": f"{', '.join(one.symbols)} · {one.timeframe}",
            "Decided": "" if one.decided is None else f"{one.decided:%H:%M:%S}",
            "Wants": one.decision,
            "Position": ", ".join(f"{units:,.6g} {name}" for name, units in one.held.items())
            or "flat",
            "Profit": signed(float(one.profit)),
            "Note": one.reason or (f"stops {one.stops}" if one.stops else ""),
            "name": one.name,
            "Pause": {"running": _PAUSE, "paused": _RESUME}.get(one.state, ""),
            "End": "" if one.state == "ended" else _CROSS,
        }
        for one in sorted(found, key=lambda one: one.state == "ended")
    ]
    return pd.DataFrame(rows, columns=list(_COLUMNS))


class StrategyTable:
    """The table, and a dialog that asks why.

    Attributes
    ----------
    table : Tabulator
    dialog : Dialog
        Belongs into the page beside the table.
    """

    def __init__(self, context: Context, found: Sequence[AtWork]) -> None:
        self._desk, self._who, self._turn = context.services.desk, context.who, context.turn
        self._asked: tuple[str, Move] = ("", "pause")
        self.table = table(
            at_work(found),
            "No strategy is at work. The button above starts one here, workbench trade on an "
            "account of its own.",
            hidden_columns=["name"],
            titles={"Pause": "", "End": ""},
            widths=_WIDTHS,
            formatters={
                **{name: {"type": "html"} for name in ("State", "Strategy", "Profit", "Pause")},
                "End": {"type": "html"},
            },
            frozen_columns={"Pause": "right", "End": "right"},
            height=300,
        )
        self._question = part(margin=(0, 0, 6, 0))
        self._refusal = part(visible=False, margin=(0, 0, 6, 0))
        self.reason = TextInput(
            label="Why (optional)",
            placeholder="kept in the log, with your name",
            sizing_mode="stretch_width",
            margin=(6, 0),
        )
        cancel = Button(label="Cancel", variant="text", color="default", margin=(6, 4, 8, 0))
        self.yes = Button(variant="contained", margin=(6, 0, 8, 4))
        self.dialog = Dialog(
            self._question,
            self.reason,
            self._refusal,
            pn.Row(pn.layout.HSpacer(), cancel, self.yes, sizing_mode="stretch_width", margin=0),
            width_option="xs",
            sizing_mode="stretch_width",
            close_on_click=True,
        )
        for column in ("Pause", "End"):
            self.table.on_click(context.guarded(self._clicked), column=column)
        cancel.on_click(context.guarded(lambda _: self._close()))
        self.yes.on_click(context.guarded(lambda _: self._act()))

    def show(self, found: Sequence[AtWork]) -> None:
        """Show strategies as they stand."""
        with self._turn:
            frame = at_work(found)
            if not frame.equals(self.table.value):
                self.table.value = frame

    def ask(self, name: str, step: Move) -> None:
        """Open the dialog for one step of a strategy."""
        self._asked = (name, step)
        word = step.capitalize()
        self.dialog.title = f"{word} {name}?"
        may = self._who.may(f"{step} a strategy")
        self._question.object = (
            _QUESTIONS[step] if may else note(f"Your role may not {step} a strategy.", "warn")
        )
        self._refusal.visible = False
        self.reason.value = self.reason.value_input = ""
        self.reason.visible = self.yes.visible = may
        self.yes.label = word
        self.yes.color = "error" if step == "end" else "primary"
        self.dialog.open = True

    def _clicked(self, event: Any) -> None:
        row = self.table.value.iloc[event.row]
        if row[event.column]:
            step: Move = "end" if event.column == "End" else "pause"
            if row["Pause"] == _RESUME and event.column == "Pause":
                step = "resume"
            self.ask(str(row["name"]), step)

    def _act(self) -> None:
        name, step = self._asked
        why = (self.reason.value_input or self.reason.value or "").strip()
        try:
            self._desk.wait(self._desk.move(name, step, self._who, why))
        except WorkbenchError as error:
            self._refusal.object, self._refusal.visible = note(error.message, "bad"), True
            return
        self._close()

    def _close(self) -> None:
        self.dialog.open = False
        self.show(self._desk.look().at_work)


def _title(one: AtWork) -> str:
    params = ", ".join(f"{name}={value}" for name, value in one.params.items())
    name = one.name if one.name == one.strategy else f"{one.name} · {one.strategy}"
    return f'{escape(name)} <small class="muted">{escape(params)}</small>'
