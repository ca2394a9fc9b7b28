# mypy: allow-untyped-calls
"""The files that Panel's components bring along, and nothing that asking would load.

Panel's own route imports whatever module it is asked for, and so runs its code; this one
comes before it and serves for modules that a page has loaded already.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from fastapi import APIRouter
from fastapi.responses import FileResponse, Response
from panel.io.resources import COMPONENT_PATH
from panel.io.server import ComponentResourceHandler
from starlette.exceptions import HTTPException
from tornado.web import HTTPError

__all__ = ["router"]

router = APIRouter(include_in_schema=False)


@router.get(f"/{COMPONENT_PATH.strip('/')}/{{path:path}}")
def component(path: str) -> Response:
    """Serve a file that a component names as its own."""
    handler: Any = ComponentResourceHandler
    if path.partition("/")[0] not in sys.modules:
        raise HTTPException(404)
    try:
        found = Path(handler.parse_url_path(handler, path))
    except HTTPError:
        raise HTTPException(404) from None
    if not found.is_file():
        raise HTTPException(404)
    return FileResponse(found)
