"""What tests of several floors share: a browser, pages that may not leave the machine, vendors."""

import contextlib
import os
import shutil
import sys

import pytest
from hypothesis import settings

# the same cases each time, so that a change is judged by what it changed; `make soak` looks further
settings.register_profile("same", derandomize=True, print_blob=True)
settings.register_profile("new", print_blob=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "same"))


def pytest_addoption(parser):
    parser.addoption("--soak", action="store_true", help="run the tests that take many minutes")


def pytest_collection_modifyitems(config, items):
    if not config.getoption("--soak"):
        skip = pytest.mark.skip(reason="takes many minutes: make soak")
        for item in items:
            if "soak" in item.keywords:
                item.add_marker(skip)


_BROWSERS = ("chromium", "chromium-browser", "google-chrome")


@pytest.fixture(scope="module")  # Playwright keeps an event loop running while it is open
def chromium():
    """A headless Chromium, or a skip that says why there is none."""
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        pytest.skip("playwright is not installed: pip install -e .[browser]")
    path = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, _BROWSERS)), None)
    if path is None:
        pytest.skip(f"no browser found: install one of {', '.join(_BROWSERS)}")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def visit(chromium):
    """Open a file and fail on any error in its console and any request that leaves it."""

    @contextlib.contextmanager
    def opened(path, width=1280, height=900):
        page = chromium.new_page(viewport={"width": width, "height": height})
        asked, said = [], []
        page.on("request", lambda request: asked.append(request.url))
        page.on("console", lambda line: said.append(line.text) if line.type == "error" else None)
        page.on("pageerror", lambda error: said.append(str(error)))
        page.goto(path.as_uri())
        page.wait_for_selector(".bk-Canvas, canvas", state="attached")
        page.wait_for_timeout(500)
        yield page
        page.close()
        assert [url for url in asked if not url.startswith(("file:", "data:", "blob:"))] == []
        assert said == []

    return opened


@pytest.fixture(scope="module", autouse=True)
def no_left_documents(request):
    """Forget the documents of pages whose reader has left: Bokeh keeps them for the process."""
    module = sys.modules.get("bokeh.io.doc")
    if module is not None and request.path.parent.name not in ("server", "browser"):
        module._PATCHED_CURDOCS.clear()


QUICK_FEEDS = """
[feeds]
mute_seconds = 30
tolerance_seconds = 0.02
grace_seconds = 0.05
longest_wait_seconds = 0.2
"""


@pytest.fixture
async def vendor(tmp_path):
    """Start a vendor; return its stream's server, its history's server, and the settings."""
    from workbench.config import load_settings
    from workbench.testing.exchange_sockets import EXCHANGE_STREAMS
    from workbench.testing.sockets import STREAMS
    from workbench.testing.wire import WireServer
    from workbench.testing.workspace import VENDORS, point_at

    async with contextlib.AsyncExitStack() as stack:

        async def start(name, feeds=QUICK_FEEDS, **terms):
            history = stack.enter_context(WireServer(VENDORS[name]()))
            stream = await stack.enter_async_context({**STREAMS, **EXCHANGE_STREAMS}[name]())
            point_at(tmp_path, {name: history}, {name: stream.url}, **terms)
            with (tmp_path / "workbench.toml").open("a") as file:
                file.write(feeds)
            return stream, history, load_settings(tmp_path)

        yield start
