"""One parent, one moment, what to do: the same function live, in a replay and in a simulation."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from workbench.core.money import MONEY
from workbench.core.order import Intent
from workbench.core.parent import Parent, ParentState
from workbench.risk.verdict import in_words
from workbench.trading.execution import flow, quoting, routed, schedules
from workbench.trading.execution.algorithm import Algorithm, read
from workbench.trading.execution.moment import (
    Action,
    Finish,
    Hold,
    Moment,
    Place,
    Progress,
    Seen,
    Withdraw,
)

__all__ = ["ALGORITHMS", "decide", "intent_of"]

ALGORITHMS: tuple[type[Algorithm], ...] = (
    schedules.Twap, schedules.Vwap, schedules.Shortfall, flow.Pov, flow.Iceberg, quoting.Peg,
    quoting.Chase, routed.Routed,
)  # fmt: skip
_MOST_REFUSALS = 5


def decide(
    parent: Parent,
    progress: Progress,
    market: Seen,
    now: datetime,
    algorithm: Algorithm | None = None,
) -> Sequence[Action]:
    """Return what to do about a parent now; nothing where nothing is due.

    Parameters
    ----------
    parent : Parent
    progress : Progress
        What the journal has of it.
    market : Seen
    now : datetime
    algorithm : Algorithm, optional
        That of the parent, where it was read already.

    Examples
    --------
    >>> from datetime import UTC, timedelta
    >>> from decimal import Decimal
    >>> from workbench.core.signal import Side
    >>> at = datetime(2024, 1, 2, tzinfo=UTC)
    >>> parent = Parent(algo_id="p", run_id="r", strategy="s", symbol="AAPL", side=Side.BUY,
    ...                 quantity=Decimal(10), lot=Decimal(1), algorithm="twap",
    ...                 settings={"slices": 5},
    ...                 start=at, end=at + timedelta(hours=1))
    >>> (first,) = decide(parent, Progress(), Seen(last=Decimal(100)), at)
    >>> first.slice.intent_id, first.quantity
    ('p-0-0', Decimal('2'))
    """
    if progress.state.is_over:
        return ()
    ending = _ending(parent, progress, now)
    if ending is not None:
        return ending
    if now < parent.start:
        return ()
    if progress.refusals >= _MOST_REFUSALS:
        return (Hold(f"its last {progress.refusals} parts were refused"),)
    moment = Moment(parent, progress, market, now)
    return (algorithm or read(parent.algorithm, parent.settings)).actions(moment)


def _ending(parent: Parent, progress: Progress, now: datetime) -> Sequence[Action] | None:
    """Return what a parent that is to do nothing more still needs; None where it goes on."""
    state = progress.state
    if progress.filled >= parent.quantity and not progress.open:
        return (Finish(ParentState.DONE),)
    if state is ParentState.CANCELING:
        left = _left(progress, "its parent is withdrawn")
        return (Finish(ParentState.CANCELED),) if left is None else left
    if now >= parent.end:
        left = _left(progress, "the time of its parent is over")
        what = MONEY.subtract(parent.quantity, progress.filled)
        over = Finish(ParentState.ENDED, f"its time is over, {in_words(what)} are left")
        return (over,) if left is None else left
    if state is ParentState.PAUSED:
        return _left(progress, "its parent is paused") or ()
    return None


def _left(progress: Progress, why: str) -> Sequence[Action] | None:
    """Return how to end what is open, None where nothing is."""
    if not progress.open:
        return None
    return [Withdraw(child.name, why) for child in progress.open if not child.is_leaving]


def intent_of(parent: Parent, place: Place, market: Seen, now: datetime) -> Intent:
    """Return the intent that a part is proposed with."""
    return Intent(
        intent_id=place.slice.intent_id,
        run_id=parent.run_id,
        strategy=parent.strategy,
        symbol=parent.symbol,
        side=parent.side,
        decided_at=now,
        quantity=place.quantity,
        type=place.type,
        limit_price=place.limit_price,
        tif=parent.tif,
        reference_price=market.mid,
        reduce_only=parent.reduce_only,
        extended_hours=parent.extended_hours,
        reason=f"{parent.algorithm} {parent.algo_id}, slice {place.slice.number + 1}",
        slice=place.slice,
    )
