"""Reports by name: those of the workspace first, then those that come with the package."""

from __future__ import annotations

from pathlib import Path

from workbench.config import Settings
from workbench.errors import UsageError, nearest

__all__ = ["find", "listed"]

_PACKAGE = Path(__file__).parents[1]


def listed(settings: Settings) -> dict[str, Path]:
    """Return the report notebooks by name; a workspace's own takes precedence.

    They lie in ``notebooks/reports`` of the workspace, of the checkout, or inside the
    installed package.
    """
    folders = (
        _PACKAGE / "_notebooks" / "reports",
        _PACKAGE.parent / "notebooks" / "reports",
        settings.workspace / "notebooks" / "reports",
    )
    return {path.stem: path for folder in folders for path in sorted(folder.glob("*.ipynb"))}


def find(name: str | Path, settings: Settings) -> Path:
    """Return the notebook of a report: a path to an ``.ipynb``, or a name.

    Raises
    ------
    UsageError
        There is none; the nearest name is offered.
    """
    path = Path(name)
    if path.suffix == ".ipynb":
        if not path.is_file():
            raise UsageError(f"no such notebook: {path}", path=str(path))
        return path
    known = listed(settings)
    if str(name) not in known:
        hint = nearest(str(name), known) or f"; there are {', '.join(sorted(known)) or 'none'}"
        raise UsageError(f"no such report: {str(name)!r}{hint}", report=str(name))
    return known[str(name)]
