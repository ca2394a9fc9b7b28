# mypy: allow-untyped-calls
"""The Panel pages: found in ``dashboards/``, set into one shell, and never a bare spinner.

A page is a Python file with a ``page`` function; its docstring's first line is what the
front page says of it. ``page()`` returns anything Panel can show; ``page(context)`` is
given the `Context` and may return a `View` to fill the sidebar as well::

    TITLE = "Breadth"

    def page(context):
        return View(main=[chart], sidebar=[select])
"""

from __future__ import annotations

import ast
import hashlib
import inspect
import logging
import sys
import traceback
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass, field
from functools import wraps
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from threading import Lock, RLock
from types import ModuleType
from typing import Any

import panel as pn
from panel.io import PeriodicCallback
from panel.io.state import set_curdoc

from workbench.config import Settings
from workbench.errors import UsageError, WorkbenchError
from workbench.server.identity import Identity, parse_roles
from workbench.server.look import note, part
from workbench.server.services import Services

__all__ = ["Context", "PageFile", "View", "discover", "safe"]

_LOG = logging.getLogger("workbench.pages")
# apart from the threads in which Panel answers clicks: these do not wait behind a clock
_TICKS = ThreadPoolExecutor(4, thread_name_prefix="page")


@dataclass
class View:
    """What a page shows.

    Parameters
    ----------
    main, sidebar : list
        Panel objects from top to bottom; without a sidebar there is no drawer.
    on_theme : list of callable
        Told ``"dark"`` or ``"light"`` when the reader changes the theme.
    """

    main: list[Any]
    sidebar: list[Any] = field(default_factory=list)
    on_theme: list[Callable[[str], None]] = field(default_factory=list)


@dataclass
class Context:
    """What a page is built with.

    Parameters
    ----------
    services : Services
        Settings, desk, backtests.
    who : Identity
        The reader; pages ask ``who.may(...)`` before they offer a button.
    theme : {"dark", "light"}
    turn : RLock
        Held while tables and figures are given what they show. Callbacks run in threads: of
        two that give a table rows at the same time, Panel drops one's.
    """

    services: Services
    who: Identity
    theme: str
    is_live: bool = False
    turn: Any = field(default_factory=RLock)
    document: Any = field(default_factory=lambda: pn.state.curdoc)
    notices: Any = field(default_factory=lambda: part(visible=False, margin=(10, 12, 0, 12)))

    @property
    def settings(self) -> Settings:
        """The workspace's settings."""
        return self.services.settings

    def has_ended(self) -> bool:
        """Tell whether the reader has left, or the server stops: the document is an empty shell."""
        if not self.is_live or self.document is None:
            return False
        session = self.document.session_context
        return session is None or bool(session.destroyed)

    def say(self, text: str, tone: str = "", details: str = "") -> None:
        """Show a remark at the head of the page; an empty text takes it away."""
        self.notices.object = note(text, tone, details) if text else ""
        self.notices.visible = bool(text)

    def draw(self, change: Callable[[], Any]) -> None:
        """Change the Bokeh models of a chart, at once or, in a live page, in its next turn.

        Callbacks run in threads of their own, and a thread may change what Panel made, but
        not a chart: Bokeh's document takes changes under its lock only.
        """
        if not self.is_live or self.document is None:
            change()
        elif not self.has_ended():
            self.document.add_next_tick_callback(self.guarded(change))

    def every(self, seconds: float, callback: Callable[[], Any]) -> None:
        """Call `callback` again and again as long as the page is open.

        In a thread, and in the background: else each call turns the page's wheel on and off,
        and each turn of it walks through all of the page's models. Where one call still waits
        or works, the next is left out.
        """
        busy, guarded = Lock(), self.guarded(callback)

        def work() -> None:
            try:
                guarded()
            finally:
                busy.release()

        async def tick() -> None:
            if busy.acquire(blocking=False):
                _TICKS.submit(work)

        PeriodicCallback(callback=tick, period=int(seconds * 1_000), background=True).start()

    def guarded(self, callback: Callable[..., Any]) -> Callable[..., Any]:
        """Wrap a callback so that its error is shown, not swallowed; where nobody reads, nothing.

        It also tells Panel whose page this is: in a callback of Bokeh's it would not know,
        and ask the internet for its style sheets.
        """

        @wraps(callback)
        def wrapped(*args: Any, **options: Any) -> Any:
            if self.has_ended():
                return None
            try:
                with set_curdoc(self.document) if self.document else nullcontext():
                    answer = callback(*args, **options)
            except WorkbenchError as error:
                self.say(error.message, "bad")
                return None
            except Exception as error:  # noqa: BLE001  # shown to who clicked, and logged
                if self.has_ended():  # it ended while a thread was still at work
                    return None
                _LOG.exception("a callback of a page failed")
                self.say(f"{type(error).__name__}: {error}", "bad", _tail(error))
                return None
            return answer

        return wrapped


