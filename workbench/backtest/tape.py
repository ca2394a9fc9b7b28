"""What a run left behind, in one shape for all runners.

`Run` is what a `Result` is made from. The kernel's run keeps its arrays and makes frames
when they are asked for (`TapeRun`); whoever has frames already hands them over
(`RunRecord`): replay, live, a run that was saved.
"""

# ruff: noqa: D102 - the members of `Run` are described by `RunRecord`
from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol

import numpy as np
import pandas as pd

from workbench.backtest.events import events_of
from workbench.backtest.frames import LIQUIDATED, fill_records, fills_frame, orders_frame
from workbench.kernels.book import Records
from workbench.kernels.codes import LIQUIDATION, Floats
from workbench.kernels.simulate import Simulated
from workbench.kernels.trips import NOTHING, Carried
from workbench.runs.manifest import Manifest

__all__ = ["Run", "RunRecord", "TapeRun"]


class Run(Protocol):
    """What a `Result` reads; see `RunRecord` for each."""

    @property
    def kind(self) -> str: ...
    @property
    def strategy(self) -> Any: ...
    @property
    def bars(self) -> pd.DataFrame: ...
    @property
    def symbols(self) -> tuple[str, ...]: ...
    @property
    def cash(self) -> float: ...
    @property
    def choices(self) -> Mapping[str, Any]: ...
    @property
    def findings(self) -> tuple[str, ...]: ...
    @property
    def trimmed(self) -> int: ...
    @property
    def small(self) -> int: ...
    @property
    def liquidated(self) -> int: ...
    @property
    def carried(self) -> Carried: ...
    @property
    def manifest(self) -> Manifest | None: ...
    @property
    def worth(self) -> Floats: ...
    @property
    def purse(self) -> Floats: ...
    @property
    def best(self) -> Floats | None: ...
    @property
    def units(self) -> Floats: ...
    @property
    def records(self) -> Records: ...
    @property
    def targets(self) -> pd.DataFrame: ...
    @property
    def orders(self) -> pd.DataFrame: ...
    @property
    def fills(self) -> pd.DataFrame: ...


@dataclass(frozen=True, eq=False, kw_only=True)
class RunRecord:
    """A run as frames.

    Parameters
    ----------
    kind : str
        ``"backtest"``, ``"replay"``, ``"live"``…
    strategy : Strategy
    bars : DataFrame
        The bars contract; all frames below that are indexed by time have its index.
    symbols : tuple of str
        In the order of the columns, as `workbench.data.schema.describe` has them.
    cash : float
        To begin with.
    choices : mapping
        As ``Simulation.choices``; ``periods_per_year`` must be in it.
    equity, cash_held : Series
        At the closes, after their fills.
    positions, targets : DataFrame
        Units and fractions, a column per symbol.
    orders, fills : DataFrame
        Columns as in the result.
    path_dependent : sequence of bool, optional
        Per fill, whether the order of prices inside the bar decided.
    best_equity : Series, optional
        Equity had the profit been taken wherever both stops lay inside a bar.
    trimmed : int
        Orders cut to what could be afforded.
    small : int
        Orders below the least notional.
    flows : ndarray, shape (T, 5 + N)
        What holdings brought in and cost, as ``workbench.kernels.carry`` writes it; of length
        0 where that is nothing.
    findings : tuple of str
        What the runner has to say beside what the result finds itself.
    manifest : Manifest, optional
        Made when it is first asked for where there is none.
    """

    kind: str
    strategy: Any
    bars: pd.DataFrame
    symbols: tuple[str, ...]
    cash: float
    choices: Mapping[str, Any]
    equity: pd.Series
    cash_held: pd.Series
    positions: pd.DataFrame
    targets: pd.DataFrame
    orders: pd.DataFrame
    fills: pd.DataFrame
    path_dependent: Sequence[bool] | None = None
    best_equity: pd.Series | None = None
    trimmed: int = 0
    small: int = 0
    flows: Floats = field(default_factory=lambda: np.empty((0, 0)))
    findings: tuple[str, ...] = ()
    manifest: Manifest | None = None

    @property
    def liquidated(self) -> int:
        """Positions closed for want of margin."""
        return int(self.orders["order_id"].astype(str).str.endswith(LIQUIDATED).sum())

    @property
    def worth(self) -> Floats:
        """Equity as an array."""
        return np.ascontiguousarray(self.equity.to_numpy("float64"))

    @property
    def purse(self) -> Floats:
        """Cash as an array."""
        return np.ascontiguousarray(self.cash_held.to_numpy("float64"))

    @property
    def best(self) -> Floats | None:
        """The upper edge of the band as an array."""
        return None if self.best_equity is None else self.best_equity.to_numpy("float64")

    @cached_property
    def units(self) -> Floats:
        """Positions as an array."""
        return np.ascontiguousarray(self.positions.to_numpy("float64"))

    @cached_property
    def carried(self) -> Carried:
        """What holdings went through."""
        if not len(self.flows):
            return NOTHING
        frame, calendar = str(self.choices["timeframe"]), str(self.choices["calendar"])
        events = events_of(self.bars, self.symbols, frame, calendar, is_timed=True)
        return Carried(events, self.flows)

    @cached_property
    def records(self) -> Records:
        """Fills as the kernel's records."""
        index = pd.DatetimeIndex(self.bars.index)
        return fill_records(self.fills, index, self.symbols, self.path_dependent)


@dataclass(frozen=True, eq=False, kw_only=True)
class TapeRun:
    """A run of the kernel; frames are made when they are first asked for."""

    strategy: Any
    bars: pd.DataFrame
    symbols: tuple[str, ...]
    cash: float
    choices: Mapping[str, Any]
    ran: Simulated
    wanted: Floats
    events: Floats
    best: Floats | None = None
    findings: tuple[str, ...] = ()
    manifest: Manifest | None = None
    kind: str = "backtest"

    @property
    def trimmed(self) -> int:
        """Orders cut by more than a thousandth to what could be afforded.

        Less is what fees and slippage take from one another's part.
        """
        orders = self.ran.orders
        return int(np.sum(orders["trimmed"] > 1e-3 * (orders["trimmed"] + orders["quantity"])))

    @property
    def carried(self) -> Carried:
        """What holdings went through."""
        return Carried(self.events, self.ran.flows)

    @property
    def small(self) -> int:
        """Orders below the least notional."""
        return int(self.ran.small)

    @property
    def liquidated(self) -> int:
        """Positions closed for want of margin."""
        return int(np.sum(self.ran.orders["kind"] == LIQUIDATION))

    @property
    def worth(self) -> Floats:
        """Equity at the closes."""
        return self.ran.equity

    @property
    def purse(self) -> Floats:
        """Cash at the closes."""
        return self.ran.cash

    @property
    def units(self) -> Floats:
        """Units held at the closes."""
        return self.ran.units

    @property
    def records(self) -> Records:
        """Fills."""
        return self.ran.fills

    @cached_property
    def targets(self) -> pd.DataFrame:
        """Targets as a frame, a column per symbol."""
        return pd.DataFrame(self.wanted, index=self.bars.index, columns=list(self.symbols))

    @cached_property
    def orders(self) -> pd.DataFrame:
        """Orders as a frame."""
        return orders_frame(self.ran.orders, pd.DatetimeIndex(self.bars.index), self.symbols)

    @cached_property
    def fills(self) -> pd.DataFrame:
        """Fills as a frame."""
        index = pd.DatetimeIndex(self.bars.index)
        return fills_frame(self.ran.fills, self.ran.orders, index, self.symbols)
