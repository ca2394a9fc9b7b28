"""The power goes: what was acknowledged is there, and what is there is whole.

``kill -9`` cannot show this, because the page cache survives it. The same test with
``synchronous=NORMAL`` must lose what was acknowledged, or it tests nothing.
"""

from __future__ import annotations

import itertools
import shutil
import sqlite3
from functools import partial
from random import Random

import pytest
from sqlalchemy import StaticPool, create_engine

pytest.importorskip("apsw", reason="apsw is not installed")

import disk

from workbench.store import database as databases
from workbench.store.database import Database
from workbench.store.migrate import migrate
from workbench.trading.journal import Journal
from workbench.trading.records import Kind, Record

CUTS = 100
_numbers = itertools.count()


class Outage:
    """A journal on a disk whose power goes at random writes, each time with other losses."""

    def __init__(self, monkeypatch, folder, seed):
        self.random, self.folder = Random(seed), folder
        self.acknowledged, self.commits, self.images = 0, 0, []
        self.disk = disk.Disk(f"disk{next(_numbers)}", self.random, self.wrote)
        self.next_cut = None
        with monkeypatch.context() as patch:
            patch.setattr(databases, "create_engine", partial(
                create_engine, module=disk, poolclass=StaticPool,
                creator=self.connect,
            ))  # fmt: skip
            self.database = Database(f"sqlite:///{folder}/journal.db")
        migrate(self.database)
        self.journal = Journal(self.database, "test")
        self.ledger = self.journal.load()
        self.pragma("wal_autocheckpoint=20")  # often, so that cuts fall into it too

    def connect(self):
        self.connection = disk.Connection(f"{self.folder}/journal.db", self.disk.name)
        return self.connection

    def pragma(self, text):
        self.connection.execute(f"pragma {text}").fetchall()

    def wrote(self, disk):
        if self.next_cut is not None:
            self.next_cut -= 1
            if self.next_cut == 0:
                self.cut()

    def cut(self):
        image = self.folder / f"image{len(self.images)}"
        self.disk.cut(image)
        self.images.append((image, self.acknowledged))
        self.next_cut = self.random.randint(1, 60)

    def write(self):
        text = "x" * self.random.choice([10, 300, 5000])
        records = [Record(Kind.NOTE, {"text": text})] * self.random.randint(1, 3)
        self.journal.append(records, self.ledger)
        self.acknowledged = self.journal.head[0]
        self.commits += 1
        if self.random.random() < 0.3:
            self.cut()  # between two writes of the disk, right after the acknowledgement

    def run(self, cuts):
        """Return how many cuts lost something acknowledged, and how many left damage."""
        self.next_cut, lost, damaged = 5, 0, 0
        seen = 0
        while seen < cuts:
            self.write()
            for image, acknowledged in self.images[seen:]:
                present = self.start_on(image)
                lost += present is not None and present < acknowledged
                damaged += present is None
                shutil.rmtree(image)
                seen += 1
        return lost, damaged

    def start_on(self, image):
        """Start on what is left, with the machine's own SQLite; return how much there is."""
        path = image / "journal.db"
        plain = sqlite3.connect(path)
        try:
            if plain.execute("pragma integrity_check").fetchone() != ("ok",):
                return None
        except sqlite3.DatabaseError:
            return None
        finally:
            plain.close()
        database = Database(f"sqlite:///{path}")
        try:
            journal = Journal(database, "test")
            try:
                return journal.scan()
            finally:
                journal.close()
        finally:
            database.close()

    def close(self):
        self.journal.close()
        self.database.close()
        self.disk.unregister()


@pytest.fixture
def outage(monkeypatch, tmp_path):
    def make(seed):
        folder = tmp_path / str(seed)
        folder.mkdir()
        return Outage(monkeypatch, folder, seed)

    return make


@pytest.mark.parametrize("seed", [1, 2])
def test_a_power_cut_loses_nothing_that_was_acknowledged(outage, seed):
    street = outage(seed)
    assert street.run(CUTS // 2) == (0, 0)
    assert street.commits > CUTS // 4
    street.close()


def test_without_a_sync_of_each_commit_the_same_cuts_lose(outage):
    street = outage(3)
    street.pragma("synchronous=normal")
    lost, _ = street.run(CUTS // 4)
    assert lost > 0
    street.close()


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(10, 20))
def test_a_thousand_power_cuts(outage, seed):
    street = outage(seed)
    assert street.run(CUTS) == (0, 0)
    street.close()
