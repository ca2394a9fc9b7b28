"""The scripts that run in the browser, read from the package."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

__all__ = ["script"]


@cache
def script(name: str) -> str:
    """Return the text of ``js/<name>.js``, the body of a function.

    Examples
    --------
    >>> "return ticks" in script("ticks")
    True
    """
    return files("workbench.plots").joinpath("js", f"{name}.js").read_text(encoding="utf-8")
