# mypy: allow-untyped-calls
"""The kill switch in the header: a button, and the question how much of what is halted, and why."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from typing import Any

import panel as pn
from panel_material_ui.layout import Dialog
from panel_material_ui.widgets import Button, Select, TextInput

from workbench.errors import WorkbenchError
from workbench.risk.halt import Halt, HaltLevel
from workbench.server.look import note, part
from workbench.server.pages import Context

__all__ = ["HaltSwitch", "halt_switch", "halted_list"]

_EVERY = 3.0
_DESK = ""
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
_WORDS = {
    HaltLevel.RUN: "Run: let orders through again",
    HaltLevel.REDUCE_ONLY: "Reduce only",
    HaltLevel.NO_NEW_ORDERS: "No new orders",
    HaltLevel.CANCEL_ALL: "Cancel all",
    HaltLevel.FLATTEN: "Flatten",
}
_MEANS = {
    HaltLevel.RUN: "New orders pass the risk gate again. Nothing is sent by itself.",
    HaltLevel.REDUCE_ONLY: "Only orders that make a position smaller pass; open orders stay.",
    HaltLevel.NO_NEW_ORDERS: "New orders are refused; open orders and positions stay.",
    HaltLevel.CANCEL_ALL: "New orders are refused and open ones canceled, until none is left.",
    HaltLevel.FLATTEN: "Open orders are canceled and every position is closed at the market.",
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
        Its reader may halt; only who may resume is offered a lower level.

    Attributes
    ----------
    button : Button
        Opens the dialog, and says which way the switch stands.
    dialog : Dialog
        Asks what is halted, how much, and why. To lower a level a reason must be given, to
        raise it may wait.
    scope, level : Select
        Of the question.
    """

    def __init__(self, context: Context) -> None:
        self._desk, self._who = context.services.desk, context.who
        self.button = Button(
            size="small", variant="outlined", color="error", margin=(0, 4), sx=_SIGN_ALONE
        )
        wide: Any = {"sizing_mode": "stretch_width"}
        self._standing = part(margin=(0, 0, 8, 0))
        self.scope = Select(label="What", options={"This desk": _DESK}, margin=(8, 0), **wide)
        self.level = Select(label="How much", margin=(8, 0), **wide)
        self._means = part(margin=(0, 0, 6, 0))
        self._refusal = part(visible=False, margin=(0, 0, 6, 0))
        self.reason = TextInput(
            placeholder="kept in the log, with your name", margin=(6, 0), **wide
        )
        self.cancel = Button(label="Cancel", variant="text", color="default", margin=(6, 4, 8, 0))
        self.yes = Button(variant="contained", margin=(6, 0, 8, 4))
        ends = pn.Row(pn.layout.HSpacer(), self.cancel, self.yes, margin=0, **wide)
        self.dialog = Dialog(
            self._standing, self.scope, self.level, self._means, self.reason, self._refusal, ends,
            width_option="xs", close_on_click=True, **wide,
        )  # fmt: skip
        self.show()
        self.button.on_click(context.guarded(lambda _: self._ask()))
        self.cancel.on_click(context.guarded(lambda _: self._close()))
        self.yes.on_click(context.guarded(lambda _: self._act()))
        self.scope.param.watch(context.guarded(lambda _: self._offer()), "value")
        self.level.param.watch(context.guarded(lambda _: self._dress()), "value")
        self.reason.param.watch(context.guarded(lambda _: self._dress_answer()), "value_input")

    def show(self) -> None:
        """Say on the button which way the switch stands."""
        halted = self._present(_DESK) is not HaltLevel.RUN
        self.button.label = "Halted" if halted else "Halt trading"
        self.button.icon = "lock" if halted else "block"
        self.button.variant = "contained" if halted else "outlined"

    def _ask(self) -> None:
        self.show()
        look, raised = self._desk.look(), self._desk.raised
        self._standing.object = halted_list(raised)
        names = {one.strategy for one in look.at_work}
        names |= {one.strategy for one in look.shot.profits} - {"account"}
        scopes = [f"strategy:{name}" for name in sorted(names)]
        scopes += [f"symbol:{name}" for name in self._desk.symbols]
        scopes += sorted({one.scope for one in raised} - {*scopes, "all", self._desk.scope})
        options = {"This desk": _DESK, "Everything in this workspace": "all"}
        self.scope.options = options | {_in_words(scope): scope for scope in scopes}
        self.scope.value = _DESK
        self._refusal.visible = False
        self.reason.value = self.reason.value_input = ""
        self._offer()
        self.dialog.open = True

    def _offer(self) -> None:
        """Offer the levels that the reader may set for the scope; the likely one first."""
        present, may_resume = self._present(self.scope.value), self._who.may("resume")
        fit = [
            one
            for one in HaltLevel
            if one is not present and (may_resume or one.severity > present.severity)
        ]
        halted = present is not HaltLevel.RUN
        likely = HaltLevel.RUN if halted else HaltLevel.CANCEL_ALL
        self.level.options = {_WORDS[one]: one.value for one in fit}
        self.level.value = likely.value if likely in fit else fit[0].value if fit else None
        self.level.visible = self.reason.visible = self.yes.visible = bool(fit)
        self.cancel.label = "Cancel" if fit else "Close"
        self.dialog.title = "Resume trading?" if halted and may_resume else "Halt trading?"
        self._dress()

    def _dress(self) -> None:
        """Say what the chosen level does."""
        present, wanted = self._present(self.scope.value), self._wanted
        if wanted is None:
            self._means.object = note("It is halted as far as it goes. Only an admin may lower it.")
            return
        lowers = wanted.severity < present.severity
        said = _MEANS[wanted]
        if present is not HaltLevel.RUN:
            said = f"Now: {_WORDS[present].lower()}. {said}"
            said += "" if self._who.may("resume") else " Only an admin may lower it."
        self._means.object = f'<p class="muted" style="margin:2px 0">{escape(said)}</p>'
        self.reason.label = "Why (required)" if lowers else "Why (optional)"
        self.yes.label = (
            "Resume trading"
            if wanted is HaltLevel.RUN
            else "Close every position"
            if wanted is HaltLevel.FLATTEN
            else f"Lower to {_WORDS[wanted].lower()}"
            if lowers
            else "Halt trading"
        )
        self.yes.color = "primary" if lowers else "error"
        self._dress_answer()

    def _dress_answer(self) -> None:
        wanted, present = self._wanted, self._present(self.scope.value)
        lowers = wanted is not None and wanted.severity < present.severity
        self.yes.disabled = lowers and not self._why()

    def _act(self) -> None:
        why, scope, wanted = self._why(), self.scope.value or None, self._wanted
        if wanted is None:
            return
        try:
            if wanted is HaltLevel.RUN:
                self._desk.wait(self._desk.resume(self._who, why, scope=scope))
            else:
                self._desk.wait(self._desk.halt(self._who, why, level=wanted, scope=scope))
        except WorkbenchError as error:
            self._refusal.object, self._refusal.visible = note(error.message, "bad"), True
            return
        self._close()

    def _close(self) -> None:
        self.dialog.open = False
        self.show()

    @property
    def _wanted(self) -> HaltLevel | None:
        return HaltLevel(self.level.value) if self.level.value else None

    def _why(self) -> str:
        return (self.reason.value_input or self.reason.value or "").strip()

    def _present(self, scope: str) -> HaltLevel:
        return self._desk.level_of(scope or None)


def halted_list(raised: Iterable[Halt]) -> str:
    """Return what is halted as HTML: of what, how much, by whom, since when and why."""
    rows = "".join(
        f"<li><b>{escape(_in_words(one.scope))}</b>: {escape(_WORDS[one.level].lower())}, by "
        f"{escape(one.actor)}{f', {one.time:%m-%d %H:%M} UTC' if one.time else ''}. "
        f"{escape(one.reason or 'No reason given.')}</li>"
        for one in raised
    )
    return f'<div class="note bad"><b>Halted now</b><ul>{rows}</ul></div>' if rows else ""


def _in_words(scope: str) -> str:
    kind, _, name = scope.partition(":")
    return f"{kind.capitalize()} {name}" if name else "Everything in this workspace"
