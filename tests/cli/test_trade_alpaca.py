"""``workbench trade`` at a venue that speaks as Alpaca does, killed once in the middle."""

import os
import signal
import subprocess
import sys
import threading
import time

from workbench.config import load_settings
from workbench.core.clock import WallClock
from workbench.store.migrate import open_database
from workbench.testing.brokers.alpaca.server import KEY, SECRET, AlpacaServer
from workbench.trading.journal import Journal

ACME = "ACME/USD"
FLIP = '''
import pandas as pd
import workbench as wb


class Flip(wb.Strategy):
    """In and out by turns of five seconds."""

    def targets(self, bars):
        return pd.Series((bars.index.second % 10 < 5).astype(float) / 2, index=bars.index)
'''


def moving(server, stopping):
    while not stopping.wait(0.05):
        server.book.quote(ACME, 127.0, 127.02)


def until(happens, process):
    deadline = time.monotonic() + 120
    while not happens():
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_killed_and_begun_again_it_trades_on_and_nothing_is_sent_twice(tmp_path):
    with AlpacaServer([ACME]) as server:
        (tmp_path / "flip.py").write_text(FLIP)
        (tmp_path / "workbench.toml").write_text(
            f'[venues.alpaca_paper]\nurl = "{server.url}"\nstream_url = "{server.stream_url}"\n'
        )
        environment = {k: v for k, v in os.environ.items() if not k.startswith("WORKBENCH_")}
        environment |= {"WORKBENCH_HOME": str(tmp_path), "WORKBENCH_ALPACA_PAPER_KEY": KEY,
                        "WORKBENCH_ALPACA_PAPER_SECRET": SECRET, "COLUMNS": "160"}  # fmt: skip
        command = [sys.executable, "-m", "workbench", "trade", "--venue", "alpaca-paper",
                   "--strategy", "flip.py:Flip", "--symbols", ACME,
                   "--timeframe", "5s"]  # fmt: skip
        stopping = threading.Event()
        threading.Thread(target=moving, args=(server, stopping), daemon=True).start()
        try:
            for count, end in ((2, signal.SIGKILL), (4, signal.SIGTERM)):
                process = subprocess.Popen(
                    command, cwd=tmp_path, env=environment, text=True,
                    stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                )  # fmt: skip
                until(lambda count=count: len(server.book.activities) >= count, process)
                process.send_signal(end)
                said, _ = process.communicate(timeout=60)
                assert process.returncode == (0 if end is signal.SIGTERM else -end), said
        finally:
            stopping.set()
        assert set(server.posts.values()) == {1}
        database = open_database(load_settings(tmp_path))
        journal = Journal(database, "desk", WallClock())
        ledger = journal.load()
        journal.close()
        database.close()
        held = {p.symbol: p.quantity for p in server.book.venue.positions()}
        if not ledger.open:  # what was filled after the end is not told yet
            assert ledger.books.position(ACME).quantity == held.get(ACME, 0)
        assert set(server.posts) <= set(ledger.orders)
        assert len(ledger.fills) >= 3
