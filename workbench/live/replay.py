"""``wb.replay``: a strategy bar by bar through the real order path.

Each bar is shown to the strategy, which sees nothing later; what it wants goes through
the risk gate to the order manager, into the journal, and only then to a simulated venue;
fills come back as messages, through the journal into the books. At the end the books
must be what the venue states, to the last digit. Orders and fills are those of
``wb.backtest``, row by row.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from workbench.backtest.engine import Simulation, prepare
from workbench.backtest.entries import Limit
from workbench.backtest.result import Result, assemble
from workbench.backtest.sizing import Sizing
from workbench.backtest.stops import Stops
from workbench.backtest.tape import RunRecord
from workbench.config import RiskLimits
from workbench.core.bar import Bar
from workbench.core.clock import EventClock, WallClock
from workbench.core.fill import Fill
from workbench.core.ids import client_order_id, run_id
from workbench.core.money import decimal
from workbench.core.order import Intent, OrderType
from workbench.core.signal import Side
from workbench.costs.costs import Costs
from workbench.errors import UsageError
from workbench.kernels.codes import DIVIDEND, FUNDING, SPLIT, YEARS, Floats
from workbench.live.frames import record_of
from workbench.live.opinions import opinions_of
from workbench.live.sizing import Decision, TargetDecider, protection_of
from workbench.risk.context import Context
from workbench.risk.gate import Gate
from workbench.store.database import Database
from workbench.store.migrate import open_database
from workbench.strategy.membership import barred
from workbench.strategy.sleeves import owner, spread
from workbench.trading.core import OrderCore
from workbench.trading.journal import Journal
from workbench.trading.manager import ReplayManager
from workbench.venues.sim.carry import Due
from workbench.venues.sim.floats import FloatBook
from workbench.venues.sim.venue import SimVenue

if TYPE_CHECKING:
    from workbench.strategy.base import BaseStrategy

__all__ = ["Runner", "replay"]


def replay(  # noqa: PLR0913 - the public face: the choices of a backtest, and three of its own
    strategy: BaseStrategy,
    bars: pd.DataFrame,
    *,
    cash: float = 100_000,
    costs: Costs | None = None,
    sizing: Sizing | None = None,
    stops: Stops | None = None,
    fill: str | Limit = "next_open",
    calendar: str | None = None,
    limits: RiskLimits | None = None,
    database: str | Path | None = None,
    progress: bool = False,
) -> Result:
    """Run a strategy event by event through risk gate, order manager, journal and venue.

    Parameters
    ----------
    strategy : Strategy or EventStrategy
        An object. One on bars is asked for its targets over the history so far at each
        bar; one on events answers each bar with signals.
    bars : DataFrame
        One or several symbols, see ``wb.bars``.
    cash, costs, sizing, stops, fill, calendar
        As in ``wb.backtest``.
    limits : RiskLimits, optional
        What the risk gate refuses. Without them every rule runs and passes, so that a
        replay is the backtest; with them it may differ, and the findings count the
        refusals.
    database : str or Path, optional
        Where the journal is kept: an SQLite file or an address. By default it lives in a
        temporary file as long as the replay.
    progress : bool
        Whether to show a progress bar.

    Returns
    -------
    Result
        As of ``wb.backtest``, of the kind ``"replay"``.

    Raises
    ------
    UsageError
        As of ``wb.backtest``; or another writer has the database.
    InvariantError
        The books are not what the venue states.

    Examples
    --------
    >>> import workbench as wb
    >>> from workbench.live.compare import compare
    >>> bars = wb.bars("AAPL", start="2010", end="2012")
    >>> strategy = wb.strategies.SmaCross(fast=10, slow=50)
    >>> result = replay(strategy, bars, costs=wb.Costs(fee=wb.fees.Bps(5)))
    >>> compare(wb.backtest(strategy, bars, costs=wb.Costs(fee=wb.fees.Bps(5)), record=False),
    ...         result).ok
    True
    """
    if isinstance(strategy, type):
        raise UsageError(f"{strategy.__name__} is a class: give an object, {strategy.__name__}()")
    simulation = prepare(
        spread(strategy, bars),
        cash=cash, costs=costs, sizing=sizing, stops=stops, fill=fill, calendar=calendar,
    )  # fmt: skip
    name = run_id("replay", repr(strategy), WallClock().now())
    with _journal_in(database) as opened:
        runner = Runner(strategy, simulation, Gate.of(limits), opened, name)
        try:
            runner.run(progress=progress)
        finally:
            runner.journal.close()
    return assemble(runner.record())


@contextmanager
def _journal_in(database: str | Path | None) -> Iterator[Database]:
    if database is not None:
        text = str(database)
        opened = open_database(text if "://" in text else f"sqlite:///{text}")
        try:
            yield opened
        finally:
            opened.close()
        return
    with TemporaryDirectory(prefix="workbench-replay-") as folder:
        opened = open_database(f"sqlite:///{folder}/replay.db")
        try:
            yield opened
        finally:
            opened.close()


class Runner:
    """One replay: the loop over the bars, and what it leaves behind."""

    def __init__(
        self,
        strategy: BaseStrategy,
        simulation: Simulation,
        gate: Gate,
        database: Database,
        name: str,
    ) -> None:
        self.strategy, self.simulation, self.name = strategy, simulation, name
        symbols, terms = simulation.symbols, simulation.terms
        index = pd.DatetimeIndex(simulation.bars.index)
        self.times: list[datetime] = index.to_pydatetime().tolist()
        self.rows = {time: row for row, time in enumerate(self.times)}
        self.prices = np.stack(simulation.market[:5])
        self.clock = EventClock(self.times[0])
        self.venue = SimVenue(symbols, simulation.cash, terms, account_id=name)
        self.journal = Journal(database, name, self.clock)
        self.manager = ReplayManager(OrderCore(gate), self.journal, self.venue, self.clock)
        self.decider = TargetDecider(FloatBook.of(symbols, simulation.cash), terms)
        self.protection = protection_of(terms.stops)
        self.wanted: dict[str, float] = {}
        shape = (len(self.times), len(symbols))
        self.targets: Floats = np.full(shape, np.nan)
        self.units: Floats = np.zeros(shape)
        self.equity: Floats = np.empty(shape[0])
        self.cash: Floats = np.empty(shape[0])
        self._day_start = (self.times[0].date(), simulation.cash)
        self._in_force: Floats = np.full(shape[1], np.nan)

    def run(self, *, progress: bool) -> None:
        """Go through the bars, then hold the books against the venue's statement."""
        cash = decimal(self.simulation.cash, "cash")
        self.manager.open_book({"USD": cash})
        self.manager.recover()
        opinions = opinions_of(
            self.strategy, self.simulation.bars, self.simulation.symbols, self.times, self.prices
        )
        out = barred(self.simulation.bars)
        for row in _shown(range(len(self.times)), progress):
            self._trade(row)
            closes = self.prices[3, row].tolist()
            marks = dict(zip(self.simulation.symbols, closes, strict=True))
            self.venue.mark(marks)
            self.decider.book.mark(marks)
            wanted = opinions.at(row)
            self.targets[row] = wanted if out is None else np.where(out[row], 0.0, wanted)
            self._decide(row, opinions.limits)
            self._close(row)
            self.manager.flush()
        self.manager.core.ledger.check()
        self.manager.reconcile(self.venue.positions(), self.venue.account())

    def record(self) -> RunRecord:
        """Return the run as frames."""
        return record_of(self)

    def _bars(self, row: int) -> dict[str, Bar]:
        time, bars = self.times[row], {}
        for place, symbol in enumerate(self.simulation.symbols):
            bars[symbol] = Bar(symbol, time, *self.prices[:, row, place].tolist())
        return bars

    def _trade(self, row: int) -> None:
        self.clock.advance(self.times[row])
        if len(self.simulation.market.events):
            self._accrue(row)
        if not self.venue.is_idle:
            self.venue.on_bar(self._bars(row))
            self._listen()

    def _accrue(self, row: int) -> None:
        opens, events = self.prices[0, row].tolist(), self.simulation.market.events[row]
        due = {
            symbol: Due(price, event[FUNDING], event[DIVIDEND], event[SPLIT])
            for symbol, price, event in zip(
                self.simulation.symbols, opens, events.tolist(), strict=True
            )
        }
        self.venue.accrue(due, float(events[0, YEARS]) if row else 0.0, self.times[row])
        self._listen()

    def _close(self, row: int) -> None:
        if self.simulation.terms.at_close > 0.0 and not self.venue.is_idle:
            self.venue.on_close(self._bars(row))
            self._listen()
        book = self.decider.book
        self.equity[row], self.cash[row] = book.equity(), book.cash
        self.units[row] = [cell.units for cell in book.cells.values()]

    def _listen(self) -> None:
        seen = self.manager.core.ledger.fills
        for update in self.venue.drain():
            is_new = not isinstance(update, Fill) or (update.venue, update.execution_id) not in seen
            self.manager.update(update)
            if is_new:
                self.decider.learn(update)

    def _decide(self, row: int, limits: dict[str, Decimal]) -> None:
        equity = self.decider.book.equity()
        wanted = self._wanted(row, equity)
        if self.times[row].date() != self._day_start[0]:
            before = self.equity[row - 1] if row else equity
            self._day_start = (self.times[row].date(), float(before))
        for symbol, target in wanted.items():
            decision = self.decider.decide(symbol, target, equity)
            if decision is None:
                continue
            if decision.cancels is not None:
                self.manager.cancel(decision.cancels, "a newer decision takes its place")
                self._listen()
            if decision.side is not None:
                self._send(row, decision, decision.side, limits.get(symbol, decision.limit))

    def _wanted(self, row: int, equity: float) -> dict[str, float]:
        """Return the targets to act on: of the bar, or at the end of a period all in force."""
        told, due = self.targets[row], self.simulation.due
        if due is not None:
            told = self._in_force = np.where(np.isnan(told), self._in_force, told)
            if not due[row]:
                return {}
        wanted = dict(zip(self.simulation.symbols, told.tolist(), strict=True))
        if self.simulation.terms.sizing.mode == 3.0 and not self.decider.is_off(wanted, equity):
            return {}
        return wanted

    def _send(self, row: int, decision: Decision, side: Side, limit: Decimal | None) -> None:
        symbol, time = decision.symbol, self.times[row]
        is_target = decision.quantity is None
        intent = Intent(
            intent_id=client_order_id(self.name, time, symbol),
            run_id=self.name,
            strategy=owner(self.strategy, symbol),
            symbol=symbol,
            side=side,
            decided_at=time,
            quantity=decision.quantity,
            target=decimal(decision.target, "target") if is_target else None,
            type=OrderType.MARKET if limit is None else OrderType.LIMIT,
            limit_price=limit,
            protection=self.protection,
            reference_price=decimal(self.decider.book.cell(symbol).mark, "price"),
        )
        judgement = self.manager.propose(intent, self._context())
        if judgement is not None and judgement.outcome != "refuse":
            self.decider.sent(symbol, intent.intent_id)
            self.wanted[intent.intent_id] = decision.target

    def _context(self) -> Context:
        ledger, book = self.manager.core.ledger, self.decider.book
        return Context(
            equity=decimal(book.equity(), "equity"),
            day_start_equity=decimal(self._day_start[1], "equity"),
            prices={
                symbol: decimal(cell.mark, "price")
                for symbol, cell in book.cells.items()
                if cell.mark > 0.0
            },
            positions={s: p.quantity for s, p in ledger.books.positions.items()},
            reserved={
                order.symbol: ledger.reserved(order.symbol) for order in ledger.open_orders()
            },
        )


def _shown(rows: range, progress: bool) -> Iterable[int]:
    if not progress:
        return rows
    from tqdm.auto import tqdm

    return tqdm(rows, desc="replay", unit="bar")  # type: ignore[no-any-return]
