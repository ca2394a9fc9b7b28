"""One life of the trading process: the order core, its journal, its timers, and its death."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from workbench.core.ports import Update
from workbench.errors import RefusedError, WorkbenchError
from workbench.risk.gate import Gate
from workbench.testing.simulation.exchange import VENUE
from workbench.testing.simulation.journal import MemoryJournal
from workbench.trading.records import Record
from workbench.trading.steps import Cancel, Effect, Evidence, LookUp, Pull, Send, Step

if TYPE_CHECKING:
    from workbench.testing.simulation.world import World

__all__ = ["Crash", "Process"]


class Crash(BaseException):
    """The process is gone, at this instant."""


class Process:
    """A driver of the order core: it writes first, then acts, and hears the answers later.

    Parameters
    ----------
    world : World
        Whose journal it goes on from, and where it acts.
    """

    def __init__(self, world: World) -> None:
        self.world, self.line = world, world.line
        self.watcher, self.wire, self.exchange = world.watcher, world.wire, world.exchange
        self.is_dead = self.is_ready = False
        self.waiting: list[Record] = []
        kit = world.kit
        self.journal = MemoryJournal(world.disk, kit.ledger.fold)
        ledger = self.journal.load(as_text=self.line.chance() < 0.05)
        capabilities = world.mix.capabilities()
        self.core = kit.core(
            Gate(()),
            ledger,
            Evidence.of(capabilities),
            counts_as=None if capabilities.has_fill_ids else VENUE,
        )

    def start(self) -> None:
        """Recover, then look after what is in flight for as long as it lives."""
        self.watcher.started(self)
        self.take(self.core.recover(self.line.now()))
        self._point("recovered")
        self.ask_open()
        for wait_ms, do in ((1_000, self.in_flight), (5_000, self.pull), (10_000, self.ask_open)):
            self.line.after(wait_ms, self._again, wait_ms, do)

    def take(self, step: Step) -> None:
        """Write what was decided, and only then do it."""
        if step.records:
            self.waiting += step.records
            self.watcher.stepped(self, step)
            self._point("decided")
        if step.effects:
            self.write()
            self._point("written")
            for effect in step.effects:
                self.act(effect)
                self._point("acted")

    def write(self) -> None:
        """Make durable what waits for it."""
        if self.waiting:
            self.journal.append(self.waiting, self.core.ledger)
            self.watcher.written(self)
            self.waiting = []

    def act(self, effect: Effect) -> None:
        """Carry an effect out; the answer comes as an event of its own."""
        exchange, hear = self.exchange, partial(self.hear, effect)
        if isinstance(effect, LookUp):
            self.wire.question(partial(exchange.order, effect.order_id), hear)
        elif isinstance(effect, Pull):
            self.wire.question(partial(exchange.executions, effect.since), hear)
        elif isinstance(effect, Cancel):
            self.wire.order(partial(exchange.cancel, effect.order_id), hear)
        else:
            self.watcher.sending(self, effect.order.order_id)
            if isinstance(effect, Send):
                ask: Callable[[], Any] = partial(exchange.submit, effect.order)
            else:
                ask = partial(exchange.replace, effect.order_id, effect.order)
            self.wire.order(ask, hear)

    def hear(self, effect: Effect, answer: Any) -> None:
        """Take in what became of an effect."""
        if self.is_dead:
            return
        self._point("heard")
        now = self.line.now()
        if isinstance(answer, WorkbenchError):
            if isinstance(effect, Cancel) and isinstance(answer, RefusedError):
                self.watcher.refused(effect.order_id)
            self.take(self.core.failed(effect, answer, now))
        else:
            self.take(self.core.answered(effect, answer, now))

    def listen(self, update: Update) -> None:
        """Take in what the venue tells unasked."""
        if not self.is_dead:
            self._point("told")
            self.take(self.core.update(update, self.line.now()))

    def in_flight(self) -> None:
        """Ask again for what waits for an answer; write what nothing was sent after."""
        self.take(self.core.in_flight(self.line.now()))
        self.write()

    def pull(self) -> None:
        """Fetch executions."""
        self.take(self.core.pull(self.line.now()))

    def ask_open(self) -> None:
        """Ask for the venue's open orders."""
        self.wire.question(self.exchange.open_orders, self._adopt)

    def _adopt(self, answer: Any) -> None:
        if self.is_dead:
            return
        if not isinstance(answer, WorkbenchError):
            now, is_start = self.line.now(), not self.is_ready
            self.take(self.core.adopt(answer, now, is_start=is_start))
            self.is_ready = True
        elif not self.is_ready:
            self.line.after(1_000, self._once_more)

    def _once_more(self) -> None:
        if not self.is_dead:
            self.ask_open()

    def _again(self, wait_ms: int, do: Callable[[], None]) -> None:
        if not self.is_dead:
            self.line.after(wait_ms, self._again, wait_ms, do)
            do()

    def _point(self, name: str) -> None:
        """Die here, perhaps."""
        if self.world.mix.crash and self.line.chance() < self.world.mix.crash:
            self.line.seen[f"crash: {name}"] += 1
            raise Crash
