"""A served workspace and a real browser to look at it with."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from workbench.config import load_settings

USER, PASSWORD = "ada", "a long enough phrase"


@dataclass
class Seen:
    """What a page asked for and complained of."""

    complaints: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    def outside(self, base: str) -> list[str]:
        return [url for url in self.requests if not url.startswith((base, "data:", "blob:"))]


@pytest.fixture(scope="module")  # no server may run behind the tests of other floors
def base(tmp_path_factory) -> Iterator[str]:
    from workbench.server import serve
    from workbench.server.users import Users
    from workbench.store.migrate import open_database

    home = tmp_path_factory.mktemp("workspace")
    (home / "workbench.toml").write_text("")
    (home / "dashboards").mkdir()
    (home / "dashboards" / "broken.py").write_text('"""It raises."""\n\ndef page():\n    1 / 0\n')
    patch = pytest.MonkeyPatch()
    patch.setenv("WORKBENCH_HOME", str(home))
    listener, settings = serve.bind(load_settings(port=0))
    database = open_database(settings)
    Users(database).add_user(USER, PASSWORD, roles="trader,admin")
    database.close()
    running = serve.server(settings, log_level="critical")
    thread = threading.Thread(
        target=lambda: asyncio.run(running.serve(sockets=[listener])), daemon=True
    )
    thread.start()
    deadline = time.monotonic() + 120
    while not running.started and thread.is_alive() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert running.started
    yield f"http://127.0.0.1:{settings.port}"
    running.should_exit = True
    thread.join(20)
    patch.undo()


@pytest.fixture
def visit(chromium, base):
    """Log in and open a path; in the end no complaint may be left and nothing asked outside."""
    opened, seen = [], Seen()

    def open_page(path: str, theme: str = "dark"):
        context = chromium.new_context(viewport={"width": 1440, "height": 900}, color_scheme=theme)
        opened.append(context)
        context.add_cookies([{"name": "wb_theme", "value": theme, "url": base}])
        context.set_default_timeout(60_000)
        page = context.new_page()
        page.on(
            "console",
            lambda m: seen.complaints.append(m.text) if m.type in ("error", "warning") else None,
        )
        page.on("pageerror", lambda error: seen.complaints.append(str(error)))
        page.on("request", lambda request: seen.requests.append(request.url))
        page.on(
            "websocket", lambda socket: seen.requests.append(socket.url.replace("ws", "http", 1))
        )
        page.goto(f"{base}/login?next={path}")
        page.fill("#username", USER)
        page.fill("#password", PASSWORD)
        page.click("button[type=submit]")
        page.wait_for_url(f"{base}{path}*")
        return page

    yield open_page
    for context in opened:
        context.close()
    assert seen.complaints == []
    assert seen.requests
    assert seen.outside(base) == []
