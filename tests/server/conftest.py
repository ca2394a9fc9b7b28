"""A workspace of its own, served by a real uvicorn on a free port."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
import uvicorn

from workbench.config import Settings, load_settings
from workbench.server import serve
from workbench.server.users import Users
from workbench.store.migrate import open_database

PASSWORD = "a long enough phrase"
USERS = {"ada": "trader,admin", "tom": "trader", "ann": "analyst", "eve": "viewer"}


@dataclass
class Served:
    """A running server and how to talk to it."""

    settings: Settings
    base: str
    running: uvicorn.Server

    def stranger(self, **options) -> httpx.Client:
        headers = {"origin": self.base, **options.pop("headers", {})}
        return httpx.Client(base_url=self.base, headers=headers, **options)

    def log_in(self, username: str = "ada", password: str = PASSWORD) -> httpx.Client:
        client = self.stranger(timeout=30)
        answer = client.post("/login", data={"username": username, "password": password})
        assert answer.status_code == 303, answer.text
        return client


def run_server(settings: Settings) -> Iterator[Served]:
    listener, bound = serve.bind(settings)
    running = serve.server(bound, log_level="critical")
    thread = threading.Thread(
        target=lambda: asyncio.run(running.serve(sockets=[listener])), daemon=True
    )
    thread.start()
    deadline = time.monotonic() + 60
    while not running.started and thread.is_alive() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert running.started
    yield Served(bound, f"http://127.0.0.1:{bound.port}", running)
    running.should_exit = True
    thread.join(20)


@pytest.fixture(scope="module")  # no server may run behind the tests of other floors
def served(tmp_path_factory) -> Iterator[Served]:
    home = tmp_path_factory.mktemp("workspace")
    (home / "workbench.toml").write_text("")
    pages = home / "dashboards"
    pages.mkdir()
    (pages / "broken.py").write_text('"""A page that raises."""\n\ndef page():\n    1 / 0\n')
    (pages / "plain.py").write_text(
        '"""A page that shows a word."""\nimport panel as pn\n\n'
        'def page():\n    return pn.pane.Markdown("a plain word")\n'
    )
    patch = pytest.MonkeyPatch()
    patch.setenv("WORKBENCH_HOME", str(home))
    settings = load_settings(port=0)
    database = open_database(settings)
    for username, roles in USERS.items():
        Users(database).add_user(username, PASSWORD, roles=roles)
    database.close()
    yield from run_server(settings)
    patch.undo()


@pytest.fixture(scope="module")
def behind_proxy(served: Served, tmp_path_factory) -> Iterator[Served]:
    """A second server, that a proxy would speak https for."""
    home = tmp_path_factory.mktemp("behind-proxy")
    settings = load_settings(home, port=0, public_url="https://bench.example")
    database = open_database(settings)
    Users(database).add_user("ada", PASSWORD, roles="trader,admin")
    database.close()
    yield from run_server(settings)


@pytest.fixture(scope="module")
def ada(served: Served) -> Iterator[httpx.Client]:
    client = served.log_in("ada")
    yield client
    client.close()


@pytest.fixture(scope="module")
def workspace(served: Served) -> Path:
    return served.settings.workspace
