"""``wb.replay``: a strategy bar by bar through the real order path.

Each bar is shown to the strategy, which sees nothing later; what it wants goes through
the risk gate to the order manager, into the journal, and only then to a simulated venue;
fills come back as messages, through the journal into the books. At the end the books
must be what the venue states, to the last digit. Orders and fills are those of
``wb.backtest``, row by row.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
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
from workbench.core.ids import run_id
from workbench.core.message import Message
from workbench.core.money import ZERO, decimal
from workbench.costs.costs import Costs
from workbench.data.message_columns import Told
from workbench.errors import UsageError
from workbench.kernels.codes import DIVIDEND, FUNDING, SPLIT, YEARS, Floats
from workbench.live.decisions.opinions import Opinions, opinions_of, told_ahead
from workbench.live.decisions.pilot import Pilot
from workbench.live.decisions.sizing import Decision
from workbench.live.replay.frames import record_of
from workbench.live.replay.quiet import Quiet
from workbench.risk.activity import Activity
from workbench.risk.context import Context, under_way
from workbench.risk.gate import Gate
from workbench.store.database import Database
from workbench.store.migrate import open_database
from workbench.strategy.base import EventStrategy
from workbench.strategy.membership import barred
from workbench.strategy.sleeves import spread
from workbench.trading.core import OrderCore
from workbench.trading.journal import Journal
from workbench.trading.manager import ReplayManager
from workbench.venues.sim.carry import Due
from workbench.venues.sim.venue import SimVenue

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from workbench.strategy.base import BaseStrategy

__all__ = ["Runner", "replay"]

# records that are committed together: the venue is gone when this process is
_PAGE = 5_000
# what a gate is given that looks at nothing
_UNSEEN = Context(ZERO, ZERO)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


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
    messages: pd.DataFrame | Iterable[Message] | None = None,
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
    messages : DataFrame, optional
        Of ``wb.messages(..., editions=True)``: what a strategy with ``on_message`` is told,
        each with the first bar that is complete when it is known.
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
    >>> from workbench.live.replay.compare import compare
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
        told = None if messages is None else Told(simulation.bars, messages)
        runner = Runner(strategy, simulation, Gate.of(limits), opened, name, told)
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
        told: Told | None = None,
    ) -> None:
        self.strategy, self.simulation, self.name = strategy, simulation, name
        self._told = told
        symbols, terms = simulation.symbols, simulation.terms
        self.index = pd.DatetimeIndex(simulation.bars.index)
        self._micros = self.index.as_unit("us").asi8
        self.prices = np.stack(simulation.market[:5])
        self.clock = EventClock(self.time(0))
        self.venue = SimVenue(symbols, simulation.cash, terms, account_id=name)
        self.journal = Journal(database, name, self.clock)
        core = OrderCore(gate)
        self.manager = ReplayManager(core, self.journal, self.venue, self.clock, page=_PAGE)
        self.pilot = Pilot(strategy, name, symbols, terms, simulation.cash)
        self.activity = Activity()
        shape = (len(self.index), len(symbols))
        self.targets: Floats = np.full(shape, np.nan)
        self.units: Floats = np.zeros(shape)
        self.equity: Floats = np.empty(shape[0])
        self.cash: Floats = np.empty(shape[0])
        self.barred = barred(simulation.bars)
        self._days = self._micros // 86_400_000_000

    @property
    def is_deaf(self) -> bool:
        """Whether the strategy answers messages, and nobody gave any."""
        answer = getattr(type(self.strategy), "on_message", EventStrategy.on_message)
        return self._told is None and answer is not EventStrategy.on_message

    def run(self, *, progress: bool) -> None:
        """Go through the bars, then hold the books against the venue's statement."""
        cash = decimal(self.simulation.cash, "cash")
        self.manager.open_book({"USD": cash})
        self.manager.recover()
        opinions: Opinions = told_ahead(self.strategy, self.simulation.bars) or opinions_of(
            self.strategy, self.simulation.bars, self.simulation.symbols,
            self.index.to_pydatetime().tolist(), self.prices, self._told,
        )  # fmt: skip
        quiet = Quiet(self, opinions)
        row, count = 0, len(self.index)
        with _shown(count, progress) as tell:
            while row < count:
                after = quiet.end(row)
                if after > row:
                    quiet.pass_by(row, after)
                else:
                    self._bar(row, quiet, opinions.limits)
                    after = row + 1
                tell(after - row)
                row = after
        self.manager.flush()
        self.manager.core.ledger.check()
        self.manager.reconcile(self.venue.positions(), self.venue.account())

    def record(self) -> RunRecord:
        """Return the run as frames."""
        return record_of(self)

    def time(self, row: int) -> datetime:
        """Return the label of a bar."""
        return _EPOCH + timedelta(microseconds=int(self._micros[row]))

    def rows(self, times: list[datetime]) -> NDArray[np.intp]:
        """Return the bars that have these labels."""
        found: NDArray[np.intp] = self.index.get_indexer(pd.DatetimeIndex(times, tz="UTC"))
        return found

    def _bar(self, row: int, quiet: Quiet, limits: dict[str, Decimal]) -> None:
        self._trade(row)
        closes = self.prices[3, row].tolist()
        marks = dict(zip(self.simulation.symbols, closes, strict=True))
        self.venue.mark(marks)
        self.pilot.mark(marks)
        quiet.wanted(row)
        self._decide(row, limits)
        self._close(row)

    def _bars(self, row: int) -> dict[str, Bar]:
        time, bars = self.time(row), {}
        for place, symbol in enumerate(self.simulation.symbols):
            bars[symbol] = Bar(symbol, time, *self.prices[:, row, place].tolist())
        return bars

    def _trade(self, row: int) -> None:
        self.clock.advance(self.time(row))
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
        self.venue.accrue(due, float(events[0, YEARS]) if row else 0.0, self.time(row))
        self._listen()

    def _close(self, row: int) -> None:
        if self.simulation.terms.at_close > 0.0 and not self.venue.is_idle:
            self.venue.on_close(self._bars(row))
            self._listen()
        book = self.pilot.book
        self.equity[row], self.cash[row] = book.equity(), book.cash
        self.units[row] = [cell.units for cell in book.cells.values()]

    def _listen(self) -> None:
        seen = self.manager.core.ledger.fills
        for update in self.venue.drain():
            is_new = not isinstance(update, Fill) or (update.venue, update.execution_id) not in seen
            self.manager.update(update)
            if is_new:
                self.pilot.learn(update)
                if isinstance(update, Fill):
                    order = self.manager.core.ledger.orders[update.order_id]
                    self.activity.filled(order.strategy, update)

    def _decide(self, row: int, limits: dict[str, Decimal]) -> None:
        due = self.simulation.due
        is_due = None if due is None else bool(due[row])
        for decision in self.pilot.decisions(self.targets[row], is_due=is_due):
            if decision.cancels is not None:
                self.manager.cancel(decision.cancels, "a newer decision takes its place")
                self._listen()
            if decision.side is not None:
                self._send(row, decision, limits.get(decision.symbol))

    def _send(self, row: int, decision: Decision, limit: Decimal | None) -> None:
        intent = self.pilot.intent(decision, self.time(row), limit)
        judgement = self.manager.propose(intent, self._context(row))
        if judgement is not None and judgement.outcome != "refuse":
            self.pilot.sent(decision, intent.intent_id)

    def _day_start(self, row: int) -> float:
        """Return the equity at the last close of the day before."""
        first = int(self._days.searchsorted(self._days[row]))
        return float(self.equity[first - 1]) if first else self.simulation.cash

    def _context(self, row: int) -> Context:
        ledger, book = self.manager.core.ledger, self.pilot.book
        if not (self.manager.core.gate.looks or ledger.halted or ledger.quarantined):
            return _UNSEEN
        resting = ledger.open_orders()
        equity = decimal(book.equity(), "equity")
        prices = {
            symbol: decimal(cell.mark, "price")
            for symbol, cell in book.cells.items()
            if cell.mark > 0.0
        }
        reserved, aimed = under_way(resting, ledger.reserved, prices, equity)
        return Context(
            equity=equity,
            day_start_equity=decimal(self._day_start(row), "equity"),
            prices=prices,
            positions={s: p.quantity for s, p in ledger.books.positions.items()},
            reserved=reserved,
            resting=resting,
            aimed=aimed,
            activity=self.activity,
        )


@contextmanager
def _shown(count: int, progress: bool) -> Iterator[Callable[[int], object]]:
    if not progress:
        yield lambda _bars: None
        return
    from tqdm.auto import tqdm

    with tqdm(total=count, desc="replay", unit="bar") as bar:
        yield bar.update
