"""What can go wrong with processes and storage: none of it sends an order that is not written."""

from __future__ import annotations

import asyncio
import os
import resource
import signal
import sqlite3
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from random import Random

import market
import pytest
import trader

from workbench.core.clock import WallClock
from workbench.core.order import OrderState
from workbench.errors import InvariantError, UnavailableError, UsageError, WorkbenchError
from workbench.risk.context import Context
from workbench.risk.gate import Gate
from workbench.store import migrate as migrations
from workbench.store.database import Database
from workbench.store.migrate import head, open_database, revision
from workbench.store.writer import Writer
from workbench.trading.core import OrderCore
from workbench.trading.journal import Journal
from workbench.trading.manager import OrderManager
from workbench.trading.records import Kind, Record
from workbench.trading.steps import Evidence

DATABASES = ["sqlite", "postgresql"]
both = pytest.mark.parametrize("url", DATABASES, indirect=True)
sqlite_only = pytest.mark.parametrize("url", ["sqlite"], indirect=True)
server_only = pytest.mark.parametrize("url", ["postgresql"], indirect=True)


@pytest.fixture
def hasty(monkeypatch):
    """Have patience with other writers for a third of a second."""
    monkeypatch.setattr("workbench.store.database._PATIENCE", 0.3)
    monkeypatch.setattr("workbench.store.database._BUSY", "busy_timeout=300")


def until(holds, seconds=20.0):
    last = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < last, "it did not happen"
        time.sleep(0.005)


class Desk:
    """A manager in this process over the venue's."""

    def __init__(self, street):
        self.street = street
        self.line = market.Line(street.address)
        self.number = 0
        self.open()

    def open(self):
        self.database = Database(self.street.url)
        self.journal = Journal(self.database, "trader")
        core = OrderCore(Gate.of(None), self.journal.load(), Evidence(horizon=timedelta(seconds=2)))
        self.manager = OrderManager(core, self.journal, market.LineBroker(self.line), WallClock())

    async def begin(self):
        self.manager.open_book({"USD": Decimal(1_000_000)})
        await trader.recover(self.manager)

    async def propose(self, number=0):
        self.number += 1
        intent = trader.intent(f"desk-{self.number}", number)
        await self.manager.propose(intent, Context(Decimal(1_000_000), Decimal(1_000_000)))
        return intent.intent_id

    def sent(self):
        return self.street.line.ask("sent")[0]

    def close(self):
        self.line.close()
        self.journal.close()
        self.database.close()


# A9, A10, A13: other processes ----------------------------------------------------------


def _second(url, answers):
    database = Database(url)
    began = time.monotonic()
    try:
        Journal(database, "trader")
    except UsageError as error:
        answers.put((time.monotonic() - began, error.message))
        raise SystemExit(3) from None


@both
def test_a_second_instance_exits_at_once_and_says_who_has_the_first(processes, url):
    journal = Journal(open_database(url), "trader")
    answers = processes.Queue()
    for _ in range(5):
        process = processes.Process(target=_second, args=(url, answers))
        process.start()
        process.join(30)
        assert process.exitcode == 3
        seconds, said = answers.get(timeout=5)
        assert seconds < 1
        assert "already has a writer" in said
    journal.append([Record(Kind.NOTE, {"text": "undisturbed"})], journal.load())
    journal.close()


def _trade_on(url, address, acknowledged):
    file = os.open(acknowledged, os.O_WRONLY | os.O_APPEND)
    trader.run(url, address, file, "stale", "none", 1, 100_000)


@both
def test_a_writer_that_was_stopped_and_taken_over_from_sends_nothing_more(street, url, hasty):
    """SIGSTOP, another takes over, SIGCONT: the first finds a later epoch and ends."""
    for _ in range(3):
        stale = street.processes.Process(
            target=_trade_on, args=(url, street.address, str(street.acknowledged)), daemon=True
        )
        before = len(street.line.ask("sent")[0])
        stale.start()
        until(lambda: len(street.line.ask("sent")[0]) > before + 6)  # noqa: B023
        os.kill(stale.pid, signal.SIGSTOP)
        database, fresh = _taken_over(url, stale.pid)
        epoch = fresh.epoch
        sent = dict(street.line.ask("sent")[0])
        known = set(fresh.load().orders)
        os.kill(stale.pid, signal.SIGCONT)
        stale.join(30)
        assert stale.exitcode not in (0, None)
        late = {name for name in street.line.ask("sent")[0] if name not in sent}
        assert late <= known  # at most what was in the journal before the other took over
        assert fresh.verify() >= 1
        assert fresh.epoch == epoch
        fresh.close()
        database.close()