@dataclass(frozen=True, slots=True)
class PageFile:
    """A page that was found: its address, what it is called and what it is for."""

    slug: str
    title: str
    summary: str
    path: Path
    order: int = 50


def discover(settings: Settings) -> list[PageFile]:
    """Return the pages of the workspace, then those that come with the package.

    A page of the workspace takes the place of one of the same name. A file that cannot
    be read as Python is listed all the same; its page then says what is wrong with it.
    """
    package = Path(__file__).parents[1]
    folders = [settings.workspace / "dashboards", package.parent / "dashboards"]
    folders.append(package / "_dashboards")
    found: dict[str, PageFile] = {}
    for folder in folders:
        for path in sorted(folder.glob("[a-z]*.py")):
            slug = path.stem.replace("_", "-")
            if slug not in found and slug not in ("login", "logout", "reports", "docs", "static"):
                found[slug] = _describe(slug, path)
    return sorted(found.values(), key=lambda page: (page.order, page.title))


def safe(build: Callable[[], Any], failed: Callable[[Exception], Any]) -> Callable[[], Any]:
    """Return a page function that shows a card where `build` raises.

    Panel answers 200 and turns a wheel for ever when an exception leaves a page function.
    """

    def page() -> Any:
        try:
            return build()
        except Exception as error:  # noqa: BLE001  # whatever a page raises, its reader is told
            _LOG.warning("a page could not be built", exc_info=error)
            return failed(error)

    return page


def view_of(page: PageFile, context: Context) -> View:
    """Load a page's file and call it.

    Raises
    ------
    UsageError
        The file has no ``page`` function.
    """
    module = _load(page)
    build = getattr(module, "page", None)
    if not callable(build):
        raise UsageError(f"{page.path} has no function page(); write one that returns what to show")
    shown = build(context) if inspect.signature(build).parameters else build()
    return shown if isinstance(shown, View) else View(main=[shown])


def failure(error: Exception) -> View:
    """Return what is shown in a page's place: what failed, and what to do."""
    if isinstance(error, WorkbenchError):
        what = error.message
        advice = "Mend what the sentence above names, then reload the page."
    else:
        what = f"{type(error).__name__}: {error}"
        advice = "The page's own code raised this; the lines are below and in the server's log."
    html = (
        "<h2 style='font-size:17px;margin:0 0 6px'>This page could not be built</h2>"
        f"<p class='muted' style='margin:0 0 12px'>{advice}</p>{note(what, 'bad', _tail(error))}"
    )
    return View(main=[part(html, margin=(24, 24))])


def reader() -> tuple[Identity, str]:
    """Return who looks at the page that is being built, and in which theme.

    Both come from headers that the guard writes; a caller's own are overwritten there.
    """
    headers = {key.lower(): str(value) for key, value in (pn.state.headers or {}).items()}
    roles = headers.get("x-wb-roles", "")
    who = Identity(headers.get("x-wb-user", ""), parse_roles(roles) if roles else ())
    return who, "light" if headers.get("x-wb-theme") == "light" else "dark"


def _describe(slug: str, path: Path) -> PageFile:
    title, summary, order = slug.replace("-", " ").capitalize(), "", 50
    try:
        tree = ast.parse(path.read_text(encoding="utf-8", errors="replace"))
    except SyntaxError:
        return PageFile(slug, title, "This file is not valid Python.", path, order)
    summary = (ast.get_docstring(tree) or "").partition("\n")[0]
    for node in tree.body:
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant):
            names = {target.id for target in node.targets if isinstance(target, ast.Name)}
            if "TITLE" in names:
                title = str(node.value.value)
            if "ORDER" in names and isinstance(node.value.value, int):
                order = node.value.value
    return PageFile(slug, title, summary, path, order)


def _load(page: PageFile) -> ModuleType:
    """Run a page's file; once, until its text changes."""
    source = page.path.read_bytes()
    digest = hashlib.sha256(source).hexdigest()
    name = f"workbench_page_{page.slug.replace('-', '_')}"
    known = sys.modules.get(name)
    if known is not None and known.__dict__.get("__wb_digest__") == digest:
        return known
    spec = spec_from_file_location(name, page.path)
    if spec is None:
        raise UsageError(f"{page.path} is no Python file", path=str(page.path))
    module = module_from_spec(spec)
    module.__dict__["__wb_digest__"] = digest
    # compiled from the text that was hashed: no stale bytecode, no second read
    exec(compile(source, str(page.path), "exec"), module.__dict__)  # noqa: S102
    sys.modules[name] = module
    return module


def _tail(error: Exception) -> str:
    return "".join(traceback.format_exception(error)[-4:])
