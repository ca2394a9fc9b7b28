"""When a reader leaves: the page's session is let go, and its clockwork with it.

Bokeh's handler for FastAPI does not notice that a browser has gone: the connection stays
counted, so the session is never found unused, and its page is drawn every second for ever.
"""

from __future__ import annotations

from typing import Any

from starlette.types import ASGIApp, Receive, Scope, Send

__all__ = ["Leaving"]

_MARK = "wb.reader"


class Leaving:
    """Takes a page's connection off its session once the socket has ended.

    Parameters
    ----------
    app : ASGI application
        Whose ``state.pages`` is what `panel.io.fastapi.add_applications` returned.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass everything on; afterwards clear up behind a socket."""
        if scope["type"] != "websocket":
            await self._app(scope, receive, send)
            return
        reader = scope[_MARK] = object()
        try:
            await self._app(scope, receive, send)
        finally:
            pages: Any = scope["app"].state.pages
            for connection in tuple(pages._clients):
                if connection._socket._socket.scope.get(_MARK) is reader:
                    pages.client_lost(connection)
