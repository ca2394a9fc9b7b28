"""What ``wb.execution`` offers: algorithms, a trial of them on history, and the report."""

from __future__ import annotations

from workbench.core.parent import Parent, ParentState
from workbench.trading.execution.algorithm import Algorithm
from workbench.trading.execution.benchmark import Report, measure
from workbench.trading.execution.curves import Impact
from workbench.trading.execution.executor import Executor, ReplayExecutor
from workbench.trading.execution.flow import Iceberg, Pov
from workbench.trading.execution.plan import Plan
from workbench.trading.execution.quoting import Chase, Peg
from workbench.trading.execution.router import Router
from workbench.trading.execution.routing import Offer, Routing, route
from workbench.trading.execution.schedules import Shortfall, Twap, Vwap
from workbench.trading.execution.tape import Tape
from workbench.trading.execution.trial import compare, replay

__all__ = [
    "Algorithm",
    "Chase",
    "Executor",
    "Iceberg",
    "Impact",
    "Offer",
    "Parent",
    "ParentState",
    "Peg",
    "Plan",
    "Pov",
    "ReplayExecutor",
    "Report",
    "Router",
    "Routing",
    "Shortfall",
    "Tape",
    "Twap",
    "Vwap",
    "compare",
    "measure",
    "replay",
    "route",
]
