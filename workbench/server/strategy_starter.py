# mypy: allow-untyped-calls
"""Putting a strategy of the library to work on the desk: which, on what, with how much."""

from __future__ import annotations

from collections.abc import Callable
from html import escape
from typing import Any

import panel as pn
from panel_material_ui.widgets import Button, FloatInput, MultiChoice, Select, TextInput

from workbench.core.clock import WallClock
from workbench.errors import UsageError
from workbench.live.decisions.deployment import Deployment
from workbench.live.runs.stages import Stage, Stages
from workbench.runs.code_hash import code_of
from workbench.server.asking import Question
from workbench.server.lab import control
from workbench.server.look import part
from workbench.server.pages import Context
from workbench.strategy.parameters import specs
from workbench.strategy.registry import find, names

__all__ = ["StrategyStarter", "stage_words"]

_FRAMES = ["5s", "15s", "1m", "5m", "15m", "1h"]


class StrategyStarter:
    """A button, and the dialog behind it.

    Parameters
    ----------
    context : Context
        Its reader sees the button where it may trade.
    done : callable
        Called once a strategy was started.
    """

    def __init__(self, context: Context, done: Callable[[], Any]) -> None:
        self._context, self._desk, self._who = context, context.services.desk, context.who
        wide: Any = {"sizing_mode": "stretch_width", "margin": (8, 0)}
        self.button = Button(
            label="Start a strategy", icon="play_arrow", variant="outlined", size="small",
            margin=(10, 14, 6, 14), visible=self._who.may("trade"),
        )  # fmt: skip
        self.strategy = Select(label="Strategy", options=names(), **wide)
        self._stage = part(margin=(2, 0, 4, 0))
        self.params = pn.Column(margin=0, sizing_mode="stretch_width")
        symbols = list(self._desk.symbols)
        self.symbols = MultiChoice(label="Symbols", options=symbols, value=symbols[:1], **wide)
        self.timeframe = Select(label="Bars", options=_FRAMES, value="1m", **wide)
        self.share = FloatInput(label="Share of the account, in %", value=10, start=1, end=100,
                                step=5, **wide)  # fmt: skip
        self.name = TextInput(label="Name (optional)", max_length=64, **wide)
        self.question = Question(
            context,
            [
                self.strategy, self._stage, self.params, self.symbols,
                pn.Row(self.timeframe, pn.Spacer(width=12), self.share, margin=0,
                       sizing_mode="stretch_width"),
                self.name,
            ],
            self._act,
            done,
            width="sm",
        )  # fmt: skip
        self.question.reason.visible = False
        self.question.yes.label = "Start on paper"
        self.button.on_click(context.guarded(lambda _: self.ask()))
        self.strategy.param.watch(context.guarded(lambda _: self._other()), "value")

    def ask(self) -> None:
        """Open the dialog."""
        self.strategy.options = names()
        if self.strategy.value not in self.strategy.options:
            self.strategy.value = self.strategy.options[0]
        self._other()
        given = sum(float(one.capital) for one in self._desk.look().at_work if one.state != "ended")
        equity = float(self._desk.snapshot().equity) or 1.0
        left = max(0.0, 100.0 * (1.0 - given / equity))
        self.share.label = f"Share of the account, in % (about {left:.0f} left)"
        self.question.open("Start a strategy")

    def _other(self) -> None:
        kind = find(self.strategy.value)
        with self._context.turn:
            self.params.objects = [control(spec) for spec in specs(kind).values()]
        strategy = kind()
        stages = Stages(self._context.services.database, WallClock())
        code = code_of(strategy)
        days = stages.paper_days(strategy.name, code)
        told = (kind.__doc__ or "").strip().partition("\n")[0]
        self._stage.object = stage_words(
            strategy.name, told, stages.of(strategy.name, code),
            (days, self._context.settings.paper_days),
        )  # fmt: skip

    def _act(self) -> None:
        kind = find(self.strategy.value)
        given = {
            name: widget.value
            for name, widget in zip(specs(kind), self.params.objects, strict=True)
        }
        if self.share.value is None:
            raise UsageError("the share of the account is missing")
        one = Deployment(
            strategy=kind(**given),
            symbols=tuple(self.symbols.value or ()),
            timeframe=self.timeframe.value,
            name=(self.name.value_input or self.name.value or "").strip(),
            share=self.share.value / 100.0,
        )
        self._desk.wait(self._desk.deploy(one, self._who))


def stage_words(name: str, told: str, stage: Stage, paper: tuple[int, int]) -> str:
    """Return how far a strategy has come, and which gates are still before it, as HTML.

    Parameters
    ----------
    told : str
        What the strategy says of itself.
    paper : (int, int)
        Days on paper, and how many are wanted.
    """
    days, wanted = paper
    order = [Stage.DRAFT, Stage.CHECKED, Stage.PAPER, Stage.LIVE]
    reached = order.index(stage) if stage in order else -1
    chips = " → ".join(
        f'<b class="up">{one}</b>' if one is stage else f'<span class="muted">{one}</span>'
        for one in order
    )
    gates = {
        Stage.CHECKED: "checked: the leak check finds nothing",
        Stage.PAPER: "paper: it was checked",
        Stage.LIVE: f"live: {wanted} days on paper with this code ({days} so far)",
    }
    after = order[reached + 1] if 0 <= reached < len(order) - 1 else None
    left = [text for one, text in gates.items() if reached < order.index(one)]
    head = f"Stage: {chips}" if reached >= 0 else f'Stage: <b class="down">{stage}</b>'
    more = f"Gates before real money: {'; '.join(left)}." if left else "It may trade real money."
    how = f"workbench strategy promote {name} {after}" if after else ""
    said = "This desk is paper: a strategy of any stage may trade here."
    return (
        f'<p class="muted" style="margin:0 0 6px">{escape(told)}</p>'
        f'<div class="note"><div>{head}</div><div class="muted">{escape(said)} {escape(more)}'
        + (f" Next: <code>{escape(how)}</code>" if how else "")
        + "</div></div>"
    )
