"""The bar sources by name; a source's module is imported when it is chosen.

Beside what `workbench.core.ports.BarSource` asks, a source may state:

``is_stored``
    Whether its bars go through the catalog (yes, unless it says False: files are their
    own store, and invented bars are made again as fast as they are read).
``is_final``
    Whether it is a closed book that will not grow, and is taken whole.
``version``
    A text; bars stored under another one are fetched anew.
"""

from __future__ import annotations

from importlib import import_module
from typing import cast

from workbench.config import Settings
from workbench.core.ports import BarSource
from workbench.errors import UsageError, nearest

__all__ = ["find", "names"]

# name -> "module:factory"; the factory takes the settings or nothing
_SOURCES = {
    "sample": "workbench.data.sample:SampleSource",
    "synthetic": "workbench.data.synthetic:SyntheticSource",
    "files": "workbench.venues.files.source:FilesSource",
}
_TAKES_SETTINGS = frozenset({"files"})


def names() -> tuple[str, ...]:
    """Return the names of the sources.

    Examples
    --------
    >>> names()
    ('sample', 'synthetic', 'files')
    """
    return tuple(_SOURCES)


def find(name: str, settings: Settings) -> BarSource:
    """Return the source of that name.

    Raises
    ------
    UsageError
        There is none; the nearest is offered.
    """
    if name not in _SOURCES:
        hint = nearest(str(name), names()) or f"; there are {', '.join(names())}"
        raise UsageError(f"no such source: {name!r}{hint}", source=name)
    module, _, attribute = _SOURCES[name].partition(":")
    factory = getattr(import_module(module), attribute)
    return cast(BarSource, factory(settings) if name in _TAKES_SETTINGS else factory())
