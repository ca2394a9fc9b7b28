"""The same crossing of two averages on 100,000 one-minute bars, event by event.

Each from a frame in memory to its orders and statistics, with the whole order path on: here the
risk gate, the order manager, the journal in an SQLite file on the disk and the simulated venue;
in the peers what they have of it, nothing written. All trade when the averages have crossed and
must have traded as often, but for what their last bars do.

The peers go by the rules of their own documentation. NautilusTrader has its own environment
(its name is given in ``NAUTILUS_PYTHON``, or it is found beside this interpreter) and is measured
in a process of its own, its import and the reading of the bars not counted.
"""

from __future__ import annotations

import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any, ClassVar

import pandas as pd
from sqlalchemy import event

import workbench as wb
from benchmarks.bench_peers import FAST, SLOW, backtrader_orders, quietly
from benchmarks.market import bars
from benchmarks.timing import Row, cpu
from workbench.backtest.engine import prepare
from workbench.core.bar import Bar
from workbench.core.order import Order
from workbench.live.decisions.sizing import Decision
from workbench.live.replay.replay import Runner
from workbench.risk.gate import Gate
from workbench.store.codec import dump, encode
from workbench.store.migrate import open_database
from workbench.trading.core import OrderCore
from workbench.trading.manager import ReplayManager

COUNT = 100_000
WORK = f"replay through the order path, {COUNT:,} minute bars"
TOLD = f"{WORK}, strategy told of each bar"
CASH = 1e9


class Averages:
    """Two averages, bar by bar."""

    def __init__(self) -> None:
        self.closes: list[float] = []
        self.sums = [0.0, 0.0]
        self.is_above = False

    def crosses(self, close: float) -> bool:
        """Take a close in; tell whether the averages crossed with it."""
        closes, sums = self.closes, self.sums
        closes.append(close)
        for place, length in enumerate((FAST, SLOW)):
            sums[place] += close
            if len(closes) > length:
                sums[place] -= closes[-1 - length]
        before = self.is_above
        self.is_above = len(closes) >= SLOW and sums[0] / FAST > sums[1] / SLOW
        return self.is_above is not before


class Told(wb.EventStrategy):
    """The crossing as a strategy that is told of each bar."""

    averages: ClassVar = Averages()

    def on_bar(self, bar: Bar) -> wb.Signal | None:
        if not self.averages.crosses(bar.close):
            return None
        return wb.Signal(bar.symbol, "buy" if self.averages.is_above else "flat")


def rows(count: int = COUNT) -> Iterator[Row]:
    # prices of two decimals, as the peer rounds them
    market = bars(count).round(2)
    ours = partial(_ours, wb.strategies.SmaCross(fast=FAST, slow=SLOW), market)
    found = ours()
    told = partial(_told, market)
    _agree("the strategy told of each bar", len(found.orders), len(told().orders))
    spent, one_by_one = cpu(ours, 5), cpu(told, 3)
    for name, theirs in (("nautilus_trader", _nautilus), ("backtrader", _traded_by_backtrader)):
        answer = theirs(market)
        if answer is None:
            print(f"{name} is not installed: its line is left out", file=sys.stderr)
            continue
        seconds, orders = answer
        _agree(name, len(found.orders), orders)
        yield Row(WORK, name, spent, seconds, 5)
        yield Row(TOLD, name, one_by_one, seconds, 5)
    yield Row(
        "signal to the venue, p50, journal written, fsync not counted", "limit",
        _to_the_venue(market.head(20_000)) * 1e3, 1.0, 1, "ms",
    )  # fmt: skip


def _ours(strategy: Any, market: pd.DataFrame) -> wb.Result:
    with tempfile.TemporaryDirectory() as folder:
        result = wb.replay(strategy, market, cash=CASH, database=Path(folder) / "journal.db")
    assert len(result.stats) > 20
    return result


def _told(market: pd.DataFrame) -> wb.Result:
    Told.averages = Averages()
    return _ours(Told(), market)


def _agree(name: str, ours: int, theirs: int) -> None:
    if abs(ours - theirs) > 2:
        raise AssertionError(f"{name} has {theirs} orders, not {ours}")


def _traded_by_backtrader(market: pd.DataFrame) -> tuple[float, int] | None:
    if find_spec("backtrader") is None:
        return None
    naive = market.tz_localize(None)
    quietly(backtrader_orders, naive.head(500))
    kept: list[tuple[float, int, int]] = []
    seconds = cpu(lambda: kept.append(quietly(backtrader_orders, naive)), 1)
    return seconds, kept[0][2]


def _nautilus(market: pd.DataFrame) -> tuple[float, int] | None:
    python = os.environ.get("NAUTILUS_PYTHON", sys.executable)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "bars.csv"
        market.to_csv(path)
        script = Path(__file__).with_name("peer_nautilus.py")
        command = [python, str(script), str(path), str(FAST), str(SLOW)]
        plain = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        done = subprocess.run(command, capture_output=True, text=True, env=plain, check=False)
    if "No module named 'nautilus_trader'" in done.stderr:
        return None
    if done.returncode:
        raise RuntimeError(done.stderr)
    answer = json.loads(done.stdout.splitlines()[-1])
    return answer["seconds"], answer["orders"]


class Timed(Runner):
    """A replay that commits before each send, and measures from a decision to its bytes."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.spent: list[float] = []
        self._ours, self._theirs = socket.socketpair()
        core = OrderCore(self.manager.core.gate)
        self.manager = ReplayManager(core, self.journal, self.venue, self.clock)
        take = self.venue.submit

        def submit(order: Order) -> Order:
            self._ours.send(dump(encode(order)).encode())
            self._theirs.recv(65_536)
            self.spent.append(time.process_time() - self._began)
            return take(order)

        self.venue.submit = submit  # type: ignore[method-assign]

    def _send(self, row: int, decision: Decision, limit: Any) -> None:
        self._began = time.process_time()
        super()._send(row, decision, limit)


def _to_the_venue(market: pd.DataFrame) -> float:
    """Return the median CPU seconds from a decision to the bytes of its order at the venue."""
    strategy = wb.strategies.SmaCross(fast=FAST, slow=SLOW)
    simulation = prepare(
        market, cash=CASH, costs=None, sizing=None, stops=None, fill="next_open", calendar=None
    )
    with tempfile.TemporaryDirectory() as folder:
        database = open_database(f"sqlite:///{folder}/journal.db")
        event.listen(database.engine, "connect", _without_fsync)
        database.engine.dispose()
        timed = Timed(strategy, simulation, Gate.of(None), database, "timed")
        timed.run(progress=False)
        timed.journal.close()
        database.close()
    return statistics.median(timed.spent)


def _without_fsync(connection: Any, _record: Any) -> None:
    connection.execute("PRAGMA synchronous=OFF").close()
