"""The front page, and the list of reports."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from fastapi import APIRouter, Request
from fastapi.responses import FileResponse, Response

from workbench.config import Settings
from workbench.errors import UsageError
from workbench.server.figures import desk_tiles
from workbench.server.html import render
from workbench.server.pages import discover
from workbench.server.services import services_of, who

__all__ = ["Report", "reports", "router"]

router = APIRouter(include_in_schema=False)
_GLYPHS = frozenset({"market", "lab", "desk"})
_SANDBOX = (
    "sandbox allow-scripts; default-src 'none'; script-src 'unsafe-inline' 'unsafe-eval'; "
    "style-src 'unsafe-inline'; img-src data: blob:; font-src data:; frame-ancestors 'none'"
)


@dataclass(frozen=True, slots=True)
class Report:
    """A file under ``data/reports`` that a browser can show."""

    key: str
    title: str
    made: datetime
    size: int
    path: Path


def reports(settings: Settings) -> list[Report]:
    """Return the reports of the workspace, newest first."""
    folder = settings.folder("reports")
    found = []
    for path in folder.rglob("*.html"):
        try:
            state = path.stat()
        except OSError:  # a link to nothing, or taken away since
            continue
        key = path.relative_to(folder).as_posix()
        made = datetime.fromtimestamp(state.st_mtime, UTC)
        found.append(Report(key, _title(path, folder), made, state.st_size, path))
    return sorted(found, key=lambda report: report.made, reverse=True)


@router.get("/")
def front(request: Request) -> Response:
    """Show the pages, the desk in four figures and the latest reports."""
    services = services_of(request)
    pages = discover(services.settings)
    return render(
        request,
        "home.html",
        title="Home",
        who=who(request),
        pages=pages,
        glyphs=_GLYPHS,
        reports=_readable(request)[:6],
        tiles=desk_tiles(services.desk.snapshot()),
    )


@router.get("/reports")
def listing(request: Request) -> Response:
    """List every report."""
    services = services_of(request)
    return render(
        request,
        "reports.html",
        title="Reports",
        who=who(request),
        pages=discover(services.settings),
        reports=_readable(request),
    )


@router.get("/reports/{key:path}")
def report(request: Request, key: str) -> Response:
    """Serve one report, cut off from this site: its scripts may draw, and reach nothing.

    The file is looked up among those that are there; no path is made of what was asked.
    """
    for one in _readable(request):
        if one.key == key:
            return FileResponse(one.path, headers={"content-security-policy": _SANDBOX})
    raise UsageError("no such report; /reports lists them", missing=True)


def _readable(request: Request) -> list[Report]:
    """Return the reports the reader may see: they are research, which a viewer has no part in."""
    if not who(request).may("research"):
        return []
    return reports(services_of(request).settings)


def _title(path: Path, folder: Path) -> str:
    name = re.sub(r"[_-]+", " ", path.stem).strip().capitalize()
    return f"{name} · {path.parent.name}" if path.parent != folder else name
