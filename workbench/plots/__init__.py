"""Frames in, Bokeh figures out; each module here is loaded when it is first used."""

import sys
from importlib import import_module
from types import ModuleType

_MODULES = (
    "cone",
    "distribution",
    "equity",
    "execution",
    "heatmap",
    "market",
    "monthly",
    "notebook",
    "overfit",
    "page",
    "panes",
    "quality",
    "result",
    "theme",
    "walk_forward",
)


def __getattr__(name: str) -> ModuleType:
    if name not in _MODULES:
        raise AttributeError(f"module 'workbench.plots' has no attribute {name!r}")
    return import_module(f"workbench.plots.{name}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_MODULES})


if "IPython" in sys.modules:
    import_module("workbench.plots.notebook").register()
