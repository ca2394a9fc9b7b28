"""What is to be traded how: a strategy, its symbols and its share of an account."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

from workbench.backtest.engine import terms_of
from workbench.backtest.sizing import Sizing
from workbench.backtest.stops import Stops
from workbench.core.timeframe import Timeframe
from workbench.costs.costs import Costs
from workbench.errors import UsageError
from workbench.kernels.codes import Terms
from workbench.live.decisions.choices import choice
from workbench.live.market.activity_bars import Activity
from workbench.runs.code_hash import code_of
from workbench.runs.manifest import plain
from workbench.strategy.base import BaseStrategy
from workbench.strategy.registry import find
from workbench.strategy.sleeves import Sleeves
from workbench.trading.execution.algorithm import Algorithm
from workbench.trading.execution.plan import Plan

__all__ = ["Deployment", "check_beside"]

Close = Literal["keep", "cancel", "flatten"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """A strategy to be put to work on an account.

    Parameters
    ----------
    strategy : BaseStrategy
        On bars or on events; `wb.Sleeves` for several that share their capital.
    symbols : tuple of str
        In the order of the columns.
    timeframe : str or Timeframe
        Of the bars it decides on.
    name : str
        Unique on the account; the strategy's own name by default.
    share : float
        Of the account's equity when it begins, as the capital of its own books.
    sizing : Sizing, optional
        ``wb.Sizing(at="decision")`` by default: orders by quantity, from its own books. With
        ``at="fill"`` the venue sizes targets by the whole account, where it can and only one
        strategy is at work there.
    costs : Costs, optional
        What is expected, for sizing; nothing by default.
    stops : Stops, optional
        Kept by the venue where it can, else watched by the engine.
    at_close : {"keep", "cancel", "flatten"}
        When the session ends: leave all as it is, cancel what is open of it, or be flat.
    patience : float
        Seconds one decision may take; a strategy that takes longer is paused.
    execution : Algorithm, Plan or str, optional
        How its orders are worked in parts: ``wb.execution.Twap(slices=10)``, which takes a bar,
        or ``"twap:slices=10,minutes=30"``. Orders are sent whole by default. Stops are watched
        by the engine then, and what they close goes to the market at once.

    Raises
    ------
    UsageError
        Something of it cannot be traded.

    Examples
    --------
    >>> from workbench.strategy.library import SmaCross
    >>> Deployment(strategy=SmaCross(), symbols=("ACME/USD",), timeframe="1m").title
    'SmaCross'
    """

    strategy: BaseStrategy
    symbols: tuple[str, ...]
    timeframe: str | Timeframe
    name: str = ""
    share: float = 1.0
    sizing: Sizing | None = None
    costs: Costs | None = None
    stops: Stops | None = None
    at_close: Close = "keep"
    patience: float = 5.0
    execution: Plan | Algorithm | str | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.strategy, BaseStrategy):
            raise UsageError(f"a strategy object is traded, not {self.strategy!r}")
        object.__setattr__(self, "symbols", tuple(self.symbols))
        if not self.symbols or len(set(self.symbols)) < len(self.symbols):
            raise UsageError(f"symbols are one or several, each once, not {self.symbols!r}")
        if not 0.0 < self.share <= 1.0:
            raise UsageError(f"share is above 0 and at most 1, not {self.share!r}")
        if self.at_close not in ("keep", "cancel", "flatten"):
            raise UsageError(f"at_close is keep, cancel or flatten, not {self.at_close!r}")
        if not self.patience > 0:
            raise UsageError(f"patience is above 0 seconds, not {self.patience!r}")
        if Activity.parse(self.timeframe) is not None:
            raise UsageError(
                f"strategies live on bars of a length of time, not on {self.timeframe!r}: rows of "
                "several symbols and gaps are told by the clock. Take a timeframe such as '1m'; "
                "wb.backtest takes the bars of wb.resample and of wb.feed's store",
                timeframe=self.timeframe,
            )
        Timeframe.parse(self.timeframe)
        object.__setattr__(self, "execution", Plan.of(self.execution))
        if self.execution is not None and self.terms.sizing.at_fill > 0.0:
            raise UsageError(
                "orders that are worked in parts have a quantity when they are decided: "
                "use wb.Sizing(at='decision')"
            )

    @property
    def plan(self) -> Plan | None:
        """How its orders are worked in parts, if they are."""
        return Plan.of(self.execution)

    @property
    def title(self) -> str:
        """Its name on the account."""
        return self.name or self.strategy.name

    @property
    def frame(self) -> Timeframe:
        """The length of a bar."""
        return Timeframe.parse(self.timeframe)

    @property
    def terms(self) -> Terms:
        """Sizing, costs and stops as the kernels have them."""
        return terms_of(self.costs, self.sizing or Sizing(at="decision"), self.stops)

    @property
    def columns(self) -> dict[str, str]:
        """The traded symbol of each column: themselves, or one per strategy that shares it."""
        strategy = self.strategy
        if isinstance(strategy, Sleeves) and not strategy.net:
            names = strategy.strategies
            return {f"{name}/{symbol}": symbol for name in names for symbol in self.symbols}
        return {symbol: symbol for symbol in self.symbols}

    @property
    def code(self) -> str:
        """The digest of its code."""
        return code_of(self.strategy)

    @classmethod
    def read(cls, name: str, identity: str) -> Deployment | None:
        """Make a deployment of what `identity` told; None where that is not enough.

        A strategy whose class is not known here has to be given anew.

        Examples
        --------
        >>> from workbench.strategy.library import SmaCross
        >>> one = Deployment(strategy=SmaCross(fast=5), symbols=("A/USD",), timeframe="1m")
        >>> Deployment.read("SmaCross", one.identity()).strategy
        SmaCross(fast=5, slow=50)
        """
        facts = json.loads(identity)
        try:
            made = cls(
                strategy=find(facts["strategy"])(**facts["params"]),
                symbols=tuple(facts["symbols"]),
                timeframe=facts["timeframe"],
                name=name,
                share=facts["share"],
                at_close=facts["at_close"],
                execution=facts.get("execution"),
                **{word: choice(facts[word]) for word in ("sizing", "costs", "stops")},
            )
        except UsageError:
            return None
        return made if made.identity() == identity else None

    def identity(self) -> str:
        """Return what makes it another run when it changes, as JSON."""
        facts: dict[str, Any] = {
            "strategy": self.strategy.name,
            "params": plain(dict(self.strategy.params)),
            "symbols": list(self.symbols),
            "timeframe": str(self.frame),
            "share": self.share,
            "sizing": repr(self.sizing or Sizing(at="decision")),
            "costs": repr(self.costs or Costs()),
            "stops": repr(self.stops or Stops()),
            "at_close": self.at_close,
        }
        if (
            self.execution is not None
        ):  # what is sent whole is the run it was before there were parts
            facts["execution"] = str(self.execution)
        return json.dumps(facts, sort_keys=True)


def check_beside(one: Deployment, others: Iterable[Deployment], sizes_targets: bool) -> None:
    """Hold that an account has room for a deployment beside others.

    Parameters
    ----------
    sizes_targets : bool
        Whether the venue can size a target when it fills it.

    Raises
    ------
    UsageError
        The name is taken, too little of the account is left, or orders would be sized by an
        account that is not its own.
    """
    known = {other.title: other.share for other in others}
    if one.title in known:
        raise UsageError(f"a strategy of the name {one.title!r} is at work already")
    given = sum(known.values())
    if given + one.share > 1.0 + 1e-9:
        raise UsageError(
            f"{one.title} wants {one.share:.0%} of the account, and {1.0 - given:.0%} is left",
            share=one.share,
        )
    alone = one.share == 1.0 and len(one.columns) == len(one.symbols)
    sizing = one.terms.sizing
    if sizing.at_fill > 0.0 and (sizing.lot or sizing.cash_buffer or sizing.least):
        raise UsageError(
            f"{one.title}: a venue that sizes targets knows nothing of a lot, a buffer or a "
            "least notional; use wb.Sizing(at='decision')"
        )
    if sizing.at_fill > 0.0 and not (sizes_targets and alone):
        raise UsageError(
            f"{one.title}: orders sized at the fill need a venue that sizes targets and an "
            "account of their own; use wb.Sizing(at='decision')"
        )
