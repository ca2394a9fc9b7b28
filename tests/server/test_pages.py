"""Pages are found, and the workspace's own come first."""

from __future__ import annotations

import asyncio
import sys
import threading
import weakref

import panel as pn
import pytest
from bokeh.document import Document
from bokeh.server.contexts import BokehSessionContext
from bokeh.server.session import ServerSession
from tornado.ioloop import IOLoop

from workbench.config import load_settings
from workbench.server.figures import age, percent
from workbench.server.identity import Identity
from workbench.server.look import Tile, empty, note, tiles
from workbench.server.pages import Context, discover, safe


def test_the_pages_that_come_with_the_package_are_found(tmp_path):
    found = discover(load_settings(tmp_path))
    assert [page.slug for page in found][:3] == ["market", "lab", "desk"]
    assert all(page.summary.endswith(".") for page in found)


def test_a_page_of_the_workspace_takes_the_place_of_ours(tmp_path):
    folder = tmp_path / "dashboards"
    folder.mkdir()
    (folder / "lab.py").write_text('"""Mine."""\nTITLE = "My lab"\ndef page(): ...\n')
    (folder / "bad_one.py").write_text("def page(:\n")
    (folder / "login.py").write_text("def page(): ...\n")
    found = {page.slug: page for page in discover(load_settings(tmp_path))}
    assert found["lab"].title == "My lab"
    assert found["lab"].path.parent == folder
    assert "not valid Python" in found["bad-one"].summary
    assert "login" not in found


def test_safe_gives_the_error_to_the_card():
    def build():
        raise KeyError("lost")

    assert safe(build, lambda error: f"card: {error!r}")() == "card: KeyError('lost')"


def test_what_is_shown_is_escaped():
    evil = '<img src=x onerror="alert(1)">'
    for html in (tiles([Tile(evil, evil, evil, evil)]), empty(evil, evil), note(evil, evil, evil)):
        assert "<img" not in html


def test_words_for_numbers():
    assert percent(float("inf")) == "n/a"
    from datetime import UTC, datetime, timedelta

    now = datetime(2026, 1, 5, tzinfo=UTC)
    words = [age(now - timedelta(seconds=s), now)[0] for s in (1, 60, 3_600, 10**6)]
    assert words == ["live", "late", "stale", "recorded"]


def test_an_identity_without_roles_may_nothing():
    assert not Identity("x", ()).may("look")


@pytest.mark.parametrize(
    "path",
    ["this/x/_css/y", "os/path/_css/x", "os", "workbench.server.keys/secret_key/_css/x", "a/b/c/d",
     "panel.template.vanilla/VanillaTemplate/__doc__/vanilla.css",
     "panel.template.vanilla/VanillaTemplate/_css/../base.py"],
)  # fmt: skip
def test_asking_for_a_file_of_a_component_loads_and_gives_nothing_else(ada, path):
    assert ada.get(f"/components/{path}").status_code == 404
    assert "this" not in sys.modules


def test_a_file_of_a_component_is_served(ada):
    answer = ada.get("/components/panel.template.vanilla/VanillaTemplate/_css/vanilla.css")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/css")


def test_a_page_that_has_ended_draws_nothing_and_complains_of_nothing(caplog):
    document, loop = Document(), IOLoop(make_current=False)
    around = BokehSessionContext("one", None, document)
    document._session_context = weakref.ref(around)
    session = ServerSession("one", document, io_loop=loop)
    around._set_session(session)
    context = Context(None, Identity("ada", ("viewer",)), "dark", document=document)
    context.is_live = True
    called = []
    context.draw(lambda: called.append(1))
    assert len(document.session_callbacks) == 1
    context.guarded(lambda: called.append(2))()
    assert called == [2]

    def late():
        session.destroy()
        context.draw(lambda: called.append(3))
        document.add_next_tick_callback(late)  # raises: there is nothing left to add to

    context.guarded(late)()
    context.guarded(lambda: called.append(4))()
    context.draw(lambda: called.append(5))
    assert called == [2]
    assert [said for said in caplog.records if said.name == "workbench.pages"] == []
    loop.close()


async def test_what_is_done_again_and_again_turns_no_wheel():
    said = []
    context = Context(None, Identity("ada", ()), "dark")
    context.every(0.01, lambda: said.append(pn.state.busy))
    async with asyncio.timeout(20):
        while len(said) < 3:
            await asyncio.sleep(0.01)
    assert not any(said)


async def test_a_call_that_still_works_is_not_called_again_behind_its_back():
    began, goes_on = [], threading.Event()
    context = Context(None, Identity("ada", ()), "dark")

    def work():
        began.append(1)
        goes_on.wait(20)

    context.every(0.01, work)
    async with asyncio.timeout(20):
        while not began:
            await asyncio.sleep(0.01)
    await asyncio.sleep(0.2)
    assert len(began) == 1
    goes_on.set()
    async with asyncio.timeout(20):
        while len(began) < 3:
            await asyncio.sleep(0.01)
