"""Parents, and a journal of parts that is written by hand."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from workbench.core.parent import Parent, ParentState
from workbench.core.signal import Side
from workbench.trading.execution.decide import decide
from workbench.trading.execution.moment import Child, Place, Progress, Seen, Withdraw

START = datetime(2024, 1, 2, 15, tzinfo=UTC)
QUOTED = Seen(Decimal(99), Decimal(101), Decimal(100))


def parent_of(algorithm, **facts):
    return Parent(
        **{
            "algo_id": "p", "run_id": "r", "strategy": "s", "symbol": "AAPL", "side": Side.BUY,
            "quantity": Decimal(100), "algorithm": algorithm.name, "settings": algorithm.settings,
            "start": START, "end": START + timedelta(seconds=100), "lot": Decimal(1), **facts,
        }
    )  # fmt: skip


@dataclass
class Hand:
    """Works a parent by hand: what was decided becomes a part, and a test says what comes of it."""

    parent: Parent
    seconds: float = 0
    market: Seen = QUOTED
    state: ParentState = ParentState.RUNNING
    children: list[Child] = field(default_factory=list)

    @property
    def progress(self):
        return Progress(self.state, tuple(self.children))

    def decide(self, seconds=None):
        self.seconds = self.seconds if seconds is None else seconds
        now = START + timedelta(seconds=self.seconds)
        return list(decide(self.parent, self.progress, self.market, now))

    def work(self, seconds=None, filled=None):
        """Do what is due; parts are filled whole unless said otherwise."""
        actions = self.decide(seconds)
        for action in actions:
            if isinstance(action, Place):
                units = action.quantity if filled is None else Decimal(filled)
                self.children.append(
                    Child(
                        action.slice.intent_id, action.slice, action.quantity, units,
                        START + timedelta(seconds=self.seconds), units < action.quantity, False,
                        False, action.limit_price,
                    )
                )  # fmt: skip
            elif isinstance(action, Withdraw):
                self.end(action.order_id)
        return actions

    def set(self, name, **facts):
        place = next(n for n, child in enumerate(self.children) if child.name == name)
        self.children[place] = replace(self.children[place], **facts)

    def end(self, name, filled=None):
        self.set(name, is_open=False, **({} if filled is None else {"filled": Decimal(filled)}))

    @property
    def sizes(self):
        return [int(child.quantity) for child in self.children]


@pytest.fixture
def hand():
    def make(algorithm, **facts):
        return Hand(parent_of(algorithm, **facts))

    return make