def _taken_over(url, stopped):
    """Take the lock away, as a new host would where the old one only seems dead."""
    database = Database(url)
    if not database.is_sqlite:
        with database.write() as connection:
            connection.exec_driver_sql(
                "select pg_terminate_backend(pid) from pg_locks where locktype = 'advisory'"
            )
        until(lambda: not _is_locked(database))
        return database, Journal(database, "trader")
    while True:
        # a file's lock dies with its process; another file in its place is another lock
        for end in ("lock", "write"):
            Path(f"{database.path}.{end}").unlink(missing_ok=True)
        try:
            return database, Journal(database, "trader")
        except UnavailableError:
            # stopped within a transaction: nobody can write until it goes on a little
            os.kill(stopped, signal.SIGCONT)
            time.sleep(0.01)
            os.kill(stopped, signal.SIGSTOP)


def _is_locked(database):
    with database.read() as connection:
        return connection.exec_driver_sql(
            "select count(*) from pg_locks where locktype = 'advisory'"
        ).scalar()


def _until_told(url, address, acknowledged):
    file = os.open(acknowledged, os.O_WRONLY | os.O_APPEND)
    asyncio.run(_serve_until_told(url, address, file))


async def _serve_until_told(url, address, acknowledged):
    journal = trader.open_journal(url)
    core = OrderCore(Gate.of(None), journal.load(), Evidence(horizon=timedelta(seconds=2)))
    manager = OrderManager(core, journal, market.LineBroker(market.Line(address)), WallClock())
    manager.open_book({"USD": Decimal(1_000_000)})
    await trader.recover(manager)
    told = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, told.set)
    context = Context(Decimal(1_000_000), Decimal(1_000_000))
    for number in range(50):
        intent = trader.intent(f"term-{number}", 2)
        await manager.propose(intent, context)
        os.write(acknowledged, f"{intent.intent_id}\n".encode())
    await told.wait()
    manager.is_ready = False
    await manager.drain(5)
    journal.close()


@both
def test_a_polite_end_drains_and_leaves_the_orders_where_they_are(street, url):
    process = street.processes.Process(
        target=_until_told, args=(url, street.address, str(street.acknowledged))
    )
    process.start()
    until(lambda: len(street.acknowledged.read_text().split()) == 50)
    began = time.monotonic()
    process.terminate()
    process.join(30)
    assert process.exitcode == 0
    assert time.monotonic() - began < 5
    journal = Journal(Database(url), "trader")
    journal.verify()
    assert len(journal.load().open_orders()) == 50
    assert len(street.line.ask("open_orders")) == 50
    journal.close()


# A14, E9: damage ------------------------------------------------------------------------


@sqlite_only
def test_a_changed_byte_anywhere_in_the_journal_is_found_and_named(url, tmp_path):
    journal = Journal(open_database(url), "trader")
    ledger = journal.load()
    for number in range(40):
        journal.append([Record(Kind.NOTE, {"text": f"entry {number}"}, f"o{number}")], ledger)
    random, names = Random(5), ("ts", "kind", "book", "order_id", "body", "prev", "hash")
    plain = sqlite3.connect(tmp_path / "trader.db", isolation_level=None)
    for _ in range(500):
        seq, name = random.randint(1, 40), random.choice(names)
        value = plain.execute(f"select {name} from events where seq = ?", (seq,)).fetchone()[0]
        place = random.randrange(len(value))
        changed = chr(ord(value[place]) ^ (1 << random.randrange(6)))
        spoiled = f"{value[:place]}{changed}{value[place + 1 :]}"
        plain.execute(f"update events set {name} = ? where seq = ?", (spoiled, seq))
        with pytest.raises(InvariantError, match=rf"journal entry ({seq}|{seq + 1}) is not"):
            journal.scan()
        plain.execute(f"update events set {name} = ? where seq = ?", (value, seq))
    assert journal.scan() == 40
    journal.close()


@sqlite_only
def test_an_overwritten_page_is_found_at_the_start(url, tmp_path):
    journal = Journal(open_database(url), "trader")
    ledger = journal.load()
    for number in range(300):
        journal.append([Record(Kind.NOTE, {"text": f"entry {number}" * 9})], ledger)
    journal.close()
    journal.database.close()
    file = tmp_path / "trader.db"
    content = file.read_bytes()
    starts = range(0, len(content), 4096)
    places = [start for start in starts if b"entry 1" in content[start : start + 4096]]
    random = Random(7)
    for place in random.sample(places, 4):
        file.write_bytes(content[:place] + random.randbytes(4096) + content[place + 4096 :])
        with pytest.raises(WorkbenchError):
            scanned(url)
    file.write_bytes(content)
    assert scanned(url) == 300


def scanned(url):
    with closing(Journal(Database(url), "trader")) as journal:
        return journal.scan()


# E1, E2, E3: the disk -------------------------------------------------------------------


