"""A seed's world: a venue, a line, processes that die and start again, and who trades."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from random import Random

from workbench.core.frozen import maker
from workbench.core.order import Intent, OrderState, OrderType
from workbench.core.ports import Update
from workbench.core.signal import Side
from workbench.risk.context import Context
from workbench.risk.halt import HaltLevel
from workbench.testing.simulation.exchange import SYMBOLS, Exchange
from workbench.testing.simulation.journal import Disk, MemoryJournal
from workbench.testing.simulation.mix import Mix
from workbench.testing.simulation.process import Crash, Process
from workbench.testing.simulation.timeline import Timeline
from workbench.testing.simulation.watcher import Watcher
from workbench.testing.simulation.wire import Wire
from workbench.trading.core import OrderCore
from workbench.trading.ledger import Ledger

__all__ = ["Kit", "World"]

_ACCOUNT = Context(Decimal(1_000_000), Decimal(1_000_000))
_UNITS = [Decimal(n) for n in range(1, 21)]
_SIDES = (Side.BUY, Side.SELL)
_REPLACED = (OrderState.ACCEPTED, OrderState.WORKING, OrderState.PARTIALLY_FILLED)


@dataclass(frozen=True)
class Kit:
    """What is tried: the production code, or a mutant of a part of it."""

    core: type[OrderCore] = OrderCore
    ledger: type[Ledger] = Ledger
    wire: type[Wire] = Wire
    process: type[Process] = Process


@dataclass(eq=False)
class World:
    """Everything of one seed.

    Parameters
    ----------
    random : Random
        All chance there is.
    kit : Kit, optional
        The production code by default.
    given : Mix, optional
        The faults; drawn where not given.
    """

    random: Random
    kit: Kit = field(default_factory=Kit)
    given: Mix | None = None

    def __post_init__(self) -> None:
        self.faults = self.given or Mix.draw(self.random)
        self.mix = self.faults
        self.line = Timeline(self.random)
        self.disk = Disk()
        self.halt = HaltLevel.RUN
        self.count = self.crashes = 0
        self.last: Intent | None = None
        self.is_healed = False
        self.watcher = Watcher(self)
        self.exchange = Exchange(self.line, self.faults, self._told)
        self.wire = self.kit.wire(self.line, self.faults)
        self.process: Process | None = None
        self.old: MemoryJournal | None = None
        self.line.after(0, self._boot)
        self.line.after(50, self._operate)
        self.line.after(60, self._tick)

    def run(self, until: int) -> None:
        """Let everything happen up to a virtual millisecond."""
        while True:
            try:
                return self.line.run(until, self.watcher.glance)
            except Crash:
                self._die()

    def heal(self) -> None:
        """Stop all faults and all trading; what is under way may still arrive."""
        self.is_healed = True
        self.mix = self.exchange.mix = self.faults.healed()
        self.wire.heal(self.mix)
        if self.halt.severity >= HaltLevel.CANCEL_ALL.severity:
            self._cancel_all()

    def end(self) -> None:
        """Let go of everything: there is nothing to be asked any more."""
        self.line.clear()
        self.__dict__.clear()

    def _boot(self) -> None:
        self.process = self.kit.process(self)
        self.process.start()

    def _die(self) -> None:
        """Lose the process, and any end of what it had not written."""
        dead = self.process
        if dead is None:
            return
        dead.is_dead = True
        self.crashes += 1
        self.watcher.died(dead)
        kept = self.line.between(0, len(dead.waiting))
        dead.journal.append(dead.waiting[:kept], dead.core.ledger)
        self.old, self.process = dead.journal, None
        self.line.after(self.line.between(10, 3_000), self._boot)

    def _told(self, update: Update) -> None:
        if self.process is not None:
            self.wire.frame(update, self.process.listen)

    def _tick(self) -> None:
        if not self.is_healed:
            self.exchange.tick()
            self.line.after(self.line.between(20, 400), self._tick)

    # who trades -----------------------------------------------------------------------

    def _operate(self) -> None:
        if self.is_healed:
            return
        line = self.line
        line.after(line.between(10, 600), self._operate)
        process = self.process
        if process is None or not process.is_ready:
            return
        draw = line.chance()
        if draw < 0.62:
            self._propose(process)
        elif draw < 0.80:
            self._cancel(process)
        elif draw < 0.93:
            self._replace(process)
        elif draw < 0.96 and self.last is not None:
            line.seen["the same intent again"] += 1
            self._send(process, self.last)
        elif draw < 0.98:
            self.halt = HaltLevel.RUN if self.halt is not HaltLevel.RUN else _HALTS[line.at % 2]
            line.seen[f"halt: {self.halt.value}"] += 1
            if self.halt is HaltLevel.CANCEL_ALL:
                process.take(process.core.cancel_all(line.now()))
        elif process.core.ledger.halted:
            symbol = next(iter(process.core.ledger.halted))
            process.take(process.core.release(symbol, "ada", "looked at"))

    def _intent(self, symbol: str | None = None, side: Side | None = None) -> Intent:
        line = self.line
        self.count += 1
        self.last = _Intent(
            intent_id=f"i{self.count}", run_id="r", strategy="s",
            symbol=symbol or SYMBOLS[line.between(0, 1)], side=side or _SIDES[line.between(0, 1)],
            decided_at=line.now(), quantity=_UNITS[line.between(0, 19)], type=OrderType.LIMIT,
            limit_price=_PRICE,
        )  # fmt: skip
        return self.last

    def _propose(self, process: Process) -> None:
        self._send(process, self._intent())

    def _send(self, process: Process, intent: Intent) -> None:
        step, _ = process.core.propose(intent, _ACCOUNT, self.line.now(), self.halt)
        self.watcher.proposed(intent, step)
        process.take(step)

    def _cancel(self, process: Process) -> None:
        names = list(process.core.ledger.open)
        if names:
            name = names[int(self.line.chance() * len(names))]
            process.take(process.core.cancel(name, self.line.now()))
            process.write()
            self.watcher.asked.add(name)

    def _replace(self, process: Process) -> None:
        ledger = process.core.ledger
        names = list(ledger.open)
        if not names:
            return
        old = ledger.orders[names[int(self.line.chance() * len(names))]]
        if old.state in _REPLACED:
            new = self._intent(old.symbol, old.side)
            step, _ = process.core.replace(old.order_id, new, _ACCOUNT, self.line.now(), self.halt)
            self.watcher.proposed(new, step)
            process.take(step)

    def _cancel_all(self) -> None:
        """Ask again and again, as the desk does: a stranger may be found at the venue later."""
        process = self.process
        if process is not None and process.is_ready:
            process.take(process.core.cancel_all(self.line.now()))
        self.line.after(5_000, self._cancel_all)


_Intent = maker(Intent)
_PRICE = Decimal(100)
_HALTS = (HaltLevel.NO_NEW_ORDERS, HaltLevel.CANCEL_ALL)
