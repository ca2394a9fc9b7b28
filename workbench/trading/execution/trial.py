"""``wb.execution.replay``: an algorithm on history, through gate, journal and venue."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd

from workbench.config import RiskLimits
from workbench.core.bar import Bar
from workbench.core.clock import EventClock
from workbench.core.instrument import Instrument
from workbench.core.money import decimal
from workbench.core.order import Intent
from workbench.core.parent import Parent
from workbench.core.signal import Side
from workbench.costs.costs import Costs
from workbench.data.calendar import known_times
from workbench.data.schema import check_bars, describe
from workbench.errors import DataError, UsageError, nearest
from workbench.risk.context import Context
from workbench.risk.gate import Gate, Judgement
from workbench.store.migrate import open_database
from workbench.trading.core import OrderCore
from workbench.trading.execution.algorithm import Algorithm
from workbench.trading.execution.benchmark import Report, measure
from workbench.trading.execution.executor import ReplayExecutor
from workbench.trading.execution.tape import Tape
from workbench.trading.journal import Journal
from workbench.trading.manager import ReplayManager
from workbench.venues.sim.terms import plain_terms
from workbench.venues.sim.venue import SimVenue

__all__ = ["compare", "replay"]

_MOST_LOOKS = 20  # at one instant: withdrawn, told, placed anew


def replay(  # noqa: PLR0913 - the public face: what is executed, when, and within which bounds
    algorithm: Algorithm,
    bars: pd.DataFrame,
    *,
    side: str,
    quantity: Decimal | int | str,
    start: str | datetime | None = None,
    end: str | datetime | None = None,
    limit_price: Decimal | int | str | None = None,
    max_participation: float | Decimal | None = None,
    instrument: Instrument | None = None,
    costs: Costs | None = None,
    limits: RiskLimits | None = None,
) -> Report:
    """Execute an order by an algorithm on past bars, by the code that does it live.

    What is decided at a bar's opening knows the bars before it, and is filled by the rules
    of docs/fills.md: market parts at the open, limit parts when they are reached, at most
    ``costs.max_participation`` of a bar's volume.

    Parameters
    ----------
    algorithm : Algorithm
        ``wb.execution.Twap(slices=20)``, for instance.
    bars : DataFrame
        Of one symbol, see ``wb.bars``.
    side : {"buy", "sell"}
    quantity : Decimal, int or str
        Units.
    start, end : str or datetime, optional
        The window; times without a zone are UTC. All bars by default.
    limit_price, max_participation
        See `Parent`.
    instrument : Instrument, optional
        Gives tick, lot and least notional; by default there is no step.
    costs : Costs, optional
        Of the venue, as in ``wb.backtest``.
    limits : RiskLimits, optional
        As in ``wb.replay``.

    Returns
    -------
    Report

    Raises
    ------
    UsageError
        Settings that make no sense.
    DataError
        No bar in the window.

    Examples
    --------
    >>> import workbench as wb
    >>> bars = wb.bars("AAPL", start="2010-01", end="2010-03")
    >>> report = wb.execution.replay(wb.execution.Twap(slices=10), bars, side="buy", quantity=1000)
    >>> report.summary["filled"], len(report.parts)
    (1000.0, 10)
    """
    told = describe(bars)
    if side not in (Side.BUY, Side.SELL):
        raise UsageError(f"side is buy or sell, not {side!r}{nearest(str(side), ('buy', 'sell'))}")
    if len(told.symbols) != 1:
        raise UsageError(f"an order is of one symbol, and these bars are of {len(told.symbols)}")
    run = _Trial(check_bars(bars), told.symbols[0], costs, limits)
    steps = instrument or Instrument(run.symbol)
    parent = Parent(
        algo_id=f"{algorithm.name}-1",
        run_id="execution",
        strategy=algorithm.name,
        symbol=run.symbol,
        side=Side(side),
        quantity=decimal(quantity, "quantity"),
        algorithm=algorithm.name,
        settings=algorithm.settings,
        start=_instant(start, run.times[0]),
        end=_instant(end, run.ends[-1]),
        limit_price=None if limit_price is None else decimal(limit_price, "limit_price"),
        max_participation=(
            None if max_participation is None else decimal(max_participation, "max_participation")
        ),
        lot=steps.lot,
        tick=steps.tick,
        min_notional=steps.min_notional,
    )
    return run.execute(parent)


def compare(algorithms: Mapping[str, Algorithm], bars: pd.DataFrame, **given: Any) -> pd.DataFrame:
    """Execute the same order by several algorithms, and return a row of figures for each.

    Parameters
    ----------
    algorithms : mapping of str to Algorithm
    bars : DataFrame
    **given
        As of :func:`replay`.

    Returns
    -------
    DataFrame
        ``filled fill_rate parts average_price`` and the slippage against each benchmark in
        basis points; positive is worse.

    Examples
    --------
    >>> import workbench as wb
    >>> bars = wb.bars("AAPL", start="2010-01", end="2010-03")
    >>> some = {"quick": wb.execution.Twap(slices=2), "slow": wb.execution.Twap()}
    >>> list(wb.execution.compare(some, bars, side="buy", quantity=100).index)
    ['quick', 'slow']
    """
    rows = {}
    for name, algorithm in algorithms.items():
        report = replay(algorithm, bars, **given)
        figures = report.summary[["filled", "fill_rate", "parts", "average_price"]]
        slippage = report.table["slippage_bps"].add_suffix("_bps")
        rows[name] = pd.concat([figures, slippage, report.summary[["shortfall_bps"]]])
    return pd.DataFrame(rows).T.astype(np.float64)


class _Trial:
    """One account on a simulated venue, for one parent."""

    def __init__(
        self, bars: pd.DataFrame, symbol: str, costs: Costs | None, limits: RiskLimits | None
    ) -> None:
        if bars.empty:
            raise DataError("there are no bars")
        told = describe(bars)
        self.bars, self.symbol = bars, symbol
        index = pd.DatetimeIndex(bars.index)
        self.times: list[datetime] = index.to_pydatetime().tolist()
        ends = known_times(index, told.timeframe, told.calendar)
        self.ends: list[datetime] = pd.DatetimeIndex(ends).to_pydatetime().tolist()
        self._cash = decimal(float(np.nanmax(bars["high"].to_numpy(np.float64))) * 1e9)
        self._clock, self._tape = EventClock(self.times[0]), Tape()
        self._venue = SimVenue([symbol], float(self._cash), plain_terms(costs))
        self._limits = limits

    def execute(self, parent: Parent) -> Report:
        """Go through the bars until the parent is over."""
        database = open_database("sqlite://")
        journal = Journal(database, "execution", self._clock)
        self._manager = ReplayManager(
            OrderCore(Gate.of(self._limits)), journal, self._venue, self._clock
        )
        try:
            self._manager.open_book({"USD": self._cash})
            self._manager.recover()
            executor = ReplayExecutor(self._manager, self._tape, self._propose)
            executor.start(parent)
            self._go_through(executor, parent)
            self._manager.core.ledger.check()
            self._manager.reconcile(self._venue.positions(), self._venue.account())
        finally:
            journal.close()
            database.close()
        return measure(self._manager.core.ledger, parent.algo_id, self.bars)

    def _go_through(self, executor: ReplayExecutor, parent: Parent) -> None:
        columns = [self.bars[name].tolist() for name in ("open", "high", "low", "close", "volume")]
        for time, *values in zip(self.times, *columns, strict=True):
            self._clock.advance(time)
            self._look(executor)
            if executor.execution(parent.algo_id).state.is_over:
                break
            bar = Bar(self.symbol, time, *values)
            self._venue.on_bar({self.symbol: bar})
            self._venue.mark({self.symbol: bar.close})
            self._listen()
            self._tape.take(bar)
            self._manager.flush()
        self._clock.advance(max(self._clock.now(), parent.end))
        self._look(executor)
        self._manager.flush()

    def _look(self, executor: ReplayExecutor) -> None:
        for _ in range(_MOST_LOOKS):
            if not executor.look():
                break
            self._listen()

    def _listen(self) -> None:
        for update in self._venue.drain():
            self._manager.update(update)

    def _propose(self, intent: Intent) -> Judgement | None:
        ledger, last = self._manager.core.ledger, self._tape.seen(self.symbol).last
        prices = {} if last is None else {self.symbol: last}
        equity = ledger.books.equity(prices) if prices else self._cash
        resting = ledger.open_orders()
        context = Context(
            equity=equity,
            day_start_equity=self._cash,
            prices=prices,
            positions={name: one.quantity for name, one in ledger.books.positions.items()},
            reserved={order.symbol: ledger.reserved(order.symbol) for order in resting},
            resting=resting,
        )
        return self._manager.propose(intent, context)


def _instant(given: str | datetime | None, otherwise: datetime) -> datetime:
    if given is None:
        return otherwise
    at = pd.Timestamp(given)
    at = at.tz_localize("UTC") if at.tzinfo is None else at.tz_convert("UTC")
    return at.to_pydatetime()
