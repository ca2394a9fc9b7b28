"""The one application: routes, pages and the guard around both."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

import panel as pn
from fastapi import FastAPI
from fastapi_offline import FastAPIOffline
from panel.io.fastapi import add_applications
from starlette.concurrency import run_in_threadpool

from workbench import __version__
from workbench.config import Settings
from workbench.errors import InvariantError
from workbench.server import home, html, login, problems
from workbench.server.components import ComponentFiles
from workbench.server.guard import Guard, Rules
from workbench.server.keys import secret_key
from workbench.server.leaving import Leaving
from workbench.server.pages import Context, PageFile, discover, failure, reader, safe, view_of
from workbench.server.routes import (
    books,
    data,
    deployments,
    executions,
    messages,
    orders,
    research,
    risk,
    socket,
    system,
)
from workbench.server.services import Services, open_services
from workbench.server.shell import shell
from workbench.server.strict import StrictJson
from workbench.server.tokens import PageTokens

__all__ = ["create_app", "page_origins"]

_LOOPBACK = frozenset({"127.0.0.1", "localhost", "[::1]", "::1"})
_PUBLIC = frozenset({"/login", "/healthz"}) | html.PUBLIC_ASSETS
# tornado, between Panel and the guard, writes header names its own way
_IDENTITY = [
    name for own in ("x-wb-user", "x-wb-roles", "x-wb-theme", "x-wb-login")
    for name in (own, own.title())
]  # fmt: skip
_LEFT = "ServerConnection.session"
_TAGS = [
    {"name": "data", "description": "Symbols, bars, news and notes."},
    {"name": "research", "description": "Strategies and backtests."},
    {"name": "risk", "description": "Limits, what is used of them, and why nothing happened."},
    {"name": "desk", "description": "Orders, positions, account and the kill switch."},
]


class _OfLeavers(logging.Filter):
    """Drops Bokeh's complaints about messages that were read after their page was closed."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Keep every other record."""
        kind, _, trace = record.exc_info or (None, None, None)
        while trace is not None and trace.tb_next is not None:
            trace = trace.tb_next
        has_left = trace is not None and trace.tb_frame.f_code.co_qualname == _LEFT
        return not (kind is AssertionError and has_left)


def create_app(settings: Settings) -> FastAPI:
    """Make the application of a workspace.

    Parameters
    ----------
    settings : Settings
        ``port`` must be the port it will be served on: the pages' sockets answer to
        their own origin only.

    Returns
    -------
    FastAPI
        With ``state.services``. Its outermost layer is the guard.
    """
    services = open_services(settings)
    app: FastAPI = FastAPIOffline(
        title="Workbench",
        version=__version__,
        summary="Bars, strategies, backtests and the desk, over the same numbers as the notebooks.",
        redoc_url=None,
        static_url="/assets/docs",
        favicon_url="/assets/mark.svg",
        openapi_tags=_TAGS,
        lifespan=_lifespan,
    )
    app.state.services = services
    problems.install(app)
    for router in (
        login.router,
        html.router,
        home.router,
        system.router,
        data.router,
        messages.router,
        research.router,
        orders.router,
        books.router,
        risk.router,
        deployments.router,
        executions.router,
        socket.router,
    ):
        app.include_router(router)
    _mount_pages(app, services)
    app.add_middleware(ComponentFiles)
    app.add_middleware(StrictJson)
    app.add_middleware(Leaving)
    app.add_middleware(
        Guard,
        sessions=services.sessions,
        tokens=services.tokens,
        rules=_rules(settings, services),
        observe=services.metrics.observe,
    )
    outermost: Any = app.user_middleware[0].cls
    if outermost is not Guard:
        raise InvariantError("the guard must be the outermost layer")
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    services: Services = app.state.services
    await services.desk.start()
    try:
        yield
    finally:
        await services.desk.stop()
        await run_in_threadpool(services.close)


def _rules(settings: Settings, services: Services) -> Rules:
    origin = settings.public_origin
    hosts = _LOOPBACK if settings.host in _LOOPBACK else None
    if origin is not None:
        hosts = _LOOPBACK | {settings.host, urlsplit(origin).hostname or ""}
    return Rules(
        cookie=services.cookie,
        public=_PUBLIC,
        hosts=hosts,
        origin=origin,
        is_secure=services.is_secure,
        pages=PageTokens(secret_key(settings)),
    )


def _mount_pages(app: FastAPI, services: Services) -> None:
    # without threads one page's callback holds up every other request
    pn.extension("tabulator", nthreads=4)
    handler = logging.getLogger("bokeh.server.protocol_handler")
    if not any(isinstance(known, _OfLeavers) for known in handler.filters):
        handler.addFilter(_OfLeavers())
    pages = discover(services.settings)
    settings = services.settings
    app.state.pages = add_applications(
        {f"/{page.slug}": _page_function(page, pages, services) for page in pages},
        app=app,
        title={f"/{page.slug}": f"{page.title} · Workbench" for page in pages},
        websocket_origin=page_origins(settings),
        sign_sessions=True,
        secret_key=secret_key(settings),
        include_headers=_IDENTITY,
        include_cookies=[],
    )


def page_origins(settings: Settings) -> list[str]:
    """Return the names, with ports, under which a page may open its socket."""
    names = {settings.host, *(_LOOPBACK if settings.host in _LOOPBACK else ())}
    origins = [f"{name}:{settings.port}" for name in sorted(names)]
    if settings.public_origin is not None:
        origins.append(urlsplit(settings.public_origin).netloc)
    return origins


def _page_function(page: PageFile, pages: list[PageFile], services: Services) -> Callable[[], Any]:
    def build() -> Any:
        context = _context(services)
        return shell(page, pages, view_of(page, context), context)

    def failed(error: Exception) -> Any:
        return shell(page, pages, failure(error), _context(services))

    return safe(build, failed)


def _context(services: Services) -> Context:
    who, theme = reader()
    return Context(services, who, theme)
