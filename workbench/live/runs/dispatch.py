"""What the feeds tell on its way to market, venue and strategies, one event after the other."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable

from workbench.core.bar import Bar
from workbench.core.clock import EventClock
from workbench.core.ports import Event
from workbench.core.quote import Quote
from workbench.core.trade import Trade
from workbench.errors import WorkbenchError
from workbench.live.accounts.account import TradingAccount
from workbench.live.market.rows import Row
from workbench.live.market.sequence import time_of
from workbench.live.runs.line import Line
from workbench.live.runs.live_run import LiveRun
from workbench.venues.sim.broker import SimBroker

__all__ = ["Dispatch"]

_SETTLE = 10.0


class Dispatch:
    """Leads the events of the lines to whoever acts upon them.

    Under an `EventClock` each event is dealt with to its end before the next.

    Parameters
    ----------
    account : TradingAccount
    runs : callable
        Gives the strategies at work.
    keep_house : callable
        Awaited after each event under an `EventClock`.

    Attributes
    ----------
    lines : list of Line
    on_event : list of callable
        Each is given every sound event before it is acted upon.
    sim : SimBroker or None
        The venue, where it is one that lives on the same events.
    """

    def __init__(
        self,
        account: TradingAccount,
        runs: Callable[[], Iterable[LiveRun]],
        keep_house: Callable[[], Awaitable[None]],
    ) -> None:
        self.lines: list[Line] = []
        self.on_event: list[Callable[[Event], None]] = []
        self.sim: SimBroker | None = None
        self._account, self._runs, self._keep_house = account, runs, keep_house
        self._is_serial = isinstance(account.clock, EventClock)
        self._priced: dict[str, Line] = {}

    def add(self, line: Line) -> None:
        """Expect the events of a line from now on."""
        self.lines.append(line)
        account = self._account
        account.market.expect(line.symbols, line.pace, account.clock.now(), line.calendar)
        for symbol in line.symbols:
            self._priced.setdefault(symbol, line)

    async def read(self, line: Line) -> None:
        """Read a line's feed; it never returns, and a feed that breaks stops trading."""
        account = self._account
        try:
            async for event in line.feed.events():
                await self._take(line, event)
        except WorkbenchError as error:
            account.news.say("feed", f"{line.feed.name} ended: {error.message}")
            account.fail(f"the feed {line.feed.name} ended: {error.message}")
        line.is_over = True
        await asyncio.Event().wait()

    def price(self, quote: Quote, source: str) -> None:
        """Tell the venue and the bus of a price."""
        if self.sim is not None:
            self.sim.on_quote(quote)
        self._account.news.quote(quote, source)

    async def end_rows(self, line: Line) -> None:
        """Deal with the rows whose bars are over by now."""
        async with line.turn:
            for row in line.rows.advance(self._account.clock.now()):
                await self._row(line, row)

    async def close_sessions(self) -> None:
        """Cancel what is open of runs that want it so, where the market is closed."""
        now = self._account.clock.now()
        for line in self.lines:
            for run in line.runs:
                if run.deployment.at_close == "cancel" and line.is_closed(now):
                    await run.cancel_orders("the session is over")

    async def settle(self) -> None:
        """Wait until all that was told is decided on and the venue has answered."""
        for run in self._runs():
            await run.settled()
        await self.settle_venue()

    async def settle_venue(self) -> None:
        """Wait until a simulated venue has answered."""
        if self.sim is not None:
            await asyncio.wait_for(self.sim.settle(), _SETTLE)

    # inside -----------------------------------------------------------------------------

    async def _take(self, line: Line, event: Event) -> None:
        account, clock = self._account, self._account.clock
        if isinstance(clock, EventClock):
            clock.advance(max(clock.now(), time_of(event)))
            await self.end_rows(line)
        if not account.market.take(event, clock.now()):
            return
        for told in self.on_event:
            told(event)
        await self._act(line, event)
        if self._is_serial:
            await self.settle()
            await self._keep_house()
        else:
            await asyncio.sleep(0)  # a fill waits for the disk; let others in between

    async def _act(self, line: Line, event: Event) -> None:
        if isinstance(event, Bar):
            async with line.turn:
                for row in line.put(event):
                    await self._row(line, row)
        elif isinstance(event, Quote):
            self.price(event, line.source)
        if isinstance(event, Quote | Trade):
            for run in line.runs:
                run.tell(event)

    async def _row(self, line: Line, row: Row) -> None:
        await line.admit(row)
        if self.sim is not None and not line.has_quotes:
            bars = {name: bar for name, bar in row.bars.items() if self._priced[name] is line}
            self.sim.on_bar(bars)
            await self.settle_venue()
        for run in line.runs:
            run.offer(row)
            if self._is_serial:
                await run.settled()
