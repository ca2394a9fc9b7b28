"""``kill -9`` of a real trader of parents: no parent is exceeded, and each comes to its end."""

from __future__ import annotations

import signal
from collections import Counter
from random import Random

import executing
import pytest
from trader import POINTS

from workbench.core.money import ZERO
from workbench.store.database import Database
from workbench.trading.journal import Journal

KILLS = 20
NEVER = {"in_snapshot", "snapshot written", "sent replace", "answered replace"}


def life(street, point, nth, rounds=24):
    street.lives += 1
    process = street.processes.Process(
        target=executing.run,
        args=(street.url, street.address, f"k{street.lives}", point, nth, rounds),
    )
    process.start()
    process.join(60)
    assert process.exitcode is not None, f"{point} #{nth} hangs"
    return process.exitcode


@pytest.mark.parametrize("url", ["sqlite", "postgresql"], indirect=True)
def test_kills(street, url):
    random = Random(url)
    points = {point: told for point, told in POINTS.items() if point not in NEVER}
    weights = [weight for weight, _ in points.values()]
    hit = Counter()
    for _ in range(KILLS):
        (point,) = random.choices([*points], weights)
        code = life(street, point, random.randint(1, points[point][1]))
        assert code in (0, -signal.SIGKILL), f"{point}: the trader failed by itself"
        hit[point] += code != 0
    assert life(street, "none", 0, rounds=0) == 0
    street.line.ask("freeze")
    check(street)
    assert sum(hit.values()) >= KILLS - 6


def check(street):
    database = Database(street.url)
    journal = Journal(database, "trader")
    journal.verify()
    ledger = journal.load()
    journal.close()
    database.close()
    ledger.check()
    sent, orders = street.line.ask("sent")
    assert set(sent) <= set(ledger.orders)
    assert max(sent.values()) == 1
    theirs = {order.order_id: order for order in orders}
    assert ledger.executions
    done = ZERO
    for execution in ledger.executions.values():
        assert execution.state.is_over
        parts = [theirs[name] for name in execution.children if name in theirs]
        assert not any(part.state.is_open for part in parts)
        filled = sum((part.filled for part in parts), ZERO)
        assert filled <= execution.parent.quantity
        assert filled == sum(
            (ledger.orders[part.order_id].filled for part in parts), ZERO
        )  # fmt: skip
        done += filled
    assert done > 0
