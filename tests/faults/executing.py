"""A trader of parents that is killed at a named point; the tests run it in a process of its own."""

from __future__ import annotations

import asyncio
import time
from datetime import timedelta
from decimal import Decimal

from market import Line, LineBroker
from trader import Bomb, arm, open_journal, recover

from workbench.core.clock import WallClock
from workbench.core.parent import Parent
from workbench.core.quote import Quote
from workbench.core.signal import Side
from workbench.errors import InvariantError
from workbench.risk.context import Context
from workbench.risk.gate import Gate
from workbench.trading.core import OrderCore
from workbench.trading.execution.executor import Executor
from workbench.trading.execution.flow import Iceberg
from workbench.trading.execution.quoting import Peg
from workbench.trading.execution.schedules import Twap
from workbench.trading.execution.tape import Tape
from workbench.trading.manager import OrderManager
from workbench.trading.steps import Evidence

ALGORITHMS = [
    Twap(slices=5), Twap(slices=4, passive=True), Iceberg(display=4), Peg(every=0, display=6),
]  # fmt: skip


def run(url, address, life, point, nth, rounds):
    """Work parents; the process ends by the bomb, or with code 0."""
    asyncio.run(execute(url, address, life, Bomb(point, nth), rounds))


async def execute(url, address, life, bomb, rounds):
    journal = open_journal(url)
    bomb("opened")
    arm(bomb, journal)
    core = OrderCore(Gate.of(None), journal.load(), Evidence(timedelta(seconds=2)))
    bomb("loaded")
    line = Line(address, lambda when, name: bomb(f"{when} {name}"))
    manager = OrderManager(core, journal, LineBroker(line), WallClock())
    manager.open_book({"USD": Decimal(1_000_000)})
    await recover(manager)
    bomb("recovered")
    executor = Executor(manager, Tape(), lambda intent: manager.propose(intent, CONTEXT))
    for number in range(rounds):
        if number % 8 == 0:
            await executor.start(parent(f"{life}x{number}", manager.clock.now(), number))
        await step(manager, executor, bomb)
    until = time.monotonic() + 20
    while rounds == 0 and not is_quiet(executor, core):
        assert time.monotonic() < until, "parents do not come to their end"
        await step(manager, executor, bomb)
        await asyncio.sleep(0.02)
    await manager.drain()
    journal.close()


def is_quiet(executor, core):
    over = all(one.state.is_over for one in executor.executions.values())
    return over and not core.ledger.unknown()


CONTEXT = Context(Decimal(1_000_000), Decimal(1_000_000))


def parent(name, now, number):
    algorithm = ALGORITHMS[number // 8 % len(ALGORITHMS)]
    return Parent(
        algo_id=name, run_id="r", strategy="s", symbol="AAPL",
        side=Side.BUY if number % 16 else Side.SELL, quantity=Decimal(17),
        algorithm=algorithm.name, settings=algorithm.settings, start=now,
        end=now + timedelta(seconds=0.8), lot=Decimal(1),
    )  # fmt: skip


async def step(manager, executor, bomb):
    executor.tape.take(Quote("AAPL", manager.clock.now(), 103.0, 103.02))
    await executor.look()
    for update in await manager.broker.drain():
        try:
            await manager.update(update)
        except InvariantError as error:
            raise AssertionError(error.message) from error
        bomb("update taken")
    await manager.resolve_unknown()
