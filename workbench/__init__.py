"""Research, replay and trade one strategy object.

``import workbench as wb`` is the whole public face. Every name below is loaded
when it is first used, so that the import itself costs next to nothing::

    import workbench as wb

    bars = wb.bars("AAPL")
    result = wb.backtest(wb.strategies.SmaCross(fast=10, slow=50), bars)
    result.plot()
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # what an editor sees; at run time __getattr__ loads the same names
    from workbench import errors, plots
    from workbench import indicators as ta
    from workbench.backtest import stats
    from workbench.backtest.engine import backtest
    from workbench.backtest.entries import Limit
    from workbench.backtest.saved import load_run
    from workbench.backtest.sizing import Sizing
    from workbench.backtest.stops import Stops
    from workbench.config import RiskLimits, load_settings
    from workbench.core.signal import Signal
    from workbench.costs import fees, financing, slippage
    from workbench.costs.costs import Costs
    from workbench.data.actions import actions, record_actions
    from workbench.data.align import align
    from workbench.data.hours import hours, phases
    from workbench.data.loader import bars
    from workbench.data.message_columns import with_messages
    from workbench.data.messages import messages, note
    from workbench.data.news import fetch_messages
    from workbench.data.own_sources import source
    from workbench.data.plan import plan
    from workbench.data.quality import quality
    from workbench.data.resample import resample
    from workbench.data.schema import as_bars
    from workbench.data.sql import sql
    from workbench.data.universe import Universe, universe
    from workbench.live.divergence.divergence import reconcile
    from workbench.live.market.feeds import feed
    from workbench.live.replay.compare import compare
    from workbench.live.replay.replay import replay
    from workbench.live.why import why
    from workbench.research.check import check
    from workbench.research.holdout import holdout
    from workbench.research.sweep import sweep
    from workbench.research.walk_forward import walk_forward
    from workbench.runs.revisions import revisions
    from workbench.strategy import library as strategies
    from workbench.strategy import rules
    from workbench.strategy.allocation import Allocation
    from workbench.strategy.base import EventStrategy, Strategy
    from workbench.strategy.learning import LearningStrategy
    from workbench.strategy.parameters import param
    from workbench.strategy.sleeves import Sleeves
    from workbench.trading.execution import face as execution
    from workbench.venues.files.reader import load_bars_file

__version__ = "0.1.0"

# public name -> "module" or "module:attribute"
_FACE = {
    # data
    "bars": "workbench.data.loader:bars",
    "actions": "workbench.data.actions:actions",
    "record_actions": "workbench.data.actions:record_actions",
    "source": "workbench.data.own_sources:source",
    "universe": "workbench.data.universe:universe",
    "Universe": "workbench.data.universe:Universe",
    "plan": "workbench.data.plan:plan",
    "feed": "workbench.live.market.feeds:feed",
    "as_bars": "workbench.data.schema:as_bars",
    "load_bars_file": "workbench.venues.files.reader:load_bars_file",
    "sql": "workbench.data.sql:sql",
    "revisions": "workbench.runs.revisions:revisions",
    "messages": "workbench.data.messages:messages",
    "fetch_messages": "workbench.data.news:fetch_messages",
    "with_messages": "workbench.data.message_columns:with_messages",
    "note": "workbench.data.messages:note",
    "quality": "workbench.data.quality:quality",
    "resample": "workbench.data.resample:resample",
    "align": "workbench.data.align:align",
    "hours": "workbench.data.hours:hours",
    "phases": "workbench.data.hours:phases",
    # indicators
    "ta": "workbench.indicators",
    # strategies
    "Strategy": "workbench.strategy.base:Strategy",
    "EventStrategy": "workbench.strategy.base:EventStrategy",
    "LearningStrategy": "workbench.strategy.learning:LearningStrategy",
    "Allocation": "workbench.strategy.allocation:Allocation",
    "Sleeves": "workbench.strategy.sleeves:Sleeves",
    "param": "workbench.strategy.parameters:param",
    "strategies": "workbench.strategy.library",
    "rules": "workbench.strategy.rules",
    # backtests
    "backtest": "workbench.backtest",
    "Costs": "workbench.costs.costs:Costs",
    "fees": "workbench.costs.fees",
    "financing": "workbench.costs.financing",
    "slippage": "workbench.costs.slippage",
    "Limit": "workbench.backtest.entries:Limit",
    "Sizing": "workbench.backtest.sizing:Sizing",
    "Stops": "workbench.backtest.stops:Stops",
    "stats": "workbench.backtest.stats",
    "load_run": "workbench.backtest.saved:load_run",
    # research
    "sweep": "workbench.research.sweep:sweep",
    "holdout": "workbench.research.holdout:holdout",
    "walk_forward": "workbench.research.walk_forward:walk_forward",
    "check": "workbench.research.check:check",
    # replay and trading
    "replay": "workbench.live.replay.replay:replay",
    "compare": "workbench.live.replay.compare:compare",
    "execution": "workbench.trading.execution.face",
    "why": "workbench.live.why:why",
    "reconcile": "workbench.live.divergence.divergence:reconcile",
    "RiskLimits": "workbench.config:RiskLimits",
    "Signal": "workbench.core.signal:Signal",
    # the rest
    "plots": "workbench.plots",
    "errors": "workbench.errors",
    "load_settings": "workbench.config:load_settings",
}

__all__ = [
    "Allocation",
    "Costs",
    "EventStrategy",
    "LearningStrategy",
    "Limit",
    "RiskLimits",
    "Signal",
    "Sizing",
    "Sleeves",
    "Stops",
    "Strategy",
    "Universe",
    "__version__",
    "actions",
    "align",
    "as_bars",
    "backtest",
    "bars",
    "check",
    "compare",
    "errors",
    "execution",
    "feed",
    "fees",
    "fetch_messages",
    "financing",
    "holdout",
    "hours",
    "load_bars_file",
    "load_run",
    "load_settings",
    "messages",
    "note",
    "param",
    "phases",
    "plan",
    "plots",
    "quality",
    "reconcile",
    "record_actions",
    "replay",
    "resample",
    "revisions",
    "rules",
    "slippage",
    "source",
    "sql",
    "stats",
    "strategies",
    "sweep",
    "ta",
    "universe",
    "walk_forward",
    "why",
    "with_messages",
]


def __getattr__(name: str) -> Any:
    try:
        module, _, attribute = _FACE[name].partition(":")
    except KeyError:
        raise AttributeError(f"module 'workbench' has no attribute {name!r}") from None
    found = import_module(module)
    value = getattr(found, attribute) if attribute else found
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_FACE})
