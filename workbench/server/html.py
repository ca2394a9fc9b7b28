"""The pages that are plain HTML: their templates, and the few files they load."""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import FileResponse, HTMLResponse, Response
from jinja2 import Environment, FileSystemLoader, select_autoescape

__all__ = ["PUBLIC_ASSETS", "render", "router", "theme_of"]

_HERE = Path(__file__).parent
_ASSETS = ("wb.css", "wb.js", "mark.svg")
_FONTS = ("roboto-400.woff2", "roboto-700.woff2")
PUBLIC_ASSETS = frozenset(f"/assets/{name}" for name in (*_ASSETS, *_FONTS))
_DAY = {"cache-control": "public, max-age=86400"}

_JINJA = Environment(
    loader=FileSystemLoader(_HERE / "templates"), autoescape=select_autoescape(default=True)
)
router = APIRouter(include_in_schema=False)


def render(request: Request, template: str, status: int = 200, **values: Any) -> HTMLResponse:
    """Return a page made from a template, in the theme its reader chose."""
    text = _JINJA.get_template(template).render(theme=theme_of(request), **values)
    return HTMLResponse(text, status)


def theme_of(request: Request) -> str:
    """Return ``"dark"``, ``"light"``, or ``""`` where the reader has not chosen."""
    return request.headers.get("x-wb-theme", "")


@router.get("/assets/{name}")
def asset(name: str) -> Response:
    """Serve one of the named files, and no other."""
    if name in _ASSETS:
        return FileResponse(_HERE / "assets" / name, headers=_DAY)
    font = _fonts().get(name)
    return FileResponse(font, headers=_DAY) if font else Response(status_code=404)


@cache
def _fonts() -> dict[str, Path]:
    """Roboto travels inside panel_material_ui; without it the system's own font serves."""
    spec = find_spec("panel_material_ui")
    folder = Path(next(iter(spec.submodule_search_locations or ("",)))) if spec else Path()
    found = {}
    for name in _FONTS:
        weight = name.partition("-")[2].partition(".")[0]
        paths = sorted((folder / "dist").glob(f"roboto-latin-{weight}-normal-*.woff2"))
        if paths:
            found[name] = paths[0]
    return found
