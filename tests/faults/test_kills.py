"""``kill -9`` at named points of a real trader: nothing lost, nothing doubled, on either database.

The venue is a process of its own and trades on while the trader is dead; it is frozen
before books are compared. Each trader recovers from the kill before, so that kills during
a recovery, and during the recovery from that, are among them.
"""

from __future__ import annotations

import os
import signal
import sqlite3
from collections import Counter
from random import Random

import pytest
from trader import POINTS

from workbench.core.order import OrderState
from workbench.store.database import Database
from workbench.trading.journal import Journal

DATABASES = ["sqlite", "postgresql"]
KILLS = 52  # of one street; twice on each database make a bit more than 200
STREETS = -(-int(os.environ.get("SOAK_KILLS", "1000")) // (len(DATABASES) * (KILLS - 4)))
RECOVERING = ["opened", "loaded", "written", "answered order", "answered fills",
              "answered open_orders", "before_commit", "recovered"]  # fmt: skip


def plan(seed, kills):
    """Every point once, then by weight; each seventh followed by kills of the recovery."""
    random, weights = Random(seed), [weight for weight, _ in POINTS.values()]
    first = [point for point in POINTS if point != "some time"]
    random.shuffle(first)
    planned = []
    for number in range(kills):
        point = first[number] if number < len(first) else random.choices([*POINTS], weights)[0]
        planned.append((point, random.randint(1, POINTS[point][1])))
        if number % 7 == 6:
            planned += [(point, 1) for point in random.sample(RECOVERING, 2)]
    return planned[:kills]


def kill_often(street, seed, kills):
    hit = Counter()
    for point, nth in plan(seed, kills):
        code = street.life(point, nth)
        assert code in (0, -signal.SIGKILL), f"{point} #{nth}: the trader failed by itself"
        hit[point] += code != 0
        if street.url.startswith("sqlite"):
            check_integrity(street)
    street.line.ask("freeze")
    assert street.life("none", 0, groups=0) == 0
    check(street)
    return hit


@pytest.mark.parametrize("url", DATABASES, indirect=True)
@pytest.mark.parametrize("seed", [1, 2])
def test_kills(street, seed):
    hit = kill_often(street, seed, KILLS)
    assert sum(hit.values()) >= KILLS - 4
    assert len(+hit) >= 20


@pytest.mark.soak
@pytest.mark.parametrize("url", DATABASES, indirect=True)
@pytest.mark.parametrize("seed", range(10, 10 + STREETS))
def test_a_thousand_kills(street, seed):
    assert sum(kill_often(street, seed, KILLS).values()) >= KILLS - 4


def check_integrity(street):
    connection = sqlite3.connect(street.url.removeprefix("sqlite:///"))
    assert connection.execute("pragma integrity_check").fetchone() == ("ok",)
    connection.close()


def check(street):
    database = Database(street.url)
    journal = Journal(database, "trader")
    journal.verify()
    ledger = journal.load()
    journal.close()
    database.close()
    ledger.check()
    sent, orders = street.line.ask("sent")
    acknowledged = set(street.acknowledged.read_text().split())
    assert len(acknowledged) > KILLS
    assert acknowledged <= set(ledger.intents)  # nothing lost
    assert set(sent) <= set(ledger.orders)  # nothing sent that the journal does not know
    assert max(sent.values()) == 1  # nothing doubled
    theirs = {order.order_id: order for order in orders}
    for order in ledger.orders.values():
        if order.order_id not in theirs:
            assert order.state is OrderState.REJECTED
            assert order.filled == 0
        else:
            assert order.filled == theirs[order.order_id].filled
            assert order.state is theirs[order.order_id].state
    fills = {(fill.venue, fill.execution_id) for fill in street.line.ask("fills")}
    assert set(ledger.fills) == fills
    account = street.line.ask("account")
    assert ledger.books.differences(street.line.ask("positions"), account.cash) == []
