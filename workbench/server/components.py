# mypy: allow-untyped-calls
"""The files that Panel's components bring along, and nothing that asking would load.

Panel's own route imports whatever module it is asked for, and so runs its code; this layer
stands before it, on every version of Panel, and serves for modules that a page has loaded.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from panel.io.resources import COMPONENT_PATH
from panel.io.server import ComponentResourceHandler
from starlette.responses import FileResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send
from tornado.web import HTTPError

__all__ = ["ComponentFiles"]

_PREFIX = f"/{COMPONENT_PATH.strip('/')}/"


class ComponentFiles:
    """Answers what lies below ``/components/`` itself and lets the rest through."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a file that a component names as its own, else 404."""
        path = scope.get("path", "")
        if scope["type"] != "http" or not path.startswith(_PREFIX):
            await self._app(scope, receive, send)
            return
        found = _file(path.removeprefix(_PREFIX))
        answer = Response(status_code=404) if found is None else FileResponse(found)
        await answer(scope, receive, send)


def _file(path: str) -> Path | None:
    handler: Any = ComponentResourceHandler
    if path.partition("/")[0] not in sys.modules:
        return None
    try:
        found = Path(handler.parse_url_path(handler, path))
    except HTTPError:
        return None
    return found if found.is_file() else None
