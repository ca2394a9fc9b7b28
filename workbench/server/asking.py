# mypy: allow-untyped-calls
"""A dialog that asks before something is done, and says in itself what was refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import panel as pn
from panel_material_ui.layout import Dialog
from panel_material_ui.widgets import Button, TextInput

from workbench.errors import WorkbenchError
from workbench.server.look import note, part
from workbench.server.pages import Context

__all__ = ["Question"]


class Question:
    """A dialog with fields, a reason, and the buttons no and yes.

    Parameters
    ----------
    context : Context
    fields : list
        What stands above the reason.
    act : callable
        Does it; a `WorkbenchError` is shown and the dialog stays.
    done : callable
        Called once it is done.
    width : str
        Of the dialog, as MUI names it.

    Attributes
    ----------
    dialog : Dialog
    reason : TextInput
    yes : Button
    """

    def __init__(
        self,
        context: Context,
        fields: list[Any],
        act: Callable[[], Any],
        done: Callable[[], Any],
        *,
        width: str = "xs",
    ) -> None:
        self._act, self._done = act, done
        wide: Any = {"sizing_mode": "stretch_width"}
        self.reason = TextInput(
            label="Why (required)", placeholder="kept in the log, with your name",
            margin=(8, 0), **wide,
        )  # fmt: skip
        self._refusal = part(visible=False, margin=(0, 0, 6, 0))
        self.no = Button(label="Cancel", variant="text", color="default", margin=(6, 4, 8, 0))
        self.yes = Button(variant="contained", margin=(6, 0, 8, 4))
        ends = pn.Row(pn.layout.HSpacer(), self.no, self.yes, margin=0, **wide)
        self.dialog = Dialog(
            *fields, self.reason, self._refusal, ends,
            width_option=width, close_on_click=True, **wide,
        )  # fmt: skip
        self.no.on_click(context.guarded(lambda _: self.close()))
        self.yes.on_click(context.guarded(lambda _: self._try()))

    @property
    def why(self) -> str:
        """What was given as the reason."""
        return (self.reason.value_input or self.reason.value or "").strip()

    def open(self, title: str) -> None:
        """Ask anew."""
        self.dialog.title = title
        self._refusal.visible = False
        self.reason.value = self.reason.value_input = ""
        self.dialog.open = True

    def close(self) -> None:
        """Ask no more."""
        self.dialog.open = False

    def _try(self) -> None:
        self.yes.disabled = True  # a second click is no second one
        try:
            self._act()
        except WorkbenchError as error:
            self._refusal.object, self._refusal.visible = note(error.message, "bad"), True
            return
        finally:
            self.yes.disabled = False
        self.close()
        self._done()