@sqlite_only
async def test_a_full_disk_sends_nothing_and_still_cancels(street, url):
    street.line.ask("freeze")
    desk = Desk(street)
    await desk.begin()
    resting = await desk.propose(2)
    used = max(os.path.getsize(f"{desk.database.path}{end}") for end in ("", "-wal"))  # noqa: PTH202
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (used + 20_000, before[1]))
    try:
        failed = 0
        for _ in range(40):
            try:
                await desk.propose(2)
            except (UnavailableError, InvariantError):
                failed += 1
        assert failed > 10
        assert desk.manager.failure
        await desk.manager.cancel(resting)
        assert desk.line.ask("order", resting).state is OrderState.CANCELED
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, ignored)
    sent = set(desk.sent())
    await desk.manager.drain()
    desk.journal.close()
    desk.open()
    assert sent <= set(desk.manager.core.ledger.orders)
    await desk.begin()
    await desk.propose()
    desk.journal.verify()
    desk.close()


@sqlite_only
async def test_a_locked_database_halts_after_its_patience(street, url, hasty):
    desk = Desk(street)
    await desk.begin()
    other = sqlite3.connect(desk.database.path, isolation_level=None)
    other.execute("begin immediate")
    held = asyncio.get_running_loop().call_later(0.1, other.rollback)
    await desk.propose(2)  # a short wait is waited for
    assert held.when() <= asyncio.get_running_loop().time()
    other.execute("begin immediate")
    sent = desk.sent()
    with pytest.raises(UnavailableError, match="locked"):
        await desk.propose(2)
    assert desk.manager.failure
    assert desk.sent() == sent
    other.close()
    desk.close()


@sqlite_only
async def test_an_fsync_that_fails_once_ends_the_writer(street, url):
    desk = Desk(street)
    await desk.begin()
    broken = desk.journal._writer
    commit = broken._connection.dialect.do_commit
    failures = [sqlite3.OperationalError("disk I/O error")]

    def failing(connection):
        if failures:
            raise failures.pop()
        commit(connection)

    broken._connection.dialect.do_commit = failing
    sent = desk.sent()
    with pytest.raises(UnavailableError, match="I/O"):
        await desk.propose(2)
    with pytest.raises(InvariantError, match="start again"):
        await desk.propose(2)
    with pytest.raises(UnavailableError, match="open the journal again"):
        desk.journal.append([Record(Kind.NOTE, {"text": "x"})], desk.manager.core.ledger)
    assert desk.sent() == sent
    desk.close()


# E4: the server -------------------------------------------------------------------------


@server_only
async def test_a_session_that_is_ended_stops_trading_at_once(street, url, server):
    desk = Desk(street)
    await desk.begin()
    for _ in range(5):
        await desk.propose()
        desk.journal.check()
        server.psql("select pg_terminate_backend(pid) from pg_locks where locktype = 'advisory';")
        sent = desk.sent()
        with pytest.raises(UnavailableError):
            desk.journal.check()  # seen while idle
        with pytest.raises((UnavailableError, InvariantError)):
            await desk.propose()
        assert desk.sent() == sent
        with pytest.raises((UnavailableError, InvariantError)):
            await desk.propose()
        await desk.manager.drain()
        desk.journal.close()
        desk.open()  # the intents are looked up in the journal; those not sent are proven absent
        await desk.begin()
    while await desk.manager.resolve_unknown():
        await asyncio.sleep(0.05)
    ledger = desk.manager.core.ledger
    assert set(desk.sent()) <= set(ledger.orders)
    assert not ledger.unknown()
    desk.journal.verify()
    desk.close()


@server_only
def test_a_lock_that_is_lost_is_free_for_another(url, server):
    database = open_database(url)
    writer = Writer(database)
    with pytest.raises(UsageError, match="server process"):
        Writer(database)
    server.psql("select pg_terminate_backend(pid) from pg_locks where locktype = 'advisory';")
    with pytest.raises(UnavailableError), writer.transaction() as connection:
        connection.exec_driver_sql("select 1")
    other = Writer(Database(url))
    with pytest.raises(UnavailableError, match="failed before"), writer.transaction():
        pass
    writer.release()
    with other.transaction() as connection:
        assert connection.exec_driver_sql("select 1").scalar() == 1
    other.release()


# E8: migrations -------------------------------------------------------------------------


def _migrate_until(url, count):
    bomb = trader.Bomb("statement", count)
    from sqlalchemy import event

    database = Database(url)
    event.listen(database.engine, "before_cursor_execute", lambda *_: bomb("statement"))
    migrations.migrate(database)


@both
def test_a_migration_that_is_killed_leaves_the_old_schema_or_the_new(processes, url):
    killed = 0
    for count in range(1, 100, 4):
        process = processes.Process(target=_migrate_until, args=(url, count))
        process.start()
        process.join(60)
        database = Database(url)
        assert revision(database) in (None, head())
        if revision(database) is None:
            with database.read() as connection:
                assert not database.engine.dialect.get_table_names(connection)
        database.close()
        killed += process.exitcode == -signal.SIGKILL
        if process.exitcode == 0:
            break
    assert killed >= 5
    database = open_database(url)
    assert revision(database) == head()
    Journal(database, "trader").close()
    database.close()


@server_only
def test_processes_that_start_at_once_migrate_one_after_the_other(url):
    def opened(_number):
        database = open_database(url)
        with closing(database):
            return revision(database)

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(opened, range(4))) == [head()] * 4
