"""A venue in a process of its own: it outlives the traders that are killed, and moves by itself.

Run by the tests of this folder through `serve`; a trader talks to it with `Line`.
"""

from __future__ import annotations

import threading
from collections import Counter
from datetime import UTC, datetime
from multiprocessing.connection import Client, Listener
from random import Random

from workbench import errors
from workbench.core.quote import Quote
from workbench.venues.sim.broker import SimBroker
from workbench.venues.sim.terms import plain_terms
from workbench.venues.sim.venue import SimVenue

ASKED = ("submit", "cancel", "replace", "order", "open_orders", "fills", "positions", "account",
         "drain")  # fmt: skip


def serve(address, tick, seed):
    """Answer until asked to stop."""
    market = Market(seed)
    threading.Thread(target=market.move, args=(tick,), daemon=True).start()
    with Listener(address, "AF_UNIX", backlog=16) as listener:
        while not market.stopped.is_set():
            connection = listener.accept()
            threading.Thread(target=market.talk, args=(connection,), daemon=True).start()


class Market:
    def __init__(self, seed):
        self.venue = SimVenue(["AAPL"], 1_000_000.0, plain_terms())
        self.lock = threading.Lock()
        self.sent = Counter()
        self.is_frozen = False
        self.stopped = threading.Event()
        self.random = Random(seed)

    def move(self, tick):
        while not self.stopped.wait(tick):
            with self.lock:
                if not self.is_frozen:
                    price = 100.0 + self.random.randrange(7)
                    self.venue.on_quote(Quote("AAPL", datetime.now(UTC), price, price + 0.02))

    def talk(self, connection):
        with connection:
            try:
                while not self.stopped.is_set():
                    name, args = connection.recv()
                    connection.send(self.answer(name, args))
            except (EOFError, OSError):
                return  # who asked was killed: what was asked is done all the same

    def answer(self, name, args):
        with self.lock:
            if name == "freeze":
                self.is_frozen = True
                return "ok", None
            if name == "stop":
                self.stopped.set()
                return "ok", None
            if name == "sent":
                orders = [slot.order for slot in self.venue.state.slots.values()]
                return "ok", (dict(self.sent), orders)
            if name in ("submit", "replace"):
                self.sent[args[-1].order_id] += 1
            assert name in ASKED
            try:
                return "ok", getattr(self.venue, name)(*args)
            except errors.WorkbenchError as error:
                return type(error).__name__, error.message


class Line:
    """One connection to the venue; `said` is called before and after each request."""

    def __init__(self, address, said=lambda when, name: None):
        self.connection = Client(address, "AF_UNIX")
        self.said = said

    def ask(self, name, *args):
        self.said("before", name)
        self.connection.send((name, args))
        self.said("sent", name)
        kind, value = self.connection.recv()
        self.said("answered", name)
        if kind != "ok":
            raise getattr(errors, kind)(value)
        return value

    def close(self):
        self.connection.close()


class LineBroker:
    """The port to trade over a line."""

    name = "sim"
    capabilities = SimBroker.capabilities

    def __init__(self, line):
        self.line = line

    async def submit(self, order):
        return self.line.ask("submit", order)

    async def cancel(self, order_id):
        return self.line.ask("cancel", order_id)

    async def replace(self, order_id, new):
        return self.line.ask("replace", order_id, new)

    async def order(self, order_id):
        return self.line.ask("order", order_id)

    async def open_orders(self):
        return self.line.ask("open_orders")

    async def fills(self, since=None):
        return self.line.ask("fills", since)

    async def positions(self):
        return self.line.ask("positions")

    async def account(self):
        return self.line.ask("account")

    async def drain(self):
        return self.line.ask("drain")
