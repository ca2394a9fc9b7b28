"""A strategy at work as screens and programs see it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from workbench.core.money import MONEY, decimal

if TYPE_CHECKING:
    from workbench.live.runs.live_run import LiveRun
    from workbench.store.deployments import Deployed

__all__ = ["AtWork", "at_work_row"]


@dataclass(frozen=True, slots=True, kw_only=True)
class AtWork:
    """What a strategy is, how it stands, and what its own books come to.

    Parameters
    ----------
    state : str
        ``running``, ``paused`` or ``ended``; `reason` says why.
    decided : datetime or None
        The label of the last bar it decided on; `decision` says what it wanted.
    held : dict of str to float
        Units by column, flat ones left out.
    capital, equity : Decimal
        What it was given, and what its books come to at the last prices.
    stops : str
        Where its stops are kept; empty where it has none.
    """

    name: str
    run_id: str
    strategy: str
    params: Mapping[str, Any]
    symbols: tuple[str, ...]
    timeframe: str
    venue: str
    state: str
    reason: str
    decided: datetime | None
    decision: str
    held: Mapping[str, float]
    capital: Decimal
    equity: Decimal
    stops: str
    started: datetime

    @classmethod
    def of(cls, record: Deployed, run: LiveRun | None = None) -> AtWork:
        """Return a stored run; of one at work in this process, as it stands this instant."""
        facts = _facts(record.identity)
        if run is None:  # what one in this process remembers need not be read
            memory = json.loads(record.memory)
            cells = memory.get("book", {}).get("cells", {})
            units = {column: float(cell[0]) for column, cell in cells.items()}
            equity, stops = record.equity, memory.get("stops", "")
        else:
            units = {column: cell.units for column, cell in run.pilot.book.cells.items()}
            equity, stops = decimal(round(run.equity, 6), "equity"), run.stops
        return cls(
            name=record.name,
            run_id=record.run_id,
            strategy=record.strategy,
            params=facts["params"],
            symbols=tuple(facts["symbols"]),
            timeframe=facts["timeframe"],
            venue=record.venue,
            state=record.state,
            reason=record.reason,
            decided=record.decided,
            decision=record.decision,
            held={column: one for column, one in units.items() if one},
            capital=record.capital,
            equity=equity,
            stops=stops,
            started=record.started,
        )

    @property
    def profit(self) -> Decimal:
        """What its own books have won or lost."""
        return MONEY.subtract(self.equity, self.capital)


def at_work_row(one: AtWork) -> dict[str, Any]:
    """Return it as plain JSON values; money is text."""
    return {
        "name": one.name,
        "run_id": one.run_id,
        "strategy": one.strategy,
        "params": dict(one.params),
        "symbols": list(one.symbols),
        "timeframe": one.timeframe,
        "venue": one.venue,
        "state": one.state,
        "reason": one.reason,
        "decided": _stamp(one.decided),
        "decision": one.decision,
        "held": dict(one.held),
        "capital": format(one.capital, "f"),
        "equity": format(one.equity, "f"),
        "profit": format(one.profit, "f"),
        "stops": one.stops,
        "started": _stamp(one.started),
    }


@lru_cache(256)
def _facts(identity: str) -> Mapping[str, Any]:
    return MappingProxyType(json.loads(identity))


def _stamp(time: datetime | None) -> str | None:
    return None if time is None else time.isoformat().replace("+00:00", "Z")
