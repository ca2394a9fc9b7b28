"""``kill -9`` at named points, then a start: nothing lost, nothing doubled."""

from __future__ import annotations

import multiprocessing
import runpy
import signal
import sqlite3
from collections import Counter
from decimal import Decimal
from pathlib import Path

import pytest

from workbench.core.order import OrderState
from workbench.store.migrate import open_database
from workbench.trading.journal import Journal
from workbench.venues.sim.memory import Memory
from workbench.venues.sim.terms import plain_terms
from workbench.venues.sim.venue import SimVenue

TRADER = str(Path(__file__).with_name("trader.py"))

# each chain is one account: every start recovers from the kill before, and is killed itself
CHAINS = {
    "journal": [
        ("before_transaction", 4), ("in_transaction", 4), ("before_commit", 3), ("committed", 5),
        ("committed", 2), ("opened", 1), ("recovered", 1),
    ],
    "send": [
        ("before_send", 2), ("before_answer_is_known", 1), ("before_answer_is_known", 3),
        ("venue_wrote", 1), ("venue_wrote", 2), ("half_a_line", 3), ("before_send", 1),
    ],
    "fills": [
        ("venue_filled", 1), ("message_came", 1), ("message_taken", 1), ("venue_wrote", 4),
        ("half_a_line", 5), ("message_taken", 2),
    ],
    "cancel, replace, recovery": [
        ("before_cancel", 1), ("looked_up", 1), ("after_cancel", 1), ("fills_pulled", 1),
        ("before_replace", 1), ("after_replace", 1), ("looked_up", 1), ("recovered", 1),
    ],
}  # fmt: skip


@pytest.fixture(scope="module")
def processes():
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(
        ["workbench.venues.sim.venue", "workbench.trading.manager", "workbench.store.migrate",
         "workbench.venues.sim.terms"]
    )  # fmt: skip
    return context


def run(processes, folder, point, nth, wanted):
    arguments = (str(folder), point, nth, wanted)
    process = processes.Process(
        target=runpy.run_path, args=(TRADER,), kwargs={"init_globals": {"ARGUMENTS": arguments}}
    )
    process.start()
    process.join(60)
    return process.exitcode


@pytest.mark.parametrize("name", CHAINS)
def test_kills(processes, tmp_path, name):
    for number, (point, nth) in enumerate(CHAINS[name], 1):
        code = run(processes, tmp_path, point, nth, wanted=12 * number)
        assert code == -signal.SIGKILL, f"{point} #{nth} was not reached (exit {code})"
        check_integrity(tmp_path)
    wanted = 12 * (len(CHAINS[name]) + 1)
    assert run(processes, tmp_path, "none", 0, wanted) == 0
    check(tmp_path, wanted)


def check_integrity(folder):
    connection = sqlite3.connect(folder / "trader.db")
    assert connection.execute("pragma integrity_check").fetchone() == ("ok",)
    connection.close()


def check(folder, wanted):
    database = open_database(f"sqlite:///{folder / 'trader.db'}")
    journal = Journal(database, "trader")
    memory = Memory(folder / "venue.jsonl")
    venue = SimVenue(["AAPL"], 0.0, plain_terms(), memory=memory)
    ledger = journal.load()
    ledger.check()
    journal.verify()
    assert set(ledger.intents) == {f"i{n}" for n in range(wanted)}  # nothing lost
    assert set(venue.state.slots) <= set(ledger.orders)  # nothing unknown to us
    sent = Counter(
        order.order_id for order in venue.state.slots.values() for order in [order.order]
    )
    assert max(sent.values()) == 1  # nothing doubled
    for order in ledger.orders.values():
        theirs = venue.order(order.order_id)
        if theirs is None:
            # never arrived: unknown until it is old enough to be proven absent, or rejected
            assert order.state in (OrderState.UNKNOWN, OrderState.REJECTED)
            assert order.filled == 0
        else:
            assert order.filled == theirs.filled <= Decimal(order.quantity)
            assert order.state is theirs.state
    theirs = {(fill.venue, fill.execution_id) for fill in venue.fills()}
    assert set(ledger.fills) == theirs
    assert ledger.books.differences(venue.positions(), venue.account().cash) == []
    journal.close()
    memory.close()
    database.close()
