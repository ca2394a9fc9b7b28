"""Bokeh's own scripts written into a page, so that it asks for nothing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from bokeh.document import Document
from bokeh.io.doc import curdoc, patch_curdoc
from bokeh.resources import Resources

__all__ = ["INLINE", "is_served", "own_document"]


class _Inline(Resources):
    """Inline scripts alone.

    Bokeh adds the links of every model class that any package has defined: once Panel is
    imported, each page would point to files of a Panel server, whether it uses Panel or not.
    """

    @property
    def js_files(self) -> list[str]:
        return []

    @property
    def css_files(self) -> list[str]:
        return []

    def clone(self, *, components: Any = None) -> _Inline:
        chosen = self.components if components is None else components
        return _Inline(mode="inline", log_level=self.log_level, components=list(chosen))


INLINE = _Inline(mode="inline", log_level="warn")
"""Give it where Bokeh takes resources."""


@contextmanager
def own_document() -> Iterator[None]:
    """Write a page beside whatever document is current.

    Bokeh looks at the current document when it writes a page; in a server that may be one
    whose reader has left, and then writing fails.
    """
    document = Document()
    with patch_curdoc(document):
        yield


def is_served() -> bool:
    """Tell whether what is drawn now belongs to a page that a server keeps."""
    try:
        return curdoc().session_context is not None
    except RuntimeError:  # the current document is that of a reader who has left
        return False
