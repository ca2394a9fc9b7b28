"""A trader that can be killed at a named point; run by test_kills.py in a process of its own.

It trades until a number of intents are in its journal. Its venue keeps its account in a
file, as an outside party would, and both are read again at each start.
"""

from __future__ import annotations

import os
import signal
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

from workbench.core.clock import WallClock
from workbench.core.order import Intent, OrderType
from workbench.core.quote import Quote
from workbench.core.signal import Side
from workbench.risk.context import Context
from workbench.risk.gate import Gate
from workbench.store.migrate import open_database
from workbench.trading import journal as journals
from workbench.trading.core import OrderCore
from workbench.trading.journal import Journal
from workbench.trading.manager import ReplayManager
from workbench.venues.sim.memory import Memory
from workbench.venues.sim.terms import plain_terms
from workbench.venues.sim.venue import SimVenue


class Bomb:
    """Kills this process, with no chance to tidy up, at the nth passing of a point."""

    def __init__(self, point, nth):
        self.point, self.left = point, nth

    def __call__(self, point):
        if point == self.point:
            self.left -= 1
            if self.left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    def around(self, owner, name, before="", after=""):
        inner = getattr(owner, name)

        def outer(*args, **kwargs):
            self(before)
            answer = inner(*args, **kwargs)
            self(after)
            return answer

        setattr(owner, name, outer)


def trade(folder, point, nth, wanted):
    bomb = Bomb(point, nth)
    database = open_database(f"sqlite:///{folder / 'trader.db'}")
    memory = Memory(folder / "venue.jsonl")
    put = memory._file.write

    def torn(line):
        if bomb.point == "half_a_line":
            bomb.left -= 1
            if bomb.left == 0:
                put(line[: len(line) // 2])
                memory._file.flush()
                os.kill(os.getpid(), signal.SIGKILL)
        return put(line)

    memory._file = type("File", (), {
        "write": staticmethod(torn), "flush": memory._file.flush,
        "fileno": memory._file.fileno, "close": memory._file.close,
    })()  # fmt: skip
    bomb.around(memory, "write", after="venue_wrote")
    venue = SimVenue(["AAPL"], 1_000_000.0, plain_terms(), memory=memory)
    bomb.around(venue, "submit", before="before_send", after="before_answer_is_known")
    bomb.around(venue, "cancel", before="before_cancel", after="after_cancel")
    bomb.around(venue, "replace", before="before_replace", after="after_replace")
    bomb.around(venue, "order", after="looked_up")
    bomb.around(venue, "fills", after="fills_pulled")
    bomb.around(venue, "on_quote", after="venue_filled")
    bomb.around(journals, "project", before="in_transaction", after="before_commit")
    journal = Journal(database, "trader")
    bomb.around(journal, "append", before="before_transaction", after="committed")
    bomb("opened")
    manager = ReplayManager(OrderCore(Gate.of(None), journal.load()), journal, venue, WallClock())
    bomb.around(manager, "update", before="message_came", after="message_taken")
    manager.open_book({"USD": Decimal(1_000_000)})
    manager.recover()
    bomb("recovered")
    while (number := len(manager.core.ledger.intents)) < wanted:
        step(manager, venue, number)
    for order in manager.core.ledger.open_orders():
        manager.cancel(order.order_id)
    listen(manager, venue)
    journal.verify()


def step(manager, venue, number):
    """One intent, one quote, and now and then a cancel or a replacement."""
    context = Context(Decimal(1_000_000), Decimal(1_000_000))
    resting = [o for o in manager.core.ledger.open_orders() if o.type is OrderType.LIMIT]
    new = intent(number)
    if number % 5 == 4 and resting and resting[0].state.value == "working":
        manager.replace(resting[0].order_id, new, context)
    else:
        manager.propose(new, context)
    if number % 4 == 3 and resting:
        manager.cancel(resting[-1].order_id)
    price = 100.0 + number % 7
    venue.on_quote(Quote("AAPL", datetime.now(UTC), price, price + 0.02))
    listen(manager, venue)


def listen(manager, venue):
    for update in venue.drain():
        manager.update(update)
    manager.flush()


def intent(number):
    is_limit = number % 3 == 2
    return Intent(
        intent_id=f"i{number}", run_id="r", strategy="s", symbol="AAPL",
        side=Side.BUY if number % 2 else Side.SELL, decided_at=datetime(2024, 1, 2, tzinfo=UTC),
        quantity=Decimal(number + 1), type=OrderType.LIMIT if is_limit else OrderType.MARKET,
        limit_price=Decimal(50 if number % 2 else 200) if is_limit else None,
    )  # fmt: skip


if "ARGUMENTS" in globals():
    place, *rest = globals()["ARGUMENTS"]
    trade(Path(place), *rest)
