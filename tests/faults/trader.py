"""A trader that is killed at a named point; the tests run it in a process of its own.

It opens the journal, recovers with the venue, and then proposes, cancels and replaces in
groups until it is killed, or has done what it was asked for.
"""

from __future__ import annotations

import asyncio
import os
import signal
import threading
import time
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from market import Line, LineBroker

from workbench.core.clock import WallClock
from workbench.core.order import Intent, OrderState, OrderType
from workbench.core.signal import Side
from workbench.errors import InvariantError, UsageError
from workbench.risk.context import Context
from workbench.risk.gate import Gate
from workbench.store.database import Database
from workbench.trading import journal as journals
from workbench.trading.core import OrderCore
from workbench.trading.journal import Journal
from workbench.trading.manager import OrderManager
from workbench.trading.records import Kind
from workbench.trading.steps import Evidence

POINTS = {  # where it may be killed: how often that is picked, and at which passing at most
    "opened": (1, 1),
    "loaded": (1, 1),
    "before_write": (2, 9),
    "in_transaction": (3, 9),
    "before_commit": (3, 9),
    "written": (6, 12),
    "before submit": (5, 6),
    "sent submit": (8, 6),
    "answered submit": (6, 6),
    "before cancel": (1, 2),
    "sent cancel": (2, 2),
    "answered cancel": (1, 2),
    "sent replace": (2, 2),
    "answered replace": (2, 2),
    "answered order": (2, 3),
    "sent fills": (1, 2),
    "answered fills": (3, 2),
    "fills written": (3, 2),
    "answered open_orders": (1, 1),
    "recovered": (1, 1),
    "answered drain": (2, 3),
    "update taken": (2, 6),
    "in_snapshot": (1, 1),
    "snapshot written": (1, 1),
    "some time": (5, 60),
}


class Bomb:
    """Kills this process, with no chance to tidy up, at the nth passing of a point."""

    def __init__(self, point, nth):
        self.point, self.left = point, nth
        if point == "some time":
            threading.Thread(target=self._later, args=(nth / 1000,), daemon=True).start()

    def __call__(self, point):
        if point == self.point:
            self.left -= 1
            if self.left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    def _later(self, seconds):
        time.sleep(seconds)
        os.kill(os.getpid(), signal.SIGKILL)

    def around(self, owner, name, before="", after=""):
        inner = getattr(owner, name)

        def outer(*args, **kwargs):
            self(before)
            answer = inner(*args, **kwargs)
            self(after)
            return answer

        setattr(owner, name, outer)


def arm(bomb, journal):
    """Put the points into the journal's writing; the package itself knows of none."""
    bomb.around(journals, "project", before="in_transaction", after="before_commit")
    inner = journal.write

    def write(page):
        kinds = {entry.kind for entry in page.entries}
        bomb("before_write")
        if Kind.SNAPSHOT in kinds:
            bomb("in_snapshot")
        inner(page)
        bomb("written")
        if Kind.FILL in kinds:
            bomb("fills written")
        if Kind.SNAPSHOT in kinds:
            bomb("snapshot written")

    journal.write = write


def open_journal(url):
    """Open the journal; a server may take a moment to see that the one before is gone."""
    for _ in range(200):
        database = Database(url)
        try:
            return Journal(database, "trader", keep=20, every=60)
        except UsageError:
            database.close()
            time.sleep(0.02)
    raise AssertionError("the lock of a killed trader stays")


def run(url, address, acknowledged, life, point, nth, groups):
    """Trade; the process ends by the bomb, or with code 0."""
    bomb = Bomb(point, nth)
    asyncio.run(trade(url, address, acknowledged, life, bomb, groups))


async def trade(url, address, acknowledged, life, bomb, groups):
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
    for number in range(groups):
        await step(manager, f"{life}-{number}", acknowledged, bomb)
    while groups == 0 and await manager.resolve_unknown():
        await asyncio.sleep(0.05)
    await manager.drain()
    journal.close()


async def recover(manager):
    # the market moves while the venue is asked: a statement may be a fill ahead of the books
    for _ in range(50):
        try:
            await manager.recover()
        except InvariantError as error:
            if not hasattr(error, "differences"):
                raise
        else:
            return
    raise AssertionError("books and venue stay apart")


async def step(manager, name, acknowledged, bomb):
    """Three intents at once, now and then a cancel or a replacement, then what the venue tells."""
    context = Context(Decimal(1_000_000), Decimal(1_000_000))

    async def propose(intent):
        await manager.propose(intent, context)
        os.write(acknowledged, f"{intent.intent_id}\n".encode())

    await asyncio.gather(*(propose(intent(name, number)) for number in range(3)))
    resting = [
        order for order in manager.core.ledger.open_orders()
        if order.type is OrderType.LIMIT and order.state is OrderState.WORKING
    ]  # fmt: skip
    if resting:
        await manager.replace(resting[0].order_id, intent(name, 5), context)
        await manager.cancel(resting[-1].order_id)
    for update in await manager.broker.drain():
        await manager.update(update)
        bomb("update taken")
    await manager.resolve_unknown()


def intent(name, number):
    is_limit = number % 3 == 2
    return Intent(
        intent_id=f"{name}-{number}", run_id="r", strategy="s", symbol="AAPL",
        side=Side.BUY if number % 2 else Side.SELL, decided_at=datetime(2024, 1, 2, tzinfo=UTC),
        quantity=Decimal(number + 1), type=OrderType.LIMIT if is_limit else OrderType.MARKET,
        limit_price=Decimal(50 if number % 2 else 200) if is_limit else None,
    )  # fmt: skip
