"""The line between a process and the venue: what it loses, delays, repeats and reorders."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from workbench.core.ports import Update
from workbench.errors import (
    OutcomeUnknownError,
    RefusedError,
    UnavailableError,
    WorkbenchError,
)
from workbench.testing.simulation.mix import LIFETIME_MS, Mix
from workbench.testing.simulation.timeline import Timeline

__all__ = ["Wire"]

TIMEOUT_MS = 3_000

_UNKNOWN = OutcomeUnknownError("no answer")
_UNASKED = UnavailableError("no answer")

Ask = Callable[[], Any]
Hear = Callable[[Any], None]


class Wire:
    """Calls to the venue, each sent once, and the venue's own messages.

    Parameters
    ----------
    line : Timeline
    mix : Mix
    """

    def __init__(self, line: Timeline, mix: Mix) -> None:
        self.line = line
        self.mix = mix
        self._dead_until = 0

    def heal(self, mix: Mix) -> None:
        """Be on its best behaviour from now on."""
        self.mix, self._dead_until = mix, 0

    def order(self, ask: Ask, hear: Hear) -> None:
        """Send what changes something at the venue; `hear` gets the answer or an error."""
        line = self.line
        if self.mix.no_route and line.chance() < self.mix.no_route:
            line.seen["never sent"] += 1
            line.after(1, hear, UnavailableError("no route"))
            return
        self._send(ask, hear, _UNKNOWN)

    def question(self, ask: Ask, hear: Hear) -> None:
        """Ask something that changes nothing."""
        if self.line.chance() < self.mix.fail_query:
            self.line.seen["failed question"] += 1
            self.line.after(self._delay(), hear, UnavailableError("not now"))
            return
        self._send(ask, hear, _UNASKED)

    def frame(self, update: Update, hear: Callable[[Update], None]) -> None:
        """Bring what the venue tells unasked: once, twice, late or never."""
        line, mix = self.line, self.mix
        if line.at < self._dead_until or line.chance() < mix.lose_frame:
            line.seen["lost frame"] += 1
            return
        line.after(self._frame_delay(), hear, update)
        if line.chance() < mix.repeat_frame:
            line.seen["repeated frame"] += 1
            line.after(self._frame_delay(), hear, update)

    def _send(self, ask: Ask, hear: Hear, silence: WorkbenchError) -> None:
        line, mix = self.line, self.mix
        if mix.outage and line.chance() < mix.outage:
            line.seen["outage"] += 1
            self._dead_until = line.at + line.between(100, mix.outage_ms)
        there = self._delay()
        back = self._delay()
        if line.at < self._dead_until or line.chance() < mix.lose_request:
            line.seen["lost request"] += 1
            line.after(TIMEOUT_MS, hear, silence)
        elif there + back > TIMEOUT_MS or line.chance() < mix.lose_response:
            line.seen["lost response"] += 1
            line.after(there, self._arrive, ask, None, 0)
            line.after(TIMEOUT_MS, hear, silence)
        else:
            line.after(there, self._arrive, ask, hear, back)

    def _arrive(self, ask: Ask, hear: Hear | None, back: int) -> None:
        try:
            answer = ask()
        except (RefusedError, OutcomeUnknownError) as error:
            answer = error.with_traceback(None)  # which would hold this frame, and that the answer
        if hear is not None:
            self.line.after(back, hear, answer)

    def _delay(self) -> int:
        line = self.line
        if line.chance() < self.mix.slow:
            line.seen["slow call"] += 1
            return line.between(100, LIFETIME_MS - 100)
        return line.between(1, 30)

    def _frame_delay(self) -> int:
        line = self.line
        if line.chance() < self.mix.delay_frame:
            line.seen["late frame"] += 1
            return line.between(20, 2_000)
        return line.between(1, 20)
