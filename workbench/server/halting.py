# mypy: allow-untyped-calls
"""The kill switch in the header: a button, and the question before it is moved."""

from __future__ import annotations

from html import escape
from typing import Any

import panel as pn
from panel_material_ui.layout import Dialog
from panel_material_ui.widgets import Button, TextInput

from workbench.errors import WorkbenchError
from workbench.risk.halt import Halt, HaltLevel
from workbench.server.look import note, part
from workbench.server.pages import Context

__all__ = ["halt_switch"]

_EVERY = 3.0
# where the header is narrow the sign alone has to do
_SIGN_ALONE = {
    "@media (max-width: 599.95px)": {
        "fontSize": 0,
        "minWidth": 38,
        "padding": "7px",
        "& .MuiButton-startIcon": {"margin": 0},
        "& .MuiButton-startIcon *": {"fontSize": "18px !important"},
    }
}


def halt_switch(context: Context) -> tuple[list[Any], list[Any]]:
    """Return the button for the header and its dialog; nothing for who may not halt."""
    if not context.who.may("halt"):
        return [], []
    switch = HaltSwitch(context)
    context.every(_EVERY, switch.show)
    return [switch.button], [switch.dialog]


class HaltSwitch:
    """Halts trading, and lets it go on; what is refused is said in the dialog itself.

    Parameters
    ----------
    context : Context
        Its reader may halt; only who may resume is offered to.

    Attributes
    ----------
    button : Button
        Opens the dialog, and says which way the switch stands.
    dialog : Dialog
        Asks why. To resume a reason must be given, to halt it may wait.
    """

    def __init__(self, context: Context) -> None:
        self._desk, self._who = context.services.desk, context.who
        self._asked_to_resume = False
        self.button = Button(
            size="small", variant="outlined", color="error", margin=(0, 4), sx=_SIGN_ALONE
        )
        self._question = part(margin=(0, 0, 6, 0))
        self._refusal = part(visible=False, margin=(0, 0, 6, 0))
        self.reason = TextInput(sizing_mode="stretch_width", margin=(6, 0))
        self.cancel = Button(label="Cancel", variant="text", color="default", margin=(6, 4, 8, 0))
        self.yes = Button(variant="contained", margin=(6, 0, 8, 4))
        ends = pn.Row(
            pn.layout.HSpacer(), self.cancel, self.yes, sizing_mode="stretch_width", margin=0
        )
        self.dialog = Dialog(
            self._question,
            self.reason,
            self._refusal,
            ends,
            width_option="xs",
            sizing_mode="stretch_width",
            close_on_click=True,
        )
        self.show()
        self.button.on_click(context.guarded(lambda _: self._ask()))
        self.cancel.on_click(context.guarded(lambda _: self._close()))
        self.yes.on_click(context.guarded(lambda _: self._act()))
        self.reason.param.watch(context.guarded(lambda _: self._dress_answer()), "value_input")

    def show(self) -> None:
        """Say on the button which way the switch stands."""
        halted = self._is_halted()
        self.button.label = "Halted" if halted else "Halt trading"
        self.button.icon = "lock" if halted else "block"
        self.button.variant = "contained" if halted else "outlined"

    def _ask(self) -> None:
        self.show()
        halt, may_resume = self._desk.in_force, self._who.may("resume")
        self._asked_to_resume = resumes = self._is_halted()
        self.dialog.title = "Resume trading?" if resumes else "Halt trading?"
        self._question.object = _question(halt, may_resume=may_resume)
        self._refusal.visible = False
        self.reason.label = "Why (required)" if resumes else "Why (optional)"
        self.reason.placeholder = "kept in the log, with your name"
        self.reason.value = self.reason.value_input = ""
        self.reason.visible = self.yes.visible = may_resume or not resumes
        self.cancel.label = "Cancel" if self.yes.visible else "Close"
        self.yes.label = "Resume trading" if resumes else "Halt trading"
        self.yes.color = "primary" if resumes else "error"
        self._dress_answer()
        self.dialog.open = True

    def _dress_answer(self) -> None:
        self.yes.disabled = self._asked_to_resume and not self._why()

    def _act(self) -> None:
        why = self._why()
        try:
            if self._asked_to_resume:
                self._desk.wait(self._desk.resume(self._who, why))
            else:
                self._desk.wait(self._desk.halt(self._who, why))
        except WorkbenchError as error:
            self._refusal.object, self._refusal.visible = note(error.message, "bad"), True
            return
        self._close()

    def _close(self) -> None:
        self.dialog.open = False
        self.show()

    def _why(self) -> str:
        return (self.reason.value_input or self.reason.value or "").strip()

    def _is_halted(self) -> bool:
        return self._desk.in_force.level is not HaltLevel.RUN


def _question(halt: Halt, *, may_resume: bool) -> str:
    if halt.level is HaltLevel.RUN:
        return "New orders are refused and working ones canceled, until an admin resumes."
    said = f"Halted by {escape(halt.actor)}"
    said += f": {escape(halt.reason)}." if halt.reason else ", no reason given."
    return said + (" Say why it may go on." if may_resume else " Only an admin may resume.")
