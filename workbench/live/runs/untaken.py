"""Decisions that led to no order: kept in the journal under the id an order would have had."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from workbench.core.ids import client_order_id

__all__ = ["Untaken", "UntakenLog", "keep_untaken"]

NO_ORDER = "no order"


class Notes(Protocol):
    """Whoever puts notes into a journal: an order manager."""

    def note(self, text: str, *, about: str | None = None, **facts: str) -> None:
        """Put one there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Untaken:
    """Why a strategy's target at a bar made no intent.

    Parameters
    ----------
    target, before : float
        Wanted at this bar, and what was wanted last; NaN is no opinion.
    held : float
        Units.
    skipped : str
        Why the bar was not acted upon at all: stale, warming up, halted, market closed.
    """

    run_id: str
    strategy: str
    symbol: str
    time: datetime
    target: float
    before: float = math.nan
    held: float = 0.0
    skipped: str = ""

    @property
    def name(self) -> str:
        """The id that an order of this decision would have had."""
        return client_order_id(self.run_id, self.time, self.symbol)

    @property
    def reason(self) -> str:
        """Why there is no order, in words.

        Examples
        --------
        >>> from datetime import UTC
        >>> one = Untaken(run_id="r", strategy="s", symbol="IBM", target=0.5, before=0.5,
        ...               time=datetime(2024, 1, 2, tzinfo=UTC))
        >>> one.name, one.reason
        ('r-20240102T000000-IBM', 'the target is what it was: 50 %')
        """
        if self.skipped:
            return self.skipped
        if math.isnan(self.target):
            return "the strategy has no opinion: what is held is kept"
        if self.target == self.before:
            return f"the target is what it was: {self.target * 100:.6g} %"
        return (
            f"what is missing to the target of {self.target * 100:.6g} % is less than the least "
            "order, or the target may not be entered again after its stop"
        )


def keep_untaken(journal: Notes, one: Untaken) -> None:
    """Put a decision that made no order into the journal, for `wb.why`."""
    numbers = {"target": one.target, "before": one.before, "held": one.held}
    journal.note(
        NO_ORDER,
        about=one.name,
        strategy=one.strategy,
        symbol=one.symbol,
        time=one.time.isoformat(),
        reason=one.reason,
        **{name: format(value, ".12g") for name, value in numbers.items() if not math.isnan(value)},
    )


class UntakenLog:
    """Keeps what a run decided without an order of it.

    Parameters
    ----------
    run_id, strategy : str
    held : callable
        Gives the units held of a column.
    """

    def __init__(self, run_id: str, strategy: str, held: Callable[[str], float]) -> None:
        self._run_id, self._strategy, self._held = run_id, strategy, held
        self._before: dict[str, float] = {}

    def keep(
        self,
        journal: Notes,
        label: datetime,
        targets: Mapping[str, float],
        is_taken: Callable[[str], bool],
        skipped: str = "",
    ) -> None:
        """Put into the journal why columns have no order; an id may be taken."""
        for column, target in targets.items():
            one = Untaken(
                run_id=self._run_id,
                strategy=self._strategy,
                symbol=column,
                time=label,
                target=target,
                before=self._before.get(column, math.nan),
                held=self._held(column),
                skipped=skipped,
            )
            if not math.isnan(target) and not skipped:
                self._before[column] = target
            if not is_taken(one.name):
                keep_untaken(journal, one)
